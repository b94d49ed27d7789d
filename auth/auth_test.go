package auth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/postern-kafka/postern/auth"
)

// now is the time of all tests: 2026-01-01.
var now = time.Unix(1_767_225_600, 0)

var poolKey = []byte("0123456789abcdef0123456789abcdef")

// accounts is the state of the tests.
type accounts struct {
	local map[string]bool // vcluster/username
	scram map[string]auth.ScramCredential
	home  string
}

func (a accounts) HasLocal(vcluster, username string) bool { return a.local[vcluster+"/"+username] }

func (a accounts) Scram(username, mechanism string) (auth.ScramCredential, string, bool) {
	c, ok := a.scram[mechanism+"/"+username]
	return c, a.home, ok
}

func mechanisms(t testing.TB, o auth.Options) *auth.Mechanisms {
	t.Helper()
	m, err := auth.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func begin(t testing.TB, m *auth.Mechanisms, mechanism string) auth.Exchange {
	t.Helper()
	e, ok := m.Begin(mechanism)
	if !ok {
		t.Fatalf("%s is not offered", mechanism)
	}
	return e
}

// step hands over a message in memory of its own and spoils that afterwards:
// nothing may be kept of it.
func step(e auth.Exchange, msg string, at time.Time) (reply string, done bool, err error) {
	b := []byte(msg)
	r, done, err := e.Step(b, at)
	reply = string(r)
	for i := range b {
		b[i] = 0xA5
	}
	return reply, done, err
}

// wantFailure demands that an exchange has ended with a cause, in a form that
// can be sent and counted, and that it stays ended.
func wantFailure(t testing.TB, e auth.Exchange, done bool, err error, cause auth.Cause) (text string) {
	t.Helper()
	var f *auth.Failure
	if done || !errors.As(err, &f) {
		t.Fatalf("done %t, error %v; want a failure for %s", done, err, cause)
	}
	if f.Cause != cause {
		t.Fatalf("failed for %s (%s), want %s", f.Cause, f.Text, cause)
	}
	wantTellable(t, f)
	if e.Proven().Principal != "" {
		t.Fatalf("a failed exchange proved %+v", e.Proven())
	}
	reply, done, err := e.Step([]byte("once more"), now)
	var after *auth.Failure
	if !errors.As(err, &after) || after.Cause != auth.OutOfStep || done || len(reply) > 0 {
		t.Fatalf("an ended exchange goes on: %q, %t, %v", reply, done, err)
	}
	return f.Text
}

// wantEnded wants an exchange that did not succeed to have failed, in a way that
// can be told.
func wantEnded(t testing.TB, err error) {
	t.Helper()
	var failure *auth.Failure
	if !errors.As(err, &failure) {
		t.Fatalf("ended with %v", err)
	}
	wantTellable(t, failure)
}

func wantTellable(t testing.TB, f *auth.Failure) {
	t.Helper()
	if !slices.Contains(auth.Causes(), f.Cause) || f.Error() != "auth: "+f.Cause.String()+": "+f.Text {
		t.Fatalf("%q is not a cause of the closed set", f.Cause)
	}
	if f.Text == "" || len(f.Text) > 10_000 || !utf8.ValidString(f.Text) || strings.ContainsFunc(f.Text, unicode.IsControl) {
		t.Fatalf("a text that cannot be told: %q", f.Text)
	}
}

// jws signs by hand, so that nothing in a test depends on the code under test.
func jws(header, claims string, sign func(covered string) []byte) string {
	covered := b64(header) + "." + b64(claims)
	return covered + "." + base64.RawURLEncoding.EncodeToString(sign(covered))
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func hs256(key []byte) func(string) []byte {
	return func(covered string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(covered))
		return mac.Sum(nil)
	}
}

func TestOptions(t *testing.T) {
	with := accounts{}
	for _, c := range []struct {
		name string
		o    auth.Options
		want string // the mechanisms, or the error's text
	}{
		{"nothing", auth.Options{}, "auth: no mechanism: neither a user pool, nor SCRAM, nor OAuth is configured"},
		{"empty key", auth.Options{UserPoolKey: []byte{}}, "auth: the user pool's key has 0 bytes, HS256 needs 32"},
		{"short key", auth.Options{UserPoolKey: poolKey[1:]}, "auth: the user pool's key has 31 bytes, HS256 needs 32"},
		{"required, no accounts", auth.Options{UserPoolKey: poolKey, AccountRequired: true}, "auth: accounts are required, but there is nowhere to look them up"},
		{"SCRAM, no accounts", auth.Options{Scram: true}, "auth: SCRAM needs accounts"},
		{"OAuth, no keys", auth.Options{OAuth: &auth.OAuth{}}, "auth: OAuth needs keys"},
		{"negative skew", auth.Options{OAuth: &auth.OAuth{Keys: keyRing{}, Skew: -1}}, "auth: the clock skew must not be negative"},
		{"empty audience", auth.Options{OAuth: &auth.OAuth{Keys: keyRing{}, Audiences: []string{"a", ""}}}, "auth: an audience must not be empty"},
		{"PLAIN", auth.Options{UserPoolKey: poolKey}, "PLAIN"},
		{"SCRAM", auth.Options{Scram: true, Accounts: with}, "SCRAM-SHA-256,SCRAM-SHA-512"},
		{"OAuth", auth.Options{OAuth: &auth.OAuth{Keys: keyRing{}}}, "OAUTHBEARER"},
		{"all", auth.Options{UserPoolKey: poolKey, AccountRequired: true, Scram: true, Accounts: with, OAuth: &auth.OAuth{Keys: keyRing{}}}, "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"},
	} {
		m, err := auth.New(c.o)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = strings.Join(m.Names(), ",")
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if err != nil {
			continue
		}
		for _, name := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "plain", "GSSAPI", ""} {
			if _, ok := m.Begin(name); ok != slices.Contains(m.Names(), name) {
				t.Errorf("%s: Begin(%q) is %t", c.name, name, ok)
			}
		}
	}
}

// TestOptionsAreCopied: what the caller does with its slices later changes
// nothing.
func TestOptionsAreCopied(t *testing.T) {
	key := slices.Clone(poolKey)
	m := mechanisms(t, auth.Options{UserPoolKey: key})
	key[0]++
	m.Names()[0] = "LOGIN"
	token, err := auth.IssueToken(poolKey, "a", "", now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, done, err := step(begin(t, m, auth.Plain), "\x00a\x00"+token, now); !done || err != nil {
		t.Errorf("done %t, %v", done, err)
	}
}

func TestCausesAreLabels(t *testing.T) {
	seen := map[auth.Cause]bool{}
	for _, c := range auth.Causes() {
		if seen[c] || c == "" || strings.Trim(c.String(), "abcdefghijklmnopqrstuvwxyz-") != "" {
			t.Errorf("cause %q is listed twice or is no label", c)
		}
		seen[c] = true
		if f := (&auth.Failure{Cause: c}); f.Transient() != (c == auth.NoKeys || c == auth.UnknownKey) {
			t.Errorf("%s: transient %t", c, f.Transient())
		}
	}
}
