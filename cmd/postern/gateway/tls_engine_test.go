package gateway

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
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
			got := chooseTLSEngine(cfg, c.selfTest, slog.New(slog.NewTextHandler(&log, nil)))
			if got != c.want {
				t.Errorf("engine %v, want %v", got, c.want)
			}
			if said := strings.Contains(log.String(), "resumed: differs"); said != c.logged {
				t.Errorf("logged %q", log.String())
			}
		})
	}
}

// TestRSAFollowsEngine: the keys of a store sign as the engine does, those that
// are loaded later too.
func TestRSAFollowsEngine(t *testing.T) {
	key, err := rsaKey()
	must(t, err)
	ca := newAuthority(t, "CA")
	first, next := ca.certify("first", key), ca.certify("next", key)
	_, asBefore := tlsterm.Own.Adopt([]tls.Certificate{first})[0].PrivateKey.(*rsa.PrivateKey) // without AVX2
	for _, engine := range []tlsterm.Engine{tlsterm.Own, tlsterm.Std} {
		path := file(t, t.TempDir(), "key.pem", keyPEM(t, first))
		_, log := newJournal()
		s, err := keySource(config.KeyStore{Store: config.Store{Path: path}}, engine, log)
		must(t, err)
		for _, want := range []tls.Certificate{first, next} {
			replace(t, path, keyPEM(t, want))
			s.look(func(tlsterm.Keys) error { return nil })
			got := s.value.Certificates[0]
			_, std := got.PrivateKey.(*rsa.PrivateKey)
			if !got.Leaf.Equal(want.Leaf) || std != (asBefore || engine == tlsterm.Std) {
				t.Errorf("%v: a key %T of %s", engine, got.PrivateKey, got.Leaf.Subject)
			}
		}
	}
}
