package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/postern-kafka/postern/bench/load"
	"github.com/postern-kafka/postern/bench/procstat"
)

// errNotMeasured says that a workload means nothing for a peer.
var errNotMeasured = errors.New("not measured")

// number is one number of a measurement.
type number struct {
	name   string
	unit   string
	higher bool // is better
	value  float64
}

// measurement is what one workload on one peer in one round gave.
type measurement struct {
	numbers []number
	foreign float64 // share of the machine's CPUs that went to somebody else's processes
	stolen  float64 // share that the hypervisor gave away
	outcome load.Outcome
}

// String prints the numbers on one line.
func (m measurement) String() string {
	var b strings.Builder
	for _, n := range m.numbers {
		fmt.Fprintf(&b, "%s %.3f %s, ", n.name, n.value, n.unit)
	}
	fmt.Fprintf(&b, "foreign CPU %.0f %%", m.foreign*100)
	if m.stolen >= 0.005 {
		fmt.Fprintf(&b, ", stolen %.0f %%", m.stolen*100)
	}
	return b.String()
}

// add appends a number of which less is better.
func (m *measurement) add(name, unit string, value float64) {
	m.numbers = append(m.numbers, number{name: name, unit: unit, value: value})
}

// addHigher appends a number of which more is better.
func (m *measurement) addHigher(name, unit string, value float64) {
	m.numbers = append(m.numbers, number{name: name, unit: unit, value: value, higher: true})
}

// reading is what everything had used at one moment.
type reading struct {
	peer   procstat.Usage
	broker procstat.Usage
	bench  procstat.Usage // this process and all it started
	system procstat.System
}

// read takes a reading.
func (s *stage) read(p *peer) (reading, error) {
	var (
		r    reading
		errs [4]error
	)
	r.peer, errs[0] = procstat.Of(procstat.Live, p.pid())
	r.broker, errs[1] = procstat.Of(procstat.Live, s.broker().Pid())
	r.bench, errs[2] = procstat.Of(procstat.Live, os.Getpid())
	r.system, errs[3] = procstat.Machine(procstat.Live)
	return r, errors.Join(errs[:]...)
}

// shares fills in how much of the machine was not the benchmark's.
func (m *measurement) shares(before, after reading) {
	busy := after.system.Busy - before.system.Busy
	stolen := after.system.Steal - before.system.Steal
	all := busy + stolen + after.system.Idle - before.system.Idle
	if all <= 0 {
		return
	}
	ours := after.bench.CPU - before.bench.CPU
	m.foreign = max(0, float64(busy-ours)/float64(all))
	m.stolen = float64(stolen) / float64(all)
}

// measure does one workload on one peer.
func (s *stage) measure(ctx context.Context, p *peer, workload string, round int) (measurement, error) {
	switch workload {
	case javaTools:
		return s.measureJava(ctx, p, round)
	case load.Idle:
		return s.measureIdle(ctx, p)
	case load.Produce, load.OpenLoop:
		return s.measureWriting(ctx, p, workload, round)
	default:
		return s.measureReading(ctx, p, workload, round)
	}
}

// measureWriting produces to a topic of its own, checks that all of it was
// stored, and drops it.
func (s *stage) measureWriting(ctx context.Context, p *peer, workload string, round int) (m measurement, err error) {
	topic := fmt.Sprintf("bench-%s-%s-%d", workload, p.name, round)
	if err := s.makeTopic(ctx, topic, s.options.Clients); err != nil {
		return m, err
	}
	spec := s.spec(p, workload)
	spec.Topic, spec.Records = topic, s.options.records(s.options.GB)
	spec.PerSecond, spec.Warm, spec.Duration = s.options.PerSecond, s.options.Warm, s.options.Latency
	m, outcome, err := s.measureLoad(ctx, p, spec, round)
	if err != nil {
		return m, err
	}
	stored, err := s.stored(ctx, topic)
	if err != nil {
		return m, err
	}
	// Each client sent one record before anything was measured.
	if want := outcome.Records + int64(outcome.Connections); stored != want {
		return m, fmt.Errorf("the broker stored %d of %d records: %w", stored, want, load.ErrWrong)
	}
	return m, s.dropTopic(ctx, topic)
}

// measureReading does a workload that changes nothing.
func (s *stage) measureReading(ctx context.Context, p *peer, workload string, round int) (measurement, error) {
	spec := s.spec(p, workload)
	spec.Topic, spec.Records = fetchTopic, s.options.records(s.options.GB)
	if workload == load.PingPong {
		spec.Topic, spec.Requests, spec.Connections = quietTopic, s.options.Requests, s.options.PingPongs
	}
	m, _, err := s.measureLoad(ctx, p, spec, round)
	return m, err
}

// measureLoad runs a load process and reads what the peer used meanwhile.
func (s *stage) measureLoad(ctx context.Context, p *peer, spec load.Spec, round int) (m measurement, outcome load.Outcome, err error) {
	l, err := startLoad(ctx, spec)
	if err != nil {
		return m, outcome, err
	}
	defer func() { err = errors.Join(err, l.end()) }()
	if s.options.profileDir != "" && p.name == postern && round != warmRound {
		watched, err := startProfile(s.options.profileDir, fmt.Sprintf("%s-%d", spec.Workload, round+1), p.pid())
		if err != nil {
			return m, outcome, err
		}
		defer func() { err = errors.Join(err, watched.stop(ctx)) }()
	}
	before, err := s.read(p)
	if err != nil {
		return m, outcome, err
	}
	if outcome, err = l.run(); err != nil {
		return m, outcome, err
	}
	after, err := s.read(p)
	if err != nil {
		return m, outcome, err
	}
	m.shares(before, after)
	m.outcome = outcome
	m.addOutcome(p, spec.Workload, outcome, after.peer.CPU-before.peer.CPU, after.broker.CPU-before.broker.CPU)
	return m, outcome, nil
}

// addOutcome turns an outcome and the CPU time behind it into numbers. The CPU
// of a peer that is the broker itself is given as the broker's only: it did other
// work than a proxy.
func (m *measurement) addOutcome(p *peer, workload string, o load.Outcome, cpu, broker time.Duration) {
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
