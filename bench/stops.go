package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/postern-kafka/postern/bench/load"
)

// newcomers is how many connections a second are made while stops are counted.
const newcomers = 100

// measureStops looks at how long collections stop the gateway while thousands of
// connections stand and others come at an unhurried pace.
func (s *stage) measureStops(ctx context.Context, p *peer) (m measurement, err error) {
	spec := s.spec(p, load.Idle)
	spec.Connections = s.options.Idle
	standing, err := startLoad(ctx, spec)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, standing.end()) }()
	if _, err := standing.run(); err != nil {
		return m, err
	}
	before, err := s.stops(ctx)
	if err != nil {
		return m, err
	}
	spec = s.spec(p, load.Connect)
	spec.Connections, spec.PerSecond, spec.Duration = 0, newcomers, s.options.Neighbours
	coming, err := startLoad(ctx, spec)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, coming.end()) }()
	if m.outcome, err = coming.run(); err != nil {
		return m, err
	}
	after, err := s.stops(ctx)
	if err != nil {
		return m, err
	}
	count, longest := after.since(before)
	m.addAlone(fmt.Sprintf("stops for collections, %d connections and %d new ones a second", s.options.Idle, newcomers), "1/s", count/s.options.Neighbours.Seconds())
	m.addAlone(fmt.Sprintf("longest of them, %d connections", s.options.Idle), "ms", 1e3*longest)
	return m, nil
}

// stop is one line of a histogram: how many were at most so long, in seconds.
type stop struct{ length, count float64 }

// stops are all of them, the shortest first.
type stops []stop

// since is how many there were after those before, and an upper bound of the longest.
func (s stops) since(before stops) (count, longest float64) {
	was := map[float64]float64{}
	for _, b := range before {
		was[b.length] = b.count
	}
	for _, a := range s {
		if n := a.count - was[a.length]; n > count {
			count, longest = n, a.length
		}
	}
	return count, longest
}

// stops are those of the gateway since its start.
func (s *stage) stops(ctx context.Context) (stops, error) {
	text, err := s.metrics(ctx)
	if err != nil {
		return nil, err
	}
	return parseStops(text)
}

func parseStops(text string) (stops, error) {
	var all stops
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, `go_gc_pauses_seconds_bucket{le="`)
		if !ok {
			continue
		}
		length, count, _ := strings.Cut(strings.TrimSpace(rest), `"} `)
		a, err := strconv.ParseFloat(length, 64)
		b, failed := strconv.ParseFloat(count, 64)
		if err = errors.Join(err, failed); err != nil {
			return nil, fmt.Errorf("bench: postern: %q: %w", line, err)
		}
		if !math.IsInf(a, 1) {
			all = append(all, stop{a, b})
		}
	}
	if len(all) == 0 {
		return nil, errors.New("bench: postern: its metrics say nothing of stops for collections")
	}
	return all, nil
}
