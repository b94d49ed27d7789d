package procstat

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrGone says that the process asked for does not exist.
var ErrGone = errors.New("no such process")

// Live is the process file system of the running kernel. Below any other root
// there are only recorded files, and no clocks.
const Live = "/proc"

// clockTick is the unit of CPU times in /proc: USER_HZ is 100 on every
// architecture Go runs on (proc(5)).
const clockTick = time.Second / 100

// Usage is what a process and its descendants have used up to one moment.
type Usage struct {
	CPU       time.Duration // user and system time; see the package comment for how exact
	RSS       int64         // resident memory in bytes, shared pages counted in each process
	PSS       int64         // resident memory in bytes, shared pages divided among their holders
	Processes int           // how many processes were counted
}

// Of reads the usage of pid and all its descendants below root, normally
// Live. It returns an error wrapping ErrGone when pid itself is not there.
func Of(root string, pid int) (Usage, error) {
	stats, err := readAll(root)
	if err != nil {
		return Usage{}, err
	}
	if _, ok := stats[pid]; !ok {
		return Usage{}, fmt.Errorf("procstat: process %d: %w", pid, ErrGone)
	}
	var sum Usage
	for _, p := range family(stats, pid) {
		rss, pss, err := memory(root, p)
		if p != pid && ended(stats[p], err) {
			continue
		}
		if err != nil {
			return Usage{}, fmt.Errorf("procstat: process %d: memory: %w", p, err)
		}
		sum.CPU += cpu(root, p, stats[p])
		sum.RSS += rss
		sum.PSS += pss
		sum.Processes++
	}
	return sum, nil
}

// cpu is the CPU time of one process and of its ended children.
func cpu(root string, pid int, s stat) time.Duration {
	if root == Live {
		if exact, err := cpuClock(pid); err == nil {
			return exact + s.children
		}
	}
	return s.own + s.children
}

// ended says whether a process came to its end while it was being read: it is
// waiting to be reaped, or its files have gone.
func ended(s stat, err error) bool {
	return s.zombie || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

// stat is the part of /proc/<pid>/stat that is used here.
type stat struct {
	zombie   bool
	parent   int
	own      time.Duration // of all its threads, those that have ended too
	children time.Duration // of children that have ended and been waited for
}

// readAll reads the stat of every process below root.
func readAll(root string) (map[int]stat, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("procstat: %s: %w", root, err)
	}
	stats := make(map[int]stat, len(entries))
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, e.Name(), "stat"))
		if err != nil {
			continue // it ended since the folder was listed
		}
		s, err := parseStat(string(text))
		if err != nil {
			return nil, fmt.Errorf("procstat: process %d: %w", pid, err)
		}
		stats[pid] = s
	}
	return stats, nil
}

// parseStat reads one line of /proc/<pid>/stat. The name, field 2, may hold
// blanks and brackets: fields are counted from the last closing bracket.
func parseStat(line string) (stat, error) {
	end := strings.LastIndexByte(line, ')')
	if end < 0 {
		return stat{}, errors.New("stat: no process name")
	}
	// fields[0] is field 3 of proc(5), the state.
	fields := strings.Fields(line[end+1:])
	const first, ppid, utime, cstime = 3, 4, 14, 17
	if len(fields) <= cstime-first {
		return stat{}, fmt.Errorf("stat: %d fields, want at least %d", len(fields)+first-1, cstime)
	}
	parent, err := strconv.Atoi(fields[ppid-first])
	if err != nil {
		return stat{}, fmt.Errorf("stat: parent: %w", err)
	}
	var times [cstime - utime + 1]time.Duration // utime, stime, cutime, cstime
	for i := range times {
		n, err := strconv.ParseInt(fields[utime+i-first], 10, 64)
		if err != nil {
			return stat{}, fmt.Errorf("stat: field %d: %w", utime+i, err)
		}
		times[i] = time.Duration(n) * clockTick
	}
	return stat{zombie: fields[0] == "Z", parent: parent, own: times[0] + times[1], children: times[2] + times[3]}, nil
}

// family lists pid and everything that descends from it.
func family(stats map[int]stat, pid int) []int {
	children := make(map[int][]int)
	for p, s := range stats {
		children[s.parent] = append(children[s.parent], p)
	}
	list := []int{pid}
	for i := 0; i < len(list); i++ {
		list = append(list, children[list[i]]...)
	}
	return list
}

// memory reads RSS and PSS of one process, in bytes.
func memory(root string, pid int) (rss, pss int64, err error) {
	text, err := os.ReadFile(filepath.Join(root, strconv.Itoa(pid), "smaps_rollup"))
	if err != nil {
		return 0, 0, err
	}
	return parseRollup(string(text))
}

// parseRollup reads the Rss and Pss lines of smaps_rollup.
func parseRollup(text string) (rss, pss int64, err error) {
	found := 0
	for line := range strings.Lines(text) {
		var into *int64
		switch {
		case strings.HasPrefix(line, "Rss:"):
			into = &rss
		case strings.HasPrefix(line, "Pss:"):
			into = &pss
		default:
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[2] != "kB" {
			return 0, 0, fmt.Errorf("smaps_rollup: %q: want a number of kB", strings.TrimSpace(line))
		}
		n, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("smaps_rollup: %s: %w", fields[0], err)
		}
		*into = n * 1024
		found++
	}
	if found != 2 {
		return 0, 0, errors.New("smaps_rollup: Rss and Pss are not both there")
	}
	return rss, pss, nil
}
