package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/postern-kafka/postern/tlsterm"
)

// engineVariable is the gateway's switch between the record layers.
const engineVariable = "GATEWAY_TLS_ENGINE"

// handshake is the gateway's way from a socket to a Conn. An empty name is the
// gateway's own choice.
func handshake(ctx context.Context, name string, server bool, conn net.Conn, cfg *tls.Config) (*tlsterm.Conn, error) {
	engine := tlsterm.Own
	if name != "" {
		var err error
		if engine, err = tlsterm.ParseEngine(name); err != nil {
			return nil, fmt.Errorf("%s: %w", engineVariable, err)
		}
	}
	var c *tlsterm.Conn
	var err error
	if server {
		c, _, err = engine.Server(ctx, conn, cfg)
	} else {
		c, err = engine.Client(ctx, conn, cfg)
	}
	if err == nil && c.Engine() != engine {
		err = fmt.Errorf("the engine %s has left the connection to %s", engine, c.Engine())
	}
	return c, err
}
