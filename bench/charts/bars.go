package charts

import (
	"bytes"
	"fmt"
	"image/color"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Panel is the cost of one kind of work.
type Panel struct {
	Title string
	Unit  string
	Bars  []Bar
}

// Bar is what it costs one peer, with the range over the rounds.
type Bar struct {
	Name             string
	Value, Low, High float64
}

const (
	panelWidth  = 8 * vg.Centimeter
	panelHeight = 6 * vg.Centimeter
	perLine     = 3
)

// Bars draws panels side by side, each with a scale of its own.
func Bars(panels []Panel, colours Colours) ([]byte, error) {
	lines := (len(panels) + perLine - 1) / perLine
	if lines == 0 {
		return nil, fmt.Errorf("charts: bars: nothing to draw")
	}
	plots := make([][]*plot.Plot, lines)
	for i := range plots {
		plots[i] = make([]*plot.Plot, perLine)
	}
	for i, panel := range panels {
		p, err := panel.plot(colours)
		if err != nil {
			return nil, fmt.Errorf("charts: bars: %s: %w", panel.Title, err)
		}
		plots[i/perLine][i%perLine] = p
	}
	canvas := vgsvg.New(perLine*panelWidth, vg.Length(lines)*panelHeight)
	area := paper(canvas)
	tiles := draw.Tiles{
		Rows: lines, Cols: perLine,
		PadX: vg.Millimeter * 3, PadY: vg.Millimeter * 5,
		PadTop: vg.Millimeter * 2, PadBottom: vg.Millimeter * 2, PadLeft: vg.Millimeter * 2, PadRight: vg.Millimeter * 2,
	}
	for i, line := range plot.Align(plots, tiles, area) {
		for j, at := range line {
			if p := plots[i][j]; p != nil {
				p.Draw(at)
			}
		}
	}
	return svg(canvas)
}

// plot draws one panel: a bar for each peer, labelled with its value.
func (panel Panel) plot(colours Colours) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = panel.Title
	p.Title.TextStyle.Font.Size = vg.Points(9)
	p.Y.Label.Text = panel.Unit
	p.Y.Label.TextStyle.Font.Size = vg.Points(9)
	p.Y.Min = 0
	names := make([]string, 0, len(panel.Bars))
	labels := plotter.XYLabels{}
	for i, bar := range panel.Bars {
		b, err := plotter.NewBarChart(plotter.Values{bar.Value}, panelWidth/vg.Length(2+2*len(panel.Bars)))
		if err != nil {
			return nil, err
		}
		b.XMin = float64(i)
		b.Color = colours.of(bar.Name)
		b.LineStyle.Width = 0
		p.Add(b)
		names = append(names, bar.Name)
		labels.XYs = append(labels.XYs, plotter.XY{X: float64(i), Y: bar.Value})
		labels.Labels = append(labels.Labels, digits(bar.Value))
	}
	if err := addRanges(p, panel.Bars); err != nil {
		return nil, err
	}
	values, err := plotter.NewLabels(labels)
	if err != nil {
		return nil, err
	}
	for i := range values.TextStyle {
		values.TextStyle[i].XAlign = draw.XCenter
		values.TextStyle[i].Font.Size = vg.Points(7)
	}
	values.Offset = vg.Point{Y: vg.Points(2)}
	p.Add(values)
	p.NominalX(names...)
	p.X.Tick.Label.Rotation = 0.5
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = draw.XRight, draw.YTop
	p.X.Tick.Label.Font.Size, p.Y.Tick.Label.Font.Size = vg.Points(8), vg.Points(8)
	p.Y.Max *= 1.12 // room for the labels
	return p, nil
}

// addRanges draws how far the rounds lay apart.
func addRanges(p *plot.Plot, bars []Bar) error {
	for i, bar := range bars {
		if bar.Low >= bar.High {
			continue
		}
		line, err := plotter.NewLine(plotter.XYs{{X: float64(i), Y: bar.Low}, {X: float64(i), Y: bar.High}})
		if err != nil {
			return err
		}
		line.Width = vg.Points(1)
		p.Add(line)
	}
	return nil
}

// digits prints x with three digits and no exponent.
func digits(x float64) string {
	if x >= 1000 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// paper makes a canvas white, for readers of dark pages.
func paper(canvas *vgsvg.Canvas) draw.Canvas {
	area := draw.New(canvas)
	area.SetColor(color.White)
	area.Fill(area.Path())
	return area
}

// svg is what was drawn on a canvas.
func svg(canvas *vgsvg.Canvas) ([]byte, error) {
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("charts: %w", err)
	}
	return b.Bytes(), nil
}
