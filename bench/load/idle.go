package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// openers is how many connections are being opened at once: enough to keep the
// peer busy, few enough that none waits for long.
const openers = 8

// idling opens connections, asks one question on each, and keeps them.
type idling struct {
	spec  Spec
	tls   *tls.Config
	wires []*wire // the first one is Prepare's
}

// Prepare opens the first connection: what a peer allocates once, for its first
// client, is not a cost per connection.
func (d *idling) Prepare(ctx context.Context) error {
	d.wires = make([]*wire, 1+d.spec.Connections)
	return d.open(ctx, 0)
}

// Run opens the rest. They stay open until Close.
func (d *idling) Run(ctx context.Context) (Outcome, error) {
	begin := time.Now()
	err := each(ctx, openers, func(ctx context.Context, i int) error {
		for n := 1 + i; n < len(d.wires); n += openers {
			if err := d.open(ctx, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{
		Seconds:     time.Since(begin).Seconds(),
		Requests:    int64(d.spec.Connections),
		Connections: d.spec.Connections,
		Cipher:      d.wires[0].cipher(),
	}, nil
}

// open opens connection n and asks for the API versions.
func (d *idling) open(ctx context.Context, n int) error {
	w, err := dialWire(ctx, d.spec, d.tls)
	if err != nil {
		return fmt.Errorf("load: idle: connection %d: %w", n, err)
	}
	d.wires[n] = w
	r := kmsg.NewPtrApiVersionsRequest()
	r.Version = 3
	r.ClientSoftwareName = "postern-bench"
	r.ClientSoftwareVersion = "1"
	answer, err := w.roundTrip(r)
	if err != nil {
		return fmt.Errorf("load: idle: connection %d: %w", n, err)
	}
	versions := kmsg.NewPtrApiVersionsResponse()
	versions.Version = 3
	if err := versions.ReadFrom(answer); err != nil {
		return fmt.Errorf("load: idle: connection %d: %w: %w", n, ErrWrong, err)
	}
	if versions.ErrorCode != 0 || len(versions.ApiKeys) == 0 {
		return fmt.Errorf("load: idle: connection %d: error code %d, %d keys: %w", n, versions.ErrorCode, len(versions.ApiKeys), ErrWrong)
	}
	return nil
}

// Close ends the connections.
func (d *idling) Close() { closeWires(d.wires) }
