package tlsterm

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// ErrTLS is wrapped by every error of a handshake and of a Conn.
var ErrTLS = errors.New("tlsterm: TLS")

// The most a peer's handshake may send. crypto/tls alone would take 256 KiB of
// certificates from somebody nobody knows yet.
const (
	maxClientHandshake = 64 << 10
	maxServerHandshake = 256 << 10
)

// longAgo as a deadline makes a blocked read or write return at once.
var longAgo = time.Unix(1, 0)

// Server runs the server side of a handshake over conn and blocks until it is
// done, has failed, or ctx has ended or reached its deadline. It reads from
// conn exactly up to the end of the last handshake record, so that what
// follows stays in the kernel.
//
// The Identity is anonymous unless the client gave a certificate and cfg had it
// verified. On an error everything crypto/tls wrote (the alert) has been given
// to conn; a caller that closes at once, with bytes unread, may have the kernel
// drop it in favour of a reset. conn is left open either way, without a
// deadline after success. The error wraps ErrTLS; HandshakeCause names it.
func Server(ctx context.Context, conn net.Conn, cfg *tls.Config) (*Conn, Identity, error) {
	c := &Conn{wire: wire{conn: conn, limit: maxClientHandshake}}
	c.tls = tls.Server(&c.wire, cfg)
	if err := c.handshake(ctx); err != nil {
		return nil, Identity{}, err
	}
	id, err := identify(c.tls.ConnectionState())
	if err != nil {
		return nil, Identity{}, fmt.Errorf("%w: %w", ErrTLS, err)
	}
	return c, id, nil
}

// Client runs the client side of a handshake over conn, as Server does the
// other. A TLS 1.3 server that refuses our certificate says so only afterwards:
// then Client succeeds and the first Feed returns the server's alert.
func Client(ctx context.Context, conn net.Conn, cfg *tls.Config) (*Conn, error) {
	c := &Conn{wire: wire{conn: conn, limit: maxServerHandshake}}
	c.tls = tls.Client(&c.wire, cfg)
	if err := c.handshake(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// handshake drives c.tls over the socket and then takes the socket away.
func (c *Conn) handshake(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: handshake: %w", ErrTLS, err)
	}
	conn := c.wire.conn
	deadline, _ := ctx.Deadline() // the zero time means none to both
	if err := conn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("%w: handshake: deadline: %w", ErrTLS, err)
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		_ = conn.SetDeadline(longAgo) // fails only if the conn is closed, which interrupts as well
	})

	err := c.tls.Handshake()

	if !stop() { // the interruption has begun: it must not hit the conn later
		<-interrupted
		if err == nil || ctx.Err() != nil {
			err = ctx.Err()
		}
	}
	if err != nil {
		return fmt.Errorf("%w: handshake: %w", ErrTLS, err)
	}
	c.wire.conn = nil
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("%w: handshake: deadline: %w", ErrTLS, err)
	}
	return nil
}
