package interop

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/interop/clients"
)

// testDelegated logs every client in at the broker, through gateways that relay
// what the two say. Topics and groups that begin with alice- are alice's alone.
func testDelegated(t *testing.T, s *saslStage) {
	s.permit(t, "alice", "alice-")
	s.permit(t, "bob", "bob-") // some clients ask for a producer's id first
	doors := s.relayDoors()
	s.logsIn(t, "alice", doors, s.relayed("alice"))
	for _, d := range doors {
		if d.gateway != nil {
			d.gateway.awaitLog(t, " user=alice ")
		}
	}
	s.topic(t, "alice-hers")
	t.Run("Denied", func(t *testing.T) { testDenied(t, s) })
}

// relayed are the logins of somebody whom the broker knows.
func (s *saslStage) relayed(name string) map[string]login {
	logins := map[string]login{"OAUTHBEARER": s.bearer(name)}
	for _, mechanism := range saslMechanisms[:3] {
		logins[mechanism] = login{Mechanism: mechanism, Username: name, Password: saslSecret}
	}
	return logins
}

// denial is what clients say when a topic is not theirs.
var denial = regexp.MustCompile(`(?i)topic ?authorization ?(failed|exception)|not authorized to access topics`)

// testDenied has bob, who may log in and nothing else, write to alice's topic: by
// every mechanism in Go and Java, by one of the others.
func testDenied(t *testing.T, s *saslStage) {
	for _, d := range s.relayDoors() {
		for mechanism, l := range s.relayed("bob") {
			client := s.franz(t, d, l)
			err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "alice-hers", Value: []byte("x")}).FirstErr()
			client.Close() // which writes the line that is awaited below
			if !errors.Is(err, kerr.TopicAuthorizationFailed) {
				t.Errorf("franz-go: %s: %s: %v; want %v", d.name, mechanism, err, kerr.TopicAuthorizationFailed)
			}
		}
		if d.gateway != nil {
			d.gateway.awaitLog(t, " user=bob ")
		}
	}
	secure := s.relayDoors()[1]
	dir := t.TempDir()
	var settings []string
	for mechanism, l := range s.relayed("bob") {
		settings = append(settings, s.settings(t, dir, mechanism, secure, l))
	}
	for mechanism, saw := range s.java(t, "write", "alice-hers", settings...) {
		if !strings.HasPrefix(saw, "TopicAuthorizationException: ") {
			t.Errorf("java: %s: %s", mechanism, saw)
		}
	}
	bob := s.relayed("bob")["PLAIN"]
	t.Run("kcat", func(t *testing.T) {
		t.Parallel()
		out, errOut, err := kcatRun(t, present(t)(clients.Kcat()), secure, bob, "x\n", "-P", "-t", "alice-hers")
		wantsDenial(t, "kcat", out, errOut, err)
	})
	if s.version != kafkatest.Kafka440 {
		return
	}
	for _, w := range walks {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			program := present(t)(w.program(t.Context(), clientsFolder))
			out, errOut, err := s.walk(t, program, secure, bob, false, "alice-hers", "none")
			wantsDenial(t, w.name, out, errOut, err)
		})
	}
}

func wantsDenial(t *testing.T, client, out, errOut string, err error) {
	t.Helper()
	if err == nil || !denial.MatchString(errOut) {
		t.Errorf("%s: %v: nothing matches %q in\n%s%s", client, err, denial, out, errOut)
	}
}
