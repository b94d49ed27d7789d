package tlsterm

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
)

func named(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames = names }
}

// TestOneOfSeveralCertificates: RSA and ECDSA side by side for two names each,
// chosen by the name that the client wants and by the signatures it can check.
func TestOneOfSeveralCertificates(t *testing.T) {
	ca := newAuthority(t, "CA")
	serverCfg := ServerOptions{Certificates: []tls.Certificate{
		ca.issue(t, "blue EC", newECKey(), named("blue.test")),
		ca.issue(t, "blue RSA", rsaKey(), named("blue.test")),
		ca.issue(t, "green RSA", rsaKey(), named("green.test", "*.green.test")),
		ca.issue(t, "green EC", newECKey(), named("green.test", "*.green.test")),
	}}.Config()
	ecdsaOnly := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	rsaOnly := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	for _, c := range []struct {
		name   string
		suites []uint16 // TLS 1.2 says by them which signatures it can check
		want   string
	}{
		{"blue.test", nil, "blue EC"}, // the first that suits
		{"green.test", nil, "green RSA"},
		{"one.green.test", nil, "green RSA"},
		{"blue.test", rsaOnly, "blue RSA"},
		{"blue.test", ecdsaOnly, "blue EC"},
		{"green.test", rsaOnly, "green RSA"},
		{"green.test", ecdsaOnly, "green EC"},
		{"one.green.test", ecdsaOnly, "green EC"},
		{"nobody.test", nil, "blue EC"}, // none suits: the first of all
		{"", nil, "blue EC"},            // no name is asked for
	} {
		for _, version := range versions {
			if c.suites != nil && version == tls.VersionTLS13 {
				continue // TestCertificateBySignature13
			}
			t.Run(fmt.Sprintf("%q %v %s", c.name, c.suites, tls.VersionName(version)), func(t *testing.T) {
				if got := certificateFor(t, serverCfg, c.name, version, c.suites); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
			})
		}
	}
}

// certificateFor returns the common name in what a server shows to a client.
func certificateFor(t *testing.T, serverCfg *tls.Config, name string, version uint16, suites []uint16) (cn string) {
	t.Helper()
	cfg := &tls.Config{
		ServerName: name, InsecureSkipVerify: true, MinVersion: version, MaxVersion: version, CipherSuites: suites,
		VerifyConnection: func(s tls.ConnectionState) error { cn = s.PeerCertificates[0].Subject.CommonName; return nil },
	}
	pair(t, cfg, serverCfg)
	return cn
}

// TestCertificateBySignature13: in TLS 1.3 the client's list of signatures says
// it, which Go's client does not let one choose: a hello is made up, and what
// crypto/tls would answer with is asked of it in the way that its server does.
func TestCertificateBySignature13(t *testing.T) {
	ca := newAuthority(t, "CA")
	certs := []tls.Certificate{ca.issue(t, "RSA", rsaKey()), ca.issue(t, "EC", newECKey())}
	for scheme, want := range map[tls.SignatureScheme]string{tls.ECDSAWithP256AndSHA256: "EC", tls.PSSWithSHA256: "RSA"} {
		hello := &tls.ClientHelloInfo{
			ServerName: "localhost", SupportedVersions: []uint16{tls.VersionTLS13}, SupportedCurves: []tls.CurveID{tls.X25519},
			SignatureSchemes: []tls.SignatureScheme{scheme}, CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256},
		}
		i := slices.IndexFunc(certs, func(c tls.Certificate) bool { return hello.SupportsCertificate(&c) == nil })
		if i < 0 || certs[i].Leaf.Subject.CommonName != want {
			t.Errorf("%v: certificate %d, want %s", scheme, i, want)
		}
	}
}

// TestAllKeysOfAStore: a store with an RSA and an EC key serves both; one that
// the password does not open is left out by name.
func TestAllKeysOfAStore(t *testing.T) {
	ca := newAuthority(t, "CA")
	ks := keystore.New()
	for alias, entry := range map[string]struct {
		cert     tls.Certificate
		password string
	}{
		"rsa": {ca.issue(t, "RSA", rsaKey()), "secret"}, "ec": {ca.issue(t, "EC", newECKey()), "secret"},
		"theirs": {ca.issue(t, "theirs", newECKey()), "other password"},
	} {
		key, err := x509.MarshalPKCS8PrivateKey(entry.cert.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		if err := ks.SetPrivateKeyEntry(alias, keystore.PrivateKeyEntry{
			CreationTime: time.Now(), PrivateKey: key,
			CertificateChain: []keystore.Certificate{{Type: "X.509", Content: entry.cert.Certificate[0]}},
		}, []byte(entry.password)); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	if err := ks.Store(&file, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	spec := keySpec("store.jks", "secret")
	keys, err := ParseKeyStore(file.Bytes(), spec, "secret", "KEY_PASSWORD")
	if err != nil {
		t.Fatal(err)
	}
	alone, err := parseKeyStore(file.Bytes(), spec, "secret", "KEY_PASSWORD")
	if err != nil {
		t.Fatal(err)
	}
	if len(keys.Certificates) != 2 || !keys.Certificates[0].Leaf.Equal(alone.Leaf) || keys.Certificates[1].Leaf.Equal(alone.Leaf) {
		t.Errorf("%d certificates, the first of %s, want Java's first, %s", len(keys.Certificates), keys.Certificates[0].Leaf.Subject, alone.Leaf.Subject)
	}
	if len(keys.Unusable) != 1 || !errors.Is(keys.Unusable[0], ErrStore) || !strings.Contains(keys.Unusable[0].Error(), `private key "theirs" is left out`) {
		t.Errorf("left out: %v", keys.Unusable)
	}
}

// TestKeyOfAnotherCertificate: in formats that name their pairs, the pair may be
// wrong.
func TestKeyOfAnotherCertificate(t *testing.T) {
	ca := newAuthority(t, "CA")
	key, err := x509.MarshalPKCS8PrivateKey(newECKey())
	if err != nil {
		t.Fatal(err)
	}
	ks := keystore.New()
	if err := ks.SetPrivateKeyEntry("mixed", keystore.PrivateKeyEntry{
		CreationTime: time.Now(), PrivateKey: key,
		CertificateChain: []keystore.Certificate{{Type: "X.509", Content: ca.issue(t, "server", newECKey()).Certificate[0]}},
	}, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := ks.Store(&file, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	_, err = ParseKeyStore(file.Bytes(), keySpec("store.jks", "secret"), "secret", "KEY_PASSWORD")
	if !errors.Is(err, ErrStore) || !strings.Contains(err.Error(), "store.jks: the private key does not belong to the certificate") {
		t.Errorf("%v", err)
	}
}

func TestCheckCertificate(t *testing.T) {
	ca, other := newAuthority(t, "CA"), newAuthority(t, "CA")
	middle := ca.between(t)
	with := func(cert tls.Certificate, chain ...*x509.Certificate) tls.Certificate {
		for _, c := range chain {
			cert.Certificate = append(cert.Certificate, c.Raw)
		}
		return cert
	}
	for want, cert := range map[string]tls.Certificate{
		"":                             with(middle.issue(t, "server", newECKey()), middle.cert, ca.cert),
		"expired on":                   ca.issue(t, "server", newECKey(), expired),
		"is not valid before":          ca.issue(t, "server", newECKey(), future),
		`was not issued by "CN=CA`:     with(ca.issue(t, "server", newECKey()), other.cert),
		`was not issued by "CN=Middle`: with(ca.issue(t, "server", newECKey()), middle.cert),
		"tlsterm: certificate: none":   {},
		"tlsterm: certificate: x509":   {Certificate: [][]byte{{1}}},
	} {
		err := CheckCertificate(&cert, time.Now())
		if want == "" && err != nil || want != "" && (!errors.Is(err, ErrCertificate) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}

func TestUncovered(t *testing.T) {
	ca := newAuthority(t, "CA")
	certs := []tls.Certificate{
		ca.issue(t, "a", newECKey(), named("a.test", "*.a.test")),
		ca.issue(t, "b", newECKey(), func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1)} }),
	}
	got := Uncovered(certs, "a.test", "x.a.test", "x.y.a.test", "10.0.0.1", "10.0.0.2", "localhost", "b")
	if want := []string{"x.y.a.test", "10.0.0.2", "b"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Names(certs[1].Leaf); !slices.Equal(got, []string{"localhost", "10.0.0.1"}) {
		t.Errorf("%q", got)
	}
}

func TestParseIsLoad(t *testing.T) {
	ca := newAuthority(t, "CA")
	path := t.TempDir() + "/ca.pem"
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	spec := keySpec(path, "")
	data, err := spec.Read()
	if err != nil {
		t.Fatal(err)
	}
	_, anchors, err := ParseTrustStore(data, spec)
	if err != nil || len(anchors) != 1 || !anchors[0].Equal(ca.cert) {
		t.Errorf("%v, %v", anchors, err)
	}
}
