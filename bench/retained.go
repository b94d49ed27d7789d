package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/postern-kafka/postern/bench/load"
	"github.com/postern-kafka/postern/bench/procstat"
)

// measureRetained weighs a freshly started peer with many connections before and
// after they have carried a volume and been idle for a while: what a peak leaves
// behind.
func (s *stage) measureRetained(ctx context.Context, p *peer, round int) (m measurement, err error) {
	if err := s.standFresh(ctx, p, front{}); err != nil {
		return m, err
	}
	n := s.options.Retained
	topic := fmt.Sprintf("bench-retained-%s-%d", p.name, round)
	if err := s.makeTopic(ctx, topic, n); err != nil {
		return m, err
	}
	spec := s.spec(p, load.Produce)
	spec.Topic, spec.Connections = topic, n
	spec.Records = max(1, s.options.records(s.options.GB)/int64(n)) * int64(n)
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
	peak, err := procstat.Of(procstat.Live, p.pid(s))
	if err != nil {
		return m, err
	}
	if err := pause(ctx, s.options.Rest); err != nil {
		return m, err
	}
	after, err := s.read(p)
	if err != nil {
		return m, err
	}
	m.shares(before, after)
	m.add("memory before", "MB", float64(before.peer.PSS)/1e6)
	m.add("memory at the end of the volume", "MB", float64(peak.PSS)/1e6)
	m.add("memory after a rest", "MB", float64(after.peer.PSS)/1e6)
	m.addAlone("after ÷ before", "×", float64(after.peer.PSS)/float64(before.peer.PSS))
	if err := s.checkStored(ctx, topic, m.outcome); err != nil {
		return m, err
	}
	return m, s.dropTopic(ctx, topic)
}
