package interop

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/postern-kafka/postern/cmd/postern/config"
	product "github.com/postern-kafka/postern/cmd/postern/gateway"
	"github.com/postern-kafka/postern/internal/issuer/process"
	"github.com/postern-kafka/postern/internal/kafkatest"
)

// These tests log Java's clients in at the gateway, and through it at brokers of two
// releases: with a user pool of the gateway's own, and where the brokers decide.

func TestLogin352(t *testing.T) { testLogin(t, kafkatest.Kafka352, kafkatest.Kafka352) }

func TestLogin440(t *testing.T) { testLogin(t, kafkatest.Kafka440, kafkatest.Tools430) }

const loginSecret = "a secret with = and /"

// loginStage is one broker that asks for a login, has ACLs, and knows alice and bob.
type loginStage struct {
	tools   string // the release of the tools
	cluster *kafkatest.Cluster
}

func testLogin(t *testing.T, release, tools string) {
	kafkatest.Require(t, release, tools)
	if direct {
		t.Skip("INTEROP_DOOR=broker: this test is about the gateway alone")
	}
	s := &loginStage{tools: tools, cluster: kafkatest.Start(t, kafkatest.Options{
		Version: release,
		Listeners: []kafkatest.Listener{
			{Name: "SASL", SASL: &kafkatest.SASL{Mechanisms: []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}, Plain: map[string]string{"gateway": loginSecret, "alice": loginSecret}}},
		},
		Authorizer: true, SuperUsers: []string{"User:gateway"},
	})}
	for _, name := range []string{"alice", "bob"} {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			if err := s.cluster.Scram(t.Context(), mechanism, name, loginSecret); err != nil {
				t.Fatal(err)
			}
		}
	}
	admin := kadm.NewClient(newClient(t, kgo.SeedBrokers(s.cluster.Seeds()...)))
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "mine"); err != nil {
		t.Fatal(err)
	}
	rights := kadm.NewACLs().Topics("mine").Operations(kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe).ResourcePatternType(kmsg.ACLResourcePatternTypeLiteral).Allow("User:alice").AllowHosts("*")
	if _, err := admin.CreateACLs(t.Context(), rights); err != nil {
		t.Fatal(err)
	}
	t.Run("Gateway", s.gatewayDecides)
	t.Run("Brokers", s.brokersDecide)
}

// properties writes a client's properties.
func (s *loginStage) properties(t *testing.T, mechanism, user, password string) string {
	t.Helper()
	module := "org.apache.kafka.common.security.scram.ScramLoginModule"
	if mechanism == "PLAIN" {
		module = "org.apache.kafka.common.security.plain.PlainLoginModule"
	}
	path := filepath.Join(t.TempDir(), "client.properties")
	text := "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=" + mechanism + "\nsasl.jaas.config=" + module +
		` required username="` + user + `" password="` + password + `";` + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// write writes a line to the topic mine.
func (s *loginStage) write(t *testing.T, seed, properties string) (stderr string, err error) {
	t.Helper()
	_, stderr, err = kafkatest.ToolInput(t, s.tools, strings.NewReader("one\n"), "kafka-console-producer",
		"--bootstrap-server", seed, "--topic", "mine", "--producer.config", properties,
		"--producer-property", "max.block.ms=15000", "--producer-property", "delivery.timeout.ms=20000", "--producer-property", "request.timeout.ms=10000", "--producer-property", "linger.ms=0")
	return stderr, err
}

// kcat writes a line to the topic mine by librdkafka, where there is one. Not by SCRAM:
// librdkafka before 2.6.1 repeats the wrong nonce, which this gateway takes as little as
// Kafka since 3.7.2 (CVE-2024-56128).
func (s *loginStage) kcat(t *testing.T, seed, mechanism, user, password string) {
	t.Helper()
	path, err := exec.LookPath("kcat")
	if err != nil {
		t.Log("kcat is not installed")
		return
	}
	cmd := exec.CommandContext(t.Context(), path, "-P", "-b", seed, "-t", "mine", "-X", "security.protocol=SASL_PLAINTEXT", "-X", "message.timeout.ms=20000",
		"-X", "sasl.mechanism="+mechanism, "-X", "sasl.username="+user, "-X", "sasl.password="+password)
	cmd.Stdin = strings.NewReader("one\n")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "ERROR") {
		t.Errorf("kcat by %s: %v\n%s", mechanism, err, out)
	}
}

// configFlag is how the verifiable producer is told its properties (KIP-1147).
func (s *loginStage) configFlag() string {
	if s.tools == kafkatest.Kafka352 {
		return "--producer.config"
	}
	return "--command-config"
}

func (s *loginStage) gatewayDecides(t *testing.T) {
	provider := process.Start(t, process.Config{Clients: map[string]process.Client{"app": {Secret: "hush", Audience: []string{"kafka"}, LifetimeSeconds: 600}}}, nil)
	in := startInside(t, s.cluster.Broker(1).ListenerAddr("SASL"), map[string]string{
		"GATEWAY_OAUTH_JWKS_URL": provider.KeysURL(), "GATEWAY_OAUTH_EXPECTED_ISSUER": provider.URL, "GATEWAY_OAUTH_EXPECTED_AUDIENCES": "kafka",
		"GATEWAY_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "GATEWAY_USER_POOL_SECRET_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"GATEWAY_AUTHENTICATION_CONNECTION_MAX_REAUTH_MS": "2000",
	})
	post := func(method, path, body string) string {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), method, in.admin+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		q.SetBasicAuth("admin", "conduktor")
		p, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Body.Close()
		text, _ := io.ReadAll(p.Body)
		if p.StatusCode/100 != 2 {
			t.Fatal(p.Status, string(text))
		}
		return string(text)
	}
	post("PUT", "/gateway/v2/service-account", `{"kind": "GatewayServiceAccount", "apiVersion": "gateway/v2", "metadata": {"name": "carol"}, "spec": {"type": "LOCAL",
		"scram": [{"mechanism": "SCRAM-SHA-256", "password": "correct horse"}, {"mechanism": "SCRAM-SHA-512", "password": "correct horse"}]}}`)
	var answer struct{ Token string }
	if err := json.Unmarshal([]byte(post("POST", "/gateway/v2/token", `{"username": "carol", "lifeTimeSeconds": 600}`)), &answer); err != nil {
		t.Fatal(err)
	}
	for mechanism, password := range map[string]string{"PLAIN": answer.Token, "SCRAM-SHA-256": "correct horse", "SCRAM-SHA-512": "correct horse"} {
		if stderr, err := s.write(t, in.seed, s.properties(t, mechanism, "carol", password)); err != nil || strings.Contains(stderr, "ERROR") {
			t.Errorf("%s: %v\n%s", mechanism, err, stderr)
		}
	}
	s.kcat(t, in.seed, "PLAIN", "carol", answer.Token)
	// Java fetches its token itself, and since Kafka 4 only from where it is allowed to.
	t.Setenv("JAVA_TOOL_OPTIONS", "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls="+provider.TokenURL())
	bearer := filepath.Join(t.TempDir(), "bearer.properties")
	if err := os.WriteFile(bearer, []byte(`security.protocol=SASL_PLAINTEXT
sasl.mechanism=OAUTHBEARER
sasl.login.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler
sasl.oauthbearer.token.endpoint.url=`+provider.TokenURL()+`
sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId="app" clientSecret="hush" scope="kafka";
`), 0o600); err != nil {
		t.Fatal(err)
	}
	if stderr, err := s.write(t, in.seed, bearer); err != nil || strings.Contains(stderr, "ERROR") {
		t.Errorf("OAUTHBEARER: %v\n%s", err, stderr)
	}
	provider.Rotate(false)
	if stderr, err := s.write(t, in.seed, bearer); err != nil || strings.Contains(stderr, "ERROR") {
		t.Errorf("OAUTHBEARER by a new key: %v\n%s", err, stderr)
	}
	stderr, _ := s.write(t, in.seed, s.properties(t, "PLAIN", "mallory", answer.Token))
	if !strings.Contains(stderr, "Password token is valid but it is not associated with mallory") {
		t.Errorf("another's token: %s", stderr)
	}
	stderr, _ = s.write(t, in.seed, s.properties(t, "SCRAM-SHA-256", "carol", "battery"))
	if !strings.Contains(stderr, "SaslAuthenticationException") {
		t.Errorf("a wrong password: %s", stderr)
	}
	// For twelve seconds, during which its login ends more than three times.
	out, stderr, err := kafkatest.Tool(t, s.tools, "kafka-verifiable-producer", "--bootstrap-server", in.seed, "--topic", "mine",
		"--max-messages", "120", "--throughput", "10", s.configFlag(), s.properties(t, "PLAIN", "carol", answer.Token))
	if err != nil || !strings.Contains(out, `"acked":120`) || strings.Contains(out, "producer_send_error") {
		t.Errorf("%v\n%s\n%s", err, out, stderr)
	}
	if n := in.metric(t, "gateway_reauthentications_total"); n < 3 {
		t.Errorf("%d logins anew", n)
	}
	if strings.Contains(in.log.String(), "session-expired") {
		t.Error("a session expired")
	}
}

func (s *loginStage) brokersDecide(t *testing.T) {
	in := startInside(t, s.cluster.Broker(1).ListenerAddr("SASL"), map[string]string{"GATEWAY_SECURITY_MODE": "KAFKA_MANAGED"})
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		if stderr, err := s.write(t, in.seed, s.properties(t, mechanism, "alice", loginSecret)); err != nil || strings.Contains(stderr, "ERROR") {
			t.Errorf("%s: %v\n%s", mechanism, err, stderr)
		}
	}
	s.kcat(t, in.seed, "PLAIN", "alice", loginSecret)
	stderr, _ := s.write(t, in.seed, s.properties(t, "SCRAM-SHA-256", "bob", loginSecret))
	if !strings.Contains(stderr, "TopicAuthorizationException") {
		t.Errorf("bob may: %s", stderr)
	}
	stderr, _ = s.write(t, in.seed, s.properties(t, "SCRAM-SHA-256", "alice", "guess"))
	if !strings.Contains(stderr, "SaslAuthenticationException") {
		t.Errorf("a wrong password: %s", stderr)
	}
	for _, name := range []string{"alice", "bob"} {
		for range 100 {
			if strings.Contains(in.log.String(), "user="+name) {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if !strings.Contains(in.log.String(), "user="+name) {
			t.Errorf("the gateway never knew %s", name)
		}
	}
}

// startInside starts a gateway in this process in front of a listener that asks for a
// login.
func startInside(t *testing.T, broker string, more map[string]string) *inside {
	t.Helper()
	ports, err := kafkatest.ReservePorts(4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	env := map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": strings.Replace(broker, "127.0.0.1", "localhost", 1),
		"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "PLAIN",
		"KAFKA_SASL_JAAS_CONFIG":  `PlainLoginModule required username="gateway" password="` + loginSecret + `";`,
		"GATEWAY_ADVERTISED_HOST": "localhost", "GATEWAY_PORT_START": port(ports.First), "GATEWAY_PORT_COUNT": "3",
		"GATEWAY_HTTP_PORT": port(ports.First + 3), "GATEWAY_SECURED_METRICS": "false", "GATEWAY_STORAGE_TYPE": "IN_MEMORY",
	}
	maps.Copy(env, more)
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	cfg, report := config.Load(environ, config.Options{})
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	in := &inside{
		seed:  net.JoinHostPort("localhost", port(ports.First)),
		admin: "http://localhost:" + port(ports.First+3),
		log:   new(journal),
	}
	in.gateway, err = product.Start(t.Context(), cfg, product.Options{Log: slog.New(slog.NewTextHandler(in.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.gateway.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(in.log)
		}
	})
	in.awaitReady(t)
	return in
}
