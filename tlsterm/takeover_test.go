package tlsterm

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// inMemory is a handshake of a client and a server without sockets.
func (e engines) inMemory(tb testing.TB, clientCfg, serverCfg *tls.Config) conversation {
	tb.Helper()
	s, err := selfTestCase{serverCfg: serverCfg, clientCfg: clientCfg, server: e.server, client: e.client}.connect(patient(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// talkBothWays fails unless both ends understand each other.
func (s *conversation) talkBothWays(tb testing.TB) {
	tb.Helper()
	if err := errors.Join(say(s.client, s.server), say(s.server, s.client)); err != nil {
		tb.Error(err)
	}
}

// configs are for mutual TLS in one version.
func configs(tb testing.TB, version uint16) (client, server *tls.Config) {
	tb.Helper()
	cert, pool := selfSigned(tb)
	client = ClientConfig(ClientOptions{Roots: pool, Certificate: &cert, ServerName: "localhost"})
	client.MinVersion, client.MaxVersion = version, version
	return client, ServerConfig(cert, pool, Require)
}

// resumes reports what crypto/tls says of a connection that it keeps.
func resumes(tb testing.TB, c *Conn) bool {
	tb.Helper()
	s, ok := c.records.(*std)
	if !ok {
		tb.Fatal("not crypto/tls's connection")
	}
	return s.tls.ConnectionState().DidResume
}

// The key log has no line for a TLS 1.2 session that is resumed: the session
// carries its master secret, sealed again by whatever way of sealing the
// configuration has.
func TestResumed12(t *testing.T) {
	ways := map[string]func(*tls.Config){
		"given keys": func(*tls.Config) {},
		// A clone of a configuration that has not drawn its keys yet draws its own.
		"keys it draws itself": func(c *tls.Config) { *c = *withoutKeys(c) },
		"own wrapping": func(c *tls.Config) {
			base := c.Clone()
			c.WrapSession, c.UnwrapSession = base.EncryptTicket, base.DecryptTicket
		},
		"chosen for the client": func(c *tls.Config) {
			base := withoutKeys(c)
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return base, nil }
		},
	}
	for name, change := range ways {
		for _, version := range versions {
			t.Run(name+", "+tls.VersionName(version), func(t *testing.T) {
				clientCfg, serverCfg := configs(t, version)
				clientCfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				change(serverCfg)
				for i := range 3 {
					s := engines{client: Std}.inMemory(t, clientCfg, serverCfg)
					if got := resumes(t, s.client); got != (i > 0) {
						t.Fatalf("connection %d: resumed %v", i, got)
					}
					if s.server.Engine() != Own || s.id.DN() != "CN=username,O=Postern" {
						t.Errorf("connection %d: engine %v, %q", i, s.server.Engine(), s.id.DN())
					}
					s.talkBothWays(t)
				}
			})
		}
	}
}

// withoutKeys is a copy of c that has not been given session ticket keys.
func withoutKeys(c *tls.Config) *tls.Config {
	return &tls.Config{
		Certificates: c.Certificates, ClientAuth: c.ClientAuth, ClientCAs: c.ClientCAs,
		VerifyConnection: c.VerifyConnection, MinVersion: c.MinVersion, CipherSuites: c.CipherSuites,
	}
}

// A client's TLS 1.2 sessions carry theirs in the cache, and its TLS 1.3 tickets
// come after the handshake.
func TestClientResumes(t *testing.T) {
	for _, version := range versions {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			clientCfg, serverCfg := configs(t, version)
			clientCfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			for i := range 3 {
				s := engines{server: Std}.inMemory(t, clientCfg, serverCfg)
				if got := resumes(t, s.server); got != (i > 0) {
					t.Fatalf("connection %d: resumed %v", i, got)
				}
				if s.client.Engine() != Own {
					t.Errorf("connection %d: engine %v", i, s.client.Engine())
				}
				s.talkBothWays(t)
				if s.client.records.(*own).rare != nil {
					t.Error("the client still waits for tickets")
				}
			}
		})
	}
}

// A session that began with a server of the other engine does not carry what
// ours needs: crypto/tls keeps the connection.
func TestResumedFromElsewhere(t *testing.T) {
	clientCfg, serverCfg := configs(t, tls.VersionTLS12)
	clientCfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	engines{Std, Std}.inMemory(t, clientCfg, serverCfg)
	s := engines{client: Std}.inMemory(t, clientCfg, serverCfg)
	if !resumes(t, s.client) || s.server.Engine() != Std {
		t.Errorf("resumed %v, engine %v", resumes(t, s.client), s.server.Engine())
	}
	s.talkBothWays(t)
	// And the other way round a ticket of ours is one of crypto/tls's.
	clientCfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	engines{client: Std}.inMemory(t, clientCfg, serverCfg)
	s = engines{Std, Std}.inMemory(t, clientCfg, serverCfg)
	if !resumes(t, s.client) {
		t.Error("crypto/tls does not take a ticket of ours")
	}
}

// A configuration chosen by the client's hello must be listened to as well; and
// who wanted the key log for himself still gets it.
func TestChosenConfig(t *testing.T) {
	for _, version := range versions {
		clientCfg, chosen := configs(t, version)
		var keys bytes.Buffer
		chosen.KeyLogWriter = &keys
		serverCfg := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return chosen, nil }}
		s := engines{}.inMemory(t, clientCfg, serverCfg)
		if s.server.Engine() != Own {
			t.Errorf("%s: engine %v", tls.VersionName(version), s.server.Engine())
		}
		s.talkBothWays(t)
		for _, line := range strings.SplitAfter(keys.String(), "\n") {
			if fields := strings.Fields(line); line != "" && len(fields) != 3 {
				t.Errorf("the key log has %q", line)
			}
		}
		if keys.Len() == 0 {
			t.Error("the key log is empty")
		}
		if chosen.KeyLogWriter != &keys || chosen.WrapSession != nil || serverCfg.KeyLogWriter != nil {
			t.Error("a configuration was changed")
		}
	}
	refuse := errors.New("no such name")
	clientCfg, _ := configs(t, tls.VersionTLS13)
	_, server := shake(t, clientCfg, &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, refuse }})
	if !errors.Is(server.err, refuse) {
		t.Errorf("%v", server.err)
	}
}

// The ticket carries the client's chain, so it may take several records, and it
// is sent before the client is heard: what was sent is counted, not guessed.
func TestLongTicket(t *testing.T) {
	ca := newAuthority(t, "CA")
	cert := ca.issue(t, "client", newECKey(), func(c *x509.Certificate) { c.DNSNames = []string{strings.Repeat("x.", 9000)} })
	clientCfg := ClientConfig(ClientOptions{Roots: ca.pool, Certificate: &cert, ServerName: "localhost"})
	for _, auth := range []ClientAuth{None, Require} {
		clientCfg.ClientSessionCache = tls.NewLRUClientSessionCache(1) // who has none asks for no tickets
		want := uint64(1)
		if auth == Require {
			want = 2 // the certificate alone is longer than a record
		}
		s := engines{}.inMemory(t, clientCfg, ServerConfig(ca.issue(t, "server", newECKey()), ca.pool, auth))
		if got := s.server.records.(*own).out.seq; got < want {
			t.Errorf("%v: %d records were sent under the traffic key", auth, got)
		}
		s.talkBothWays(t)
	}
	// Without tickets nothing was.
	_, serverCfg := configs(t, tls.VersionTLS13)
	serverCfg.SessionTicketsDisabled, serverCfg.ClientAuth = true, tls.NoClientCert
	roots := x509.NewCertPool()
	roots.AddCert(serverCfg.Certificates[0].Leaf)
	s := engines{}.inMemory(t, ClientConfig(ClientOptions{Roots: roots, ServerName: "localhost"}), serverCfg)
	if got := s.server.records.(*own).out.seq; got != 0 {
		t.Errorf("%d records were sent", got)
	}
	s.talkBothWays(t)
}

// A retried hello changes nothing, nor does any group.
func TestHelloRetry(t *testing.T) {
	clientCfg, serverCfg := configs(t, tls.VersionTLS13)
	clientCfg.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP384}
	serverCfg.CurvePreferences = []tls.CurveID{tls.CurveP384}
	s := engines{client: Std}.inMemory(t, clientCfg, serverCfg)
	if !s.client.records.(*std).tls.ConnectionState().HelloRetryRequest {
		t.Error("the hello was not retried")
	}
	s.talkBothWays(t)
	s = engines{server: Std}.inMemory(t, clientCfg, serverCfg)
	s.talkBothWays(t)
}

// A hello that is cut over records, behind an alert, still gives its random.
func TestCutHello12(t *testing.T) {
	clientCfg, serverCfg := configs(t, tls.VersionTLS12)
	a, b := memoryConns()
	client := &rewriting{memoryConn: a, rewrite: func(n int, rec []byte) []byte {
		if n > 0 {
			return rec
		}
		out := []byte{recordAlert, 3, 1, 0, 2, levelWarning, 112}
		rest := rec[recordHeaderLen:]
		for _, size := range []int{1, 8, 11, 21, len(rest) - 41} {
			out = append(out, recordHandshake, 3, 1, byte(size>>8), byte(size))
			out = append(out, rest[:size]...)
			rest = rest[size:]
		}
		return out
	}}
	done := make(chan error, 1)
	var peer *Conn
	go func() {
		var err error
		peer, err = Std.Client(patient(t), client, clientCfg)
		if err != nil {
			b.cut()
		}
		done <- err
	}()
	server, _, err := Server(patient(t), b, serverCfg)
	if err != nil {
		a.cut()
	}
	if err := errors.Join(<-done, err); err != nil {
		t.Fatal(err)
	}
	if server.Engine() != Own {
		t.Error("not taken over")
	}
	s := conversation{client: peer, server: server}
	s.talkBothWays(t)
}

// rewriting changes the records that are written, which crypto/tls writes whole.
type rewriting struct {
	*memoryConn
	n       int
	rewrite func(n int, rec []byte) []byte
}

func (r *rewriting) Write(b []byte) (int, error) {
	var out []byte
	for rest := b; len(rest) > 0; r.n++ {
		n := recordHeaderLen + int(binary.BigEndian.Uint16(rest[3:]))
		out = append(out, r.rewrite(r.n, rest[:n:n])...)
		rest = rest[n:]
	}
	if _, err := r.memoryConn.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

// A TLS 1.2 Finished may come in several records, each of which has a number.
func TestCutFinished12(t *testing.T) {
	server, peer := recutFinished12(t, func(plain []byte) [][]byte { return [][]byte{plain[:1], plain[1:10], plain[10:]} })
	if server.Engine() != Own || server.records.(*own).in.seq != 3 {
		t.Fatalf("engine %v", server.Engine())
	}
	var got []byte
	if err := server.Feed(peer.control(nil, recordData, []byte("data")...), func(p []byte) { got = append(got, p...) }); err != nil || string(got) != "data" {
		t.Errorf("%q, %v", got, err)
	}
}

// What is more than a Finished of TLS 1.2 in its record is not passed over: it
// stays with crypto/tls, which has it and refuses it.
func TestTrailingFinished12(t *testing.T) {
	for _, more := range []int{1, 4, 16} {
		server, peer := recutFinished12(t, func(plain []byte) [][]byte {
			return [][]byte{append(bytes.Clone(plain), make([]byte, more)...)}
		})
		if server.Engine() != Std {
			t.Errorf("%d bytes more: taken over", more)
		}
		err := server.Feed(peer.control(nil, recordData, []byte("data")...), func(p []byte) { t.Errorf("%d bytes more: %q came through", more, p) })
		if !errors.Is(err, ErrTLS) {
			t.Errorf("%d bytes more: %v", more, err)
		}
	}
}

// recutFinished12 has a client cut its Finished in its own way. It returns the
// server's side and what seals the client's records.
func recutFinished12(t *testing.T, cut func(plain []byte) [][]byte) (*Conn, *own) {
	t.Helper()
	clientCfg, serverCfg := configs(t, tls.VersionTLS12)
	a, b := memoryConns()
	listening := &tap{client: true}
	clientCfg.KeyLogWriter = listening
	var peer *own // seals what crypto/tls's client wants sent
	client := &rewriting{memoryConn: a}
	client.rewrite = func(_ int, rec []byte) []byte {
		listening.out.follow(rec, false)
		if !listening.out.ccs || rec[0] != recordHandshake {
			return rec
		}
		suite := suiteOf(clientCfg.CipherSuites[0])
		peer = &own{suite: suite, client: true, explicit: explicit12}
		theirs := &own{suite: suite, client: true, explicit: explicit12}
		for _, o := range []*own{peer, theirs} {
			if err := keys12(suite, listening.master.bytes(), listening.out.random(), listening.in.random(), &o.out, &o.in); err != nil {
				t.Error(err)
			}
		}
		finished := bytes.Clone(rec)
		if !theirs.opens(finished) {
			t.Error("the Finished does not open")
			return rec
		}
		plain := finished[recordHeaderLen+explicit12 : len(finished)-tagLen]
		var out []byte
		for _, p := range cut(plain) {
			out = peer.control(out, recordHandshake, p...)
		}
		return out
	}
	clientCfg.CipherSuites = clientCfg.CipherSuites[:1]
	done := make(chan error, 1)
	go func() {
		err := tls.Client(&following{client, &listening.in}, clientCfg).Handshake()
		if err != nil {
			b.cut()
		}
		done <- err
	}()
	server, _, err := Server(patient(t), b, serverCfg)
	if err != nil {
		a.cut()
	}
	if err := errors.Join(<-done, err); err != nil {
		t.Fatal(err)
	}
	return server, peer
}

// following shows a stream what is read.
type following struct {
	net.Conn
	in *stream
}

func (f *following) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	f.in.follow(p[:n], false)
	return n, err
}

// What the layer does not know stays with crypto/tls, behind the same type.
func TestOtherSuites(t *testing.T) {
	clientCfg, serverCfg := configs(t, tls.VersionTLS12)
	for _, c := range []*tls.Config{clientCfg, serverCfg} {
		c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
	}
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		known := strings.Contains(suite.Name, "_GCM_") || strings.Contains(suite.Name, "_CHACHA20_")
		if strings.HasPrefix(suite.Name, "TLS_RSA_") { // without forward secrecy
			known = false
		}
		if got := suiteOf(suite.ID) != nil; got != known {
			t.Errorf("%s: %v", suite.Name, got)
		}
	}
	s := engines{}.inMemory(t, clientCfg, serverCfg)
	if s.server.Engine() != Std || s.client.Engine() != Std {
		t.Error("taken over")
	}
	s.talkBothWays(t)
}

// A take-over whose evidence does not agree with the keys does not happen.
func TestEvidence(t *testing.T) {
	suite := tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	state := tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: suite}
	make12 := func() *tap {
		client, _ := ownPair(t, tls.VersionTLS12, suite)
		var tp tap
		tp.client = true
		tp.master.set(text(masterLen))
		hello := append([]byte{recordHandshake, 3, 3, 0, helloLen, 1, 0, 0, helloLen - 4, 3, 3}, text(randomLen)...)
		finished := client.control([]byte{recordCCS, 3, 3, 0, 1, 1}, recordHandshake, text(16)...)
		tp.wrote(append(bytes.Clone(hello), finished...))
		tp.read(append(bytes.Clone(hello), finished...))
		return &tp
	}
	if make12().takeOver(state) == nil {
		t.Fatal("good evidence is not taken")
	}
	for name, spoil := range map[string]func(*tap){
		"another master secret": func(tp *tap) { tp.master.b[0] ^= 1 },
		"no master secret":      func(tp *tap) { tp.master.n = 0 },
		"another random":        func(tp *tap) { tp.in.hello[20] ^= 1 },
		"half a hello":          func(tp *tap) { tp.in.helloHas-- },
		"a record too many":     func(tp *tap) { tp.wrote([]byte{recordHandshake, 3, 3, 0, 1, 1}) },
		"nothing read":          func(tp *tap) { tp.in.protected = 0 },
		"more than a Finished":  func(tp *tap) { tp.in.finished.bytes++ },
		"less than a Finished":  func(tp *tap) { tp.in.finished.bytes-- },
	} {
		tp := make12()
		if spoil(tp); tp.takeOver(state) != nil {
			t.Errorf("%s: taken over", name)
		}
	}
	if make12().takeOver(tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: suite, DidResume: true}) != nil {
		t.Error("a resumed session takes the secret of a full handshake")
	}
	if make12().takeOver(tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256}) != nil {
		t.Error("TLS 1.3 without secrets")
	}
	if make12().takeOver(tls.ConnectionState{Version: tls.VersionTLS11, CipherSuite: suite}) != nil {
		t.Error("TLS 1.1")
	}
}

// Secrets logged before the client is known to be who it says are not used: a
// refused client gets no Conn, and the alert it gets is crypto/tls's.
func TestRefusedGetsNothing(t *testing.T) {
	ca, rogue := newAuthority(t, "CA"), newAuthority(t, "Rogue CA")
	cert := rogue.issue(t, "client", newECKey())
	client, server := shake(t, ClientConfig(ClientOptions{Roots: ca.pool, Certificate: &cert, ServerName: "localhost"}),
		ServerConfig(ca.issue(t, "server", newECKey()), ca.pool, Require))
	if server.conn != nil || !server.id.Anonymous() || HandshakeCause(client.err) != "peer alert: unknown_ca" {
		t.Errorf("%v %v", server.conn, client.err)
	}
}

// Nothing of the keys is left behind: not in the tap, not in the line of the key
// log, not in a released connection.
func TestWiped(t *testing.T) {
	var tp tap
	line := []byte("CLIENT_TRAFFIC_SECRET_0 " + strings.Repeat("ab", randomLen) + " " + strings.Repeat("cd", 32) + "\n")
	if n, err := tp.Write(line); n != len(line) || err != nil || !bytes.Equal(tp.clientSecret.bytes(), bytes.Repeat([]byte{0xcd}, 32)) {
		t.Fatalf("%d, %v, %x", n, err, tp.clientSecret.bytes())
	}
	if !bytes.Equal(line, make([]byte, len(line))) {
		t.Errorf("the line still says %q", line)
	}
	for _, odd := range []string{"", "CLIENT_RANDOM", "CLIENT_RANDOM a\n", "CLIENT_RANDOM aa zz\n", "CLIENT_RANDOM aa " + strings.Repeat("ab", 100) + "\n", "EXPORTER_SECRET a b\n"} {
		if n, err := tp.Write([]byte(odd)); n != len(odd) || err != nil || tp.master.n != 0 {
			t.Errorf("%q: %d, %v, %d", odd, n, err, tp.master.n)
		}
	}
	tp.wipe()
	if !reflect.DeepEqual(tp, tap{}) {
		t.Errorf("the tap has %v", tp)
	}
	eachVersion(t, func(t *testing.T, version uint16, e engines) {
		client, server := e.established(t, version)
		o, isOwn := server.records.(*own)
		var ciphers [2]any
		if isOwn {
			ciphers = [2]any{o.in.aead, o.out.aead}
		}
		server.Release()
		server.Release()
		if isOwn {
			for i, c := range ciphers {
				if !reflect.ValueOf(c).Elem().IsZero() {
					t.Errorf("cipher %d has its key", i)
				}
			}
			if o.in != (half{}) || o.out != (half{}) {
				t.Error("secrets are left")
			}
		}
		if err := server.Feed(seal(t, client, []byte("x")), nil); !errors.Is(err, ErrTLS) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("fed after release: %v", err)
		}
		if out, err := server.Seal(nil, []byte("x")); !errors.Is(err, ErrTLS) || len(out) != 0 {
			t.Errorf("sealed after release: %q, %v", out, err)
		}
		if out := server.CloseNotify(server.Pending(nil)); len(out) != 0 || server.Closed() {
			t.Errorf("%d bytes after release", len(out))
		}
	})
}

// A callback that releases its connection gets nothing more.
func TestReleaseWithin(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16, e engines) {
		for _, cut := range []int{0, 3} { // in place, and in a buffer of ours
			c, s := e.established(t, version)
			sealed := append(seal(t, c, []byte("one")), seal(t, c, []byte("two"))...)
			var got []string
			data := func(p []byte) {
				got = append(got, string(p))
				s.Release()
			}
			if cut > 0 {
				if err := s.Feed(sealed[:cut], data); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Feed(sealed[cut:], data); !errors.Is(err, net.ErrClosed) || len(got) != 1 {
				t.Errorf("%q, %v", got, err)
			}
		}
	})
}

// Where only approved modules may be used, crypto/tls's own is the one.
func TestFIPSOnly(t *testing.T) {
	if os.Getenv("TLSTERM_FIPS_CHILD") != "" {
		if err := SelfTest(); err != nil {
			t.Fatal(err)
		}
		s := new(std)
		if Own.tap(s, false) != nil || s.wire.tap != nil {
			t.Fatal("the record layer would be taken over")
		}
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), exe, "-test.run=^TestFIPSOnly$")
	cmd.Env = append(os.Environ(), "TLSTERM_FIPS_CHILD=1", "GODEBUG=fips140=only")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestParseEngine(t *testing.T) {
	for text, want := range map[string]Engine{"own": Own, "STD": Std} {
		if got, err := ParseEngine(" " + text); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := ParseEngine("fast"); err == nil || !strings.Contains(err.Error(), `"fast": allowed are own and std`) {
		t.Errorf("%v", err)
	}
	if s := Engine(9).String(); s != "Engine(9)" {
		t.Error(s)
	}
}
