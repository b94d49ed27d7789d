package clients

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// shell is a program whose first argument is a script.
func shell(t *testing.T) Program {
	t.Helper()
	path, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	return Program{Name: "shell", Command: []string{path, "-c"}, Env: []string{"SAID=hello"}}
}

func TestRunTellsWhatTheProgramDid(t *testing.T) {
	out, errOut, err := shell(t).Run(t.Context(), strings.NewReader("in"), `cat; echo " $SAID"; echo no >&2; exit 3`)
	if out != "in hello\n" || errOut != "no\n" {
		t.Errorf("outputs %q and %q", out, errOut)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("error %v, want status 3", err)
	}
}

// A program that hangs with a child that holds the output: both end with the
// context, else reading the output to its end would never return.
func TestDeadlineEndsTheWholeGroup(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := shell(t).Talk(ctx, nil, writer, `sleep 1000 & echo up; wait`)
		_ = writer.Close()
		ended <- err
	}()
	scanner := bufio.NewScanner(reader)
	if !scanner.Scan() || scanner.Text() != "up" {
		t.Fatalf("said %q", scanner.Text())
	}
	cancel()
	if scanner.Scan() {
		t.Errorf("said %q after the end", scanner.Text())
	}
	if err := <-ended; !errors.Is(err, context.Canceled) || errors.Is(err, exec.ErrWaitDelay) {
		t.Errorf("error %v, want the context's and nothing left behind", err)
	}
}
