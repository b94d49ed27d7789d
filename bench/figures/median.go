package figures

import "slices"

// Summarize gives the median and the range of xs, which it leaves as it is. It
// reports false when there is nothing to summarize.
func Summarize(xs []float64) (Spread, bool) {
	if len(xs) == 0 {
		return Spread{}, false
	}
	sorted := slices.Sorted(slices.Values(xs))
	n := len(sorted)
	median := sorted[n/2]
	if n%2 == 0 {
		median = (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return Spread{Median: median, Min: sorted[0], Max: sorted[n-1], Rounds: n}, true
}

// Rows summarizes the values of a run, one row per figure in the order in which
// the figures first appear, with the ratios of the given pairs.
func Rows(values []Value, pairs []Pair) []Row {
	var order []Figure
	perFigure := make(map[Figure][]Value)
	for _, v := range values {
		if _, ok := perFigure[v.Figure]; !ok {
			order = append(order, v.Figure)
		}
		perFigure[v.Figure] = append(perFigure[v.Figure], v)
	}
	rows := make([]Row, 0, len(order))
	for _, f := range order {
		rows = append(rows, row(f, perFigure[f], pairs))
	}
	return rows
}

// row summarizes the values of one figure.
func row(f Figure, values []Value, pairs []Pair) Row {
	numbers := make(map[string][]float64)
	rounds := make(map[string]map[int]float64)
	for _, v := range values {
		numbers[v.Peer] = append(numbers[v.Peer], v.Number)
		if rounds[v.Peer] == nil {
			rounds[v.Peer] = make(map[int]float64)
		}
		rounds[v.Peer][v.Round] = v.Number
	}
	ratios := make(map[string][]float64)
	for _, p := range pairs {
		if f.Alone {
			break
		}
		for round, n := range rounds[p.Of] {
			if base := rounds[p.To][round]; base > 0 && n > 0 {
				ratios[p.String()] = append(ratios[p.String()], n/base)
			}
		}
	}
	return Row{Figure: f, Peers: summaries(numbers), Ratios: summaries(ratios)}
}

// summaries summarizes the numbers of each peer.
func summaries(numbers map[string][]float64) map[string]Spread {
	out := make(map[string]Spread, len(numbers))
	for peer, xs := range numbers {
		if s, ok := Summarize(xs); ok {
			out[peer] = s
		}
	}
	return out
}
