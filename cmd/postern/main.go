// Command postern is a Kafka gateway: clients connect to it instead of to the
// brokers; it ends TLS, proves who they are, maps the principal to a user and
// forwards the Kafka protocol.
//
// This package is the command line: flags, the process's environment, signals
// and exit codes. Everything else is in the packages below it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/postern-kafka/postern/cmd/postern/demo"
)

// Exit codes beside 0.
const (
	exitFailed = 1 // it did not work
	exitUsage  = 2 // what was asked for, or the configuration, is wrong
)

type commands struct {
	Serve   serveCommand   `cmd:"" default:"1" help:"Run the gateway, configured by environment variables (the default)."`
	Demo    demoCommand    `cmd:"" help:"Run the mTLS and user-mapping demo in one process: brokers, certificates, gateway, a walk."`
	Config  configCommand  `cmd:"" help:"Print the computed configuration with secrets masked, and whatever is wrong with it."`
	Health  healthCommand  `cmd:"" help:"Ask the gateway of this environment whether it is ready; for container health checks."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// world is what the commands know of the process they run in.
type world struct {
	ctx     context.Context
	environ []string
	stdout  io.Writer
	stderr  io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(world{ctx: ctx, environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

// usageError is an error of whoever called; it ends with exitUsage.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run is main without the process: it returns the exit code.
func run(w world, args []string) int {
	exited := -1
	parser, err := kong.New(&commands{},
		kong.Name("postern"),
		kong.Description("A Kafka gateway. Variables: see docs/variables.md."),
		kong.Writers(w.stdout, w.stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.Bind(w))
	if err != nil {
		fmt.Fprintln(w.stderr, "postern:", err)
		return exitUsage
	}
	call, err := parser.Parse(args)
	if exited >= 0 { // --help was printed
		return exited
	}
	if err != nil {
		fmt.Fprintln(w.stderr, "postern:", err)
		return exitUsage
	}
	if err := call.Run(); err != nil {
		fmt.Fprintln(w.stderr, "postern:", err)
		if errors.As(err, new(usageError)) {
			return exitUsage
		}
		return exitFailed
	}
	return 0
}

type demoCommand struct {
	demo.Options `embed:""`
}

// Run runs the demo.
func (c *demoCommand) Run(w world) error {
	o := c.Options
	o.Out, o.Version = w.stdout, buildInfo().version
	return demo.Run(w.ctx, o)
}
