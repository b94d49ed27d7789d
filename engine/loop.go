package engine

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"unsafe"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/postern-kafka/postern/session"
)

// loop is one event loop and the scratch memory of its sessions.
type loop struct {
	engine *Engine
	el     gnet.EventLoop
	poller
	pending atomic.Int32 // tasks that gnet has been given and has not begun
	effects session.Effects
	stats   session.Stats
	pairs   map[*pair]struct{} // owned by the loop

	read   []byte      // what the event being handled has read
	wire   [2][]byte   // to be written in this event, by side
	plain  [2][]byte   // to be sealed in this event, by side
	pieces [2][][]byte // to be written to a plaintext side, slices of read and wire
	queued [2]int      // bytes in pieces
	owner  *pair       // whose bytes these are
	vector [maxPieces]unix.Iovec

	pipes []*pipe // spare ones

	placed  placement
	spliced atomic.Uint64 // bytes that passed through pipes
	lag     lag
}

// events adapts gnet's calls; everything runs on the loop of the connection.
type events struct {
	gnet.BuiltinEventEngine
	engine *Engine
}

// OnOpen is gnet's first call for an enrolled socket.
func (ev *events) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	switch ctx := c.Context().(type) {
	case *link:
		defer ctx.pair.guard()
		ctx.pair.opened(ctx, c)
	case chan gnet.Conn:
		ctx <- c
	}
	return nil, gnet.None
}

// OnTraffic is called with at most one read buffer of bytes.
func (ev *events) OnTraffic(c gnet.Conn) gnet.Action {
	// Next from an empty ring is the loop's own read buffer, not a copy; the
	// ring stays empty because everything is taken every time.
	b, err := c.Next(-1)
	l, ok := c.Context().(*link)
	if err != nil || !ok || len(b) == 0 {
		return gnet.None
	}
	lp := l.pair.loop
	lp.take(l, b)
	lp.stay()
	return gnet.None
}

// take has a session take what its socket has received.
func (lp *loop) take(l *link, b []byte) {
	defer l.pair.guard()
	lp.read = b
	l.pair.traffic(l, b)
}

// justRead reports whether b lies in what the event being handled has read:
// then it stays as it is until the event is over, for records are opened where
// they lie.
func (lp *loop) justRead(b []byte) bool {
	at, from := uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(unsafe.SliceData(lp.read)))
	return at >= from && at+uintptr(len(b)) <= from+uintptr(len(lp.read))
}

// OnClose is gnet's last call for a socket.
func (ev *events) OnClose(c gnet.Conn, err error) gnet.Action {
	if l, ok := c.Context().(*link); ok {
		defer l.pair.guard()
		l.pair.closed(l, err)
	}
	return gnet.None
}

// guard turns a defect of ours into the end of one session. gnet recovers
// nothing: a panic would end the gateway.
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
	lp.placed.sessions.Add(-1)
	lp.engine.counters.leave()
}

// findLoops learns the engine's event loops, which gnet does not enumerate: a
// new connection goes to the loop with the fewest, so n connections show n
// loops. Each loop's epoll descriptor is proved by using it.
func (e *Engine) findLoops(n int) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("engine: probing the event loops: %w", err)
	}
	defer ln.Close()
	// The probes end together: a loop whose probe ended would count as empty
	// again and be offered twice.
	var ends []func()
	defer func() {
		for _, end := range ends {
			end()
		}
	}()
	for len(e.loops) < n {
		conn, end, err := e.probe(ln)
		if err != nil {
			return fmt.Errorf("engine: probing event loop %d: %w", len(e.loops), err)
		}
		ends = append(ends, end)
		lp := &loop{engine: e, el: conn.EventLoop(), pairs: make(map[*pair]struct{})}
		lp.effects.Stats = &lp.stats
		for _, other := range e.loops {
			if other.el == lp.el {
				return fmt.Errorf("engine: event loop %d was offered twice", len(e.loops))
			}
		}
		if lp.poller, err = newPoller(lp.el, runtime.GOMAXPROCS(0) > n, e.o.Sockets.Read); err != nil {
			return err
		}
		if err := setReading(lp.epoll, conn.Fd(), true); err != nil {
			return fmt.Errorf("engine: pausing does not work with this release of gnet: %w", err)
		}
		e.loops, e.weights = append(e.loops, lp), append(e.weights, &lp.placed)
	}
	return nil
}

// probe enrolls one connection to ourselves; end closes the other side of it.
func (e *Engine) probe(ln net.Listener) (conn gnet.Conn, end func(), err error) {
	out, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	in, err := ln.Accept()
	if err != nil {
		return nil, nil, errors.Join(err, out.Close())
	}
	opened := make(chan gnet.Conn, 1)
	if _, err := e.client.EnrollContext(in, opened); err != nil {
		return nil, nil, errors.Join(err, out.Close())
	}
	return <-opened, func() { _ = out.Close() }, nil
}

// place chooses the loop for a new session.
func (e *Engine) place() *loop {
	e.placing.Lock()
	defer e.placing.Unlock()
	lp := e.loops[leastLoaded(e.weights)]
	lp.placed.sessions.Add(1)
	return lp
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
