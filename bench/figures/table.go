package figures

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Table renders rows as a Markdown table that can be read as text too: for each
// figure one line with every peer's median, and one for each name of ofs with its
// ratio to every other peer and the ratio's range over the rounds. A ratio is set
// in bold when no round contradicts it.
func Table(rows []Row, peers, ofs []string) string {
	lines := [][]string{append([]string{"figure", "unit"}, peers...)}
	workload := ""
	for _, r := range rows {
		if r.Figure.Workload != workload {
			workload = r.Figure.Workload
			lines = append(lines, append([]string{"**" + workload + "**", ""}, make([]string, len(peers))...))
		}
		lines = append(lines, numbersLine(r, peers))
		for _, of := range ofs {
			if line, ok := ratiosLine(r, peers, of); ok {
				lines = append(lines, line)
			}
		}
	}
	return render(lines)
}

// numbersLine is the line of a figure's medians.
func numbersLine(r Row, peers []string) []string {
	better := " ↓"
	switch {
	case r.Figure.Higher:
		better = " ↑"
	case r.Figure.Alone:
		better = ""
	}
	line := []string{r.Figure.Name, r.Figure.Unit + better}
	for _, p := range peers {
		s, ok := r.Peers[p]
		line = append(line, number(s, ok))
	}
	return line
}

// ratiosLine is the line of what one peer's number is of each other's; it reports
// false when there is none.
func ratiosLine(r Row, peers []string, of string) ([]string, bool) {
	line := []string{of + " ÷ it", ""}
	any := false
	for _, p := range peers {
		s, ok := r.Ratios[Pair{of, p}.String()]
		any = any || ok
		line = append(line, ratio(s, ok))
	}
	return line, any
}

// number prints a median.
func number(s Spread, ok bool) string {
	if !ok {
		return "–"
	}
	return digits(s.Median)
}

// ratio prints a ratio with its range.
func ratio(s Spread, ok bool) string {
	switch {
	case !ok:
		return ""
	case s.Rounds == 1:
		return fmt.Sprintf("%.2f", s.Median)
	case s.Min > 1 || s.Max < 1:
		return fmt.Sprintf("**%.2f** (%.2f–%.2f)", s.Median, s.Min, s.Max)
	default:
		return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Min, s.Max)
	}
}

// render pads the cells of lines, the first of which is the head. All columns but
// the first two are numbers.
func render(lines [][]string) string {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 4)
		}
	}
	var b strings.Builder
	for n, line := range lines {
		for i, cell := range line {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < 2 {
				b.WriteString("| " + cell + space + " ")
			} else {
				b.WriteString("| " + space + cell + " ")
			}
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i, w := range widths {
			rule := strings.Repeat("-", w+2)
			if i >= 2 {
				rule = rule[:w+1] + ":"
			}
			b.WriteString("|" + rule)
		}
		b.WriteString("|\n")
	}
	return b.String()
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
