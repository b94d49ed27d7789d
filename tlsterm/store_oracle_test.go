package tlsterm

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"testing"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// What other implementations write, we read: the encodings of go-pkcs12 from the
// oldest to the newest (PBMAC1), and keystore-go's JKS.

func TestPKCS12Oracle(t *testing.T) {
	ca := newAuthority(t, "CA")
	for name, enc := range map[string]*pkcs12.Encoder{
		"RC2": pkcs12.LegacyRC2, "3DES": pkcs12.LegacyDES, "2023": pkcs12.Modern2023, "2026": pkcs12.Modern2026, "open": pkcs12.Passwordless,
	} {
		for kind, key := range map[string]crypto.Signer{"EC": newECKey(), "RSA": rsaKey()} {
			for _, password := range []string{"storepass", "Pässwört €", ""} {
				if name == "open" {
					password = ""
				} else if password == "" {
					continue // keys are not encrypted with it: see LoadKeyStore
				}
				t.Run(name+" "+kind+" "+password, func(t *testing.T) {
					leaf := ca.issue(t, "leaf", key)
					data, err := enc.Encode(key, leaf.Leaf, []*x509.Certificate{ca.cert}, password)
					if err != nil {
						t.Fatal(err)
					}
					cert, err := parseKeyStore(data, keySpec("x", password), password, "X")
					if err != nil {
						t.Fatal(err)
					}
					if len(cert.Certificate) != 2 || !cert.Leaf.Equal(leaf.Leaf) || !bytes.Equal(cert.Certificate[1], ca.cert.Raw) {
						t.Errorf("%d certificates, or others", len(cert.Certificate))
					}
					trust, err := enc.EncodeTrustStore([]*x509.Certificate{ca.cert, leaf.Leaf}, password)
					if err != nil {
						t.Fatal(err)
					}
					_, anchors, err := parseTrustStore(trust, keySpec("x", password))
					if err != nil || len(anchors) != 2 || !anchors[0].Equal(ca.cert) || !anchors[1].Equal(leaf.Leaf) {
						t.Errorf("%d anchors, %v", len(anchors), err)
					}
				})
			}
		}
	}
}

func TestJKSOracle(t *testing.T) {
	ca := newAuthority(t, "CA")
	leaf := ca.issue(t, "leaf", newECKey())
	der, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	asJKS := func(c *x509.Certificate) keystore.Certificate {
		return keystore.Certificate{Type: "X.509", Content: c.Raw}
	}
	ks := keystore.New()
	entry := keystore.PrivateKeyEntry{CreationTime: time.Unix(1, 0), PrivateKey: der, CertificateChain: []keystore.Certificate{asJKS(leaf.Leaf), asJKS(ca.cert)}}
	if err := ks.SetPrivateKeyEntry("key", entry, []byte("keypass")); err != nil {
		t.Fatal(err)
	}
	if err := ks.SetTrustedCertificateEntry("ca", keystore.TrustedCertificateEntry{CreationTime: time.Unix(1, 0), Certificate: asJKS(ca.cert)}); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := ks.Store(&file, []byte("storepass")); err != nil {
		t.Fatal(err)
	}
	cert, err := parseKeyStore(file.Bytes(), keySpec("x", "storepass"), "keypass", "X")
	if err != nil || len(cert.Certificate) != 2 || !cert.Leaf.Equal(leaf.Leaf) {
		t.Errorf("%d certificates, %v", len(cert.Certificate), err)
	}
	_, anchors, err := parseTrustStore(file.Bytes(), keySpec("x", "storepass"))
	if err != nil || len(anchors) != 2 || !anchors[0].Equal(ca.cert) || !anchors[1].Equal(leaf.Leaf) {
		t.Errorf("%d anchors, %v", len(anchors), err)
	}
	// Cut anywhere, and with lengths that promise gigabytes, it is refused.
	for n := range file.Bytes() {
		if _, err := parseKeyStore(file.Bytes()[:n], keySpec("x", ""), "keypass", "X"); err == nil {
			t.Fatalf("its first %d bytes of %d are accepted", n, file.Len())
		}
	}
	huge := append([]byte("\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x01\x00\x01k12345678\xff\xff\xff\xff"), make([]byte, 40)...)
	if _, err := parseKeyStore(huge, keySpec("x", ""), "keypass", "X"); err == nil {
		t.Error("4 GiB of key in 70 bytes are accepted")
	}
}

// The vectors of RFC 2268 section 5 whose effective length is the key's.
func TestRC2(t *testing.T) {
	for _, v := range [][3]string{
		{"ffffffffffffffff", "ffffffffffffffff", "278b27e42e2f0d49"},
		{"3000000000000000", "1000000000000001", "30649edf9be7d2c2"},
		{"88bca90e90875a7f0f79c384627bafb2", "0000000000000000", "2269552ab0f85ca6"},
	} {
		var b [3][]byte
		for i := range b {
			var err error
			if b[i], err = hex.DecodeString(v[i]); err != nil {
				t.Fatal(err)
			}
		}
		block, err := newRC2(b[0])
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 8)
		if block.Decrypt(got, b[2]); !bytes.Equal(got, b[1]) {
			t.Errorf("key %s: %x, want %s", v[0], got, v[1])
		}
	}
}
