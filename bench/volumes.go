package main

import (
	"context"
	"fmt"
	"time"

	"github.com/postern-kafka/postern/bench/load"
)

// measureWriting makes a workload that produces to a topic of its own, checks that all of
// it was stored, and drops it.
func measureWriting(name string, f front) func(s *stage, ctx context.Context, p *peer, round int) (measurement, error) {
	return func(s *stage, ctx context.Context, p *peer, round int) (m measurement, err error) {
		if err := s.standReady(ctx, p, f); err != nil {
			return m, err
		}
		topic := fmt.Sprintf("bench-%s-%s-%d-%t", name, p.name, round, f.plain)
		if err := s.makeTopic(ctx, topic, s.options.Clients); err != nil {
			return m, err
		}
		spec := s.spec(p, name)
		spec.Topic, spec.Records = topic, s.options.records(s.options.GB)
		spec.PerSecond, spec.Warm, spec.Duration = s.options.PerSecond, s.options.Warm, s.options.Latency
		if m, err = s.measureVolume(ctx, p, spec, round); err != nil {
			return m, err
		}
		if err := s.checkStored(ctx, topic, m.outcome); err != nil {
			return m, err
		}
		return m, s.dropTopic(ctx, topic)
	}
}

// checkStored asks the broker, past the peer, for what was produced. Each client
// sent one record before anything was measured.
func (s *stage) checkStored(ctx context.Context, topic string, o load.Outcome) error {
	stored, err := s.stored(ctx, topic)
	if err != nil {
		return err
	}
	if want := o.Records + int64(o.Connections); stored != want {
		return fmt.Errorf("the broker stored %d of %d records: %w", stored, want, load.ErrWrong)
	}
	return nil
}

// measureReading makes a workload that changes nothing.
func measureReading(name string, f front) func(s *stage, ctx context.Context, p *peer, round int) (measurement, error) {
	return func(s *stage, ctx context.Context, p *peer, round int) (m measurement, err error) {
		if err := s.standReady(ctx, p, f); err != nil {
			return m, err
		}
		spec := s.spec(p, name)
		spec.Topic, spec.Records = fetchTopic, s.options.records(s.options.GB)
		if name == load.PingPong {
			spec.Topic, spec.Requests, spec.Connections = quietTopic, s.options.Requests, s.options.PingPongs
		}
		return s.measureVolume(ctx, p, spec, round)
	}
}

// standReady is stand, and a peer that compiles itself has worked when it returns.
func (s *stage) standReady(ctx context.Context, p *peer, f front) error {
	if err := s.stand(ctx, p, f); err != nil {
		return err
	}
	if p.compiles && !p.warmed {
		return s.warm(ctx, p, f)
	}
	return nil
}

// measureVolume runs a load that is measured as a whole, under a profiler where
// one was asked for.
func (s *stage) measureVolume(ctx context.Context, p *peer, spec load.Spec, round int) (measurement, error) {
	watched, err := s.watch(p, spec, round)
	if err != nil {
		return measurement{}, err
	}
	m, before, after, err := s.measureLoad(ctx, p, spec)
	if err := watched.stop(ctx); err != nil {
		return m, err
	}
	if err != nil {
		return m, err
	}
	m.addOutcome(p, spec.Workload, after.peer.CPU-before.peer.CPU, after.broker.CPU-before.broker.CPU)
	return m, nil
}

// addOutcome turns what was done and the CPU time behind it into numbers. The CPU
// of a peer that is the broker itself is given as the broker's only: it did other
// work than a proxy.
func (m *measurement) addOutcome(p *peer, workload string, cpu, broker time.Duration) {
	o := m.outcome
	gigabytes, requests := float64(o.Bytes)/1e9, float64(o.Requests)
	switch workload {
	case load.Produce, load.Fetch:
		if p.between() {
			m.add("CPU per GB", "s/GB", cpu.Seconds()/gigabytes)
		}
		m.addHigher("throughput", "MB/s", float64(o.Bytes)/1e6/o.Seconds)
		m.add("broker CPU per GB", "s/GB", broker.Seconds()/gigabytes)
	case load.PingPong:
		if p.between() {
			m.add("CPU per request", "µs", cpu.Seconds()*1e6/requests)
		}
		m.addHigher("requests", "1/s", requests/o.Seconds)
	case load.OpenLoop:
		if p.between() {
			m.add("CPU per request", "µs", cpu.Seconds()*1e6/requests)
		}
		m.add("latency p50", "µs", o.Latency.P50)
		m.add("latency p99", "µs", o.Latency.P99)
		m.add("latency p99.9", "µs", o.Latency.P999)
	}
}
