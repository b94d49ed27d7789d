package tlsterm

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
	"software.sslmate.com/src/go-pkcs12"
)

// The stores are made by testdata/stores/make.sh with keytool and openssl.

func keySpec(path, password string) StoreSpec {
	return StoreSpec{
		Path: path, Password: password, Type: "jks",
		PathVar: "X_KEY_STORE_PATH", PasswordVar: "X_KEY_STORE_PASSWORD", TypeVar: "X_KEY_TYPE",
	}
}

func storePath(name string) string { return filepath.Join("testdata", "stores", name) }

func TestKeyStores(t *testing.T) {
	for _, c := range []struct {
		file, password, keyPassword string
		subjects                    string // of the chain, leaf first
	}{
		{"keytool.p12", "storepass", "storepass", "CN=server,OU=TEST,O=CONDUKTOR,L=LONDON,C=UK"},
		{"pkcs12-named.jks", "storepass", "storepass", "CN=server,OU=TEST,O=CONDUKTOR,L=LONDON,C=UK"},
		{"keytool.jks", "storepass", "keypass", "CN=server,OU=TEST,O=CONDUKTOR,L=LONDON,C=UK"},
		{"keytool.jks", "", "keypass", "CN=server,OU=TEST,O=CONDUKTOR,L=LONDON,C=UK"},
		{"umlaut.jks", "Pässwörter", "Schlüssel", "CN=umlaut"},
		{"openssl.p12", "storepass", "storepass", "CN=leaf,O=Postern < CN=Test CA,O=Postern"},
		{"mixed.p12", "storepass", "storepass", "CN=leaf,O=Postern < CN=Test CA,O=Postern"},
		{"mixed.jks", "storepass", "storepass", "CN=leaf,O=Postern < CN=Test CA,O=Postern"},
		{"rc2.p12", "storepass", "storepass", "CN=leaf,O=Postern < CN=Test CA,O=Postern"},
		{"3des.p12", "storepass", "storepass", "CN=leaf,O=Postern < CN=Test CA,O=Postern"},
		{"nameless.p12", "storepass", "storepass", "CN=leaf,O=Postern < CN=Test CA,O=Postern"},
		{"open.p12", "", "", "CN=leaf,O=Postern < CN=Test CA,O=Postern"},
		{"open.p12", "given", "", "CN=leaf,O=Postern < CN=Test CA,O=Postern"}, // no check sum, no encryption
		{"rooted.p12", "storepass", "storepass", "CN=leaf,O=Postern < CN=Test CA,O=Postern"},
		{"twins.p12", "storepass", "storepass", "CN=leaf,O=Postern < CN=Test CA,O=Postern"},
		{"windows.p12", "storepass", "storepass", "CN=leaf,O=Postern"},
		{"windowsmixed.p12", "storepass", "storepass", "CN=leaf,O=Postern"},
		{"all.pem", "", "", "CN=leaf,O=Postern < CN=Test CA,O=Postern"},
		{"backwards.pem", "", "", "CN=leaf,O=Postern < CN=Test CA,O=Postern"},
		{"enc.pem", "", "keypass", "CN=leaf,O=Postern < CN=Test CA,O=Postern"},
		{"enc3des.pem", "", "keypass", "CN=leaf,O=Postern"},
		{"sec1.pem", "", "", "CN=leaf,O=Postern"},
		{"rsa.pem", "", "", "CN=rsa"},
		{"several.p12", "storepass", "storepass", "CN=bravo,OU=TEST,O=CONDUKTOR,L=LONDON,C=UK"},
		{"severalmixed.p12", "storepass", "storepass", "CN=bravo,OU=TEST,O=CONDUKTOR,L=LONDON,C=UK"},
		{"several.jks", "storepass", "storepass", "CN=bravo,OU=TEST,O=CONDUKTOR,L=LONDON,C=UK"},
	} {
		t.Run(c.file, func(t *testing.T) {
			cert, err := LoadKeyStore(keySpec(storePath(c.file), c.password), c.keyPassword, "X_KEY_PASSWORD")
			if err != nil {
				t.Fatal(err)
			}
			if got := subjects(t, cert); got != c.subjects {
				t.Errorf("chain %s, want %s", got, c.subjects)
			}
			if cert.Leaf == nil || !bytes.Equal(cert.Leaf.Raw, cert.Certificate[0]) {
				t.Error("Leaf is not the first certificate")
			}
			if _, err := chainFor(cert.PrivateKey, []*x509.Certificate{cert.Leaf}, func(*x509.Certificate) bool { return true }); err != nil {
				t.Errorf("the key is not the leaf's: %v", err)
			}
		})
	}
}

func subjects(t *testing.T, cert tls.Certificate) string {
	t.Helper()
	var names []string
	for _, raw := range cert.Certificate {
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			t.Fatal(err)
		}
		dn, err := FormatDN(c.RawSubject)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, dn)
	}
	return strings.Join(names, " < ")
}

func TestTrustStores(t *testing.T) {
	const (
		server = "CN=server,OU=TEST,O=CONDUKTOR,L=LONDON,C=UK"
		org    = ",OU=TEST,O=CONDUKTOR,L=LONDON,C=UK"
		leaf   = "CN=leaf,O=Postern"
		root   = "CN=Test CA,O=Postern"
	)
	for _, c := range []struct {
		file, password string
		subjects       []string
	}{
		{"trust.p12", "storepass", []string{server}},
		{"trust.jks", "storepass", []string{server}},
		{"trust.jks", "", []string{server}},
		// A key store as a trust store: the key's own certificate, not its issuer.
		{"keytool.p12", "storepass", []string{server}},
		{"keytool.jks", "storepass", []string{server}},
		{"openssl.p12", "storepass", []string{"CN=leaf,O=Postern"}},
		{"mixed.p12", "storepass", []string{"CN=leaf,O=Postern", server}},
		{"mixed.jks", "storepass", []string{server, "CN=leaf,O=Postern"}},
		// An authority that is trusted as well as part of a chain.
		{"rooted.p12", "storepass", []string{leaf, root}},
		{"twins.p12", "storepass", []string{leaf, leaf, root}},
		{"several.p12", "storepass", []string{"CN=alpha" + org, "CN=bravo" + org, "CN=charlie" + org, "CN=delta" + org}},
		{"severalmixed.p12", "storepass", []string{"CN=alpha" + org, "CN=bravo" + org, "CN=charlie" + org, "CN=delta" + org, root}},
		{"windows.p12", "storepass", []string{leaf}},
		{"open.p12", "", []string{"CN=leaf,O=Postern"}},
		{"emptypass.p12", "", []string{"CN=leaf,O=Postern"}},
		{"unmarked.p12", "storepass", []string{"CN=Test CA,O=Postern"}},
		{"chain.pem", "", []string{"CN=leaf,O=Postern", "CN=Test CA,O=Postern"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			pool, anchors, err := LoadTrustStore(keySpec(storePath(c.file), c.password))
			if err != nil {
				t.Fatal(err)
			}
			want := x509.NewCertPool()
			var got []string
			for _, a := range anchors {
				want.AddCert(a)
				dn, err := FormatDN(a.RawSubject)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, dn)
			}
			if strings.Join(got, "|") != strings.Join(c.subjects, "|") {
				t.Errorf("anchors %q, want %q", got, c.subjects)
			}
			if !pool.Equal(want) {
				t.Error("the pool holds other certificates than the list")
			}
		})
	}
}

// Every fault names the variable to change and the file.
func TestStoreFaults(t *testing.T) {
	const path, pass, keyPass = "X_KEY_STORE_PATH", "X_KEY_STORE_PASSWORD", "X_KEY_PASSWORD"
	garbage := filepath.Join(t.TempDir(), "garbage")
	nothing := filepath.Join(t.TempDir(), "nothing")
	other := filepath.Join(t.TempDir(), "other")
	for file, text := range map[string]string{garbage: "\x00garbage", nothing: "", other: "\x30\x03\x02\x01\x05"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, file, password, keyPassword string
		variable, words                   string
	}{
		{"no path", "", "", "", path, "no file is named"},
		{"missing", storePath("missing.p12"), "", "", path, "no such file"},
		{"directory", storePath("."), "", "", path, "is a directory"},
		{"garbage", garbage, "", "", path, `not a JKS, PKCS12 or PEM store, though X_KEY_TYPE says "jks"`},
		{"other DER", other, "", "", path, "not a JKS, PKCS12 or PEM store: it begins like PKCS12"},
		{"empty file", nothing, "", "", path, "the file is empty"},
		{"JCEKS", storePath("other.jceks"), "storepass", "keypass", path, "JCEKS"},
		{"PKCS12 password", storePath("keytool.p12"), "wrong", "storepass", pass, "wrong password"},
		{"PKCS12 no password", storePath("keytool.p12"), "", "storepass", pass, "wrong password"},
		{"PBMAC-less legacy password", storePath("rc2.p12"), "wrong", "x", pass, "wrong password"},
		{"JKS password", storePath("keytool.jks"), "wrong", "keypass", pass, "wrong password"},
		{"PKCS12 key password", storePath("keytool.p12"), "storepass", "wrong", keyPass, "wrong key password"},
		{"JKS key password", storePath("keytool.jks"), "storepass", "storepass", keyPass, "wrong key password"},
		{"PEM key password", storePath("enc.pem"), "", "wrong", keyPass, "wrong key password"},
		{"no key password, PKCS12", storePath("keytool.p12"), "storepass", "", keyPass, "no key password is given"},
		{"no key password, JKS", storePath("keytool.jks"), "storepass", "", keyPass, "no key password is given"},
		{"no key password, PEM", storePath("enc.pem"), "", "", keyPass, "no key password is given"},
		{"old PEM encryption", storePath("old.pem"), "", "keypass", path, "openssl pkcs8 -topk8"},
		{"empty PKCS12", storePath("empty.p12"), "storepass", "storepass", path, "no private key"},
		{"empty JKS", storePath("empty.jks"), "storepass", "storepass", path, "no private key"},
		{"trust store as key store", storePath("trust.p12"), "storepass", "storepass", path, "no private key"},
		{"certificates only, PEM", storePath("chain.pem"), "", "", path, "no private key"},
		{"no letters, JKS", storePath("keytool.jks"), "storepass€", "keypass", pass, "beyond U+00FF"},
		{"no letters, JKS key", storePath("keytool.jks"), "storepass", "keypass€", keyPass, "beyond U+00FF"},
		{"no letters, PKCS12", storePath("keytool.p12"), "storepass🔑", "storepass", pass, "beyond U+FFFF"},
		{"no letters, PEM", storePath("enc.pem"), "", "keypass🔑", keyPass, "beyond U+FFFF"},
		{"somebody else's certificate", storePath("stranger.pem"), "", "", path, "no certificate belongs to it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := LoadKeyStore(keySpec(c.file, c.password), c.keyPassword, keyPass)
			if !errors.Is(err, ErrStore) {
				t.Fatalf("error %v is no ErrStore", err)
			}
			for _, want := range []string{"tlsterm: key store: " + c.variable + ": " + c.file, c.words} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
	for _, file := range []string{"empty.p12", "empty.jks", "leaf-key.pem"} {
		_, _, err := LoadTrustStore(keySpec(storePath(file), "storepass"))
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "no certificate to trust") {
			t.Errorf("%s as a trust store: %v", file, err)
		}
	}
}

// Whether the certificate beside the key is trusted go-pkcs12 cannot tell when it
// meets an attribute of Windows': no guess.
func TestUntoldTrust(t *testing.T) {
	_, _, err := LoadTrustStore(keySpec(storePath("windowsmixed.p12"), "storepass"))
	if !errors.Is(err, ErrStore) || !strings.Contains(err.Error(), "X_KEY_STORE_PATH") || !strings.Contains(err.Error(), "cannot be told") {
		t.Errorf("error %v", err)
	}
}

// A certificate that only its name makes a part of the key's chain is no anchor.
func TestChainByNameIsNoAnchor(t *testing.T) {
	ca, namesake, other := newAuthority(t, "CA"), newAuthority(t, "CA"), newAuthority(t, "other")
	key := newECKey()
	s := &pkcs12Store{keys: []pkcs12Key{{alias: "key", key: key}}, marked: true}
	leaf := ca.issue(t, "leaf", key).Leaf
	s.addCerts(leaf, namesake.cert, other.cert)
	anchors, err := s.anchors()
	if err != nil || len(anchors) != 2 || !anchors[0].Equal(leaf) || !anchors[1].Equal(other.cert) {
		t.Errorf("%d anchors, %v", len(anchors), err)
	}
}

// A count that would keep a machine busy for years is refused before it is obeyed.
func TestIterationBound(t *testing.T) {
	parameters := func(b *cryptobyte.Builder) { // salt and count
		b.AddASN1OctetString([]byte("saltsalt"))
		b.AddASN1Int64(1 << 40)
	}
	algorithm := func(oid asn1.ObjectIdentifier, addParameters func(*cryptobyte.Builder)) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid)
			b.AddASN1(der.SEQUENCE, addParameters)
		}
	}
	encrypted := build(t, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, algorithm(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3}, parameters))
		b.AddASN1OctetString(make([]byte, 16))
	})
	keyBag, err := newBag(oidShrouded, func(b *cryptobyte.Builder) { b.AddBytes(encrypted) })
	if err != nil {
		t.Fatal(err)
	}
	inKey, err := sealPKCS12("storepass", func(b *cryptobyte.Builder) { addBags(b, keyBag) })
	if err != nil {
		t.Fatal(err)
	}
	inMAC := build(t, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(3)
		addBags(b, keyBag)
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}) })
				b.AddASN1OctetString(make([]byte, 20))
			})
			parameters(b)
		})
	})
	cert := newAuthority(t, "CA").cert.Raw
	inPEM := append(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: encrypted}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})...)
	for name, data := range map[string][]byte{"key": inKey, "MAC": inMAC, "PEM": inPEM} {
		_, err := parseKeyStore(data, keySpec("x", "storepass"), "storepass", "X")
		if !errors.Is(err, ErrStore) || !strings.Contains(err.Error(), "more than 5000000 iterations") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A salt, a check sum or ciphertext that happens to read like a salt and a count is
// no count: such a store is as good as any other.
func TestIterationsByChance(t *testing.T) {
	ca := newAuthority(t, "CA")
	leaf := ca.issue(t, "leaf", newECKey())
	misleading := []byte{4, 0, 2, 4, 0x7f, 0xff, 0xff, 0xff} // as long as the shortest salt: OCTET STRING, INTEGER
	for name, encoder := range map[string]*pkcs12.Encoder{"modern": pkcs12.Modern2023, "3DES": pkcs12.LegacyDES, "PBMAC1": pkcs12.Modern2026} {
		salts := encoder.WithRand(&repeated{data: misleading})
		file, err := salts.Encode(leaf.PrivateKey, leaf.Leaf, []*x509.Certificate{ca.cert}, "storepass")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(file, misleading) {
			t.Fatalf("%s: the salt is not what it was to be", name)
		}
		if _, err := parseKeyStore(file, keySpec("x", "storepass"), "storepass", "X"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// repeated reads as data again and again.
type repeated struct {
	data []byte
	next int
}

func (r *repeated) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = r.data[r.next%len(r.data)]
		r.next++
	}
	return len(b), nil
}

// A wrong password is told as one also when, by chance, it leaves padding that is
// in order: one in 256 does.
func TestWrongPasswordByChance(t *testing.T) {
	encrypted := build(t, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3})
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1OctetString([]byte("saltsalt"))
				b.AddASN1Int64(1)
			})
		})
		b.AddASN1OctetString([]byte("these are no keys, but whole blocks of 8"))
	})
	cert := newAuthority(t, "CA").cert
	for i := range 1000 {
		if _, err := decryptPKCS8(encrypted, cert, "wrong "+strconv.Itoa(i)); !errors.Is(err, errKeyPassword) {
			t.Fatalf("password %d: %v", i, err)
		}
	}
}

// A key with a password of its own inside a PKCS12 file is beyond go-pkcs12; the
// error says what is the matter.
func TestPKCS12KeyOfOtherPassword(t *testing.T) {
	text, err := os.ReadFile(storePath("enc.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	keyBag, err := newBag(oidShrouded, func(b *cryptobyte.Builder) { b.AddBytes(block.Bytes) })
	if err != nil {
		t.Fatal(err)
	}
	file, err := sealPKCS12("storepass", func(b *cryptobyte.Builder) { addBags(b, keyBag) })
	if err != nil {
		t.Fatal(err)
	}
	_, err = parseKeyStore(file, keySpec("x", "storepass"), "keypass", "X")
	if !errors.Is(err, ErrStore) || !strings.Contains(err.Error(), "other than the store's") {
		t.Errorf("error %v", err)
	}
}

func build(t *testing.T, addContent func(*cryptobyte.Builder)) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, addContent)
	data, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Which of several keys: the choice of Java's key manager, for aliases of its own
// making (testdata/stores/FirstAlias.java).
func TestFirstOfJava(t *testing.T) {
	golden, err := os.ReadFile(storePath("first-alias.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		want, list, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		aliases := strings.Split(list, " ")
		if got := aliases[firstOfJava(aliases)]; got != want {
			t.Errorf("of %q %q comes first, want %q", aliases, got, want)
		}
	}
}
