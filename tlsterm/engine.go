package tlsterm

import (
	"context"
	"crypto/fips140"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
)

// An Engine says who makes and opens the records of a Conn, and who signs with
// the keys that it adopts. The handshake is crypto/tls's with both.
type Engine uint8

// The engines. The zero value is Own.
const (
	// Own takes the traffic keys over from crypto/tls after the handshake:
	// records are opened in place and sealed without a copy, and an idle
	// connection is small. A connection with a cipher suite that it does not
	// have stays with crypto/tls, and so do all where GODEBUG=fips140=only is
	// set, for that module alone is approved.
	Own Engine = iota
	// Std leaves everything to crypto/tls and crypto/rsa.
	Std
)

// String returns the spelling that ParseEngine takes.
func (e Engine) String() string {
	switch e {
	case Own:
		return "own"
	case Std:
		return "std"
	}
	return fmt.Sprintf("Engine(%d)", uint8(e))
}

// ParseEngine reads own or std, in any case.
func ParseEngine(s string) (Engine, error) {
	for _, e := range []Engine{Own, Std} {
		if strings.EqualFold(strings.TrimSpace(s), e.String()) {
			return e, nil
		}
	}
	return Own, fmt.Errorf("tlsterm: engine %q: allowed are own and std", s)
}

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
//
// cfg is not changed. With Own its session tickets are sealed by cfg itself, or
// by the one that its GetConfigForClient returns: the latter never borrows
// cfg's keys.
func (e Engine) Server(ctx context.Context, conn net.Conn, cfg *tls.Config) (*Conn, Identity, error) {
	s := &std{wire: wire{conn: conn, limit: maxClientHandshake}}
	tap := e.tap(s, false)
	s.tls = tls.Server(&s.wire, tap.config(cfg))
	defer tap.wipe()
	if err := s.handshake(ctx); err != nil {
		return nil, Identity{}, err
	}
	state := s.tls.ConnectionState()
	id, err := identify(state)
	if err != nil {
		return nil, Identity{}, fmt.Errorf("%w: %w", ErrTLS, err)
	}
	return newConn(s, tap, state), id, nil
}

// Client runs the client side of a handshake over conn, as Server does the
// other. A TLS 1.3 server that refuses our certificate says so only afterwards:
// then Client succeeds and the first Feed returns the server's alert.
func (e Engine) Client(ctx context.Context, conn net.Conn, cfg *tls.Config) (*Conn, error) {
	s := &std{wire: wire{conn: conn, limit: maxServerHandshake}}
	tap := e.tap(s, true)
	s.tls = tls.Client(&s.wire, tap.config(cfg))
	defer tap.wipe()
	if err := s.handshake(ctx); err != nil {
		return nil, err
	}
	return newConn(s, tap, s.tls.ConnectionState()), nil
}

// Server is Own.Server.
func Server(ctx context.Context, conn net.Conn, cfg *tls.Config) (*Conn, Identity, error) {
	return Own.Server(ctx, conn, cfg)
}

// Client is Own.Client.
func Client(ctx context.Context, conn net.Conn, cfg *tls.Config) (*Conn, error) {
	return Own.Client(ctx, conn, cfg)
}

// tap returns nil, which does nothing, if crypto/tls is to keep the connection.
func (e Engine) tap(s *std, client bool) *tap {
	if e != Own || fips140.Enforced() {
		return nil
	}
	s.wire.tap = &tap{client: client}
	return s.wire.tap
}

// newConn takes the records over if it can.
func newConn(s *std, t *tap, state tls.ConnectionState) *Conn {
	c := &Conn{records: s, version: state.Version, suite: state.CipherSuite}
	s.wire.tap = nil
	if own := t.takeOver(state); own != nil {
		c.records = own
		if t.client && t.cached {
			own.keepTickets(s)
		}
	}
	return c
}
