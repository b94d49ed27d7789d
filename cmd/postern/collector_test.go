package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// TestCollectorLook walks through what a gateway's life brings, an eighth of a second at
// a time.
func TestCollectorLook(t *testing.T) {
	const mb = 1 << 20
	c := collector{percent: usualPercent}
	for _, step := range []struct {
		name      string
		looks     int
		allocated uint64
		alive     uint64
		percent   int
		giveBack  bool
	}{
		{"nothing", 20, 0, 5 * mb, 100, false},
		{"some clients", 20, 1 * mb, 5 * mb, 100, false},
		{"the first look at a storm", 1, 2 * mb, 5 * mb, 100, false},
		{"a storm", 1, 3 * mb, 5 * mb, 640, false},
		{"it goes on", 50, 2 * mb, 5 * mb, 640, false},
		{"little more is alive", 10, 2 * mb, 5*mb + mb/2, 640, false},
		{"much more is alive", 1, 2 * mb, 16 * mb, 200, false},
		{"more than the room", 1, 2 * mb, 64 * mb, 100, false},
		{"and less again", 1, 2 * mb, 16 * mb, 200, false},
		{"it abates", 20, mb / 2, 16 * mb, 200, false},
		{"it is over", 1, 0, 16 * mb, 100, true},
		{"that was all", 20, 0, 16 * mb, 100, false},
		{"a storm before anything was collected", 2, 6 * mb, 0, 800, false},
		{"so much is alive that it may double", 8, 3 * mb, 140 * mb, 100, false},
		{"that abates", 4, mb / 2, 140 * mb, 100, false},
		{"and is over, and the heap had grown", 1, 0, 140 * mb, 100, true},
		{"nothing to give back", 20, 0, 140 * mb, 100, false},
	} {
		for range step.looks {
			percent, giveBack := c.look(step.allocated, step.alive)
			if percent != step.percent || giveBack != step.giveBack {
				t.Fatalf("%s: %d %%, give back %v; want %d, %v", step.name, percent, giveBack, step.percent, step.giveBack)
			}
		}
	}
}

// TestCollectorLeftAlone: what GOGC says stays.
func TestCollectorLeftAlone(t *testing.T) {
	before := debug.SetGCPercent(70)
	defer debug.SetGCPercent(before)
	paceCollector(t.Context()) // returns at once
	if got := figures(metricPercent)[0]; got != 70 {
		t.Errorf("%d %%", got)
	}
}

// TestCollectorFigures: the runtime has them under these names.
func TestCollectorFigures(t *testing.T) {
	runtime.GC() // what is alive is known afterwards
	for _, name := range []string{metricPercent, metricAllocated, metricAlive, metricGlobals, metricStacks} {
		if v := figures(name)[0]; v == 0 || v > 1<<50 {
			t.Errorf("%s: %d", name, v)
		}
	}
}
