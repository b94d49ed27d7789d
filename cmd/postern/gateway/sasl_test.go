package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/postern-kafka/postern/internal/issuer/process"
)

const poolKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// runSASL starts a gateway without TLS in front of a cluster in memory.
func runSASL(t *testing.T, cluster *kfake.Cluster, env map[string]string) *running {
	t.Helper()
	all := map[string]string{"GATEWAY_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "GATEWAY_SSL_CLIENT_AUTH": "NONE", "GATEWAY_USER_POOL_SECRET_KEY": poolKey}
	for name, value := range env {
		all[name] = value
	}
	return run(t, nil, strings.Join(cluster.ListenAddrs(), ","), all)
}

func newFake(t *testing.T, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append(options, kfake.NumBrokers(2), kfake.SeedTopics(2, "orders"))...)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// produce sends a record as a client of that mechanism, and reads it.
func (r *running) produce(m sasl.Mechanism, options ...kgo.Opt) error {
	r.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port))),
		kgo.SASL(m), kgo.DefaultProduceTopic("orders"), kgo.ConsumeTopics("orders"))...)
	must(r.T, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	if err := client.Ping(ctx); err != nil { // producing, it would go on trying
		return err
	}
	if err := client.ProduceSync(ctx, kgo.StringRecord("one")).FirstErr(); err != nil {
		return err
	}
	return client.PollFetches(ctx).Err()
}

func (r *running) account(name, spec string) {
	r.Helper()
	status, body := r.ask("PUT", "/gateway/v2/service-account",
		`{"kind": "GatewayServiceAccount", "apiVersion": "gateway/v2", "metadata": {"name": "`+name+`"}, "spec": `+spec+`}`)
	if status != http.StatusOK {
		r.Fatalf("account %s: %d %s", name, status, body)
	}
}

func (r *running) token(name string) string {
	r.Helper()
	status, body := r.ask("POST", "/gateway/v2/token", `{"username": "`+name+`", "lifeTimeSeconds": 600}`)
	var answer struct{ Token string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Token == "" {
		r.Fatalf("token of %s: %d %s", name, status, body)
	}
	return answer.Token
}

// TestUsersOfTheGateway: an account is made by the API, its token and its password are
// good at the Kafka port, those of others are not.
func TestUsersOfTheGateway(t *testing.T) {
	r := runSASL(t, newFake(t), nil)
	r.account("alice", `{"type": "LOCAL", "scram": [{"mechanism": "SCRAM-SHA-256", "password": "correct horse"}]}`)
	token := r.token("alice")
	if status, body := r.ask("PUT", "/gateway/v2/virtual-cluster", `{"kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": "blue"}, "spec": {}}`); status != http.StatusOK {
		t.Fatal(status, body)
	}
	if _, shown := r.ask("GET", "/gateway/v2/virtual-cluster/blue", ""); !strings.Contains(shown, "localhost:"+strconv.Itoa(r.port)) || !strings.Contains(shown, "PlainLoginModule") || strings.Contains(shown, "OAUTH") {
		t.Errorf("clients are told %s", shown)
	}
	pass := func(user, password string) sasl.Mechanism {
		return plain.Auth{User: user, Pass: password}.AsMechanism()
	}
	for name, m := range map[string]sasl.Mechanism{
		"token":    pass("alice", token),
		"password": scram.Auth{User: "alice", Pass: "correct horse"}.AsSha256Mechanism(),
	} {
		if err := r.produce(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, m := range map[string]sasl.Mechanism{
		"of another":     pass("bob", token),
		"no token":       pass("alice", "correct horse"),
		"wrong password": scram.Auth{User: "alice", Pass: "battery"}.AsSha256Mechanism(),
		"no such user":   scram.Auth{User: "bob", Pass: "correct horse"}.AsSha256Mechanism(),
		"no such digest": scram.Auth{User: "alice", Pass: "correct horse"}.AsSha512Mechanism(),
	} {
		if err := r.produce(m); !errors.Is(err, kerr.SaslAuthenticationFailed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if status, body := r.ask("DELETE", "/gateway/v2/service-account", `{"name": "alice"}`); status != http.StatusNoContent {
		t.Fatal(status, body)
	}
	if err := r.produce(pass("alice", token)); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Errorf("the token of an account that is gone: %v", err)
	}
	r.journal.await(t, 1, "connection ended", "isn't associated with an existing local user") // then it is counted
	_, metrics := r.ask("GET", "/metrics", "")
	for _, want := range []string{
		`gateway_authentication_failures_total{mechanism="PLAIN",cause="not-associated"} `,
		`gateway_authentication_failures_total{mechanism="PLAIN",cause="no-account"} `,
		`gateway_failed_authentications_total{user="bob"} `,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}
}

// TestIssuersUsers: tokens of a real issuer, whose keys change while it is down for a
// moment.
func TestIssuersUsers(t *testing.T) {
	provider := process.Start(t, process.Config{Clients: map[string]process.Client{
		"app":   {Secret: "s", Audience: []string{"kafka"}, Claims: map[string]any{"gateway.vcluster": "blue"}},
		"other": {Secret: "s", Audience: []string{"web"}},
	}}, nil)
	r := runSASL(t, newFake(t), map[string]string{
		"GATEWAY_USER_POOL_SECRET_KEY": "", "GATEWAY_OAUTH_JWKS_URL": provider.KeysURL(), "GATEWAY_OAUTH_EXPECTED_ISSUER": provider.URL,
		"GATEWAY_OAUTH_EXPECTED_AUDIENCES": "[kafka]", "GATEWAY_FEATURE_FLAGS_MANDATORY_VCLUSTER": "true",
	})
	bearer := func(id string) sasl.Mechanism {
		return oauth.Auth{Token: provider.Token(id, "s")}.AsMechanism()
	}
	if err := r.produce(bearer("app")); err != nil {
		t.Error(err)
	}
	if err := r.produce(bearer("other")); err == nil {
		t.Error("a token for another audience is taken")
	}
	if err := r.produce(plain.Auth{User: "a", Pass: "b"}.AsMechanism()); err == nil {
		t.Error("PLAIN is taken")
	}
	provider.Rotate(false)
	if err := r.produce(bearer("app")); err != nil {
		t.Errorf("the first login with a new key: %v", err)
	}
}

// TestIssuerDown: a gateway whose issuer is not there runs, and says what it lacks.
func TestIssuerDown(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ln.Close()
	r := runSASL(t, newFake(t), map[string]string{unready: "yes", "GATEWAY_OAUTH_JWKS_URL": "http://" + ln.Addr().String() + "/keys"})
	status, body := r.ask("GET", "/health/ready", "")
	if status == http.StatusOK || !strings.Contains(body, "jwks") {
		t.Errorf("%d %s", status, body)
	}
}

// TestBrokersUsers: a broker decides, and the gateway knows its client by the name that
// the broker knows.
func TestBrokersUsers(t *testing.T) {
	cluster := newFake(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "gateway", "own"), kfake.Superuser("SCRAM-SHA-256", "alice", "secret"))
	r := runSASL(t, cluster, map[string]string{
		"GATEWAY_SECURITY_PROTOCOL": "", "GATEWAY_USER_POOL_SECRET_KEY": "", "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "PLAIN",
		"KAFKA_SASL_JAAS_CONFIG": `PlainLoginModule required username="gateway" password="own";`,
	})
	if err := r.produce(scram.Auth{User: "alice", Pass: "secret"}.AsSha256Mechanism()); err != nil {
		t.Error(err)
	}
	r.journal.await(t, 1, "connection ended", "user=alice")
	if err := r.produce(scram.Auth{User: "alice", Pass: "guess"}.AsSha256Mechanism()); err == nil {
		t.Error("a wrong password is taken")
	}
}

// TestLoginOnBothSides: clients log in here by SASL, with a certificate that TLS asks
// for, and the gateway logs in at the brokers.
func TestLoginOnBothSides(t *testing.T) {
	ca, dir := newAuthority(t, "CA"), t.TempDir()
	cluster := newFake(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "gateway", "own"))
	r := runSASL(t, cluster, map[string]string{
		"GATEWAY_SECURITY_PROTOCOL": "SASL_SSL", "GATEWAY_SSL_CLIENT_AUTH": "REQUIRE",
		"GATEWAY_SSL_KEY_STORE_PATH":   file(t, dir, "server.pem", keyPEM(t, ca.issue("gateway"))),
		"GATEWAY_SSL_TRUST_STORE_PATH": file(t, dir, "ca.pem", ca.pem()),
		"KAFKA_SECURITY_PROTOCOL":      "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
		"KAFKA_SASL_JAAS_CONFIG": `ScramLoginModule required username="gateway" password="own";`,
	})
	r.account("alice", `{"type": "LOCAL"}`)
	secure := kgo.DialTLSConfig(&tls.Config{RootCAs: pool(ca), ServerName: "localhost", Certificates: []tls.Certificate{ca.issue("device")}})
	if err := r.produce(plain.Auth{User: "alice", Pass: r.token("alice")}.AsMechanism(), secure); err != nil {
		t.Error(err)
	}
	r.journal.await(t, 1, "connection ended", "user=alice")
}

// TestLoginBesideACertificate: where a certificate is OPTIONAL, who comes with a good
// one or with none is who its login says; a bad one is refused by TLS all the same.
func TestLoginBesideACertificate(t *testing.T) {
	ca, stranger, dir := newAuthority(t, "CA"), newAuthority(t, "stranger"), t.TempDir()
	r := runSASL(t, newFake(t), map[string]string{
		"GATEWAY_SECURITY_PROTOCOL": "SASL_SSL", "GATEWAY_SSL_CLIENT_AUTH": "OPTIONAL",
		"GATEWAY_SSL_KEY_STORE_PATH":   file(t, dir, "server.pem", keyPEM(t, ca.issue("gateway"))),
		"GATEWAY_SSL_TRUST_STORE_PATH": file(t, dir, "ca.pem", ca.pem()),
	})
	r.account("carol", `{"type": "LOCAL"}`)
	carol := plain.Auth{User: "carol", Pass: r.token("carol")}.AsMechanism()
	with := func(certs ...tls.Certificate) kgo.Opt {
		// Not by Certificates: a client would keep back one of whose authority it is not asked.
		return kgo.DialTLSConfig(&tls.Config{RootCAs: pool(ca), ServerName: "localhost", GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(certs) == 0 {
				return new(tls.Certificate), nil
			}
			return &certs[0], nil
		}})
	}
	lost := ca.issue("lost")
	sum := sha256.Sum256(lost.Leaf.Raw)
	if status, body := r.ask("POST", "/admin/tls/denylist/v1", `{"fingerprint": "`+hex.EncodeToString(sum[:])+`"}`); status != http.StatusCreated {
		t.Fatal(status, body)
	}
	for name, certificate := range map[string]kgo.Opt{"good": with(ca.issue("device")), "none": with()} {
		if err := r.produce(carol, certificate); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		wrong := plain.Auth{User: "carol", Pass: "wrong"}.AsMechanism()
		if err := r.produce(wrong, certificate); !errors.Is(err, kerr.SaslAuthenticationFailed) {
			t.Errorf("%s, and a wrong password: %v", name, err)
		}
	}
	old := ca.issue("device", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	for alert, certificate := range map[string]kgo.Opt{
		"unknown certificate authority": with(stranger.issue("device")), "bad certificate": with(lost), "expired certificate": with(old),
	} {
		if err := r.produce(carol, certificate, kgo.RequestRetries(0)); err == nil || !strings.Contains(err.Error(), "remote error: tls: "+alert) {
			t.Errorf("%v, want the alert %q", err, alert)
		}
	}
	r.journal.await(t, 2, "connection ended", "user=carol")
	if n, _ := r.journal.count("connection ended", "user=device"); n != 0 {
		t.Errorf("%d connections were the certificate's", n)
	}
}

// TestAdminHTTPS: with a key store the API speaks HTTPS alone, and takes a new
// certificate up.
func TestAdminHTTPS(t *testing.T) {
	ca, dir := newAuthority(t, "CA"), t.TempDir()
	first := ca.issue("one")
	path := file(t, dir, "admin.pem", keyPEM(t, first))
	r := runSASL(t, newFake(t), map[string]string{
		"GATEWAY_HTTPS_KEY_STORE_PATH": path, "GATEWAY_HTTPS_CLIENT_AUTH": "REQUIRED",
		"GATEWAY_HTTPS_TRUST_STORE_PATH": file(t, dir, "ca.pem", ca.pem()),
	})
	ask := func(with ...tls.Certificate) (*http.Response, error) {
		client := &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{RootCAs: pool(ca), ServerName: "localhost", Certificates: with},
		}}
		p, err := client.Get((&url.URL{Scheme: "https", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(r.admin)), Path: "/health/ready"}).String())
		if err == nil {
			_, _ = io.Copy(io.Discard, p.Body)
			p.Body.Close()
		}
		return p, err
	}
	p, err := ask(ca.issue("operator"))
	if err != nil || p.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", p, err)
	}
	if _, err := ask(); err == nil {
		t.Error("without a certificate it is let in")
	}
	second := ca.issue("two")
	file(t, filepath.Dir(path), "admin.pem", keyPEM(t, second))
	r.journal.await(t, 1, "TLS file reloaded", "GATEWAY_HTTPS_KEY_STORE_PATH")
	if p, err = ask(ca.issue("operator")); err != nil || p.TLS.PeerCertificates[0].SerialNumber.Cmp(second.Leaf.SerialNumber) != 0 {
		t.Errorf("%v: not the new certificate", err)
	}
}

// TestReauthenticationLive: a client works on beyond the end of its login.
func TestReauthenticationLive(t *testing.T) {
	r := runSASL(t, newFake(t), map[string]string{"GATEWAY_AUTHENTICATION_CONNECTION_MAX_REAUTH_MS": "2000"})
	r.account("alice", `{"type": "LOCAL"}`)
	client, err := kgo.NewClient(kgo.SeedBrokers(net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port))), kgo.DefaultProduceTopic("orders"),
		kgo.SASL(plain.Auth{User: "alice", Pass: r.token("alice")}.AsMechanism()))
	must(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		must(t, client.ProduceSync(ctx, kgo.StringRecord("one")).FirstErr())
		_, metrics := r.ask("GET", "/metrics", "")
		for line := range strings.Lines(metrics) {
			if n, ok := strings.CutPrefix(line, "gateway_reauthentications_total "); ok && strings.TrimSpace(n) >= "2" {
				if strings.Contains(metrics, `reason="session-expired"`) {
					t.Error("a session expired")
				}
				return
			}
		}
		select {
		case <-ctx.Done():
			t.Fatal("the client never logged in anew")
		case <-time.After(50 * time.Millisecond):
		}
	}
}
