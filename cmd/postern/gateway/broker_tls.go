package gateway

import (
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postern-kafka/postern/cmd/postern/config"
	"github.com/postern-kafka/postern/tlsterm"
)

// brokerTLS keeps the TLS configuration towards the brokers in step with its
// files.
type brokerTLS struct {
	k    *config.Backend
	log  *slog.Logger
	base atomic.Pointer[tls.Config]

	mu         sync.Mutex
	keys       *source[tlsterm.Keys] // nil without a certificate of our own
	trust      *source[trust]        // nil for the system's
	complaints complaints
}

// newBrokerTLS returns nil for brokers without TLS.
func newBrokerTLS(k *config.Backend, engine tlsterm.Engine, log *slog.Logger, now time.Time) (*brokerTLS, error) {
	if !k.Protocol.TLS() {
		return nil, nil
	}
	t := &brokerTLS{k: k, log: log.With("listener", toBrokers)}
	t.complaints.log = t.log
	var err error
	if k.KeyStore.IsSet() {
		store := config.KeyStore{Store: k.KeyStore, KeyPassword: k.KeyPassword, KeyPasswordVar: k.KeyPasswordVar}
		if t.keys, err = keySource(store, engine, t.log); err != nil {
			return nil, err
		}
	}
	if k.TrustStore.IsSet() {
		if t.trust, err = trustSource(k.TrustStore, t.log); err != nil {
			return nil, err
		}
	}
	t.build()
	t.complaints.tell(t.wrong(now))
	return t, nil
}

// toBrokers stands where others have a listener's name.
const toBrokers = "to brokers"

// config returns the configuration for a broker's host.
func (t *brokerTLS) config(host string) *tls.Config {
	c := t.base.Load().Clone()
	c.ServerName = host
	return c
}

func (t *brokerTLS) look(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := false
	if t.keys != nil {
		changed = t.keys.look(func(k tlsterm.Keys) error { return goodKeys(k, now) })
	}
	if t.trust != nil {
		changed = t.trust.look(func(tr trust) error { return goodTrust(tr, now) }) || changed
	}
	if changed {
		t.build()
	}
	if t.keys != nil {
		t.keys.figures.announce(t.log)
	}
	if t.trust != nil {
		t.trust.figures.announce(t.log)
	}
	t.complaints.tell(t.wrong(now))
}

func (t *brokerTLS) upkeep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.complaints.tell(t.wrong(now))
}

func (t *brokerTLS) build() {
	o := tlsterm.ClientOptions{Settings: t.k.TLS, SkipHostName: !t.k.EndpointIdentification}
	if t.trust != nil {
		o.Roots = t.trust.value.pool
	}
	if t.keys != nil {
		o.Certificate = &t.keys.value.Certificates[0]
	}
	t.base.Store(tlsterm.ClientConfig(o))
}

func (t *brokerTLS) wrong(now time.Time) (all []complaint) {
	if t.keys != nil {
		all = ofKeys(t.keys.spec, t.keys.value, now)
	}
	if t.trust != nil {
		all = append(all, ofTrust(t.trust, now)...)
	}
	return all
}

func (t *brokerTLS) paths() (paths []string) {
	if t.keys != nil {
		paths = append(paths, t.keys.spec.Path)
	}
	if t.trust != nil {
		paths = append(paths, t.trust.spec.Path)
	}
	return paths
}
