package peers

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/tlsterm"
)

// bulk is more than what fits into any buffer on the way.
const bulk = 25 << 20

// suite is a cipher suite as OpenSSL names it.
type suite struct {
	version uint16
	id      uint16
	option  string // to choose it
	name    string
	kind    string // of the server's key; "" is any
}

var suites = []suite{
	{tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, "-ciphersuites", "TLS_AES_128_GCM_SHA256", ""},
	{tls.VersionTLS13, tls.TLS_AES_256_GCM_SHA384, "-ciphersuites", "TLS_AES_256_GCM_SHA384", ""},
	{tls.VersionTLS13, tls.TLS_CHACHA20_POLY1305_SHA256, "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", ""},
	{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256", "EC"},
	{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384", "EC"},
	{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305", "EC"},
	{tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "-cipher", "ECDHE-RSA-AES128-GCM-SHA256", "RSA"},
	{tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "-cipher", "ECDHE-RSA-AES256-GCM-SHA384", "RSA"},
	{tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "-cipher", "ECDHE-RSA-CHACHA20-POLY1305", "RSA"},
}

func (s suite) versionOption() string {
	if s.version == tls.VersionTLS13 {
		return "-tls1_3"
	}
	return "-tls1_2"
}

// eachSuite calls test for every suite with every kind of server certificate.
func eachSuite(t *testing.T, test func(t *testing.T, engine tlsterm.Engine, s suite, kind string)) {
	for _, engine := range bothEngines {
		for _, s := range suites {
			for _, kind := range kinds {
				if s.kind == "" || s.kind == kind {
					t.Run(fmt.Sprintf("%s/%s/%s", engine, s.name, kind), func(t *testing.T) { test(t, engine, s, kind) })
				}
			}
		}
	}
}

// clientCase is a client's certificate and what the server makes of it.
type clientCase struct {
	name  string
	auth  tlsterm.ClientAuth
	give  func(*pki) *identity
	cause string // why it is refused; "" if it is not
}

var clientCases = []clientCase{
	{"not asked", tlsterm.None, func(p *pki) *identity { return give(p.client["EC"]) }, ""},
	{"none, optional", tlsterm.Optional, func(*pki) *identity { return nil }, ""},
	{"EC", tlsterm.Require, func(p *pki) *identity { return give(p.client["EC"]) }, ""},
	{"RSA", tlsterm.Require, func(p *pki) *identity { return give(p.client["RSA"]) }, ""},
	{"none, required", tlsterm.Require, func(*pki) *identity { return nil }, "no certificate"},
	{"rogue", tlsterm.Require, func(p *pki) *identity { return give(p.rogue) }, "unknown ca"},
	{"rogue, optional", tlsterm.Optional, func(p *pki) *identity { return give(p.rogue) }, "unknown ca"},
}

func give(id identity) *identity { return &id }

// dn is what the server must know of the client afterwards.
func (c clientCase) dn(p *pki) string {
	if id := c.give(p); id != nil && c.auth != tlsterm.None {
		return "CN=" + id.cert.Leaf.Subject.CommonName
	}
	return ""
}

// Every suite, kind of certificate and case of client authentication: a full
// handshake, and a resumed one that still knows who the client is.
func TestOpenSSLClient(t *testing.T) {
	openssl, p := program(t, "openssl"), newPKI(t)
	eachSuite(t, func(t *testing.T, engine tlsterm.Engine, s suite, kind string) {
		for _, c := range clientCases {
			t.Run(c.name, func(t *testing.T) {
				srv := serve(t, engine, tlsterm.ServerConfig(p.server[kind].cert, p.roots, c.auth))
				session := filepath.Join(t.TempDir(), "session")
				o := &sClient{openssl: openssl, p: p, suite: s, id: c.give(p), more: []string{"-sess_out", session}}
				if c.cause != "" {
					o.refused(t, srv, c.cause)
					return
				}
				for _, resumed := range []bool{false, true} {
					if resumed {
						o.more = []string{"-sess_in", session}
					}
					o.start(t, srv)
					o.say(t, "hello\n")
					o.finish(t)
					e := srv.result()
					if e.err != nil || e.version != s.version || e.suite != s.id || e.resumed != resumed || e.id.DN() != c.dn(p) {
						t.Errorf("resumed %v: %+v, dn %q", resumed, e, e.id.DN())
					}
				}
			})
		}
	})
}

// A client whose first key share is of no use is asked for another.
func TestOpenSSLHelloRetry(t *testing.T) {
	openssl, p := program(t, "openssl"), newPKI(t)
	eachSuite(t, func(t *testing.T, engine tlsterm.Engine, s suite, kind string) {
		if s.version != tls.VersionTLS13 {
			return
		}
		cfg := tlsterm.ServerConfig(p.server[kind].cert, p.roots, tlsterm.Require)
		cfg.CurvePreferences = []tls.CurveID{tls.X25519}
		srv := serve(t, engine, cfg)
		o := &sClient{openssl: openssl, p: p, suite: s, id: give(p.client[kind]), more: []string{"-groups", "P-384:X25519"}}
		o.start(t, srv)
		o.say(t, "hello\n")
		o.finish(t)
		if e := srv.result(); e.err != nil || !e.hrr || e.id.DN() != "CN=client-"+kind {
			t.Errorf("%+v, dn %q", e, e.id.DN())
		}
	})
}

// Key updates from the client, alone (k) and with a request for ours (K), in the
// midst of a conversation.
func TestOpenSSLKeyUpdate(t *testing.T) {
	openssl, p := program(t, "openssl"), newPKI(t)
	eachSuite(t, func(t *testing.T, engine tlsterm.Engine, s suite, kind string) {
		if s.version != tls.VersionTLS13 || kind != "EC" {
			return
		}
		srv := serve(t, engine, tlsterm.ServerConfig(p.server[kind].cert, p.roots, tlsterm.Require))
		o := &sClient{openssl: openssl, p: p, suite: s, id: give(p.client[kind]), commands: true}
		o.start(t, srv)
		for _, command := range []string{"k", "K", "K", "k"} {
			o.say(t, "before "+command+"\n")
			o.command(t, srv, command)
			o.say(t, "after "+command+"\n")
		}
		o.finish(t)
		if e := srv.result(); e.err != nil || e.silent != 4 || e.answers != 2 {
			t.Errorf("%+v", e)
		}
	})
}

// 25 MiB there and back, at the same time.
func TestOpenSSLBulk(t *testing.T) {
	openssl, p := program(t, "openssl"), newPKI(t)
	data := text(bulk)
	eachSuite(t, func(t *testing.T, engine tlsterm.Engine, s suite, kind string) {
		if s.version == tls.VersionTLS13 && kind == "RSA" {
			return // the records are those of EC
		}
		srv := serve(t, engine, tlsterm.ServerConfig(p.server[kind].cert, p.roots, tlsterm.Require))
		o := &sClient{openssl: openssl, p: p, suite: s, id: give(p.client[kind])}
		o.start(t, srv)
		written := make(chan error, 1)
		go func() {
			_, err := o.in.Write(data)
			written <- err
		}()
		expect(t, o.out, data)
		must(t, <-written)
		o.finish(t)
		if e := srv.result(); e.err != nil {
			t.Errorf("%+v", e)
		}
	})
}

// Brokers are servers to us: every suite and kind of certificate towards
// openssl s_server, which wants a certificate of ours; then resumed.
func TestOpenSSLServer(t *testing.T) {
	openssl, p := program(t, "openssl"), newPKI(t)
	eachSuite(t, func(t *testing.T, engine tlsterm.Engine, s suite, kind string) {
		port := startServer(t, openssl, p, s, kind)
		cert := engine.Adopt([]tls.Certificate{p.client[kind].cert})[0]
		cfg := tlsterm.ClientConfig(tlsterm.ClientOptions{Roots: p.roots, Certificate: &cert, ServerName: "localhost"})
		cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		verify := cfg.VerifyConnection
		for _, resumed := range []bool{false, true} {
			var state tls.ConnectionState
			cfg.VerifyConnection = func(st tls.ConnectionState) error {
				if state = st; verify != nil {
					return verify(st)
				}
				return nil
			}
			c := dial(t, engine, port, cfg)
			// A client does not take over a resumed TLS 1.2 session: its master
			// secret is crypto/tls's.
			if left := resumed && s.version == tls.VersionTLS12; c.conn.Engine() != engine && !left {
				t.Errorf("engine %s", c.conn.Engine())
			}
			if c.conn.Version() != s.version || c.conn.CipherSuite() != s.id || state.DidResume != resumed {
				t.Errorf("%x, %x, resumed %v", c.conn.Version(), c.conn.CipherSuite(), state.DidResume)
			}
			for _, line := range []string{"drawer", "reviled", string(text(5000))} {
				c.say(t, line)
			}
			c.finish(t)
		}
	})
}

// startServer runs openssl s_server, which sends each line back to front, and
// returns its port.
func startServer(t *testing.T, openssl string, p *pki, s suite, kind string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, openssl, "s_server", "-accept", "127.0.0.1:0", "-rev",
		"-cert", p.server[kind].certFile, "-key", p.server[kind].keyFile,
		"-CAfile", p.rootFile, "-Verify", "1", "-verify_return_error", s.versionOption(), s.option, s.name)
	stdin, err := cmd.StdinPipe() // s_server ends with its input
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		cancel()
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			_, port, err := net.SplitHostPort(address)
			must(t, err)
			return port
		}
	}
	t.Fatal("openssl s_server listens nowhere")
	return ""
}

// sClient is one run after the other of openssl s_client.
type sClient struct {
	openssl  string
	p        *pki
	suite    suite
	id       *identity
	more     []string
	commands bool // a line that begins with K or k is one

	cmd    *exec.Cmd
	in     io.WriteCloser
	out    io.Reader
	stderr *bytes.Buffer
}

func (o *sClient) start(t *testing.T, srv *server) {
	t.Helper()
	args := []string{
		"s_client", "-connect", srv.address(), "-servername", "localhost", "-quiet", "-no_ign_eof",
		"-CAfile", o.p.rootFile, "-verify_return_error", "-verify_hostname", "localhost",
		o.suite.versionOption(), o.suite.option, o.suite.name,
	}
	if !o.commands {
		args = append(args, "-nocommands")
	}
	if o.id != nil {
		args = append(args, "-cert", o.id.certFile, "-key", o.id.keyFile)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	o.cmd = exec.CommandContext(ctx, o.openssl, append(args, o.more...)...)
	o.stderr = &bytes.Buffer{}
	o.cmd.Stderr = o.stderr
	var err error
	o.in, err = o.cmd.StdinPipe()
	must(t, err)
	o.out, err = o.cmd.StdoutPipe()
	must(t, err)
	must(t, o.cmd.Start())
}

// say sends a line and waits for its echo.
func (o *sClient) say(t *testing.T, line string) {
	t.Helper()
	_, err := io.WriteString(o.in, line)
	must(t, err)
	got := make([]byte, len(line))
	if n, err := io.ReadFull(o.out, got); err != nil || string(got) != line {
		_ = o.cmd.Process.Kill()
		_ = o.cmd.Wait()
		t.Fatalf("%q instead of %q: %v\n%s", got[:n], line, err, o.stderr)
	}
}

// command gives one and waits until the server has seen its record.
func (o *sClient) command(t *testing.T, srv *server, command string) {
	t.Helper()
	_, err := io.WriteString(o.in, command+"\n")
	must(t, err)
	<-srv.silent
}

// finish has openssl send its close_notify and end.
func (o *sClient) finish(t *testing.T) {
	t.Helper()
	must(t, o.in.Close())
	if err := o.cmd.Wait(); err != nil {
		t.Errorf("openssl: %v\n%s", err, o.stderr)
	}
}

// refused expects the server to say no, and openssl to be told why.
func (o *sClient) refused(t *testing.T, srv *server, cause string) {
	t.Helper()
	o.start(t, srv)
	e := srv.result()
	err := o.cmd.Wait()
	if !e.refused || tlsterm.HandshakeCause(e.err) != cause {
		t.Errorf("%s instead of %s: %v", tlsterm.HandshakeCause(e.err), cause, e.err)
	}
	if err == nil || !strings.Contains(o.stderr.String(), "alert") {
		t.Errorf("openssl ends with %v\n%s", err, o.stderr)
	}
}
