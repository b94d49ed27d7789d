package load

import (
	"context"
	"time"
)

// idling opens connections, asks one question on each, and keeps them.
type idling struct{ wires }

// Prepare opens the first connection: what a peer allocates once, for its first
// client, is not a cost per connection.
func (d *idling) Prepare(ctx context.Context) error { return d.open(ctx, 1, askVersions) }

// Run opens the rest. They stay open until Close.
func (d *idling) Run(ctx context.Context) (Outcome, error) {
	begin := time.Now()
	if err := d.open(ctx, d.spec.Connections, askVersions); err != nil {
		return Outcome{}, err
	}
	return Outcome{
		Seconds:     time.Since(begin).Seconds(),
		Requests:    int64(d.spec.Connections),
		Connections: d.spec.Connections,
		Cipher:      d.conns[0].cipher(),
	}, nil
}
