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

// admit has a new connection wait for its place, performs the handshake and gives it to
// a loop. It is done by a worker.
func (ln *listener) admit(conn *net.TCPConn, port int, place *permit) {
	e := ln.engine
	began := time.Now()
	kept := false
	defer func() {
		if !kept {
			_ = conn.Close()
			place.release()
		}
	}()
	if !ln.enter(conn.RemoteAddr()) {
		return
	}
	defer func() {
		if cause := recover(); cause != nil {
			e.o.Log.Error("a defect ended an admission", "panic", cause, "stack", string(debug.Stack()))
			e.counters.leave()
		}
	}()
	if err := e.awaitPlace(place); err != nil {
		e.refused(conn.RemoteAddr())
		e.counters.leave()
		return
	}
	p, err := ln.identify(conn, port, began, place.claim.from)
	if err != nil {
		if !errors.Is(err, errCut) { // there were no last words
			hangUp(conn)
		}
		e.counters.leave()
		return
	}
	kept = true
	e.admissions.owe()
	p.place = place
	e.place(p, nil)
	err = p.client.hold(conn)
	p.loop.do(func() { p.begin(err) })
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

// refused counts a connection for which there is no room. Somebody who comes
// too often need not fill the log, too: watch tells how many there were.
func (e *Engine) refused(remote net.Addr) {
	if !e.stopping.Load() {
		text := remote.String()
		e.counters.lastRefused.Store(&text)
		e.counters.refusedAdmissions.Add(1)
	}
}

// identify performs the handshake and finds out who the client is. began is
// when the connection was accepted: the wait for a place counts.
func (ln *listener) identify(conn *net.TCPConn, port int, began time.Time, from origin) (*pair, error) {
	e := ln.engine
	limit := e.o.HandshakeTimeout - time.Since(began)
	node, known := ln.nodeOf(port)
	if !known {
		e.refresh()
		node, _ = ln.nodeOf(port)
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

// refresh asks the cluster for a broker id that was never heard of: after a restart,
// clients come with addresses that the gateway gave them before.
func (e *Engine) refresh() {
	ctx, cancel := context.WithTimeout(e.ctx, e.o.DialTimeout)
	defer cancel()
	if err := e.o.Refresh(ctx); err != nil {
		e.o.Log.Warn("the cluster does not say what brokers it has", "err", err)
	}
}

// begin is the first that happens to a session on its loop: it starts, and hears its
// client where that must log in, or goes on to the broker. err is why its socket could
// not be taken over.
func (p *pair) begin(err error) {
	defer p.guard()
	if err != nil {
		p.enter(err)
		return
	}
	e := p.loop.engine
	out := e.scratch.Get().(*session.Effects)
	if p.session.Phase() == session.Identify {
		principal, failed := p.listener.principal(p.identity)
		p.session.Start(mapping.Auth{Principal: principal}, failed, out)
	}
	if talking(p.session) {
		e.converse(p, out)
	} else {
		e.toBroker(p, out)
	}
}

// aside has a worker do something for a session whose loop does not watch its client
// meanwhile: what may take long, or wait.
func (p *pair) aside(f func()) {
	e := p.loop.engine
	p.loop.release(&p.client)
	e.admissions.run(func() {
		defer func() {
			if cause := recover(); cause != nil {
				e.o.Log.Error("a defect ended an admission", "panic", cause, "stack", string(debug.Stack()))
				p.client.discard()
				p.broker.discard()
				p.left()
			}
		}()
		f()
	})
}

// admitted says that the session needs its place no more.
func (p *pair) admitted() {
	if p.place != nil {
		p.place.release()
		p.place = nil
		p.loop.engine.admissions.settle()
	}
}

// left is the end of a session that has not entered its loop.
func (p *pair) left() {
	p.loop.placed.count(p.session.Node(), -1)
	p.loop.engine.counters.leave()
	p.admitted()
}

// principal names who the client is.
func (ln *listener) principal(id tlsterm.Identity) (string, error) {
	if id.Anonymous() || ln.o.Principal == nil || ln.o.SASL != nil {
		return mapping.Anonymous, nil
	}
	return ln.o.Principal(id)
}

// farewell ends a connection for which there is no broker. A worker does it.
func (e *Engine) farewell(p *pair) {
	defer p.left()
	if p.client.tls != nil {
		defer p.client.tls.Release()
	}
	conn, err := p.client.letGo()
	if err != nil {
		e.report(p)
		return
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
