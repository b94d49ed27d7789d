package demo

import (
	"context"
	"errors"
	"log/slog"
)

// startGateway is the starter of Run.
func startGateway(context.Context, []string, Options, *slog.Logger) (running, error) {
	return nil, errors.New("no gateway in this build")
}
