package engine

import (
	"time"
	_ "unsafe" // for go:linkname
)

// yieldEvery is how long a loop keeps its processor before it lets others have it. The runtime's
// watchman looks every 10 ms whether somebody has kept one since he last looked.
const yieldEvery = 4 * time.Millisecond

// goyield lets the goroutines that wait for the caller's processor run, and comes back after
// them. runtime.Gosched also wakes a thread to look for work, and as often as not that is what
// takes the caller up. One of the names that the runtime keeps for packages outside
// (go.dev/issue/67401).
//
//go:linkname goyield runtime.goyield
func goyield()

// yield gives the processor away for a moment when the loop has kept it for long. Who does not
// is interrupted by a signal, and put where any thread may take it up.
func (lp *loop) yield() {
	if time.Since(lp.yielded) >= yieldEvery {
		goyield()
		lp.yielded = time.Now()
	}
}
