package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// newClient makes a franz-go client that speaks to the peer of s only.
func newClient(s Spec, config *tls.Config, more ...kgo.Opt) (*kgo.Client, error) {
	opts := append([]kgo.Opt{
		kgo.SeedBrokers(s.Addr),
		kgo.ClientID("postern-bench"),
		kgo.DisableClientMetrics(),
		kgo.RetryTimeout(s.Timeout),
	}, more...)
	if config != nil {
		opts = append(opts, kgo.DialTLSConfig(config))
	}
	return kgo.NewClient(opts...)
}

// newProducers makes one idempotent, uncompressed producer per connection and
// has each produce one record to its own partition, so that connections and
// producer ids exist before anything is measured.
func newProducers(ctx context.Context, s Spec, config *tls.Config, more ...kgo.Opt) ([]*kgo.Client, error) {
	clients := make([]*kgo.Client, 0, s.Connections)
	for i := range s.Connections {
		c, err := newClient(s, config, append([]kgo.Opt{
			kgo.DefaultProduceTopic(s.Topic),
			kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.ProducerBatchCompression(kgo.NoCompression()),
			kgo.ProducerLinger(0),
		}, more...)...)
		if err != nil {
			return clients, fmt.Errorf("client %d: %w", i, err)
		}
		clients = append(clients, c)
		first := &kgo.Record{Partition: int32(i), Value: make([]byte, s.RecordBytes)}
		if err := c.ProduceSync(ctx, first).FirstErr(); err != nil {
			return clients, fmt.Errorf("client %d: first record: %w", i, err)
		}
	}
	return clients, nil
}

// closeAll closes clients.
func closeAll(clients []*kgo.Client) {
	for _, c := range clients {
		c.Close()
	}
}

// each runs f for every i below n at once and returns the first error; the
// context given to the others ends with it.
func each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := f(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// counter counts the requests of one API that clients write; it is a kgo hook.
type counter struct {
	key  int16
	sent atomic.Int64
}

var _ kgo.HookBrokerWrite = (*counter)(nil)

// OnBrokerWrite is called by the client for every request written.
func (c *counter) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if key == c.key && err == nil {
		c.sent.Add(1)
	}
}
