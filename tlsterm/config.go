package tlsterm

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
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

// aeadSuites are the TLS 1.2 suites with forward secrecy and authenticated
// encryption. TLS 1.3 has no others, and crypto/tls orders both by itself.
var aeadSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// ServerConfig returns a configuration for Server: TLS 1.2 and 1.3 with
// authenticated encryption, clients verified against roots as auth says. With
// nil roots nobody verifies: the system's trust in web sites is not meant for
// clients.
//
// The checks, if any, see who the client is in every handshake, resumed ones
// too, anonymous clients included; an error refuses it with an alert. Session
// tickets are sealed with a key drawn here: they end with this configuration,
// so building a new one (on a reload) also ends what old trust has let in.
func ServerConfig(cert tls.Certificate, roots *x509.CertPool, auth ClientAuth, checks ...func(Identity) error) *tls.Config {
	cfg := baseConfig()
	cfg.Certificates = []tls.Certificate{cert}
	switch auth {
	case None:
		cfg.ClientAuth = tls.NoClientCert
	case Optional:
		cfg.ClientAuth = tls.VerifyClientCertIfGiven
	default: // Require, and whatever nobody has defined
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if cfg.ClientCAs = roots; roots == nil {
		cfg.ClientCAs = x509.NewCertPool()
	}
	cfg.VerifyConnection = func(s tls.ConnectionState) error {
		id, err := identify(s)
		if err != nil {
			return err
		}
		for _, check := range checks {
			if err := check(id); err != nil {
				return fmt.Errorf("%w: %w", ErrIdentityRefused, err)
			}
		}
		return nil
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails, says crypto/rand
	cfg.SetSessionTicketKeys([][32]byte{key})
	return cfg
}

// ClientOptions says how ClientConfig connects.
type ClientOptions struct {
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
	cfg := baseConfig()
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
		cfg.InsecureSkipVerify = true // the next line verifies all but the name
		cfg.VerifyConnection = func(s tls.ConnectionState) error { return verifyChain(s, o.Roots) }
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

func baseConfig() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		CipherSuites: aeadSuites,
		// Small first records suit web pages; here they cost.
		DynamicRecordSizingDisabled: true,
	}
}
