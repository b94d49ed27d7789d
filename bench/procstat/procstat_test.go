package procstat

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// process writes the two files of one process into a recorded /proc.
func process(t *testing.T, root, pid, stat, rollup string) {
	t.Helper()
	dir := filepath.Join(root, pid)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "stat"), []byte(stat), 0o600); err != nil {
		t.Fatal(err)
	}
	if rollup == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, "smaps_rollup"), []byte(rollup), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOfCountsTheWholeFamily(t *testing.T) {
	root := t.TempDir()
	const rollup = "00400000-7ffe [rollup]\nRss:    100 kB\nPss:     40 kB\nPss_Anon: 7 kB\n"
	process(t, root, "10", "10 (nginx: master) S 1 10 10 0 -1 0 0 0 0 0 100 20 3 4 20 0 1 0 5\n", rollup)
	process(t, root, "11", "11 (nginx (worker) x) S 10 10 10 0 -1 0 0 0 0 0 200 50 0 0 20 0 1 0 5\n", rollup)
	process(t, root, "12", "12 (grandchild) S 11 10 10 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 5\n", rollup)
	process(t, root, "13", "13 (ended) Z 11 10 10 0 -1 0 0 0 0 0 9 9 0 0 20 0 1 0 5\n", "garbage")
	process(t, root, "14", "14 (ending) S 11 10 10 0 -1 0 0 0 0 0 9 9 0 0 20 0 1 0 5\n", "")
	process(t, root, "99", "99 (stranger) S 1 10 10 0 -1 0 0 0 0 0 7000 7000 0 0 20 0 1 0 5\n", rollup)

	got, err := Of(root, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := Usage{CPU: 3790 * time.Millisecond, RSS: 300 * 1024, PSS: 120 * 1024, Processes: 3}
	if got != want {
		t.Errorf("usage of the family of 10: got %+v, want %+v", got, want)
	}
}

func TestOfSaysWhenTheProcessIsGone(t *testing.T) {
	if _, err := Of(t.TempDir(), 10); !errors.Is(err, ErrGone) {
		t.Errorf("a process that is not there: got %v, want ErrGone", err)
	}
}

func TestOfItself(t *testing.T) {
	got, err := Of(Live, os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if got.RSS <= 0 || got.PSS <= 0 || got.PSS > got.RSS || got.Processes < 1 {
		t.Errorf("usage of the test process is not believable: %+v", got)
	}
}

// spin uses CPU time on a thread that ends with it.
func spin(d time.Duration) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends here
		for end := time.Now().Add(d); time.Now().Before(end); {
		}
	}()
	<-done
}

func TestCPUTimeIsExactAndAgreesWithStat(t *testing.T) {
	pid := os.Getpid()
	before, err := cpuClock(pid)
	if err != nil {
		t.Fatal(err)
	}
	spin(50 * time.Millisecond)
	after, err := cpuClock(pid)
	if err != nil {
		t.Fatal(err)
	}
	if after-before < 2*time.Millisecond { // a busy machine gives little of 50 ms
		t.Errorf("a thread that worked for 50 ms and ended: the clock went on by %s", after-before)
	}
	stats, err := readAll(Live)
	if err != nil {
		t.Fatal(err)
	}
	now, err := cpuClock(pid)
	if err != nil {
		t.Fatal(err)
	}
	// stat drops up to a tick of user and of system time, and was read between.
	if own := stats[pid].own; own > now || own < after-2*clockTick {
		t.Errorf("CPU time by stat: got %s, want between %s less two ticks and %s", own, after, now)
	}
	if _, err := cpuClock(1 << 22); err == nil { // no process has this id: pid_max ends there
		t.Error("the clock of a process that is not there was read")
	}
}

func TestParseStatRefuses(t *testing.T) {
	for name, line := range map[string]string{
		"nothing":        "",
		"no name":        "10 nginx S 1",
		"cut short":      "10 (nginx) S 1 10 10 0 -1 0 0 0 0 0 100 20 3",
		"parent no int":  "10 (nginx) S x 10 10 0 -1 0 0 0 0 0 100 20 3 4",
		"a tick no int":  "10 (nginx) S 1 10 10 0 -1 0 0 0 0 0 100 2x 3 4",
		"only a bracket": ")",
	} {
		if _, err := parseStat(line); err == nil {
			t.Errorf("%s: stat line %q was accepted", name, line)
		}
	}
}

func TestParseRollupRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no Pss":       "Rss: 1 kB\n",
		"another unit": "Rss: 1 MB\nPss: 1 kB\n",
		"no number":    "Rss: x kB\nPss: 1 kB\n",
	} {
		if _, _, err := parseRollup(text); err == nil {
			t.Errorf("%s: rollup %q was accepted", name, text)
		}
	}
}

func TestParseSystem(t *testing.T) {
	got, err := parseSystem("cpu  100 10 50 1000 5 2 3 7 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
	if err != nil {
		t.Fatal(err)
	}
	want := System{Busy: 1650 * time.Millisecond, Idle: 10050 * time.Millisecond, Steal: 70 * time.Millisecond}
	if got != want {
		t.Errorf("system times: got %+v, want %+v", got, want)
	}
	for _, bad := range []string{"", "cpu0 1 1 1 1 1 1 1 1", "cpu 1 2 3", strings.Replace("cpu 1 1 1 1 1 1 1 1", "1", "x", 1)} {
		if _, err := parseSystem(bad); err == nil {
			t.Errorf("stat %q was accepted", bad)
		}
	}
}

// A process that is confined, its threads and the child it starts later keep to where they
// were sent; let go again, they may run everywhere.
func TestConfine(t *testing.T) {
	all, err := Processors()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 2 {
		t.Skip("there is but one processor")
	}
	shell := exec.Command("sh", "-c", "read go; sleep 60 & read end; kill $!")
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // what it reads ends with it
		_ = shell.Wait()
	})
	if err := Confine(shell.Process.Pid, all[1:2]); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "go\n"); err != nil {
		t.Fatal(err)
	}
	var children []int
	for len(children) < 2 { // the shell and what it has started
		stats, err := readAll(Live)
		if err != nil {
			t.Fatal(err)
		}
		children = family(stats, shell.Process.Pid)
	}
	check := func(want []int) {
		t.Helper()
		for _, pid := range children {
			var set unix.CPUSet
			if err := unix.SchedGetaffinity(pid, &set); err != nil {
				t.Fatal(err)
			}
			if set.Count() != len(want) || !set.IsSet(want[len(want)-1]) {
				t.Errorf("process %d may run on %d processors, want %v", pid, set.Count(), want)
			}
		}
	}
	check(all[1:2])
	if err := Confine(shell.Process.Pid, all); err != nil {
		t.Fatal(err)
	}
	check(all)
	if err := Confine(1<<30, all); !errors.Is(err, ErrGone) {
		t.Errorf("a process that is not there: %v", err)
	}
}
