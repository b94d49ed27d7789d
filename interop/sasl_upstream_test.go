package interop

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// upstreamSecret is everybody's password here; its characters are those that
// some syntax on the way could trip over.
const upstreamSecret = `s,e=c r"e\t'ü`

// The releases of the brokers, each with what it can.
func TestUpstreamSASL352(t *testing.T) { testUpstream(t, kafkatest.Kafka352) }

func TestUpstreamSASL440(t *testing.T) { testUpstream(t, kafkatest.Kafka440) }

// upstreamStage is one broker with listeners that ask for a login: SASL in clear,
// SECURE over TLS, BRIEF over TLS for a few seconds only, SIGNED with signed tokens.
type upstreamStage struct {
	version string
	cluster *kafkatest.Cluster
	server  certs.Files
	issuer  *issuer
}

func testUpstream(t *testing.T, version string) {
	kafkatest.Require(t, version)
	if direct {
		t.Skip("INTEROP_DOOR=broker: this test is about the gateway alone")
	}
	t.Parallel()
	s := newUpstreamStage(t, version)
	for _, c := range []struct {
		name string
		test func(*testing.T, *upstreamStage)
	}{
		{"Mechanisms", testUpstreamMechanisms},
		{"Refused", testUpstreamRefused},
		{"Renewal", testUpstreamRenewal},
		{"PerUser", testUpstreamPerUser},
		{"Minter", testUpstreamMinter},
		{"TokenEnds", testUpstreamTokenEnds},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, s) })
	}
}

func newUpstreamStage(t *testing.T, version string) *upstreamStage {
	t.Helper()
	all := []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"}
	accounts := map[string]string{"gateway": upstreamSecret}
	issuer := newIssuer(t)
	o := kafkatest.Options{
		Version: version, CertAlgorithm: certs.ECDSAP256,
		Listeners: []kafkatest.Listener{
			{Name: "SASL", SASL: &kafkatest.SASL{Mechanisms: all, Plain: accounts}},
			{Name: "SECURE", TLS: true, SASL: &kafkatest.SASL{Mechanisms: all, Plain: accounts}},
			{Name: "BRIEF", TLS: true, SASL: &kafkatest.SASL{Mechanisms: all, Plain: accounts, MaxReauth: 3 * time.Second}},
			{Name: "SIGNED", SASL: &kafkatest.SASL{Mechanisms: []string{"OAUTHBEARER"}, OAuth: &kafkatest.OAuth{
				JWKS: issuer.URL + "/keys", Issuer: issuer.URL, Audience: "kafka",
			}}},
		},
		Authorizer: true, SuperUsers: []string{"User:gateway"},
	}
	if version == kafkatest.Kafka440 {
		o.TokenKey = "the brokers sign tokens by this"
		o.JVM = []string{"-Dorg.slf4j.simpleLogger.log.kafka.authorizer.logger=debug"} // the audit log, allowed operations included
	}
	s := &upstreamStage{version: version, cluster: kafkatest.Start(t, o), issuer: issuer}
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
		if err := s.cluster.Scram(t.Context(), mechanism, "gateway", upstreamSecret); err != nil {
			t.Fatal(err)
		}
	}
	server, err := s.cluster.Authority().Server("gateway", certs.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	if s.server, err = server.Write(t.TempDir(), "gateway", certs.PKCS12); err != nil {
		t.Fatal(err)
	}
	return s
}

// issuer is a token endpoint and a set of keys. Beside it the brokers of SIGNED
// are the only ones that look at the signature.
type issuer struct {
	*httptest.Server
	t    *testing.T
	keys *rsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{t: t, keys: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /keys", i.publish)
	mux.HandleFunc("POST /token", i.issue)
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) publish(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"RSA","kid":"one","alg":"RS256","use":"sig","e":"AQAB","n":%q}]}`,
		base64.RawURLEncoding.EncodeToString(i.keys.N.Bytes()))
}

// issue signs for a scope of "signed"; other tokens are those that Kafka takes
// unless it is told otherwise, with alg none.
func (i *issuer) issue(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if r.PostFormValue("grant_type") != "client_credentials" || secret != upstreamSecret {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
		return
	}
	scope, now := r.PostFormValue("scope"), time.Now().Unix()
	claims := fmt.Appendf(nil, `{"iss":%q,"aud":"kafka","sub":%q,"iat":%d,"exp":%d,"scope":%q}`, i.URL, id, now, now+3600, scope)
	part := base64.RawURLEncoding.EncodeToString
	token := part([]byte(`{"alg":"none"}`)) + "." + part(claims) + "."
	if scope == "signed" {
		text := part([]byte(`{"alg":"RS256","kid":"one"}`)) + "." + part(claims)
		sum := sha256.Sum256([]byte(text))
		signature, err := rsa.SignPKCS1v15(nil, i.keys, crypto.SHA256, sum[:])
		if err != nil {
			i.t.Error(err)
		}
		token = text + "." + part(signature)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, token)
}

// login is how a gateway logs in as "gateway" by a mechanism.
func (s *upstreamStage) login(mechanism string) map[string]string {
	const home = "org.apache.kafka.common.security."
	secret := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(upstreamSecret)
	env := map[string]string{"KAFKA_SASL_MECHANISM": mechanism}
	switch mechanism {
	case "PLAIN":
		env["KAFKA_SASL_JAAS_CONFIG"] = home + `plain.PlainLoginModule required username="gateway" password="` + secret + `";`
	case "OAUTHBEARER":
		env["KAFKA_SASL_JAAS_CONFIG"] = home + `oauthbearer.OAuthBearerLoginModule required clientId="gateway" clientSecret="` + secret + `" scope="kafka";`
		env["KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL"] = s.issuer.URL + "/token"
	default:
		env["KAFKA_SASL_JAAS_CONFIG"] = home + `scram.ScramLoginModule required username="gateway" password="` + secret + `";`
	}
	return env
}

// start starts a gateway for mutual TLS in front of a listener of the broker.
func (s *upstreamStage) start(t *testing.T, listener string, login map[string]string) *gateway {
	t.Helper()
	env := map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS":             strings.Replace(s.cluster.Broker(1).ListenerAddr(listener), "127.0.0.1", "localhost", 1),
		"KAFKA_SECURITY_PROTOCOL":             "SASL_PLAINTEXT",
		"GATEWAY_CLUSTER_ID":                  "sasl",
		"GATEWAY_ADVERTISED_HOST":             "localhost",
		"GATEWAY_SECURITY_MODE":               "GATEWAY_MANAGED",
		"GATEWAY_SECURITY_PROTOCOL":           "SSL",
		"GATEWAY_SSL_CLIENT_AUTH":             "REQUIRE",
		"GATEWAY_SSL_PRINCIPAL_MAPPING_RULES": "RULE:^CN=([^,]*).*$/$1/,DEFAULT",
	}
	maps.Copy(env, stores(s.server))
	if listener == "SECURE" || listener == "BRIEF" {
		maps.Copy(env, map[string]string{
			"KAFKA_SECURITY_PROTOCOL":       "SASL_SSL",
			"KAFKA_SSL_TRUSTSTORE_LOCATION": s.server.TrustStore,
			"KAFKA_SSL_TRUSTSTORE_PASSWORD": certs.Password,
			"KAFKA_SSL_TRUSTSTORE_TYPE":     "PKCS12",
		})
	}
	maps.Copy(env, login)
	g := newGateway(t, "upstream", env)
	g.start(t)
	return g
}

// metric is the value of one line of the metrics, 0 when there is none.
func (g *gateway) metric(t *testing.T, name string) int {
	t.Helper()
	_, text, err := g.call(t.Context(), http.MethodGet, "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	return metricIn(t, text, name)
}

func metricIn(t *testing.T, text []byte, name string) int {
	t.Helper()
	m := regexp.MustCompile("(?m)^" + regexp.QuoteMeta(name) + ` (\d+)$`).FindSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// says reports whether a text stands in the gateway's log.
func (g *gateway) says(t *testing.T, text string) bool {
	t.Helper()
	log, err := os.ReadFile(g.log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(log), text)
}

// as is a client of the gateway with a certificate of that name.
func (s *upstreamStage) as(t *testing.T, in *gateway, name string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	return newClient(t, append([]kgo.Opt{kgo.SeedBrokers(in.bootstrap()), kgo.DialTLSConfig(s.certificate(t, name))}, options...)...)
}

func (s *upstreamStage) certificate(t *testing.T, name string) *tls.Config {
	t.Helper()
	pair, err := s.cluster.Authority().Client(name)
	if err != nil {
		t.Fatal(err)
	}
	return pair.ClientTLS("localhost")
}

// topic makes a topic at the broker itself.
func (s *upstreamStage) topic(t *testing.T, name string) {
	t.Helper()
	admin := kadm.NewClient(newClient(t, kgo.SeedBrokers(s.cluster.Seeds()...)))
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, name); err != nil {
		t.Fatal(err)
	}
}

// testUpstreamMechanisms moves records by each mechanism, in clear and over TLS;
// the gateway's own state goes the same way.
func testUpstreamMechanisms(t *testing.T, s *upstreamStage) {
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"} {
		for _, listener := range []string{"SASL", "SECURE", "SIGNED"} {
			if listener == "SIGNED" && mechanism != "OAUTHBEARER" {
				continue
			}
			t.Run(mechanism+"/"+listener, func(t *testing.T) {
				topic := strings.ToLower(mechanism + "-" + listener)
				s.topic(t, topic)
				u := s.login(mechanism)
				if listener == "SIGNED" {
					replaceJAAS(u, `scope="kafka"`, `scope="signed"`)
				}
				in := s.start(t, listener, u)
				in.awaitReady(t)
				client := s.as(t, in, "alice", kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
				produce(t, client, topic, 100)
				if n := len(consume(t, client, 100)); n != 100 {
					t.Errorf("consumed %d records, want 100", n)
				}
				if in.metric(t, "gateway_upstream_logins_total") == 0 {
					t.Error("no login was counted")
				}
			})
		}
	}
}

// testUpstreamRefused: what a broker says about a login that it refuses is in
// the gateway's log.
func testUpstreamRefused(t *testing.T, s *upstreamStage) {
	for mechanism, c := range map[string]struct {
		change     func(map[string]string)
		text, what string
	}{
		"PLAIN":         {wrongPassword, "the broker refused: Authentication failed: Invalid username or password", "credentials"},
		"SCRAM-SHA-256": {wrongPassword, "the broker refused: Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256", "credentials"},
		"OAUTHBEARER":   {wrongPassword, "the endpoint answered 401 Unauthorized", "no credentials"},
		"unsigned":      {func(map[string]string) {}, `the broker refused: {\"status\":\"invalid_token\"}`, "credentials"},
	} {
		t.Run(mechanism, func(t *testing.T) {
			u, listener := s.login(mechanism), "SASL"
			if mechanism == "unsigned" {
				u, listener = s.login("OAUTHBEARER"), "SIGNED"
			}
			c.change(u)
			in := s.start(t, listener, u)
			client := s.as(t, in, "alice", kgo.RequestRetries(0), kgo.RetryTimeout(time.Second))
			await(t, "the refusal is told", patience, func(ctx context.Context) error {
				if err := in.alive(); err != nil {
					return err
				}
				if _, _, err := in.call(ctx, http.MethodGet, "/health/live", nil); err != nil {
					return err // it is still starting
				}
				if err := client.Ping(ctx); err == nil {
					t.Error("a client was served")
				}
				if !in.says(t, c.text) {
					return fmt.Errorf("no %q in the log", c.text)
				}
				if name := fmt.Sprintf("gateway_upstream_login_failures_total{cause=%q}", c.what); in.metric(t, name) == 0 {
					return fmt.Errorf("%s is not counted", name)
				}
				return nil
			})
			if status, body, err := in.call(t.Context(), http.MethodGet, "/health/ready", nil); err != nil || status == http.StatusOK {
				t.Errorf("it says that it is ready: %d %s, %v", status, body, err)
			}
			if in.says(t, "wrong-one") {
				t.Error("the log shows the password")
			}
		})
	}
}

func wrongPassword(env map[string]string) {
	const name = "KAFKA_SASL_JAAS_CONFIG"
	env[name] = regexp.MustCompile(`(password|clientSecret)="(\\.|[^"])*"`).ReplaceAllString(env[name], `$1="wrong-one"`)
}

func replaceJAAS(env map[string]string, old, by string) {
	env["KAFKA_SASL_JAAS_CONFIG"] = strings.Replace(env["KAFKA_SASL_JAAS_CONFIG"], old, by, 1)
}

// testUpstreamRenewal: a broker that wants to see a login every three seconds is
// shown one on the same connections, and the clients notice nothing.
func testUpstreamRenewal(t *testing.T, s *upstreamStage) {
	s.topic(t, "renewal")
	in := s.start(t, "BRIEF", s.login("SCRAM-SHA-512"))
	in.awaitReady(t)
	client := s.as(t, in, "alice", kgo.DefaultProduceTopic("renewal"), kgo.ConsumeTopics("renewal"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	n := 0
	await(t, "three renewals", patience, func(ctx context.Context) error {
		for range 20 {
			record := &kgo.Record{Value: []byte(strconv.Itoa(n))}
			if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
				return errors.Join(kafkatest.ErrGivenUp, err)
			}
			n++
		}
		if got := in.metric(t, "gateway_upstream_login_renewals_total"); got < 6 {
			return fmt.Errorf("%d renewals", got)
		}
		return nil
	})
	s.javaProduces(t, in)
	seen := consume(t, client, n)
	for value, times := range seen {
		if times != 1 {
			t.Errorf("record %s was consumed %d times", value, times)
		}
	}
	if in.says(t, "side=broker") {
		t.Error("the broker ended a session")
	}
}

// javaProduces has a Java producer work through several renewals.
func (s *upstreamStage) javaProduces(t *testing.T, in *gateway) {
	t.Helper()
	s.topic(t, "renewal-java")
	_, settings, err := s.cluster.Certificates(t.TempDir(), "alice", certs.PKCS12)
	if err != nil {
		t.Fatal(err)
	}
	tools := s.version
	if tools == kafkatest.Kafka440 {
		tools = kafkatest.Tools430
	}
	kafkatest.Require(t, tools)
	before := in.metric(t, "gateway_upstream_login_renewals_total")
	out, errOut, err := kafkatest.Tool(t, tools, "kafka-producer-perf-test", "--topic", "renewal-java",
		"--num-records", "3000", "--record-size", "100", "--throughput", "250", "--producer.config", settings,
		"--producer-props", "bootstrap.servers="+in.bootstrap(), "acks=all")
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, errOut)
	}
	wants(t, "produce", out, `^3000 records sent`)
	if strings.Contains(out+errOut, "Exception") {
		t.Errorf("the producer met an error:\n%s%s", out, errOut)
	}
	if got := in.metric(t, "gateway_upstream_login_renewals_total") - before; got < 3 {
		t.Errorf("%d logins ended meanwhile, want three and more", got)
	}
}

// testUpstreamPerUser: every user is to the broker who it is to the gateway, so
// that the broker's access control lists are about it.
func testUpstreamPerUser(t *testing.T, s *upstreamStage) {
	u := s.login("SCRAM-SHA-512")
	u["GATEWAY_UPSTREAM_IDENTITY"] = "USER"
	if s.version == kafkatest.Kafka352 {
		in := s.start(t, "SASL", u)
		client := s.as(t, in, "alice", kgo.RequestRetries(0), kgo.RetryTimeout(time.Second))
		await(t, "the refusal is told", patience, func(ctx context.Context) error {
			if err := client.Ping(ctx); err == nil {
				t.Error("a client was served")
			}
			if want := "delegation token for User:alice"; !in.says(t, want) {
				return fmt.Errorf("no %q in the log", want)
			}
			return nil
		})
		return
	}
	s.topic(t, "hers")
	allow(t, s, kmsg.ACLResourceTypeTopic, "hers", "User:alice", kmsg.ACLOperationWrite)
	allow(t, s, kmsg.ACLResourceTypeTopic, "hers", "User:alice", kmsg.ACLOperationRead)
	in := s.start(t, "SASL", u)
	in.awaitReady(t)
	alice := s.as(t, in, "alice", kgo.ConsumeTopics("hers"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	produce(t, alice, "hers", 10)
	if n := len(consume(t, alice, 10)); n != 10 {
		t.Errorf("alice consumed %d records, want 10", n)
	}
	bob := s.as(t, in, "bob")
	err := bob.ProduceSync(t.Context(), &kgo.Record{Topic: "hers", Value: []byte("x")}).FirstErr()
	if !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("bob: %v; want %v", err, kerr.TopicAuthorizationFailed)
	}
	s.audited(t, "alice", "Allowed", "hers")
	s.audited(t, "bob", "Denied", "hers")
	// In clear nobody may ask for tokens.
	asking := newClient(t, kgo.SeedBrokers(s.cluster.Broker(1).ListenerAddr("SASL")),
		kgo.SASL(plain.Auth{User: "gateway", Pass: upstreamSecret}.AsMechanism()))
	tokens, err := kadm.NewClient(asking).DescribeDelegationTokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	owners := map[string]int{}
	for _, d := range tokens {
		owners[d.Owner.Type+":"+d.Owner.Name+" by "+d.TokenRequesterPrincipal.Type+":"+d.TokenRequesterPrincipal.Name]++
	}
	want := map[string]int{"User:alice by User:gateway": 1, "User:bob by User:gateway": 1}
	if !maps.Equal(owners, want) {
		t.Errorf("tokens of %v, want %v", owners, want)
	}
	if n := in.metric(t, `gateway_upstream_tokens_total{kind="delegation"}`); n != 2 {
		t.Errorf("%d tokens were made, want one for each user", n)
	}
	testUpstreamQuota(t, s, in)
}

// audited waits until the broker's audit log has a user's attempt to write to a topic, or
// to learn of it, which a client does first.
func (s *upstreamStage) audited(t *testing.T, user, verdict, topic string) {
	t.Helper()
	line := regexp.MustCompile(`(?m)Principal = User:` + user + ` is ` + verdict + ` operation = (WRITE|DESCRIBE) .*resource = Topic:LITERAL:` + topic + ` `)
	await(t, "the audit log names "+user, patience, func(context.Context) error {
		log, err := os.ReadFile(s.cluster.Broker(1).LogPath())
		if err == nil && !line.Match(log) {
			err = fmt.Errorf("no line like %s", line)
		}
		return err
	})
}

// testUpstreamQuota: a quota of the brokers is about the owner of the token.
func testUpstreamQuota(t *testing.T, s *upstreamStage, in *gateway) {
	s.topic(t, "quota")
	for _, name := range []string{"slow", "swift"} {
		allow(t, s, kmsg.ACLResourceTypeTopic, "quota", "User:"+name, kmsg.ACLOperationWrite)
	}
	limitSlow(t, s.cluster)
	wantsThrottle(t, "quota", func(name string, options ...kgo.Opt) *kgo.Client { return s.as(t, in, name, options...) })
}

// testUpstreamMinter: a gateway that is no super user makes tokens for those whom
// it may make tokens for.
func testUpstreamMinter(t *testing.T, s *upstreamStage) {
	if s.version == kafkatest.Kafka352 {
		t.Skip("its brokers have no delegation tokens")
	}
	s.topic(t, "carols")
	if err := s.cluster.Scram(t.Context(), "SCRAM-SHA-256", "minter", upstreamSecret); err != nil {
		t.Fatal(err)
	}
	allow(t, s, kmsg.ACLResourceTypeUser, "User:carol", "User:minter", kmsg.ACLOperationCreateTokens)
	allow(t, s, kmsg.ACLResourceTypeTopic, "carols", "User:carol", kmsg.ACLOperationWrite)
	u := s.login("SCRAM-SHA-256")
	maps.Copy(u, map[string]string{"GATEWAY_UPSTREAM_IDENTITY": "USER", "GATEWAY_STORAGE_TYPE": "IN_MEMORY"})
	replaceJAAS(u, `username="gateway"`, `username="minter"`)
	in := s.start(t, "SASL", u)
	in.awaitReady(t)
	produce(t, s.as(t, in, "carol"), "carols", 10)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := s.as(t, in, "dave", kgo.RequestRetries(0), kgo.RetryTimeout(time.Second)).Ping(ctx); err == nil {
		t.Error("dave is served")
	}
	await(t, "the refusal is told", patience, func(context.Context) error {
		for _, want := range []string{"delegation token for User:dave", "CreateTokens"} {
			if !in.says(t, want) {
				return fmt.Errorf("no %q in the log", want)
			}
		}
		return nil
	})
}

// testUpstreamTokenEnds: when a user's token ends, its sessions go on by the next.
func testUpstreamTokenEnds(t *testing.T, s *upstreamStage) {
	if s.version == kafkatest.Kafka352 {
		t.Skip("its brokers have no delegation tokens")
	}
	s.topic(t, "ends")
	allow(t, s, kmsg.ACLResourceTypeTopic, "ends", "User:erin", kmsg.ACLOperationWrite)
	u := s.login("SCRAM-SHA-512")
	maps.Copy(u, map[string]string{"GATEWAY_UPSTREAM_IDENTITY": "USER", "GATEWAY_UPSTREAM_TOKEN_LIFETIME_MS": "6000"})
	in := s.start(t, "SASL", u)
	in.awaitReady(t)
	client := s.as(t, in, "erin", kgo.DefaultProduceTopic("ends"), kgo.RecordRetries(0))
	await(t, "three tokens", patience, func(ctx context.Context) error {
		for range 20 {
			if err := client.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); err != nil {
				return errors.Join(kafkatest.ErrGivenUp, err)
			}
		}
		if got := in.metric(t, `gateway_upstream_tokens_total{kind="delegation"}`); got < 4 {
			return fmt.Errorf("%d tokens", got)
		}
		return nil
	})
	if in.metric(t, "gateway_upstream_login_renewals_total") == 0 {
		t.Error("no login was renewed")
	}
	if in.says(t, "side=broker") {
		t.Error("the broker ended a session")
	}
}

// allow adds an access control entry at the broker itself.
func allow(t *testing.T, s *upstreamStage, resource kmsg.ACLResourceType, name, who string, operation kmsg.ACLOperation) {
	t.Helper()
	q := kmsg.NewPtrCreateACLsRequest()
	q.Creations = []kmsg.CreateACLsRequestCreation{{
		ResourceType: resource, ResourceName: name, ResourcePatternType: kmsg.ACLResourcePatternTypeLiteral,
		Principal: who, Host: "*", Operation: operation, PermissionType: kmsg.ACLPermissionTypeAllow,
	}}
	p, err := q.RequestWith(t.Context(), newClient(t, kgo.SeedBrokers(s.cluster.Seeds()...)))
	if err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(p.Results[0].ErrorCode); err != nil {
		t.Fatal(err)
	}
}
