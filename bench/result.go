package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/postern-kafka/postern/bench/figures"
	"github.com/postern-kafka/postern/bench/load"
)

// result is a whole run as it is kept.
type result struct {
	Started time.Time       `json:"started"`
	Machine machine         `json:"machine"`
	Peers   []described     `json:"peers"`
	Options options         `json:"options"`
	Rows    []figures.Row   `json:"rows"`
	Values  []figures.Value `json:"values"`
	Checks  []check         `json:"checks"`
}

// described is a peer in a result.
type described struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Cipher  string `json:"cipher,omitempty"` // agreed with the Go load; Java's clients rank ciphers their own way
}

// check is what tells how far one measurement can be believed.
type check struct {
	Round    int          `json:"round"`
	Peer     string       `json:"peer"`
	Workload string       `json:"workload"`
	Foreign  float64      `json:"foreign_cpu_share"`
	Stolen   float64      `json:"stolen_cpu_share"`
	Outcome  load.Outcome `json:"outcome"`
}

// add takes over a measurement. Rounds count from 1.
func (r *result) add(round int, peer, workload string, m measurement) {
	for _, n := range m.numbers {
		r.Values = append(r.Values, figures.Value{
			Round:  round,
			Peer:   peer,
			Number: n.value,
			Figure: figures.Figure{Workload: workload, Name: n.name, Unit: n.unit, Higher: n.higher, Alone: n.alone},
		})
	}
	for i := range r.Peers {
		if r.Peers[i].Name == peer && m.outcome.Cipher != "" {
			r.Peers[i].Cipher = m.outcome.Cipher
		}
	}
	r.Checks = append(r.Checks, check{
		Round: round, Peer: peer, Workload: workload,
		Foreign: m.foreign, Stolen: m.stolen, Outcome: m.outcome,
	})
}

// summarize computes the rows: the ratio of the gateway to every other peer, and
// of nginx to the floor, which tells how much of a ratio there is left to gain.
func (r *result) summarize() {
	pairs := []figures.Pair{{Of: nginx, To: floor}}
	for _, p := range r.Peers {
		if p.Name != postern {
			pairs = append(pairs, figures.Pair{Of: postern, To: p.Name})
		}
	}
	r.Rows = figures.Rows(r.Values, pairs)
}

// publish prints the table and writes the files that were asked for.
func (r *result) publish(out io.Writer) error {
	if _, err := fmt.Fprintln(out, r.markdown()); err != nil {
		return fmt.Errorf("bench: result: %w", err)
	}
	if r.Options.outDir != "" {
		if err := r.writeFiles(r.Options.outDir); err != nil {
			return err
		}
	}
	if r.Options.pagePath != "" {
		return r.fillPage(r.Options.pagePath)
	}
	return nil
}

// writeFiles keeps the run with every single measurement, its table and its
// charts.
func (r *result) writeFiles(dir string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("bench: -out: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("bench: -out: %w", err)
	}
	files, err := r.drawings()
	if err != nil {
		return err
	}
	files[resultFile], files[tableFile] = append(text, '\n'), []byte(r.markdown())
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("bench: -out: %w", err)
		}
	}
	return nil
}

// The files of a run.
const (
	resultFile  = "run.json"
	tableFile   = "table.md"
	cpuChart    = "cpu.svg"
	curvesChart = "latency.svg"
)

// markdown is the table with what a reader has to know of the run.
func (r *result) markdown() string {
	var b strings.Builder
	names := make([]string, 0, len(r.Peers))
	fmt.Fprintf(&b, "%s, %s, %d cores, %s kB of memory, Linux %s, TCP with %s, %s, %s\n\n",
		r.Started.Format("2006-01-02"), r.Machine.CPU, r.Machine.Cores, r.Machine.MemoryKB, r.Machine.Kernel, r.Machine.Congestion, r.Machine.Go, r.Machine.Java)
	for _, p := range r.Peers {
		fmt.Fprintf(&b, "- %s: %s", p.Name, p.Version)
		if p.Cipher != "" && p.Cipher != "none" {
			fmt.Fprintf(&b, ", %s", p.Cipher)
		}
		b.WriteByte('\n')
		names = append(names, p.Name)
	}
	fmt.Fprintf(&b, "- %s\n", r.Options)
	fmt.Fprintf(&b, "- disturbed by: %s\n\n", r.disturbance())
	b.WriteString(figures.Table(r.Rows, names, []string{postern, nginx}))
	return b.String()
}

// disturbance sums up how much of the machine was not the benchmark's.
func (r *result) disturbance() string {
	if len(r.Checks) == 0 {
		return "nothing was measured"
	}
	foreign, worst := r.lost(func(c check) float64 { return c.Foreign })
	stolen, robbed := r.lost(func(c check) float64 { return c.Stolen })
	return fmt.Sprintf("foreign processes took %.1f %% of the CPUs in the median, at worst %s; the hypervisor %.1f %%, at worst %s",
		foreign*100, worst, stolen*100, robbed)
}

// lost is one of the shares that went to others: the median over all measurements, and the
// worst with where it was.
func (r *result) lost(share func(check) float64) (median float64, worst string) {
	var shares []float64
	most := r.Checks[0]
	for _, c := range r.Checks {
		shares = append(shares, share(c))
		if share(c) >= share(most) {
			most = c
		}
	}
	s, _ := figures.Summarize(shares)
	return s.Median, fmt.Sprintf("%.1f %% (round %d, %s, %s)", share(most)*100, most.Round, most.Workload, most.Peer)
}
