package engine

import "github.com/postern-kafka/postern/session"

// A session moves to another loop between two events. What it has heard and not taken and what
// its sockets have not taken goes with it; what they receive meanwhile the second loop finds
// there, for they are watched level-triggered.

// hand gives a session to another loop, and reports whether it could: then it is not this
// loop's any more. Whoever goes through the pairs of all loops may miss one on its way. enter asks
// whether that one was revoked, and none sets out any more when the engine stops.
func (lp *loop) hand(p *pair, to *loop, stays uint32) bool {
	if lp.engine.stopping.Load() || !p.movable() || !p.holdTimers() {
		return false
	}
	lp.release(&p.client)
	lp.release(&p.broker)
	delete(lp.pairs, p)
	lp.lend(nil)
	node := p.session.Node()
	lp.placed.count(node, -1)
	to.placed.count(node, 1)
	p.loop, p.stays, p.events = to, stays, 0
	to.do(func() { p.enter(nil) })
	return true
}

// settle returns when no session sets out for another loop any more. What a loop is told after
// that, it is told after those have arrived that are on their way to it. It is called when the
// engine stops, and not by a loop.
func (e *Engine) settle() {
	for _, lp := range e.loops {
		lp.call(func() {})
	}
}

// movable reports that a session forwards, and that nothing but its sockets and its timers
// is bound to its loop.
func (p *pair) movable() bool {
	return p.entered && !p.finished && !p.named && p.session.Phase() == session.Forward &&
		p.client.pipe == nil && p.broker.pipe == nil
}

// holdTimers stops the timers that name the session's loop, and reports whether they could
// be stopped: one has fired while a login is being renewed. enter starts them again.
func (p *pair) holdTimers() bool {
	if p.relaying != nil {
		if !p.relaying.Stop() {
			return false
		}
		p.relaying = nil
	}
	if p.renewing != nil {
		if !p.renewing.Stop() {
			return false
		}
		p.renewing = nil
	}
	return true
}
