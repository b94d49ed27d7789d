package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/postern-kafka/postern/bench/figures"
)

// The regions of a page that a run can fill.
const (
	tableRegion   = "table"   // the table
	chartsRegion  = "charts"  // links to the run's charts
	sizingRegion  = "sizing"  // what a core and a gigabyte are good for
	hottestRegion = "hottest" // where the gateway's CPU time went
)

// fillPage writes anew what of the regions a document has and this run has to say:
// that of a run under a profiler is where time went, and no figure.
func (r *result) fillPage(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("bench: -page: %w", err)
	}
	texts := map[string]string{tableRegion: r.markdown(), chartsRegion: r.chartLinks(filepath.Dir(path)), sizingRegion: r.sizing()}
	if r.Options.profileDir != "" {
		hottest, err := hottestFunctions(r.Options.profileDir, filepath.Dir(path))
		if err != nil {
			return err
		}
		texts = map[string]string{hottestRegion: hottest}
	}
	document, found := string(content), 0
	for region, text := range texts {
		changed, err := figures.Embed(document, region, text)
		if errors.Is(err, figures.ErrNoMarkers) {
			continue
		}
		if err != nil {
			return fmt.Errorf("bench: -page %s: %w", path, err)
		}
		found++
		if text != "" {
			document = changed
		}
	}
	if found == 0 {
		return fmt.Errorf("bench: -page %s: %w: it has no line %s", path, figures.ErrNoMarkers, figures.Begin(slices.Sorted(maps.Keys(texts))[0]))
	}
	if err := os.WriteFile(path, []byte(document), 0o644); err != nil {
		return fmt.Errorf("bench: -page: %w", err)
	}
	return nil
}

// chartLinks shows the run's charts on a page in dir; empty when they are not kept.
func (r *result) chartLinks(dir string) string {
	if r.Options.outDir == "" {
		return ""
	}
	var b strings.Builder
	for _, chart := range []struct{ title, file string }{{"CPU time of each kind of work, by peer", cpuChart}, {"Latency by percentile", curvesChart}} {
		if path, err := relative(dir, filepath.Join(r.Options.outDir, chart.file)); err == nil {
			fmt.Fprintf(&b, "![%s](%s)\n\n", chart.title, path)
		}
	}
	return b.String()
}
