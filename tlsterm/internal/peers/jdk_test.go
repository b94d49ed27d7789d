package peers

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/tlsterm"
)

// javaBulk passes the limit at which Peer.java has the JDK change its keys.
const javaBulk = 3 << 20

// java is a process of testdata/Peer.java.
type java struct {
	t     *testing.T
	in    io.WriteCloser
	lines *bufio.Scanner
	diary strings.Builder // its standard error, to be read when it has ended
	p     *pki
}

func startJava(t *testing.T) *java {
	t.Helper()
	program(t, "javac") // java alone does not compile
	j := &java{t: t, p: newPKI(t)}
	cmd := exec.Command(program(t, "java"), "-XX:TieredStopAtLevel=1", "testdata/Peer.java", filepath.Dir(j.p.rootFile))
	cmd.Stderr = &j.diary
	var err error
	j.in, err = cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	j.lines = bufio.NewScanner(out)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = j.in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("java: %s", &j.diary)
		}
	})
	return j
}

// do gives a command and returns the answer.
func (j *java) do(format string, args ...any) string {
	j.t.Helper()
	command := fmt.Sprintf(format, args...)
	_, err := io.WriteString(j.in, command+"\n")
	must(j.t, err)
	if !j.lines.Scan() {
		j.t.Fatalf("%s: java has ended: %v", command, j.lines.Err())
	}
	return j.lines.Text()
}

// javaSuite is the suite as Java and RFCs name it.
func (s suite) javaSuite() string { return tls.CipherSuiteName(s.id) }

func (s suite) javaProtocol() string {
	if s.version == tls.VersionTLS13 {
		return "TLSv1.3"
	}
	return "TLSv1.2"
}

// Clients of Kafka are Java's above all: every suite, with either kind of
// certificate on both sides; then resumed, then so much data that the JDK
// changes its keys.
func TestJDKClient(t *testing.T) {
	j := startJava(t)
	eachSuite(t, func(t *testing.T, engine tlsterm.Engine, s suite, kind string) {
		srv := serve(t, engine, tlsterm.ServerConfig(j.p.server[kind].cert, j.p.roots, tlsterm.Require))
		want := "ok " + s.javaProtocol() + " " + s.javaSuite()
		for i, n := range []int{10_000, 10_000, javaBulk} {
			// The first connection to a server is never resumed: its ticket keys are new.
			answer := j.do("client %s %s %s client-%s %d", srv.port(), s.javaProtocol(), s.javaSuite(), kind, n)
			e := srv.result()
			if answer != want || e.err != nil || e.version != s.version || e.suite != s.id || e.id.DN() != "CN=client-"+kind {
				t.Fatalf("connection %d: %s; %+v, dn %q", i, answer, e, e.id.DN())
			}
			// In TLS 1.2 crypto/tls gives its tickets no lifetime, which is for the
			// client to choose then (RFC 5077 section 5.6); the JDK drops such tickets.
			if e.resumed != (i > 0 && s.version == tls.VersionTLS13) {
				t.Errorf("connection %d: resumed %v", i, e.resumed)
			}
			if updates := s.version == tls.VersionTLS13 && n == javaBulk; (e.answers > 0) != updates {
				t.Errorf("connection %d: %d key updates", i, e.answers)
			}
		}
	})
}

// A JDK without a certificate is told so. One whose certificate is of a CA that
// the server does not name keeps it back, and is told the same.
func TestJDKRefused(t *testing.T) {
	j := startJava(t)
	for _, engine := range bothEngines {
		for _, s := range []suite{suites[0], suites[3]} {
			for _, key := range []string{"-", "rogue"} {
				t.Run(fmt.Sprintf("%s/%s/%s", engine, s.name, key), func(t *testing.T) {
					srv := serve(t, engine, tlsterm.ServerConfig(j.p.server["EC"].cert, j.p.roots, tlsterm.Require))
					answer := j.do("client %s %s %s %s 100", srv.port(), s.javaProtocol(), s.javaSuite(), key)
					e := srv.result()
					if !e.refused || tlsterm.HandshakeCause(e.err) != "no certificate" {
						t.Errorf("%s: %v", tlsterm.HandshakeCause(e.err), e.err)
					}
					if !strings.HasPrefix(answer, "failed ") || !strings.Contains(answer, "alert") {
						t.Errorf("the JDK says %s", answer)
					}
				})
			}
		}
	}
}

// Brokers are Java as well.
func TestJDKServer(t *testing.T) {
	j := startJava(t)
	eachSuite(t, func(t *testing.T, engine tlsterm.Engine, s suite, kind string) {
		var port string
		if _, err := fmt.Sscanf(j.do("server %s %s server-%s", s.javaProtocol(), s.javaSuite(), kind), "port %s", &port); err != nil {
			t.Fatal(err)
		}
		cert := engine.Adopt([]tls.Certificate{j.p.client[kind].cert})[0]
		cfg := tlsterm.ClientConfig(tlsterm.ClientOptions{Roots: j.p.roots, Certificate: &cert, ServerName: "localhost"})
		cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		verify := cfg.VerifyConnection
		for i, n := range []int{javaBulk, 1000} {
			resumed := i > 0
			var state tls.ConnectionState
			cfg.VerifyConnection = func(st tls.ConnectionState) error {
				if state = st; verify != nil {
					return verify(st)
				}
				return nil
			}
			c := dial(t, engine, port, cfg)
			if c.conn.Version() != s.version || c.conn.CipherSuite() != s.id || state.DidResume != resumed {
				t.Errorf("%x, %x, resumed %v", c.conn.Version(), c.conn.CipherSuite(), state.DidResume)
			}
			c.bulk(t, text(n))
			c.finish(t)
		}
	})
}
