package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Algorithm is the kind of key.
type Algorithm int

// The kinds of keys that are made.
const (
	ECDSAP256 Algorithm = iota
	RSA2048
)

// validity covers clocks that differ and the longest test run.
const validity = 24 * time.Hour

// Authority is a certificate authority that exists in memory only.
type Authority struct {
	Cert *x509.Certificate
	key  crypto.Signer
}

// Pair is a leaf, its key and the authority it chains to.
type Pair struct {
	Cert   *x509.Certificate
	Key    crypto.Signer
	issuer *Authority
}

// Request says what a leaf is to certify. Every leaf is good for both ends.
type Request struct {
	Subject    pkix.Name // ignored when RawSubject is set
	RawSubject []byte    // DER of the subject, for names pkix cannot express
	Hosts      []string  // DNS names and IP addresses
	Algorithm  Algorithm
	Expired    bool // not valid any more since an hour
}

// NewAuthority makes an authority with the given common name.
func NewAuthority(name string, alg Algorithm) (*Authority, error) {
	key, err := newKey(alg)
	if err != nil {
		return nil, fmt.Errorf("certs: authority %q: %w", name, err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(validity),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	cert, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("certs: authority %q: %w", name, err)
	}
	return &Authority{Cert: cert, key: key}, nil
}

// Issue makes a leaf.
func (a *Authority) Issue(r Request) (*Pair, error) {
	key, err := newKey(r.Algorithm)
	if err != nil {
		return nil, fmt.Errorf("certs: leaf %q: %w", r.Subject.CommonName, err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: newSerial(),
		Subject:      r.Subject,
		RawSubject:   r.RawSubject,
		NotBefore:    now.Add(-2 * time.Hour),
		NotAfter:     now.Add(validity),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if r.Expired {
		template.NotAfter = now.Add(-time.Hour)
	}
	for _, h := range r.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	cert, err := sign(template, a.Cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("certs: leaf %q: %w", r.Subject.CommonName, err)
	}
	return &Pair{Cert: cert, Key: key, issuer: a}, nil
}

// Client is Issue for the commonest wish: a client named CN=name.
func (a *Authority) Client(name string) (*Pair, error) {
	return a.Issue(Request{Subject: pkix.Name{CommonName: name}})
}

// Server is Issue for a server on this machine.
func (a *Authority) Server(name string, alg Algorithm) (*Pair, error) {
	return a.Issue(Request{
		Subject:   pkix.Name{CommonName: name},
		Hosts:     []string{"localhost", "127.0.0.1", "::1"},
		Algorithm: alg,
	})
}

// Pool holds the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Cert)
	return pool
}

// Certificate is the leaf with its chain for crypto/tls.
func (p *Pair) Certificate() tls.Certificate {
	return tls.Certificate{
		Certificate: [][]byte{p.Cert.Raw, p.issuer.Cert.Raw},
		PrivateKey:  p.Key,
		Leaf:        p.Cert,
	}
}

// ClientTLS presents the leaf and trusts its authority for serverName.
func (p *Pair) ClientTLS(serverName string) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{p.Certificate()},
		RootCAs:      p.issuer.Pool(),
		ServerName:   serverName,
		MinVersion:   tls.VersionTLS12,
	}
}

// Anonymous is a client configuration without a certificate.
func (a *Authority) Anonymous(serverName string) *tls.Config {
	return &tls.Config{RootCAs: a.Pool(), ServerName: serverName, MinVersion: tls.VersionTLS12}
}

func newKey(alg Algorithm) (crypto.Signer, error) {
	if alg == RSA2048 {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// newSerial is random: clients cache by issuer and serial number.
func newSerial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails, by its contract
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}
