package procstat

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// processClock is what the kernel's id of a process's CPU clock ends in: a clock
// of a process, counted by the scheduler (clock_getcpuclockid(3) makes the same).
const processClock = 2

// cpuClock reads the CPU time a process has used, all its threads together, those
// that have ended too, up to this moment and to the nanosecond.
func cpuClock(pid int) (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(^int32(pid)<<3|processClock, &t); err != nil {
		return 0, fmt.Errorf("CPU clock: %w", err)
	}
	return time.Duration(t.Nano()), nil
}
