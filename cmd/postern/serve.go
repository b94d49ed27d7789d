package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/postern-kafka/postern/auth/upstream"
	"github.com/postern-kafka/postern/cmd/postern/config"
	"github.com/postern-kafka/postern/cmd/postern/gateway"
	"github.com/postern-kafka/postern/tlsterm"
)

type serveCommand struct{}

// Run serves until a signal comes, then drains.
func (*serveCommand) Run(w world) error {
	cfg, err := load(w)
	if err != nil {
		return err
	}
	log := newLog(cfg.Log, w.stdout)
	limitMemory(log)
	go paceCollector(w.ctx)
	build := buildInfo()
	log.Info("postern", "version", build.version, "commit", build.commit)
	g, err := gateway.Start(w.ctx, cfg, gateway.Options{
		Loops: spareProcessors(cfg.Threads), Log: log, Version: build.version, Commit: build.commit, BuildTime: build.time,
	})
	if err != nil {
		return err
	}
	for i := range cfg.Listeners {
		l := &cfg.Listeners[i]
		log.Info("listening", "listener", l.Name, "protocol", l.Protocol, "port", l.PortStart, "advertised", l.AdvertisedHost)
	}
	go func() {
		if g.Ready(w.ctx) == nil {
			log.Info("READY")
		}
	}()
	<-w.ctx.Done()
	log.Info("draining", "at_most", cfg.Limits.DrainTimeout)
	err = g.Close(context.WithoutCancel(w.ctx))
	log.Info("ended")
	return err
}

// limitMemory has the collector work harder before the memory that the container
// may have is used up, instead of being killed for it. GOMEMLIMIT, if set, is
// stronger. The cores that a container may have are known to Go by itself.
func limitMemory(log *slog.Logger) {
	limit, err := memlimit.Set(memlimit.WithRatio(memoryShare))
	switch {
	case err != nil:
		log.Warn("the memory limit of the container is not known; set GOMEMLIMIT", "err", err)
	case limit != math.MaxInt64:
		log.Info("memory", "limit", limit)
	}
}

// memoryShare leaves a tenth for what the collector does not see: stacks of
// threads, the binary, the kernel's buffers of sockets that count for the container.
const memoryShare = 0.9

type configCommand struct{}

// Run prints the computed configuration.
func (*configCommand) Run(w world) error {
	cfg, err := load(w)
	if err != nil {
		return err
	}
	return cfg.WriteTree(w.stdout)
}

// load reads the environment and tells everything that is odd about it.
func load(w world) (*config.Config, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	cfg, report := config.Load(w.environ, config.Options{
		Hostname: host,
		ReadFile: os.ReadFile,
		CheckPrincipalRules: func(rules string) error {
			_, err := tlsterm.ParsePrincipalRules(rules)
			return err
		},
		CheckJAAS: func(mechanism, text string) error {
			_, err := upstream.ParseJAAS(mechanism, text)
			return err
		},
	})
	for _, note := range report.Notes {
		fmt.Fprintln(w.stderr, note)
	}
	for _, warning := range report.Warnings {
		fmt.Fprintln(w.stderr, "warning:", warning)
	}
	if line := report.NotApplicableLine(); line != "" {
		fmt.Fprintln(w.stderr, line)
	}
	if report.Failed() {
		return nil, usageError{fmt.Errorf("the configuration has errors:\n%w", report.Err())}
	}
	return cfg, nil
}

// newLog makes the one logger of the process.
func newLog(o config.Log, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: o.Level}
	if o.JSON {
		options.ReplaceAttr = jsonNames
		return slog.New(slog.NewJSONHandler(w, options)).With("thread", "postern", "loggerName", "postern")
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// jsonNames gives the fields the names that log dashboards of the original
// read: timestamp, level, thread, loggerName, message.
func jsonNames(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 {
		switch a.Key {
		case slog.TimeKey:
			a.Key = "timestamp"
		case slog.MessageKey:
			a.Key = "message"
		}
	}
	return a
}

type versionCommand struct{}

// Run prints the version.
func (*versionCommand) Run(w world) error {
	b := buildInfo()
	_, err := fmt.Fprintf(w.stdout, "postern %s (%s)\n", b.version, b.commit)
	return err
}

// version is set by the release build: -ldflags "-X main.version=…".
var version = ""

type build struct{ version, commit, time string }

// buildInfo says what was built, as far as the binary knows.
func buildInfo() build {
	b := build{version: version, commit: "unknown", time: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.commit = s.Value
			case "vcs.time":
				b.time = s.Value
			}
		}
	}
	if b.version == "" {
		b.version = "dev"
	}
	return b
}
