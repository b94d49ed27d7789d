package demo

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

// TestStoresReadBack opens every format with the library that reads it and
// wants the same key and certificate in each.
func TestStoresReadBack(t *testing.T) {
	now := time.Now()
	id, err := newIdentity(now)
	if err != nil {
		t.Fatal(err)
	}
	files, err := certificateFiles(id, now)
	if err != nil {
		t.Fatal(err)
	}
	if got := id.cert.Subject.String(); got != principal {
		t.Errorf("subject %q", got)
	}
	for _, host := range []string{"localhost", "host.docker.internal", "127.0.0.1"} {
		if err := id.cert.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}

	pair, err := tls.X509KeyPair(files[fileCertificate], files[fileKey])
	if err != nil {
		t.Fatalf("PEM: %v", err)
	}
	if !id.key.Equal(pair.PrivateKey) || !id.cert.Equal(pair.Leaf) {
		t.Error("PEM: another key or certificate")
	}

	key, cert, err := pkcs12.Decode(files[fileKeyStore], storePassword)
	if err != nil {
		t.Fatalf("PKCS12 key store: %v", err)
	}
	if !id.key.Equal(key) || !id.cert.Equal(cert) {
		t.Error("PKCS12 key store: another key or certificate")
	}
	trusted, err := pkcs12.DecodeTrustStore(files[fileTrustStore], storePassword)
	if err != nil || len(trusted) != 1 || !id.cert.Equal(trusted[0]) {
		t.Errorf("PKCS12 trust store: %v, %v", trusted, err)
	}
	if _, _, err := pkcs12.Decode(files[fileKeyStore], "123457"); err == nil {
		t.Error("PKCS12 key store: any password opens it")
	}

	keys := loadJKS(t, files[fileRealJKSKeys])
	entry, err := keys.GetPrivateKeyEntry(storeAlias, []byte(storePassword))
	if err != nil {
		t.Fatalf("JKS key store: %v", err)
	}
	jksKey, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
	if err != nil || !id.key.Equal(jksKey) || !bytes.Equal(entry.CertificateChain[0].Content, id.cert.Raw) {
		t.Errorf("JKS key store: another key or certificate (%v)", err)
	}
	trust, err := loadJKS(t, files[fileRealJKSTrust]).GetTrustedCertificateEntry(storeAlias)
	if err != nil || !bytes.Equal(trust.Certificate.Content, id.cert.Raw) {
		t.Errorf("JKS trust store: another certificate (%v)", err)
	}
}

// TestFormatsByMagic wants the two kinds of store to be what the names and the
// documentation say they are.
func TestFormatsByMagic(t *testing.T) {
	now := time.Now()
	id, err := newIdentity(now)
	if err != nil {
		t.Fatal(err)
	}
	files, err := certificateFiles(id, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, magic := range map[string][]byte{
		fileKeyStore: {0x30, 0x82}, fileTrustStore: {0x30, 0x82}, filePKCS12: {0x30, 0x82},
		fileRealJKSKeys: {0xfe, 0xed, 0xfe, 0xed}, fileRealJKSTrust: {0xfe, 0xed, 0xfe, 0xed},
	} {
		if !bytes.HasPrefix(files[name], magic) {
			t.Errorf("%s begins with % x, want % x", name, files[name][:4], magic)
		}
	}
	for name, kind := range map[string]string{fileKey: "PRIVATE KEY", fileCertificate: "CERTIFICATE"} {
		if block, rest := pem.Decode(files[name]); block == nil || block.Type != kind || len(rest) != 0 {
			t.Errorf("%s is not one PEM block of type %s", name, kind)
		}
	}
}

// TestKeytoolReadsStores asks Java itself.
func TestKeytoolReadsStores(t *testing.T) {
	keytool, err := exec.LookPath("keytool")
	if err != nil {
		kafkatest.LeaveOut(t, "Java's keytool is not installed, so nobody but our own libraries has read the stores")
	}
	f := filledFolder(t)
	for name, want := range map[string]string{
		fileKeyStore: "PrivateKeyEntry", fileTrustStore: "trustedCertEntry",
		fileRealJKSKeys: "PrivateKeyEntry", fileRealJKSTrust: "trustedCertEntry",
	} {
		out, err := exec.CommandContext(t.Context(), keytool, "-J-Duser.language=en", "-list",
			"-keystore", f.path(name), "-storepass", storePassword).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) || !strings.Contains(string(out), "contains 1 entry") {
			t.Errorf("%s: want one %s: %v\n%s", name, want, err, out)
		}
	}
}

// filledFolder returns a folder with every file in it.
func filledFolder(t *testing.T) folder {
	t.Helper()
	f, now := folder(t.TempDir()), time.Now()
	id, err := newIdentity(now)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.fill(id, now, "localhost:6969", gatewayEnviron(Options{}.withDefaults(), f)); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFolderIsPrivateAndRenewable wants the files for their owner alone, also
// where an earlier run, or somebody else, left one with another mode.
func TestFolderIsPrivateAndRenewable(t *testing.T) {
	f := filledFolder(t)
	if err := os.Chmod(f.path(fileKey), 0o644); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	id, err := newIdentity(now)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.fill(id, now, "localhost:6969", nil); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(string(f))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if got, err := os.ReadFile(f.path(fileCertificate)); err != nil || !bytes.Equal(got, id.pemCertificate()) {
		t.Errorf("the earlier run's certificate is still there (%v)", err)
	}
}

func loadJKS(t *testing.T, b []byte) keystore.KeyStore {
	t.Helper()
	ks := keystore.New()
	if err := ks.Load(bytes.NewReader(b), []byte(storePassword)); err != nil {
		t.Fatal(err)
	}
	return ks
}
