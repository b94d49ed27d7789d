package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/postern-kafka/postern/session"
	"github.com/postern-kafka/postern/tlsterm"
)

// dialTries is how many of the known brokers are tried for a connection that
// may go to any; the bootstrap list is the last resort, for a cluster that has
// moved as a whole.
const dialTries = 3

// dial gives a session's link to the broker a socket: to the broker of a node, or
// to any.
func (e *Engine) dial(node int32, p *pair) error {
	if node != session.Anywhere {
		addr, ok := e.o.Book.Address(node)
		if !ok {
			return fmt.Errorf("engine: broker %d is not known", node)
		}
		return e.dialAddress(addr, e.o.DialTimeout, p)
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
