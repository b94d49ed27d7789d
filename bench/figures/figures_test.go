package figures

import (
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/quick"
)

var update = flag.Bool("update", false, "rewrite the golden files under testdata")

func TestSummarize(t *testing.T) {
	for _, tc := range []struct {
		name string
		xs   []float64
		want Spread
		ok   bool
	}{
		{name: "nothing"},
		{name: "one", xs: []float64{4}, want: Spread{Median: 4, Min: 4, Max: 4, Rounds: 1}, ok: true},
		{name: "even", xs: []float64{4, 1, 3, 2}, want: Spread{Median: 2.5, Min: 1, Max: 4, Rounds: 4}, ok: true},
		{name: "odd with an outlier", xs: []float64{900, 1, 2}, want: Spread{Median: 2, Min: 1, Max: 900, Rounds: 3}, ok: true},
	} {
		got, ok := Summarize(tc.xs)
		if got != tc.want || ok != tc.ok {
			t.Errorf("%s: got %+v %v, want %+v %v", tc.name, got, ok, tc.want, tc.ok)
		}
	}
}

func TestSummarizeProperties(t *testing.T) {
	property := func(xs []float64) bool {
		for i := range xs {
			xs[i] = math.Mod(xs[i], 1e6)
		}
		before := slices.Clone(xs)
		s, ok := Summarize(xs)
		if ok != (len(xs) > 0) || !slices.Equal(before, xs) {
			return false
		}
		below, above := 0, 0
		for _, x := range xs {
			if x < s.Median {
				below++
			}
			if x > s.Median {
				above++
			}
		}
		return !ok || s.Min <= s.Median && s.Median <= s.Max && 2*below <= len(xs) && 2*above <= len(xs)
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error("the median splits its numbers into halves and leaves them as they were:", err)
	}
}

// pairs are what the rows below are asked for.
var pairs = []Pair{{"postern", "nginx"}, {"postern", "direct"}, {"nginx", "floor"}}

var cpu = Figure{Workload: "produce", Name: "CPU per GB", Unit: "s/GB"}

func TestRatiosPairRounds(t *testing.T) {
	// The machine was twice as slow in round 2 and nginx was not measured in
	// round 3: the ratio is that of each common round.
	values := []Value{
		{1, "nginx", cpu, 1.0},
		{1, "postern", cpu, 0.8},
		{2, "postern", cpu, 1.6},
		{2, "nginx", cpu, 2.0},
		{3, "postern", cpu, 50},
	}
	rows := Rows(values, pairs)
	if len(rows) != 1 {
		t.Fatalf("rows: got %d, want 1", len(rows))
	}
	got := rows[0].Ratios["postern ÷ nginx"]
	if math.Abs(got.Median-0.8) > 1e-9 || got.Rounds != 2 {
		t.Errorf("ratio of postern to nginx: got %+v, want 0.8 over 2 rounds", got)
	}
	if len(rows[0].Ratios) != 1 {
		t.Errorf("ratios: got %v, want only the pair that was measured", rows[0].Ratios)
	}
	if got := rows[0].Peers["postern"].Median; got != 1.6 {
		t.Errorf("median of postern: got %v, want 1.6", got)
	}
}

func TestRatioNeedsABase(t *testing.T) {
	rows := Rows([]Value{{1, "nginx", cpu, 0}, {1, "postern", cpu, 1}, {1, "direct", cpu, 0}}, pairs)
	if len(rows[0].Ratios) != 0 {
		t.Errorf("ratios to a base of zero: got %v, want none", rows[0].Ratios)
	}
	rows = Rows([]Value{{1, "nginx", cpu, 1}, {1, "postern", cpu, -1}}, pairs)
	if len(rows[0].Ratios) != 0 {
		t.Errorf("ratios of less than nothing: got %v, want none", rows[0].Ratios)
	}
	rows = Rows([]Value{{1, "postern", cpu, 1}}, pairs)
	if len(rows[0].Ratios) != 0 {
		t.Errorf("ratios to an absent base: got %v, want none", rows[0].Ratios)
	}
}

func TestRowsKeepTheOrderOfFigures(t *testing.T) {
	rate := Figure{Workload: "produce", Name: "rate", Unit: "MB/s", Higher: true}
	rows := Rows([]Value{{1, "a", rate, 1}, {1, "a", cpu, 1}, {2, "a", rate, 1}}, nil)
	if len(rows) != 2 || rows[0].Figure != rate || rows[1].Figure != cpu {
		t.Errorf("rows: got %+v, want rate, then cpu", rows)
	}
}

func TestTable(t *testing.T) {
	rate := Figure{Workload: "produce", Name: "rate", Unit: "MB/s", Higher: true}
	once := Figure{Workload: "growth", Name: "many ÷ 1", Unit: "×", Alone: true}
	values := []Value{
		{1, "nginx", cpu, 1.0},
		{1, "postern", cpu, 0.8},
		{2, "nginx", cpu, 1.1},
		{2, "postern", cpu, 0.95},
		{1, "floor", cpu, 0.31},
		{2, "floor", cpu, 0.3},
		{1, "direct", rate, 512.4},
		{1, "nginx", rate, 240},
		{1, "postern", rate, 260},
		{2, "nginx", rate, 240},
		{2, "postern", rate, 9.876},
		{1, "postern", once, 1.04},
		{1, "nginx", once, 1},
	}
	got := Table(Rows(values, pairs), []string{"postern", "direct", "nginx", "floor"}, []string{"postern", "nginx"})
	golden := filepath.Join("testdata", "table.md")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("table:\n%s\nwant:\n%s", got, want)
	}
}

func TestEmbed(t *testing.T) {
	document := "head\n" + Begin("a") + "\nold\nolder\n" + End("a") + "\n" + Begin("b") + "\n" + End("b") + "\ntail\n"
	got, err := Embed(document, "a", "new\n\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(document, "old\nolder", "new", 1); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	again, err := Embed(got, "a", "new")
	if err != nil || again != got {
		t.Errorf("embedding twice: got %q %v, want no change", again, err)
	}
	for _, bad := range []string{"", Begin("a") + "\n", End("a") + "\n" + Begin("a") + "\n", Begin("b") + "\n" + End("b")} {
		if _, err := Embed(bad, "a", "x"); !errors.Is(err, ErrNoMarkers) {
			t.Errorf("document %q: got %v, want ErrNoMarkers", bad, err)
		}
	}
}
