package main

import (
	"context"
	"errors"

	"github.com/postern-kafka/postern/bench/load"
)

const (
	clusterTopics     = 10_000
	clusterPartitions = 10 // of each topic
	// askers is how many connections ask at once.
	askers = 4
)

// measureMetadata has clients ask for all topics of a large cluster. The broker
// behind the peer is a scripted one, in a load process: setting up 100,000 real
// partitions would take longer than the rest of the run.
func (s *stage) measureMetadata(ctx context.Context, p *peer, _ int) (m measurement, err error) {
	if !p.between() || p.name == floor {
		return m, errNotMeasured
	}
	m, cpu, err := s.metadataAnswers(ctx, p, front{}, clusterTopics, s.options.Answers)
	if err != nil {
		return m, err
	}
	o := m.outcome
	m.add("CPU per answer", "µs", cpu)
	m.add("CPU per GB of answers", "s/GB", cpu*float64(o.Requests)/1e6/(float64(o.Bytes)/1e9))
	m.addHigher("answers", "1/s", float64(o.Requests)/o.Seconds)
	return m, nil
}

// metadataAnswers measures a peer in front of a scripted broker with a number of
// topics, and returns the CPU time of an answer in microseconds.
func (s *stage) metadataAnswers(ctx context.Context, p *peer, f front, topics int, answers int64) (m measurement, cpu float64, err error) {
	spec := load.Spec{
		Workload: load.Scripted, Addr: s.addr(portScripted), Timeout: loadTimeout,
		Topics: topics, Partitions: clusterPartitions,
	}
	script, err := startLoad(ctx, spec)
	if err != nil {
		return m, 0, err
	}
	defer func() { err = errors.Join(err, script.end()) }()
	// Its clients end before it does: a peer may try again for as long as it runs.
	defer p.stop()
	f.backend = spec.Addr
	if err := s.standFresh(ctx, p, f); err != nil {
		return m, 0, err
	}
	spec = s.spec(p, load.Metadata)
	spec.Topics, spec.Partitions, spec.Connections, spec.Requests = topics, clusterPartitions, askers, answers
	return s.perRequest(ctx, p, spec)
}
