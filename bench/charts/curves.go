package charts

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Curve is a distribution of latencies.
type Curve struct {
	Name   string
	Points []Point
}

// Point says that the share At of all latencies was Micros or less.
type Point struct{ At, Micros float64 }

const (
	curvesWidth  = 22 * vg.Centimeter
	curvesHeight = 12 * vg.Centimeter
)

// Curves draws latencies over the logarithm of 1/(1-q), so that each nine of a
// percentile has the same room, both axes logarithmic.
func Curves(title string, curves []Curve, colours Colours) ([]byte, error) {
	p := plot.New()
	p.Title.Text = title
	p.X.Label.Text, p.Y.Label.Text = "percentile", "latency in ms"
	p.X.Tick.Marker = plot.ConstantTicks(percentiles())
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.ConstantTicks(milliseconds(curves))
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	drawn := 0
	for _, c := range curves {
		points := make(plotter.XYs, 0, len(c.Points))
		for _, at := range c.Points {
			if at.Micros > 0 && at.At < 1 {
				points = append(points, plotter.XY{X: nines(at.At), Y: at.Micros / 1000})
			}
		}
		if len(points) == 0 {
			continue
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, fmt.Errorf("charts: curves: %s: %w", c.Name, err)
		}
		line.Width, line.Color = vg.Points(1.5), colours.of(c.Name)
		p.Add(line)
		p.Legend.Add(c.Name, line)
		drawn++
	}
	if drawn == 0 {
		return nil, fmt.Errorf("charts: curves: nothing to draw")
	}
	canvas := vgsvg.New(curvesWidth, curvesHeight)
	p.Draw(draw.Crop(paper(canvas), vg.Millimeter*2, -vg.Millimeter*6, vg.Millimeter*2, -vg.Millimeter*2))
	return svg(canvas)
}

// nines is where a percentile lies: 0 for the least, 1 for 90 %, 2 for 99 %.
func nines(q float64) float64 { return -math.Log10(1 - q) }

// percentiles are the marks of the lower axis.
func percentiles() []plot.Tick {
	ticks := make([]plot.Tick, 0, 8)
	for _, q := range []struct {
		at    float64
		label string
	}{{0, "0"}, {0.5, "50"}, {0.75, "75"}, {0.9, "90"}, {0.95, "95"}, {0.99, "99"}, {0.999, "99.9"}, {0.9999, "99.99"}} {
		ticks = append(ticks, plot.Tick{Value: nines(q.at), Label: q.label})
	}
	return ticks
}

// milliseconds are the marks of the upright axis, a few in each decade that is
// used.
func milliseconds(curves []Curve) []plot.Tick {
	var all []float64
	for _, c := range curves {
		for _, p := range c.Points {
			if p.Micros > 0 {
				all = append(all, p.Micros/1000)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	var ticks []plot.Tick
	least, most := math.Floor(math.Log10(slices.Min(all))), math.Ceil(math.Log10(slices.Max(all)))
	for decade := least; decade <= most; decade++ {
		for _, n := range []float64{1, 2, 5} {
			v := n * math.Pow(10, decade)
			ticks = append(ticks, plot.Tick{Value: v, Label: fmt.Sprintf("%g", v)})
		}
	}
	return ticks
}
