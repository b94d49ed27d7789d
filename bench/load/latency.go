package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is a distribution in microseconds.
type Latency struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_us"`
	P99   float64 `json:"p99_us"`
	P999  float64 `json:"p999_us"`
	Max   float64 `json:"max_us"`
	// Quantiles draw its curve, in the order of Quantiles' At.
	Quantiles []Quantile `json:"quantiles"`
}

// Quantile says that the share At of all latencies was Micros or less.
type Quantile struct {
	At     float64 `json:"at"`
	Micros float64 `json:"us"`
}

// curve are the shares at which a distribution is drawn: evenly on an axis of
// the logarithm of 1/(1-q).
var curve = []float64{
	0, 0.2, 0.37, 0.5, 0.6, 0.68, 0.75, 0.8, 0.84, 0.9, 0.937, 0.95, 0.968, 0.98, 0.984, 0.99,
	0.9937, 0.995, 0.9968, 0.998, 0.9984, 0.999, 0.9995, 0.9999,
}

// newHistogram holds microseconds from 1 to a minute, exact to three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, time.Minute.Microseconds(), 3)
}

// distribution reads the percentiles of h. A share is left out when too few
// latencies lie beyond it to say where it is.
func distribution(h *hdrhistogram.Histogram) *Latency {
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q * 100)) }
	l := &Latency{Count: h.TotalCount(), P50: at(0.5), P99: at(0.99), P999: at(0.999), Max: float64(h.Max())}
	for _, q := range curve {
		const beyond = 3
		if float64(l.Count)*(1-q) >= beyond {
			l.Quantiles = append(l.Quantiles, Quantile{At: q, Micros: at(q)})
		}
	}
	return l
}
