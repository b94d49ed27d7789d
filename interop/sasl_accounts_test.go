package interop

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/postern-kafka/postern/internal/kafkatest/certs"
	"github.com/postern-kafka/postern/interop/clients"
)

// plainLogin logs in on a connection of its own and returns what the gateway says:
// "" or the text of the refusal.
func (s *saslStage) plainLogin(t *testing.T, d loginDoor, username, password string) string {
	t.Helper()
	w := s.dial(t, d)
	defer func() { _ = w.Close() }()
	w.beginPlain(t)
	answer, err := w.ask(authenticate("\x00" + username + "\x00" + password))
	if err != nil {
		t.Fatal(err)
	}
	said := answer.(*kmsg.SASLAuthenticateResponse)
	switch {
	case said.ErrorCode == 0:
		return ""
	case said.ErrorCode != kerr.SaslAuthenticationFailed.Code:
		t.Errorf("%s: error %d, want 58", username, said.ErrorCode)
	}
	return deref(said.ErrorMessage)
}

// testAccounts: a login counts while its account exists, at every gateway; both
// generations of the API make tokens.
func testAccounts(t *testing.T, s *saslStage) {
	doors := s.managedDoors()
	life := map[string]any{"lifeTimeSeconds": 3600}
	token := tokenOf(t, s.managed.wantAnswer(t, http.MethodPost, "/admin/username/carol", life, http.StatusCreated))
	want := strings.Replace(noAccountText, "alice", "carol", 1)
	if said := s.plainLogin(t, doors[0], "carol", token); said != want {
		t.Errorf("before the account exists: %q, want %q", said, want)
	}
	s.putAccount(t, "carol", map[string]any{"type": "LOCAL", "scram": []map[string]any{{"mechanism": "SCRAM-SHA-256", "password": saslSecret}}})
	tokens := []string{token, s.token(t, "carol"), tokenOf(t, s.managed.wantAnswer(t, http.MethodPost,
		"/admin/vclusters/v1/vcluster/passthrough/username/carol", life, http.StatusCreated))}
	for _, d := range doors {
		for i, token := range tokens {
			if said := s.plainLogin(t, d, "carol", token); said != "" {
				t.Errorf("%s: token %d: %q", d.name, i, said)
			}
		}
	}
	s.managed.wantAnswer(t, http.MethodPost, "/gateway/v2/token", map[string]any{"username": "orders", "lifeTimeSeconds": 60}, http.StatusConflict)
	s.managed.wantAnswer(t, http.MethodPost, "/gateway/v2/token", map[string]any{"username": "nobody", "lifeTimeSeconds": 60}, http.StatusNotFound)

	// One that is logged in already stays: it takes effect at the next login.
	scram := login{Mechanism: "SCRAM-SHA-256", Username: "carol", Password: saslSecret}
	open := s.dial(t, doors[1])
	open.beginPlain(t)
	if answer, err := open.ask(authenticate("\x00carol\x00" + token)); err != nil || answer.(*kmsg.SASLAuthenticateResponse).ErrorCode != 0 {
		t.Fatal(answer, err)
	}
	if err := s.franz(t, doors[1], scram).Ping(t.Context()); err != nil {
		t.Errorf("by SCRAM: %v", err)
	}
	s.managed.wantAnswer(t, http.MethodDelete, "/gateway/v2/service-account", map[string]any{"name": "carol"}, http.StatusNoContent)
	s.managedTLS.awaitAccount(t, "carol", false)
	for _, d := range doors {
		for i, token := range tokens {
			if said := s.plainLogin(t, d, "carol", token); said != want {
				t.Errorf("%s: token %d of a deleted account: %q, want %q", d.name, i, said, want)
			}
		}
	}
	err := s.franz(t, doors[1], scram, kgo.RequestRetries(0)).Ping(t.Context())
	if !errors.Is(err, kerr.SaslAuthenticationFailed) || !strings.Contains(err.Error(), invalidText) {
		t.Errorf("by SCRAM to a deleted account: %v", err)
	}
	groups := kmsg.NewPtrListGroupsRequest()
	if answer, err := open.ask(groups); err != nil || answer.(*kmsg.ListGroupsResponse).ErrorCode != 0 {
		t.Errorf("on the connection that was open: %v, %v", answer, err)
	}
}

// testMandatoryVCluster: without a virtual cluster nobody comes in, and is told so.
func testMandatoryVCluster(t *testing.T, s *saslStage) {
	strict := map[string]string{"GATEWAY_FEATURE_FLAGS_MANDATORY_VCLUSTER": "true"}
	g := startGateway(t, "mandatory", s.decides("SASL_SSL", strict))
	d := loginDoor{"SASL_SSL", g.bootstrap(), s.alice.CAPEM, g}
	const text = "Authentication failed: no virtual cluster for %s: neither a mapping nor the credentials name one, " +
		"and this gateway requires one (GATEWAY_FEATURE_FLAGS_MANDATORY_VCLUSTER)"
	err := s.franz(t, d, s.bearer("bob"), kgo.RequestRetries(0)).Ping(t.Context())
	if !errors.Is(err, kerr.SaslAuthenticationFailed) || !strings.Contains(err.Error(), fmt.Sprintf(text, "bob")) {
		t.Errorf("a token without a virtual cluster: %v", err)
	}
	java := s.java(t, "write", "storm", s.settings(t, t.TempDir(), "java", d, s.bearer("bob")))["java"]
	if want := "SaslAuthenticationException: " + fmt.Sprintf(text, "bob"); java != want {
		t.Errorf("java: %s, want %s", java, want)
	}
	for name, l := range map[string]login{
		"the mapping's":       s.bearer("orders"),
		"the claim's":         s.bearer("blue"),
		"a token's, PLAIN":    {Mechanism: "PLAIN", Username: "alice", Password: s.token(t, "alice")},
		"an account's, SCRAM": {Mechanism: "SCRAM-SHA-512", Username: "alice", Password: saslSecret},
	} {
		if err := s.franz(t, d, l, kgo.RequestRetries(0)).Ping(t.Context()); err != nil {
			t.Errorf("%s virtual cluster: %v", name, err)
		}
	}
	testMandatoryCertificate(t, s, strict)
}

// testMandatoryCertificate: with mutual TLS alone the first request is answered
// with its API's own authorization error.
func testMandatoryCertificate(t *testing.T, s *saslStage, strict map[string]string) {
	env := s.environment("SSL", map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": s.cluster.Bootstrap(), "GATEWAY_CLUSTER_ID": "mandatory-tls", "GATEWAY_SSL_CLIENT_AUTH": "REQUIRE",
	})
	maps.Copy(env, strict)
	g := startGateway(t, "mandatory-tls", env)
	client := func() *kgo.Client {
		return newClient(t, kgo.SeedBrokers(g.bootstrap()), kgo.DialTLSConfig(s.pair.ClientTLS("localhost")), kgo.RequestRetries(0))
	}
	groups := kmsg.NewPtrListGroupsRequest()
	answer, err := client().SeedBrokers()[0].Request(t.Context(), groups)
	if err != nil {
		t.Fatal(err)
	}
	if code := answer.(*kmsg.ListGroupsResponse).ErrorCode; code != kerr.ClusterAuthorizationFailed.Code && code != kerr.GroupAuthorizationFailed.Code {
		t.Errorf("CN=alice without a mapping: ListGroups is answered with error %d", code)
	}
	g.postMapping(t, "CN=alice")
	if err := client().Ping(t.Context()); err != nil {
		t.Errorf("CN=alice with a mapping: %v", err)
	}
}

// testCertificates: a listener that asks for both. Who the client is says its
// login; a certificate that is denied afterwards ends it all the same.
func testCertificates(t *testing.T, s *saslStage) {
	g := startGateway(t, "both", s.decides("SASL_SSL", map[string]string{"GATEWAY_SSL_CLIENT_AUTH": "REQUIRE"}))
	d := loginDoor{"SASL_SSL", g.bootstrap(), s.alice.CAPEM, g}
	l := s.bearer("orders")
	for _, w := range walks {
		t.Run(w.name, func(t *testing.T) {
			program := present(t)(w.program(t.Context(), clientsFolder))
			topic := topicName("both", w.name)
			out, errOut, err := s.walk(t, program, d, l, true, topic, "topics", "none", "classic")
			if err != nil || !strings.HasSuffix(out, "classic: 100 records, 100 committed\n") {
				t.Errorf("%v\n%s%s", err, out, errOut)
			}
		})
	}
	s.topic(t, "both")
	t.Run("java", func(t *testing.T) {
		settings := s.settings(t, t.TempDir(), "java", d, l, "ssl.keystore.location", s.alice.KeyStore,
			"ssl.keystore.type", "PKCS12", "ssl.keystore.password", certs.Password, "ssl.key.password", certs.Password)
		if saw := s.java(t, "walk", "both", settings)["java"]; saw != "20 records" {
			t.Error(saw)
		}
	})
	t.Run("kcat", func(t *testing.T) {
		plain := login{Mechanism: "PLAIN", Username: "alice", Password: s.token(t, "alice")}
		out, errOut, err := kcatRun(t, present(t)(clients.Kcat()), d, plain, "", "-L", "-t", "both",
			"-X", "ssl.certificate.location="+s.alice.CertPEM, "-X", "ssl.key.location="+s.alice.KeyPEM)
		if err != nil || !strings.Contains(out, `topic "both" with 1 partitions`) {
			t.Errorf("%v\n%s%s", err, out, errOut)
		}
	})
	t.Run("franz-go", func(t *testing.T) { testCertificateDenied(t, s, d) })
	g.awaitLog(t, " user=orders ")
}

func testCertificateDenied(t *testing.T, s *saslStage, d loginDoor) {
	pair, err := s.cluster.Authority().Client("mallory")
	if err != nil {
		t.Fatal(err)
	}
	l := login{Mechanism: "SCRAM-SHA-512", Username: "alice", Password: saslSecret}
	client := func(l login, config *tls.Config) *kgo.Client {
		return newClient(t, kgo.SeedBrokers(d.bootstrap), kgo.SASL(s.mechanism(l)), kgo.DialTLSConfig(config),
			kgo.RequestRetries(0), kgo.RecordRetries(0), kgo.ConsumeTopics("both"))
	}
	if err := client(l, s.cluster.Authority().Anonymous("localhost")).Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("a login without a certificate: %v", err)
	}
	wrong := l
	wrong.Password = "wrong"
	if err := client(wrong, pair.ClientTLS("localhost")).Ping(t.Context()); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Errorf("a certificate with a wrong password: %v", err)
	}
	open := client(l, pair.ClientTLS("localhost"))
	if err := open.Ping(t.Context()); err != nil {
		t.Fatalf("a certificate with a login: %v", err)
	}
	sum := sha256.Sum256(pair.Cert.Raw)
	d.gateway.wantAnswer(t, http.MethodPost, "/admin/tls/denylist/v1", map[string]any{"fingerprint": hex.EncodeToString(sum[:])}, http.StatusCreated)
	if err := client(l, pair.ClientTLS("localhost")).Ping(t.Context()); err == nil {
		t.Error("a login with a certificate that is denied")
	}
	if err := open.Ping(t.Context()); err == nil {
		t.Error("a client is served that logged in before its certificate was denied")
	}
}

// testRotation: the issuer signs by another key, and publishes that one alone.
func testRotation(t *testing.T, s *saslStage) {
	s.topic(t, "rotation")
	s.issuer.Rotate(false)
	dir := t.TempDir()
	var settings []string
	for _, d := range s.managedDoors() {
		if err := s.franz(t, d, s.bearer("orders"), kgo.RequestRetries(0)).Ping(t.Context()); err != nil {
			t.Errorf("franz-go: %s: %v", d.name, err)
		}
		settings = append(settings, s.settings(t, dir, d.name, d, s.bearer("orders")))
	}
	for name, saw := range s.java(t, "write", "rotation", settings...) {
		if saw != "written" {
			t.Errorf("java: %s: %s", name, saw)
		}
	}
}
