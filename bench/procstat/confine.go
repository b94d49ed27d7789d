package procstat

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Processors lists those that this process may run on, by number.
func Processors() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("procstat: processors: %w", err)
	}
	list := make([]int, 0, set.Count())
	for n := 0; len(list) < set.Count(); n++ {
		if set.IsSet(n) {
			list = append(list, n)
		}
	}
	return list, nil
}

// Confine has pid and all its descendants, and what they start from then on, run on these
// processors only. A thread that starts another one in the same moment may miss it, so
// everything is gone through twice: what it starts later inherits.
func Confine(pid int, processors []int) error {
	var set unix.CPUSet
	for _, n := range processors {
		set.Set(n)
	}
	for range 2 {
		stats, err := readAll(Live)
		if err != nil {
			return err
		}
		if _, ok := stats[pid]; !ok {
			return fmt.Errorf("procstat: process %d: %w", pid, ErrGone)
		}
		for _, p := range family(stats, pid) {
			if err := confineThreads(p, &set); err != nil && !ended(stats[p], err) {
				return err
			}
		}
	}
	return nil
}

// confineThreads is Confine for the threads of one process. Those that have ended are left out.
func confineThreads(pid int, set *unix.CPUSet) error {
	threads, err := os.ReadDir(filepath.Join(Live, strconv.Itoa(pid), "task"))
	if err != nil {
		return fmt.Errorf("procstat: process %d: threads: %w", pid, err)
	}
	for _, t := range threads {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			return fmt.Errorf("procstat: process %d: thread %q: %w", pid, t.Name(), err)
		}
		if err := unix.SchedSetaffinity(tid, set); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("procstat: process %d: thread %d: processors: %w", pid, tid, err)
		}
	}
	return nil
}
