package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// openLoop sends single records at fixed times, whether or not earlier ones were
// answered, and counts each one's latency from its fixed time: a peer that stalls
// is charged for everything that had to wait.
type openLoop struct {
	spec    Spec
	tls     *tls.Config
	clients []*kgo.Client
	sent    counter
}

// Prepare connects and sends one record per connection.
func (o *openLoop) Prepare(ctx context.Context) error {
	o.sent.key = int16(kmsg.Produce)
	var err error
	if o.clients, err = newProducers(ctx, o.spec, o.tls, kgo.WithHooks(&o.sent)); err != nil {
		return fmt.Errorf("load: openloop: %w", err)
	}
	o.sent.sent.Store(0)
	return nil
}

// Run keeps to the schedule, then waits for the last answers.
func (o *openLoop) Run(ctx context.Context) (Outcome, error) {
	var (
		step  = time.Second / time.Duration(o.spec.PerSecond)
		total = int64((o.spec.Warm + o.spec.Duration) / step)
		warm  = int64(o.spec.Warm / step)
		begin = time.Now()
		pens  = make([]*pen, len(o.clients))
	)
	for i := range pens {
		pens[i] = newPen()
	}
	err := each(ctx, len(o.clients), func(ctx context.Context, i int) error {
		return o.keepTime(ctx, i, pens[i], begin, step, warm, total)
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("load: openloop: %w", err)
	}
	seconds := time.Since(begin).Seconds()
	latencies := newHistogram()
	var acks int64
	for _, p := range pens {
		latencies.Merge(p.latencies)
		acks += p.acks
	}
	if acks != total {
		return Outcome{}, fmt.Errorf("load: openloop: %d of %d records acknowledged: %w", acks, total, ErrWrong)
	}
	return Outcome{
		Seconds:     seconds,
		Records:     total,
		Bytes:       total * int64(o.spec.RecordBytes),
		Requests:    o.sent.sent.Load(),
		Connections: len(o.clients),
		Latency:     distribution(latencies),
	}, nil
}

// keepTime sends every record whose number is i modulo the number of clients at
// its time.
func (o *openLoop) keepTime(ctx context.Context, i int, p *pen, begin time.Time, step time.Duration, warm, total int64) error {
	value := make([]byte, o.spec.RecordBytes)
	for n := int64(i); n < total; n += int64(len(o.clients)) {
		due := begin.Add(time.Duration(n) * step)
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		counts := n >= warm
		r := &kgo.Record{Partition: int32(i), Value: value}
		o.clients[i].Produce(ctx, r, func(_ *kgo.Record, err error) { p.write(due, counts, err) })
		if p.failed.Load() {
			break
		}
	}
	if err := o.clients[i].Flush(ctx); err != nil {
		return fmt.Errorf("client %d: flush: %w", i, err)
	}
	if p.first != nil {
		return fmt.Errorf("client %d: %w", i, p.first)
	}
	return nil
}

// Close ends the connections.
func (o *openLoop) Close() { closeAll(o.clients) }

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

// newHistogram holds microseconds from 1 to a minute, exact to three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, time.Minute.Microseconds(), 3)
}

// distribution reads the percentiles of h.
func distribution(h *hdrhistogram.Histogram) *Latency {
	return &Latency{
		Count: h.TotalCount(),
		P50:   float64(h.ValueAtQuantile(50)),
		P99:   float64(h.ValueAtQuantile(99)),
		P999:  float64(h.ValueAtQuantile(99.9)),
		Max:   float64(h.Max()),
	}
}
