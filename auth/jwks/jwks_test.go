package jwks_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/postern-kafka/postern/auth"
	"github.com/postern-kafka/postern/auth/jwks"
)

// pairs are private keys by kind, made once.
var pairs = sync.OnceValue(func() map[string]crypto.Signer {
	all := map[string]crypto.Signer{"ed": ed25519.NewKeyFromSeed(make([]byte, 32))}
	for name, curve := range map[string]elliptic.Curve{"p224": elliptic.P224(), "p256": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			panic(err)
		}
		all[name] = k
	}
	for name, bits := range map[string]int{"rsa": 2048, "small": 1024} {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		all[name] = k
	}
	return all
})

// jwk is a key of the set as JSON.
func jwk(t testing.TB, pair, kid, alg, use string) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKey{Key: pairs()[pair].Public(), KeyID: kid, Algorithm: alg, Use: use})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func set(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// server is an issuer without sockets: it answers by what body and status are
// at the time, and notes when it was asked.
type server struct {
	mu     sync.Mutex
	body   string
	status int
	fail   error
	hang   bool
	takes  time.Duration
	asked  []time.Time
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, time.Now())
	body, status, fail, hang, takes := s.body, s.status, s.fail, s.hang, s.takes
	s.mu.Unlock()
	if hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	time.Sleep(takes)
	if fail != nil {
		return nil, fail
	}
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}, Request: r}, nil
}

// set changes what is answered.
func (s *server) set(change func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// requests returns when the server was asked, since start.
func (s *server) requests(start time.Time) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []time.Duration
	for _, at := range s.asked {
		out = append(out, at.Sub(start))
	}
	return out
}

// bubble runs a test on virtual time with a set that Run keeps.
func bubble(t *testing.T, s *server, test func(t *testing.T, keys *jwks.Set, reports *[]string)) {
	synctest.Test(t, func(t *testing.T) {
		var reports []string
		keys, err := jwks.New(jwks.Options{
			URL: "https://user:secret@issuer.example/keys", Client: &http.Client{Transport: s},
			Refresh: time.Hour, Retry: time.Second, MaxRetry: 10 * time.Second, Timeout: 5 * time.Second,
			Report: func(err error) { reports = append(reports, fmt.Sprint(err)) },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go keys.Run(ctx)
		synctest.Wait()
		test(t, keys, &reports)
		cancel()
		synctest.Wait()
	})
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func wantKey(t *testing.T, keys *jwks.Set, kid, alg, pair string) {
	t.Helper()
	got, err := keys.Key(kid, alg)
	if err != nil {
		t.Fatalf("key %q for %s: %v", kid, alg, err)
	}
	if !got.(interface{ Equal(crypto.PublicKey) bool }).Equal(pairs()[pair].Public()) {
		t.Fatalf("key %q for %s is not that of %s", kid, alg, pair)
	}
}

func wantNoKey(t *testing.T, keys *jwks.Set, kid, alg string, want error) {
	t.Helper()
	if got, err := keys.Key(kid, alg); !errors.Is(err, want) || got != nil {
		t.Fatalf("key %q for %s: %v, %v; want %v", kid, alg, got, err, want)
	}
}

// TestKeys: each kind of key serves its algorithms and no other, and what is no
// key for signatures is left out.
func TestKeys(t *testing.T) {
	private, err := json.Marshal(jose.JSONWebKey{Key: pairs()["p256"], KeyID: "private"})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{body: set(
		jwk(t, "rsa", "r", "", ""), jwk(t, "rsa", "r256", "RS256", "sig"), jwk(t, "p256", "e256", "ES256", ""), jwk(t, "p384", "e384", "", "sig"),
		jwk(t, "p521", "e521", "", ""), jwk(t, "ed", "ed", "EdDSA", "sig"), jwk(t, "p256", "both", "", ""), jwk(t, "rsa", "both", "", ""),
		// and these are not usable
		jwk(t, "rsa", "enc", "", "enc"), jwk(t, "rsa", "oaep", "RSA-OAEP", ""), jwk(t, "small", "small", "", ""), jwk(t, "p256", "lie", "ES384", ""),
		string(private), `{"kty":"oct","kid":"oct","k":"c2VjcmV0"}`, `{"kty":"EC","kid":"off","crv":"P-256","x":"AAAA","y":"AAAA"}`,
		`{"kty":"new","kid":"new"}`, `{"kid":"untyped"}`, `7`, `null`,
	)}
	serves := map[string][]string{
		"r": {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, "r256": {"RS256"}, "e256": {"ES256"}, "e384": {"ES384"},
		"e521": {"ES512"}, "ed": {"EdDSA"}, "both": {"ES256", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
	}
	of := map[string]string{"r": "rsa", "r256": "rsa", "e256": "p256", "e384": "p384", "e521": "p521", "ed": "ed"}
	bubble(t, s, func(t *testing.T, keys *jwks.Set, _ *[]string) {
		for _, kid := range []string{"r", "r256", "e256", "e384", "e521", "ed", "both", "enc", "oaep", "small", "lie", "private", "oct", "off", "new", "untyped", "nobody"} {
			for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "none", "", "R"} {
				if !slices.Contains(serves[kid], alg) {
					wantNoKey(t, keys, kid, alg, auth.ErrUnknownKey)
					continue
				}
				pair := of[kid]
				if kid == "both" {
					pair = map[byte]string{'E': "p256", 'R': "rsa", 'P': "rsa"}[alg[0]]
				}
				wantKey(t, keys, kid, alg, pair)
			}
		}
		wantKey(t, keys, "", "ES384", "p384") // the only one that fits
		wantKey(t, keys, "", "EdDSA", "ed")
		wantNoKey(t, keys, "", "RS256", auth.ErrUnknownKey) // which of three?
		wantMetrics(t, keys, "gateway_oauth_jwks_keys 8", "gateway_oauth_jwks_unusable_keys 11", "gateway_oauth_jwks_stale 0", "gateway_oauth_jwks_fetches_total 1\n", "gateway_oauth_jwks_last_success_seconds 946684800")
	})
}

func wantMetrics(t *testing.T, keys *jwks.Set, want ...string) {
	t.Helper()
	var b bytes.Buffer
	keys.WriteMetrics(&b)
	for _, line := range want {
		if !strings.Contains(b.String(), line) {
			t.Errorf("metrics lack %q:\n%s", line, b.String())
		}
	}
}

// TestUnreachableAtStart: it is tried again with growing pauses, the state is
// shown, and it ends by itself.
func TestUnreachableAtStart(t *testing.T) {
	s := &server{fail: errors.New("connection refused")}
	bubble(t, s, func(t *testing.T, keys *jwks.Set, reports *[]string) {
		start := time.Now()
		const why = "jwks: https://user:xxxxx@issuer.example/keys: connection refused"
		if err := keys.Ready(); err == nil || err.Error() != why {
			t.Fatalf("ready: %v", err)
		}
		wantNoKey(t, keys, "a", "ES256", auth.ErrNoKeys)
		wantMetrics(t, keys, "gateway_oauth_jwks_keys 0", "gateway_oauth_jwks_fetch_failures_total 1", "gateway_oauth_jwks_stale 1")
		pass(40 * time.Second)
		want := []time.Duration{0, 1, 3, 7, 15, 25, 35} // seconds: 1, 2, 4, 8, 10, 10 between them
		for i := range want {
			want[i] *= time.Second
		}
		if got := s.requests(start); !slices.Equal(got, want) {
			t.Fatalf("asked at %v, want %v", got, want)
		}
		s.set(func(s *server) { s.fail, s.body = nil, set(jwk(t, "p256", "a", "", "")) })
		pass(5 * time.Second)
		if err := keys.Ready(); err != nil {
			t.Fatalf("ready: %v", err)
		}
		wantKey(t, keys, "a", "ES256", "p256")
		wantMetrics(t, keys, "gateway_oauth_jwks_keys 1", "gateway_oauth_jwks_stale 0", "gateway_oauth_jwks_fetch_failures_total 7")
		if want := []string{why, "<nil>"}; !slices.Equal(*reports, want) {
			t.Errorf("reported %q, want %q", *reports, want)
		}
	})
}

// TestKeysOutliveTheIssuer: whatever the issuer answers later, keys that were
// read go on working until a set with usable keys comes.
func TestKeysOutliveTheIssuer(t *testing.T) {
	good := set(jwk(t, "p256", "a", "", ""))
	for name, c := range map[string]struct {
		change func(*server)
		want   string
	}{
		"unreachable":      {func(s *server) { s.fail = errors.New("no route") }, "no route"},
		"an error page":    {func(s *server) { s.status, s.body = 503, "<html>" }, "answered 503"},
		"not found":        {func(s *server) { s.status = 404 }, "answered 404"},
		"a login page":     {func(s *server) { s.body = "<html>" }, "not a key set: invalid character '<' looking for beginning of value"},
		"nothing":          {func(s *server) { s.body = "" }, "not a key set: unexpected end of JSON input"},
		"an array":         {func(s *server) { s.body = "[]" }, "not a key set: json: cannot unmarshal array"},
		"half a set":       {func(s *server) { s.body = good[:len(good)-1] }, "not a key set: unexpected end of JSON input"},
		"two sets":         {func(s *server) { s.body = good + good }, "not a key set: invalid character '{' after top-level value"},
		"an empty set":     {func(s *server) { s.body = set() }, "no usable key"},
		"no keys":          {func(s *server) { s.body = "{}" }, "no usable key"},
		"keys no array":    {func(s *server) { s.body = `{"keys":{}}` }, "not a key set: json: cannot unmarshal object"},
		"symmetric":        {func(s *server) { s.body = set(`{"kty":"oct","kid":"a","k":"c2VjcmV0"}`) }, "no usable key"},
		"too many keys":    {func(s *server) { s.body = set(slices.Repeat([]string{"{}"}, jwks.MaxKeys+1)...) }, "257 keys, at most 256 are read"},
		"endless":          {func(s *server) { s.body = `{"keys":[` + strings.Repeat(" ", 10<<20) }, "more than 1048576 bytes"},
		"good, but larger": {func(s *server) { s.body = good + strings.Repeat(" ", jwks.MaxSet) }, "more than 1048576 bytes"},
		"never ends":       {func(s *server) { s.hang = true }, "context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{body: good}
			bubble(t, s, func(t *testing.T, keys *jwks.Set, reports *[]string) {
				s.set(c.change)
				pass(time.Hour + 30*time.Second)
				wantKey(t, keys, "a", "ES256", "p256")
				if err := keys.Ready(); err != nil {
					t.Errorf("ready: %v", err)
				}
				wantMetrics(t, keys, "gateway_oauth_jwks_keys 1", "gateway_oauth_jwks_stale 1")
				if len(*reports) != 1 || !strings.Contains((*reports)[0], c.want) {
					t.Errorf("reported %q, want one with %q", *reports, c.want)
				}
				s.set(func(s *server) { s.status, s.fail, s.hang, s.body = 0, nil, false, set(jwk(t, "ed", "b", "", "")) })
				pass(time.Minute)
				wantKey(t, keys, "b", "EdDSA", "ed")
				wantNoKey(t, keys, "a", "ES256", auth.ErrUnknownKey)
			})
		})
	}
}

// TestRefresh: the set is fetched again every Refresh.
func TestRefresh(t *testing.T) {
	s := &server{body: set(jwk(t, "p256", "a", "", ""))}
	bubble(t, s, func(t *testing.T, keys *jwks.Set, _ *[]string) {
		start := time.Now()
		s.set(func(s *server) { s.body = set(jwk(t, "ed", "b", "", "")) })
		pass(3*time.Hour + time.Minute)
		wantKey(t, keys, "b", "EdDSA", "ed")
		if got, want := s.requests(start), []time.Duration{0, time.Hour, 2 * time.Hour, 3 * time.Hour}; !slices.Equal(got, want) {
			t.Errorf("asked at %v, want %v", got, want)
		}
	})
}

// TestRotation: a key that is not known is fetched for at once, and whoever may
// wait has it after that.
func TestRotation(t *testing.T) {
	s := &server{body: set(jwk(t, "p256", "a", "", "")), takes: 50 * time.Millisecond}
	bubble(t, s, func(t *testing.T, keys *jwks.Set, _ *[]string) {
		pass(time.Minute)
		s.set(func(s *server) { s.body = set(jwk(t, "p256", "a", "", ""), jwk(t, "ed", "b", "", "")) })
		wantNoKey(t, keys, "b", "EdDSA", auth.ErrUnknownKey)
		before := time.Now()
		keys.Fetch(t.Context(), "b", "EdDSA")
		if took := time.Since(before); took != 50*time.Millisecond {
			t.Errorf("waited %v", took)
		}
		wantKey(t, keys, "b", "EdDSA", "ed")
		before = time.Now()
		keys.Fetch(t.Context(), "b", "EdDSA")
		if took := time.Since(before); took != 0 {
			t.Errorf("waited %v for a key that is known", took)
		}
		// The next rotation is as quick.
		pass(time.Minute)
		s.set(func(s *server) { s.body = set(jwk(t, "rsa", "c", "", "")) })
		keys.Fetch(t.Context(), "c", "RS256")
		wantKey(t, keys, "c", "RS256", "rsa")
		wantMetrics(t, keys, "gateway_oauth_jwks_unknown_keys_total 3")
	})
}

// TestStrangers: unknown keys, however many, cause few fetches and hold nobody
// up; and a real rotation in between is found in time.
func TestStrangers(t *testing.T) {
	s := &server{body: set(jwk(t, "p256", "a", "", "")), takes: 50 * time.Millisecond}
	bubble(t, s, func(t *testing.T, keys *jwks.Set, _ *[]string) {
		pass(time.Minute)
		start := time.Now()
		s.set(func(s *server) { s.asked = nil })
		var waited time.Duration
		for i := range 6000 { // one each 10 ms
			before := time.Now()
			keys.Fetch(t.Context(), fmt.Sprint("stranger", i), "ES256")
			waited += time.Since(before)
			pass(10 * time.Millisecond)
		}
		if got := s.requests(start); len(got) > 10 {
			t.Errorf("%d fetches in a minute, at %v", len(got), got)
		}
		if waited > time.Second {
			t.Errorf("waited %v in sum", waited)
		}
		s.set(func(s *server) { s.body = set(jwk(t, "ed", "b", "", "")) })
		wantNoKey(t, keys, "b", "EdDSA", auth.ErrUnknownKey)
		pass(11 * time.Second)
		wantKey(t, keys, "b", "EdDSA", "ed")
	})
}

// TestStrangersWhileFailing: an issuer that is down is not asked more often
// because of unknown keys.
func TestStrangersWhileFailing(t *testing.T) {
	s := &server{body: set(jwk(t, "p256", "a", "", ""))}
	bubble(t, s, func(t *testing.T, keys *jwks.Set, _ *[]string) {
		s.set(func(s *server) { s.fail = errors.New("down") })
		pass(time.Hour)
		start := time.Now()
		s.set(func(s *server) { s.asked = nil })
		for range 600 {
			before := time.Now()
			keys.Fetch(t.Context(), "b", "ES256")
			if took := time.Since(before); took != 0 {
				t.Fatalf("waited %v", took)
			}
			pass(100 * time.Millisecond)
		}
		if got := s.requests(start); len(got) > 9 {
			t.Errorf("asked at %v", got)
		}
	})
}

// TestFetchGivesUp: the caller's context ends the waiting.
func TestFetchGivesUp(t *testing.T) {
	s := &server{hang: true}
	bubble(t, s, func(t *testing.T, keys *jwks.Set, _ *[]string) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		before := time.Now()
		keys.Fetch(ctx, "a", "ES256")
		if took := time.Since(before); took != time.Second {
			t.Errorf("waited %v", took)
		}
	})
}

// TestFirstFetchIsWaitedFor: a client that comes before the first answer waits
// for it.
func TestFirstFetchIsWaitedFor(t *testing.T) {
	s := &server{body: set(jwk(t, "p256", "a", "", "")), takes: time.Second}
	bubble(t, s, func(t *testing.T, keys *jwks.Set, _ *[]string) {
		wantNoKey(t, keys, "a", "ES256", auth.ErrNoKeys)
		keys.Fetch(t.Context(), "a", "ES256")
		wantKey(t, keys, "a", "ES256", "p256")
	})
}

// TestRetryIsWaitedFor: a client that comes while an issuer that was down is
// asked again waits for the answer.
func TestRetryIsWaitedFor(t *testing.T) {
	s := &server{fail: errors.New("down"), takes: 500 * time.Millisecond}
	bubble(t, s, func(t *testing.T, keys *jwks.Set, _ *[]string) {
		pass(time.Second) // failed at 0.5 s, to be tried again at 1.5 s
		s.set(func(s *server) { s.fail, s.body = nil, set(jwk(t, "p256", "a", "", "")) })
		pass(600 * time.Millisecond)
		keys.Fetch(t.Context(), "a", "ES256")
		wantKey(t, keys, "a", "ES256", "p256")
	})
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(set(jwk(t, "p256", "a", "", "")))
	keys, err := jwks.New(jwks.Options{URL: (&url.URL{Scheme: "file", Path: path}).String(), Retry: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); keys.Run(ctx) }()
	defer func() { cancel(); <-done }()
	keys.Fetch(ctx, "a", "ES256")
	wantKey(t, keys, "a", "ES256", "p256")
	write(set(jwk(t, "ed", "b", "", "")))
	for ctx.Err() == nil {
		if _, err := keys.Key("b", "EdDSA"); err == nil {
			break
		}
		keys.Fetch(ctx, "b", "EdDSA")
	}
	wantKey(t, keys, "b", "EdDSA", "ed")
}

func TestFileRefuses(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"missing": "/nowhere/keys.json", "a folder": t.TempDir(), "a pipe": pipe} {
		keys, err := jwks.New(jwks.Options{URL: "file://" + path})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); keys.Run(ctx) }()
		keys.Fetch(ctx, "a", "ES256") // waits for the first try
		if err := keys.Ready(); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: ready: %v", name, err)
		}
		cancel()
		<-done
	}
}

// TestHTTPS: a real server, which is read by whoever trusts its certificate.
func TestHTTPS(t *testing.T) {
	text := set(jwk(t, "p256", "a", "", ""))
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || !strings.Contains(r.Header.Get("Accept"), "application/json") {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = io.WriteString(w, text)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes
	server.StartTLS()
	defer server.Close()
	for _, c := range []struct {
		client *http.Client
		want   string
	}{{server.Client(), ""}, {nil, "certificate"}} {
		keys, err := jwks.New(jwks.Options{URL: server.URL + "/keys", Client: c.client})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); keys.Run(ctx) }()
		keys.Fetch(ctx, "a", "ES256")
		if err := keys.Ready(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("ready: %v, want %q", err, c.want)
		}
		cancel()
		<-done
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		o    jwks.Options
		want string
	}{
		{jwks.Options{}, "the scheme is \"\""},
		{jwks.Options{URL: "ftp://host/keys"}, "the scheme is \"ftp\""},
		{jwks.Options{URL: "keys.json"}, "the scheme is \"\""},
		{jwks.Options{URL: "https:///keys"}, "the host is missing"},
		{jwks.Options{URL: "file://host/keys"}, "file:///"},
		{jwks.Options{URL: "file:"}, "file:///"},
		{jwks.Options{URL: "https://user:secret@host/\x7f"}, "cannot be read"},
		{jwks.Options{URL: "https://host", Retry: -1}, "periods must be positive"},
		{jwks.Options{URL: "https://host", Refresh: -1}, "periods must be positive"},
		{jwks.Options{URL: "https://host", Timeout: -1}, "periods must be positive"},
		{jwks.Options{URL: "https://host", Retry: 2, MaxRetry: 1}, "periods must be positive"},
	} {
		if _, err := jwks.New(c.o); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	if _, err := jwks.New(jwks.Options{URL: "http://host/keys", Retry: time.Minute}); err != nil {
		t.Error(err)
	}
}

// redirects answers each request by one to the next address.
type redirects []string

func (r *redirects) RoundTrip(req *http.Request) (*http.Response, error) {
	if len(*r) == 0 {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("{}")), Header: http.Header{}, Request: req}, nil
	}
	next := (*r)[0]
	*r = (*r)[1:]
	return &http.Response{StatusCode: 302, Body: http.NoBody, Header: http.Header{"Location": {next}}, Request: req}, nil
}

// TestRedirects: they are followed, but not out of TLS and not for ever.
func TestRedirects(t *testing.T) {
	for _, c := range []struct {
		to   redirects
		want string
	}{
		{redirects{"https://other/keys"}, "no usable key"},
		{redirects{"http://other/keys"}, "a redirect from https to http"},
		{slices.Repeat(redirects{"https://other/keys"}, 6), "more than 5 redirects"},
	} {
		synctest.Test(t, func(t *testing.T) {
			keys, err := jwks.New(jwks.Options{URL: "https://host/keys", Client: &http.Client{Transport: &c.to}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			go keys.Run(ctx)
			synctest.Wait()
			if err := keys.Ready(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: %v", c.to, err)
			}
			cancel()
		})
	}
}
