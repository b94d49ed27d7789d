package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postern-kafka/postern/bench/charts"
	"github.com/postern-kafka/postern/bench/figures"
	"github.com/postern-kafka/postern/bench/load"
)

// drawings are the charts of a run by file name: CPU time, and latencies where
// there was an open loop.
func (r *result) drawings() (map[string][]byte, error) {
	files := map[string][]byte{}
	colours := charts.Colours(allPeers())
	if panels := r.cpuPanels(); len(panels) > 0 {
		drawing, err := charts.Bars(panels, colours)
		if err != nil {
			return nil, fmt.Errorf("bench: %s: %w", cpuChart, err)
		}
		files[cpuChart] = drawing
	}
	if curves := r.curves(load.OpenLoop); len(curves) > 0 {
		title := fmt.Sprintf("latency of single records, %d/s, open loop", r.Options.PerSecond)
		drawing, err := charts.Curves(title, curves, colours)
		if err != nil {
			return nil, fmt.Errorf("bench: %s: %w", curvesChart, err)
		}
		files[curvesChart] = drawing
	}
	return files, nil
}

// cpuPanels has one panel for every kind of CPU time that two peers or more were
// measured in.
func (r *result) cpuPanels() []charts.Panel {
	var panels []charts.Panel
	for _, row := range r.Rows {
		if !strings.HasPrefix(row.Figure.Name, "CPU ") || row.Figure.Alone || len(row.Peers) < 2 {
			continue
		}
		panel := charts.Panel{Title: row.Figure.Workload + "\n" + row.Figure.Name, Unit: row.Figure.Unit}
		for _, name := range allPeers() {
			if s, ok := row.Peers[name]; ok {
				panel.Bars = append(panel.Bars, charts.Bar{Name: name, Value: s.Median, Low: s.Min, High: s.Max})
			}
		}
		panels = append(panels, panel)
	}
	return panels
}

// curves are the latencies of a workload: for each peer and percentile the median
// of the rounds.
func (r *result) curves(workload string) []charts.Curve {
	var curves []charts.Curve
	for _, name := range allPeers() {
		rounds := map[float64][]float64{}
		for _, c := range r.Checks {
			if c.Peer != name || c.Workload != workload || c.Outcome.Latency == nil {
				continue
			}
			for _, q := range c.Outcome.Latency.Quantiles {
				rounds[q.At] = append(rounds[q.At], q.Micros)
			}
		}
		curve := charts.Curve{Name: name}
		for at, micros := range rounds {
			if s, ok := figures.Summarize(micros); ok {
				curve.Points = append(curve.Points, charts.Point{At: at, Micros: s.Median})
			}
		}
		slices.SortFunc(curve.Points, func(a, b charts.Point) int {
			if a.At < b.At {
				return -1
			}
			return 1
		})
		if len(curve.Points) > 0 {
			curves = append(curves, curve)
		}
	}
	return curves
}
