package demo

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

const (
	// principal is the subject of the demo's certificate as the gateway
	// prints it, and the username that is mapped.
	principal = "CN=username"
	// storePassword opens every store and every key in a store.
	storePassword = "123456"
	// storeAlias is the name of the one entry of each store.
	storeAlias = "brokers"
	// validDays is how long the certificate is good for.
	validDays = 3560
	// keyBits is less than the founding demo's 4096: making such a key takes
	// seconds, and a demo proves no more with it.
	keyBits = 2048
)

// identity is the demo's one certificate: the gateway shows it to clients, the
// clients show it to the gateway, and it is its own trust anchor.
type identity struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

// newIdentity makes a key and a self-signed certificate for principal that is
// valid from an hour before now, so that a clock that is a little off does no
// harm.
func newIdentity(now time.Time) (*identity, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("demo: certificate: key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("demo: certificate: serial number: %w", err)
	}
	// No basic constraints, no key usage, no extended key usage: this is what
	// `openssl req -x509 -extensions san` makes of openssl.config.
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "username"},
		DNSNames:     []string{"localhost", "host.docker.internal"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(0, 0, validDays),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("demo: certificate: sign: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("demo: certificate: read back: %w", err)
	}
	return &identity{key: key, cert: cert}, nil
}

// clientTLS returns a client's configuration that trusts the certificate and,
// if withCertificate is true, shows it.
func (id *identity) clientTLS(withCertificate bool) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(id.cert)
	cfg := &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}
	if withCertificate {
		cfg.Certificates = []tls.Certificate{{Certificate: [][]byte{id.cert.Raw}, PrivateKey: id.key, Leaf: id.cert}}
	}
	return cfg
}

// pemKey returns the key as `openssl req -nodes` writes it (PKCS #8).
func (id *identity) pemKey() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(id.key)
	if err != nil {
		return nil, fmt.Errorf("demo: certificate: key as PEM: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// pemCertificate returns the certificate as PEM.
func (id *identity) pemCertificate() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: id.cert.Raw})
}

// pkcs12KeyStore returns a PKCS12 store with the key and its certificate, in
// the algorithms of today's keytool.
func (id *identity) pkcs12KeyStore() ([]byte, error) {
	b, err := pkcs12.Modern2023.Encode(id.key, id.cert, nil, storePassword)
	if err != nil {
		return nil, fmt.Errorf("demo: certificate: PKCS12 key store: %w", err)
	}
	return b, nil
}

// pkcs12TrustStore returns a PKCS12 store with the certificate alone, marked
// with the attribute without which Java does not trust it.
func (id *identity) pkcs12TrustStore() ([]byte, error) {
	b, err := pkcs12.Modern2023.EncodeTrustStoreEntries(
		[]pkcs12.TrustStoreEntry{{Cert: id.cert, FriendlyName: storeAlias}}, storePassword)
	if err != nil {
		return nil, fmt.Errorf("demo: certificate: PKCS12 trust store: %w", err)
	}
	return b, nil
}

// jksKeyStore returns a store in Java's own old format with the key and its
// certificate; now is the entry's creation time.
func (id *identity) jksKeyStore(now time.Time) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(id.key)
	if err != nil {
		return nil, fmt.Errorf("demo: certificate: JKS key store: %w", err)
	}
	ks := keystore.New()
	err = ks.SetPrivateKeyEntry(storeAlias, keystore.PrivateKeyEntry{
		CreationTime:     now,
		PrivateKey:       der,
		CertificateChain: []keystore.Certificate{{Type: "X509", Content: id.cert.Raw}},
	}, []byte(storePassword))
	if err != nil {
		return nil, fmt.Errorf("demo: certificate: JKS key store: %w", err)
	}
	return storeJKS(ks)
}

// jksTrustStore returns a store in Java's own old format with the certificate
// alone; now is the entry's creation time.
func (id *identity) jksTrustStore(now time.Time) ([]byte, error) {
	ks := keystore.New()
	err := ks.SetTrustedCertificateEntry(storeAlias, keystore.TrustedCertificateEntry{
		CreationTime: now,
		Certificate:  keystore.Certificate{Type: "X509", Content: id.cert.Raw},
	})
	if err != nil {
		return nil, fmt.Errorf("demo: certificate: JKS trust store: %w", err)
	}
	return storeJKS(ks)
}

func storeJKS(ks keystore.KeyStore) ([]byte, error) {
	var b bytes.Buffer
	if err := ks.Store(&b, []byte(storePassword)); err != nil {
		return nil, fmt.Errorf("demo: certificate: JKS store: %w", err)
	}
	return b.Bytes(), nil
}
