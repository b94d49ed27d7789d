package engine

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/postern-kafka/postern/auth"
	"github.com/postern-kafka/postern/codec"
	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/session"
	"github.com/postern-kafka/postern/tlsterm"
)

// doormen judges by PLAIN with one password for all, and by auth's SCRAM.
type doormen struct{ *auth.Mechanisms }

func newDoormen(t testing.TB) doormen {
	t.Helper()
	m, err := auth.New(auth.Options{Scram: true, Accounts: oneAccount{}})
	if err != nil {
		t.Fatal(err)
	}
	return doormen{m}
}

func (d doormen) Names() []string { return append([]string{"PLAIN"}, d.Mechanisms.Names()...) }

func (d doormen) Begin(name string) (session.Exchange, bool) {
	if name == "PLAIN" {
		return new(password), true
	}
	x, ok := d.Mechanisms.Begin(name)
	return scramExchange{x}, ok
}

type scramExchange struct{ auth.Exchange }

func (x scramExchange) Step(message []byte, now time.Time) ([]byte, bool, error) {
	reply, done, err := x.Exchange.Step(message, now)
	var f *auth.Failure
	if errors.As(err, &f) {
		err = &session.Failure{Cause: f.Cause.String(), Text: f.Text}
	}
	return reply, done, err
}

func (x scramExchange) Proven() session.Proven { return session.Proven(x.Exchange.Proven()) }

// oneAccount is "scrammer" with the password "secret".
type oneAccount struct{}

func (oneAccount) HasLocal(string, string) bool { return true }

func (oneAccount) Scram(username, mechanism string) (auth.ScramCredential, string, bool) {
	c, err := auth.NewScramCredential(mechanism, "secret", []byte("salt of sixteen!"), 4096)
	return c, mapping.Passthrough, err == nil && username == "scrammer"
}

// password is an exchange by PLAIN.
type password struct{ proven session.Proven }

func (x *password) Step(message []byte, _ time.Time) ([]byte, bool, error) {
	parts := strings.Split(string(message), "\x00")
	if len(parts) != 3 || parts[2] != "secret" {
		return nil, false, &session.Failure{Cause: "bad-credentials", Text: "Authentication failed: Invalid username or password"}
	}
	x.proven = session.Proven{Principal: parts[1]}
	return nil, true, nil
}

func (x *password) Proven() session.Proven { return x.proven }

type seen struct{ name string }

func (o *seen) Client(message []byte) {
	if parts := strings.Split(string(message), "\x00"); len(parts) == 3 {
		o.name = parts[1]
	}
}
func (o *seen) Principal() (string, bool) { return o.name, o.name != "" }
func (o *seen) Rounds() int               { return 1 }

func see(string) session.Observer { return new(seen) }

// demanding makes the listener one on which clients log in at the gateway.
func demanding(t testing.TB, lifetime time.Duration) func(*Options) {
	versions := someVersions()
	return func(o *Options) {
		o.Listeners[0].SASL = &session.SASL{Mechanisms: newDoormen(t), Observe: see, MaxLifetime: lifetime}
		o.Versions = func() *codec.Versions { return versions }
		o.LoginFailureDelay = time.Millisecond
	}
}

func someVersions() *codec.Versions {
	answer := kmsg.NewPtrApiVersionsResponse()
	for key, row := range codec.Keys {
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MaxVersion = key, row.Max
		answer.ApiKeys = append(answer.ApiKeys, k)
	}
	return codec.NewVersions([]*kmsg.ApiVersionsResponse{answer})
}

// fakeCluster is one broker of kfake and what it speaks.
func fakeCluster(t *testing.T, options ...kfake.Opt) (*kfake.Cluster, *codec.Versions) {
	t.Helper()
	cluster, err := kfake.NewCluster(append(options, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "test", "1"
	answer, err := req.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	return cluster, codec.NewVersions([]*kmsg.ApiVersionsResponse{answer})
}

// produceOne sends one record as whoever mechanism makes of the client.
func produceOne(t *testing.T, addr string, options ...kgo.Opt) error {
	t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("orders"), kgo.RecordRetries(3))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := client.Ping(ctx); err != nil { // producing, it would go on trying
		return err
	}
	return client.ProduceSync(ctx, kgo.StringRecord("one")).FirstErr()
}

// TestClientLogsIn: a real client logs in by each mechanism, in clear and over TLS with
// either engine, and with a wrong password is told so.
func TestClientLogsIn(t *testing.T) {
	tr := newTrust(t)
	mechanisms := map[string]func(password string) sasl.Mechanism{
		"PLAIN":         func(p string) sasl.Mechanism { return plain.Auth{User: "shop", Pass: p}.AsMechanism() },
		"SCRAM-SHA-256": func(p string) sasl.Mechanism { return scram.Auth{User: "scrammer", Pass: p}.AsSha256Mechanism() },
		"SCRAM-SHA-512": func(p string) sasl.Mechanism { return scram.Auth{User: "scrammer", Pass: p}.AsSha512Mechanism() },
	}
	cluster, versions := fakeCluster(t)
	for name, engine := range map[string]tlsterm.Engine{"clear": tlsterm.Std, "own": tlsterm.Own, "std": tlsterm.Std} {
		var secure []kgo.Opt
		e, addr := startEngine(t, nil, func(o *Options) {
			demanding(t, 0)(o)
			o.Versions = func() *codec.Versions { return versions }
			o.Book = mapping.NewBook(cluster.ListenAddrs())
			if name != "clear" {
				o.TLSEngine = engine
				tr.secured(o)
				secure = append(secure, kgo.DialTLSConfig(tr.clientConfig(tls.VersionTLS13)))
			}
		})
		for mechanism, with := range mechanisms {
			t.Run(name+"/"+mechanism, func(t *testing.T) {
				if err := produceOne(t, addr, append(secure, kgo.SASL(with("secret")))...); err != nil {
					t.Error(err)
				}
				if err := produceOne(t, addr, append(secure, kgo.SASL(with("guess")))...); !errors.Is(err, kerr.SaslAuthenticationFailed) {
					t.Errorf("with a wrong password: %v", err)
				}
			})
		}
		settled(t, e) // a connection is counted when it has ended
		var b bytes.Buffer
		e.WriteMetrics(&b)
		for _, want := range []string{
			`gateway_failed_authentications_total{user="shop"} `,
			`gateway_authentication_failures_total{mechanism="PLAIN",cause="bad-credentials"} `,
			`gateway_authentication_failures_total{mechanism="SCRAM-SHA-256",cause="bad-credentials"} `,
		} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: no %s in\n%s", name, want, b.String())
			}
		}
	}
}

// saslFrames are SaslHandshake v1 and SaslAuthenticate v1 by PLAIN.
func saslFrames(password string) []byte {
	b := request(17, 1, 1, []byte("\x00\x05PLAIN"))
	message := "\x00shop\x00" + password
	return append(b, request(36, 1, 2, append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...))...)
}

// answered reads the answer with that correlation id and returns its error code.
func answered(t *testing.T, r io.Reader, corr byte) int16 {
	t.Helper()
	frame, err := readFrame(r)
	if err != nil || frame[7] != corr {
		t.Fatalf("%x, %v; want the answer %d", frame, err, corr)
	}
	return int16(binary.BigEndian.Uint16(frame[8:]))
}

// TestEarlyRequest: what a client sends together with its credentials is kept until
// the broker is there, and without its credentials being good no broker is dialled.
func TestEarlyRequest(t *testing.T) {
	tr := newTrust(t)
	for _, secure := range []bool{false, true} {
		for _, chop := range []int{1, 1 << 20} {
			broker := serveBroker(t, echo)
			e, addr := startEngine(t, broker, func(o *Options) {
				demanding(t, 0)(o)
				if secure {
					tr.secured(o)
				}
			})
			for _, password := range []string{"secret", "guess"} {
				var c net.Conn = dial(t, addr)
				if secure {
					c = tls.Client(c, tr.clientConfig(tls.VersionTLS13))
				}
				all := append(saslFrames(password), request(heartbeat, 4, 3, []byte("early"))...)
				for b := all; len(b) > 0; {
					n := min(chop, len(b))
					if _, err := c.Write(b[:n]); err != nil {
						t.Fatal(err)
					}
					b = b[n:]
				}
				if code := answered(t, c, 1); code != 0 {
					t.Errorf("the handshake: %d", code)
				}
				if password == "guess" {
					if code := answered(t, c, 2); code != 58 {
						t.Errorf("wrong credentials: %d", code)
					}
					if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
						t.Errorf("after the answer: %v, want an orderly end", err)
					}
					continue
				}
				if code := answered(t, c, 2); code != 0 {
					t.Errorf("good credentials: %d", code)
				}
				if frame, err := readFrame(c); err != nil || !bytes.Equal(frame, response(3, []byte("early"))) {
					t.Errorf("%x, %v", frame, err)
				}
				c.Close()
			}
			settled(t, e)
			if n := broker.taken.Load(); n != 1 {
				t.Errorf("%d connections to the broker", n)
			}
		}
	}
}

// TestLoginEnds: each way in which a login does not come about has a name of its own.
func TestLoginEnds(t *testing.T) {
	for reason, c := range map[string]struct {
		send   []byte
		side   string
		change func(*Options)
	}{
		"ended":                 {send: saslFrames("secret")[:20], side: "client"},
		"login-timeout":         {side: "client", change: func(o *Options) { o.LoginTimeout = 30 * time.Millisecond }},
		"authentication-failed": {send: saslFrames("guess"), side: "client"},
		"illegal-sasl-state":    {send: request(heartbeat, 4, 3, nil), side: "client"},
		"not-kafka":             {send: []byte("GET / HTTP/1.1\r\n\r\n"), side: "client"},
		"too-large":             {send: request(36, 1, 2, make([]byte, 10<<20)), side: "client"},
		"drained":               {side: "gateway"},
	} {
		t.Run(reason, func(t *testing.T) {
			broker := serveBroker(t, echo)
			e, addr := startEngine(t, broker, func(o *Options) {
				demanding(t, 0)(o)
				if c.change != nil {
					c.change(o)
				}
			})
			conn := dial(t, addr)
			if _, err := conn.Write(c.send); err != nil {
				t.Fatal(err)
			}
			switch reason {
			case "ended":
				if err := conn.CloseWrite(); err != nil {
					t.Fatal(err)
				}
			case "drained":
				until(t, "a login", func() bool { return e.halfOpen.count() > 0 })
				go func() { _ = e.Drain(context.Background(), 0) }()
			}
			if _, err := io.ReadAll(conn); err != nil {
				t.Errorf("the client got %v, not an orderly end", err)
			}
			conn.Close()
			settled(t, e)
			if want := fmt.Sprintf("{side=%q,reason=%q} 1", c.side, reason); endings(e) != want {
				t.Errorf("endings %s, want %s", endings(e), want)
			}
			if broker.taken.Load() != 0 {
				t.Error("a broker was dialled")
			}
		})
	}
}

// TestRepentHoldsNoPlace: while failed logins wait for their answers, others get in,
// and of one address no more than a limit wait.
func TestRepentHoldsNoPlace(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
		demanding(t, 0)(o)
		o.MaxAdmissions, o.MaxAdmissionsPerAddress = 1, 1
		o.LoginFailureDelay, o.MaxLoginFailuresPerAddress = time.Hour, 2
	})
	for range 2 {
		if _, err := dial(t, addr).Write(saslFrames("guess")); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "two who wait", func() bool { return e.penance.count() == 2 })
	third := dial(t, addr)
	if _, err := third.Write(saslFrames("guess")); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(third)
	if err != nil || bytes.Contains(got, []byte("Invalid")) {
		t.Errorf("the third got %q, %v; want no answer to its credentials", got, err)
	}
	c := dial(t, addr)
	if _, err := c.Write(saslFrames("secret")); err != nil {
		t.Fatal(err)
	}
	if answered(t, c, 1) != 0 || answered(t, c, 2) != 0 {
		t.Error("good credentials were refused meanwhile")
	}
	if got := e.penance.dropped.Load(); got != 1 {
		t.Errorf("%d went without an answer", got)
	}
}

// TestAnswerOutlivesTheLogin: the time for the login is over while a failed one waits
// for its answer, and the answer comes.
func TestAnswerOutlivesTheLogin(t *testing.T) {
	_, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
		demanding(t, 0)(o)
		o.LoginTimeout, o.LoginFailureDelay = 200*time.Millisecond, 400*time.Millisecond
	})
	c := dial(t, addr)
	if _, err := c.Write(saslFrames("guess")); err != nil {
		t.Fatal(err)
	}
	if answered(t, c, 1) != 0 || answered(t, c, 2) != 58 {
		t.Error("not the answer to wrong credentials")
	}
}

// TestLoginTruncated: an end in the midst of a login that TLS did not announce has a
// name of its own.
func TestLoginTruncated(t *testing.T) {
	tr := newTrust(t)
	for _, announced := range []bool{true, false} {
		e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
			demanding(t, 0)(o)
			tr.secured(o)
		})
		raw := dial(t, addr)
		c := tls.Client(raw, tr.clientConfig(tls.VersionTLS13))
		if _, err := c.Write(saslFrames("secret")[:20]); err != nil {
			t.Fatal(err)
		}
		end, want := raw.CloseWrite, "truncated"
		if announced {
			end, want = c.CloseWrite, "ended"
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, raw)
		settled(t, e)
		if got := endings(e); got != `{side="client",reason="`+want+`"} 1` {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestRefusedWithoutVCluster: the first request that needs a right is answered with the
// error of its API, in clear and by a certificate.
func TestRefusedWithoutVCluster(t *testing.T) {
	tr := newTrust(t)
	for _, secure := range []bool{false, true} {
		broker := serveBroker(t, echo)
		e, addr := startEngine(t, broker, func(o *Options) {
			demanding(t, 0)(o)
			o.Listeners[0].SASL, o.MandatoryVCluster = nil, true
			if secure {
				tr.secured(o)
			}
		})
		var c net.Conn = dial(t, addr)
		if secure {
			c = tls.Client(c, tr.clientConfig(tls.VersionTLS13))
		}
		if _, err := c.Write(append(request(18, 0, 1, nil), request(22, 0, 2, []byte("\xff\xff\x00\x00\x00\x01"))...)); err != nil {
			t.Fatal(err)
		}
		if code := answered(t, c, 1); code != 0 {
			t.Errorf("ApiVersions: %d", code)
		}
		frame, err := readFrame(c)
		if err != nil || int16(binary.BigEndian.Uint16(frame[12:])) != codec.ErrCodeTxnAuthorization {
			t.Errorf("InitProducerId: %x, %v", frame, err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("after the answer: %v", err)
		}
		c.Close()
		settled(t, e)
		if got := endings(e); got != `{side="client",reason="no-vcluster"} 1` || broker.taken.Load() != 0 {
			t.Errorf("%s, %d broker connections", got, broker.taken.Load())
		}
	}
}

// TestReauthentication: a client whose login holds for two seconds works on, on the
// same connection.
func TestReauthentication(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), demanding(t, time.Hour))
	c := dial(t, addr)
	send := func(b []byte) {
		t.Helper()
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	send(saslFrames("secret"))
	if answered(t, c, 1) != 0 || answered(t, c, 2) != 0 {
		t.Fatal("refused")
	}
	roundTrips(t, c, 10)
	send(append(request(heartbeat, 4, 5, []byte("before")), saslFrames("secret")...))
	if frame, err := readFrame(c); err != nil || !bytes.Equal(frame, response(5, []byte("before"))) {
		t.Fatalf("%x, %v: out of turn", frame, err)
	}
	if answered(t, c, 1) != 0 || answered(t, c, 2) != 0 {
		t.Error("refused anew")
	}
	roundTrips(t, c, 10)
	var b bytes.Buffer
	if e.WriteMetrics(&b); !strings.Contains(b.String(), "gateway_reauthentications_total 1\n") {
		t.Error("not counted")
	}
}

// TestRelayedLogin: a real client logs in at a broker through the gateway, which knows
// it by its name there.
func TestRelayedLogin(t *testing.T) {
	cluster, _ := fakeCluster(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "shop", "secret"))
	e, addr := startEngine(t, nil, func(o *Options) {
		o.Book = mapping.NewBook(cluster.ListenAddrs())
		o.Listeners[0].SASL = &session.SASL{Observe: see}
	})
	if err := produceOne(t, addr, kgo.SASL(plain.Auth{User: "shop", Pass: "secret"}.AsMechanism())); err != nil {
		t.Error(err)
	}
	if err := produceOne(t, addr, kgo.SASL(plain.Auth{User: "shop", Pass: "guess"}.AsMechanism())); err == nil {
		t.Error("a wrong password was taken")
	}
	settled(t, e)
	if e.counters.ended[session.Broker][session.Ended].Load() == 0 { // kfake says nothing
		t.Errorf("endings: %s", endings(e))
	}
}

// TestRelayTimeout: a client that never logs in at its broker is not kept.
func TestRelayTimeout(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
		o.Listeners[0].SASL = &session.SASL{Observe: see}
		o.LoginTimeout = 50 * time.Millisecond
	})
	c := dial(t, addr)
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
	c.Close()
	settled(t, e)
	if got := endings(e); got != `{side="client",reason="login-timeout"} 1` {
		t.Error(got)
	}
}

// TestFailedUsersAreBounded: anybody can make names up.
func TestFailedUsersAreBounded(t *testing.T) {
	var f failedLogins
	for i := range 3 * maxFailedUsers {
		f.note(session.Reason{Cause: &session.LoginError{User: fmt.Sprint("user ", i, "\"\n", strings.Repeat("é", 100)), Failure: session.Failure{Cause: "c"}}})
	}
	if len(f.users) > maxFailedUsers+1 || f.users[otherUsers] < maxFailedUsers {
		t.Errorf("%d names, %d others", len(f.users), f.users[otherUsers])
	}
	for name := range f.users {
		if strings.ContainsAny(name, "\"\n\\") || len(name) > maxFailedUser+4 {
			t.Fatalf("%q is a label", name)
		}
	}
}
