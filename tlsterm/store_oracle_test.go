package tlsterm

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
	"software.sslmate.com/src/go-pkcs12"
)

// What other implementations write, we read: the encodings of go-pkcs12 from the
// oldest to the newest (PBMAC1), and keystore-go's JKS.

func TestPKCS12Oracle(t *testing.T) {
	ca := newAuthority(t, "CA")
	for name, enc := range map[string]*pkcs12.Encoder{
		"RC2": pkcs12.LegacyRC2, "3DES": pkcs12.LegacyDES, "2023": pkcs12.Modern2023, "2026": pkcs12.Modern2026, "open": pkcs12.Passwordless,
	} {
		for kind, key := range map[string]crypto.Signer{"EC": newECKey(), "RSA": rsaKey(), "Ed25519": ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))} {
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
	plain, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	asJKS := func(c *x509.Certificate) keystore.Certificate {
		return keystore.Certificate{Type: "X.509", Content: c.Raw}
	}
	ks := keystore.New()
	entry := keystore.PrivateKeyEntry{CreationTime: time.Unix(1, 0), PrivateKey: plain, CertificateChain: []keystore.Certificate{asJKS(leaf.Leaf), asJKS(ca.cert)}}
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
	if _, err := parseKeyStore(append(file.Bytes(), 0), keySpec("x", ""), "keypass", "X"); err == nil {
		t.Error("a byte behind the end is accepted")
	}
}

// What keystore-go would panic on or reserve gigabytes for is an error of ours.
func TestJKSDamaged(t *testing.T) {
	cert := newAuthority(t, "CA").cert.Raw
	shortKey := build(t, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 42, 2, 17, 1, 1})
		})
		b.AddASN1OctetString([]byte("too short"))
	})
	sized := func(b []byte) []byte { return binary.BigEndian.AppendUint32(nil, uint32(len(b))) }
	const head = "\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x01\x00\x01k12345678"
	const many, digest = "\xff\xff\xff\xff", "12345678901234567890"
	for name, data := range map[string][]byte{
		"a key too short": slices.Concat([]byte(head), sized(shortKey), shortKey,
			[]byte("\x00\x00\x00\x01\x00\x05X.509"), sized(cert), cert, []byte(digest)),
		"4 GiB of key":       []byte(head + many + digest + digest),
		"4 G certificates":   slices.Concat([]byte(head), sized(shortKey), shortKey, []byte(many+digest)),
		"4 GiB of one":       slices.Concat([]byte(head), sized(shortKey), shortKey, []byte("\x00\x00\x00\x01\x00\x05X.509"+many+digest)),
		"4 G entries":        []byte(head[:8] + many + digest),
		"nothing but magic":  []byte(head[:4]),
		"an entry of kind 0": []byte(head[:15] + "\x00" + head[16:] + "\x00\x00\x00\x00\x00\x00\x00\x00" + digest),
	} {
		_, err := parseKeyStore(data, keySpec("x", ""), "keypass", "X_KEY_PASSWORD")
		if !errors.Is(err, ErrStore) || !strings.Contains(err.Error(), "X_KEY_STORE_PATH: x: ") {
			t.Errorf("%s: %v", name, err)
		}
		if damaged := errors.Is(err, errDamaged); damaged != (name != "an entry of kind 0") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
