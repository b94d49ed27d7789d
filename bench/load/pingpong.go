package load

import (
	"context"
	"time"
)

// pingPong sends a small request when the last one of its lane is answered. Each
// lane goes round the connections that are its own: with as many lanes as
// connections, every connection has always one request under way; with fewer, most
// of them are at rest.
type pingPong struct {
	wires
	question *question
}

// Prepare connects and asks the question on every connection as often as is to be done before.
func (p *pingPong) Prepare(ctx context.Context) error {
	return p.open(ctx, p.spec.Connections, func(w *wire) error {
		if err := p.question.ask(w); err != nil {
			return err
		}
		return w.repeat(p.question.request, int64(p.spec.Before)-1, p.question.first)
	})
}

// Run plays on all lanes at once.
func (p *pingPong) Run(ctx context.Context) (Outcome, error) {
	begin := time.Now()
	lanes := p.spec.Lanes
	if lanes == 0 {
		lanes = len(p.conns)
	}
	share := p.spec.Requests / int64(lanes)
	err := each(ctx, lanes, func(ctx context.Context, lane int) error {
		at := lane
		for range share {
			if err := p.conns[at].repeat(p.question.request, 1, p.question.first); err != nil {
				return p.wrong(at, err)
			}
			if at += lanes; at >= len(p.conns) {
				at = lane
			}
		}
		return context.Cause(ctx)
	})
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{
		Seconds:     time.Since(begin).Seconds(),
		Requests:    share * int64(lanes),
		Connections: len(p.conns),
		Cipher:      p.conns[0].cipher(),
	}, nil
}
