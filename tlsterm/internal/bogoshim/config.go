package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/postern-kafka/postern/tlsterm"
)

// runnerName is in the certificates that the runner shows.
const runnerName = "test"

var (
	errVerifyFail   = errors.New("-verify-fail")
	errCertCallback = errors.New("-fail-cert-callback")
)

// shared is what all connections of one case have in common.
type shared struct {
	sessions tls.ClientSessionCache
	ticket   [32]byte
}

// configuration is the product's, with what the case wants otherwise. The state
// that crypto/tls reports is put into seen by the time the handshake ends.
func (p *per) configuration(server bool, s *shared, seen *tls.ConnectionState) (*tls.Config, error) {
	cert, err := p.certificate()
	if err != nil {
		return nil, err
	}
	roots, err := p.roots()
	if err != nil {
		return nil, err
	}
	var cfg *tls.Config
	if server {
		cfg = p.serverConfiguration(cert, roots)
		cfg.SetSessionTicketKeys([][32]byte{s.ticket})
	} else {
		cfg = p.clientConfiguration(cert, roots)
		cfg.ClientSessionCache = s.sessions
	}
	cfg.MinVersion, cfg.MaxVersion = p.minVersion, p.maxVersion
	cfg.SessionTicketsDisabled = p.noTicket
	cfg.CurvePreferences = p.curves
	p.alpn(cfg)

	verify := cfg.VerifyConnection
	cfg.VerifyConnection = func(state tls.ConnectionState) error {
		*seen = state
		switch {
		case p.verifyFail:
			return errVerifyFail
		case verify != nil:
			return verify(state)
		}
		return nil
	}
	return cfg, nil
}

func (p *per) serverConfiguration(cert *tls.Certificate, roots *x509.CertPool) *tls.Config {
	if cert == nil {
		cert = &tls.Certificate{}
	}
	auth := tlsterm.None
	switch {
	case p.verifyPeer && p.requireClientCert:
		auth = tlsterm.Require
	case p.verifyPeer:
		auth = tlsterm.Optional
	}
	cfg := tlsterm.ServerConfig(*cert, roots, auth)
	if p.requireClientCert && !p.verifyPeer {
		cfg.ClientAuth = tls.RequireAnyClientCert
	}
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if p.expectAdvertisedALPN != nil && !slices.Equal(hello.SupportedProtos, p.expectAdvertisedALPN) {
			return nil, fmt.Errorf("-expect-advertised-alpn: %q", hello.SupportedProtos)
		}
		return nil, nil
	}
	cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return cert, p.checkOffer(hello.SignatureSchemes)
	}
	return cfg
}

func (p *per) clientConfiguration(cert *tls.Certificate, roots *x509.CertPool) *tls.Config {
	name := p.hostName
	if name == "" {
		name = runnerName
	}
	cfg := tlsterm.ClientConfig(tlsterm.ClientOptions{
		Roots:       roots,
		Certificate: cert,
		ServerName:  name,
		// BoringSSL's shim does not compare names.
		SkipHostName: name != runnerName,
	})
	if cert != nil || p.failCertCallback {
		cfg.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return cert, p.checkOffer(request.SignatureSchemes)
		}
	}
	return cfg
}

// checkOffer compares the signature algorithms that the peer would accept.
func (p *per) checkOffer(offer []tls.SignatureScheme) error {
	switch {
	case p.failCertCallback:
		return errCertCallback
	case p.expectPeerSigAlgs != nil && !slices.Equal(offer, p.expectPeerSigAlgs):
		return fmt.Errorf("-expect-peer-verify-pref: %v", offer)
	}
	return nil
}

func (p *per) alpn(cfg *tls.Config) {
	cfg.NextProtos = p.advertiseALPN
	switch {
	case p.selectALPN != "":
		cfg.NextProtos = []string{p.selectALPN}
	case p.rejectALPN:
		cfg.NextProtos = []string{"nobody speaks this"}
	}
}

// certificate returns nil if the case has none.
func (p *per) certificate() (*tls.Certificate, error) {
	if p.certFile == "" && p.keyFile == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(p.certFile, p.keyFile)
	if err != nil {
		// The runner's files are good: it is a kind of key that is not known here.
		return nil, fmt.Errorf("%w: -cert-file, -key-file: %w", errUnimplemented, err)
	}
	cert.OCSPStaple = p.ocspResponse
	cert.SupportedSignatureAlgorithms = p.signingPrefs
	return &cert, nil
}

// roots returns nil if the case has none.
func (p *per) roots() (*x509.CertPool, error) {
	if p.trustCert == "" {
		return nil, nil
	}
	text, err := os.ReadFile(p.trustCert)
	if err != nil {
		return nil, fmt.Errorf("-trust-cert: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("-trust-cert: no certificate in %s", p.trustCert)
	}
	return pool, nil
}
