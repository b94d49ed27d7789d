package gateway

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/cmd/postern/config"
	"github.com/postern-kafka/postern/tlsterm"
)

func TestTLSEngine(t *testing.T) {
	agrees, differs := func() error { return nil }, func() error { return errors.New("TLS_AES_128_GCM_SHA256, resumed: differs") }
	for name, c := range map[string]struct {
		choice   config.TLSEngine
		protocol config.Protocol
		selfTest func() error
		want     tlsterm.Engine
		logged   bool
	}{
		"own":                  {config.TLSEngineOwn, config.ProtocolSSL, agrees, tlsterm.Own, false},
		"own that differs":     {config.TLSEngineOwn, config.ProtocolSSL, differs, tlsterm.Std, true},
		"std":                  {config.TLSEngineStd, config.ProtocolSSL, differs, tlsterm.Std, false},
		"no TLS is not tested": {config.TLSEngineOwn, config.ProtocolPlaintext, differs, tlsterm.Std, false},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			cfg := &config.Config{
				TLSEngine: c.choice,
				Listeners: []config.Listener{{Protocol: c.protocol}},
				Kafka:     config.Backend{Protocol: config.ProtocolPlaintext},
			}
			got := tlsEngine(cfg, c.selfTest, slog.New(slog.NewTextHandler(&log, nil)))
			if got != c.want {
				t.Errorf("engine %v, want %v", got, c.want)
			}
			if said := strings.Contains(log.String(), "resumed: differs"); said != c.logged {
				t.Errorf("logged %q", log.String())
			}
		})
	}
}
