package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postern-kafka/postern/bench/load"
)

// stormRate is how many handshakes a second come in a storm.
const stormRate = 200

// neighbours are established connections with an open loop on them.
func (s *stage) neighbours(p *peer) load.Spec {
	spec := s.spec(p, load.Paced)
	spec.Topic, spec.Connections, spec.PerSecond = quietTopic, s.options.PingPongs, s.options.PerSecond
	spec.Warm, spec.Duration = s.options.Warm/4, s.options.Neighbours
	return spec
}

// calmTLS is calm on a peer that has TLS.
func (s *stage) calmTLS(ctx context.Context, p *peer) (measurement, error) {
	if !p.endsTLS(front{}) {
		return measurement{}, errNotMeasured
	}
	m, _, err := s.calm(ctx, p, front{})
	return m, err
}

// calm measures the neighbours with nothing beside them, and the share of one CPU
// that the peer used for them.
func (s *stage) calm(ctx context.Context, p *peer, f front) (m measurement, cpu float64, err error) {
	if err := s.standReady(ctx, p, f); err != nil {
		return m, 0, err
	}
	m, before, after, err := s.measureLoad(ctx, p, s.neighbours(p))
	if err != nil {
		return m, 0, err
	}
	m.add("calm: neighbours' p99", "µs", m.outcome.Latency.P99)
	return m, share(m, before, after), nil
}

// share is how much of one CPU a peer used during a measurement.
func share(m measurement, before, after reading) float64 {
	return micros(before, after) / 1e6 / max(m.outcome.Seconds, 1e-3)
}

// disturbed is what was found while something disturbed the neighbours.
type disturbed struct {
	measurement
	cpu   float64      // share of one CPU that the peer used
	grown int64        // bytes of memory by which the peer grew
	did   load.Outcome // of what disturbed them
}

// beside measures the neighbours while a second load process disturbs them. One that
// keeps to a schedule does so on the CPU time that is left: it is the peer's work for it
// that is to disturb them, not its own.
func (s *stage) beside(ctx context.Context, p *peer, disturbance load.Spec) (d disturbed, err error) {
	spec := s.neighbours(p)
	disturbance.Duration = spec.Warm + spec.Duration + 2*s.options.Lead
	first, err := s.read(p)
	if err != nil {
		return d, err
	}
	var by []string
	if disturbance.PerSecond > 0 { // the outcome says whether it was kept
		by = []string{"nice", "-n", "19"}
	}
	l, err := startLoad(ctx, disturbance, by...)
	if err != nil {
		return d, err
	}
	ended := make(chan error, 1)
	go func() {
		var err error
		d.did, err = l.run()
		ended <- err
	}()
	defer func() { err = errors.Join(err, <-ended, l.end()) }()
	if err := pause(ctx, s.options.Lead); err != nil {
		return d, err
	}
	m, before, after, err := s.measureLoad(ctx, p, spec)
	d.measurement = m
	d.cpu = share(m, before, after)
	d.grown = after.peer.PSS - first.peer.PSS
	return d, err
}

// measureStorm looks at what 200 full handshakes a second cost sessions that were
// there before: their p99, relative to the calm before it.
func (s *stage) measureStorm(ctx context.Context, p *peer, _ int) (measurement, error) {
	all, err := s.calmTLS(ctx, p)
	if err != nil {
		return all, err
	}
	spec := s.spec(p, load.Connect)
	spec.Connections, spec.PerSecond = 0, stormRate
	calm := all.outcome.Latency.P99
	d, err := s.beside(ctx, p, spec)
	if err != nil {
		return all, err
	}
	m := d.measurement
	m.add("storm: neighbours' p99", "µs", m.outcome.Latency.P99)
	m.addAlone("storm ÷ calm, p99", "×", m.outcome.Latency.P99/calm)
	m.addAlone("handshakes that were had", "1/s", float64(d.did.Requests)/d.did.Seconds)
	all.also(m)
	return all, nil
}

// measureHostile looks at what one connection that behaves badly costs the others:
// their p99, relative to the calm before it, for each trick.
func (s *stage) measureHostile(ctx context.Context, p *peer, _ int) (measurement, error) {
	all, err := s.calmTLS(ctx, p)
	if err != nil {
		return all, err
	}
	calm := all.outcome.Latency.P99
	for _, trick := range load.Tricks {
		spec := s.spec(p, load.Hostile)
		spec.Topic, spec.Connections, spec.Trick = quietTopic, 0, trick
		if trick == load.SlowReader {
			spec.Topic = fetchTopic
		}
		d, err := s.beside(ctx, p, spec)
		if err != nil {
			return all, fmt.Errorf("%s: %w", trick, err)
		}
		m := d.measurement
		m.addAlone(trick+" ÷ calm, p99", "×", m.outcome.Latency.P99/calm)
		m.addAlone(trick+": CPU", "%", d.cpu*100)
		m.addAlone(trick+": memory taken", "MB", float64(d.grown)/1e6)
		if trick == load.Flood {
			m.addAlone(trick+": requests sent", "10³", float64(d.did.Requests)/1e3)
		}
		all.also(m)
	}
	return all, nil
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
