package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Options is what `postern demo` takes on its command line, tagged for kong.
// The zero value of a field means its default.
type Options struct {
	Once        bool   `help:"Walk the demo and exit: 0 if every step went as expected, 1 otherwise."`
	Dir         string `help:"Folder for the certificates and the clients' files." default:"postern-demo" placeholder:"DIR"`
	Bind        string `help:"Address the gateway and the admin API listen on." default:"127.0.0.1"`
	GatewayPort int    `help:"First of the gateway's ports." default:"6969"`
	AdminPort   int    `help:"Port of the admin API." default:"8888"`
	BrokerPort  int    `help:"First of the embedded brokers' ports." default:"9092"`

	// Out receives the transcript; nil is os.Stdout.
	Out io.Writer `kong:"-"`
	// Version is what the gateway calls itself.
	Version string `kong:"-"`
}

// The time limits of the parts; each is far beyond what a loaded machine needs.
const (
	readyTimeout = 60 * time.Second
	stepTimeout  = 60 * time.Second
	closeTimeout = 30 * time.Second
)

// Run starts the brokers and the gateway, walks the demo, and then waits for
// ctx to end, or returns at once with o.Once. It returns nil when the walk
// went as expected; a *PortError when a port is taken; an *Unexpected, wrapped,
// when a step went otherwise. A ctx that ends during the walk is reported as
// its error.
func Run(ctx context.Context, o Options) (err error) {
	o = o.withDefaults()
	return run(ctx, o, startGateway)
}

// running is a started gateway.
type running interface {
	// Ready returns nil once clients are served, or why ctx ended first.
	Ready(ctx context.Context) error
	// Close drains and stops it.
	Close(ctx context.Context) error
}

// starter starts a gateway from an environment list; it is the seam at which
// the tests put something else than the gateway.
type starter func(ctx context.Context, environ []string, o Options, log *slog.Logger) (running, error)

func (o Options) withDefaults() Options {
	if o.Dir == "" {
		o.Dir = "postern-demo"
	}
	if o.Bind == "" {
		o.Bind = defaultBind
	}
	if o.GatewayPort == 0 {
		o.GatewayPort = defaultGatewayPort
	}
	if o.AdminPort == 0 {
		o.AdminPort = defaultAdminPort
	}
	if o.BrokerPort == 0 {
		o.BrokerPort = defaultBrokerPort
	}
	if o.Out == nil {
		o.Out = os.Stdout
	}
	return o
}

func run(ctx context.Context, o Options, start starter) (err error) {
	if err := checkPorts(o); err != nil {
		return err
	}
	w, err := prepare(o)
	if err != nil {
		return err
	}
	cluster, err := startCluster(o.BrokerPort)
	if err != nil {
		return err
	}
	defer cluster.Close()

	logFile, err := os.OpenFile(w.dir.path(fileGatewayLog), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("demo: folder (--dir): %w", err)
	}
	defer func() { err = errors.Join(err, logFile.Close()) }()

	gw, err := start(ctx, w.environ, o, slog.New(slog.NewTextHandler(logFile, nil)))
	if err != nil {
		return fmt.Errorf("demo: gateway: %w", err)
	}
	defer func() {
		// ctx has ended by now, as a rule; the drain has its own limit.
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if closeErr := gw.Close(closing); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("demo: gateway: close: %w", closeErr))
		}
	}()
	return w.present(ctx, gw)
}

// prepare makes the certificate and the folder.
func prepare(o Options) (*walk, error) {
	now := time.Now()
	abs, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("demo: folder (--dir): %w", err)
	}
	id, err := newIdentity(now)
	if err != nil {
		return nil, err
	}
	w := &walk{o: o, dir: folder(abs), id: id, out: transcript{w: o.Out}}
	w.environ = gatewayEnviron(o, w.dir)
	if err := w.dir.fill(id, now, w.bootstrap(), w.environ); err != nil {
		return nil, err
	}
	return w, nil
}

// present waits for the gateway, prints what runs where, walks, and stays.
func (w *walk) present(ctx context.Context, gw running) error {
	waiting, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := gw.Ready(waiting); err != nil {
		return fmt.Errorf("demo: gateway is not ready (its log: %s): %w", w.dir.path(fileGatewayLog), err)
	}
	w.out.header(w)
	if err := w.run(ctx); err != nil {
		return err
	}
	if w.o.Once {
		return w.out.err
	}
	w.out.line("")
	w.out.line("Everything stays up until Ctrl-C.")
	if w.out.err != nil {
		return w.out.err
	}
	<-ctx.Done()
	return nil
}
