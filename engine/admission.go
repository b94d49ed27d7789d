package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"time"

	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/session"
	"github.com/postern-kafka/postern/tlsterm"
)

// admit takes a new connection from the handshake to its loop. It is done by a worker.
func (ln *listener) admit(conn *net.TCPConn, port int, place *permit) {
	e := ln.engine
	began := time.Now()
	kept := false
	defer func() {
		if !kept {
			place.release()
		}
	}()
	if !e.counters.enter(e.o.MaxConnections) {
		e.counters.refusedConnections.Add(1)
		e.o.Log.Warn("too many connections", "listener", ln.o.Name, "remote", conn.RemoteAddr().String(), "limit", e.o.MaxConnections)
		_ = conn.Close()
		return
	}
	defer e.guardAdmission(func() { _ = conn.Close() }, nil)
	e.counters.accepted.Add(1)
	if err := e.awaitPlace(place); err != nil {
		e.refuse(conn)
		e.counters.leave()
		return
	}
	p, err := ln.identify(conn, port, began, place.claim.from)
	if err != nil {
		if !errors.Is(err, errCut) { // there were no last words
			hangUp(conn)
		}
		_ = conn.Close()
		e.counters.leave()
		return
	}
	kept = e.route(p, conn, place)
}

// guardAdmission turns a defect of ours into the end of one connection, which end
// closes. lp is the loop that was chosen for it; nil if none was.
func (e *Engine) guardAdmission(end func(), lp *loop) {
	if cause := recover(); cause != nil {
		e.o.Log.Error("a defect ended an admission", "panic", cause, "stack", string(debug.Stack()))
		end()
		if lp != nil {
			lp.placed.sessions.Add(-1)
		}
		e.counters.leave()
	}
}

// awaitPlace waits until the handshake may begin.
func (e *Engine) awaitPlace(place *permit) error {
	if place.ready == nil {
		return nil // it was there at once
	}
	ctx, cancel := context.WithTimeout(e.ctx, e.o.HandshakeTimeout)
	defer cancel()
	return place.wait(ctx)
}

// refuse closes a connection for which there is no room. Somebody who comes
// too often need not fill the log, too: watch tells how many there were.
func (e *Engine) refuse(conn *net.TCPConn) {
	if !e.stopping.Load() {
		remote := conn.RemoteAddr().String()
		e.counters.lastRefused.Store(&remote)
		e.counters.refusedAdmissions.Add(1)
	}
	_ = conn.Close()
}

// identify performs the handshake and finds out who the client is. began is
// when the connection was accepted: the wait for a place counts.
func (ln *listener) identify(conn *net.TCPConn, port int, began time.Time, from origin) (*pair, error) {
	e := ln.engine
	limit := e.o.HandshakeTimeout - time.Since(began)
	node := session.Anywhere
	if id, ok := ln.o.Ports.Node(port); ok && e.known(id) {
		node = id
	}
	p := newPair(ln, session.New(ln.shared, node), conn.RemoteAddr(), time.Now())
	p.from = from
	if ln.o.TLS == nil {
		return p, nil
	}
	timed, cancel := context.WithTimeout(e.ctx, limit)
	defer cancel()
	ctx, cut := context.WithCancelCause(timed)
	defer cut(nil)
	if err := ln.handshake(ctx, cut, p, conn); err != nil {
		cause := handshakeCause(err)
		e.counters.handshakeFailed(cause)
		e.o.Log.Info("handshake failed", "listener", ln.o.Name, "remote", conn.RemoteAddr().String(), "cause", cause, "err", err)
		return nil, err
	}
	return p, nil
}

// handshake performs the server's side of TLS, in turn with others. cut ends
// ctx, should somebody else need the place more.
func (ln *listener) handshake(ctx context.Context, cut context.CancelCauseFunc, p *pair, conn *net.TCPConn) error {
	e := ln.engine
	hs := &handshake{from: p.from, cut: cut}
	e.halfOpen.add(hs)
	defer e.halfOpen.remove(hs)
	paced, err := newTurnConn(ctx, conn, e.turns, p.from)
	if err != nil {
		return err
	}
	defer paced.release()
	paced.silence = &hs.silence
	p.client.tls, p.identity, err = e.o.TLSEngine.Server(ctx, paced, ln.o.TLS())
	switch {
	case err == nil:
		return nil
	case paced.starved:
		return fmt.Errorf("%w: %w", errNoTurn, err)
	case errors.Is(context.Cause(ctx), errCut):
		return fmt.Errorf("%w: %w", errCut, err)
	}
	return err
}

// handshakeCause adds the gateway's own causes to tlsterm's.
func handshakeCause(err error) string {
	switch {
	case errors.Is(err, errNoTurn):
		return "overload"
	case errors.Is(err, errCut):
		return "cut for another"
	}
	return tlsterm.HandshakeCause(err)
}

// known reports whether a broker id is one of the cluster's, asking the
// cluster when it was never heard of: after a restart, clients come with
// addresses that the gateway gave them before.
func (e *Engine) known(id int32) bool {
	if _, ok := e.o.Book.Address(id); ok {
		return true
	}
	if e.o.Refresh == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(e.ctx, e.o.DialTimeout)
	defer cancel()
	if err := e.o.Refresh(ctx); err != nil {
		e.o.Log.Warn("the cluster does not say what brokers it has", "err", err)
	}
	_, ok := e.o.Book.Address(id)
	return ok
}

// route starts the session and has it hear its client where that must log in, or goes
// on to the broker. It returns whether the session still needs its place.
func (e *Engine) route(p *pair, conn *net.TCPConn, place *permit) (kept bool) {
	out := e.scratch.Get().(*session.Effects)
	if p.session.Phase() == session.Identify {
		principal, failed := p.listener.principal(p.identity)
		p.session.Start(mapping.Auth{Principal: principal}, failed, out)
	}
	if talking(p.session) {
		e.converse(p, conn, place, out)
		return true
	}
	defer e.scratch.Put(out)
	e.toBroker(p, conn, out)
	return false
}

// toBroker dials the broker of a session, as out asks for, and gives both to a loop.
// conn is nil when the client's link has its socket already.
func (e *Engine) toBroker(p *pair, conn *net.TCPConn, out *session.Effects) {
	for _, fx := range out.List() {
		if fx.Kind == session.DialBroker {
			err := e.dial(fx.Node, p)
			switch { // not everything is the broker's fault
			case err != nil && e.stopping.Load():
				p.session.StartDrain(out)
			case errors.Is(err, errNoTurn):
				p.session.Fail(session.Gateway, session.Overload, err, out)
			default:
				p.session.Dialed(err, out)
			}
			break
		}
	}
	if phase := p.session.Phase(); phase != session.Forward && phase != session.Relay {
		e.farewell(p, conn)
		return
	}
	e.enroll(p, conn)
}

// principal names who the client is.
func (ln *listener) principal(id tlsterm.Identity) (string, error) {
	if id.Anonymous() || ln.o.Principal == nil || ln.o.SASL != nil {
		return mapping.Anonymous, nil
	}
	return ln.o.Principal(id)
}

// farewell ends a connection for which there is no broker. conn is nil when the
// client's link has its socket already.
func (e *Engine) farewell(p *pair, conn *net.TCPConn) {
	defer e.counters.leave()
	if p.client.tls != nil {
		defer p.client.tls.Release()
	}
	if p.loop != nil {
		p.loop.placed.sessions.Add(-1)
	}
	if conn == nil {
		var err error
		if conn, err = p.client.letGo(); err != nil {
			e.report(p)
			return
		}
	}
	if p.session.Reason().Kind == session.Dial {
		// A broker that is down refuses; the nearest to that is a reset, see
		// pair.unanswered.
		_ = conn.SetLinger(0)
		_ = conn.Close()
		e.report(p)
		return
	}
	if p.refused() {
		hearOut(conn)
	}
	if p.client.tls != nil {
		// A peer that is gone need not hear it.
		_, _ = conn.Write(p.client.tls.CloseNotify(nil))
	}
	e.report(p)
	if p.session.Reason().Kind == session.TooLarge {
		hangUpOn(conn, tooLargeTime, tooLargeBytes)
	} else {
		hangUp(conn)
	}
}

// refused reports that the client was told, by an answer, why it may not go on.
func (p *pair) refused() bool {
	r := p.session.Reason()
	return r.Kind == session.NoVCluster || errors.As(r.Cause, new(*session.LoginError))
}

// hearOut lets the peer end the connection, as those do that have read why they are
// refused: some libraries (kafka-python) drop an answer that comes with the end.
func hearOut(conn *net.TCPConn) {
	if conn.SetReadDeadline(time.Now().Add(hearOutTime)) == nil {
		_, _ = io.CopyN(io.Discard, conn, hangUpBytes)
	}
}

const (
	// hearOutTime is how long a refused peer has to read why.
	hearOutTime = 500 * time.Millisecond
	// hangUpTime is how long a refused peer has to take our last words.
	hangUpTime = 200 * time.Millisecond
	// hangUpBytes is how much of what it still sends is read meanwhile.
	hangUpBytes = 64 << 10
	// The same for a peer that was told in the midst of a frame that it is too large.
	tooLargeTime  = time.Second
	tooLargeBytes = 16 << 20
)

// hangUp closes a connection so that the peer can read what was written last:
// closing with unread bytes would send a reset, and a reset overtakes an alert.
func hangUp(conn *net.TCPConn) { hangUpOn(conn, hangUpTime, hangUpBytes) }

func hangUpOn(conn *net.TCPConn, limit time.Duration, bytes int64) {
	if conn.CloseWrite() == nil && conn.SetReadDeadline(time.Now().Add(limit)) == nil {
		// Whatever it says, and whether it ends in time, does not matter.
		_, _ = io.CopyN(io.Discard, conn, bytes)
	}
	_ = conn.Close()
}

// enroll gives the session and both of its sockets to a loop; the broker's link has
// its own already, and the client's if conn is nil.
func (e *Engine) enroll(p *pair, conn *net.TCPConn) {
	var err error
	if conn != nil {
		p.loop = e.place()
		err = p.client.hold(conn)
	}
	p.loop.do(func() { p.enter(err) })
}
