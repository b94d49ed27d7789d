package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// walk is the founding demo, step by step, against a gateway that runs.
type walk struct {
	o       Options
	dir     folder
	id      *identity
	environ []string
	out     transcript
}

// step is one of the demo's. Its run returns what was seen, for the
// transcript, or an *Unexpected.
type step struct {
	title  string
	run    func(context.Context) (seen string, err error)
	byHand []string
}

// Unexpected is a step of the demo that went otherwise.
type Unexpected struct {
	Want string // what the step expects
	Got  string // what it saw; empty if Err says it
	Err  error  // what it ran into, or nil
}

func (e *Unexpected) Error() string {
	got := e.Got
	if e.Err != nil {
		if got != "" {
			got += ": "
		}
		got += e.Err.Error()
	}
	return "expected " + e.Want + ", got " + got
}

// Unwrap returns what the step ran into.
func (e *Unexpected) Unwrap() error { return e.Err }

// run takes every step in turn and stops at the first that fails.
func (w *walk) run(ctx context.Context) error {
	steps := w.steps()
	for i, s := range steps {
		w.out.step(i+1, len(steps), s.title)
		limited, cancel := context.WithTimeout(ctx, stepTimeout)
		seen, err := s.run(limited)
		cancel()
		if ctx.Err() != nil {
			return fmt.Errorf("demo: interrupted in step %d of %d (%s): %w", i+1, len(steps), s.title, ctx.Err())
		}
		if err != nil {
			w.out.failure(err)
			w.out.block("      ", "the gateway's log: "+w.dir.path(fileGatewayLog))
			return fmt.Errorf("demo: step %d of %d (%s): %w", i+1, len(steps), s.title, err)
		}
		w.out.outcome(seen, s.byHand)
		if w.out.err != nil {
			return w.out.err
		}
	}
	w.out.line("")
	w.out.line("All %d steps went as expected.", len(steps))
	return nil
}

// bootstrap returns the gateway's first address, host:port.
func (w *walk) bootstrap() string {
	return net.JoinHostPort("localhost", strconv.Itoa(w.o.GatewayPort))
}

// admin returns the URL of the admin API.
func (w *walk) admin() string {
	return "http://" + net.JoinHostPort("localhost", strconv.Itoa(w.o.AdminPort))
}

// brokers returns bootstrap.servers of the embedded brokers.
func (w *walk) brokers() string {
	return bootstrapList(brokerAddresses(w.o.BrokerPort))
}

// orUnexpected returns nil for nil, and else an Unexpected that wraps err.
func orUnexpected(want string, err error) error {
	if err == nil {
		return nil
	}
	var already *Unexpected
	if errors.As(err, &already) {
		return err
	}
	return &Unexpected{Want: want, Err: err}
}
