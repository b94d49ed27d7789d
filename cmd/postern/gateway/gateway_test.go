package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/postern-kafka/postern/cmd/postern/config"
	"github.com/postern-kafka/postern/internal/kafkatest"
)

// running is a gateway of this process in front of a cluster in memory.
type running struct {
	*testing.T
	ca      *authority
	port    int
	admin   int
	journal *journal
}

func brokers(t *testing.T) string {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	must(t, err)
	t.Cleanup(c.Close)
	return strings.Join(c.ListenAddrs(), ",")
}

// run starts a gateway that asks for client certificates. It is only told by
// events that files have changed.
func run(t *testing.T, ca *authority, addrs string, env map[string]string) *running {
	t.Helper()
	ports, err := kafkatest.ReservePorts(4)
	must(t, err)
	t.Cleanup(ports.Release)
	r := &running{T: t, ca: ca, port: ports.First, admin: ports.First + 3}
	all := map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS":                     addrs,
		"GATEWAY_ADVERTISED_HOST":                     "localhost",
		"GATEWAY_BIND_HOST":                           "127.0.0.1",
		"GATEWAY_PORT_START":                          strconv.Itoa(r.port),
		"GATEWAY_PORT_COUNT":                          "3",
		"GATEWAY_HTTP_PORT":                           strconv.Itoa(r.admin),
		"GATEWAY_STORAGE_TYPE":                        "IN_MEMORY",
		"GATEWAY_SECURITY_PROTOCOL":                   "SSL",
		"GATEWAY_SSL_CLIENT_AUTH":                     "REQUIRE",
		"GATEWAY_SSL_KEY_TYPE":                        "pem",
		"GATEWAY_SSL_TRUST_STORE_TYPE":                "pem",
		"GATEWAY_SSL_UPDATE_CONTEXT_INTERVAL_MINUTES": "0",
		"GATEWAY_DRAIN_TIMEOUT_MS":                    "0",
	}
	for name, value := range env {
		all[name] = value
	}
	var environ []string
	for name, value := range all {
		environ = append(environ, name+"="+value)
	}
	cfg, report := config.Load(environ, config.Options{})
	must(t, report.Err())
	var o Options
	r.journal, o.Log = newJournal()
	g, err := Start(t.Context(), cfg, o)
	must(t, err)
	t.Cleanup(func() {
		must(t, g.Close(context.WithoutCancel(t.Context())))
		if t.Failed() {
			t.Log(r.journal)
		}
	})
	if env[unready] != "" {
		return r
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, g.Ready(ctx))
	return r
}

// unready among the variables says that the gateway is not going to be ready.
const unready = "NOT_READY"

// client is a connection that has spoken with a broker.
type client struct {
	*tls.Conn
	shown string // serial number of the gateway's certificate
}

func (r *running) connect(cert tls.Certificate, cache tls.ClientSessionCache) (*client, error) {
	r.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)))
	must(r.T, err)
	r.Cleanup(func() { conn.Close() })
	must(r.T, conn.SetDeadline(time.Now().Add(patience)))
	c := &client{Conn: tls.Client(conn, &tls.Config{
		RootCAs: pool(r.ca), ServerName: "localhost", Certificates: []tls.Certificate{cert}, ClientSessionCache: cache,
	})}
	if err := c.speak(); err != nil {
		return nil, err
	}
	c.shown = c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	return c, nil
}

// speak asks for the API versions, v0, and takes the answer.
func (c *client) speak() error {
	request := []byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0, 0}
	if _, err := c.Write(request); err != nil {
		return err
	}
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(size[:])))
	return err
}

// ask calls the admin API.
func (r *running) ask(method, path, body string) (int, string) {
	r.Helper()
	q, err := http.NewRequestWithContext(r.Context(), method, "http://127.0.0.1:"+strconv.Itoa(r.admin)+path, strings.NewReader(body))
	must(r.T, err)
	q.Close = true
	q.SetBasicAuth("admin", "conduktor")
	p, err := http.DefaultClient.Do(q)
	must(r.T, err)
	defer func() { _ = p.Body.Close() }()
	text, err := io.ReadAll(p.Body)
	must(r.T, err)
	return p.StatusCode, string(text)
}

func (r *running) wantMetric(line string) {
	r.Helper()
	if _, all := r.ask("GET", "/metrics", ""); !strings.Contains("\n"+all, "\n"+line+"\n") {
		r.Errorf("no %s in\n%s", line, all)
	}
}

// refused waits until n clients were refused for a revoked certificate, which
// the clients hear of a little before it is counted.
func (r *running) refused(n int) {
	r.Helper()
	r.journal.await(r.T, n, "handshake failed", `cause="certificate revoked"`)
	r.wantMetric(fmt.Sprintf(`gateway_handshake_failures_total{cause="certificate revoked"} %d`, n))
}

// TestCertificatesLive: in a volume as Kubernetes mounts it, the certificate is
// swapped under a running gateway; who is connected does not notice. A bad one
// changes nothing and is told.
func TestCertificatesLive(t *testing.T) {
	ca, dir := newAuthority(t, "CA"), t.TempDir()
	mount := func(version string, key []byte) {
		must(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		file(t, filepath.Join(dir, version), "server.pem", key)
		file(t, filepath.Join(dir, version), "ca.pem", ca.pem())
		must(t, os.Symlink(version, filepath.Join(dir, "..data_tmp")))
		must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	rs, err := rsaKey()
	must(t, err)
	first, second, third := ca.issue("one"), ca.certify("two", rs), ca.issue("three")
	mount("..1", keyPEM(t, first))
	store, trust := filepath.Join(dir, "server.pem"), filepath.Join(dir, "ca.pem")
	must(t, os.Symlink("..data/server.pem", store))
	must(t, os.Symlink("..data/ca.pem", trust))
	r := run(t, ca, brokers(t), map[string]string{"GATEWAY_SSL_KEY_STORE_PATH": store, "GATEWAY_SSL_TRUST_STORE_PATH": trust})
	cert := ca.issue("orders")
	connect := func(want tls.Certificate) *client {
		t.Helper()
		c, err := r.connect(cert, nil)
		must(t, err)
		if c.shown != want.Leaf.SerialNumber.String() {
			t.Errorf("shown certificate %s, want %s", c.shown, want.Leaf.SerialNumber)
		}
		return c
	}
	early := connect(first)

	mount("..2", keyPEM(t, second))
	r.journal.await(t, 1, "TLS file reloaded", "GATEWAY_SSL_KEY_STORE_PATH")
	connect(second)

	mount("..3", []byte("garbage"))
	r.journal.await(t, 1, "level=ERROR", "GATEWAY_SSL_KEY_STORE_PATH", store, "stays in force")
	connect(second)
	r.wantMetric(`gateway_tls_reload_failures_total{listener="DEFAULT",file="` + store + `"} 1`)

	mount("..4", keyPEM(t, third))
	r.journal.await(t, 2, "TLS file reloaded", "GATEWAY_SSL_KEY_STORE_PATH")
	connect(third)
	r.wantMetric(`gateway_tls_file_stale{listener="DEFAULT",file="` + store + `"} 0`)
	r.wantMetric(`gateway_tls_signature_faults_total 0`)
	if err := early.speak(); err != nil {
		t.Errorf("a connection that stood all the time: %v", err)
	}
}

// stores are the files of a gateway whose folder is watched.
func stores(t *testing.T, ca *authority) map[string]string {
	t.Helper()
	dir := t.TempDir()
	return map[string]string{
		"GATEWAY_SSL_KEY_STORE_PATH":   file(t, dir, "server.pem", keyPEM(t, ca.issue("server"))),
		"GATEWAY_SSL_TRUST_STORE_PATH": file(t, dir, "ca.pem", ca.pem()),
	}
}

// TestListsLive: a new list bars the next handshake, also one with a ticket.
func TestListsLive(t *testing.T) {
	ca := newAuthority(t, "CA")
	env := stores(t, ca)
	crl := file(t, t.TempDir(), "ca.crl", ca.revoke(1, time.Now().Add(time.Hour)))
	env["GATEWAY_SSL_CRL_PATHS"] = crl
	r := run(t, ca, brokers(t), env)
	cert, cache := ca.issue("orders"), tls.NewLRUClientSessionCache(4)
	for want := range 2 {
		c, err := r.connect(cert, cache)
		must(t, err)
		if c.ConnectionState().DidResume != (want == 1) {
			t.Errorf("connection %d resumed: %v", want, want != 1)
		}
	}
	replace(t, crl, ca.revoke(2, time.Now().Add(time.Hour), cert))
	r.journal.await(t, 1, "TLS file reloaded", "GATEWAY_SSL_CRL_PATHS")
	for _, c := range []tls.ClientSessionCache{cache, nil} {
		if _, err := r.connect(cert, c); err == nil {
			t.Error("a revoked client was let in")
		}
	}
	r.refused(2)
	if _, err := r.connect(ca.issue("billing"), nil); err != nil {
		t.Errorf("another client: %v", err)
	}
}

// TestDenyListLive: denied at one gateway, a certificate loses its connections
// at all of them, and does not come in again until it is allowed.
func TestDenyListLive(t *testing.T) {
	for _, storage := range []string{"IN_MEMORY", "KAFKA"} {
		t.Run(storage, func(t *testing.T) {
			ca := newAuthority(t, "CA")
			env, addrs := stores(t, ca), brokers(t)
			env["GATEWAY_STORAGE_TYPE"] = storage
			here := run(t, ca, addrs, env)
			gateways := []*running{here}
			if storage == "KAFKA" {
				gateways = append(gateways, run(t, ca, addrs, env))
			}
			lost, other := ca.issue("orders"), ca.issue("billing")
			sum := sha256.Sum256(lost.Leaf.Raw)
			fingerprint := hex.EncodeToString(sum[:])
			cache := tls.NewLRUClientSessionCache(8)
			var theirs, ours []*client
			for _, r := range gateways {
				for range 3 {
					a, err := r.connect(lost, cache)
					must(t, err)
					b, err := r.connect(other, nil)
					must(t, err)
					theirs, ours = append(theirs, a), append(ours, b)
				}
			}

			began := time.Now()
			if status, body := here.ask("POST", "/admin/tls/denylist/v1", `{"fingerprint":"`+fingerprint+`","reason":"lost"}`); status != http.StatusCreated {
				t.Fatalf("%d %s", status, body)
			}
			for _, c := range theirs {
				if _, err := c.Read(make([]byte, 1)); err == nil {
					t.Error("a connection of the denied certificate got an answer")
				}
			}
			t.Logf("all connections had ended after %v", time.Since(began))
			for _, c := range ours {
				if err := c.speak(); err != nil {
					t.Errorf("another client: %v", err)
				}
			}
			for _, r := range gateways {
				for _, cache := range []tls.ClientSessionCache{cache, nil} {
					if _, err := r.connect(lost, cache); err == nil {
						t.Error("the denied certificate was let in")
					}
				}
				r.wantMetric(`gateway_connections_ended_total{side="gateway",reason="revoked"} 3`)
				r.refused(2)
				r.wantMetric(`gateway_tls_denied_certificates 1`)
			}
			if storage == "KAFKA" { // one that starts afterwards
				if _, err := run(t, ca, addrs, env).connect(lost, nil); err == nil {
					t.Error("the denied certificate was let in after a restart")
				}
			}

			if status, body := here.ask("DELETE", "/admin/tls/denylist/v1/"+fingerprint, ""); status != http.StatusNoContent {
				t.Fatalf("%d %s", status, body)
			}
			if _, err := here.connect(lost, nil); err != nil {
				t.Errorf("allowed again: %v", err)
			}
		})
	}
}

// TestStartFails: what cannot be loaded is named, and nothing is left running.
func TestStartFails(t *testing.T) {
	ca := newAuthority(t, "CA")
	env := stores(t, ca)
	replace(t, env["GATEWAY_SSL_KEY_STORE_PATH"], []byte("garbage"))
	environ := []string{
		"KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1", "GATEWAY_SECURITY_PROTOCOL=SSL", "GATEWAY_ADVERTISED_HOST=localhost",
		"GATEWAY_SSL_KEY_TYPE=pem", "GATEWAY_STORAGE_TYPE=IN_MEMORY",
	}
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	cfg, report := config.Load(environ, config.Options{})
	must(t, report.Err())
	_, err := Start(t.Context(), cfg, Options{})
	if err == nil || !strings.Contains(err.Error(), "GATEWAY_SSL_KEY_STORE_PATH: "+env["GATEWAY_SSL_KEY_STORE_PATH"]) {
		t.Errorf("%v", err)
	}
}
