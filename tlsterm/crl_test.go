package tlsterm

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

// revoke makes a list of a's, DER, with changes to its template.
func (a *authority) revoke(tb testing.TB, number int64, certs []*x509.Certificate, changes ...func(*x509.RevocationList)) []byte {
	tb.Helper()
	t := &x509.RevocationList{
		Number: big.NewInt(number), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour),
	}
	for _, c := range certs {
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: c.SerialNumber, RevocationTime: time.Unix(1_700_000_000, 0), ReasonCode: 1,
		})
	}
	for _, change := range changes {
		change(t)
	}
	issuer := *a.cert
	issuer.KeyUsage |= x509.KeyUsageCRLSign
	der, err := x509.CreateRevocationList(rand.Reader, t, &issuer, a.key)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func serial(n int64) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.SerialNumber = big.NewInt(n) }
}

// between makes an authority below a.
func (a *authority) between(tb testing.TB) *authority {
	tb.Helper()
	t := template("Middle")
	t.IsCA, t.BasicConstraintsValid, t.DNSNames, t.SerialNumber = true, true, nil, big.NewInt(77)
	below := &authority{key: newECKey()}
	below.cert = a.sign(tb, t, a.cert, below.key.Public())
	return below
}

func mustCRLs(tb testing.TB, files ...[]byte) (lists []*CRL) {
	tb.Helper()
	for _, f := range files {
		l, err := ParseCRLs(f)
		if err != nil {
			tb.Fatal(err)
		}
		lists = append(lists, l...)
	}
	return lists
}

func mustRevocations(tb testing.TB, anchors []*x509.Certificate, files ...[]byte) *Revocations {
	tb.Helper()
	r, err := NewRevocations(mustCRLs(tb, files...), anchors)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func inPEM(ders ...[]byte) (out []byte) {
	out = []byte("# lists\n")
	for _, der := range ders {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})...)
	}
	return out
}

func TestRevokedOrNot(t *testing.T) {
	ca, other := newAuthority(t, "CA"), newAuthority(t, "CA") // of one name, with two keys
	middle := ca.between(t)
	good, bad := ca.issue(t, "good", newECKey(), serial(1)).Leaf, ca.issue(t, "bad", newECKey(), serial(2)).Leaf
	deep := middle.issue(t, "deep", newECKey(), serial(1)).Leaf
	anchors := []*x509.Certificate{ca.cert}
	chain := func(certs ...*x509.Certificate) [][]*x509.Certificate { return [][]*x509.Certificate{certs} }
	for _, c := range []struct {
		what    string
		files   [][]byte
		chains  [][]*x509.Certificate
		revoked bool
	}{
		{"no list", nil, chain(bad, ca.cert), false},
		{"no chain", [][]byte{ca.revoke(t, 1, []*x509.Certificate{bad})}, nil, false},
		{"an empty list", [][]byte{ca.revoke(t, 1, nil)}, chain(bad, ca.cert), false},
		{"listed", [][]byte{ca.revoke(t, 1, []*x509.Certificate{bad})}, chain(bad, ca.cert), true},
		{"another is listed", [][]byte{ca.revoke(t, 1, []*x509.Certificate{bad})}, chain(good, ca.cert), false},
		{"the same serial of another issuer", [][]byte{ca.revoke(t, 1, []*x509.Certificate{good})}, chain(deep, middle.cert, ca.cert), false},
		{"the authority between", [][]byte{ca.revoke(t, 1, []*x509.Certificate{middle.cert})}, chain(deep, middle.cert, ca.cert), true},
		{"by the authority between, no anchor", [][]byte{middle.revoke(t, 1, []*x509.Certificate{deep})}, chain(deep, middle.cert, ca.cert), true},
		{"in a second chain only", [][]byte{middle.revoke(t, 1, []*x509.Certificate{deep})}, [][]*x509.Certificate{{deep, middle.cert, ca.cert}, {good, ca.cert}}, false},
		{"PEM with several", [][]byte{inPEM(middle.revoke(t, 1, nil), ca.revoke(t, 1, []*x509.Certificate{bad}))}, chain(bad, ca.cert), true},
		{"past its next update", [][]byte{ca.revoke(t, 1, []*x509.Certificate{bad}, func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		})}, chain(bad, ca.cert), true},
		{"the newer one counts", [][]byte{ca.revoke(t, 2, nil), ca.revoke(t, 1, []*x509.Certificate{bad})}, chain(bad, ca.cert), false},
		{"whatever their order", [][]byte{ca.revoke(t, 1, nil), ca.revoke(t, 2, []*x509.Certificate{bad})}, chain(bad, ca.cert), true},
		{"an issuer of that name with another key", [][]byte{other.revoke(t, 1, []*x509.Certificate{bad})}, chain(bad, ca.cert), false},
		{"a trust anchor that another anchor has issued", [][]byte{ca.revoke(t, 1, []*x509.Certificate{bad})}, chain(bad), true},
	} {
		t.Run(c.what, func(t *testing.T) {
			err := mustRevocations(t, anchors, c.files...).Check(c.chains)
			if errors.Is(err, ErrRevoked) != c.revoked || !c.revoked && err != nil {
				t.Errorf("%v, want revoked: %v", err, c.revoked)
			}
		})
	}
	err := mustRevocations(t, anchors, ca.revoke(t, 1, []*x509.Certificate{bad})).Check(chain(bad, ca.cert))
	if want := `certificate revoked: "CN=bad,O=Postern" (serial 2): by its issuer on 2023-11-14T22:13:20Z, reason: key compromise`; err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

func extension(id asn1.ObjectIdentifier, value []byte) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		l.ExtraExtensions = append(l.ExtraExtensions, pkix.Extension{Id: id, Critical: true, Value: value})
	}
}

func TestCRLsThatAreRefused(t *testing.T) {
	ca := newAuthority(t, "CA")
	good := ca.revoke(t, 1, nil)
	for want, file := range map[string][]byte{
		"list 1: x509: malformed crl":     []byte("hello"),
		"no PEM block X509 CRL":           []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
		"list 2: x509":                    inPEM(good, good[:len(good)-5]),
		"list 1: 1 bytes behind":          append(slices.Clone(good), 0),
		"a delta list":                    ca.revoke(t, 1, nil, extension(oidDeltaCRL, []byte{2, 1, 1})),
		"an indirect list":                ca.revoke(t, 1, nil, extension(oidDistribution, []byte{0x30, 3, 0x84, 1, 0xff})),
		"issuing distribution point is":   ca.revoke(t, 1, nil, extension(oidDistribution, []byte{0x30, 3, 0x84, 1})),
		"critical extension 1.2.3 is not": ca.revoke(t, 1, nil, extension(asn1.ObjectIdentifier{1, 2, 3}, []byte{5, 0})),
	} {
		if _, err := ParseCRLs(file); !errors.Is(err, ErrCRL) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	// onlyContainsUserCerts narrows what the list is about, and changes nothing.
	mustCRLs(t, ca.revoke(t, 1, nil, extension(oidDistribution, []byte{0x30, 3, 0x81, 1, 0xff})))

	forged := slices.Clone(good)
	forged[len(forged)-1] ^= 1
	if _, err := NewRevocations(mustCRLs(t, forged), []*x509.Certificate{ca.cert}); !errors.Is(err, ErrCRL) || !strings.Contains(err.Error(), "not signed by") {
		t.Errorf("a forged list: %v", err)
	}
}

// TestAnchored: a list is believed at once if an anchor signed it; with an anchor
// of the same name but another key beside it, too.
func TestAnchored(t *testing.T) {
	ca, old := newAuthority(t, "CA"), newAuthority(t, "CA")
	middle := ca.between(t)
	r := mustRevocations(t, []*x509.Certificate{old.cert, ca.cert}, ca.revoke(t, 1, nil), middle.revoke(t, 1, nil))
	if len(r.Lists) != 2 {
		t.Fatalf("%d lists", len(r.Lists))
	}
	for _, l := range r.Lists {
		if r.Anchored(l) != (l.Issuer == "CN=CA,O=Postern") {
			t.Errorf("%s anchored: %v", l.Issuer, r.Anchored(l))
		}
	}
}

func TestGeneration(t *testing.T) {
	ca := newAuthority(t, "CA")
	one, two := ca.revoke(t, 1, nil), ca.between(t).revoke(t, 1, nil)
	of := func(files ...[]byte) [32]byte { return mustRevocations(t, nil, files...).Generation() }
	if of(one, two) != of(two, one, one) {
		t.Error("the order of the files makes another generation")
	}
	if of(one) == of(one, two) || of() == of(one) || of(one) == of(ca.revoke(t, 2, nil)) {
		t.Error("other lists make the same generation")
	}
}

// TestRevocationMeetsResumption: a client that was let in and has a ticket is
// refused once its certificate is on the list, or denied, and is told so.
func TestRevocationMeetsResumption(t *testing.T) {
	ca := newAuthority(t, "CA")
	serverCert, cert := ca.issue(t, "server", newECKey()), ca.issue(t, "client", newECKey(), serial(5))
	revoked := mustRevocations(t, []*x509.Certificate{ca.cert}, ca.revoke(t, 1, []*x509.Certificate{cert.Leaf}))
	clear := mustRevocations(t, []*x509.Certificate{ca.cert}, ca.revoke(t, 1, nil))
	for _, version := range versions {
		for _, how := range []string{"list", "deny-list"} {
			t.Run(tls.VersionName(version)+" "+how, func(t *testing.T) {
				now, denied, resumed := clear, false, false
				serverCfg := ServerOptions{
					Certificates: []tls.Certificate{serverCert}, Roots: ca.pool, ClientAuth: Require,
					Checks: []func(Identity) error{RefuseDenied(func(f [32]byte) bool { return denied })},
					// One generation on purpose: the ticket must be good, and the check alone refuse.
					ChainChecks: []func([][]*x509.Certificate) error{func(chains [][]*x509.Certificate) error { return now.Check(chains) }},
				}.Config()
				verify := serverCfg.VerifyConnection
				serverCfg.VerifyConnection = func(s tls.ConnectionState) error {
					resumed = s.DidResume
					return verify(s)
				}
				clientCfg := ClientConfig(ClientOptions{Roots: ca.pool, Certificate: &cert, ServerName: "localhost"})
				clientCfg.MaxVersion = version
				clientCfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				for range 2 {
					a, b := sockets(t)
					met := make(chan error, 1)
					go func() {
						c := tls.Client(a, clientCfg)
						_, err := c.Read(make([]byte, 1)) // the ticket of TLS 1.3 comes with it
						met <- err
					}()
					s, _, err := Server(patient(t), b, serverCfg)
					if err != nil {
						t.Fatal(err)
					}
					out, err := s.Seal(nil, []byte("x"))
					if err != nil {
						t.Fatal(err)
					}
					if _, err := b.Write(out); err != nil {
						t.Fatal(err)
					}
					if err := <-met; err != nil {
						t.Fatal(err)
					}
				}
				if !resumed {
					t.Fatal("the second handshake did not resume")
				}
				if how == "list" {
					now = revoked
				} else {
					denied = true
				}
				client, server := shake(t, clientCfg, serverCfg)
				if !errors.Is(server.err, ErrRevoked) || HandshakeCause(server.err) != "certificate revoked" || !resumed {
					t.Errorf("server: %v (%s), resumed %v", server.err, HandshakeCause(server.err), resumed)
				}
				if got := HandshakeCause(client.err); got != "peer alert: bad_certificate" {
					t.Errorf("client: %v (%s)", client.err, got)
				}
			})
		}
	}
}

func TestAnonymousIsNotDenied(t *testing.T) {
	if err := RefuseDenied(func([32]byte) bool { return true })(Identity{}); err != nil {
		t.Error(err)
	}
}

// FuzzCRLs: whatever is in a file, it is an error or lists that can be asked.
func FuzzCRLs(f *testing.F) {
	ca := newAuthority(f, "CA")
	leaf := ca.issue(f, "leaf", newECKey()).Leaf
	der := ca.revoke(f, 1, []*x509.Certificate{leaf}, extension(oidDistribution, []byte{0x30, 3, 0x81, 1, 0xff}))
	f.Add(der)
	f.Add(inPEM(der, der))
	f.Fuzz(func(t *testing.T, file []byte) {
		lists, err := ParseCRLs(file)
		if err != nil {
			if !errors.Is(err, ErrCRL) {
				t.Fatal(err)
			}
			return
		}
		r, err := NewRevocations(lists, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Check([][]*x509.Certificate{{leaf, ca.cert}}); err != nil && !errors.Is(err, ErrRevoked) {
			t.Fatal(err)
		}
	})
}

func BenchmarkCheckRevoked(b *testing.B) {
	ca := newAuthority(b, "CA")
	good := ca.issue(b, "good", newECKey(), serial(1)).Leaf
	var others []*x509.Certificate
	for i := range int64(10_000) {
		others = append(others, &x509.Certificate{SerialNumber: big.NewInt(1000 + i)})
	}
	r := mustRevocations(b, []*x509.Certificate{ca.cert}, ca.revoke(b, 1, others))
	chains := [][]*x509.Certificate{{good, ca.cert}}
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Check(chains); err != nil {
			b.Fatal(err)
		}
	}
}
