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
	Base    string          `json:"ratios_to"`
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
			Figure: figures.Figure{Workload: workload, Name: n.name, Unit: n.unit, Higher: n.higher},
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

// publish prints the table and writes the files that were asked for.
func (r *result) publish(out io.Writer) error {
	text := r.markdown()
	if _, err := fmt.Fprintln(out, text); err != nil {
		return fmt.Errorf("bench: result: %w", err)
	}
	if r.Options.jsonPath != "" {
		if err := r.writeJSON(r.Options.jsonPath); err != nil {
			return err
		}
	}
	if r.Options.readmePath == "" {
		return nil
	}
	document, err := os.ReadFile(r.Options.readmePath)
	if err != nil {
		return fmt.Errorf("bench: -readme: %w", err)
	}
	changed, err := figures.Embed(string(document), text)
	if err != nil {
		return fmt.Errorf("bench: -readme %s: %w", r.Options.readmePath, err)
	}
	if err := os.WriteFile(r.Options.readmePath, []byte(changed), 0o644); err != nil {
		return fmt.Errorf("bench: -readme: %w", err)
	}
	return nil
}

// writeJSON keeps the run with every single measurement.
func (r *result) writeJSON(path string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("bench: -json: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("bench: -json: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("bench: -json: %w", err)
	}
	return nil
}

// markdown is the table with what a reader has to know of the run.
func (r *result) markdown() string {
	var b strings.Builder
	names := make([]string, 0, len(r.Peers))
	fmt.Fprintf(&b, "%s, %s, %d cores, %s kB of memory, Linux %s, %s, %s\n\n",
		r.Started.Format("2006-01-02"), r.Machine.CPU, r.Machine.Cores, r.Machine.MemoryKB, r.Machine.Kernel, r.Machine.Go, r.Machine.Java)
	for _, p := range r.Peers {
		fmt.Fprintf(&b, "- %s: %s", p.Name, p.Version)
		if p.Cipher != "" {
			fmt.Fprintf(&b, ", %s", p.Cipher)
		}
		b.WriteByte('\n')
		names = append(names, p.Name)
	}
	o := r.Options
	fmt.Fprintf(&b, "- %d rounds, %d workers or loops; %.3g GB in %d KiB batches of %d-byte records on %d connections; ping-pong on %d; %d records/s for %s; %d idle connections; Java tools %s with %.3g GB\n",
		o.Rounds, o.Threads, o.GB, o.BatchBytes>>10, o.RecordBytes, o.Clients, o.PingPongs, o.PerSecond, o.Latency, o.Idle, toolsVersion, o.JavaGB)
	fmt.Fprintf(&b, "- disturbed by: %s\n\n", r.disturbance())
	b.WriteString(figures.Table(r.Rows, names, r.Base))
	return b.String()
}

// disturbance sums up how much of the machine was not the benchmark's.
func (r *result) disturbance() string {
	var (
		shares []float64
		worst  check
	)
	for _, c := range r.Checks {
		shares = append(shares, c.Foreign)
		if c.Foreign >= worst.Foreign {
			worst = c
		}
	}
	s, ok := figures.Summarize(shares)
	if !ok {
		return "nothing was measured"
	}
	return fmt.Sprintf("foreign processes took %.1f %% of the CPUs in the median, at worst %.1f %% (round %d, %s, %s)",
		s.Median*100, worst.Foreign*100, worst.Round, worst.Workload, worst.Peer)
}
