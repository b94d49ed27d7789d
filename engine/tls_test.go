package engine

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/internal/kafkatest/certs"
	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/tlsterm"
)

// trust is an authority with a certificate for each side.
type trust struct {
	roots          *x509.CertPool
	server, client tls.Certificate
}

func newTrust(tb testing.TB) trust {
	tb.Helper()
	ca, err := certs.NewAuthority("Test CA", certs.ECDSAP256)
	if err != nil {
		tb.Fatal(err)
	}
	t := trust{roots: x509.NewCertPool()}
	t.roots.AddCert(ca.Cert)
	for name, into := range map[string]*tls.Certificate{"localhost": &t.server, "orders": &t.client} {
		pair, err := ca.Issue(certs.Request{Subject: pkix.Name{CommonName: name}, Hosts: []string{"localhost", "127.0.0.1"}})
		if err != nil {
			tb.Fatal(err)
		}
		*into = tls.Certificate{Certificate: [][]byte{pair.Cert.Raw}, PrivateKey: pair.Key}
	}
	return t
}

// secured makes the engine's only listener one with mutual TLS.
func (tr trust) secured(o *Options) {
	cfg := tlsterm.ServerConfig(tr.server, tr.roots, tlsterm.Require)
	o.Listeners[0].TLS = func() *tls.Config { return cfg }
	o.Listeners[0].Principal = func(id tlsterm.Identity) (string, error) { return id.DN(), nil }
}

func (tr trust) clientConfig(version uint16) *tls.Config {
	return &tls.Config{
		RootCAs: tr.roots, Certificates: []tls.Certificate{tr.client},
		ServerName: "localhost", MinVersion: version, MaxVersion: version,
	}
}

func TestMutualTLSBothLegs(t *testing.T) {
	tr := newTrust(t)
	brokerTLS := tlsterm.ServerConfig(tr.server, tr.roots, tlsterm.Require)
	for name, c := range map[string]struct {
		version uint16
		engine  tlsterm.Engine
	}{
		"TLS 1.2":     {tls.VersionTLS12, tlsterm.Own},
		"TLS 1.3":     {tls.VersionTLS13, tlsterm.Own},
		"TLS 1.2 std": {tls.VersionTLS12, tlsterm.Std},
		"TLS 1.3 std": {tls.VersionTLS13, tlsterm.Std},
	} {
		version, engine := c.version, c.engine
		t.Run(name, func(t *testing.T) {
			broker := serveBroker(t, func(c *net.TCPConn) {
				tc := tls.Server(c, brokerTLS)
				for {
					frame, err := readFrame(tc)
					if err != nil {
						return
					}
					if _, err := tc.Write(response(int32(frame[11]), frame[14:])); err != nil {
						return
					}
				}
			})
			e, addr := startEngine(t, broker, func(o *Options) {
				tr.secured(o)
				o.Users.Put(mapping.Mapping{Username: "shop", Principal: "CN=orders", VCluster: mapping.Passthrough})
				o.TLSEngine = engine
				o.BrokerTLS = func(string) *tls.Config { return tr.clientConfig(version) }
			})
			c := tls.Client(dial(t, addr), tr.clientConfig(version))
			roundTrips(t, c, 1, 5000, 16<<10, 100_000, 2<<20)
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			settled(t, e)
			if got := endings(e); got != `{side="client",reason="ended"} 1` {
				t.Error(got)
			}
		})
	}
}

// TestHandshakeFailures: each kind of stranger is told apart, costs no broker
// connection, and leaves nothing.
func TestHandshakeFailures(t *testing.T) {
	tr, other := newTrust(t), newTrust(t)
	stranger := tr.clientConfig(tls.VersionTLS13)
	stranger.Certificates = []tls.Certificate{other.client}
	nobody := tr.clientConfig(tls.VersionTLS13)
	nobody.Certificates = nil
	handshake := func(cfg *tls.Config) func(*testing.T, *net.TCPConn) {
		return func(t *testing.T, c *net.TCPConn) {
			tc := tls.Client(c, cfg)
			if err := tc.Handshake(); err == nil {
				_, err = tc.Read(make([]byte, 1)) // TLS 1.3 tells after the client's Finished
				if err == nil || !strings.Contains(err.Error(), "tls:") {
					t.Errorf("the client got %v, no alert", err)
				}
			}
		}
	}
	write := func(b string) func(*testing.T, *net.TCPConn) {
		return func(t *testing.T, c *net.TCPConn) {
			if _, err := c.Write([]byte(b)); err != nil {
				t.Error(err)
			}
			_, _ = io.Copy(io.Discard, c)
		}
	}
	for cause, peer := range map[string]func(*testing.T, *net.TCPConn){
		"no certificate":  handshake(nobody),
		"unknown ca":      handshake(stranger),
		"plaintext kafka": write(string(request(18, 3, 1, []byte{0, 4, 'j', 'a', 'v', 'a', 2, '1', 0}))),
		"http":            write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n"),
		"timeout":         write("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
	} {
		t.Run(cause, func(t *testing.T) {
			broker := serveBroker(t, echo)
			e, addr := startEngine(t, broker, func(o *Options) {
				tr.secured(o)
				o.Loops = 1
				if cause == "timeout" {
					o.HandshakeTimeout = 50 * time.Millisecond
				}
			})
			peer(t, dial(t, addr))
			settled(t, e)
			var b bytes.Buffer
			e.WriteMetrics(&b)
			if want := fmt.Sprintf("gateway_handshake_failures_total{cause=%q} 1\n", cause); !strings.Contains(b.String(), want) {
				t.Errorf("no %s in\n%s", want, b.String())
			}
			if broker.taken.Load() != 0 {
				t.Error("a broker was dialled for a stranger")
			}
		})
	}
}

// TestEarlyData: what a client sends together with its Finished is not lost.
func TestEarlyData(t *testing.T) {
	tr := newTrust(t)
	_, addr := startEngine(t, serveBroker(t, echo), tr.secured)
	raw := dial(t, addr)
	w := &corked{Conn: raw}
	c := tls.Client(w, tr.clientConfig(tls.VersionTLS13))
	if err := c.HandshakeContext(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(request(heartbeat, 4, 5, []byte("early"))); err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Write(w.kept); err != nil {
		t.Fatal(err)
	}
	frame, err := readFrame(c)
	if err != nil || !bytes.Equal(frame, response(5, []byte("early"))) {
		t.Errorf("%x, %v", frame, err)
	}
}

// corked lets the ClientHello through and keeps what is written after it.
type corked struct {
	net.Conn
	hello bool
	kept  []byte
}

func (c *corked) Write(b []byte) (int, error) {
	if !c.hello {
		c.hello = true
		return c.Conn.Write(b)
	}
	c.kept = append(c.kept, b...)
	return len(b), nil
}

// TestTruncation: an end that TLS did not announce is told apart from one that
// it did; somebody between may have cut the stream.
func TestTruncation(t *testing.T) {
	tr := newTrust(t)
	for _, engine := range []tlsterm.Engine{tlsterm.Own, tlsterm.Std} {
		t.Run(engine.String(), func(t *testing.T) {
			e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
				tr.secured(o)
				o.TLSEngine = engine
			})
			raw := dial(t, addr)
			c := tls.Client(raw, tr.clientConfig(tls.VersionTLS13))
			roundTrips(t, c, 10)
			if err := raw.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, raw)
			settled(t, e)
			if got := endings(e); got != `{side="client",reason="truncated"} 1` {
				t.Error(got)
			}
		})
	}
}
