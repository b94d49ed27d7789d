package engine

import (
	"container/list"
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

var (
	// errQueueFull: more connections wait than the gateway keeps.
	errQueueFull = errors.New("engine: too many connections wait for admission")
	// errNoTurn: the time-out ended while the gateway was busy with others; the
	// peer did nothing wrong.
	errNoTurn = errors.New("engine: no processor became free for the handshake in time")
)

// origin is who is treated as one when something has to be shared: an IPv4
// address, or the /64 of an IPv6 address, which one machine may have whole.
type origin = netip.Addr

// originPrefix is the part of an IPv6 address that tells machines apart.
const originPrefix = 64

func originOf(addr net.Addr) origin {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return origin{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	if !ip.Is6() {
		return ip
	}
	prefix, err := ip.Prefix(originPrefix)
	if err != nil {
		return ip
	}
	return prefix.Addr()
}

// fairQueue hands out permits. Who finds none waits, and those who wait are
// served in turn between origins: one with a thousand waiters delays another's
// single one by one permit, not by a thousand.
//
// Invariant: an origin is in the ring exactly while it has waiters and holds
// less than perOrigin; while a permit is free, the ring is empty.
type fairQueue struct {
	perOrigin  int // permits that one origin may hold
	maxWaiting int

	mu      sync.Mutex
	free    int
	claims  map[origin]*claim // of origins that hold or wait
	ring    list.List         // of *claim, the next to be served in front
	waiting int
	waits   uint64        // permits granted after a wait
	waited  time.Duration // what those have waited, together
}

// claim is what one origin has of a fairQueue.
type claim struct {
	from    origin
	held    int
	waiting [2]list.List  // of *permit: those that go on, those that begin
	ring    *list.Element // nil when not in the ring
}

const (
	goingOn   = 0 // served before others of the same origin
	beginning = 1
)

func (c *claim) count() int { return c.waiting[goingOn].Len() + c.waiting[beginning].Len() }

// permit is one that was asked for.
type permit struct {
	queue  *fairQueue
	claim  *claim
	kind   int
	held   bool
	ready  chan struct{} // closed when it was granted or refused; nil if that was at once
	place  *list.Element // in claim.waiting, while it waits
	queued time.Time
}

func newFairQueue(permits, perOrigin, maxWaiting int) *fairQueue {
	return &fairQueue{free: permits, perOrigin: perOrigin, maxWaiting: maxWaiting, claims: make(map[origin]*claim)}
}

// ask asks for a permit and does not block. kind is goingOn for work that has
// begun already: to finish it is worth more than to begin more of the same
// origin's. When too many wait, the last of the origin with the most gives
// way, or else the answer is errQueueFull.
func (q *fairQueue) ask(from origin, kind int) (*permit, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.claims[from]
	if c == nil {
		c = &claim{from: from}
		q.claims[from] = c
	}
	p := &permit{queue: q, claim: c, kind: kind}
	if q.free > 0 && c.held < q.perOrigin {
		q.grant(p)
		return p, nil
	}
	if q.waiting >= q.maxWaiting && !q.evict(c) {
		q.forget(c)
		return nil, errQueueFull
	}
	p.ready = make(chan struct{})
	p.queued = time.Now()
	p.place = c.waiting[kind].PushBack(p)
	q.waiting++
	q.enlist(c)
	return p, nil
}

// wait returns nil when the permit is held, errQueueFull when it was refused,
// or the error of ctx when that has ended.
func (p *permit) wait(ctx context.Context) error {
	if p.ready == nil {
		return nil
	}
	select {
	case <-p.ready:
	case <-ctx.Done():
	}
	q := p.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case p.held:
		return nil
	case p.place == nil:
		return errQueueFull
	}
	q.leave(p)
	q.forget(p.claim)
	return ctx.Err()
}

// release gives a held permit to whoever is next, or gives up the wait for it.
// A second call does nothing.
func (p *permit) release() {
	q, c := p.queue, p.claim
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case p.held:
		p.held = false
		c.held--
		q.free++
		q.enlist(c)
		for q.free > 0 && q.ring.Len() > 0 {
			q.serve()
		}
	case p.place != nil:
		q.leave(p)
	}
	q.forget(c)
}

// serve grants a permit to the origin in front, which then goes to the end.
func (q *fairQueue) serve() {
	c := q.ring.Front().Value.(*claim)
	line := &c.waiting[goingOn]
	if line.Len() == 0 {
		line = &c.waiting[beginning]
	}
	p := line.Front().Value.(*permit)
	q.leave(p)
	if c.ring != nil {
		q.ring.Remove(c.ring)
		c.ring = nil
	}
	q.grant(p)
	q.enlist(c)
	q.waits++
	q.waited += time.Since(p.queued)
	close(p.ready)
}

func (q *fairQueue) grant(p *permit) {
	p.held = true
	p.claim.held++
	q.free--
}

// leave takes a waiter out.
func (q *fairQueue) leave(p *permit) {
	c := p.claim
	c.waiting[p.kind].Remove(p.place)
	p.place = nil
	q.waiting--
	if c.ring != nil && c.count() == 0 {
		q.ring.Remove(c.ring)
		c.ring = nil
	}
}

// enlist puts an origin that can be served at the end of the ring.
func (q *fairQueue) enlist(c *claim) {
	if c.ring == nil && c.count() > 0 && c.held < q.perOrigin {
		c.ring = q.ring.PushBack(c)
	}
}

// forget drops what is known of an origin that is gone.
func (q *fairQueue) forget(c *claim) {
	// A permit may outlive its claim, and the origin have come back meanwhile.
	if c.held == 0 && c.count() == 0 && q.claims[c.from] == c {
		delete(q.claims, c.from)
	}
}

// evict refuses the last waiter of the origin with the most, if that leaves it
// with no fewer than the newcomer's.
func (q *fairQueue) evict(newcomer *claim) bool {
	most := newcomer
	for _, c := range q.claims {
		if c.waiting[beginning].Len() > most.waiting[beginning].Len() {
			most = c
		}
	}
	if most.waiting[beginning].Len() <= newcomer.count()+1 {
		return false
	}
	p := most.waiting[beginning].Back().Value.(*permit)
	q.leave(p)
	close(p.ready)
	return true
}

// lacking says how many more permits would be taken at once. If some are free,
// those that wait do so because their origin holds its most: then own says how
// many each of these lacks, and is nil otherwise.
func (q *fairQueue) lacking() (n int, own map[origin]int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == 0 || q.free == 0 {
		return q.waiting, nil
	}
	own = make(map[origin]int)
	for from, c := range q.claims {
		if c.count() > 0 {
			own[from] = c.count()
		}
	}
	return q.waiting, own
}

// figures returns how many wait now, how many have waited, and for how long
// together.
func (q *fairQueue) figures() (waiting int, waits uint64, waited time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting, q.waits, q.waited
}
