package procstat

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// System is the time all CPUs of the machine have spent up to one moment.
type System struct {
	Busy  time.Duration // user, nice, system, irq and softirq
	Idle  time.Duration // idle and waiting for a disk
	Steal time.Duration // wanted by this machine, given to another one by the hypervisor
}

// Machine reads the CPU times of the whole machine below root, normally Live.
func Machine(root string) (System, error) {
	text, err := os.ReadFile(filepath.Join(root, "stat"))
	if err != nil {
		return System{}, fmt.Errorf("procstat: machine: %w", err)
	}
	s, err := parseSystem(string(text))
	if err != nil {
		return System{}, fmt.Errorf("procstat: machine: %w", err)
	}
	return s, nil
}

// parseSystem reads the first line of /proc/stat, the sum over all CPUs.
func parseSystem(text string) (System, error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return System{}, errors.New("stat: the first line is not the sum of all CPUs")
	}
	var t [8]time.Duration
	for i := range t {
		n, err := strconv.ParseInt(fields[i+1], 10, 64)
		if err != nil {
			return System{}, fmt.Errorf("stat: column %d: %w", i+1, err)
		}
		t[i] = time.Duration(n) * clockTick
	}
	const user, nice, system, idle, iowait, irq, softirq, steal = 0, 1, 2, 3, 4, 5, 6, 7
	return System{
		Busy:  t[user] + t[nice] + t[system] + t[irq] + t[softirq],
		Idle:  t[idle] + t[iowait],
		Steal: t[steal],
	}, nil
}
