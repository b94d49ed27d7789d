package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/interop/clients"
)

// testManaged logs every client in at gateways that decide themselves, by every
// mechanism, and has it write and read.
func testManaged(t *testing.T, s *saslStage) {
	s.logsIn(t, "managed", s.managedDoors(), map[string]login{
		"PLAIN":         {Mechanism: "PLAIN", Username: "alice", Password: s.token(t, "alice")},
		"SCRAM-SHA-256": {Mechanism: "SCRAM-SHA-256", Username: "alice", Password: saslSecret},
		"SCRAM-SHA-512": {Mechanism: "SCRAM-SHA-512", Username: "alice", Password: saslSecret},
		"OAUTHBEARER":   s.bearer("orders"),
	})
	// Who they were to the gateway: the token's subject by its mapping.
	for _, g := range []*gateway{s.managed, s.managedTLS} {
		for _, user := range []string{"alice", "orders"} {
			g.awaitLog(t, " user="+user+" ")
		}
	}
}

// token makes a password of a local account as an administrator does.
func (s *saslStage) token(t *testing.T, username string) string {
	t.Helper()
	return tokenOf(t, s.managed.wantAnswer(t, http.MethodPost, "/gateway/v2/token",
		map[string]any{"username": username, "lifeTimeSeconds": 3600}, http.StatusOK))
}

func tokenOf(t *testing.T, answer []byte) string {
	t.Helper()
	var made struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(answer, &made); err != nil || made.Token == "" {
		t.Fatalf("no token in %s: %v", answer, err)
	}
	return made.Token
}

// logsIn has clients write and read at doors. With the oldest brokers it is
// Java, librdkafka as kcat, and franz-go; with the newest it is all, those with
// a walk over TLS alone.
func (s *saslStage) logsIn(t *testing.T, prefix string, doors []loginDoor, logins map[string]login) {
	for _, d := range doors {
		t.Run("franz-go/"+d.name, func(t *testing.T) {
			for _, mechanism := range saslMechanisms {
				s.franzLogsIn(t, d, logins[mechanism], topicName(prefix, "franz", d.name, mechanism))
			}
		})
		t.Run("kcat/"+d.name, func(t *testing.T) {
			kcat := present(t)(clients.Kcat())
			for _, mechanism := range s.kcatMechanisms(d) {
				s.kcatLogsIn(t, kcat, d, logins[mechanism], topicName(prefix, "kcat", d.name, mechanism))
			}
		})
	}
	t.Run("java", func(t *testing.T) { s.javaLogsIn(t, doors, logins, topicName(prefix, "java")) })
	if s.version != kafkatest.Kafka440 {
		return
	}
	t.Run("walks", func(t *testing.T) {
		for _, w := range walks {
			t.Run(w.name, func(t *testing.T) {
				t.Parallel() // they wait for groups most of the time
				program := present(t)(w.program(t.Context(), clientsFolder))
				for _, mechanism := range saslMechanisms {
					s.walkLogsIn(t, program, doors[1], logins[mechanism], topicName(prefix, w.name, mechanism))
				}
				s.walkLogsIn(t, program, doors[0], logins["SCRAM-SHA-512"], topicName(prefix, w.name, "clear"))
			})
		}
	})
}

// kcatMechanisms are those that the kcat of today's distributions can do: it
// fetches no tokens, and Kafka 4 refuses SCRAM as librdkafka before 2.6.1 speaks
// it.
func (s *saslStage) kcatMechanisms(d loginDoor) []string {
	if s.version == kafkatest.Kafka440 && (d.gateway == nil || d.gateway == s.relay || d.gateway == s.relayTLS) {
		return saslMechanisms[:1]
	}
	return saslMechanisms[:3]
}

func topicName(parts ...string) string { return strings.ToLower(strings.Join(parts, "-")) }

func (s *saslStage) franzLogsIn(t *testing.T, d loginDoor, l login, topic string) {
	t.Helper()
	s.topic(t, topic)
	client := s.franz(t, d, l, kgo.ConsumeTopics(topic), kgo.ConsumerGroup(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	produce(t, client, topic, 100)
	for value, times := range consume(t, client, 100) {
		if times != 1 {
			t.Errorf("%s: record %s was read %d times", l.Mechanism, value, times)
		}
	}
}

func (s *saslStage) kcatLogsIn(t *testing.T, kcat clients.Program, d loginDoor, l login, topic string) {
	t.Helper()
	s.topic(t, topic)
	var input strings.Builder
	for i := range walkRecords {
		fmt.Fprintf(&input, "value-%d\n", i)
	}
	if out, errOut, err := kcatRun(t, kcat, d, l, input.String(), "-P", "-t", topic); err != nil {
		t.Errorf("%s: %v\n%s%s", l.Mechanism, err, out, errOut)
		return
	}
	out, errOut, err := kcatRun(t, kcat, d, l, "", "-C", "-t", topic, "-o", "beginning", "-e", "-q")
	if err != nil || out != input.String() {
		t.Errorf("%s: read %d bytes of the %d written: %v\n%s", l.Mechanism, len(out), input.Len(), err, errOut)
	}
}

// javaLogsIn goes through all doors with all mechanisms in one process.
func (s *saslStage) javaLogsIn(t *testing.T, doors []loginDoor, logins map[string]login, topic string) {
	s.topic(t, topic)
	dir := t.TempDir()
	var settings []string
	for _, d := range doors {
		for _, mechanism := range saslMechanisms {
			settings = append(settings, s.settings(t, dir, topicName(d.name, mechanism), d, logins[mechanism]))
		}
	}
	for name, saw := range s.java(t, "walk", topic, settings...) {
		if saw != "20 records" {
			t.Errorf("%s: %s", name, saw)
		}
	}
}

func (s *saslStage) walkLogsIn(t *testing.T, program clients.Program, d loginDoor, l login, topic string) {
	t.Helper()
	out, errOut, err := s.walk(t, program, d, l, false, topic, "topics", "none", "classic")
	if err != nil {
		t.Errorf("%s: %v\n%s%s", l.Mechanism, err, out, errOut)
		return
	}
	want := fmt.Sprintf("topics: %s with 3 partitions\nnone: 100 records\nclassic: 100 records, 100 committed\n", topic)
	if out != want {
		t.Errorf("%s: printed\n%swant\n%s", l.Mechanism, out, want)
	}
}

// awaitLog waits until a gateway's log holds a text.
func (g *gateway) awaitLog(t *testing.T, text string) {
	t.Helper()
	await(t, fmt.Sprintf("the log of gateway %s has %q", g.name, text), patience, func(context.Context) error {
		log, err := os.ReadFile(g.log)
		if err != nil {
			return err
		}
		if !strings.Contains(string(log), text) {
			return errors.New("it has not")
		}
		return nil
	})
}

// awaitAccount waits until a gateway knows an account, or until it does not.
func (g *gateway) awaitAccount(t *testing.T, name string, known bool) {
	t.Helper()
	await(t, fmt.Sprintf("gateway %s knows %s: %t", g.name, name, known), patience, func(ctx context.Context) error {
		status, body, err := g.call(ctx, http.MethodGet, "/gateway/v2/service-account?name="+name, nil)
		if err != nil {
			return err
		}
		if status != http.StatusOK || (strings.TrimSpace(string(body)) != "[]") != known {
			return fmt.Errorf("status %d: %s", status, body)
		}
		return nil
	})
}
