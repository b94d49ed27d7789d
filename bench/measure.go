package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

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
	alone  bool // says nothing when divided by another peer's
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
	r.peer, errs[0] = procstat.Of(procstat.Live, p.pid(s))
	r.broker, errs[1] = procstat.Of(procstat.Live, s.broker.Pid())
	r.bench, errs[2] = procstat.Of(procstat.Live, os.Getpid())
	r.system, errs[3] = procstat.Machine(procstat.Live)
	return r, errors.Join(errs[:]...)
}

// addAlone appends a number that is not to be compared with other peers' by a
// ratio: it is one itself, or may be nothing.
func (m *measurement) addAlone(name, unit string, value float64) {
	m.numbers = append(m.numbers, number{name: name, unit: unit, value: value, alone: true})
}

// also takes over what another measurement of the same workload found: its
// numbers, and the worse of the shares.
func (m *measurement) also(other measurement) {
	m.numbers = append(m.numbers, other.numbers...)
	m.foreign, m.stolen = max(m.foreign, other.foreign), max(m.stolen, other.stolen)
	m.outcome = other.outcome
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

// measureLoad runs a load process and reads what the peer used meanwhile.
func (s *stage) measureLoad(ctx context.Context, p *peer, spec load.Spec) (m measurement, before, after reading, err error) {
	l, err := startLoad(ctx, spec)
	if err != nil {
		return m, before, after, err
	}
	defer func() { err = errors.Join(err, l.end()) }()
	if before, err = s.read(p); err != nil {
		return m, before, after, err
	}
	if m.outcome, err = l.run(); err != nil {
		return m, before, after, err
	}
	if after, err = s.read(p); err != nil {
		return m, before, after, err
	}
	m.shares(before, after)
	return m, before, after, nil
}

// perRequest measures a load whose only figure here is the CPU time of a request,
// in microseconds. A peer that compiles itself does it once uncounted before.
func (s *stage) perRequest(ctx context.Context, p *peer, spec load.Spec) (measurement, float64, error) {
	if p.compiles {
		if err := do(ctx, spec); err != nil {
			return measurement{}, 0, err
		}
	}
	m, before, after, err := s.measureLoad(ctx, p, spec)
	return m, micros(before, after) / float64(max(1, m.outcome.Requests)), err
}

// micros is the CPU time of the peer between two readings.
func micros(before, after reading) float64 { return (after.peer.CPU - before.peer.CPU).Seconds() * 1e6 }
