package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/postern-kafka/postern/auth/upstream"
)

// failing is a number of clients whose credentials are wrong and who do not give
// up: each connects from an address of its own, is refused, pauses and comes again.
type failing struct {
	spec       Spec
	tls        *tls.Config
	answered   atomic.Int64 // tries that were told why
	unanswered atomic.Int64 // tries whose connection just ended
}

// Prepare has each of the credentials refused once: those that are not would not
// storm anything.
func (f *failing) Prepare(ctx context.Context) error {
	for i := range f.spec.bad {
		if err := f.try(ctx, i); err != nil {
			return fmt.Errorf("load: failing: %s: %w", f.spec.bad[i].Mechanism, err)
		}
	}
	if f.unanswered.Load() > 0 {
		return fmt.Errorf("load: failing: %d of %d first tries were not answered: %w", f.unanswered.Load(), len(f.spec.bad), ErrWrong)
	}
	f.answered.Store(0)
	return nil
}

// Run has all clients try until the time is over. Their first tries are spread over
// one pause.
func (f *failing) Run(ctx context.Context) (Outcome, error) {
	begin := time.Now()
	end := begin.Add(f.spec.Duration)
	err := each(ctx, f.spec.Connections, func(ctx context.Context, i int) error {
		next := begin.Add(time.Duration(rand.Int64N(int64(f.spec.Pause))))
		for next.Before(end) && wait(ctx, time.Until(next)) {
			if err := f.try(ctx, i); err != nil {
				return fmt.Errorf("load: failing: client %d: %w", i, err)
			}
			next = time.Now().Add(jittered(f.spec.Pause))
		}
		return nil
	})
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{
		Seconds:     time.Since(begin).Seconds(),
		Requests:    f.answered.Load() + f.unanswered.Load(),
		Unanswered:  f.unanswered.Load(),
		Connections: f.spec.Connections,
	}, nil
}

// try connects and fails once. It is an error to be let in, or to be refused for
// another reason than wrong credentials.
func (f *failing) try(ctx context.Context, i int) error {
	w, err := f.dial(ctx, i)
	if err != nil {
		return err
	}
	var failure *upstream.Error
	err = w.logIn(f.spec.bad[i%len(f.spec.bad)])
	_ = w.conn.Close()
	switch {
	case err == nil:
		return fmt.Errorf("wrong credentials were let in: %w", ErrWrong)
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, &failure):
		f.unanswered.Add(1)
	case failure.Cause != upstream.Refused:
		return fmt.Errorf("%w: %w", ErrWrong, err)
	default:
		f.answered.Add(1)
	}
	return nil
}

// dial connects from an address that only this client has, so that what the peer
// allows one address says nothing here. All of 127.0.0.0/8 is this machine.
func (f *failing) dial(ctx context.Context, i int) (*wire, error) {
	from := &net.TCPAddr{IP: net.IPv4(127, 1, byte(i>>8), byte(i))}
	conn, err := (&net.Dialer{LocalAddr: from}).DialContext(ctx, "tcp", f.spec.Addr)
	if err != nil {
		return nil, err
	}
	return newWire(ctx, conn, f.tls, nil)
}

// Close has nothing to end.
func (f *failing) Close() {}

// jittered is d, a fifth more or less.
func jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// wait waits, and reports false if ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
