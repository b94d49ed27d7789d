package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// franz is what the workloads with real clients share: franz-go clients, one for
// each connection, which speak to the peer only and use the partition of their
// number, and a count of the requests they send of one API.
type franz struct {
	spec    Spec
	tls     *tls.Config
	clients []*kgo.Client
	sent    counter
}

// newFranz counts the requests of the API key.
func newFranz(s Spec, config *tls.Config, key int16) franz {
	return franz{spec: s, tls: config, sent: counter{key: key}}
}

// connect makes the clients and has each do first, so that its connection stands
// before anything is measured. What first sends is not counted.
func (f *franz) connect(ctx context.Context, first func(ctx context.Context, c *kgo.Client, i int) error, opts ...kgo.Opt) error {
	opts = append([]kgo.Opt{
		kgo.SeedBrokers(f.spec.Addr),
		kgo.ClientID(clientID),
		kgo.DisableClientMetrics(),
		kgo.RetryTimeout(f.spec.Timeout),
		kgo.WithHooks(&f.sent),
	}, opts...)
	if f.tls != nil {
		opts = append(opts, kgo.DialTLSConfig(f.tls))
	}
	for i := range f.spec.Connections {
		c, err := kgo.NewClient(opts...)
		if err != nil {
			return fmt.Errorf("load: %s: client %d: %w", f.spec.Workload, i, err)
		}
		f.clients = append(f.clients, c)
		if err := first(ctx, c, i); err != nil {
			return fmt.Errorf("load: %s: client %d: %w", f.spec.Workload, i, err)
		}
	}
	f.sent.n.Store(0)
	return nil
}

// connectProducers is connect for idempotent producers without compression or
// linger; each produces one record to its partition first.
func (f *franz) connectProducers(ctx context.Context, opts ...kgo.Opt) error {
	opts = append([]kgo.Opt{
		kgo.DefaultProduceTopic(f.spec.Topic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerLinger(0),
	}, opts...)
	return f.connect(ctx, func(ctx context.Context, c *kgo.Client, i int) error {
		first := &kgo.Record{Partition: int32(i), Value: make([]byte, f.spec.RecordBytes)}
		if err := c.ProduceSync(ctx, first).FirstErr(); err != nil {
			return fmt.Errorf("first record: %w", err)
		}
		return nil
	}, opts...)
}

// run has every client do its share, all at once, and accounts for the records
// that were moved.
func (f *franz) run(ctx context.Context, records int64, share func(ctx context.Context, c *kgo.Client, i int) error) (Outcome, error) {
	begin := time.Now()
	err := each(ctx, len(f.clients), func(ctx context.Context, i int) error { return share(ctx, f.clients[i], i) })
	if err != nil {
		return Outcome{}, fmt.Errorf("load: %s: %w", f.spec.Workload, err)
	}
	return Outcome{
		Seconds:     time.Since(begin).Seconds(),
		Records:     records,
		Bytes:       records * int64(f.spec.RecordBytes),
		Requests:    f.sent.n.Load(),
		Connections: len(f.clients),
	}, nil
}

// Close ends the connections.
func (f *franz) Close() {
	for _, c := range f.clients {
		c.Close()
	}
}

// counter counts the requests of one API that clients write; it is a kgo hook.
type counter struct {
	key int16
	n   atomic.Int64
}

var _ kgo.HookBrokerWrite = (*counter)(nil)

// OnBrokerWrite is called by the client for every request written.
func (c *counter) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if key == c.key && err == nil {
		c.n.Add(1)
	}
}
