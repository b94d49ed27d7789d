package kafkatest_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

// A program that started a process and then dies without a word takes it along.
func TestProcessEndsWithItsStarter(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the parent-death signal exists on Linux only")
	}
	if os.Getenv("KAFKATEST_STARTER") == "1" {
		p, err := kafkatest.StartProcess(os.Stderr, "", nil, "sleep", "600")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = os.Stdout.WriteString("pid " + strconv.Itoa(p.Pid()) + "\n")
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcessEndsWithItsStarter$")
	cmd.Env = append(os.Environ(), "KAFKATEST_STARTER=1")
	out, err := cmd.Output()
	if err == nil {
		t.Fatal("the starter ended in good order; it was to be killed")
	}
	var pid int
	for s := bufio.NewScanner(strings.NewReader(string(out))); s.Scan(); {
		if text, ok := strings.CutPrefix(s.Text(), "pid "); ok {
			pid, err = strconv.Atoi(text)
		}
	}
	if pid == 0 || err != nil {
		t.Fatalf("the starter printed no pid: %q", out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = kafkatest.Await(ctx, "the child is gone", func(context.Context) error {
		state, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil || strings.Contains(string(state), ") Z ") {
			return nil
		}
		return errors.New(string(state))
	})
	if err != nil {
		t.Error(err)
	}
}

func TestReservedPortsAreConsecutiveFreeAndNotGivenTwice(t *testing.T) {
	seen := map[int]bool{}
	for range 5 {
		p, err := kafkatest.ReservePorts(7)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Release()
		for port := p.First; port < p.First+p.Count; port++ {
			if seen[port] {
				t.Errorf("port %d was given twice", port)
			}
			seen[port] = true
			l, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(port)))
			if err != nil {
				t.Errorf("a reserved port is taken: %v", err)
				continue
			}
			_ = l.Close()
		}
	}
}

func TestAwaitReportsTheLastAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	err := kafkatest.Await(ctx, "the door opens", func(context.Context) error {
		if asked++; asked == 2 {
			cancel()
		}
		return errors.New("it is shut")
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "it is shut") {
		t.Errorf("got %v, want the context's error and the last answer", err)
	}
	err = kafkatest.Await(t.Context(), "the door opens", func(context.Context) error { return kafkatest.ErrGivenUp })
	if !errors.Is(err, kafkatest.ErrGivenUp) {
		t.Errorf("got %v, want %v at once", err, kafkatest.ErrGivenUp)
	}
}

func TestUnknownReleaseAndToolNameWhatThereIs(t *testing.T) {
	if _, err := kafkatest.Jars(t.Context(), "9.9.9"); err == nil || !strings.Contains(err.Error(), kafkatest.Kafka440) {
		t.Errorf("unknown release: got %v, want the known ones listed", err)
	}
	kafkatest.Require(t, kafkatest.Tools282)
	if _, err := kafkatest.ToolCommand(t.Context(), kafkatest.Tools282, "kafka-toppics"); err == nil || !strings.Contains(err.Error(), "kafka-topics") {
		t.Errorf("unknown tool: got %v, want the known ones listed", err)
	}
	if _, err := kafkatest.ToolCommand(t.Context(), kafkatest.Tools282, "kafka-share-groups"); !errors.Is(err, kafkatest.ErrNoTool) {
		t.Errorf("tool of a later release: got %v, want %v", err, kafkatest.ErrNoTool)
	}
	if _, err := kafkatest.Launch(t.Context(), kafkatest.Options{Version: kafkatest.Tools430}); err == nil {
		t.Error("a release without brokers was launched")
	}
}

func TestMavenJarsRefusesWhatIsNoCoordinate(t *testing.T) {
	for _, bad := range []string{"", "group:name", "group:name:version:jar"} {
		if _, err := kafkatest.MavenJars(t.Context(), "bad", bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
