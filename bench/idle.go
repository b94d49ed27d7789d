package main

import (
	"context"
	"errors"

	"github.com/postern-kafka/postern/bench/load"
	"github.com/postern-kafka/postern/bench/procstat"
)

// settleTries is how often a process's memory is looked at until it stands still: it
// counts as still when it moved by less than a hundredth.
const settleTries = 10

// measureIdle opens many connections on a peer that was started for it, so that
// no earlier load has left memory behind, and weighs what each takes: the
// process's memory for both of its sockets, the kernel's not counted. A broker's
// heap says nothing about connections: direct is not measured.
func (s *stage) measureIdle(ctx context.Context, p *peer, _ int) (m measurement, err error) {
	if err := s.standFresh(ctx, p, front{}); err != nil {
		return m, err
	}
	spec := s.spec(p, load.Idle)
	spec.Connections = s.options.Idle
	l, err := startLoad(ctx, spec)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, l.end()) }()
	if _, err := s.settled(ctx, p.pid(s)); err != nil {
		return m, err
	}
	before, err := s.read(p)
	if err != nil {
		return m, err
	}
	if m.outcome, err = l.run(); err != nil {
		return m, err
	}
	still, err := s.settled(ctx, p.pid(s))
	if err != nil {
		return m, err
	}
	after, err := s.read(p)
	if err != nil {
		return m, err
	}
	m.shares(before, after)
	m.add("memory per connection", "KB", float64(still.PSS-before.peer.PSS)/1000/float64(m.outcome.Connections))
	m.add("memory without connections", "MB", float64(before.peer.PSS)/1e6)
	return m, nil
}

// settled returns the usage of a process once its memory stands still, or after
// a bounded while.
func (s *stage) settled(ctx context.Context, pid int) (procstat.Usage, error) {
	last, err := procstat.Of(procstat.Live, pid)
	for range settleTries {
		if err == nil {
			err = pause(ctx, s.options.Settle)
		}
		if err != nil {
			return last, err
		}
		was := last.PSS
		if last, err = procstat.Of(procstat.Live, pid); err == nil && abs(last.PSS-was) < was/100 {
			return last, nil
		}
	}
	return last, err
}

// abs is the distance of n from zero.
func abs(n int64) int64 { return max(n, -n) }
