package main

import (
	"runtime"
	"testing"
)

func TestProcessorsFor(t *testing.T) {
	for _, c := range []struct{ loops, cores, want int }{
		{1, 1, 2}, {2, 2, 3}, {1, 2, 2}, {4, 4, 6}, {8, 8, 12}, {2, 8, 8}, {16, 8, 24},
	} {
		if got := processorsFor(c.loops, c.cores); got != c.want {
			t.Errorf("%d loops on %d cores: %d processors, want %d", c.loops, c.cores, got, c.want)
		}
	}
}

func TestSpareProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	cores := runtime.NumCPU()

	runtime.GOMAXPROCS(cores)
	if loops := spareProcessors(0); loops != cores {
		t.Errorf("%d loops, want one for each of %d cores", loops, cores)
	}
	if got := runtime.GOMAXPROCS(0); got != processorsFor(cores, cores) {
		t.Errorf("%d processors", got)
	}

	runtime.GOMAXPROCS(cores + 1) // as a quota: not what the machine has
	if loops := spareProcessors(3); loops != 3 || runtime.GOMAXPROCS(0) != cores+1 {
		t.Errorf("%d loops, %d processors", loops, runtime.GOMAXPROCS(0))
	}
}
