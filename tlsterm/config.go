package tlsterm

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrIdentityRefused is wrapped by the handshake error of a peer whose chain is
// good but whom the check given to ServerConfig, or FormatDN, turned away.
var ErrIdentityRefused = errors.New("identity refused")

// Material is what stores hold: our own certificates and whom we trust.
type Material struct {
	Certificates []tls.Certificate
	Roots        *x509.CertPool
	Anchors      []*x509.Certificate // the certificates in Roots
}

// ClientAuth says whether a server asks its clients for a certificate.
type ClientAuth int

// The kinds of client authentication. An invalid certificate is refused by
// Optional as well.
const (
	None     ClientAuth = iota // not asked for
	Optional                   // asked for; without one the client is anonymous
	Require                    // asked for and needed
)

// String returns the spelling that ParseClientAuth takes.
func (a ClientAuth) String() string {
	switch a {
	case None:
		return "NONE"
	case Optional:
		return "OPTIONAL"
	case Require:
		return "REQUIRE"
	}
	return fmt.Sprintf("ClientAuth(%d)", int(a))
}

// ParseClientAuth reads NONE, OPTIONAL or REQUIRE, in any case.
func ParseClientAuth(s string) (ClientAuth, error) {
	for _, a := range []ClientAuth{None, Optional, Require} {
		if strings.EqualFold(strings.TrimSpace(s), a.String()) {
			return a, nil
		}
	}
	return None, fmt.Errorf("tlsterm: client authentication %q: allowed are NONE, OPTIONAL and REQUIRE", s)
}

// ServerOptions says how Server is to speak with clients.
type ServerOptions struct {
	Settings Settings
	// Certificates are ours, at least one: the first that suits the name the
	// client wants and the signatures it can check is given, else the first.
	Certificates []tls.Certificate
	// Roots verify the clients' certificates. With nil nobody verifies: the
	// system's trust in web sites is not meant for clients.
	Roots      *x509.CertPool
	ClientAuth ClientAuth
	// Checks see who the client is in every handshake, resumed ones too, anonymous
	// clients included; an error refuses it with an alert. ChainChecks see the
	// chains that lead from its certificate to one in Roots, at least one, unless it
	// is anonymous: then they are not asked.
	Checks      []func(Identity) error
	ChainChecks []func(chains [][]*x509.Certificate) error
	// Tickets are the keys of session tickets, valid in Domain. With nil a key is
	// drawn for this configuration, and its tickets end with it.
	Tickets *TicketKeys
	Domain  TrustDomain
}

// ServerConfig is ServerOptions.Config with one certificate and no more
// settings: a configuration that ends all tickets of those before it.
func ServerConfig(cert tls.Certificate, roots *x509.CertPool, auth ClientAuth, checks ...func(Identity) error) *tls.Config {
	return ServerOptions{Certificates: []tls.Certificate{cert}, Roots: roots, ClientAuth: auth, Checks: checks}.Config()
}

// Config returns a configuration for Server: authenticated encryption only,
// clients verified against Roots as ClientAuth says. When a session is resumed,
// crypto/tls has looked again at the validity of the client's chain and at
// whether Roots still hold its anchor; all else that may have changed since is
// for the checks.
func (o ServerOptions) Config() *tls.Config {
	cfg := baseConfig(o.Settings)
	cfg.Certificates = o.Certificates
	switch o.ClientAuth {
	case None:
		cfg.ClientAuth = tls.NoClientCert
	case Optional:
		cfg.ClientAuth = tls.VerifyClientCertIfGiven
	default: // Require, and whatever nobody has defined
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if cfg.ClientCAs = o.Roots; o.Roots == nil {
		cfg.ClientCAs = x509.NewCertPool()
	}
	cfg.VerifyConnection = o.verify
	if len(o.Settings.Suites) > 0 {
		cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			o.Settings.steer(hello)
			return nil, nil
		}
	}
	if o.Tickets == nil {
		o.Tickets = NewTicketKeys(time.Time{}) // nobody rotates these
	}
	o.Tickets.Apply(cfg, o.Domain)
	return cfg
}

// verify is crypto/tls's VerifyConnection, the one hook that resumed sessions
// come by as well.
func (o ServerOptions) verify(s tls.ConnectionState) error {
	if err := o.Settings.suiteAllowed(s.CipherSuite); err != nil {
		return err
	}
	id, err := identify(s)
	if err != nil {
		return err
	}
	for _, check := range o.Checks {
		if err := check(id); err != nil {
			return fmt.Errorf("%w: %w", ErrIdentityRefused, err)
		}
	}
	if id.Anonymous() {
		return nil
	}
	for _, check := range o.ChainChecks {
		if err := check(s.VerifiedChains); err != nil {
			return fmt.Errorf("%w: %w", ErrIdentityRefused, err)
		}
	}
	return nil
}

// ClientOptions says how ClientConfig connects.
type ClientOptions struct {
	Settings    Settings
	Roots       *x509.CertPool   // nil: the system's
	Certificate *tls.Certificate // nil: none is given
	ServerName  string           // sent as SNI unless an address, and checked
	// SkipHostName leaves out the check of the name in the server's certificate,
	// as ssl.endpoint.identification.algorithm= does; its chain is verified all
	// the same.
	SkipHostName bool
}

// ClientConfig returns a configuration for Client. It may be cloned and given
// another ServerName. Without a ServerName the handshake fails, unless the
// name is not checked.
func ClientConfig(o ClientOptions) *tls.Config {
	cfg := baseConfig(o.Settings)
	cfg.RootCAs = o.Roots
	cfg.ServerName = o.ServerName
	if o.Certificate != nil {
		cert := o.Certificate
		// Certificates would be left out if the server's list of issuers does not
		// name ours; a Java client then sends none either, and the server's
		// "no certificate" hides the reason. Sending it makes the server say why.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	if o.SkipHostName {
		cfg.InsecureSkipVerify = true // VerifyConnection verifies all but the name
	}
	cfg.VerifyConnection = func(s tls.ConnectionState) error {
		if err := o.Settings.suiteAllowed(s.CipherSuite); err != nil || !o.SkipHostName {
			return err
		}
		return verifyChain(s, o.Roots)
	}
	return cfg
}

// verifyChain does what crypto/tls does for a client, without the name.
func verifyChain(s tls.ConnectionState, roots *x509.CertPool) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the server gave no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
	}
	return nil
}

func baseConfig(s Settings) *tls.Config {
	cfg := &tls.Config{
		// Small first records suit web pages; here they cost.
		DynamicRecordSizingDisabled: true,
	}
	s.apply(cfg)
	return cfg
}
