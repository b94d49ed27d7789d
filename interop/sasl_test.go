package interop

import (
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/postern-kafka/postern/internal/issuer/process"
	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// Clients log in.
func TestSASL352(t *testing.T) { testSASL(t, kafkatest.Kafka352) }

func TestSASL440(t *testing.T) { testSASL(t, kafkatest.Kafka440) }

func testSASL(t *testing.T, version string) {
	kafkatest.Require(t, version, kafkatest.Kafka440)
	t.Parallel()
	s := newSASLStage(t, version)
	for _, c := range []struct {
		name        string
		gatewayOnly bool
		newest      bool // no broker has a part in it: one release is enough
		test        func(*testing.T, *saslStage)
	}{
		{"Managed", true, false, testManaged},
		{"Delegated", false, false, testDelegated},
		{"Kerberos", false, false, testKerberos},
		{"IAM", false, false, testIAM},
		{"Quotas", false, false, testQuotas},
		{"Certificates", true, true, testCertificates},
		{"Renewal", true, false, testRenewal},
		{"Refused", true, true, testLoginRefused},
		{"Hostile", true, true, testLoginHostile},
		{"Accounts", true, true, testAccounts},
		{"MandatoryVCluster", true, true, testMandatoryVCluster},
		{"Storm", true, true, testStorm},
		{"Rotation", true, true, testRotation},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.gatewayOnly && direct {
				t.Skip("INTEROP_DOOR=broker: this test is about the gateway alone")
			}
			if c.newest && version != kafkatest.Kafka440 {
				t.Skip("it is run with the newest brokers")
			}
			c.test(t, s)
		})
	}
}

const (
	// saslSecret is the password of everybody who has one; its characters are
	// those that some syntax on the way could trip over.
	saslSecret = `s,e=c r"e\t'ü`
	// issuerSecret is that of the issuer's clients.
	issuerSecret = "kept by the client"
	// poolKey is GATEWAY_USER_POOL_SECRET_KEY.
	poolKey = "dGhpcnR5LXR3byBieXRlcyBvZiBzZWNyZXQga2V5ISE="
	// audience is whom the issuer's tokens are for.
	audience = "kafka"
)

// saslMechanisms are those that every client can be tried with. The broker has
// GSSAPI and AWS_MSK_IAM besides.
var saslMechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"}

// saslStage is what the tests of clients that log in share: an issuer of tokens,
// a key distribution centre, one broker with listeners that ask for a login (SASL in clear, SECURE over
// TLS, BRIEF again and again), and gateways. Those that decide themselves share their state.
type saslStage struct {
	version string
	cluster *kafkatest.Cluster
	issuer  *process.Issuer
	kdc     *kdc
	server  certs.Files // of the gateways
	alice   certs.Files // a client's certificate
	pair    *certs.Pair // the same for Go

	managed, managedTLS *gateway // nil when the tests go to the broker
	relay, relayTLS     *gateway
}

func newSASLStage(t *testing.T, version string) *saslStage {
	t.Helper()
	client := func(subject string, claims map[string]any) process.Client {
		return process.Client{Secret: issuerSecret, Subject: subject, Audience: []string{audience}, Claims: claims}
	}
	s := &saslStage{version: version, issuer: process.Start(t, process.Config{Clients: map[string]process.Client{
		"alice": client("alice", nil), "bob": client("bob", nil), "orders": client("svc-orders", nil),
		"blue":          client("svc-blue", map[string]any{"gateway.vcluster": "blue"}),
		"fleeting-java": {Secret: issuerSecret, Audience: []string{audience}, LifetimeSeconds: 3},
		"fleeting-go":   {Secret: issuerSecret, Audience: []string{audience}, LifetimeSeconds: 3},
		"astray":        {Secret: issuerSecret, Audience: []string{"somebody else"}},
	}}, nil)}
	s.kdc = startKDC(t, "alice", "bob", brokerService+"/localhost", "other/localhost")
	ask := &kafkatest.SASL{
		Mechanisms: append(saslMechanisms[:4:4], "GSSAPI", "AWS_MSK_IAM"),
		Modules: map[string]string{
			"GSSAPI":      s.kdc.module(brokerService+"/localhost", ".keytab"),
			"AWS_MSK_IAM": iamModule(),
		},
		Plain: map[string]string{"alice": saslSecret, "bob": saslSecret, "gateway": saslSecret, "slow": saslSecret, "swift": saslSecret},
		OAuth: &kafkatest.OAuth{JWKS: s.issuer.KeysURL(), Issuer: s.issuer.URL, Audience: audience},
	}
	brief := *ask
	brief.MaxReauth = loginLifetime
	s.cluster = kafkatest.Start(t, kafkatest.Options{
		Version: version, CertAlgorithm: certs.RSA2048, Authorizer: true, SuperUsers: []string{"User:gateway"},
		Properties: map[string]string{"sasl.kerberos.service.name": brokerService},
		JVM:        []string{"-Djava.security.krb5.conf=" + s.kdc.config}, ClassPath: []string{iamServer(t)},
		Listeners: []kafkatest.Listener{
			{Name: "SASL", SASL: ask},
			{Name: "SECURE", TLS: true, SASL: ask},
			{Name: "BRIEF", SASL: &brief},
		},
	})
	for _, name := range []string{"alice", "bob", "gateway"} {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			if err := s.cluster.Scram(t.Context(), mechanism, name, saslSecret); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.certificates(t)
	if !direct {
		s.startGateways(t)
	}
	return s
}

func (s *saslStage) certificates(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	server, err := s.cluster.Authority().Server("gateway", certs.RSA2048)
	if err != nil {
		t.Fatal(err)
	}
	if s.server, err = server.Write(dir, "gateway", certs.PKCS12); err != nil {
		t.Fatal(err)
	}
	if s.pair, err = s.cluster.Authority().Client("alice"); err != nil {
		t.Fatal(err)
	}
	if s.alice, err = s.pair.Write(dir, "alice", certs.PKCS12); err != nil {
		t.Fatal(err)
	}
}

func (s *saslStage) startGateways(t *testing.T) {
	t.Helper()
	s.managed = startGateway(t, "managed", s.decides("SASL_PLAINTEXT", nil))
	s.managedTLS = startGateway(t, "managed-tls", s.decides("SASL_SSL", nil))
	s.relay = startGateway(t, "relay", s.relays("DELEGATED_SASL_PLAINTEXT", "SASL"))
	s.relayTLS = startGateway(t, "relay-tls", s.relays("DELEGATED_SASL_SSL", "SECURE"))
	s.putAccount(t, "alice", map[string]any{"type": "LOCAL", "scram": []map[string]any{
		{"mechanism": "SCRAM-SHA-256", "password": saslSecret, "iterations": 4096},
		{"mechanism": "SCRAM-SHA-512", "password": saslSecret},
	}})
	s.putAccount(t, "orders", map[string]any{"type": "EXTERNAL", "externalNames": []string{"svc-orders"}})
}

// environment is what every gateway of this stage is started with.
func (s *saslStage) environment(protocol string, more map[string]string) map[string]string {
	env := map[string]string{
		"GATEWAY_ADVERTISED_HOST":         "localhost",
		"GATEWAY_SECURITY_PROTOCOL":       protocol,
		"GATEWAY_SECURED_METRICS":         "false",
		"GATEWAY_FEATURE_FLAGS_ANALYTICS": "false",
	}
	if strings.HasSuffix(protocol, "SSL") {
		maps.Copy(env, stores(s.server))
		env["GATEWAY_SSL_CLIENT_AUTH"] = "NONE"
	}
	maps.Copy(env, more)
	return env
}

// decides is the environment of a gateway that decides itself who clients are.
func (s *saslStage) decides(protocol string, more map[string]string) map[string]string {
	env := s.environment(protocol, map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS":          s.cluster.Bootstrap(),
		"GATEWAY_CLUSTER_ID":               "managed",
		"GATEWAY_SECURITY_MODE":            "GATEWAY_MANAGED",
		"GATEWAY_USER_POOL_SECRET_KEY":     poolKey,
		"GATEWAY_OAUTH_JWKS_URL":           s.issuer.KeysURL(),
		"GATEWAY_OAUTH_EXPECTED_ISSUER":    s.issuer.URL,
		"GATEWAY_OAUTH_EXPECTED_AUDIENCES": audience,
	})
	maps.Copy(env, more)
	return env
}

// relays is that of one whose clients log in at a listener of the broker.
func (s *saslStage) relays(protocol, listener string) map[string]string {
	env := s.environment(protocol, map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": s.listener(listener),
		"KAFKA_SECURITY_PROTOCOL": strings.TrimPrefix(protocol, "DELEGATED_"),
		"KAFKA_SASL_MECHANISM":    "SCRAM-SHA-512",
		"KAFKA_SASL_JAAS_CONFIG":  login{Mechanism: "SCRAM-SHA-512", Username: "gateway", Password: saslSecret}.jaas(),
		"GATEWAY_CLUSTER_ID":      "relay",
	})
	if listener == "SECURE" {
		maps.Copy(env, map[string]string{
			"KAFKA_SSL_TRUSTSTORE_LOCATION": s.server.TrustStore,
			"KAFKA_SSL_TRUSTSTORE_PASSWORD": certs.Password,
			"KAFKA_SSL_TRUSTSTORE_TYPE":     "PKCS12",
		})
	}
	return env
}

// listener is the address of one of the broker's listeners, by host name.
func (s *saslStage) listener(name string) string {
	return strings.Replace(s.cluster.Broker(1).ListenerAddr(name), "127.0.0.1", "localhost", 1)
}

// putAccount makes a service account as an administrator does, and waits until
// every gateway that decides knows it.
func (s *saslStage) putAccount(t *testing.T, name string, spec map[string]any) {
	t.Helper()
	s.managed.put(t, "service-account", map[string]any{
		"kind": "GatewayServiceAccount", "apiVersion": "gateway/v2", "metadata": map[string]any{"name": name}, "spec": spec,
	})
	s.managedTLS.awaitAccount(t, name, true)
}

// put makes or changes a resource.
func (g *gateway) put(t *testing.T, kind string, resource map[string]any) {
	t.Helper()
	g.wantAnswer(t, http.MethodPut, "/gateway/v2/"+kind, resource, http.StatusOK)
}

// wantAnswer calls the admin API and returns the body of an answer with that
// status.
func (g *gateway) wantAnswer(t *testing.T, method, path string, body any, want int) []byte {
	t.Helper()
	status, answer, err := g.call(t.Context(), method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	if status != want {
		t.Fatalf("gateway %s: %s %s: status %d, want %d: %s", g.name, method, path, status, want, answer)
	}
	return answer
}

// topic makes a topic at the broker itself.
func (s *saslStage) topic(t *testing.T, name string) {
	t.Helper()
	made, err := kadm.NewClient(s.admin(t)).CreateTopic(t.Context(), 1, 1, nil, name)
	if err != nil || made.Err != nil {
		t.Fatal(err, made.Err)
	}
}

// admin is a client that may do everything, past the gateways.
func (s *saslStage) admin(t *testing.T) *kgo.Client {
	t.Helper()
	return newClient(t, kgo.SeedBrokers(s.cluster.Seeds()...))
}

// permit lets a user do everything with resources whose names begin so.
func (s *saslStage) permit(t *testing.T, user, prefix string) {
	t.Helper()
	request := kmsg.NewPtrCreateACLsRequest()
	for _, kind := range []kmsg.ACLResourceType{kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup} {
		request.Creations = append(request.Creations, kmsg.CreateACLsRequestCreation{
			ResourceType: kind, ResourceName: prefix, ResourcePatternType: kmsg.ACLResourcePatternTypePrefixed,
			Principal: "User:" + user, Host: "*", Operation: kmsg.ACLOperationAll, PermissionType: kmsg.ACLPermissionTypeAllow,
		})
	}
	answer, err := request.RequestWith(t.Context(), s.admin(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range answer.Results {
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			t.Fatal(fmt.Errorf("access for %s: %w", user, err))
		}
	}
}

// loginDoor is where clients log in.
type loginDoor struct {
	name      string
	bootstrap string
	ca        string // path; "" in clear
	gateway   *gateway
}

func (s *saslStage) managedDoors() []loginDoor {
	return []loginDoor{
		{"SASL_PLAINTEXT", s.managed.bootstrap(), "", s.managed},
		{"SASL_SSL", s.managedTLS.bootstrap(), s.alice.CAPEM, s.managedTLS},
	}
}

// brokerDoor is the broker's own listener, in clear.
func (s *saslStage) brokerDoor() loginDoor {
	return loginDoor{"SASL_PLAINTEXT", s.listener("SASL"), "", nil}
}

// relayDoors are the gateways that leave it to the broker, or the broker itself.
func (s *saslStage) relayDoors() []loginDoor {
	clear, secure := s.brokerDoor(), loginDoor{"SASL_SSL", s.listener("SECURE"), s.alice.CAPEM, nil}
	if !direct {
		clear.bootstrap, clear.gateway = s.relay.bootstrap(), s.relay
		secure.bootstrap, secure.gateway = s.relayTLS.bootstrap(), s.relayTLS
	}
	return []loginDoor{clear, secure}
}

// settings writes the settings of a Java client and returns the file's path.
func (s *saslStage) settings(t *testing.T, dir, name string, d loginDoor, l login, more ...string) string {
	t.Helper()
	var b strings.Builder
	set := func(key, value string) { fmt.Fprintf(&b, "%s=%s\n", key, kafkatest.EscapeProperty(value)) }
	set("bootstrap.servers", d.bootstrap)
	set("security.protocol", d.name)
	if d.ca != "" {
		set("ssl.truststore.location", s.alice.TrustStore)
		set("ssl.truststore.password", certs.Password)
		set("ssl.truststore.type", "PKCS12")
	}
	set("sasl.mechanism", l.Mechanism)
	set("sasl.jaas.config", l.jaas())
	if l.Mechanism == "OAUTHBEARER" {
		home := "org.apache.kafka.common.security.oauthbearer."
		if s.version == kafkatest.Kafka352 {
			home += "secured."
		}
		set("sasl.login.callback.handler.class", home+"OAuthBearerLoginCallbackHandler")
		set("sasl.oauthbearer.token.endpoint.url", l.Endpoint)
	}
	for i := 0; i < len(more); i += 2 {
		set(more[i], more[i+1])
	}
	path := filepath.Join(dir, name)
	writeFile(t, path, b.String())
	return path
}
