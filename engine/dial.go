package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/postern-kafka/postern/session"
	"github.com/postern-kafka/postern/tlsterm"
)

// dialTries is how many of the known brokers are tried for a connection that
// may go to any; the bootstrap list is the last resort, for a cluster that has
// moved as a whole.
const dialTries = 3

// toBroker connects a session to its broker, as out asks for, and has both enter the
// loop, which calls it. What needs no more than a socket is done here; a worker does what
// goes on with TLS or a login, asks for a broker's address, or tries other addresses when
// the first does not answer. out goes back to scratch.
func (e *Engine) toBroker(p *pair, out *session.Effects) {
	node, asked := dialAsked(out)
	e.scratch.Put(out)
	if !asked {
		p.aside(func() { e.farewell(p) })
		return
	}
	p.node = node
	to, ok := e.reach(p)
	if !ok {
		p.dialAside(0)
		return
	}
	switch fd, pending, err := e.beginConnect(to); {
	case err != nil: // the worker meets it again, or finds another address
		p.dialAside(0)
	case pending:
		p.awaitBroker(fd)
	default:
		p.broker.fd = fd
		p.reached()
	}
}

// reached has a session go on whose broker's socket is connected.
func (p *pair) reached() {
	e := p.loop.engine
	out := e.scratch.Get().(*session.Effects)
	p.session.Dialed(nil, out)
	e.scratch.Put(out)
	p.enter(nil)
}

// dialAsked is for which node a session asks for a broker, if it does.
func dialAsked(out *session.Effects) (node int32, asked bool) {
	for _, fx := range out.List() {
		if fx.Kind == session.DialBroker {
			return fx.Node, true
		}
	}
	return 0, false
}

// reach is the address of the broker that is tried first, if it is known without
// asking anybody, and if a socket is all that is needed.
func (e *Engine) reach(p *pair) (netip.AddrPort, bool) {
	if e.stopping.Load() || e.o.BrokerTLS != nil || e.logsIn(p) {
		return netip.AddrPort{}, false
	}
	address, ok := "", true
	if p.node == session.Anywhere {
		address = e.o.Book.Bootstrap()
	} else {
		address, ok = e.o.Book.Address(p.node)
	}
	host, port, err := splitAddress(address)
	if !ok || err != nil {
		return netip.AddrPort{}, false
	}
	addr, ok := e.names.present(host)
	return netip.AddrPortFrom(addr, port), ok
}

// loopDialTime is how long a loop waits for a broker's socket. A SYN that was lost is
// sent again after a second; from then on a worker tries other addresses.
const loopDialTime = 1100 * time.Millisecond

// awaitBroker waits for a socket that connects.
func (p *pair) awaitBroker(fd int) {
	lp := p.loop
	lp.release(&p.client)
	p.broker.fd, p.broker.connecting = fd, true
	lp.dialing[p] = struct{}{}
	limit := min(loopDialTime, lp.engine.o.DialTimeout/dialTries)
	p.dialing = time.AfterFunc(limit, func() { lp.do(func() { p.giveUp(limit) }) })
	if err := lp.await(&p.broker, unix.EPOLLOUT); err != nil {
		p.giveUp(0)
	}
}

// connected is told that it is known how a connect went.
func (p *pair) connected() {
	if err := connectFailure(p.broker.fd); err != nil {
		p.giveUp(0)
		return
	}
	p.stopDialing()
	p.reached()
}

// giveUp has a worker try again what did not succeed in so long.
func (p *pair) giveUp(spent time.Duration) {
	if !p.broker.connecting {
		return // the time ran out as the socket connected
	}
	p.stopDialing()
	p.loop.release(&p.broker)
	p.broker.discard()
	p.dialAside(spent)
}

// stopDialing is the end of awaitBroker, however it comes.
func (p *pair) stopDialing() {
	if p.broker.connecting {
		p.broker.connecting = false
		p.dialing.Stop()
		delete(p.loop.dialing, p)
	}
}

// cutDials has workers end what waits for a broker's socket, since the engine ends.
func (lp *loop) cutDials() {
	for p := range lp.dialing {
		p.giveUp(0)
	}
}

// dialAside has a worker dial, after so much of DialTimeout was spent.
func (p *pair) dialAside(spent time.Duration) {
	p.aside(func() {
		e := p.loop.engine
		out := e.scratch.Get().(*session.Effects)
		switch err := e.dial(p, spent); { // not everything is the broker's fault
		case err != nil && e.stopping.Load():
			p.session.StartDrain(out)
		case errors.Is(err, errNoTurn):
			p.session.Fail(session.Gateway, session.Overload, err, out)
		default:
			p.session.Dialed(err, out)
		}
		e.scratch.Put(out)
		if phase := p.session.Phase(); phase != session.Forward && phase != session.Relay {
			e.farewell(p)
			return
		}
		p.loop.do(func() { p.enter(nil) })
	})
}

// dial gives a session's link to the broker a socket: to the broker of the node that it
// asked for, or to any. A worker does it.
func (e *Engine) dial(p *pair, spent time.Duration) error {
	if p.node != session.Anywhere {
		addr, ok := e.o.Book.Address(p.node)
		if !ok {
			return fmt.Errorf("engine: broker %d is not known", p.node)
		}
		return e.dialAddress(addr, e.o.DialTimeout-spent, p)
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
		err := e.dialAddress(addr, e.o.DialTimeout/dialTries, p)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// dialAddress connects, secures the connection and logs in, within limit.
func (e *Engine) dialAddress(addr string, limit time.Duration, p *pair) error {
	ctx, cancel := context.WithTimeout(e.ctx, limit)
	defer cancel()
	for {
		err := e.dialOnce(ctx, addr, p)
		if err == nil || !again(ctx, err) {
			return err
		}
	}
}

func (e *Engine) dialOnce(ctx context.Context, addr string, p *pair) error {
	fd, err := e.connect(ctx, addr)
	if err != nil {
		return err
	}
	if e.o.BrokerTLS == nil && !e.logsIn(p) {
		p.broker.fd = fd // nothing has to be said first
		return nil
	}
	conn, err := e.connOf(fd)
	if err != nil {
		return err
	}
	if err := e.greet(ctx, conn, addr, p); err != nil {
		return errors.Join(fmt.Errorf("engine: broker %s: %w", addr, err), conn.Close())
	}
	return p.broker.hold(conn)
}

// greet secures a connection to a broker and logs in there.
func (e *Engine) greet(ctx context.Context, conn *net.TCPConn, addr string, p *pair) error {
	var sealed *tlsterm.Conn
	if e.o.BrokerTLS != nil {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return err
		}
		if sealed, err = e.secure(ctx, conn, e.o.BrokerTLS(host), p.from); err != nil {
			return err
		}
	}
	if err := e.logIn(ctx, conn, sealed, p); err != nil {
		if sealed != nil {
			sealed.Release()
		}
		return err
	}
	p.broker.tls = sealed
	return nil
}

// secure performs the client's side of TLS towards a broker, in turn with the
// handshakes of clients.
func (e *Engine) secure(ctx context.Context, conn *net.TCPConn, cfg *tls.Config, from origin) (*tlsterm.Conn, error) {
	paced, err := newTurnConn(ctx, conn, e.turns, from)
	if err != nil {
		return nil, err
	}
	defer paced.release()
	paced.kind = goingOn // the client's own handshake is done
	var sealed *tlsterm.Conn
	if err = paced.take(); err == nil {
		sealed, err = e.o.TLSEngine.Client(ctx, paced, cfg)
	}
	if paced.starved {
		return nil, fmt.Errorf("%w: %w", errNoTurn, err)
	}
	return sealed, err
}
