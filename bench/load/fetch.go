package load

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What a consumer asks for: a megabyte of its partition at a time, up to four
// batches of the produce workload, as the Java client does by default.
const fetchBytes = 1 << 20

// fetching reads a fixed volume from the beginning of a topic.
type fetching struct{ franz }

// Prepare connects. Fetching begins in Run.
func (f *fetching) Prepare(ctx context.Context) error {
	ping := func(ctx context.Context, c *kgo.Client, _ int) error { return c.Ping(ctx) }
	return f.connect(ctx, ping,
		kgo.FetchMaxBytes(fetchBytes),
		kgo.FetchMaxPartitionBytes(fetchBytes),
		kgo.FetchMaxWait(500*time.Millisecond))
}

// Run reads the records; each partition's must come in order and whole.
func (f *fetching) Run(ctx context.Context) (Outcome, error) {
	share := f.spec.Records / int64(len(f.clients))
	return f.run(ctx, f.spec.Records, func(ctx context.Context, c *kgo.Client, i int) error {
		c.AddConsumePartitions(map[string]map[int32]kgo.Offset{
			f.spec.Topic: {int32(i): kgo.NewOffset().AtStart()},
		})
		return fetchAll(ctx, c, int32(i), share, f.spec.RecordBytes)
	})
}

// fetchAll reads n records of one partition from its offset 0 on.
func fetchAll(ctx context.Context, c *kgo.Client, partition int32, n int64, size int) error {
	var next int64
	for next < n {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("partition %d: after %d of %d records: %w", partition, next, n, err)
		}
		var wrong error
		fetches.EachRecord(func(r *kgo.Record) {
			if wrong == nil && (r.Offset != next || r.Partition != partition || len(r.Value) != size) {
				wrong = fmt.Errorf("partition %d: offset %d with %d bytes, want offset %d with %d bytes: %w",
					r.Partition, r.Offset, len(r.Value), next, size, ErrWrong)
			}
			next++
		})
		if wrong != nil {
			return wrong
		}
	}
	return nil
}
