package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync/atomic"
	"time"
)

// pacedOpeners is how many handshakes of an open loop may be under way at once:
// twice what fits 200 a second that take 80 ms each.
const pacedOpeners = 32

// connecting opens a connection, asks one question on it and ends it, again and
// again: as fast as it goes, or at fixed times.
type connecting struct {
	spec    Spec
	tls     *tls.Config
	resumed atomic.Int64
	cipher  string
}

// Prepare opens and ends one connection. Where sessions are to be resumed, that
// one brings the ticket.
func (c *connecting) Prepare(ctx context.Context) error {
	if c.tls != nil && c.spec.Resume {
		c.tls.SessionTicketsDisabled = false
		c.tls.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	return c.once(ctx, nil)
}

// Run does so until the number or the time is over.
func (c *connecting) Run(ctx context.Context) (Outcome, error) {
	begin := time.Now()
	total, lanes := c.spec.Requests, openers
	var s schedule
	if c.spec.PerSecond > 0 {
		s = newSchedule(c.spec, pacedOpeners, begin)
		total, lanes = s.total, pacedOpeners
	}
	err := each(ctx, lanes, func(ctx context.Context, i int) error {
		for n := int64(i); n < total && ctx.Err() == nil; n += int64(lanes) {
			if c.spec.PerSecond > 0 {
				s.await(n)
			}
			if err := c.once(ctx, &c.resumed); err != nil {
				return fmt.Errorf("load: connect: connection %d: %w", n, err)
			}
		}
		return nil
	})
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{
		Seconds:  time.Since(begin).Seconds(),
		Requests: total,
		Resumed:  c.resumed.Load(),
		Cipher:   c.cipher,
	}, nil
}

// once opens a connection, asks for the API versions and ends it. The answer is
// the proof that the peer has accepted the client's certificate.
func (c *connecting) once(ctx context.Context, resumed *atomic.Int64) error {
	w, err := dialWire(ctx, c.spec, c.tls, nil)
	if err != nil {
		return err
	}
	if err := askVersions(w); err != nil {
		return fmt.Errorf("%w (closing: %v)", err, w.conn.Close()) //nolint:errorlint // the second one is only told
	}
	if resumed == nil {
		c.cipher = w.cipher()
	} else if w.state().DidResume {
		resumed.Add(1)
	}
	// The peer may have gone already: it has answered, which was the point.
	_ = w.conn.Close()
	return nil
}

// Close has nothing to end.
func (c *connecting) Close() {}
