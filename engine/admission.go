package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"slices"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/session"
	"github.com/postern-kafka/postern/tlsterm"
)

// admit takes a new connection from the handshake to its loop. It runs in a
// goroutine of its own that ends when both sockets are enrolled.
func (ln *listener) admit(conn *net.TCPConn, port int) {
	e := ln.engine
	entered := false
	defer func() {
		if cause := recover(); cause != nil {
			e.o.Log.Error("a defect ended an admission", "panic", cause, "stack", string(debug.Stack()))
			_ = conn.Close()
			if entered {
				e.counters.leave()
			}
		}
	}()
	if !e.counters.enter(e.o.MaxConnections) {
		e.counters.refusedConnections.Add(1)
		e.o.Log.Warn("too many connections", "listener", ln.o.Name, "remote", conn.RemoteAddr().String(), "limit", e.o.MaxConnections)
		_ = conn.Close()
		return
	}
	entered = true
	e.counters.accepted.Add(1)
	p, err := ln.identify(conn, port)
	if err != nil {
		hangUp(conn)
		e.counters.leave()
		return
	}
	e.route(p, conn)
}

// identify performs the handshake and finds out who the client is.
func (ln *listener) identify(conn *net.TCPConn, port int) (*pair, error) {
	e := ln.engine
	node := session.Anywhere
	if id, ok := ln.o.Ports.Node(port); ok && e.known(id) {
		node = id
	}
	p := newPair(ln, session.New(ln.shared, node), conn.RemoteAddr(), time.Now())
	if ln.o.TLS == nil {
		return p, nil
	}
	ctx, cancel := context.WithTimeout(e.ctx, e.o.HandshakeTimeout)
	defer cancel()
	var err error
	if p.client.tls, p.identity, err = tlsterm.Server(ctx, conn, ln.o.TLS()); err != nil {
		cause := tlsterm.HandshakeCause(err)
		e.counters.handshakeFailed(cause)
		e.o.Log.Info("handshake failed", "listener", ln.o.Name, "remote", conn.RemoteAddr().String(), "cause", cause, "err", err)
		return nil, err
	}
	return p, nil
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

// route starts the session, dials its broker and enrolls both sockets.
func (e *Engine) route(p *pair, conn *net.TCPConn) {
	out := e.scratch.Get().(*session.Effects)
	defer e.scratch.Put(out)
	principal, err := p.listener.principal(p.identity)
	p.session.Start(mapping.Auth{Principal: principal}, err, out)
	var upstream *net.TCPConn
	for _, fx := range out.List() {
		if fx.Kind == session.DialBroker {
			upstream, p.broker.tls, err = e.dial(fx.Node)
			if err != nil && e.stopping.Load() {
				p.session.StartDrain(out) // it is not the broker's fault
			} else {
				p.session.Dialed(err, out)
			}
			break
		}
	}
	if p.session.Phase() != session.Forward {
		e.farewell(p, conn)
		return
	}
	e.enroll(p, conn, upstream)
}

// principal names who the client is.
func (ln *listener) principal(id tlsterm.Identity) (string, error) {
	if id.Anonymous() || ln.o.Principal == nil {
		return mapping.Anonymous, nil
	}
	return ln.o.Principal(id)
}

// farewell ends a connection that never came to a loop.
func (e *Engine) farewell(p *pair, conn *net.TCPConn) {
	if p.session.Reason().Kind == session.Dial {
		// A broker that is down refuses; the nearest to that is a reset, see
		// pair.unanswered.
		_ = conn.SetLinger(0)
		_ = conn.Close()
		e.report(p)
		e.counters.leave()
		return
	}
	if p.client.tls != nil {
		// A peer that is gone need not hear it.
		_, _ = conn.Write(p.client.tls.CloseNotify(nil))
	}
	hangUp(conn)
	e.report(p)
	e.counters.leave()
}

const (
	// hangUpTime is how long a refused peer has to take our last words.
	hangUpTime = 200 * time.Millisecond
	// hangUpBytes is how much of what it still sends is read meanwhile.
	hangUpBytes = 64 << 10
)

// hangUp closes a connection so that the peer can read what was written last:
// closing with unread bytes would send a reset, and a reset overtakes an alert.
func hangUp(conn *net.TCPConn) {
	if conn.CloseWrite() == nil && conn.SetReadDeadline(time.Now().Add(hangUpTime)) == nil {
		// Whatever it says, and whether it ends in time, does not matter.
		_, _ = io.CopyN(io.Discard, conn, hangUpBytes)
	}
	_ = conn.Close()
}

// dialTries is how many of the known brokers are tried for a connection that
// may go to any; the bootstrap list is the last resort, for a cluster that has
// moved as a whole.
const dialTries = 3

// dial connects to the broker of a node, or to any.
func (e *Engine) dial(node int32) (*net.TCPConn, *tlsterm.Conn, error) {
	if node != session.Anywhere {
		addr, ok := e.o.Book.Address(node)
		if !ok {
			return nil, nil, fmt.Errorf("engine: broker %d is not known", node)
		}
		return e.dialAddress(addr, e.o.DialTimeout)
	}
	candidates := make([]string, 0, 2*dialTries)
	for range dialTries {
		if addr := e.o.Book.Bootstrap(); !slices.Contains(candidates, addr) {
			candidates = append(candidates, addr)
		}
	}
	for _, addr := range e.o.Book.Seeds() {
		if len(candidates) < cap(candidates) && !slices.Contains(candidates, addr) {
			candidates = append(candidates, addr)
		}
	}
	var errs []error
	for _, addr := range candidates {
		conn, sealed, err := e.dialAddress(addr, e.o.DialTimeout/dialTries)
		if err == nil {
			return conn, sealed, nil
		}
		errs = append(errs, err)
	}
	return nil, nil, errors.Join(errs...)
}

func (e *Engine) dialAddress(addr string, limit time.Duration) (*net.TCPConn, *tlsterm.Conn, error) {
	ctx, cancel := context.WithTimeout(e.ctx, limit)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	tcp := conn.(*net.TCPConn)
	if e.o.BrokerTLS == nil {
		return tcp, nil, nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	sealed, err := tlsterm.Client(ctx, conn, e.o.BrokerTLS(host))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("engine: broker %s: %w", addr, err), conn.Close())
	}
	return tcp, sealed, nil
}

// enroll puts both sockets on one loop, the broker's first.
func (e *Engine) enroll(p *pair, conn, upstream *net.TCPConn) {
	p.loop = e.place()
	for _, side := range []struct {
		l    *link
		conn *net.TCPConn
	}{{&p.broker, upstream}, {&p.client, conn}} {
		done, err := p.loop.el.Enroll(gnet.NewContext(context.Background(), side.l), side.conn)
		if err == nil {
			err = (<-done).Err
		}
		if err != nil {
			_ = conn.Close()
			_ = upstream.Close()
			onLoop(p.loop.el, func() { p.abandon(fmt.Errorf("engine: enrolling: %w", err)) })
			return
		}
	}
}

// abandon ends a session of which not both sockets came to the loop.
func (p *pair) abandon(err error) {
	defer p.guard()
	for _, l := range []*link{&p.broker, &p.client} {
		if l.conn == nil {
			l.closed = true
		}
	}
	p.fail(session.Gateway, session.Overload, err)
	p.broker.closeNow()
	p.client.closeNow()
	if p.broker.closed && p.client.closed && p.loop != nil {
		p.loop.forget(p)
	}
}
