package main

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Go's collector runs whenever the heap has doubled. A gateway's is small, a few
// megabytes, and what passes through allocates nothing; but a handshake allocates 50 KB,
// so that where clients come and go the collector runs a dozen times a second and more, for a
// tenth of the CPU time. The heap may then grow by more before it is collected, and when
// fewer come, what it grew by goes back to the system at once: docs/performance.md has
// the figures.
const (
	usualPercent = 100
	// busyFrom is how many bytes allocated in a second are much, and calmBelow how many
	// are little again.
	busyFrom  = 12 << 20
	calmBelow = 4 << 20
	// heapRoom is how much the heap may grow by when it is much.
	heapRoom = 32 << 20
	// leastHeap is what the runtime takes for the heap at least.
	leastHeap = 4 << 20
	// looks is how often a second the collector is looked at, and window how many looks
	// decide.
	looks  = 8
	window = 4
)

// collector decides by what has been allocated of late.
type collector struct {
	percent int            // that is in force
	busy    bool           // much was allocated, and it is not little again
	recent  [window]uint64 // bytes allocated between the last looks
}

// look is called with how many bytes were allocated since it was called before, and how
// many are alive. It returns what the percentage has to be, and whether the memory that
// was used meanwhile is to be given back.
func (c *collector) look(allocated, alive uint64) (percent int, giveBack bool) {
	copy(c.recent[1:], c.recent[:])
	c.recent[0] = allocated
	second := uint64(0)
	for _, n := range c.recent {
		second += n * looks / window
	}
	switch {
	case !c.busy && second < busyFrom:
		return usualPercent, false
	case second < calmBelow:
		c.busy, c.percent = false, usualPercent
		return usualPercent, true
	}
	c.busy = true
	want := max(usualPercent, int(heapRoom*100/max(alive, leastHeap)))
	if 5*want > 6*c.percent || 6*want < 5*c.percent { // not for a few bytes
		c.percent = want
	}
	return c.percent, false
}

// Names in runtime/metrics.
const (
	metricPercent   = "/gc/gogc:percent"
	metricAllocated = "/gc/heap/allocs:bytes"
	metricAlive     = "/gc/heap/live:bytes"
	// What GOGC counts besides.
	metricGlobals = "/gc/scan/globals:bytes"
	metricStacks  = "/gc/scan/stack:bytes"
)

// paceCollector adjusts the collector until ctx ends, unless GOGC says something else than usual.
// A limit of memory stays stronger than both.
func paceCollector(ctx context.Context) {
	if figures(metricPercent)[0] != usualPercent {
		return
	}
	tick := time.NewTicker(time.Second / looks)
	defer tick.Stop()
	c := collector{percent: usualPercent}
	before := figures(metricAllocated)[0]
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		seen := figures(metricAllocated, metricAlive, metricGlobals, metricStacks)
		inForce := c.percent
		percent, giveBack := c.look(seen[0]-before, seen[1]+seen[2]+seen[3])
		before = seen[0]
		if percent != inForce {
			debug.SetGCPercent(percent)
		}
		if giveBack {
			debug.FreeOSMemory()
		}
	}
}

// figures are the runtime's, by name.
func figures(names ...string) []uint64 {
	samples := make([]metrics.Sample, len(names))
	for i, name := range names {
		samples[i].Name = name
	}
	metrics.Read(samples)
	values := make([]uint64, len(names))
	for i, s := range samples {
		if values[i] = math.MaxUint64; s.Value.Kind() == metrics.KindUint64 {
			values[i] = s.Value.Uint64()
		}
	}
	return values
}
