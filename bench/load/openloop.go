package load

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// openLoop sends single records at fixed times, whether or not earlier ones were
// answered, and counts each one's latency from its fixed time: a peer that stalls
// is charged for everything that had to wait.
type openLoop struct{ franz }

// Prepare connects and sends one record per connection.
func (o *openLoop) Prepare(ctx context.Context) error { return o.connectProducers(ctx) }

// Run keeps to the schedule, then waits for the last answers.
func (o *openLoop) Run(ctx context.Context) (Outcome, error) {
	s := newSchedule(o.spec, len(o.clients), time.Now())
	pens := make([]*pen, len(o.clients))
	for i := range pens {
		pens[i] = newPen()
	}
	outcome, err := o.run(ctx, s.total, func(ctx context.Context, c *kgo.Client, i int) error {
		return o.keepTime(ctx, c, i, s, pens[i])
	})
	if err != nil {
		return Outcome{}, err
	}
	latencies := newHistogram()
	var acks int64
	for _, p := range pens {
		latencies.Merge(p.latencies)
		acks += p.acks
	}
	if acks != s.total {
		return Outcome{}, fmt.Errorf("load: openloop: %d of %d records acknowledged: %w", acks, s.total, ErrWrong)
	}
	outcome.Latency = distribution(latencies)
	return outcome, nil
}

// keepTime sends the records of client i at their times.
func (o *openLoop) keepTime(ctx context.Context, c *kgo.Client, i int, s schedule, p *pen) error {
	value := make([]byte, o.spec.RecordBytes)
	for n := int64(i); n < s.total; n += s.lanes {
		due := s.await(n)
		counts := n >= s.warm
		r := &kgo.Record{Partition: int32(i), Value: value}
		c.Produce(ctx, r, func(_ *kgo.Record, err error) { p.write(due, counts, err) })
		if p.failed.Load() {
			break
		}
	}
	if err := c.Flush(ctx); err != nil {
		return fmt.Errorf("client %d: flush: %w", i, err)
	}
	if p.first != nil {
		return fmt.Errorf("client %d: %w", i, p.first)
	}
	return nil
}

// pen notes the answers of one client. Its client calls write from one goroutine
// at a time; the rest is read after Flush.
type pen struct {
	latencies *hdrhistogram.Histogram
	acks      int64
	first     error
	failed    atomic.Bool
}

// newPen returns a pen that has written nothing.
func newPen() *pen { return &pen{latencies: newHistogram()} }

// write notes the answer to a record that was due at due.
func (p *pen) write(due time.Time, counts bool, err error) {
	if err == nil && counts {
		err = p.latencies.RecordValue(max(1, time.Since(due).Microseconds()))
	}
	if err != nil {
		if p.first == nil {
			p.first = err
		}
		p.failed.Store(true)
		return
	}
	p.acks++
}
