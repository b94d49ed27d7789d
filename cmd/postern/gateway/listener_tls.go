package gateway

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postern-kafka/postern/cmd/postern/config"
	"github.com/postern-kafka/postern/tlsterm"
)

// trust is what a trust store holds.
type trust struct {
	pool    *x509.CertPool
	anchors []*x509.Certificate
}

// listenerTLS keeps the TLS configuration of a listener in step with its files.
type listenerTLS struct {
	l      *config.Listener
	engine tlsterm.Engine
	auth   tlsterm.ClientAuth
	denied func([sha256.Size]byte) bool
	log    *slog.Logger

	served  atomic.Pointer[tls.Config] // what the next handshake gets
	tickets *tlsterm.TicketKeys

	mu         sync.Mutex
	keys       []*source[tlsterm.Keys]
	trust      *source[trust] // nil without a trust store
	crls       []*source[[]*tlsterm.CRL]
	staple     *source[[]byte] // nil without one
	ticketFile *source[[]byte] // nil without one
	revoked    *tlsterm.Revocations
	stapled    tlsterm.Staple // zero if none is served
	stapleErr  error          // why none is served though there is a file
	complaints complaints
}

func newListenerTLS(l *config.Listener, engine tlsterm.Engine, denied func([sha256.Size]byte) bool, log *slog.Logger, now time.Time) (*listenerTLS, error) {
	t := &listenerTLS{l: l, engine: engine, denied: denied, log: log.With("listener", l.Name), tickets: tlsterm.NewTicketKeys(now)}
	t.complaints.log = t.log
	var err error
	if t.auth, err = tlsterm.ParseClientAuth(l.ClientAuth); err != nil {
		return nil, err
	}
	if err := t.load(); err != nil {
		return nil, err
	}
	if err := t.build(now); err != nil {
		return nil, err
	}
	t.complaints.tell(t.wrong(now))
	return t, nil
}

// load reads all files for the first time.
func (t *listenerTLS) load() error {
	stores := append([]config.KeyStore{{Store: t.l.KeyStore, KeyPassword: t.l.KeyPassword, KeyPasswordVar: t.l.KeyPasswordVar}}, t.l.ExtraKeyStores...)
	for _, s := range stores {
		keys, err := keySource(s, t.engine, t.log)
		if err != nil {
			return err
		}
		t.keys = append(t.keys, keys)
	}
	var err error
	if t.l.TrustStore.IsSet() {
		if t.trust, err = trustSource(t.l.TrustStore, t.log); err != nil {
			return err
		}
	}
	for _, path := range t.l.CRLPaths {
		spec := tlsterm.StoreSpec{Path: path, PathVar: t.l.CRLPathsVar}
		crl, err := newSource(spec, t.log, tlsterm.ParseCRLs)
		if err == nil {
			_, err = tlsterm.NewRevocations(crl.value, t.anchors())
		}
		if err != nil {
			return blame(spec, err)
		}
		t.crls = append(t.crls, crl)
	}
	asIs := func(data []byte) ([]byte, error) { return data, nil }
	if t.l.TicketKeysPath != "" {
		spec := tlsterm.StoreSpec{Path: t.l.TicketKeysPath, PathVar: t.l.TicketKeysPathVar}
		if t.ticketFile, err = newSource(spec, t.log, asIs); err == nil {
			_, err = t.tickets.Load(t.ticketFile.value)
		}
		if err != nil {
			return blame(spec, err)
		}
	}
	if t.l.OCSPStaplePath != "" {
		spec := tlsterm.StoreSpec{Path: t.l.OCSPStaplePath, PathVar: t.l.OCSPStaplePathVar}
		if t.staple, err = newSource(spec, t.log, asIs); err != nil {
			return err
		}
	}
	return nil
}

func keySource(s config.KeyStore, engine tlsterm.Engine, log *slog.Logger) (*source[tlsterm.Keys], error) {
	of := StoreSpec(s.Store)
	return newSource(of, log, func(data []byte) (tlsterm.Keys, error) {
		keys, err := tlsterm.ParseKeyStore(data, of, s.KeyPassword.Reveal(), s.KeyPasswordVar)
		keys.Certificates = engine.Adopt(keys.Certificates)
		return keys, err
	})
}

func trustSource(s config.Store, log *slog.Logger) (*source[trust], error) {
	of := StoreSpec(s)
	return newSource(of, log, func(data []byte) (trust, error) {
		pool, anchors, err := tlsterm.ParseTrustStore(data, of)
		return trust{pool, anchors}, err
	})
}

// blame names the variable and the file in an error that does not.
func blame(spec tlsterm.StoreSpec, err error) error {
	if errors.Is(err, tlsterm.ErrStore) {
		return err
	}
	return fmt.Errorf("%s: %s: %w", spec.PathVar, spec.Path, err)
}

// look reads all files again and swaps the configuration if anything in force
// has changed. Connections that stand are not touched.
func (t *listenerTLS) look(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := false
	for _, s := range t.keys {
		changed = s.look(func(k tlsterm.Keys) error { return goodKeys(k, now) }) || changed
	}
	if t.trust != nil {
		changed = t.trust.look(func(tr trust) error { return goodTrust(tr, now) }) || changed
	}
	for _, s := range t.crls {
		changed = s.look(func(lists []*tlsterm.CRL) error {
			_, err := tlsterm.NewRevocations(lists, t.anchors())
			return err
		}) || changed
	}
	if t.staple != nil {
		changed = t.staple.look(func(der []byte) error {
			_, err := tlsterm.ParseStaple(der, t.certificates(), t.anchors(), now)
			return err
		}) || changed
	}
	if t.ticketFile != nil {
		t.ticketFile.look(func(file []byte) error {
			loaded, err := t.tickets.Load(file)
			changed = changed || loaded
			return err
		})
	}
	t.refresh(changed, now)
}

// upkeep does what time asks for, without a look at the files.
func (t *listenerTLS) upkeep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ended := t.stapled.Response != nil && t.stapled.Expired(now)
	t.refresh(t.tickets.Rotate(now) || ended, now)
}

func (t *listenerTLS) refresh(changed bool, now time.Time) {
	if changed {
		if err := t.build(now); err != nil {
			t.log.Error("TLS configuration kept as it was", "err", err)
		}
	}
	for _, f := range t.files() {
		f.announce(t.log)
	}
	t.complaints.tell(t.wrong(now))
}

// build makes the configuration of what is in force and serves it.
func (t *listenerTLS) build(now time.Time) error {
	lists := make([]*tlsterm.CRL, 0, len(t.crls))
	for _, s := range t.crls {
		lists = append(lists, s.value...)
	}
	revoked, err := tlsterm.NewRevocations(lists, t.anchors())
	if err != nil {
		// A new trust store speaks against a list that is in force. It goes on to
		// bar whom its issuer has signed.
		t.log.Error("a list of revoked certificates does not fit the trust store", "variable", t.l.CRLPathsVar, "err", err)
		if revoked, err = tlsterm.NewRevocations(lists, nil); err != nil {
			return err
		}
	}
	certs := t.certificates()
	t.stapled, t.stapleErr = tlsterm.Staple{}, nil
	if t.staple != nil {
		if t.stapled, t.stapleErr = tlsterm.ParseStaple(t.staple.value, certs, t.anchors(), now); t.stapleErr == nil {
			certs[t.stapled.For].OCSPStaple = t.stapled.Response
		}
	}
	o := tlsterm.ServerOptions{
		Settings:     t.l.TLS,
		Certificates: certs,
		ClientAuth:   t.auth,
		Checks:       []func(tlsterm.Identity) error{tlsterm.RefuseDenied(t.denied)},
		Tickets:      t.tickets,
		Domain:       tlsterm.TrustDomain{Listener: t.l.Name, Trust: tlsterm.TrustFingerprint(t.anchors()), Revocation: revoked.Generation()},
	}
	if t.trust != nil {
		o.Roots = t.trust.value.pool
	}
	if len(lists) > 0 {
		o.ChainChecks = append(o.ChainChecks, revoked.Check)
	}
	t.revoked = revoked
	t.served.Store(o.Config())
	return nil
}

// certificates are those of all key stores, in a slice of its own.
func (t *listenerTLS) certificates() (all []tls.Certificate) {
	for _, s := range t.keys {
		all = append(all, s.value.Certificates...)
	}
	return all
}

func (t *listenerTLS) anchors() []*x509.Certificate {
	if t.trust == nil {
		return nil
	}
	return t.trust.value.anchors
}

// wrong is what an operator should mend.
func (t *listenerTLS) wrong(now time.Time) (all []complaint) {
	for _, s := range t.keys {
		all = append(all, ofKeys(s.spec, s.value, now)...)
	}
	if t.l.AdvertisedHost != "" { // the admin API advertises none
		all = append(all, ofHost(t.certificates(), t.keys[0].spec, t.l.AdvertisedHost)...)
	}
	if t.trust != nil {
		all = append(all, ofTrust(t.trust, now)...)
	}
	for _, l := range t.revoked.Lists {
		if !l.NextUpdate.IsZero() && now.After(l.NextUpdate) {
			all = append(all, warning("%s: the list of %q should have been replaced by %s: who was revoked since is let in",
				t.l.CRLPathsVar, l.Issuer, l.NextUpdate.UTC().Format(time.RFC3339)))
		}
	}
	if t.stapleErr != nil {
		all = append(all, warning("%s: %s: not served: %s", t.l.OCSPStaplePathVar, t.l.OCSPStaplePath, t.stapleErr))
	}
	return all
}

func ofTrust(s *source[trust], now time.Time) (all []complaint) {
	for _, c := range s.value.anchors {
		if err := tlsterm.CheckValidity(c, now); err != nil {
			all = append(all, warning("%s: %s: nobody is trusted by it: %s", s.spec.PathVar, s.spec.Path, err))
		}
	}
	return all
}

// goodKeys refuses new certificates that clients would refuse.
func goodKeys(k tlsterm.Keys, now time.Time) error {
	for i := range k.Certificates {
		if err := tlsterm.CheckCertificate(&k.Certificates[i], now); err != nil {
			return err
		}
	}
	return nil
}

// goodTrust refuses a new trust store by which nobody would be let in.
func goodTrust(tr trust, now time.Time) error {
	var fault error
	for _, c := range tr.anchors {
		err := tlsterm.CheckValidity(c, now)
		if err == nil {
			return nil
		}
		fault = err
	}
	return fault
}

// files are the figures of all sources.
func (t *listenerTLS) files() (all []*figures) {
	for _, s := range t.keys {
		all = append(all, s.figures)
	}
	if t.trust != nil {
		all = append(all, t.trust.figures)
	}
	for _, s := range t.crls {
		all = append(all, s.figures)
	}
	for _, s := range []*source[[]byte]{t.staple, t.ticketFile} {
		if s != nil {
			all = append(all, s.figures)
		}
	}
	return all
}

// paths are the files to be watched.
func (t *listenerTLS) paths() (paths []string) {
	for _, f := range t.files() {
		paths = append(paths, f.file)
	}
	return paths
}
