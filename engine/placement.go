package engine

import (
	"math"
	"sync/atomic"

	"github.com/postern-kafka/postern/session"
)

// keepShare of what was measured before stays in the average: it follows a change within
// a second.
const keepShare = 0.8

// placement is what decides which loop gets a new session.
type placement struct {
	sessions atomic.Int32
	brokers  atomic.Int32     // sessions of a certain broker, of all these
	received [2]atomic.Uint64 // bytes read, by side, since the start

	busy   atomic.Uint64 // ns of work per watch, smoothed
	before uint64        // ns of work up to the last watch; the watch's own
}

// of is how many sessions there are of the kind that node is of. A Kafka client keeps the
// connection to its bootstrap server beside those to brokers and hardly uses it. It opens
// them in turn: counted together, those that work could all come to the same loop.
func (p *placement) of(node int32) float64 {
	if node == session.Anywhere {
		return float64(p.sessions.Load())
	}
	return float64(p.brokers.Load())
}

// count counts a session that has come to the loop, or with -1 one that has left it.
func (p *placement) count(node int32, by int32) {
	p.sessions.Add(by)
	if node != session.Anywhere {
		p.brokers.Add(by)
	}
}

// note counts n bytes from side.
func (p *placement) note(side int, n int) {
	p.received[side].Add(uint64(n))
}

// share is which part of a processor the loop needs.
func (p *placement) share() float64 {
	return float64(p.busy.Load()) / float64(watchEvery)
}

// weigh brings busy up to date; it is called once for each watch. now is the loop's work
// since the start in ns.
func (p *placement) weigh(now uint64) {
	p.busy.Store(uint64(keepShare*float64(p.busy.Load()) + (1-keepShare)*float64(now-p.before)))
	p.before = now
}

// nearEnough is by how much more a loop may work than the least loaded one and still get
// a session that it has accepted itself: to hand it over costs as much as to serve it for
// a while.
const nearEnough = 1.1

// leastLoaded returns the index of the loop that a new session should go to: the
// one that works least, or near, if that works hardly more (-1 for none). A session that
// was placed a moment ago has not worked yet; it counts as an average one. So among idle
// loops the one with the fewest sessions is chosen, and one that a few sessions keep busy
// gets no more until the others have as much to do.
func leastLoaded(loops []*placement, near int, node int32) int {
	var busy, sessions float64
	for _, p := range loops {
		busy += float64(p.busy.Load())
		sessions += p.of(node)
	}
	average := (busy + 1) / (sessions + 1)
	best, least, nearest := 0, math.Inf(1), math.Inf(1)
	for i, p := range loops {
		n := p.of(node)
		// Where there is no difference in work, the number decides.
		load := max(float64(p.busy.Load()), n*average) + n*average/1000
		if load < least {
			best, least = i, load
		}
		if i == near {
			nearest = load
		}
	}
	if nearest <= nearEnough*least {
		return near
	}
	return best
}
