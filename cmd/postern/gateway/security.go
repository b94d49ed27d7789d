package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/postern-kafka/postern/cmd/postern/config"
	"github.com/postern-kafka/postern/cmd/postern/filewatch"
	"github.com/postern-kafka/postern/engine"
	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/tlsterm"
)

// security is everything that TLS is made of, kept in step with its files.
type security struct {
	cfg       *config.Config
	log       *slog.Logger
	now       func() time.Time
	listeners []*listenerTLS
	https     *listenerTLS // the admin API's, also among listeners; nil without HTTPS
	brokers   *brokerTLS   // nil towards brokers without TLS
	watchers  []*filewatch.Watcher
}

// keeper is one configuration that follows files.
type keeper interface {
	look(now time.Time)
	upkeep(now time.Time)
	paths() []string
}

// newSecurity loads all files, with keys that sign as tlsEngine does; their faults
// are errors here, and only here. No client whose certificate's SHA-256 is denied
// is let in.
func newSecurity(cfg *config.Config, tlsEngine tlsterm.Engine, denied func([sha256.Size]byte) bool, log *slog.Logger) (*security, error) {
	s := &security{cfg: cfg, log: log, now: time.Now}
	var err error
	if s.brokers, err = newBrokerTLS(&cfg.Kafka, tlsEngine, log, s.now()); err != nil {
		return nil, err
	}
	for i := range cfg.Listeners {
		l := &cfg.Listeners[i]
		if !l.Protocol.TLS() {
			continue
		}
		t, err := newListenerTLS(l, tlsEngine, denied, log, s.now())
		if err != nil {
			return nil, err
		}
		s.listeners = append(s.listeners, t)
	}
	if cfg.Admin.KeyStore.IsSet() {
		if s.https, err = newListenerTLS(adminListener(cfg), tlsEngine, denied, log, s.now()); err != nil {
			return nil, err
		}
		s.listeners = append(s.listeners, s.https)
	}
	return s, nil
}

// adminListener is the admin API as a listener whose files are kept in step.
func adminListener(cfg *config.Config) *config.Listener {
	a := &cfg.Admin
	l := &config.Listener{
		Name: "admin", Protocol: config.ProtocolSSL, ClientAuth: config.ClientAuthNone,
		KeyStore: a.KeyStore, KeyPassword: a.KeyStore.Password, KeyPasswordVar: a.KeyStore.PasswordVar,
		UpdateInterval: cfg.Listeners[0].UpdateInterval, TLS: cfg.Listeners[0].TLS,
	}
	switch a.ClientAuth {
	case config.HTTPSRequest:
		l.ClientAuth, l.TrustStore = config.ClientAuthOptional, a.TrustStore
	case config.HTTPSRequired:
		l.ClientAuth, l.TrustStore = config.ClientAuthRequire, a.TrustStore
	}
	return l
}

// admin is the configuration of the admin API, nil for HTTP.
func (s *security) admin() *tls.Config {
	if s.https == nil {
		return nil
	}
	latest := func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.https.served.Load(), nil }
	return &tls.Config{GetConfigForClient: latest, MinVersion: tls.VersionTLS12}
}

func (s *security) keepers() (all []keeper) {
	for _, l := range s.listeners {
		all = append(all, l)
	}
	if s.brokers != nil {
		all = append(all, s.brokers)
	}
	return all
}

// follow begins to watch the files, until close.
func (s *security) follow() {
	for _, k := range s.keepers() {
		s.watchers = append(s.watchers, filewatch.Start(filewatch.Options{
			Paths:   k.paths(),
			Every:   s.every(),
			Changed: func() { k.look(s.now()) },
			Failed: func(err error) {
				s.log.Warn("changes of TLS files may be noticed late", "at_most", s.every(), "err", err)
			},
		}))
		k.look(s.now()) // what changed between loading and watching
	}
}

// every is the shortest interval of the listeners, for the brokers' files too.
func (s *security) every() time.Duration {
	every := time.Duration(0)
	for i := range s.cfg.Listeners {
		if d := s.cfg.Listeners[i].UpdateInterval; d > 0 && (every == 0 || d < every) {
			every = d
		}
	}
	return every
}

// upkeepEvery is how late an OCSP answer may be withdrawn or a key rotated.
const upkeepEvery = time.Minute

// upkeep does what time asks for until ctx ends.
func (s *security) upkeep(ctx context.Context) {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, k := range s.keepers() {
				k.upkeep(s.now())
			}
		}
	}
}

func (s *security) close() error {
	var errs []error
	for _, w := range s.watchers {
		errs = append(errs, w.Close())
	}
	s.watchers = nil
	return errors.Join(errs...)
}

// upstream makes the configuration for a broker's host; nil for brokers without
// TLS.
func (s *security) upstream() func(host string) *tls.Config {
	if s.brokers == nil {
		return nil
	}
	return s.brokers.config
}

// engineListeners turns the configured listeners into the engine's.
func (s *security) engineListeners() ([]engine.Listener, error) {
	out := make([]engine.Listener, 0, len(s.cfg.Listeners))
	for i := range s.cfg.Listeners {
		l := &s.cfg.Listeners[i]
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
		for _, t := range s.listeners {
			if t.l == l {
				ln.TLS = t.served.Load
			}
		}
		if ln.TLS != nil {
			rules, err := tlsterm.ParsePrincipalRules(l.PrincipalRules)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.PrincipalRulesVar, err)
			}
			ln.Principal = func(id tlsterm.Identity) (string, error) { return rules.Apply(id.DN()) }
		}
		out = append(out, ln)
	}
	return out, nil
}

// StoreSpec is a configured store as those who read it are told.
func StoreSpec(s config.Store) tlsterm.StoreSpec {
	return tlsterm.StoreSpec{
		Path: s.Path, Password: s.Password.Reveal(), Type: s.Type,
		PathVar: s.PathVar, PasswordVar: s.PasswordVar, TypeVar: s.TypeVar,
	}
}
