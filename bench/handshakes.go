package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/postern-kafka/postern/bench/load"
)

// handshakeKind is one way to begin a connection.
type handshakeKind struct {
	figure  string
	front   front
	groups  bool   // Go's default groups instead of X25519 alone
	onlyFor string // a peer; empty for all that have TLS
}

// handshakeKinds are measured in turn, on a peer set up for each.
var handshakeKinds = []handshakeKind{
	{figure: "RSA-2048, full", front: front{}},
	{figure: "RSA-2048, full, Go's groups", front: front{}, groups: true, onlyFor: postern},
	{figure: "RSA-2048, resumed", front: front{tickets: true}},
	{figure: "P-256, full", front: front{key: ecdsa}},
	{figure: "P-256, full, Go's groups", front: front{key: ecdsa}, groups: true, onlyFor: postern},
	{figure: "P-256, resumed", front: front{key: ecdsa, tickets: true}},
}

// measureHandshakes has connections made that ask one question and end; and the same
// without TLS, so that what TLS costs by itself can be told from what its connection costs.
func (s *stage) measureHandshakes(ctx context.Context, p *peer, _ int) (measurement, error) {
	kinds := slices.DeleteFunc(slices.Clone(handshakeKinds), func(kind handshakeKind) bool {
		return !p.endsTLS(kind.front) || kind.onlyFor != "" && kind.onlyFor != p.name
	})
	if len(kinds) == 0 {
		return measurement{}, errNotMeasured
	}
	all, bare, err := s.comeAndGo(ctx, p, s.options.Handshakes)
	if err != nil {
		return all, fmt.Errorf("without TLS: %w", err)
	}
	all.add("CPU per connection without TLS", "ms", bare/1e3)
	for _, kind := range kinds {
		m, err := s.measureHandshake(ctx, p, kind, bare)
		if err != nil {
			return all, fmt.Errorf("%s: %w", kind.figure, err)
		}
		all.also(m)
	}
	return all, nil
}

// measureHandshake measures one kind; bare is the microseconds of a connection without TLS.
func (s *stage) measureHandshake(ctx context.Context, p *peer, kind handshakeKind, bare float64) (measurement, error) {
	if err := s.stand(ctx, p, kind.front); err != nil {
		return measurement{}, err
	}
	spec := s.spec(p, load.Connect)
	spec.Connections, spec.Requests = 0, s.options.Handshakes
	spec.Resume, spec.DefaultGroups = kind.front.tickets, kind.groups
	m, cpu, err := s.perRequest(ctx, p, spec)
	if err != nil {
		return m, err
	}
	o := m.outcome
	if want := map[bool]int64{true: o.Requests}[kind.front.tickets]; o.Resumed != want {
		return m, fmt.Errorf("%d of %d sessions were resumed, want %d: %w", o.Resumed, o.Requests, want, load.ErrWrong)
	}
	m.add("CPU per handshake, "+kind.figure, "ms", cpu/1e3)
	m.add("TLS's share of that, "+kind.figure, "ms", (cpu-bare)/1e3)
	m.addHigher("handshakes, "+kind.figure, "1/s", float64(o.Requests)/o.Seconds)
	return m, nil
}

// measureChurn has connections without TLS made that ask one question and end.
func (s *stage) measureChurn(ctx context.Context, p *peer, _ int) (measurement, error) {
	if !p.between() {
		return measurement{}, errNotMeasured
	}
	m, cpu, err := s.comeAndGo(ctx, p, s.options.Churn)
	if err != nil {
		return m, err
	}
	m.add("CPU per connection", "µs", cpu)
	m.addHigher("connections", "1/s", float64(m.outcome.Requests)/m.outcome.Seconds)
	return m, nil
}

// comeAndGo measures so many connections without TLS, and what one of them costs.
func (s *stage) comeAndGo(ctx context.Context, p *peer, connections int64) (measurement, float64, error) {
	if err := s.stand(ctx, p, plainFront); err != nil {
		return measurement{}, 0, err
	}
	spec := s.spec(p, load.Connect)
	spec.Connections, spec.Requests = 0, connections
	return s.perRequest(ctx, p, spec)
}
