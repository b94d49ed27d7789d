package charts

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

var names = Colours{"postern", "nginx"}

// wellFormed reads a drawing to its end.
func wellFormed(t *testing.T, drawing []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(drawing))
	elements := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
		if _, ok := token.(xml.StartElement); ok {
			elements++
		}
	}
	if elements < 20 {
		t.Errorf("%d elements: that is no drawing", elements)
	}
}

func TestBars(t *testing.T) {
	panels := []Panel{
		{Title: "produce", Unit: "s/GB", Bars: []Bar{{"postern", 0.6, 0.5, 0.7}, {"nginx", 0.64, 0.64, 0.64}}},
		{Title: "fetch", Unit: "s/GB", Bars: []Bar{{"nginx", 0.8, 0, 0}}},
		{Title: "ping-pong", Unit: "µs", Bars: []Bar{{"postern", 17, 0, 0}}},
		{Title: "handshakes", Unit: "ms", Bars: []Bar{{"stranger", 1.2, 0, 0}}},
	}
	drawing, err := Bars(panels, names)
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, drawing)
	for _, want := range []string{"handshakes", "s/GB", "postern", "0.64", "#D55E00", "#0072B2"} {
		if !strings.Contains(string(drawing), want) {
			t.Errorf("%q is not in the drawing", want)
		}
	}
	again, err := Bars(panels, names)
	if err != nil || !bytes.Equal(drawing, again) {
		t.Errorf("the same panels drawn again differ: %v", err)
	}
	if _, err := Bars(nil, names); err == nil {
		t.Error("no panels were drawn")
	}
}

func TestCurves(t *testing.T) {
	drawing, err := Curves("openloop", []Curve{
		{"postern", []Point{{0, 300}, {0.5, 800}, {0.99, 2000}, {0.9999, 9000}, {1, 90000}}},
		{"nginx", []Point{{0, 310}, {0.5, 900}, {0.99, 1900}}},
		{"absent", nil},
	}, names)
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, drawing)
	for _, want := range []string{"99.99", "percentile", "postern", "nginx"} {
		if !strings.Contains(string(drawing), want) {
			t.Errorf("%q is not in the drawing", want)
		}
	}
	if strings.Contains(string(drawing), "absent") {
		t.Error("a curve without points is in the legend")
	}
	if _, err := Curves("nothing", nil, names); err == nil {
		t.Error("no curves were drawn")
	}
}

func TestFlame(t *testing.T) {
	groups := Colours{"kernel", "the gateway"}
	stacks := []Stack{
		{[]Frame{{"main.serve", "the gateway"}, {"write <&> read", "the gateway"}, {"sys_write", "kernel"}}, 60},
		{[]Frame{{"main.serve", "the gateway"}, {"a.function.with.a.long.name", "the gateway"}}, 39},
		{[]Frame{{"main.serve", "the gateway"}, {"write <&> read", "the gateway"}}, 1},
		{[]Frame{{"seldom", "kernel"}}, 0.01},
	}
	drawing, err := Flame("produce", stacks, groups)
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, drawing)
	for _, want := range []string{"main.serve, 100.0 %", "write &lt;&amp;&gt; read, 61.0 %", "sys_write, 60.0 %", "#d55e00", "#0072b2"} {
		if !strings.Contains(string(drawing), want) {
			t.Errorf("%q is not in the drawing", want)
		}
	}
	if strings.Contains(string(drawing), "seldom") {
		t.Error("what is too narrow to be seen was drawn")
	}
	stacks[0], stacks[1] = stacks[1], stacks[0]
	if again, err := Flame("produce", stacks, groups); err != nil || !bytes.Equal(drawing, again) {
		t.Errorf("the same stacks in another order draw another picture: %v", err)
	}
	if _, err := Flame("nothing", nil, groups); err == nil {
		t.Error("no stacks were drawn")
	}
}
