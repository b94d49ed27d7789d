package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// The exit codes that the runner knows.
const (
	exitFailed        = 1
	exitUnimplemented = 89
)

// errUnimplemented is wrapped by the errors of flags that ask for what tlsterm
// does not offer.
var errUnimplemented = errors.New("unimplemented")

func main() {
	os.Exit(run(os.Args[1:], os.Getenv(engineVariable), os.Stdout, os.Stderr))
}

// run is the whole shim: its exit code for these arguments. The runner takes
// anything on stderr for a failure.
func run(args []string, engine string, stdout, stderr io.Writer) int {
	f, err := parseFlags(args)
	switch {
	case errors.Is(err, errHandshakerAsked):
		fmt.Fprintln(stdout, "No")
		return 0
	case err == nil:
		err = converse(f, engine)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUnimplemented):
		fmt.Fprintln(stderr, err)
		return exitUnimplemented
	}
	fmt.Fprintln(stderr, err)
	return exitFailed
}
