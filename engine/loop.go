package engine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	gneterrors "github.com/panjf2000/gnet/v2/pkg/errors"
	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"github.com/panjf2000/gnet/v2/pkg/queue"
	"golang.org/x/sys/unix"

	"github.com/postern-kafka/postern/session"
)

// loop is one event loop and the scratch memory of its sessions.
type loop struct {
	engine *Engine
	poller
	pending atomic.Int32 // tasks that gnet has been given and has not begun
	work    work
	asking  sync.RWMutex // held by who gives gnet a task
	ended   bool         // gnet takes none any more
	effects session.Effects
	stats   session.Stats
	pairs   map[*pair]struct{} // owned by the loop
	dialing map[*pair]struct{} // wait for their brokers' sockets, and are not among pairs
	doors   map[int]*door      // by descriptor: where it accepts
	over    chan struct{}      // closed when run has returned

	read   []byte      // what the event being handled has read
	wire   [2][]byte   // to be written in this event, by side
	plain  [2][]byte   // to be sealed in this event, by side
	pieces [2][][]byte // to be written to a plaintext side, slices of read and wire
	queued [2]int      // bytes in pieces
	owner  *pair       // whose bytes these are
	vector [maxPieces]unix.Iovec

	pipes []*pipe // spare ones
	lent  int     // pipes that are in use

	placed     placement
	order      order  // sessions to give to another loop
	window     uint32 // the engine's, at the last event
	active     int    // sessions that had an event in it
	wereActive int    // and in the one before

	spliced atomic.Uint64 // bytes that passed through pipes
	lag     lag
}

func newLoop(e *Engine, stays bool) (*loop, error) {
	lp := &loop{
		engine:  e,
		pairs:   make(map[*pair]struct{}),
		dialing: make(map[*pair]struct{}),
		doors:   make(map[int]*door),
		over:    make(chan struct{}),
	}
	lp.effects.Stats = &lp.stats
	var err error
	lp.poller, err = newPoller(stays, e.o.Sockets.Read)
	return lp, err
}

// run serves until end.
func (lp *loop) run() {
	defer close(lp.over)
	err := lp.gnet.Polling(func(fd int, ev netpoll.IOEvent, _ netpoll.IOFlags) error {
		if fd != lp.recall {
			lp.work.begin()
			lp.serve(fd, ev)
			lp.work.end()
		}
		lp.stay()
		return nil
	})
	if !errors.Is(err, gneterrors.ErrEngineShutdown) {
		lp.engine.o.Log.Error("an event loop ended", "err", err)
	}
	for _, l := range lp.links {
		if l != nil {
			func() {
				defer l.pair.guard()
				l.close(nil)
			}()
		}
	}
	for _, p := range lp.pipes {
		p.close()
	}
	lp.pipes = nil
}

// do has the loop run f, unless it has ended.
func (lp *loop) do(f func()) {
	lp.ask(func() error { f(); return nil })
}

// call is do, and waits until the loop has run f or has ended. No loop calls it.
func (lp *loop) call(f func()) {
	done := make(chan struct{})
	lp.do(func() {
		defer close(done)
		f()
	})
	select {
	case <-done:
	case <-lp.over:
	}
}

// end has the loop close its sockets and return from run. It does not wait.
func (lp *loop) end() {
	lp.ask(func() error { return gneterrors.ErrEngineShutdown })
}

// ask has gnet run f on the loop; an error is what ends Polling.
func (lp *loop) ask(f func() error) {
	lp.asking.RLock()
	defer lp.asking.RUnlock()
	if lp.ended {
		return
	}
	lp.pending.Add(1)
	err := lp.gnet.Trigger(queue.HighPriority, func(any) error {
		lp.work.begin()
		defer lp.work.end()
		if lp.pending.Add(-1) == 0 { // the last of those that gnet does in a row
			lp.returnToStay()
		}
		return f()
	}, nil)
	if err != nil { // the task is in the queue, but who is to be told of it?
		lp.engine.o.Log.Error("an event loop cannot be woken", "err", err)
	}
}

// close frees what a loop holds that has returned from run, or never ran.
func (lp *loop) close() error {
	lp.asking.Lock()
	defer lp.asking.Unlock()
	lp.ended = true
	return lp.poller.close()
}

// serve handles an event of a socket. What happened to the socket before, in the
// same wait, may have closed it.
func (lp *loop) serve(fd int, events uint32) {
	l := lp.link(fd)
	if l == nil {
		if d := lp.doors[fd]; d != nil {
			d.accept(lp)
		}
		return
	}
	defer l.pair.guard()
	if l.connecting {
		l.pair.connected()
		return
	}
	if events&unix.EPOLLOUT != 0 {
		l.writable()
	}
	switch {
	case l.closed:
	case !l.paused:
		if events&^unix.EPOLLOUT != 0 {
			l.readable()
		}
	case events&(unix.EPOLLERR|unix.EPOLLHUP) != 0:
		l.close(l.failure())
	}
	if lp.order.left > 0 {
		lp.obey(l.pair)
	}
}

// justRead reports whether b lies in what the event being handled has read:
// then it stays as it is until the event is over, for records are opened where
// they lie.
func (lp *loop) justRead(b []byte) bool {
	at, from := uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(unsafe.SliceData(lp.read)))
	return at >= from && at+uintptr(len(b)) <= from+uintptr(len(lp.read))
}

// guard turns a defect of ours into the end of one session. Nobody else recovers:
// a panic would end the gateway.
func (p *pair) guard() {
	cause := recover()
	if cause == nil {
		return
	}
	p.loop.engine.o.Log.Error("a defect ended a session", "panic", cause, "stack", string(debug.Stack()))
	p.finished = true
	if p.session.Phase() != session.Closed {
		p.session.Fail(session.Gateway, session.Bug, fmt.Errorf("engine: panic: %v", cause), &p.loop.effects)
	}
	p.loop.lend(nil)
	p.loop.engine.report(p)
	p.broker.closeNow()
	p.client.closeNow()
}

// lend gives the scratch memory to a session for its event. What another one
// left in it, because it ended before it could be flushed, must never reach
// this one's sockets.
func (lp *loop) lend(p *pair) {
	if lp.owner == p {
		return
	}
	lp.owner = p
	for side := range lp.wire {
		lp.wire[side], lp.plain[side] = lp.wire[side][:0], lp.plain[side][:0]
		clear(lp.pieces[side])
		lp.pieces[side], lp.queued[side] = lp.pieces[side][:0], 0
	}
}

// forget drops a session whose sockets are both closed.
func (lp *loop) forget(p *pair) {
	if p.forgotten {
		return
	}
	p.forgotten = true
	p.stopRenewal() // its timers would keep the pair until they fire
	if p.relaying != nil {
		p.relaying.Stop()
	}
	delete(lp.pairs, p)
	p.stopDialing()
	p.admitted()
	lp.placed.count(p.session.Node(), -1)
	lp.engine.counters.leave()
}

// place chooses the loop for a new session; near is the one that has accepted it, nil
// if none has.
func (e *Engine) place(p *pair, near *loop) {
	e.placing.Lock()
	defer e.placing.Unlock()
	node := p.session.Node()
	p.loop = e.loops[leastLoaded(e.weights, slices.Index(e.loops, near), node)]
	p.loop.placed.count(node, 1)
}

// tellUnroutable logs that clients were told of brokers they cannot reach,
// once a second at most. It returns how many such addresses were given.
func (e *Engine) tellUnroutable(told uint64) (total uint64) {
	var last int32
	for _, lp := range e.loops {
		if n := lp.stats.Unroutable.Load(); n > 0 {
			total += n
			last = lp.stats.LastLost.Load()
		}
	}
	if total > told {
		e.o.Log.Error("a broker id is outside the advertised ports: clients cannot reach it; check GATEWAY_PORT_COUNT and GATEWAY_MIN_BROKERID",
			"broker", last, "addresses", total-told)
	}
	return total
}
