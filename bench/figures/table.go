package figures

import (
	"fmt"
	"math"
	"strings"
)

// Table renders rows as a Markdown table: one column per peer with its median,
// then one per peer other than base with its ratio to base and the ratio's
// range over the rounds.
func Table(rows []Row, peers []string, base string) string {
	var b strings.Builder
	others := make([]string, 0, len(peers))
	for _, p := range peers {
		if p != base {
			others = append(others, p)
		}
	}
	b.WriteString("| workload | figure | unit | better |")
	for _, p := range peers {
		fmt.Fprintf(&b, " %s |", p)
	}
	for _, p := range others {
		fmt.Fprintf(&b, " %s ÷ %s |", p, base)
	}
	b.WriteString("\n|---|---|---|---|")
	b.WriteString(strings.Repeat("---:|", len(peers)+len(others)))
	b.WriteByte('\n')
	for _, r := range rows {
		better := "lower"
		if r.Figure.Higher {
			better = "higher"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |", r.Figure.Workload, r.Figure.Name, r.Figure.Unit, better)
		for _, p := range peers {
			s, ok := r.Peers[p]
			fmt.Fprintf(&b, " %s |", cell(s, ok, false))
		}
		for _, p := range others {
			s, ok := r.Ratios[p]
			fmt.Fprintf(&b, " %s |", cell(s, ok, true))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// cell prints one number, with its range where a reader needs it to judge.
func cell(s Spread, ok, withRange bool) string {
	if !ok {
		return "–"
	}
	if !withRange {
		return digits(s.Median)
	}
	if s.Rounds == 1 {
		return fmt.Sprintf("%.2f", s.Median)
	}
	return fmt.Sprintf("**%.2f** (%.2f–%.2f)", s.Median, s.Min, s.Max)
}

// digits prints x with three significant digits and no exponent.
func digits(x float64) string {
	switch a := math.Abs(x); {
	case a >= 100:
		return fmt.Sprintf("%.0f", x)
	case a >= 10:
		return fmt.Sprintf("%.1f", x)
	case a >= 1:
		return fmt.Sprintf("%.2f", x)
	default:
		return fmt.Sprintf("%.3f", x)
	}
}
