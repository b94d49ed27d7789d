package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// producing sends a fixed volume as fast as it is acknowledged.
type producing struct {
	spec    Spec
	tls     *tls.Config
	clients []*kgo.Client
	sent    counter
}

// Prepare connects and sends one record per connection.
func (p *producing) Prepare(ctx context.Context) error {
	p.sent.key = int16(kmsg.Produce)
	var err error
	p.clients, err = newProducers(ctx, p.spec, p.tls,
		kgo.ProducerBatchMaxBytes(p.spec.BatchBytes),
		// Enough for what is in flight and what is being gathered, and no more:
		// the memory of this process is taken from the machine under test.
		kgo.MaxBufferedBytes(16*int(p.spec.BatchBytes)),
		kgo.MaxBufferedRecords(16*int(p.spec.BatchBytes)/p.spec.RecordBytes+1),
		kgo.WithHooks(&p.sent))
	if err != nil {
		return fmt.Errorf("load: produce: %w", err)
	}
	p.sent.sent.Store(0)
	return nil
}

// Run sends the records; each must be acknowledged.
func (p *producing) Run(ctx context.Context) (Outcome, error) {
	begin := time.Now()
	share := p.spec.Records / int64(len(p.clients))
	err := each(ctx, len(p.clients), func(ctx context.Context, i int) error {
		return produceAll(ctx, p.clients[i], int32(i), share, make([]byte, p.spec.RecordBytes))
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("load: produce: %w", err)
	}
	return Outcome{
		Seconds:     time.Since(begin).Seconds(),
		Records:     p.spec.Records,
		Bytes:       p.spec.Records * int64(p.spec.RecordBytes),
		Requests:    p.sent.sent.Load(),
		Connections: len(p.clients),
	}, nil
}

// Close ends the connections.
func (p *producing) Close() { closeAll(p.clients) }

// produceAll sends n records with the same value to one partition and waits until
// all are acknowledged.
func produceAll(ctx context.Context, c *kgo.Client, partition int32, n int64, value []byte) error {
	var (
		records = sync.Pool{New: func() any { return new(kgo.Record) }}
		acks    int64 // promises of one client run one after the other, Flush comes after them
		first   error
	)
	promise := func(r *kgo.Record, err error) {
		if err != nil {
			if first == nil {
				first = err
			}
			return
		}
		acks++
		records.Put(r)
	}
	for range n {
		r, ok := records.Get().(*kgo.Record)
		if !ok {
			return fmt.Errorf("partition %d: record pool: %w", partition, ErrWrong)
		}
		*r = kgo.Record{Partition: partition, Value: value}
		c.Produce(ctx, r, promise)
	}
	if err := c.Flush(ctx); err != nil {
		return fmt.Errorf("partition %d: flush: %w", partition, err)
	}
	if first != nil {
		return fmt.Errorf("partition %d: %w", partition, first)
	}
	if acks != n {
		return fmt.Errorf("partition %d: %d of %d records acknowledged: %w", partition, acks, n, ErrWrong)
	}
	return nil
}
