package certs_test

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// A JDK is the judge of whether a store can be read, and of whose it is.
func TestKeytoolReadsTheStores(t *testing.T) {
	keytool, err := exec.LookPath("keytool")
	if err != nil {
		t.Skip("no keytool on the PATH to read the stores with")
	}
	for _, alg := range []certs.Algorithm{certs.ECDSAP256, certs.RSA2048} {
		authority, err := certs.NewAuthority("the CA", alg)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := authority.Issue(certs.Request{Subject: pkix.Name{CommonName: "alice"}, Algorithm: alg})
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []certs.Format{certs.PKCS12, certs.JKS} {
			files, err := pair.Write(t.TempDir(), "alice", format)
			if err != nil {
				t.Fatal(err)
			}
			for path, wants := range map[string][]string{
				files.KeyStore:   {"PrivateKeyEntry", "Certificate chain length: 2", "CN=alice"},
				files.TrustStore: {"trustedCertEntry", "CN=the CA"},
			} {
				out, err := exec.CommandContext(t.Context(), keytool, "-list", "-v", "-keystore", path,
					"-storetype", string(format), "-storepass", certs.Password).CombinedOutput()
				if err != nil {
					t.Fatalf("%s: %v\n%s", filepath.Base(path), err, out)
				}
				for _, want := range wants {
					if !strings.Contains(string(out), want) {
						t.Errorf("%s: keytool does not print %q:\n%s", filepath.Base(path), want, out)
					}
				}
			}
		}
	}
}

// The pair proves itself both ways, and an expired or missing one does not.
func TestMutualTLS(t *testing.T) {
	authority, err := certs.NewAuthority("the CA", certs.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	server, err := authority.Server("server", certs.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	good, err := authority.Client("alice")
	if err != nil {
		t.Fatal(err)
	}
	old, err := authority.Issue(certs.Request{Subject: pkix.Name{CommonName: "alice"}, Expired: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		client *tls.Config
		ok     bool
	}{
		"good":    {good.ClientTLS("localhost"), true},
		"expired": {old.ClientTLS("localhost"), false},
		"none":    {authority.Anonymous("localhost"), false},
	} {
		a, b := net.Pipe()
		done := make(chan error, 1)
		go func() {
			conn := tls.Server(a, &tls.Config{
				Certificates: []tls.Certificate{server.Certificate()},
				ClientCAs:    authority.Pool(),
				ClientAuth:   tls.RequireAndVerifyClientCert,
			})
			done <- conn.HandshakeContext(t.Context())
			_ = a.Close()
		}()
		client := tls.Client(b, c.client)
		_ = client.HandshakeContext(t.Context())
		_, _ = io.Copy(io.Discard, client)
		_ = b.Close()
		if err := <-done; (err == nil) != c.ok {
			t.Errorf("%s certificate: the server's handshake ended with %v, want success %t", name, err, c.ok)
		}
	}
}

func TestFoundingDemoMakesPKCS12BehindTheNameJKS(t *testing.T) {
	for _, tool := range []string{"openssl", "keytool"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the demo's commands need %s: %v", tool, err)
		}
	}
	dir := t.TempDir()
	if err := certs.FoundingDemo(t.Context(), dir, "localhost:6969"); err != nil {
		t.Fatal(err)
	}
	for store, want := range map[string]string{"keystore.jks": "PrivateKeyEntry", "truststore.jks": "trustedCertEntry"} {
		out, err := exec.CommandContext(t.Context(), "keytool", "-list", "-v", "-keystore", filepath.Join(dir, store), "-storepass", "123456").CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", store, err, out)
		}
		for _, want := range []string{"Keystore type: PKCS12", want, "Owner: CN=username", "DNSName: localhost"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: keytool does not print %q:\n%s", store, want, out)
			}
		}
	}
}
