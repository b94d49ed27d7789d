package main

import "runtime"

// spareProcessors gives Go's scheduler more processors than there are event loops,
// one for two, so that handshakes compute on those. Otherwise a loop that is
// woken while handshakes hold all processors waits for the end of a signature. With
// them the kernel lets the loop's thread run, as it does between programs: beside 200
// handshakes a second, the longest waits of established connections are half as
// long (docs/performance.md).
//
// It returns how many loops there are to be. Where the container has a quota of
// CPU time, fewer than the machine's cores, more threads would use it up and then
// all be stopped: nothing is changed there.
func spareProcessors(loops int) int {
	if loops == 0 {
		loops = runtime.GOMAXPROCS(0)
	}
	if cores := runtime.NumCPU(); runtime.GOMAXPROCS(0) == cores {
		runtime.GOMAXPROCS(processorsFor(loops, cores))
	}
	return loops
}

// processorsFor is how many there are for a number of loops.
func processorsFor(loops, cores int) int { return max(cores, loops+(loops+1)/2) }
