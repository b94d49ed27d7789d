package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/auth"
	"github.com/postern-kafka/postern/auth/jwks"
	"github.com/postern-kafka/postern/internal/kafkatest"
)

// What a run logs in with is what the gateway takes, and what is to fail does: by
// the gateway's own verifier, with the keys read from where the gateway reads them.
func TestAccountsAreWhatIsChecked(t *testing.T) {
	a, err := newAccounts(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := jwks.New(jwks.Options{URL: a.jwks, Refresh: time.Hour, Retry: time.Millisecond, MaxRetry: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	go keys.Run(t.Context())
	if err := kafkatest.Await(t.Context(), "the keys are read", func(context.Context) error { return keys.Ready() }); err != nil {
		t.Fatal(err)
	}
	m, err := auth.New(auth.Options{
		UserPoolKey: a.pool,
		OAuth:       &auth.OAuth{Keys: keys, Issuer: loginIssuer, Audiences: []string{loginAudience}},
	})
	if err != nil {
		t.Fatal(err)
	}
	gateway := &peer{name: postern, launch: func(front, io.Writer) (*kafkatest.Process, error) { return nil, errAbsent }}
	bad := a.bad(gateway)
	for i, mechanism := range mechanisms {
		good := a.good(gateway, mechanism)
		if bad[i].Mechanism != mechanism || bad[i].Secret == good.Secret {
			t.Errorf("%s: what is to fail is %+v", mechanism, bad[i])
		}
		message := map[string]string{
			auth.Plain:       "\x00" + loginUser + "\x00%s",
			auth.OAuthBearer: "n,,\x01auth=Bearer %s\x01\x01",
		}[mechanism]
		if message == "" {
			continue // SCRAM's passwords are told to whoever checks them
		}
		for _, c := range []struct {
			secret string
			let    bool
		}{{good.Secret, true}, {bad[i].Secret, false}} {
			x, _ := m.Begin(mechanism)
			_, done, err := x.Step([]byte(strings.Replace(message, "%s", c.secret, 1)), time.Now())
			if done != c.let || done && x.Proven().Principal != loginUser {
				t.Errorf("%s: let in %t as %q (%v), want %t", mechanism, done, x.Proven().Principal, err, c.let)
			}
		}
	}
	// The broker's own listener wants a password by PLAIN.
	if got := a.good(&peer{name: direct}, auth.Plain); got.Secret != a.right.password || got.User != loginUser {
		t.Errorf("PLAIN at the broker: got %+v", got)
	}
	l := a.brokerListener()
	if l.SASL.Plain[loginUser] != a.right.password || l.SASL.OAuth.JWKS != a.jwks || len(l.SASL.Mechanisms) != len(mechanisms) {
		t.Errorf("the broker's listener: %+v", l.SASL)
	}
}

func TestPutAccountSaysWhatTheGatewaySays(t *testing.T) {
	a, err := newAccounts(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		name, word, _ := r.BasicAuth()
		if r.Method != http.MethodPut || r.URL.Path != "/gateway/v2/service-account" || name != "admin" || word != "conduktor" ||
			!strings.Contains(string(body), a.right.password) {
			t.Errorf("asked for %s %s as %s:\n%s", r.Method, r.URL, name, body)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "its own words")
	}))
	defer server.Close()
	if err := a.putAccount(t.Context(), server.URL); err != nil {
		t.Error(err)
	}
	status = http.StatusConflict
	if err := a.putAccount(t.Context(), server.URL); err == nil || !strings.Contains(err.Error(), "its own words") {
		t.Errorf("a refusal: got %v, want the gateway's words", err)
	}
}

func TestWhoLogsIn(t *testing.T) {
	s := &stage{broker: &dockerBroker{stage: &stage{ports: &kafkatest.Ports{First: 20000}}}}
	for _, p := range []string{direct, nginx, kroxylicious, floor} {
		if _, err := s.measureLogins(t.Context(), &peer{name: p}, 0); !errors.Is(err, errNotMeasured) {
			t.Errorf("logins of %s: got %v, want errNotMeasured", p, err)
		}
		if _, err := s.measureFailing(t.Context(), &peer{name: p}, 0); !errors.Is(err, errNotMeasured) {
			t.Errorf("failing logins of %s: got %v, want errNotMeasured", p, err)
		}
	}
	if !s.logsIn(&peer{name: postern}) {
		t.Error("the gateway is not measured")
	}
	if f, ok := withoutTLS(saslFront); ok {
		t.Errorf("the floor stands with SASL: %+v", f)
	}
}
