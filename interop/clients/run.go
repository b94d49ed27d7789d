package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Program is a client that is ready to run.
type Program struct {
	Name    string   // as people call the client
	Command []string // interpreter and script
	Env     []string // added to the environment of this process
}

// Run runs the program with further arguments until it ends or ctx is done;
// then its whole process group is killed and the error holds ctx.Err. The error
// of a program that ended with another status than 0 is an *exec.ExitError.
func (p Program) Run(ctx context.Context, stdin io.Reader, args ...string) (stdout, stderr string, err error) {
	var out bytes.Buffer
	stderr, err = p.run(ctx, stdin, &out, args)
	return out.String(), stderr, err
}

// Talk is Run with the standard output going to a writer as it comes.
func (p Program) Talk(ctx context.Context, stdin io.Reader, stdout io.Writer, args ...string) (stderr string, err error) {
	return p.run(ctx, stdin, stdout, args)
}

func (p Program) run(ctx context.Context, stdin io.Reader, stdout io.Writer, args []string) (string, error) {
	args = append(append([]string(nil), p.Command[1:]...), args...)
	cmd := exec.CommandContext(ctx, p.Command[0], args...)
	var errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, &errOut
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	// The parent-death signal follows the thread that forked, not the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	if err == nil {
		return errOut.String(), nil
	}
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	return errOut.String(), fmt.Errorf("clients: %s: %w", p.Name, err)
}
