package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/postern-kafka/postern/bench/load"
	"github.com/postern-kafka/postern/internal/kafkatest"
)

// warmRound is the number of the round that does not count.
const warmRound = -1

// run measures everything that was asked for and writes the results. The table
// goes to out, what happens meanwhile to notes.
func run(ctx context.Context, o options, out, notes io.Writer) (err error) {
	if err := available(ctx, o); err != nil {
		return err
	}
	r := &result{Started: time.Now().UTC().Truncate(time.Second), Options: o}
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

// available says what this machine lacks for a broker or for the Java tools.
func available(ctx context.Context, o options) error {
	var need []string
	if o.Docker {
		if missing := kafkatest.MissingDocker(ctx); missing != "" {
			return fmt.Errorf("bench: -docker: %s", missing)
		}
	} else {
		need = append(need, kafkaVersion)
	}
	if slices.Contains(o.Workloads, javaTools) {
		need = append(need, toolsVersion)
	}
	if len(need) == 0 {
		return nil
	}
	if missing := kafkatest.Missing(need...); missing != "" {
		return fmt.Errorf("bench: a real Kafka is needed: %s", missing)
	}
	return nil
}

// warmUp fills the topic that is fetched and asks for small things, past the peers,
// and then writes and reads through each peer once without counting it: a broker that
// has not yet compiled its TLS would be charged to whoever comes first.
func (s *stage) warmUp(ctx context.Context) error {
	if err := s.makeTopic(ctx, quietTopic, 1); err != nil {
		return err
	}
	if err := s.makeTopic(ctx, fetchTopic, s.options.Clients); err != nil {
		return err
	}
	past := &peer{addr: func(front) string { return s.broker.Addr() }, front: plainFront}
	spec := s.spec(past, load.Produce)
	spec.Topic, spec.Records = fetchTopic, s.options.records(s.options.GB)
	if err := do(ctx, spec); err != nil {
		return err
	}
	if err := s.warmSmall(ctx, past); err != nil {
		return err
	}
	for _, p := range s.peers {
		if err := s.warm(ctx, p, p.front); err != nil {
			return err
		}
	}
	return nil
}

// faster is how many times the rate of open loop a broker has to see small records at to
// compile what they need, in the same time.
const faster = 5

// warmSmall has the broker see small requests and small records, past the peers: whoever came
// first would otherwise wait for it more often, and sleep more, than who comes last.
func (s *stage) warmSmall(ctx context.Context, past *peer) error {
	spec := s.spec(past, load.PingPong)
	spec.Topic, spec.Requests, spec.Connections = quietTopic, s.options.Requests, s.options.PingPongs
	if err := do(ctx, spec); err != nil {
		return err
	}
	if err := s.makeTopic(ctx, warmTopic, s.options.Clients); err != nil {
		return err
	}
	spec = s.spec(past, load.OpenLoop)
	spec.Topic, spec.PerSecond, spec.Duration = warmTopic, faster*s.options.PerSecond, s.options.Latency
	return errors.Join(do(ctx, spec), s.dropTopic(ctx, warmTopic))
}

// rounds measures every workload on every peer, round after round. Each workload
// of each round begins with another peer, but the first one with the gateway: the
// table has the figures in the order in which they first came.
func (s *stage) rounds(ctx context.Context, r *result, notes io.Writer) error {
	for round := range s.options.Rounds {
		for _, w := range s.options.chosen() {
			if w.once && round > 0 {
				continue
			}
			for i := range s.peers {
				p := s.peers[(round+i)%len(s.peers)]
				if err := s.measureOne(ctx, r, w, p, round, notes); err != nil {
					return fmt.Errorf("bench: round %d: %s: %s: %w", round+1, w.name, p.name, err)
				}
			}
		}
	}
	r.summarize()
	return nil
}

// measureOne measures one workload on one peer in one round, and notes what came
// of it.
func (s *stage) measureOne(ctx context.Context, r *result, w workload, p *peer, round int, notes io.Writer) error {
	m, err := w.measure(s, ctx, p, round)
	if errors.Is(err, errNotMeasured) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, s.lastWords(p))
	}
	r.add(round+1, p.name, w.name, m)
	if _, err := fmt.Fprintf(notes, "round %d  %-13s  %-12s  %s\n", round+1, w.name, p.name, m); err != nil {
		return fmt.Errorf("bench: notes: %w", err)
	}
	return nil
}
