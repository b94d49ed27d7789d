package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"github.com/postern-kafka/postern/cmd/postern/config"
	"github.com/postern-kafka/postern/engine"
	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/tlsterm"
)

// listeners turns the configured listeners into the engine's, loading their
// stores.
func listeners(cfg *config.Config) ([]engine.Listener, error) {
	out := make([]engine.Listener, 0, len(cfg.Listeners))
	for i := range cfg.Listeners {
		l := &cfg.Listeners[i]
		// Before the cluster is known there is one port for bootstrap and the
		// two to spare that the original's count has.
		count := l.PortCount
		if count == 0 {
			count = 3
		}
		ln := engine.Listener{
			Name:  l.Name,
			Bind:  l.BindHost,
			Ports: mapping.NewPorts(l.AdvertisedHost, l.PortStart, l.MinBrokerID, count),
			Grow:  l.PortCount == 0,
		}
		if l.Protocol == config.ProtocolSSL {
			if err := secure(&ln, l); err != nil {
				return nil, err
			}
		}
		out = append(out, ln)
	}
	return out, nil
}

// secure gives a listener its TLS and its rules for principals.
func secure(ln *engine.Listener, l *config.Listener) error {
	cert, err := tlsterm.LoadKeyStore(spec(l.KeyStore), l.KeyPassword.Reveal(), l.KeyPasswordVar)
	if err != nil {
		return err
	}
	var roots *x509.CertPool
	if l.TrustStore.IsSet() {
		if roots, _, err = tlsterm.LoadTrustStore(spec(l.TrustStore)); err != nil {
			return err
		}
	}
	auth, err := tlsterm.ParseClientAuth(l.ClientAuth)
	if err != nil {
		return err
	}
	rules, err := tlsterm.ParsePrincipalRules(l.PrincipalRules)
	if err != nil {
		return fmt.Errorf("%s: %w", l.PrincipalRulesVar, err)
	}
	served := tlsterm.ServerConfig(cert, roots, auth)
	ln.TLS = func() *tls.Config { return served }
	ln.Principal = func(id tlsterm.Identity) (string, error) { return rules.Apply(id.DN()) }
	return nil
}

func spec(s config.Store) tlsterm.StoreSpec {
	return tlsterm.StoreSpec{
		Path: s.Path, Password: s.Password.Reveal(), Type: s.Type,
		PathVar: s.PathVar, PasswordVar: s.PasswordVar, TypeVar: s.TypeVar,
	}
}

// backendTLS returns what makes the configuration for a broker's host, nil for
// brokers that speak PLAINTEXT.
func backendTLS(k *config.Backend) (func(host string) *tls.Config, error) {
	if k.Protocol != config.ProtocolSSL {
		return nil, nil
	}
	o := tlsterm.ClientOptions{SkipHostName: !k.EndpointIdentification}
	if k.TrustStore.IsSet() {
		roots, _, err := tlsterm.LoadTrustStore(spec(k.TrustStore))
		if err != nil {
			return nil, err
		}
		o.Roots = roots
	}
	if k.KeyStore.IsSet() {
		cert, err := tlsterm.LoadKeyStore(spec(k.KeyStore), k.KeyPassword.Reveal(), k.KeyPasswordVar)
		if err != nil {
			return nil, err
		}
		o.Certificate = &cert
	}
	base := tlsterm.ClientConfig(o)
	return func(host string) *tls.Config {
		c := base.Clone()
		c.ServerName = host
		return c
	}, nil
}
