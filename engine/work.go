package engine

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// measureEvery is of how many turns one is measured: to look at the clock takes two system
// calls, and the average is all that is wanted. It is odd because a client's requests and a
// broker's answers may take turns, and differ.
const measureEvery = 31

// work is what a loop does between its waits. begin and end are the loop's.
type work struct {
	turns atomic.Uint64 // how often it began to work or stopped: odd while it does
	done  atomic.Uint64 // ns of CPU time since the start, as far as can be told from the turns measured
	since threadTime    // when the turn began, if it is measured
}

func (w *work) begin() {
	if w.turns.Add(1)%(2*measureEvery) == 1 {
		w.since = threadTimeNow()
	}
}

func (w *work) end() {
	if w.turns.Add(1)%(2*measureEvery) == 2 {
		w.done.Add(measureEvery * threadTimeNow().sub(w.since))
	}
}

// threadTime is the CPU time of a thread.
type threadTime struct {
	thread uintptr
	ns     uint64
}

// threadTimeNow is of the present thread. Neither call blocks.
func threadTimeNow() threadTime {
	var ts unix.Timespec
	thread, _ := unix.RawSyscallNoError(unix.SYS_GETTID, 0, 0, 0)
	if _, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_THREAD_CPUTIME_ID, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return threadTime{} // a sandbox's whim: then nothing counts as work
	}
	return threadTime{thread: thread, ns: uint64(ts.Nano())}
}

// sub is how long a thread has worked since another time of it; 0 if that was another
// thread's: the scheduler may have moved the loop.
func (t threadTime) sub(since threadTime) uint64 {
	if t.thread != since.thread {
		return 0
	}
	return t.ns - since.ns
}
