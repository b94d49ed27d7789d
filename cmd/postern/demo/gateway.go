package demo

import (
	"context"
	"log/slog"

	"github.com/postern-kafka/postern/cmd/postern/config"
	"github.com/postern-kafka/postern/cmd/postern/gateway"
)

// startGateway is the starter of Run: the gateway as `postern` itself starts
// it, with environ in the place of the process environment.
func startGateway(ctx context.Context, environ []string, o Options, log *slog.Logger) (running, error) {
	cfg, report := config.Load(environ, config.Options{Hostname: "localhost"})
	for _, warning := range report.Warnings {
		log.Warn(warning)
	}
	if line := report.NotApplicableLine(); line != "" {
		log.Info(line)
	}
	if report.Failed() {
		return nil, report.Err()
	}
	g, err := gateway.Start(ctx, cfg, gateway.Options{Log: log, Version: o.Version})
	if err != nil {
		return nil, err
	}
	return g, nil
}
