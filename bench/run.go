package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/postern-kafka/postern/bench/figures"
	"github.com/postern-kafka/postern/bench/load"
	"github.com/postern-kafka/postern/internal/kafkatest"
)

// warmRound is the number of the round that does not count.
const warmRound = -1

// run measures everything that was asked for and writes the results. The table
// goes to out, what happens meanwhile to notes.
func run(ctx context.Context, o options, out, notes io.Writer) (err error) {
	if missing := kafkatest.Missing(releases(o)...); missing != "" {
		return fmt.Errorf("bench: a real Kafka is needed: %s", missing)
	}
	r := &result{Started: time.Now().UTC().Truncate(time.Second), Options: o, Base: nginx}
	if r.Machine, err = describeMachine(); err != nil {
		return err
	}
	s, err := setUp(ctx, o)
	defer s.tearDown()
	if err != nil {
		return err
	}
	if err := s.raise(ctx, notes); err != nil {
		return err
	}
	if len(s.peers) == 0 {
		return errors.New("bench: no peer to measure is installed")
	}
	for _, p := range s.peers {
		r.Peers = append(r.Peers, described{Name: p.name, Version: p.version})
	}
	if err := s.warmUp(ctx); err != nil {
		return err
	}
	if err := s.rounds(ctx, r, notes); err != nil {
		return err
	}
	return r.publish(out)
}

// releases are the Kafka releases a run needs.
func releases(o options) []string {
	need := []string{kafkaVersion}
	for _, w := range o.Workloads {
		if w == javaTools {
			need = append(need, toolsVersion)
		}
	}
	return need
}

// warmUp fills the topic that is fetched, past the peers, and then writes and
// reads through each peer once without counting it: a broker that has not yet
// compiled its TLS would be charged to whoever comes first.
func (s *stage) warmUp(ctx context.Context) error {
	if err := s.makeTopic(ctx, quietTopic, 1); err != nil {
		return err
	}
	if err := s.makeTopic(ctx, fetchTopic, s.options.Clients); err != nil {
		return err
	}
	spec := s.spec(&peer{addr: s.broker().Addr()}, load.Produce)
	spec.CAFile, spec.Topic, spec.Records = "", fetchTopic, s.options.records(s.options.GB)
	l, err := startLoad(ctx, spec)
	if err != nil {
		return err
	}
	if _, err = l.run(); err != nil {
		return errors.Join(err, l.end())
	}
	if err := l.end(); err != nil {
		return err
	}
	for _, p := range s.peers {
		for _, workload := range []string{load.Produce, load.Fetch} {
			if _, err := s.measure(ctx, p, workload, warmRound); err != nil {
				return fmt.Errorf("bench: warming up: %s: %s: %w", workload, p.name, err)
			}
		}
	}
	return nil
}

// rounds measures every workload on every peer, round after round. Each workload
// of each round begins with another peer.
func (s *stage) rounds(ctx context.Context, r *result, notes io.Writer) error {
	for round := range s.options.Rounds {
		for _, workload := range s.options.Workloads {
			for i := range s.peers {
				p := s.peers[(round+i)%len(s.peers)]
				m, err := s.measure(ctx, p, workload, round)
				if errors.Is(err, errNotMeasured) {
					continue
				}
				if err != nil {
					return fmt.Errorf("bench: round %d: %s: %s: %w", round+1, workload, p.name, err)
				}
				r.add(round+1, p.name, workload, m)
				if _, err := fmt.Fprintf(notes, "round %d  %-8s  %-7s  %s\n", round+1, workload, p.name, m); err != nil {
					return fmt.Errorf("bench: notes: %w", err)
				}
			}
		}
	}
	r.Rows = figures.Rows(r.Values, r.Base)
	return nil
}
