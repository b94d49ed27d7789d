package admin_test

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-kafka/postern/admin"
)

// clock is a time that a test moves.
type clock struct{ since atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC).Add(time.Duration(c.since.Load()))
}

func limited(t *testing.T, c *clock) *gateway {
	return start(t, func(o *admin.Options) { o.FailureBurst, o.FailurePeriod, o.Now = 3, 10*time.Second, c.now })
}

func TestWrongCredentialsAreLimited(t *testing.T) {
	var c clock
	g := limited(t, &c)
	for range 10 { // no credentials are no guess
		if r := g.ask("GET", base, "", ""); r.status != 401 {
			t.Errorf("nobody: %d", r.status)
		}
	}
	for i := range 3 {
		if r := g.ask("GET", base, fmt.Sprintf("admin:guess%d", i), ""); r.status != 401 || r.body != "" {
			t.Errorf("guess %d: %d %s", i, r.status, r.body)
		}
	}
	want := messageBody("Too many wrong credentials came from this address: try again in 10 s.")
	for _, who := range []string{"admin:guess", boss, reader} { // the right ones do not show
		for _, method := range []string{"GET", "POST"} {
			r := g.ask(method, base, who, "{}")
			if r.status != 429 || r.body != want || r.header.Get("Retry-After") != "10" {
				t.Errorf("%s as %s: %d %s %s", method, who, r.status, r.header.Get("Retry-After"), r.body)
			}
		}
	}
	if r := g.ask("GET", "/health/live", boss, ""); r.status != 200 {
		t.Errorf("what needs no credentials: %d", r.status)
	}
	if r := g.ask("GET", base, "", ""); r.status != 401 {
		t.Errorf("nobody, from a refused address: %d", r.status)
	}
	if r := g.from("127.0.0.9", "GET", base, boss); r.status != 200 {
		t.Errorf("another address: %d", r.status)
	}
	c.since.Add(int64(10 * time.Second))
	if r := g.ask("GET", base, boss, ""); r.status != 200 {
		t.Errorf("after the time told: %d", r.status)
	}
	if r := g.ask("GET", "/metrics", boss, ""); !strings.Contains(r.body, "\ngateway_admin_wrong_credentials_total 3\n") {
		t.Errorf("not counted:\n%s", r.body)
	}
}

// A body that never comes must not tell a refused address whether its credentials are right: neither is waited for.
func TestALargeBodyIsNoWayRoundTheLimit(t *testing.T) {
	var c clock
	g := limited(t, &c)
	for range 3 {
		g.ask("GET", base, "admin:guess", "")
	}
	for _, who := range []string{boss, "admin:guess"} {
		pair := base64.StdEncoding.EncodeToString([]byte(who))
		for _, length := range []string{"20000", "9000000"} {
			r, closed := g.raw("POST " + base + " HTTP/1.1\r\nHost: h\r\nAuthorization: Basic " + pair +
				"\r\nContent-Length: " + length + "\r\n\r\n{")
			if r.status != 429 || !closed {
				t.Errorf("%s, %s bytes: %d %s, closed %t", who, length, r.status, r.body, closed)
			}
		}
	}
	// Nor from elsewhere while guessing goes on; a small one passes.
	large := `{"username":"` + strings.Repeat("n", 20000) + `"}`
	if r := g.fromWith("127.0.0.9", "POST", base, boss, large); r.status != 429 {
		t.Errorf("another address, a large body: %d %s", r.status, r.body)
	}
	if r := g.fromWith("127.0.0.9", "POST", base, boss, `{"username":"a"}`); r.status != 201 {
		t.Errorf("another address, a small body: %d %s", r.status, r.body)
	}
	c.since.Add(int64(time.Minute))
	if r := g.ask("POST", base, boss, large); r.status != 400 {
		t.Errorf("a large body afterwards: %d", r.status)
	}
}

func TestTheDefaultPasswordIsWarnedOf(t *testing.T) {
	for bind, loud := range map[string]bool{"127.0.0.1:8888": false, "0.0.0.0:8888": true, ":8888": true} {
		s := admin.New(admin.Options{Bind: bind, Users: everybody, Store: newStore()})
		w := strings.Join(s.Warnings(), "\n")
		if !strings.Contains(w, `user "admin" has the default password`) || strings.Contains(w, "ANYBODY") != loud || strings.Contains(w, "conduktor") {
			t.Errorf("%s: %s", bind, w)
		}
	}
	g := start(t, nil)
	if r := g.ask("GET", "/metrics", boss, ""); !strings.Contains(r.body, "\ngateway_admin_default_password 1\n") {
		t.Errorf("not in the metrics:\n%s", r.body)
	}
}

// A certificate is asked for as the caller's tls.Config says, and does not replace credentials.
func TestHTTPSWithClientCertificates(t *testing.T) {
	pair, pool := selfSigned(t)
	stranger, _ := selfSigned(t)
	for name, c := range map[string]struct {
		auth    tls.ClientAuthType
		present *tls.Certificate
		ok      bool
	}{
		"NONE":                {tls.NoClientCert, nil, true},
		"REQUEST, none":       {tls.VerifyClientCertIfGiven, nil, true},
		"REQUEST, a good one": {tls.VerifyClientCertIfGiven, &pair, true},
		"REQUEST, a bad one":  {tls.VerifyClientCertIfGiven, &stranger, false},
		"REQUIRED, none":      {tls.RequireAndVerifyClientCert, nil, false},
		"REQUIRED, a bad one": {tls.RequireAndVerifyClientCert, &stranger, false},
		"REQUIRED, a good":    {tls.RequireAndVerifyClientCert, &pair, true},
	} {
		t.Run(name, func(t *testing.T) {
			served := &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: c.auth, ClientCAs: pool, MinVersion: tls.VersionTLS12}
			g := start(t, func(o *admin.Options) {
				o.TLS = &tls.Config{
					GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return served, nil },
					MinVersion:         tls.VersionTLS12,
				}
			})
			client := &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12}
			if c.present != nil {
				client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.present, nil }
			}
			transport := &http.Transport{TLSClientConfig: client, DisableKeepAlives: true}
			defer transport.CloseIdleConnections()
			h := http.Client{Transport: transport, Timeout: patience}
			for who, status := range map[string]int{"": 401, boss: 200} {
				q, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+g.addr+base, nil)
				if err != nil {
					t.Fatal(err)
				}
				if user, password, ok := strings.Cut(who, ":"); ok {
					q.SetBasicAuth(user, password)
				}
				p, err := h.Do(q)
				if (err == nil) != c.ok {
					t.Fatalf("as %q: %v", who, err)
				}
				if err != nil {
					continue
				}
				_ = p.Body.Close()
				if p.StatusCode != status {
					t.Errorf("as %q: %d, want %d", who, p.StatusCode, status)
				}
			}
		})
	}
}
