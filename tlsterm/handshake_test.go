package tlsterm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// patience is what a test waits for what must come; nothing waits for it to pass.
const patience = 20 * time.Second

// sockets is a connected pair of TCP sockets.
func sockets(tb testing.TB) (client, server net.Conn) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		tb.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		tb.Fatal(err)
	}
	for _, c := range []net.Conn{client, server} {
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { c.Close() })
	}
	return client, server
}

func patient(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	tb.Cleanup(cancel)
	return ctx
}

type outcome struct {
	conn *Conn
	id   Identity
	err  error
}

// engines are the two on either side, for tests that must hold with both.
type engines struct{ client, server Engine }

// shake runs a handshake between our two sides.
func shake(tb testing.TB, clientCfg, serverCfg *tls.Config) (client, server outcome) {
	tb.Helper()
	return engines{}.shake(tb, clientCfg, serverCfg)
}

func (e engines) shake(tb testing.TB, clientCfg, serverCfg *tls.Config) (client, server outcome) {
	tb.Helper()
	a, b := sockets(tb)
	done := make(chan struct{})
	go func() {
		defer close(done)
		client.conn, client.err = e.client.Client(patient(tb), a, clientCfg)
	}()
	server.conn, server.id, server.err = e.server.Server(patient(tb), b, serverCfg)
	if server.err != nil { // not closed, for bytes unread would turn that into a reset
		if err := b.(*net.TCPConn).CloseWrite(); err != nil {
			tb.Error(err)
		}
	}
	<-done
	if client.err == nil && server.err != nil { // TLS 1.3 refuses after the client is done
		rest, err := io.ReadAll(a)
		if err != nil {
			tb.Errorf("reading the refusal: %v", err)
		}
		client.err = client.conn.Feed(rest, func([]byte) {})
	}
	return client, server
}

// pair is shake for a handshake that must succeed.
func pair(tb testing.TB, clientCfg, serverCfg *tls.Config) (client, server *Conn, id Identity) {
	tb.Helper()
	return engines{}.pair(tb, clientCfg, serverCfg)
}

func (e engines) pair(tb testing.TB, clientCfg, serverCfg *tls.Config) (client, server *Conn, id Identity) {
	tb.Helper()
	c, s := e.shake(tb, clientCfg, serverCfg)
	if c.err != nil || s.err != nil {
		tb.Fatalf("client: %v; server: %v", c.err, s.err)
	}
	return c.conn, s.conn, s.id
}

// Every kind of client certificate under every kind of client authentication,
// in both versions, with both kinds of key.
func TestClientAuth(t *testing.T) {
	ca, rogue := newAuthority(t, "CA"), newAuthority(t, "Rogue CA")
	selfCert, selfPool := selfSigned(t)
	certs := map[string]*tls.Certificate{
		"none":       nil,
		"EC":         new(ca.issue(t, "client", newECKey())),
		"RSA":        new(ca.issue(t, "client", rsaKey())),
		"rogue":      new(rogue.issue(t, "client", newECKey())),
		"expired":    new(ca.issue(t, "client", newECKey(), expired)),
		"future":     new(ca.issue(t, "client", newECKey(), future)),
		"server's":   new(ca.issue(t, "client", newECKey(), forServers)),
		"own anchor": &selfCert,
	}
	want := map[string]string{ // the cause at the server; "" is success
		"EC": "", "RSA": "", "own anchor": "",
		"rogue": "unknown ca", "expired": "certificate expired", "future": "certificate not yet valid", "server's": "certificate usage",
	}
	alerts := map[string][]string{ // what the client is told
		"none": {"certificate_required", "handshake_failure"}, "rogue": {"unknown_ca"}, "expired": {"certificate_expired"},
		"future": {"certificate_expired"}, "server's": {"bad_certificate"},
	}
	for _, serverKey := range []string{"EC", "RSA"} {
		serverCert := ca.issue(t, "server", newECKey())
		if serverKey == "RSA" {
			serverCert = ca.issue(t, "server", rsaKey())
		}
		for _, version := range versions {
			for kind, cert := range certs {
				for _, auth := range []ClientAuth{None, Optional, Require} {
					t.Run(fmt.Sprintf("%s server, %s, %s client, %v", serverKey, tls.VersionName(version), kind, auth), func(t *testing.T) {
						roots := ca.pool
						if kind == "own anchor" {
							roots = selfPool
						}
						cfg := ClientConfig(ClientOptions{Roots: ca.pool, Certificate: cert, ServerName: "localhost"})
						cfg.MaxVersion = version
						client, server := shake(t, cfg, ServerConfig(serverCert, roots, auth))

						cause := want[kind]
						switch {
						case auth == None, kind == "none" && auth == Optional:
							cause = ""
						case kind == "none":
							cause = "no certificate"
						}
						if got := HandshakeCause(server.err); got != cause {
							t.Fatalf("the server ends with %q (%v), want %q", got, server.err, cause)
						}
						if cause != "" {
							told := strings.TrimPrefix(HandshakeCause(client.err), "peer alert: ")
							if !slices.Contains(alerts[kind], told) {
								t.Errorf("the client is told %q (%v), want %q", told, client.err, alerts[kind])
							}
							if !errors.Is(server.err, ErrTLS) || !errors.Is(client.err, ErrTLS) || !server.id.Anonymous() {
								t.Errorf("server %v %v, client %v", server.err, server.id, client.err)
							}
							return
						}
						if server.conn.Version() != version || client.conn.Version() != version || server.conn.CipherSuite() != client.conn.CipherSuite() {
							t.Errorf("versions %x and %x", server.conn.Version(), client.conn.Version())
						}
						checkIdentity(t, server.id, cert, auth)
					})
				}
			}
		}
	}
}

func checkIdentity(t *testing.T, id Identity, cert *tls.Certificate, auth ClientAuth) {
	t.Helper()
	if cert == nil || auth == None {
		if !id.Anonymous() || id != (Identity{}) || id.DN() != "" || id.Serial() != "" || !id.NotAfter().IsZero() || id.Fingerprint() != [32]byte{} {
			t.Errorf("nobody is %q", id.DN())
		}
		return
	}
	dn, err := FormatDN(cert.Leaf.RawSubject)
	if err != nil {
		t.Fatal(err)
	}
	if id.Anonymous() || id.DN() != dn || id.Serial() != "C0FFEE" || !id.NotAfter().Equal(cert.Leaf.NotAfter) ||
		id.Fingerprint() != sha256.Sum256(cert.Leaf.Raw) {
		t.Errorf("identity %q %s, want %q", id.DN(), id.Serial(), dn)
	}
}

// A certificate that was asked for and not verified proves nothing, and without
// trust anchors nobody is verified.
func TestUnverified(t *testing.T) {
	cert, pool := selfSigned(t)
	cfg := ClientConfig(ClientOptions{Roots: pool, Certificate: &cert, ServerName: "localhost"})
	serverCfg := ServerConfig(cert, nil, None)
	serverCfg.ClientAuth = tls.RequestClientCert
	if _, _, id := pair(t, cfg, serverCfg); !id.Anonymous() {
		t.Errorf("an unverified certificate makes %q", id.DN())
	}
	if ServerConfig(cert, nil, Require).ClientCAs == nil {
		t.Error("without anchors the system's are taken")
	}
	for _, auth := range []ClientAuth{Optional, Require, 99} {
		if _, server := shake(t, cfg, ServerConfig(cert, nil, auth)); HandshakeCause(server.err) != "unknown ca" {
			t.Errorf("%v without anchors: %v", auth, server.err)
		}
	}
}

// The client's side: whom it believes.
func TestServerCertificate(t *testing.T) {
	ca, rogue := newAuthority(t, "CA"), newAuthority(t, "Rogue CA")
	for _, c := range []struct {
		name string
		cert tls.Certificate
		opts ClientOptions
		want string
	}{
		{"good", ca.issue(t, "server", newECKey()), ClientOptions{ServerName: "localhost"}, ""},
		{"other name", ca.issue(t, "server", newECKey(), elsewhere), ClientOptions{ServerName: "localhost"}, "certificate name"},
		{"other name, not checked", ca.issue(t, "server", newECKey(), elsewhere), ClientOptions{ServerName: "localhost", SkipHostName: true}, ""},
		{"no name, not checked", ca.issue(t, "server", newECKey(), elsewhere), ClientOptions{SkipHostName: true}, ""},
		{"rogue", rogue.issue(t, "server", newECKey()), ClientOptions{ServerName: "localhost"}, "unknown ca"},
		{"rogue, name not checked", rogue.issue(t, "server", newECKey()), ClientOptions{SkipHostName: true}, "unknown ca"},
		{"expired", ca.issue(t, "server", newECKey(), expired), ClientOptions{ServerName: "localhost"}, "certificate expired"},
		{"expired, name not checked", ca.issue(t, "server", newECKey(), expired), ClientOptions{SkipHostName: true}, "certificate expired"},
	} {
		for _, version := range versions {
			t.Run(c.name+", "+tls.VersionName(version), func(t *testing.T) {
				c.opts.Roots = ca.pool
				cfg := ClientConfig(c.opts)
				cfg.MaxVersion = version
				client, server := shake(t, cfg, ServerConfig(c.cert, nil, None))
				if got := HandshakeCause(client.err); got != c.want {
					t.Fatalf("the client ends with %q (%v), want %q", got, client.err, c.want)
				}
				if got := HandshakeCause(server.err); c.want != "" && !strings.HasPrefix(got, "peer alert: ") {
					t.Errorf("the server is told %q (%v)", got, server.err)
				}
			})
		}
	}
}

// Application data that comes in the same segment as the end of the handshake
// stays in the kernel. In TLS 1.3 the client's Finished is the last word.
func TestRecordExact13(t *testing.T) {
	cert, pool := selfSigned(t)
	cfg := ClientConfig(ClientOptions{Roots: pool, Certificate: &cert, ServerName: "localhost"})
	sendEarly(t, cfg, ServerConfig(cert, pool, Require), false)
}

// In TLS 1.2 it is only when a session is resumed.
func TestRecordExact12(t *testing.T) {
	cert, pool := selfSigned(t)
	serverCfg := ServerConfig(cert, pool, Require)
	cfg := ClientConfig(ClientOptions{Roots: pool, Certificate: &cert, ServerName: "localhost"})
	cfg.MaxVersion = tls.VersionTLS12
	cfg.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	pair(t, cfg, serverCfg)
	sendEarly(t, cfg, serverCfg, true)
}

// sendEarly has a client send its second flight and 45 kB of data as one.
func sendEarly(t *testing.T, clientCfg, serverCfg *tls.Config, resumed bool) {
	t.Helper()
	a, b := sockets(t)
	hold := &holding{Conn: a, holdFrom: 2} // the hello goes out by itself
	early := bytes.Repeat([]byte("early"), 9000)
	failed := make(chan error, 1)
	var ofHandshake int
	go func() {
		peer := tls.Client(hold, clientCfg)
		err := peer.Handshake()
		ofHandshake = len(hold.held)
		_, werr := peer.Write(early)
		if peer.ConnectionState().DidResume != resumed {
			werr = errors.New("resumed, or not, against expectation")
		}
		failed <- errors.Join(err, werr, hold.release(), a.(*net.TCPConn).CloseWrite())
	}()
	conn, id, err := Server(patient(t), b, serverCfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	unread, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(unread, hold.held[ofHandshake:]) {
		t.Fatalf("of %d bytes behind the handshake %d are left in the socket, %v", len(hold.held)-ofHandshake, len(unread), err)
	}
	var got []byte
	err = conn.Feed(unread, func(p []byte) { got = append(got, p...) })
	if err != nil || !bytes.Equal(got, early) || id.DN() != "CN=username,O=Postern" {
		t.Errorf("%d bytes of %d from %q, %v", len(got), len(early), id.DN(), err)
	}
}

// holding is a socket that gathers what is written, from the n-th write on,
// until released: then all of it goes out as one.
type holding struct {
	net.Conn
	holdFrom, writes int
	held             []byte
}

func (h *holding) Write(p []byte) (int, error) {
	if h.writes++; h.holdFrom > 0 && h.writes >= h.holdFrom {
		h.held = append(h.held, p...)
		return len(p), nil
	}
	return h.Conn.Write(p)
}

func (h *holding) release() error {
	_, err := h.Conn.Write(h.held)
	return err
}

// A resumed session has the identity of the first, and the checks see it again.
func TestResumption(t *testing.T) {
	ca := newAuthority(t, "CA")
	cert := ca.issue(t, "client", newECKey())
	for _, version := range versions {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			var seen []string
			var refuse error
			serverCfg := ServerConfig(ca.issue(t, "server", newECKey()), ca.pool, Require, func(id Identity) error {
				seen = append(seen, id.DN())
				return refuse
			})
			cfg := ClientConfig(ClientOptions{Roots: ca.pool, Certificate: &cert, ServerName: "localhost"})
			cfg.MaxVersion = version
			cfg.ClientSessionCache = tls.NewLRUClientSessionCache(4)
			connect := func() (Identity, bool, error) {
				a, b := sockets(t)
				peer := tls.Client(a, cfg)
				done := make(chan bool)
				go func() { // reads the ticket and the answer, or the refusal
					_, _ = peer.Read(make([]byte, 8))
					done <- peer.ConnectionState().DidResume
				}()
				conn, id, err := Server(patient(t), b, serverCfg)
				if err == nil {
					sealed, serr := conn.Seal(nil, []byte("x"))
					if serr != nil {
						t.Fatal(serr)
					}
					if _, werr := b.Write(sealed); werr != nil {
						t.Fatal(werr)
					}
				}
				b.Close()
				return id, <-done, err
			}
			first, resumed, err := connect()
			if err != nil || resumed {
				t.Fatalf("first connection: resumed %v, %v", resumed, err)
			}
			second, resumed, err := connect()
			if err != nil || !resumed {
				t.Fatalf("second connection: resumed %v, %v", resumed, err)
			}
			if second.Anonymous() || second.DN() != first.DN() || second.Fingerprint() != first.Fingerprint() || second.Serial() != first.Serial() {
				t.Errorf("resumed as %q, first %q", second.DN(), first.DN())
			}
			refuse = errors.New("on the deny list")
			if id, _, err := connect(); HandshakeCause(err) != "identity refused" || !errors.Is(err, refuse) || !id.Anonymous() {
				t.Errorf("a refused one resumes: %q, %v", id.DN(), err)
			}
			if want := []string{first.DN(), first.DN(), first.DN()}; !slices.Equal(seen, want) {
				t.Errorf("the check saw %q, want %q", seen, want)
			}
		})
	}
}

// A new configuration ends the sessions of the old one.
func TestTicketKeysEnd(t *testing.T) {
	cert, pool := selfSigned(t)
	cfg := ClientConfig(ClientOptions{Roots: pool, Certificate: &cert, ServerName: "localhost"})
	cfg.MaxVersion = tls.VersionTLS12
	cfg.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	for range 2 {
		c, _, _ := engines{client: Std}.pair(t, cfg, ServerConfig(cert, pool, Require))
		if c.records.(*std).tls.ConnectionState().DidResume {
			t.Fatal("resumed under another key")
		}
	}
}

// What comes to a TLS port by mistake or malice is told apart, at once: the
// deadline is far and the peer keeps its end open.
func TestWrongDoor(t *testing.T) {
	cert, _ := selfSigned(t)
	kafka := []byte{0, 0, 0, 42, 0, 18, 0, 3, 0, 0, 0, 1, 0, 4, 'k', 'c', 'a', 't'}
	for _, c := range []struct {
		name, sent, want string
	}{
		{"Kafka", string(kafka), "plaintext kafka"},
		{"Kafka, large", "\x06\x40\x00\x00\x00\x00\x00\x09", "plaintext kafka"},
		{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http"},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http"},
		{"SSLv2", "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", "sslv2"},
		{"SSH", "SSH-2.0-OpenSSH_9.2\r\n", "not tls"},
		{"garbage", "\xde\xad\xbe\xef\xde\xad\xbe\xef", "not tls"},
		{"a record that is too long", "\x16\x03\x01\xff\xff\x01", "protocol error"},
		{"a record that is no hello", "\x16\x03\x01\x00\x05\x63\x00\x00\x01\x00", "protocol error"},
		{"application data first", "\x17\x03\x03\x00\x05hello", "protocol error"},
		{"an alert first", "\x15\x03\x03\x00\x02\x02\x28", "peer alert: handshake_failure"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := sockets(t)
			if _, err := a.Write([]byte(c.sent)); err != nil {
				t.Fatal(err)
			}
			_, id, err := Server(patient(t), b, ServerConfig(cert, nil, None))
			if got := HandshakeCause(err); got != c.want || !errors.Is(err, ErrTLS) || !id.Anonymous() {
				t.Errorf("%q (%v), want %q", got, err, c.want)
			}
		})
	}
}

func TestPeerGone(t *testing.T) {
	cert, _ := selfSigned(t)
	hello := clientHello(t)
	for _, n := range []int{0, 3, 5, 60, len(hello) - 1, len(hello)} {
		a, b := sockets(t)
		if _, err := a.Write(hello[:n]); err != nil {
			t.Fatal(err)
		}
		if err := a.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Server(patient(t), b, ServerConfig(cert, nil, None)); HandshakeCause(err) != "peer closed" {
			t.Errorf("after %d bytes of a hello: %q (%v)", n, HandshakeCause(err), err)
		}
	}
}

// Half a hello and then silence ends at the deadline, and a canceled context at
// once; the socket is left open and without data read beyond the hello.
func TestSilence(t *testing.T) {
	cert, _ := selfSigned(t)
	hello := clientHello(t)
	t.Run("deadline", func(t *testing.T) {
		a, b := sockets(t)
		if _, err := a.Write(hello[:len(hello)/2]); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_, _, err := Server(ctx, b, ServerConfig(cert, nil, None))
		if HandshakeCause(err) != "timeout" {
			t.Errorf("%q (%v)", HandshakeCause(err), err)
		}
	})
	t.Run("canceled", func(t *testing.T) {
		a, b := sockets(t)
		ctx, cancel := context.WithCancel(context.Background())
		reading := &announcing{Conn: b, reading: make(chan struct{}, 64)}
		go func() {
			<-reading.reading
			cancel()
		}()
		_, _, err := Server(ctx, reading, ServerConfig(cert, nil, None))
		if HandshakeCause(err) != "canceled" {
			t.Errorf("%q (%v)", HandshakeCause(err), err)
		}
		if err := b.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatalf("the socket was closed: %v", err)
		}
		if _, err := a.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Read(make([]byte, 1)); err != nil {
			t.Errorf("the socket does not read: %v", err)
		}
	})
	t.Run("before the start", func(t *testing.T) {
		_, b := sockets(t)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, _, err := Server(ctx, b, ServerConfig(cert, nil, None)); HandshakeCause(err) != "canceled" {
			t.Errorf("%q (%v)", HandshakeCause(err), err)
		}
	})
}

// announcing says when somebody waits for it to read.
type announcing struct {
	net.Conn
	reading chan struct{}
}

func (a *announcing) Read(p []byte) (int, error) {
	a.reading <- struct{}{}
	return a.Conn.Read(p)
}

// A socket has no deadline after the handshake: the loop has its own timers.
func TestNoDeadlineAfterwards(t *testing.T) {
	cert, pool := selfSigned(t)
	a, b := sockets(t)
	done := make(chan error, 1)
	go func() {
		_, err := Client(patient(t), a, ClientConfig(ClientOptions{Roots: pool, ServerName: "localhost"}))
		done <- err
	}()
	watched := &deadlines{Conn: b}
	if _, _, err := Server(patient(t), watched, ServerConfig(cert, nil, None)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(watched.set) != 2 || watched.set[0].IsZero() || !watched.set[1].IsZero() {
		t.Errorf("deadlines set: %v", watched.set)
	}
}

type deadlines struct {
	net.Conn
	set []time.Time
}

func (d *deadlines) SetDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return d.Conn.SetDeadline(at)
}

// A client that nobody knows cannot make us hold more than 64 KiB.
func TestHandshakeLimit(t *testing.T) {
	ca := newAuthority(t, "CA")
	cert := ca.issue(t, "client", newECKey(), func(c *x509.Certificate) {
		c.DNSNames = []string{strings.Repeat("x.", 50_000)}
	})
	for _, version := range versions {
		cfg := ClientConfig(ClientOptions{Roots: ca.pool, Certificate: &cert, ServerName: "localhost"})
		cfg.MaxVersion = version
		a, b := sockets(t)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = Client(patient(t), a, cfg) // it fails or not: the server is asked
		}()
		_, _, err := Server(patient(t), b, ServerConfig(ca.issue(t, "server", newECKey()), ca.pool, Require))
		if HandshakeCause(err) != "handshake too large" {
			t.Errorf("%s: %q (%v)", tls.VersionName(version), HandshakeCause(err), err)
		}
		b.Close()
		<-done
	}
}

func TestNoCommonGround(t *testing.T) {
	cert, pool := selfSigned(t)
	for want, change := range map[string]func(*tls.Config){
		"protocol version": func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 },
		"no common cipher suite": func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
		},
	} {
		cfg := ClientConfig(ClientOptions{Roots: pool, ServerName: "localhost"})
		change(cfg)
		_, server := shake(t, cfg, ServerConfig(cert, nil, None))
		if got := HandshakeCause(server.err); got != want {
			t.Errorf("%q (%v), want %q", got, server.err, want)
		}
	}
}

// clientHello is one as crypto/tls sends it.
func clientHello(tb testing.TB) []byte {
	tb.Helper()
	a, b := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = tls.Client(a, &tls.Config{ServerName: "localhost"}).Handshake() // fails when the pipe closes
	}()
	buf := make([]byte, 4096)
	n, err := b.Read(buf)
	if err != nil {
		tb.Fatal(err)
	}
	rest := int(buf[3])<<8 + int(buf[4]) + recordHeaderLen - n
	if _, err := io.ReadFull(b, buf[n:n+rest]); err != nil {
		tb.Fatal(err)
	}
	b.Close()
	<-done
	a.Close()
	return buf[:n+rest]
}

func TestHandshakeCause(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{os.ErrDeadlineExceeded, "timeout"},
		{context.DeadlineExceeded, "timeout"},
		{fmt.Errorf("%w: %w", ErrTLS, context.Canceled), "canceled"},
		{io.EOF, "peer closed"},
		{net.ErrClosed, "peer closed"},
		{errors.New("tls: something new"), "protocol error"},
		{errors.New("anything"), "other"},
	} {
		if got := HandshakeCause(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

func TestParseClientAuth(t *testing.T) {
	for text, want := range map[string]ClientAuth{"NONE": None, "optional": Optional, "Require": Require} {
		if got, err := ParseClientAuth(" " + text + " "); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	_, err := ParseClientAuth("REQUIRED")
	if err == nil || !strings.Contains(err.Error(), `"REQUIRED": allowed are NONE, OPTIONAL and REQUIRE`) {
		t.Errorf("error %v", err)
	}
}
