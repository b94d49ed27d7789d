package tlsterm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"testing"
	"time"
)

// authority is a test's certificate authority.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pool *x509.CertPool
}

var newECKey = func() crypto.Signer {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

// rsaKey is one for all tests: making it takes long.
var rsaKey = sync.OnceValue(func() crypto.Signer {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func template(cn string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(0xC0FFEE),
		Subject:      pkix.Name{CommonName: cn, Organization: []string{"Postern"}},
		DNSNames:     []string{"localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
}

func newAuthority(tb testing.TB, cn string) *authority {
	tb.Helper()
	t := template(cn)
	t.IsCA, t.BasicConstraintsValid, t.DNSNames = true, true, nil
	a := &authority{key: newECKey(), pool: x509.NewCertPool()}
	a.cert = a.sign(tb, t, t, a.key.Public())
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) sign(tb testing.TB, t, parent *x509.Certificate, public crypto.PublicKey) *x509.Certificate {
	tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, t, parent, public, a.key)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// issue makes a certificate, with changes to its template.
func (a *authority) issue(tb testing.TB, cn string, key crypto.Signer, changes ...func(*x509.Certificate)) tls.Certificate {
	tb.Helper()
	t := template(cn)
	for _, change := range changes {
		change(t)
	}
	c := a.sign(tb, t, a.cert, key.Public())
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c}
}

func expired(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
func future(c *x509.Certificate)  { c.NotBefore = time.Now().Add(time.Minute) }
func forServers(c *x509.Certificate) {
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
}

func elsewhere(c *x509.Certificate) { c.DNSNames = []string{"elsewhere"} }

// selfSigned makes a certificate for "username" that can only be its own trust
// anchor, as the founding demo's is.
func selfSigned(tb testing.TB) (tls.Certificate, *x509.CertPool) {
	tb.Helper()
	key := newECKey()
	a := &authority{key: key}
	t := template("username")
	c := a.sign(tb, t, t, key.Public())
	pool := x509.NewCertPool()
	pool.AddCert(c)
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c}, pool
}
