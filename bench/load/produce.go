package load

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// producing sends a fixed volume as fast as it is acknowledged.
type producing struct{ franz }

// Prepare connects and sends one record per connection.
func (p *producing) Prepare(ctx context.Context) error {
	return p.connectProducers(ctx,
		kgo.ProducerBatchMaxBytes(p.spec.BatchBytes),
		// Enough for what is in flight and what is being gathered, and no more:
		// the memory of this process is taken from the machine under test.
		kgo.MaxBufferedBytes(16*int(p.spec.BatchBytes)),
		kgo.MaxBufferedRecords(16*int(p.spec.BatchBytes)/p.spec.RecordBytes+1))
}

// Run sends the records; each must be acknowledged.
func (p *producing) Run(ctx context.Context) (Outcome, error) {
	share := p.spec.Records / int64(len(p.clients))
	return p.run(ctx, p.spec.Records, func(ctx context.Context, c *kgo.Client, i int) error {
		return produceAll(ctx, c, int32(i), share, make([]byte, p.spec.RecordBytes))
	})
}

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
