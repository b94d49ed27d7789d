package engine

import "math"

// Sessions are placed when they begin, and nobody knows then how much they will work. So
// once a second the loops are compared. One that works much more than another gives sessions
// away. Two that have little to do are one too many: each sleeps and wakes for events that the
// other, awake, would have found at the same time, and a loop that serves nothing costs
// nothing.
//
// Sessions are given away as their events come: those that work most are met first, and nobody
// has to look for them among thousands that rest.

const (
	// gatherBelow is how busy a loop may become by another's sessions: as a share of a
	// processor, like all of these.
	gatherBelow = 0.4
	// spreadFrom is how busy a loop is that gives to one that works less; far enough above
	// gatherBelow that what was spread is not gathered.
	spreadFrom = 0.6
	// unequal is what the other one works at most, in relation.
	unequal = 0.7
	// idle is what a loop works that only its idle connections keep awake.
	idle = 0.002

	// known is how many events a session has had on its loop that is worth gathering. To move
	// it takes as long as two or three, and those that come and go do not get so far.
	known = 32
	// staysFor is for how many seconds a session is not given away again that was spread:
	// one that works more than all others would go to and fro.
	staysFor = 8
)

// plan is that one loop gives to another.
type plan struct {
	from, to int
	share    float64 // of its sessions that work; 0 for all that are known
}

// rebalance compares how busy the loops are.
func rebalance(busy []float64) (p plan, needed bool) {
	most, least := 0, 0
	for i, b := range busy {
		if b > busy[most] {
			most = i
		}
		if b < busy[least] {
			least = i
		}
	}
	if busy[most] >= spreadFrom {
		surplus := busy[most] - busy[least]
		return plan{from: most, to: least, share: surplus / 2 / busy[most]}, busy[least] <= unequal*busy[most]
	}
	return gather(busy)
}

// gather empties the loop that works least into the busiest one that can take that.
func gather(busy []float64) (p plan, needed bool) {
	p = plan{from: -1, to: -1}
	for i, b := range busy {
		if b > idle && (p.from < 0 || b < busy[p.from]) {
			p.from = i
		}
	}
	for i, b := range busy {
		if i != p.from && b > idle && b+busy[p.from] <= gatherBelow && (p.to < 0 || b > busy[p.to]) {
			p.to = i
		}
	}
	return p, p.to >= 0
}

// order is a plan as the loop has it that gives.
type order struct {
	to     *loop
	window uint32 // when it is carried out
	left   int    // sessions
	known  uint32 // the least number of events
	stays  uint32 // until when a session is not given away again, as a window
}

// rebalance is called once for each window, after which the next one begins.
func (e *Engine) rebalance() {
	busy := make([]float64, len(e.loops))
	for i, lp := range e.loops {
		busy[i] = lp.placed.share()
	}
	window := e.window.Add(1)
	if p, needed := rebalance(busy); needed {
		e.carryOut(p, window)
	}
}

// carryOut has the loop that gives do so in a window that has just begun.
func (e *Engine) carryOut(p plan, window uint32) {
	lp := e.loops[p.from]
	o := order{to: e.loops[p.to], window: window, left: math.MaxInt, known: known}
	lp.do(func() {
		if p.share > 0 {
			o.left = int(p.share * float64(lp.turnWindow()))
			o.known, o.stays = 0, window+staysFor
		}
		lp.order = o
	})
}

// turnWindow begins a new window, if it is time, and returns how many sessions had events in
// the last one.
func (lp *loop) turnWindow() (active int) {
	if now := lp.engine.window.Load(); lp.window != now {
		lp.window, lp.active, lp.wereActive = now, 0, lp.active
	}
	return lp.wereActive
}

// stir notes an event of a session.
func (p *pair) stir() {
	lp := p.loop
	lp.turnWindow()
	if p.window != lp.window {
		p.window = lp.window
		lp.active++
	}
	if p.events < known {
		p.events++
	}
}

// obey gives a session away that has just had an event, if it is one that was ordered.
func (lp *loop) obey(p *pair) {
	o := &lp.order
	switch {
	case o.window != lp.window:
		o.left, o.to = 0, nil
	case p.events >= o.known && int32(o.window-p.stays) >= 0 && lp.hand(p, o.to, o.stays):
		o.left--
		lp.engine.counters.moved.Add(1)
	}
}
