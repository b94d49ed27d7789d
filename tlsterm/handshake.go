package tlsterm

import (
	"context"
	"errors"
	"fmt"
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

// handshake drives s.tls over the socket and then takes the socket away.
func (s *std) handshake(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: handshake: %w", ErrTLS, err)
	}
	conn := s.wire.conn
	deadline, _ := ctx.Deadline() // the zero time means none to both
	if err := conn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("%w: handshake: deadline: %w", ErrTLS, err)
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		_ = conn.SetDeadline(longAgo) // fails only if the conn is closed, which interrupts as well
	})

	err := s.tls.Handshake()

	if !stop() { // the interruption has begun: it must not hit the conn later
		<-interrupted
		if err == nil || ctx.Err() != nil {
			err = ctx.Err()
		}
	}
	if err != nil {
		return fmt.Errorf("%w: handshake: %w", ErrTLS, err)
	}
	s.wire.conn = nil
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("%w: handshake: deadline: %w", ErrTLS, err)
	}
	return nil
}
