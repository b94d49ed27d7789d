package tlsterm

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// answer makes a responder's answer about c, with changes to its template.
func (a *authority) answer(tb testing.TB, c *x509.Certificate, changes ...func(*ocsp.Response)) []byte {
	tb.Helper()
	t := ocsp.Response{
		Status: ocsp.Good, SerialNumber: c.SerialNumber,
		ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour),
	}
	for _, change := range changes {
		change(&t)
	}
	der, err := ocsp.CreateResponse(a.cert, a.cert, t, a.key)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func TestStaple(t *testing.T) {
	ca, rogue := newAuthority(t, "CA"), newAuthority(t, "CA")
	first, second := ca.issue(t, "first", newECKey(), serial(1)), ca.issue(t, "second", newECKey(), serial(2))
	second.Certificate = append(second.Certificate, ca.cert.Raw) // its issuer stands in its chain
	certs := []tls.Certificate{first, second}
	now := time.Now()
	set := func(change func(*ocsp.Response)) func(*ocsp.Response) { return change }
	for _, c := range []struct {
		what    string
		der     []byte
		issuers []*x509.Certificate
		index   int
		fault   string
	}{
		{what: "issuer in the chain", der: ca.answer(t, second.Leaf), index: 1},
		{what: "issuer in the trust store", der: ca.answer(t, first.Leaf), issuers: []*x509.Certificate{rogue.cert, ca.cert}},
		{what: "issuer nowhere", der: ca.answer(t, first.Leaf), fault: "nobody can check it"},
		{what: "forged", der: rogue.answer(t, second.Leaf), fault: "about \"CN=first"},
		{what: "of another certificate", der: ca.answer(t, ca.issue(t, "third", newECKey(), serial(3)).Leaf), fault: "about"},
		{what: "not an answer", der: []byte("hello"), fault: "about"},
		{what: "an error of the responder", der: ocsp.UnauthorizedErrorResponse, fault: "unauthorized"},
		{what: "revoked", der: ca.answer(t, second.Leaf, set(func(r *ocsp.Response) { r.Status, r.RevokedAt = ocsp.Revoked, now })), fault: "the responder says that it is revoked"},
		{what: "unknown", der: ca.answer(t, second.Leaf, set(func(r *ocsp.Response) { r.Status = ocsp.Unknown })), fault: "does not know"},
		{what: "too old", der: ca.answer(t, second.Leaf, set(func(r *ocsp.Response) { r.NextUpdate = now.Add(-time.Minute) })), fault: "valid until"},
		{what: "too new", der: ca.answer(t, second.Leaf, set(func(r *ocsp.Response) { r.ThisUpdate = now.Add(time.Hour) })), fault: "not valid before"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s, err := ParseStaple(c.der, certs, c.issuers, now)
			if c.fault == "" {
				if err != nil || s.For != c.index || s.Expired(now) || !s.Expired(now.Add(2*time.Hour)) {
					t.Errorf("%+v, %v", s, err)
				}
				return
			}
			if !errors.Is(err, ErrStaple) || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%v\nwant %s", err, c.fault)
			}
		})
	}
}

// TestStapleIsServed: a client that asks for it gets the file's bytes.
func TestStapleIsServed(t *testing.T) {
	ca := newAuthority(t, "CA")
	cert := ca.issue(t, "server", newECKey())
	s, err := ParseStaple(ca.answer(t, cert.Leaf), []tls.Certificate{cert}, []*x509.Certificate{ca.cert}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert.OCSPStaple = s.Response
	for _, version := range versions {
		var got []byte
		cfg := ClientConfig(ClientOptions{Roots: ca.pool, ServerName: "localhost"})
		cfg.MaxVersion = version
		cfg.VerifyConnection = func(s tls.ConnectionState) error { got = s.OCSPResponse; return nil }
		pair(t, cfg, ServerConfig(cert, nil, None))
		if !bytes.Equal(got, s.Response) {
			t.Errorf("%s: %d bytes, want %d", tls.VersionName(version), len(got), len(s.Response))
		}
	}
}
