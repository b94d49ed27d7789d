package main

import "testing"

func TestStops(t *testing.T) {
	parse := func(text string) stops {
		t.Helper()
		s, err := parseStops(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := parse(`go_gc_cycles 3
go_gc_pauses_seconds_bucket{le="0"} 0
go_gc_pauses_seconds_bucket{le="0.0001"} 5
go_gc_pauses_seconds_bucket{le="0.001"} 6
go_gc_pauses_seconds_bucket{le="0.01"} 7
go_gc_pauses_seconds_bucket{le="+Inf"} 7
`)
	after := parse(`go_gc_pauses_seconds_bucket{le="0"} 0
go_gc_pauses_seconds_bucket{le="0.0001"} 9
go_gc_pauses_seconds_bucket{le="0.001"} 12
go_gc_pauses_seconds_bucket{le="0.01"} 13
go_gc_pauses_seconds_bucket{le="+Inf"} 13
`)
	if count, longest := after.since(before); count != 6 || longest != 0.001 {
		t.Errorf("%v stops, the longest %v s", count, longest)
	}
	if count, longest := after.since(after); count != 0 || longest != 0 {
		t.Errorf("%v stops, the longest %v s, where there was none", count, longest)
	}
	for _, text := range []string{"", "go_gc_pauses_seconds_bucket{le=\"x\"} 1\n"} {
		if s, err := parseStops(text); err == nil {
			t.Errorf("%q: %v", text, s)
		}
	}
}
