package engine

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/postern-kafka/postern/internal/kafkatest/certs"
	"github.com/postern-kafka/postern/tlsterm"
)

// alive sends a request and gets its answer.
func alive(t *testing.T, c *tls.Conn) error {
	t.Helper()
	if _, err := c.Write(request(heartbeat, 4, 7, []byte("alive"))); err != nil {
		return err
	}
	frame, err := readFrame(c)
	if err == nil && !bytes.Equal(frame, response(7, []byte("alive"))) {
		t.Fatalf("%x", frame)
	}
	return err
}

// TestRevoke: all connections of one certificate end, on all loops, idle or not
// reading what is sent to them; those of others do not notice.
func TestRevoke(t *testing.T) {
	tr, other := twoClients(t)
	const many = 8
	e, addr := startEngine(t, serveBroker(t, echo), tr.secured)
	connect := func(who tls.Certificate) *tls.Conn {
		cfg := tr.clientConfig(tls.VersionTLS13)
		cfg.Certificates = []tls.Certificate{who}
		c := tls.Client(dial(t, addr), cfg)
		if err := alive(t, c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	var theirs, ours []*tls.Conn
	for range many {
		theirs, ours = append(theirs, connect(tr.client)), append(ours, connect(other))
	}
	// One asks for more than sockets hold, and reads nothing.
	deaf := connect(tr.client)
	stuck := make(chan struct{})
	go func() {
		defer close(stuck)
		for {
			if _, err := deaf.Write(request(heartbeat, 4, 1, make([]byte, 1<<20))); err != nil {
				return
			}
		}
	}()

	denied := fingerprintOf(t, tr.client)
	e.Revoke(func(id tlsterm.Identity) bool { return id.Fingerprint() == denied })

	// The loops have nothing left to do for them once they have done it: a client
	// that does not read buys no time.
	for _, lp := range e.loops {
		done := make(chan struct{})
		lp.do(func() { close(done) })
		<-done
	}
	if n := e.counters.active.Load(); n != many {
		t.Errorf("%d connections, want %d", n, many)
	}
	<-stuck
	for _, c := range theirs {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a revoked client was answered")
		}
	}
	for _, c := range ours {
		if err := alive(t, c); err != nil {
			t.Errorf("another client: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	settled(t, e)
	if got, want := endings(e), "{side=\"client\",reason=\"ended\"} 8\n{side=\"gateway\",reason=\"revoked\"} 9"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// TestRevokedBetweenHandshakeAndLoop: whoever was let in a moment before is not
// served either.
func TestRevokedBetweenHandshakeAndLoop(t *testing.T) {
	tr := newTrust(t)
	var revoked atomic.Bool
	answered := make(chan struct{}, 1)
	broker := serveBroker(t, func(c *net.TCPConn) {
		if _, err := readFrame(c); err == nil {
			answered <- struct{}{}
		}
	})
	e, addr := startEngine(t, broker, func(o *Options) {
		tr.secured(o)
		// The rules for principals come after the handshake.
		o.Listeners[0].Principal = func(id tlsterm.Identity) (string, error) {
			revoked.Store(true)
			return id.DN(), nil
		}
		o.Revoked = func(id tlsterm.Identity) bool { return revoked.Load() && id.DN() == "CN=orders" }
	})
	c := tls.Client(dial(t, addr), tr.clientConfig(tls.VersionTLS13))
	if err := alive(t, c); err == nil {
		t.Error("a revoked client was answered")
	}
	settled(t, e)
	if got := endings(e); got != `{side="gateway",reason="revoked"} 1` {
		t.Error(got)
	}
	if len(answered) != 0 {
		t.Error("its request came to the broker")
	}
}

// TestRevokeLeavesOthers: clients without a certificate, and an engine without
// any connection.
func TestRevokeLeavesOthers(t *testing.T) {
	everybody := func(tlsterm.Identity) bool { return true }
	e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) { o.Revoked = everybody })
	e.Revoke(everybody)
	c := dial(t, addr)
	for range 2 {
		if _, err := c.Write(request(heartbeat, 4, 7, nil)); err != nil {
			t.Fatal(err)
		}
		if _, err := readFrame(c); err != nil {
			t.Fatal(err)
		}
		e.Revoke(everybody)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	settled(t, e)
	if got := endings(e); !strings.HasPrefix(got, `{side="client",reason="ended"}`) {
		t.Error(got)
	}
}

// twoClients is newTrust with a second client of the same authority.
func twoClients(t *testing.T) (tr trust, second tls.Certificate) {
	t.Helper()
	ca, err := certs.NewAuthority("Test CA", certs.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	server, err := ca.Server("localhost", certs.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	var clients [2]tls.Certificate
	for i, name := range []string{"orders", "billing"} {
		pair, err := ca.Client(name)
		if err != nil {
			t.Fatal(err)
		}
		clients[i] = pair.Certificate()
	}
	return trust{roots: ca.Pool(), server: server.Certificate(), client: clients[0]}, clients[1]
}

func fingerprintOf(t *testing.T, cert tls.Certificate) [sha256.Size]byte {
	t.Helper()
	return sha256.Sum256(cert.Certificate[0])
}
