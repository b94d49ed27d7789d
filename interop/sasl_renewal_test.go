package interop

import (
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

const (
	// loginLifetime is how long a login holds on the listeners of testRenewal.
	loginLifetime = 4 * time.Second
	// renewFor is more than three of it.
	renewFor = 14 * time.Second
)

// renewing is a client that is to write on while its login ends again and again.
type renewing struct {
	client string // java, franz-go, or a walk's name
	door   loginDoor
	login  login
	user   string // who it is to the gateway
}

// testRenewal: clients write through three ends of their logins and meet no
// error. Every one has a name of its own, by which its connection is found in
// the log of the gateway: one that lived so long has renewed its login.
func testRenewal(t *testing.T, s *saslStage) {
	relay := startGateway(t, "relay-brief", s.relays("DELEGATED_SASL_PLAINTEXT", "BRIEF"))
	relayed := loginDoor{"SASL_PLAINTEXT", relay.bootstrap(), "", relay}
	all := []renewing{
		{"java", relayed, s.relayed("alice")["SCRAM-SHA-256"], "alice"},
		{"franz-go", relayed, s.relayed("gateway")["PLAIN"], "gateway"},
		{"java", relayed, s.ticket("alice", ".keytab", brokerService), "ANONYMOUS"},
	}
	if s.version == kafkatest.Kafka440 {
		brief := s.decides("SASL_SSL", nil)
		maps.Copy(brief, map[string]string{
			"GATEWAY_AUTHENTICATION_CONNECTION_MAX_REAUTH_MS": strconv.FormatInt(loginLifetime.Milliseconds(), 10),
			"GATEWAY_OAUTH_CLOCK_SKEW_SECONDS":                "0",
		})
		g := startGateway(t, "brief", brief)
		d := loginDoor{"SASL_SSL", g.bootstrap(), s.alice.CAPEM, g}
		for _, name := range []string{"renew-confluent", "renew-python"} {
			s.putAccount(t, name, map[string]any{"type": "LOCAL", "scram": []map[string]any{{"mechanism": "SCRAM-SHA-512", "password": saslSecret}}})
			g.awaitAccount(t, name, true)
		}
		all = append(all,
			renewing{"java", d, login{Mechanism: "PLAIN", Username: "alice", Password: s.token(t, "alice")}, "alice"},
			renewing{"java", d, s.bearer("fleeting-java"), "fleeting-java"},
			renewing{"franz-go", d, s.bearer("fleeting-go"), "fleeting-go"},
			renewing{"confluent-kafka", d, login{Mechanism: "SCRAM-SHA-512", Username: "renew-confluent", Password: saslSecret}, "renew-confluent"},
			renewing{"kafka-python", d, login{Mechanism: "SCRAM-SHA-512", Username: "renew-python", Password: saslSecret}, "renew-python"},
		)
	}
	s.permit(t, "alice", "alice-")
	s.topic(t, "alice-renewal")
	s.renew(t, all, "alice-renewal")
	for _, r := range all {
		r.wantsLongConnection(t)
	}
}

// renew runs all clients at once.
func (s *saslStage) renew(t *testing.T, all []renewing, topic string) {
	var running sync.WaitGroup
	dir := t.TempDir()
	var settings []string
	for _, r := range all {
		switch r.client {
		case "java":
			settings = append(settings, s.settings(t, dir, r.door.gateway.name+"-"+r.user, r.door, r.login))
		case "franz-go":
			running.Go(func() { s.franzRenews(t, r, topic) })
		default:
			running.Go(func() { s.walkRenews(t, r, topic) })
		}
	}
	running.Go(func() {
		for name, saw := range s.java(t, fmt.Sprintf("renew=%d", int(renewFor.Seconds())), topic, settings...) {
			if saw != "no error" {
				t.Errorf("java: %s: %s", name, saw)
			}
		}
	})
	running.Wait()
}

func (s *saslStage) franzRenews(t *testing.T, r renewing, topic string) {
	client := s.franz(t, r.door, r.login, kgo.RecordRetries(0), kgo.DisableIdempotentWrite())
	defer client.Close()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(renewFor); ; {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("on")}).FirstErr(); err != nil {
			t.Errorf("franz-go: %s: %v", r.user, err)
			return
		}
		select {
		case <-tick.C:
		case <-end:
			return
		}
	}
}

func (s *saslStage) walkRenews(t *testing.T, r renewing, topic string) {
	for _, w := range walks {
		if w.name != r.client {
			continue
		}
		program, err := w.program(t.Context(), clientsFolder)
		if err != nil {
			t.Errorf("%s: %v", r.client, err)
			return
		}
		r.login.Renew = int(renewFor.Seconds())
		out, errOut, err := s.walk(t, program, r.door, r.login, false, topic, "renew")
		if err != nil || out != "renew: no error\n" {
			t.Errorf("%s: %v\n%s%s", r.client, err, out, errOut)
		}
	}
}

// wantsLongConnection looks for a connection of the client that lived through
// three ends of its login.
func (r renewing) wantsLongConnection(t *testing.T) {
	t.Helper()
	line := regexp.MustCompile(` user=` + regexp.QuoteMeta(r.user) + ` .*lasted=(\S+)`)
	await(t, fmt.Sprintf("%s: a connection of %s in the log of gateway %s", r.client, r.user, r.door.gateway.name), patience, func(context.Context) error {
		log, err := os.ReadFile(r.door.gateway.log)
		if err != nil {
			return err
		}
		longest := time.Duration(0)
		for _, m := range line.FindAllSubmatch(log, -1) {
			lasted, err := time.ParseDuration(string(m[1]))
			if err != nil {
				return err
			}
			longest = max(longest, lasted)
		}
		if longest < 3*loginLifetime {
			return fmt.Errorf("the longest lasted %v", longest)
		}
		return nil
	})
}
