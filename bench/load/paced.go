package load

import (
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// paced asks a small question at fixed times on connections that stand, whether
// or not earlier ones were answered, and counts each latency from its fixed time.
// It is the open loop for looking at what something else does to a peer's
// established connections: it needs less CPU time than real clients.
type paced struct {
	wires
	question *question
}

// Prepare connects and asks the question once on every connection.
func (p *paced) Prepare(ctx context.Context) error {
	return p.open(ctx, p.spec.Connections, p.question.ask)
}

// Run keeps to the schedule, then waits for the last answers.
func (p *paced) Run(ctx context.Context) (Outcome, error) {
	s := newSchedule(p.spec, len(p.conns), time.Now())
	latencies := make([]*hdrhistogram.Histogram, len(p.conns))
	err := each(ctx, 2*len(p.conns), func(ctx context.Context, i int) error {
		at := i / 2
		// Whoever waits for a socket is woken when another one has failed.
		defer context.AfterFunc(ctx, func() { _ = p.conns[at].conn.SetDeadline(time.Now()) })()
		var err error
		if i%2 == 0 {
			err = p.keepTime(ctx, at, s)
		} else {
			latencies[at], err = p.listen(at, s)
		}
		if err != nil {
			return p.wrong(at, err)
		}
		return nil
	})
	if err != nil {
		return Outcome{}, err
	}
	all := newHistogram()
	for _, h := range latencies {
		all.Merge(h)
	}
	return Outcome{
		Seconds:     time.Since(s.begin).Seconds(),
		Requests:    s.total,
		Connections: len(p.conns),
		Cipher:      p.conns[0].cipher(),
		Latency:     distribution(all),
	}, nil
}

// keepTime sends what is due on one connection.
func (p *paced) keepTime(ctx context.Context, at int, s schedule) error {
	for n := int64(at); n < s.total && ctx.Err() == nil; n += s.lanes {
		s.await(n)
		if err := p.conns[at].send(p.question.request); err != nil {
			return err
		}
	}
	return nil
}

// listen notes when the answers of one connection come. They come in order.
func (p *paced) listen(at int, s schedule) (*hdrhistogram.Histogram, error) {
	h := newHistogram()
	for n := int64(at); n < s.total; n += s.lanes {
		if err := p.conns[at].receiveSame(p.question.first); err != nil {
			return h, err
		}
		if n < s.warm {
			continue
		}
		if err := h.RecordValue(max(1, time.Since(s.due(n)).Microseconds())); err != nil {
			return h, fmt.Errorf("latency: %w", err)
		}
	}
	return h, nil
}
