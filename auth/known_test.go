package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/auth"
)

// A token that was accepted before is judged anew in everything that may have
// changed since.
func TestBearerSeenBefore(t *testing.T) {
	keys := publicKeys()
	m := bearers(t, func(o *auth.OAuth) { o.Keys = keys })
	token := bearer(signed(t, "ES256", "p256", good()))
	show := func(at time.Time) (auth.Exchange, string, bool, error) {
		e := begin(t, m, auth.OAuthBearer)
		reply, done, err := step(e, token, at)
		return e, reply, done, err
	}
	want := auth.Proven{Principal: "svc-orders", VCluster: "blue", Expiry: now.Add(time.Hour + skew)}
	for range 3 {
		e, reply, done, err := show(now)
		wantProven(t, e, reply, done, err, want)
	}
	e, reply, done, err := show(now.Add(2 * time.Hour))
	wantRefused(t, e, reply, done, err, auth.Expired)

	published := keys["p256"]
	delete(keys, "p256")
	e, reply, done, err = show(now)
	wantRefused(t, e, reply, done, err, auth.UnknownKey)

	another, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys["p256"] = another.Public()
	e, reply, done, err = show(now)
	wantRefused(t, e, reply, done, err, auth.BadCredentials)

	keys["p256"] = published
	e, reply, done, err = show(now)
	wantProven(t, e, reply, done, err, want)
}

// Only a token whose signature has to be computed is slow to judge, and of those that are
// not only one whose key is still published.
func TestSlow(t *testing.T) {
	keys := publicKeys()
	m := bearers(t, func(o *auth.OAuth) { o.Keys = keys })
	token := bearer(signed(t, "ES256", "p256", good()))
	slow := func(mechanism, message string, want bool) {
		t.Helper()
		if got := m.Slow(mechanism, []byte(message)); got != want {
			t.Errorf("%s, %.20q: slow %v, want %v", mechanism, message, got, want)
		}
	}
	slow(auth.OAuthBearer, token, true)
	if _, done, err := step(begin(t, m, auth.OAuthBearer), token, now); !done {
		t.Fatal(err)
	}
	slow(auth.OAuthBearer, token, false)
	delete(keys, "p256")
	slow(auth.OAuthBearer, token, true)
	for _, message := range []string{"", "\x01", "n,,\x01auth=Basic x\x01\x01"} {
		slow(auth.OAuthBearer, message, false) // refused without a look at any token
	}
	slow(auth.Plain, token, false)
}

// What is not the token itself is not taken for it: neither a prefix nor one byte
// of the signature changed.
func TestBearerAlmostSeenBefore(t *testing.T) {
	m := bearers(t)
	token := signed(t, "ES256", "p256", good())
	e := begin(t, m, auth.OAuthBearer)
	if _, done, err := step(e, bearer(token), now); !done {
		t.Fatal(err)
	}
	head, signature := token[:strings.LastIndexByte(token, '.')+1], token[strings.LastIndexByte(token, '.')+1:]
	for _, almost := range []string{token[:len(token)-1], head, head + strings.ToUpper(signature), head + strings.ToLower(signature)} {
		e := begin(t, m, auth.OAuthBearer)
		if _, done, _ := step(e, bearer(almost), now); done {
			t.Errorf("%s is taken for %s", almost, token)
		}
	}
}

// The same for the tokens of the gateway's own users.
func TestUserTokenSeenBefore(t *testing.T) {
	local := map[string]bool{"blue/jdoe": true}
	m := mechanisms(t, auth.Options{UserPoolKey: poolKey, AccountRequired: true, Accounts: accounts{local: local}})
	token := userToken(t, "jdoe", "blue", now.Add(time.Hour))
	show := func(name string, at time.Time) (auth.Exchange, bool, error) {
		e := begin(t, m, auth.Plain)
		_, done, err := step(e, "\x00"+name+"\x00"+token, at)
		return e, done, err
	}
	for range 3 {
		if e, done, err := show("jdoe", now); !done || e.Proven().Principal != "jdoe" || e.Proven().VCluster != "blue" {
			t.Fatalf("%t, %v: %+v", done, err, e.Proven())
		}
	}
	e, done, err := show("jdoe", now.Add(2*time.Hour))
	wantFailure(t, e, done, err, auth.Expired)
	e, done, err = show("bob", now)
	wantFailure(t, e, done, err, auth.NotAssociated)
	delete(local, "blue/jdoe")
	e, done, err = show("jdoe", now)
	wantFailure(t, e, done, err, auth.NoAccount)
}
