package main

import (
	"context"
	"fmt"
	"time"

	"github.com/postern-kafka/postern/bench/load"
)

// failingPause is how long a client waits that was refused: Kafka's
// reconnect.backoff.max.ms, to which its clients come soon.
const failingPause = time.Second

// logsIn says whether a peer can be measured with SASL: nobody else checks
// credentials.
func (s *stage) logsIn(p *peer) bool {
	return p.name == postern || p.name == direct && s.broker.ListenerAddr(saslListener) != ""
}

// measureLogins has connections in clear made that log in, ask one question and end,
// by each mechanism; and the same without SASL, so that what a mechanism costs by
// itself can be told from what its connection costs. What direct uses is the broker's.
func (s *stage) measureLogins(ctx context.Context, p *peer, _ int) (measurement, error) {
	if !s.logsIn(p) {
		return measurement{}, errNotMeasured
	}
	all, bare, err := s.logInBy(ctx, p, plainFront, "")
	if err != nil {
		return all, fmt.Errorf("without SASL: %w", err)
	}
	all.add("CPU per connection without SASL", "µs", bare)
	for _, mechanism := range mechanisms {
		m, cpu, err := s.logInBy(ctx, p, saslFront, mechanism)
		if err != nil {
			return all, fmt.Errorf("%s: %w", mechanism, err)
		}
		m.add("CPU per login, "+mechanism, "µs", cpu)
		m.add("SASL's share of that, "+mechanism, "µs", cpu-bare)
		m.addHigher("logins, "+mechanism, "1/s", float64(m.outcome.Requests)/m.outcome.Seconds)
		all.also(m)
	}
	return all, nil
}

// warmLogins is how many times as many logins as are measured a JVM does of each kind
// before the first that counts. Its CPU time for one falls until then, to less than half.
const warmLogins = 3

// logInBy measures connections of one kind and returns what one costs.
func (s *stage) logInBy(ctx context.Context, p *peer, f front, mechanism string) (measurement, float64, error) {
	if err := s.stand(ctx, p, f); err != nil {
		return measurement{}, 0, err
	}
	spec := s.spec(p, load.Connect)
	spec.Connections, spec.Requests = 0, s.options.Logins
	if mechanism != "" {
		login := s.accounts.good(p, mechanism)
		spec.Login = &login
	}
	if !p.between() && !s.compiled[mechanism] {
		warm := spec
		warm.Requests *= warmLogins
		if err := do(ctx, warm); err != nil {
			return measurement{}, 0, err
		}
		s.compiled[mechanism] = true
	}
	return s.perRequest(ctx, p, spec)
}

// measureFailing looks at what clients that fail to log in again and again, by all
// mechanisms, cost sessions that have: their p99, relative to the calm before it.
func (s *stage) measureFailing(ctx context.Context, p *peer, _ int) (measurement, error) {
	if !s.logsIn(p) {
		return measurement{}, errNotMeasured
	}
	all, idle, err := s.calm(ctx, p, saslFront)
	if err != nil {
		return all, err
	}
	spec := s.spec(p, load.Failing)
	spec.Connections, spec.Pause = s.options.Failing, failingPause
	spec.Login, spec.Bad = nil, s.accounts.bad(p)
	calm := all.outcome.Latency.P99
	d, err := s.beside(ctx, p, spec)
	if err != nil {
		return all, err
	}
	m := d.measurement
	tries := float64(d.did.Requests) / d.did.Seconds
	m.add("failing: neighbours' p99", "µs", m.outcome.Latency.P99)
	m.addAlone("failing ÷ calm, p99", "×", m.outcome.Latency.P99/calm)
	m.addAlone("failed logins", "1/s", tries)
	m.addAlone("of them unanswered", "%", 100*float64(d.did.Unanswered)/float64(max(1, d.did.Requests)))
	// The difference of two short times: it may be nothing.
	m.addAlone("CPU per failed login", "µs", (d.cpu-idle)/tries*1e6)
	all.also(m)
	return all, nil
}
