package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/postern-kafka/postern/bench/load"
)

// What this program is, by its first argument; without one of these it is the
// benchmark itself.
const (
	loadCommand    = "load"    // a load process
	forwardCommand = "forward" // the floor
)

func main() { os.Exit(command(os.Args[1:])) }

// command runs one of the program's three faces and returns its exit code.
func command(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) > 0 && args[0] == loadCommand {
		return code(load.Serve(ctx, os.Stdin, os.Stdout))
	}
	if len(args) > 0 && args[0] == forwardCommand {
		return code(runForward(ctx, args[1:]))
	}
	o, err := parseOptions(args, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	err = run(ctx, o, os.Stdout, os.Stderr)
	if err != nil && ctx.Err() != nil {
		err = errors.New("bench: interrupted; what it had started has ended, and nothing was written")
	}
	return code(err)
}

// code prints an error and makes an exit code of it.
func code(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
