package main

import (
	"fmt"
	"strings"

	"github.com/postern-kafka/postern/bench/figures"
	"github.com/postern-kafka/postern/bench/load"
)

// capacity is what a core or a gigabyte of the gateway is good for, computed from
// what one unit of work costs.
type capacity struct {
	what           string
	workload, cost string // the figure that it is computed from
	per            float64
	unit           string
}

// capacities are the lines of the sizing table: per divided by the cost.
var capacities = []capacity{
	{"produce, mTLS, large batches", load.Produce, "CPU per GB", 1000, "MB/s per core"},
	{"fetch, mTLS", load.Fetch, "CPU per GB", 1000, "MB/s per core"},
	{"produce, plaintext, large batches", "plain-produce", "CPU per GB", 1000, "MB/s per core"},
	{"fetch, plaintext", "plain-fetch", "CPU per GB", 1000, "MB/s per core"},
	{"small requests, busy connections", load.PingPong, "CPU per request", 1e6, "requests/s per core"},
	{"single records, 1,000/s", load.OpenLoop, "CPU per request", 1e6, "requests/s per core"},
	{"full handshakes, RSA-2048", "handshakes", "CPU per handshake, RSA-2048, full", 1e3, "1/s per core"},
	{"full handshakes, P-256", "handshakes", "CPU per handshake, P-256, full", 1e3, "1/s per core"},
	{"resumed handshakes, P-256", "handshakes", "CPU per handshake, P-256, resumed", 1e3, "1/s per core"},
	{"logins in clear, PLAIN", "logins", "CPU per login, PLAIN", 1e6, "1/s per core"},
	{"logins in clear, SCRAM-SHA-512", "logins", "CPU per login, SCRAM-SHA-512", 1e6, "1/s per core"},
	{"logins in clear, OAUTHBEARER", "logins", "CPU per login, OAUTHBEARER", 1e6, "1/s per core"},
	{"idle mTLS connections", load.Idle, "memory per connection", 1e6, "per GB of memory"},
}

// sizing is the table of capacities; empty when nothing it needs was measured.
func (r *result) sizing() string {
	var b strings.Builder
	for _, c := range capacities {
		s, ok := r.cost(c)
		if !ok || s.Median <= 0 {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("| work | one unit costs | good for |\n|---|---:|---:|\n")
		}
		fmt.Fprintf(&b, "| %s | %.3g %s | %s %s |\n", c.what, s.Median, r.unit(c), thousands(c.per/s.Median), c.unit)
	}
	return b.String()
}

// cost is what the gateway was measured at.
func (r *result) cost(c capacity) (figures.Spread, bool) {
	for _, row := range r.Rows {
		if row.Figure.Workload == c.workload && row.Figure.Name == c.cost {
			s, ok := row.Peers[postern]
			return s, ok
		}
	}
	return figures.Spread{}, false
}

// unit is what that was measured in.
func (r *result) unit(c capacity) string {
	for _, row := range r.Rows {
		if row.Figure.Workload == c.workload && row.Figure.Name == c.cost {
			return row.Figure.Unit
		}
	}
	return ""
}

// thousands prints a number to two digits, the thousands set apart: more would
// pretend to know the reader's machine.
func thousands(x float64) string {
	n := int64(x + 0.5)
	for step := int64(1); ; step *= 10 {
		if n/step < 100 {
			n = (n + step/2) / step * step
			break
		}
	}
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
