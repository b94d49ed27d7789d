package charts

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	svgo "github.com/ajstarks/svgo"
)

// Stack is a stack of calls, the outermost first, and how much of the time it
// was found running.
type Stack struct {
	Frames []Frame
	Weight float64
}

// Frame is a function, and the group of functions that gives it its colour.
type Frame struct{ Function, Group string }

const (
	flameWidth  = 1200 // pixels
	flameRow    = 17   // pixels
	flameMargin = 24   // pixels, around
	flameNarrow = 1    // pixels: what would be less wide is left out
	flameLetter = 7    // pixels: the width of a letter
)

// node is a function where it was called from.
type node struct {
	Frame
	weight float64
	calls  map[Frame]*node
}

// Flame draws stacks as a flame graph (Gregg): a box for each function in each
// way it was called, as wide as its share of the time, on top of its caller; in
// order of their names, so that two drawings can be compared.
func Flame(title string, stacks []Stack, groups Colours) ([]byte, error) {
	root := &node{calls: map[Frame]*node{}}
	for _, s := range stacks {
		root.add(s)
	}
	if root.weight <= 0 {
		return nil, fmt.Errorf("charts: flame graph: %s: nothing to draw", title)
	}
	perWeight := flameWidth / root.weight
	height := 2*flameMargin + flameRow*root.depth(perWeight)
	var b bytes.Buffer
	canvas := svgo.New(&b)
	canvas.Start(flameWidth+2*flameMargin, height+flameMargin)
	canvas.Rect(0, 0, flameWidth+2*flameMargin, height+flameMargin, "fill:white")
	canvas.Gstyle("font-family:monospace;font-size:11px")
	canvas.Text(flameMargin, flameMargin-8, title)
	at := flameMargin
	for _, g := range groups {
		canvas.Rect(at, height, flameRow-4, flameRow-4, "fill:"+groups.web(g))
		canvas.Text(at+flameRow, height+flameRow-6, g)
		at += 2*flameRow + flameLetter*len(g)
	}
	root.draw(canvas, flameMargin, height-flameMargin, perWeight, root.weight, groups)
	canvas.Gend()
	canvas.End()
	return b.Bytes(), nil
}

func (n *node) add(s Stack) {
	n.weight += s.Weight
	for _, f := range s.Frames {
		next := n.calls[f]
		if next == nil {
			next = &node{Frame: f, calls: map[Frame]*node{}}
			n.calls[f] = next
		}
		next.weight += s.Weight
		n = next
	}
}

// depth is how many rows are drawn above n.
func (n *node) depth(perWeight float64) int {
	deepest := 0
	for _, c := range n.calls {
		if c.weight*perWeight >= flameNarrow {
			deepest = max(deepest, 1+c.depth(perWeight))
		}
	}
	return deepest
}

// draw draws what n calls, from x and the row whose lower edge is y.
func (n *node) draw(canvas *svgo.SVG, x float64, y int, perWeight, all float64, groups Colours) {
	calls := slices.SortedFunc(maps.Values(n.calls), func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.Function, b.Function), cmp.Compare(a.Group, b.Group))
	})
	for _, c := range calls {
		width := c.weight * perWeight
		if width >= flameNarrow {
			c.box(canvas, x, y, width, 100*c.weight/all, groups)
			c.draw(canvas, x, y-flameRow, perWeight, all, groups)
		}
		x += width
	}
}

// box draws one function; its whole name and its share are told under the mouse.
func (n *node) box(canvas *svgo.SVG, x float64, y int, width, percent float64, groups Colours) {
	canvas.Group()
	canvas.Title(fmt.Sprintf("%s, %.1f %%", n.Function, percent))
	canvas.Rect(int(x), y-flameRow, max(1, int(x+width)-int(x)), flameRow-1,
		fmt.Sprintf("fill:%s;fill-opacity:%.2f", groups.web(n.Group), shade(n.Function)))
	if letters := int(width) / flameLetter; letters > 2 {
		canvas.Text(int(x)+2, y-5, shortened(n.Function[strings.LastIndexByte(n.Function, '/')+1:], letters))
	}
	canvas.Gend()
}

// shade tells neighbours of one group apart, and is the same for a name always.
func shade(name string) float64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // writing to a hash does not fail
	return 0.4 + float64(h.Sum32()%30)/100
}

// shortened is a name cut at its end to so many letters.
func shortened(name string, letters int) string {
	if runes := []rune(name); len(runes) > letters {
		return string(runes[:letters-1]) + "…"
	}
	return name
}
