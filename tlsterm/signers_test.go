package tlsterm

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"testing"
)

// adopted returns cert as e takes it on and reports whether its key signs
// otherwise than before.
func adopted(t *testing.T, e Engine, cert tls.Certificate) (tls.Certificate, bool) {
	t.Helper()
	certs := []tls.Certificate{cert}
	got := e.Adopt(certs)
	if certs[0].PrivateKey != cert.PrivateKey || len(got) != 1 {
		t.Fatal("the certificates themselves were changed")
	}
	return got[0], got[0].PrivateKey != cert.PrivateKey
}

func TestAdopt(t *testing.T) {
	ca := newAuthority(t, "CA")
	ec, rs := ca.issue(t, "EC", newECKey()), ca.issue(t, "RSA", rsaKey())
	if got, changed := adopted(t, Own, ec); changed {
		t.Errorf("ECDSA became %T", got.PrivateKey)
	}
	if got, changed := adopted(t, Std, rs); changed {
		t.Errorf("with Std RSA became %T", got.PrivateKey)
	}
	got, changed := adopted(t, Own, rs)
	if !changed {
		t.Skip("this processor has neither AVX-512 IFMA nor AVX2: RSA stays with crypto/rsa")
	}
	if _, ok := got.PrivateKey.(*rsa.PrivateKey); ok {
		t.Error("another key of crypto/rsa's")
	}
	if err := keyFits(&got); err != nil {
		t.Error(err)
	}
	if again, changed := adopted(t, Own, got); changed {
		t.Errorf("what was adopted became %T", again.PrivateKey)
	}
	if _, ok := ec.PrivateKey.(*ecdsa.PrivateKey); !ok {
		t.Errorf("%T", ec.PrivateKey)
	}
}

// TestRSAHandshakes: both sides sign with RSA, each time with another engine.
func TestRSAHandshakes(t *testing.T) {
	ca := newAuthority(t, "CA")
	long, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		t.Fatal(err)
	}
	before := SignatureFaults()
	for bits, cert := range map[int]tls.Certificate{2048: ca.issue(t, "username", rsaKey()), 4096: ca.issue(t, "username", long)} {
		for _, version := range versions {
			for _, e := range []engines{{Own, Own}, {Own, Std}, {Std, Own}} {
				t.Run(fmt.Sprintf("%d/%s/client %v, server %v", bits, tls.VersionName(version), e.client, e.server), func(t *testing.T) {
					ours, _ := adopted(t, e.server, cert)
					theirs, _ := adopted(t, e.client, cert)
					serverCfg := ServerConfig(ours, ca.pool, Require)
					clientCfg := ClientConfig(ClientOptions{Roots: ca.pool, Certificate: &theirs, ServerName: "localhost"})
					clientCfg.MaxVersion = version
					client, server, id := e.pair(t, clientCfg, serverCfg)
					if client.Version() != version || server.Version() != version || id.DN() != "CN=username,O=Postern" {
						t.Errorf("%x, %q", client.Version(), id.DN())
					}
				})
			}
		}
	}
	if n := SignatureFaults() - before; n != 0 {
		t.Errorf("%d signatures were wrong", n)
	}
}

// TestSuitsClients: crypto/tls chooses among certificates by what clients can
// verify; a key that was adopted must not make a difference.
func TestSuitsClients(t *testing.T) {
	ca := newAuthority(t, "CA")
	cert := ca.issue(t, "RSA", rsaKey())
	got, _ := adopted(t, Own, cert)
	for _, hello := range []tls.ClientHelloInfo{
		{SupportedVersions: []uint16{tls.VersionTLS13}, SignatureSchemes: []tls.SignatureScheme{tls.PSSWithSHA512}},
		{SupportedVersions: []uint16{tls.VersionTLS13}, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}},
		{SupportedVersions: []uint16{tls.VersionTLS13}, SignatureSchemes: []tls.SignatureScheme{tls.PKCS1WithSHA256}},
		{
			SupportedVersions: []uint16{tls.VersionTLS12}, SignatureSchemes: []tls.SignatureScheme{tls.PKCS1WithSHA256},
			CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, SupportedCurves: []tls.CurveID{tls.X25519}, SupportedPoints: []uint8{0},
		},
	} {
		if a, b := hello.SupportsCertificate(&cert), hello.SupportsCertificate(&got); fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%v: %v, but of crypto/rsa %v", hello.SignatureSchemes, b, a)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template("self"), template("self"), cert.Leaf.PublicKey, got.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	self, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	// Signed with PKCS #1 v1.5, as TLS 1.2 may.
	if err := self.CheckSignature(self.SignatureAlgorithm, self.RawTBSCertificate, self.Signature); err != nil {
		t.Error(err)
	}
}
