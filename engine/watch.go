package engine

import (
	"sync/atomic"
	"time"
)

const (
	// watchEvery is how often the loops are asked how busy they are, and
	// whether handshakes wait for places.
	watchEvery = 100 * time.Millisecond
	// watchesPerWindow is after how many of these a measurement is complete
	// and what has happened is told.
	watchesPerWindow = 10
	// patienceShare is which part of the time-out a peer may let its handshake
	// wait before others that wait are preferred.
	patienceShare = 10
)

// watch looks after everything that no event tells of.
func (e *Engine) watch() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var unroutable, refused uint64
	for n := 1; ; n++ {
		select {
		case <-e.stop:
			return
		case <-tick.C:
		}
		for _, lp := range e.loops {
			lp.lag.ask(lp)
			lp.placed.weigh(lp.work.done.Load())
		}
		if n, own := e.places.lacking(); n > 0 {
			e.halfOpen.shed(n, own, e.o.HandshakeTimeout/patienceShare)
		}
		if n%watchesPerWindow == 0 {
			for _, lp := range e.loops {
				lp.lag.turn()
			}
			e.rebalance()
			unroutable = e.tellUnroutable(unroutable)
			refused = e.tellRefused(refused)
		}
	}
}

// tellRefused logs that connections were refused, once a second at most. It
// returns how many that were since the start.
func (e *Engine) tellRefused(told uint64) (total uint64) {
	if total = e.counters.refusedAdmissions.Load(); total > told {
		e.o.Log.Warn("connections were refused: too many wait for their handshakes",
			"connections", total-told, "last", *e.counters.lastRefused.Load(), "limit", e.o.MaxAdmissions)
	}
	return total
}

// lag is how long a loop takes to do what it is asked to do.
type lag struct {
	asked   atomic.Int64  // when, after birth; 0 if it has answered
	present atomic.Int64  // the longest of this window, in nanoseconds
	last    atomic.Int64  // the longest of the last one
	idle    atomic.Uint64 // the loop's turns if it has done nothing since it answered
}

// ask measures once, unless the loop has not answered yet, or has done nothing since: an
// idle loop is not woken for it.
func (g *lag) ask(lp *loop) {
	now := int64(time.Since(birth))
	if lp.work.turns.Load() != g.idle.Load() && g.asked.CompareAndSwap(0, now) {
		lp.do(func() {
			g.present.Store(max(g.present.Load(), int64(time.Since(birth))-now))
			g.idle.Store(lp.work.turns.Load() + 1)
			g.asked.Store(0)
		})
	}
}

// turn begins a new window.
func (g *lag) turn() { g.last.Store(g.present.Swap(0)) }

// highest is the longest of the last whole window, or what the loop is late by
// now.
func (g *lag) highest() time.Duration {
	late := int64(0)
	if asked := g.asked.Load(); asked != 0 {
		late = int64(time.Since(birth)) - asked
	}
	return time.Duration(max(late, g.last.Load()))
}
