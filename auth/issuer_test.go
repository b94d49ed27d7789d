package auth_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/auth"
	"github.com/postern-kafka/postern/auth/jwks"
	"github.com/postern-kafka/postern/internal/issuer/process"
)

// TestRealIssuer: the tokens of a real provider, which runs as a process of its
// own, through rotations and an outage of its key set.
func TestRealIssuer(t *testing.T) {
	for _, algorithm := range []string{"RS256", "ES384", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) { t.Parallel(); realIssuer(t, algorithm) })
	}
}

func realIssuer(t *testing.T, algorithm string) {
	provider := process.Start(t, process.Config{Algorithm: algorithm, Clients: map[string]process.Client{
		"orders": {Secret: "s1", Audience: []string{"kafka"}, Claims: map[string]any{"gateway.vcluster": "blue", "groups": []string{"b", "a"}}},
		"nested": {Secret: "s2", Audience: []string{"x", "kafka"}, Subject: "robot", Claims: map[string]any{"gateway": map[string]any{"vcluster": "green"}}},
		"other":  {Secret: "s3", Audience: []string{"web"}},
		"late":   {Secret: "s4", Audience: []string{"kafka"}, LifetimeSeconds: -60},
	}}, nil)
	keys, err := jwks.New(jwks.Options{URL: provider.KeysURL(), Retry: time.Millisecond, MaxRetry: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { defer close(stopped); keys.Run(ctx) }()
	defer func() { cancel(); <-stopped }()
	m := mechanisms(t, auth.Options{OAuth: &auth.OAuth{Keys: keys, Issuer: provider.URL, Audiences: []string{"kafka"}, GroupsClaim: "groups", Skew: 30 * time.Second}})
	login := func(token string) (auth.Exchange, string, bool, error) {
		m.Prepare(ctx, auth.OAuthBearer, []byte(bearer(token)))
		e := begin(t, m, auth.OAuthBearer)
		reply, done, err := step(e, bearer(token), time.Now())
		return e, reply, done, err
	}
	accepts := func(token, principal, vcluster string, groups int) {
		t.Helper()
		e, reply, done, err := login(token)
		if p := e.Proven(); !done || err != nil || reply != "" || p.Principal != principal || p.VCluster != vcluster || len(p.Groups) != groups || time.Until(p.Expiry) < time.Minute {
			t.Fatalf("%q, %t, %v: %+v", reply, done, err, p)
		}
	}
	refuses := func(token string, cause auth.Cause) {
		t.Helper()
		e, reply, done, err := login(token)
		wantRefused(t, e, reply, done, err, cause)
	}
	first := provider.Token("orders", "s1", "read", "write")
	accepts(first, "orders", "blue", 2)
	accepts(provider.Token("nested", "s2"), "robot", "green", 0)
	refuses(provider.Token("other", "s3"), auth.WrongAudience)
	refuses(provider.Token("late", "s4"), auth.Expired)
	refuses(first[:strings.LastIndex(first, ".")+1], auth.BadCredentials)

	provider.Rotate(true)
	accepts(provider.Token("orders", "s1"), "orders", "blue", 2) // the first with the new key
	accepts(first, "orders", "blue", 2)

	provider.Outage("503")
	accepts(first, "orders", "blue", 2)
	provider.Rotate(false)
	second := provider.Token("orders", "s1")
	refuses(second, auth.UnknownKey)
	provider.Outage("")
	for { // it is asked for again after a pause
		e, _, done, err := login(second)
		if done && err == nil && e.Proven().Principal == "orders" {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal("the new key never arrives")
		}
	}
	refuses(first, auth.UnknownKey) // whose key is published no longer
	if err := keys.Ready(); err != nil {
		t.Error(err)
	}
}
