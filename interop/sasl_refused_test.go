package interop

import (
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/interop/clients"
)

const (
	invalidText   = "Authentication failed: credentials for user could not be verified. Cause: Invalid username or password"
	noAccountText = "Authentication failed: credentials for user could not be verified. Cause: " +
		"Password token is valid for username alice but it isn't associated with an existing local user."
)

// refusedLogin is a login that fails, and what clients must be able to say of it.
// Where a library does not pass on what it is told, it has a pattern of its own
// by its name.
type refusedLogin struct {
	name  string
	door  loginDoor
	login login
	says  string // pattern
	by    map[string]string
}

// testLoginRefused: what people see who have a wrong password, a token for
// somebody else, or a mechanism that the gateway does not offer.
func testLoginRefused(t *testing.T, s *saslStage) {
	env := s.decides("SASL_SSL", nil)
	for name := range env {
		if strings.HasPrefix(name, "GATEWAY_OAUTH_") {
			delete(env, name)
		}
	}
	noOAuth := startGateway(t, "no-oauth", env)
	d := s.managedDoors()[1]
	invalid, quoted := login{Username: "alice", Password: "wrong"}, regexp.QuoteMeta(invalidText)
	of := func(l login, mechanism string) login { l.Mechanism = mechanism; return l }
	all := []refusedLogin{
		{"PLAIN", d, of(invalid, "PLAIN"), quoted, nil},
		{"SCRAM", d, of(invalid, "SCRAM-SHA-512"), quoted, nil},
		{"OAUTHBEARER", d, s.bearer("astray"), "the token is for another audience", map[string]string{
			// They know nothing of RFC 7628's two steps.
			"franz-go": "unexpected data in oauth response",
			"kafkajs":  "No brokers in the broker pool",
		}},
		{
			"mechanism",
			loginDoor{d.name, noOAuth.bootstrap(), d.ca, noOAuth},
			s.bearer("alice"),
			"PLAIN, ?SCRAM-SHA-256, ?SCRAM-SHA-512",
			map[string]string{
				// They do not pass on the list.
				"franz-go":     "UNSUPPORTED_SASL_MECHANISM",
				"kafkajs":      "does not support the requested SASL mechanism",
				"kafka-python": "UnsupportedSaslMechanismError",
			},
		},
		// The broker's own words, and its own end, which comes with them: kafka-python
		// drops what it reads together with an end, here and at the broker itself.
		{"delegated", s.relayDoors()[1], of(invalid, "SCRAM-SHA-512"), "invalid credentials with SASL mechanism SCRAM-SHA-512", map[string]string{
			"kafka-python": "invalid credentials with SASL mechanism SCRAM-SHA-512|socket disconnected",
		}},
	}
	var settings []string
	dir := t.TempDir()
	for _, r := range all {
		settings = append(settings, s.settings(t, dir, r.name, r.door, r.login))
	}
	saw := s.java(t, "write", "refused", settings...)
	for _, r := range all {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.wants(t, "java", saw[r.name])
			s.refuses(t, r)
		})
	}
}

// wants looks for what a client must be able to say.
func (r refusedLogin) wants(t *testing.T, client, text string) {
	t.Helper()
	pattern := r.says
	if own := r.by[client]; own != "" {
		pattern = own
	}
	if !regexp.MustCompile(pattern).MatchString(text) {
		t.Errorf("%s: nothing matches %q in\n%s", client, pattern, text)
	}
}

// refuses runs all clients but Java's against one refusal.
func (s *saslStage) refuses(t *testing.T, r refusedLogin) {
	if err := s.franz(t, r.door, r.login, kgo.RequestRetries(0)).Ping(t.Context()); err == nil {
		t.Error("franz-go: it was served")
	} else {
		r.wants(t, "franz-go", err.Error())
	}
	var running sync.WaitGroup
	if r.name != "OAUTHBEARER" { // kcat can make unsigned tokens alone
		kcat := present(t)(clients.Kcat())
		running.Go(func() {
			_, errOut, err := kcatRun(t, kcat, r.door, r.login, "", "-m", "3", "-L",
				"-X", "enable.sasl.oauthbearer.unsecure.jwt=true", "-X", "sasl.oauthbearer.config=principal=alice")
			if err == nil {
				t.Error("kcat: it was served")
			}
			r.wants(t, "kcat", errOut)
		})
	}
	r.login.Once = true
	for _, w := range walks {
		program := present(t)(w.program(t.Context(), clientsFolder))
		running.Go(func() {
			_, errOut, err := s.walk(t, program, r.door, r.login, false, "refused", "cluster")
			if err == nil {
				t.Errorf("%s: it was served", w.name)
			}
			r.wants(t, w.name, errOut)
		})
	}
	running.Wait()
}
