package peers

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/postern-kafka/postern/tlsterm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is what a test waits for what must come; nothing waits for it to pass.
const patience = 30 * time.Second

var bothEngines = []tlsterm.Engine{tlsterm.Own, tlsterm.Std}

// program finds a peer, or leaves the test out.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatalf("the peer %s is missing, and CI must have it: %v", name, err)
	}
	t.Skipf("left out: the peer %s is not on the PATH", name)
	return ""
}

// identity is a certificate with its key, also as PEM files for the peers.
type identity struct {
	cert              tls.Certificate
	certFile, keyFile string
}

// pki is whom the tests know. Keys are made once: RSA takes long.
type pki struct {
	roots          *x509.CertPool
	rootFile       string
	server, client map[string]identity // by kind of key
	rogue          identity            // of a CA that nobody trusts
}

var kinds = []string{"EC", "RSA"}

// newPKI makes it in a directory that lives as long as the test.
func newPKI(t *testing.T) *pki {
	t.Helper()
	dir := t.TempDir()
	p := &pki{roots: x509.NewCertPool(), server: map[string]identity{}, client: map[string]identity{}}
	ca, other := newCA(t, "root"), newCA(t, "rogue root")
	p.roots.AddCert(ca.Leaf)
	p.rootFile = writePEM(t, dir, "root.pem", "CERTIFICATE", ca.Leaf.Raw)
	for _, kind := range kinds {
		p.server[kind] = issue(t, dir, ca, "server-"+kind, newKey(t, kind))
		p.client[kind] = issue(t, dir, ca, "client-"+kind, newKey(t, kind))
	}
	p.rogue = issue(t, dir, other, "rogue", newKey(t, "EC"))
	return p
}

var newRSAKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newKey(t *testing.T, kind string) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	if kind == "RSA" {
		key, err = newRSAKey()
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	must(t, err)
	return key
}

func newCA(t *testing.T, name string) tls.Certificate {
	t.Helper()
	template := newTemplate(name)
	template.IsCA, template.BasicConstraintsValid = true, true
	return sign(t, template, tls.Certificate{Leaf: template, PrivateKey: newKey(t, "EC")}, nil)
}

func newTemplate(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62)) // fails with the system's randomness only, which panics
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{"localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
}

// sign has the issuer sign the template for key, or for its own if that is nil.
func sign(t *testing.T, template *x509.Certificate, issuer tls.Certificate, key crypto.Signer) tls.Certificate {
	t.Helper()
	by, ok := issuer.PrivateKey.(crypto.Signer)
	if !ok {
		t.Fatalf("%T signs nothing", issuer.PrivateKey)
	}
	if key == nil {
		key = by
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.Leaf, key.Public(), by)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func issue(t *testing.T, dir string, ca tls.Certificate, name string, key crypto.Signer) identity {
	t.Helper()
	cert := sign(t, newTemplate(name), ca, key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return identity{
		cert:     cert,
		certFile: writePEM(t, dir, name+".pem", "CERTIFICATE", cert.Certificate[0]),
		keyFile:  writePEM(t, dir, name+".key", "PRIVATE KEY", der),
	}
}

func writePEM(t *testing.T, dir, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ended is how a connection to our server went.
type ended struct {
	err     error // nil after the peer's close_notify
	refused bool  // err is the handshake's
	id      tlsterm.Identity
	version uint16
	suite   uint16
	resumed bool
	hrr     bool
	silent  int // how often something came that was no data, and alone
	answers int // what the server said by itself: answers to KeyUpdates
}

// server is tlsterm behind a listener. It inverts nothing and adds nothing: what
// it is sent goes back.
type server struct {
	t      *testing.T
	engine tlsterm.Engine
	cfg    *tls.Config
	l      net.Listener
	state  tls.ConnectionState

	ended  chan ended
	silent chan struct{} // a record that brought no data has been taken
}

// serve starts a server for one connection after the other.
func serve(t *testing.T, engine tlsterm.Engine, cfg *tls.Config) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &server{t: t, engine: engine, l: l, ended: make(chan ended, 1), silent: make(chan struct{}, 16)}
	s.cfg = cfg.Clone()
	s.cfg.Certificates = engine.Adopt(cfg.Certificates)
	verify := cfg.VerifyConnection
	s.cfg.VerifyConnection = func(state tls.ConnectionState) error {
		s.state = state
		if verify == nil {
			return nil
		}
		return verify(state)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.state = tls.ConnectionState{}
			e := s.talk(conn)
			e.resumed, e.hrr = s.state.DidResume, s.state.HelloRetryRequest
			s.ended <- e
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return s
}

func (s *server) address() string { return s.l.Addr().String() }

func (s *server) port() string {
	_, port, _ := net.SplitHostPort(s.address()) // a listener's address has one
	return port
}

// result waits for the end of a connection.
func (s *server) result() ended {
	s.t.Helper()
	select {
	case e := <-s.ended:
		return e
	case <-time.After(patience):
		s.t.Fatal("the connection has not ended")
		return ended{}
	}
}

// talk serves one connection to its end.
func (s *server) talk(conn net.Conn) (e ended) {
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, id, err := s.engine.Server(ctx, conn, s.cfg)
	if err == nil && c.Engine() != s.engine {
		err = errors.New("another engine has the connection")
	}
	if err != nil {
		linger(conn)
		return ended{err: err, refused: true}
	}
	e.id, e.version, e.suite = id, c.Version(), c.CipherSuite()
	_ = conn.SetDeadline(time.Now().Add(patience))
	e.err = s.echo(conn, c, &e)
	return e
}

// echo sends back what comes until the peer's close_notify.
func (s *server) echo(conn net.Conn, c *tlsterm.Conn, e *ended) error {
	defer c.Release()
	b := make([]byte, 64<<10)
	var plain, out []byte
	for {
		n, err := conn.Read(b)
		if err != nil {
			return err
		}
		plain = plain[:0]
		err = c.Feed(b[:n], func(p []byte) { plain = append(plain, p...) })
		if errors.Is(err, io.EOF) {
			_, _ = conn.Write(c.CloseNotify(nil)) // a peer may not wait for it
			return nil
		}
		if out = c.Pending(out[:0]); len(out) > 0 {
			e.answers++
		}
		if err != nil {
			_, _ = conn.Write(out)
			linger(conn)
			return err
		}
		if out, err = c.SealLent(out, plain); err != nil {
			return err
		}
		if _, err := conn.Write(out); err != nil {
			return err
		}
		if len(plain) == 0 && n < 256 { // a KeyUpdate is short; the beginning of data is not
			e.silent++
			select {
			case s.silent <- struct{}{}:
			default: // nobody counts
			}
		}
	}
}

// client is tlsterm towards a peer that is a server.
type client struct {
	conn   *tlsterm.Conn
	socket net.Conn
	got    []byte
}

func dial(t *testing.T, engine tlsterm.Engine, port string, cfg *tls.Config) *client {
	t.Helper()
	socket, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	must(t, err)
	t.Cleanup(func() { _ = socket.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := engine.Client(ctx, socket, cfg)
	must(t, err)
	must(t, socket.SetDeadline(time.Now().Add(patience)))
	return &client{conn: c, socket: socket}
}

// say sends a line and waits until it comes back, back to front.
func (c *client) say(t *testing.T, line string) {
	t.Helper()
	want := []byte(line + "\n")
	out, err := c.conn.Seal(nil, want)
	must(t, err)
	_, err = c.socket.Write(out)
	must(t, err)
	slices.Reverse(want[:len(line)])
	for c.got = c.got[:0]; len(c.got) < len(want); {
		must(t, c.read())
	}
	if !bytes.Equal(c.got, want) {
		t.Fatalf("%q came back as %q", line, c.got)
	}
}

// bulk sends data in pieces and waits for each to come back.
func (c *client) bulk(t *testing.T, data []byte) {
	t.Helper()
	for piece := range slices.Chunk(data, 100_000) {
		out, err := c.conn.Seal(nil, piece)
		must(t, err)
		_, err = c.socket.Write(out)
		must(t, err)
		for c.got = c.got[:0]; len(c.got) < len(piece); {
			must(t, c.read())
		}
		if !bytes.Equal(c.got, piece) {
			t.Fatalf("%d bytes came back, but others", len(c.got))
		}
	}
}

func (c *client) read() error {
	b := make([]byte, 64<<10)
	n, err := c.socket.Read(b)
	if err != nil {
		return err
	}
	if err := c.conn.Feed(b[:n], func(p []byte) { c.got = append(c.got, p...) }); err != nil {
		return err
	}
	_, err = c.socket.Write(c.conn.Pending(nil))
	return err
}

// finish says goodbye and closes the socket.
func (c *client) finish(t *testing.T) {
	t.Helper()
	_, err := c.socket.Write(c.conn.CloseNotify(nil))
	must(t, err)
	c.conn.Release()
	must(t, c.socket.Close())
}

// linger lets the peer read an alert before the socket goes.
func linger(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	_, _ = io.Copy(io.Discard, conn)
}

// text is n bytes, not the same as if they were shifted, without a line end.
func text(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(i*7>>4)%26
	}
	return b
}

// expect reads as much as want has and compares.
func expect(t *testing.T, r io.Reader, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil {
		t.Fatalf("%d bytes of %d: %v", n, len(want), err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%d bytes came, but others", len(want))
	}
}
