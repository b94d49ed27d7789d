package certs

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// Password guards every store and key made here.
const Password = "123456"

// Format is how keys are kept in files.
type Format string

// The formats a Java program knows by these names in ssl.*.type.
const (
	PEM    Format = "PEM"
	PKCS12 Format = "PKCS12"
	JKS    Format = "JKS"
)

// Files are the paths of what Write wrote. All are absolute when dir was.
type Files struct {
	Format     Format
	KeyStore   string // key and chain; for PEM both in one file, key first
	TrustStore string
	CertPEM    string // always written, for programs that are not Java
	KeyPEM     string
	CAPEM      string
}

// Write writes a key store and a trust store named after name, and the PEM
// files beside them.
func (p *Pair) Write(dir, name string, format Format) (Files, error) {
	f := Files{
		Format:  format,
		CertPEM: filepath.Join(dir, name+".crt"),
		KeyPEM:  filepath.Join(dir, name+".key"),
		CAPEM:   filepath.Join(dir, name+".ca.crt"),
	}
	key, err := p.keyPEM()
	if err != nil {
		return Files{}, fmt.Errorf("certs: %s: %w", name, err)
	}
	contents := map[string][]byte{f.CertPEM: p.chainPEM(), f.KeyPEM: key, f.CAPEM: p.issuer.PEM()}
	switch format {
	case PEM:
		f.KeyStore, f.TrustStore = filepath.Join(dir, name+".keystore.pem"), f.CAPEM
		contents[f.KeyStore] = append(bytes.Clone(key), p.chainPEM()...)
	case PKCS12, JKS:
		f.KeyStore = filepath.Join(dir, name+".keystore."+extension(format))
		f.TrustStore = filepath.Join(dir, name+".truststore."+extension(format))
		if contents[f.KeyStore], err = p.KeyStore(format); err != nil {
			return Files{}, fmt.Errorf("certs: %s: %w", name, err)
		}
		if contents[f.TrustStore], err = p.issuer.TrustStore(format); err != nil {
			return Files{}, fmt.Errorf("certs: %s: %w", name, err)
		}
	default:
		return Files{}, fmt.Errorf("certs: %s: format %q: unknown", name, format)
	}
	for path, content := range contents {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return Files{}, fmt.Errorf("certs: %s: %w", name, err)
		}
	}
	return f, nil
}

func extension(f Format) string {
	if f == JKS {
		return "jks"
	}
	return "p12"
}

// KeyStore is the leaf, its key and its chain under the alias "brokers".
func (p *Pair) KeyStore(format Format) ([]byte, error) {
	if format == PKCS12 {
		return pkcs12.Modern.Encode(p.Key, p.Cert, []*x509.Certificate{p.issuer.Cert}, Password)
	}
	key, err := x509.MarshalPKCS8PrivateKey(p.Key)
	if err != nil {
		return nil, err
	}
	store := keystore.New(keystore.WithCustomRandomNumberGenerator(rand.Reader))
	entry := keystore.PrivateKeyEntry{
		CreationTime: time.Now(),
		PrivateKey:   key,
		CertificateChain: []keystore.Certificate{
			{Type: "X509", Content: p.Cert.Raw},
			{Type: "X509", Content: p.issuer.Cert.Raw},
		},
	}
	if err := store.SetPrivateKeyEntry("brokers", entry, []byte(Password)); err != nil {
		return nil, err
	}
	return storeBytes(store)
}

// TrustStore is the authority alone.
func (a *Authority) TrustStore(format Format) ([]byte, error) {
	if format == PKCS12 {
		return pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{a.Cert}, Password)
	}
	store := keystore.New()
	entry := keystore.TrustedCertificateEntry{
		CreationTime: time.Now(),
		Certificate:  keystore.Certificate{Type: "X509", Content: a.Cert.Raw},
	}
	if err := store.SetTrustedCertificateEntry("brokers", entry); err != nil {
		return nil, err
	}
	return storeBytes(store)
}

func storeBytes(store keystore.KeyStore) ([]byte, error) {
	var b bytes.Buffer
	if err := store.Store(&b, []byte(Password)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// PEM is the authority's certificate.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Cert.Raw})
}

func (p *Pair) chainPEM() []byte {
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Cert.Raw})
	return append(leaf, p.issuer.PEM()...)
}

func (p *Pair) keyPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(p.Key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ClientConfig renders the properties that a Java client needs to present f
// and to trust its authority.
func (f Files) ClientConfig() string {
	var b bytes.Buffer
	b.WriteString("security.protocol=SSL\n")
	for _, kv := range f.storeProperties() {
		fmt.Fprintf(&b, "%s=%s\n", kv[0], kv[1])
	}
	return b.String()
}

// BrokerProperties are the ssl.* settings of a broker that presents f and
// demands a certificate.
func (f Files) BrokerProperties() map[string]string {
	m := map[string]string{"ssl.client.auth": "required"}
	for _, kv := range f.storeProperties() {
		m[kv[0]] = kv[1]
	}
	return m
}

func (f Files) storeProperties() [][2]string {
	kv := [][2]string{
		{"ssl.keystore.type", string(f.Format)},
		{"ssl.keystore.location", f.KeyStore},
		{"ssl.truststore.type", string(f.Format)},
		{"ssl.truststore.location", f.TrustStore},
	}
	if f.Format == PEM {
		return kv // no passwords: the key is in clear
	}
	return append(kv,
		[2]string{"ssl.keystore.password", Password},
		[2]string{"ssl.key.password", Password},
		[2]string{"ssl.truststore.password", Password})
}
