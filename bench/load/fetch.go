package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What a consumer asks for: a megabyte of its partition at a time, up to four
// batches of the produce workload, as the Java client does by default.
const fetchBytes = 1 << 20

// fetching reads a fixed volume from the beginning of a topic.
type fetching struct {
	spec    Spec
	tls     *tls.Config
	clients []*kgo.Client
	sent    counter
}

// Prepare connects. Fetching begins in Run.
func (f *fetching) Prepare(ctx context.Context) error {
	f.sent.key = int16(kmsg.Fetch)
	for i := range f.spec.Connections {
		c, err := newClient(f.spec, f.tls,
			kgo.FetchMaxBytes(fetchBytes),
			kgo.FetchMaxPartitionBytes(fetchBytes),
			kgo.FetchMaxWait(500*time.Millisecond),
			kgo.WithHooks(&f.sent))
		if err != nil {
			return fmt.Errorf("load: fetch: client %d: %w", i, err)
		}
		f.clients = append(f.clients, c)
		if err := c.Ping(ctx); err != nil {
			return fmt.Errorf("load: fetch: client %d: %w", i, err)
		}
	}
	return nil
}

// Run reads the records; each partition's must come in order and whole.
func (f *fetching) Run(ctx context.Context) (Outcome, error) {
	begin := time.Now()
	share := f.spec.Records / int64(len(f.clients))
	err := each(ctx, len(f.clients), func(ctx context.Context, i int) error {
		f.clients[i].AddConsumePartitions(map[string]map[int32]kgo.Offset{
			f.spec.Topic: {int32(i): kgo.NewOffset().AtStart()},
		})
		return fetchAll(ctx, f.clients[i], int32(i), share, f.spec.RecordBytes)
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("load: fetch: %w", err)
	}
	return Outcome{
		Seconds:     time.Since(begin).Seconds(),
		Records:     f.spec.Records,
		Bytes:       f.spec.Records * int64(f.spec.RecordBytes),
		Requests:    f.sent.sent.Load(),
		Connections: len(f.clients),
	}, nil
}

// Close ends the connections.
func (f *fetching) Close() { closeAll(f.clients) }

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
