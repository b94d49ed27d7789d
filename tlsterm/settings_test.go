package tlsterm

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/cpu"
)

func TestNamesOfSettings(t *testing.T) {
	for _, c := range []struct {
		list string
		want []string
	}{
		{"", nil},
		{" , ", nil},
		{"TLSv1.3,TLSv1.2", []string{"TLSv1.3", "TLSv1.2"}},
		{" tlsv1.2 ,TLSV1.2,", []string{"TLSv1.2"}},
	} {
		got, err := ParseProtocols(c.list)
		if names := protocols.of(got); err != nil || !slices.Equal(names, c.want) && len(names)+len(c.want) > 0 {
			t.Errorf("%q: %q, %v", c.list, names, err)
		}
	}
	order := "TLS_CHACHA20_POLY1305_SHA256,tls_ecdhe_rsa_with_aes_256_gcm_sha384,TLS_AES_128_GCM_SHA256,TLS_CHACHA20_POLY1305_SHA256"
	got, err := ParseSuites(order)
	if want := []uint16{tls.TLS_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_AES_128_GCM_SHA256}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%x, %v", got, err)
	}
	curves, err := ParseGroups("secp521r1, X25519, x25519mlkem768")
	if want := []tls.CurveID{tls.CurveP521, tls.X25519, tls.X25519MLKEM768}; err != nil || !slices.Equal(curves, want) {
		t.Errorf("%v, %v", curves, err)
	}
}

// An error says what was wrong and everything that would have been right.
func TestNamesRefused(t *testing.T) {
	parsers := map[string]func(string) error{
		"protocol":     func(s string) error { _, err := ParseProtocols(s); return err },
		"cipher suite": func(s string) error { _, err := ParseSuites(s); return err },
		"named group":  func(s string) error { _, err := ParseGroups(s); return err },
	}
	allowed := map[string][]string{"protocol": protocols.of(protocols.all()), "cipher suite": suites.of(suites.all()), "named group": groups.of(groups.all())}
	for kind, bad := range map[string][]string{
		"protocol":     {"TLSv1", "TLSv1.1", "SSLv3", "TLSv1.4", "1.3", "TLSv1.3;TLSv1.2"},
		"cipher suite": {"TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_AES_128_CCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "\x00"},
		"named group":  {"x448", "ffdhe2048", "secp256k1", "P-256"},
	} {
		for _, name := range bad {
			err := parsers[kind](name)
			if err == nil || !strings.HasPrefix(err.Error(), "tlsterm: "+kind+" ") || !strings.HasSuffix(err.Error(), "is not supported; allowed: "+strings.Join(allowed[kind], ", ")) {
				t.Errorf("%q: %v", name, err)
			}
		}
		if err := parsers[kind](strings.Repeat(",", maxNames)); err == nil {
			t.Errorf("%s: a list without end is read", kind)
		}
	}
}

// The names are those of crypto/tls's own list, which are IANA's.
func TestSuiteNamesAreIANAs(t *testing.T) {
	for _, s := range suites {
		if tls.CipherSuiteName(s.value) != s.name || kindOf(s.value) == suiteOther {
			t.Errorf("%s is %s, kind %d", s.name, tls.CipherSuiteName(s.value), kindOf(s.value))
		}
	}
	for _, s := range tls.CipherSuites() {
		if aead := strings.Contains(s.Name, "GCM") || strings.Contains(s.Name, "CHACHA20"); aead != slices.Contains(suites.all(), s.ID) {
			t.Errorf("%s is left out, or should be", s.Name)
		}
	}
}

func TestWhatSettingsComeTo(t *testing.T) {
	for _, c := range []struct{ protocols, suites, groups, want string }{
		{"", "", "", "TLSv1.3 TLSv1.2"},
		{"TLSv1.2,TLSv1.3", "", "", "TLSv1.3 TLSv1.2"},
		{"TLSv1.2", "", "", "TLSv1.2"},
		{"TLSv1.3", "", "", "TLSv1.3"},
		{"", "TLS_AES_256_GCM_SHA384", "", "TLSv1.3"},
		{"", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "", "TLSv1.2"},
		{"TLSv1.2", "TLS_AES_256_GCM_SHA384", "", ""},
		{"TLSv1.3", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "", ""},
		{"", "", "X25519MLKEM768", "TLSv1.3"},
		{"", "", "X25519MLKEM768,secp256r1", "TLSv1.3 TLSv1.2"},
		{"TLSv1.2", "", "X25519MLKEM768,SecP256r1MLKEM768,SecP384r1MLKEM1024", ""},
	} {
		s := settings(t, c.protocols, c.suites, c.groups)
		if got := strings.Join(s.ProtocolNames(), " "); got != c.want || (s.Check() == nil) != (c.want != "") {
			t.Errorf("%+v gives %q, %v", c, got, s.Check())
		}
	}
	var none Settings
	if len(none.SuiteNames()) != 9 || len(none.GroupNames()) != 7 {
		t.Errorf("by default %q and %q", none.SuiteNames(), none.GroupNames())
	}
	some := settings(t, "", "TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256", "secp521r1")
	if !slices.Equal(some.SuiteNames(), []string{"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"}) || !slices.Equal(some.GroupNames(), []string{"secp521r1"}) {
		t.Errorf("%q and %q", some.SuiteNames(), some.GroupNames())
	}
}

func settings(tb testing.TB, protocolList, suiteList, groupList string) (s Settings) {
	tb.Helper()
	var errs [3]error
	s.Protocols, errs[0] = ParseProtocols(protocolList)
	s.Suites, errs[1] = ParseSuites(suiteList)
	s.Groups, errs[2] = ParseGroups(groupList)
	if err := errors.Join(errs[:]...); err != nil {
		tb.Fatal(err)
	}
	return s
}

// Each suite comes about if it alone is allowed to clients that offer all, in
// the first handshake and in the resumed one, with and without a second hello.
// The client's certificate is asked for, and its identity comes through.
func TestTheOnlySuite(t *testing.T) {
	ca := newAuthority(t, "CA")
	cert := ca.issue(t, "client", newECKey())
	servers := []tls.Certificate{ca.issue(t, "server", newECKey()), ca.issue(t, "server", rsaKey())}
	for _, suite := range suites {
		for _, again := range []string{"", "secp384r1"} { // no Go client sends a share for it unasked
			t.Run(suite.name+again, func(t *testing.T) {
				o := ServerOptions{Settings: settings(t, "", suite.name, again), Certificates: servers, Roots: ca.pool, ClientAuth: Require}
				serverCfg, resumed := o.Config(), []bool(nil)
				watchResumption(serverCfg, &resumed)
				cfg := ClientConfig(ClientOptions{Roots: ca.pool, Certificate: &cert, ServerName: "localhost"})
				cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				for range 2 {
					state, id, err := visit(t, cfg, serverCfg)
					if err != nil || state.CipherSuite != suite.value || state.Version != kindOf(suite.value).version() || id.Anonymous() {
						t.Fatalf("%s in %s as %q, %v", tls.CipherSuiteName(state.CipherSuite), tls.VersionName(state.Version), id.DN(), err)
					}
					if again != "" && state.CurveID != tls.CurveP384 {
						t.Errorf("keys exchanged in %v", state.CurveID)
					}
				}
				if !slices.Equal(resumed, []bool{false, true}) {
					t.Errorf("resumed: %v", resumed)
				}
			})
		}
	}
}

// watchResumption notes of every connection whether it was resumed.
func watchResumption(cfg *tls.Config, resumed *[]bool) {
	verify := cfg.VerifyConnection
	cfg.VerifyConnection = func(s tls.ConnectionState) error {
		*resumed = append(*resumed, s.DidResume)
		return verify(s)
	}
}

// visit connects crypto/tls's client to Server and lets it read one answer, with
// which a session's ticket comes. The state is the client's.
func visit(tb testing.TB, clientCfg, serverCfg *tls.Config) (tls.ConnectionState, Identity, error) {
	tb.Helper()
	a, b := sockets(tb)
	peer := tls.Client(a, clientCfg)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.ReadFull(peer, make([]byte, 1)) // the answer or the refusal
	}()
	conn, id, err := Server(patient(tb), b, serverCfg)
	if err == nil {
		sealed, serr := conn.Seal(nil, []byte("x"))
		_, werr := b.Write(sealed)
		if err := errors.Join(serr, werr); err != nil {
			tb.Fatal(err)
		}
	}
	b.Close()
	<-done
	return peer.ConnectionState(), id, err
}

// Of several suites the first that the client has is taken.
func TestSuitesByPreference(t *testing.T) {
	ca := newAuthority(t, "CA")
	for _, c := range []struct{ key, suites, client, want string }{
		{"EC", "TLS_CHACHA20_POLY1305_SHA256,TLS_AES_256_GCM_SHA384", "", "TLS_CHACHA20_POLY1305_SHA256"},
		{"EC", "TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256", "", "TLS_AES_256_GCM_SHA384"},
		{"EC", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,TLS_AES_256_GCM_SHA384", "", "TLS_AES_256_GCM_SHA384"},
		{"RSA", "TLS_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLSv1.2", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
		{"RSA", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
		{"EC", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
	} {
		cert := ca.issue(t, "server", newECKey())
		if c.key == "RSA" {
			cert = ca.issue(t, "server", rsaKey())
		}
		serverCfg := ServerOptions{Settings: settings(t, "", c.suites, ""), Certificates: []tls.Certificate{cert}}.Config()
		cfg := ClientConfig(ClientOptions{Settings: settings(t, c.client, "", ""), Roots: ca.pool, ServerName: "localhost"})
		state, _, err := visit(t, cfg, serverCfg)
		if got := tls.CipherSuiteName(state.CipherSuite); err != nil || got != c.want {
			t.Errorf("%+v: %s, %v", c, got, err)
		}
	}
}

// Without settings AES-128-GCM comes first, but CHACHA20 for clients that put it
// before AES, as those without AES instructions do, and for all on a machine that
// has none. crypto/tls does this; here it is pinned.
func TestSuitesByDefault(t *testing.T) {
	cert, _ := selfSigned(t)
	aes128, aes256, chacha := tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256
	fast := cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ && cpu.X86.HasSSE41 && cpu.X86.HasSSSE3 || cpu.ARM64.HasAES && cpu.ARM64.HasPMULL
	for _, c := range []struct {
		offered  []uint16
		suites   string
		with, no uint16 // what is taken with AES instructions here, and without
	}{
		{[]uint16{aes256, chacha, aes128}, "", aes128, chacha}, // OpenSSL, Java
		{[]uint16{aes128, aes256, chacha}, "", aes128, chacha},
		{[]uint16{chacha, aes256, aes128}, "", chacha, chacha},
		{[]uint16{0x1a1a, chacha, aes128}, "", chacha, chacha},
		{[]uint16{aes256}, "", aes256, aes256},
		{[]uint16{chacha, aes256, aes128}, "TLS_AES_128_GCM_SHA256,TLS_CHACHA20_POLY1305_SHA256", aes128, aes128},
		{[]uint16{aes256, chacha}, "TLS_AES_128_GCM_SHA256,TLS_CHACHA20_POLY1305_SHA256", chacha, chacha},
	} {
		want := c.no
		if fast {
			want = c.with
		}
		cfg := ServerOptions{Settings: settings(t, "", c.suites, ""), Certificates: []tls.Certificate{cert}}.Config()
		a, b := sockets(t)
		if _, err := a.Write(helloOf(t, c.offered)); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() {
			_, _, err := Server(patient(t), b, cfg)
			done <- err
		}()
		answer := make([]byte, 5+4+2+32+1+2)
		if _, err := io.ReadFull(a, answer); err != nil {
			t.Fatal(err)
		}
		a.Close()
		if err := <-done; HandshakeCause(err) != "peer closed" && HandshakeCause(err) != "peer reset" { // there is no second flight
			t.Errorf("%x: %v", c.offered, err)
		}
		if got := binary.BigEndian.Uint16(answer[len(answer)-2:]); answer[5] != 2 || got != want {
			t.Errorf("%x, allowed %q: the server takes %x, want %x", c.offered, c.suites, got, want)
		}
	}
}

// helloOf is a TLS 1.3 client's first record, without a session id.
func helloOf(tb testing.TB, offered []uint16) []byte {
	tb.Helper()
	share, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	ext := func(kind uint16, body []byte) []byte {
		out := binary.BigEndian.AppendUint16(nil, kind)
		return append(binary.BigEndian.AppendUint16(out, uint16(len(body))), body...)
	}
	extensions := slices.Concat(
		ext(43, []byte{2, 3, 4}),       // supported_versions: 1.3
		ext(10, []byte{0, 2, 0, 0x1d}), // supported_groups: x25519
		ext(13, []byte{0, 2, 4, 3}),    // signature_algorithms: ecdsa_secp256r1_sha256
		ext(51, slices.Concat([]byte{0, 36, 0, 0x1d, 0, 32}, share.PublicKey().Bytes())), // key_share
	)
	body := slices.Concat([]byte{3, 3}, bytes.Repeat([]byte{7}, 32), []byte{0})
	body = binary.BigEndian.AppendUint16(body, uint16(2*len(offered)))
	for _, id := range offered {
		body = binary.BigEndian.AppendUint16(body, id)
	}
	body = append(body, 1, 0)
	body = binary.BigEndian.AppendUint16(body, uint16(len(extensions)))
	body = append(body, extensions...)
	message := append([]byte{1, 0, byte(len(body) >> 8), byte(len(body))}, body...)
	return append([]byte{22, 3, 1, byte(len(message) >> 8), byte(len(message))}, message...)
}

// Where the choice cannot be steered, a suite that is not allowed ends the
// handshake, in either role.
func TestASuiteThatIsNotAllowedIsRefused(t *testing.T) {
	ca := newAuthority(t, "CA")
	certs := []tls.Certificate{ca.issue(t, "server", newECKey())}
	only := settings(t, "", "TLS_AES_256_GCM_SHA384", "")

	// The hello's Conn is none of ours.
	a, b := sockets(t)
	done := make(chan error)
	go func() {
		peer := tls.Client(a, ClientConfig(ClientOptions{Roots: ca.pool, ServerName: "localhost"}))
		_, err := peer.Read(make([]byte, 1))
		done <- err
	}()
	err := tls.Server(b, ServerOptions{Settings: only, Certificates: certs}.Config()).Handshake()
	if HandshakeCause(err) != "no common cipher suite" || !errors.Is(err, ErrSuiteRefused) {
		t.Errorf("the server: %v", err)
	}
	b.Close()
	if err := <-done; err == nil {
		t.Error("the client is served")
	}

	for taken, want := range map[string]string{"TLS_AES_128_GCM_SHA256": "no common cipher suite", "TLS_AES_256_GCM_SHA384": ""} {
		for _, skip := range []bool{false, true} {
			client, _ := shake(t, ClientConfig(ClientOptions{Settings: only, Roots: ca.pool, ServerName: "localhost", SkipHostName: skip}),
				ServerOptions{Settings: settings(t, "", taken, ""), Certificates: certs}.Config())
			if got := HandshakeCause(client.err); got != want {
				t.Errorf("the broker takes %s: %q (%v)", taken, got, client.err)
			}
		}
	}
}

// What is missing is said by name.
func TestNothingInCommon(t *testing.T) {
	cert, pool := selfSigned(t)
	for _, c := range []struct {
		name           string
		client, server Settings
		want           string
	}{
		{"versions", settings(t, "TLSv1.2", "", ""), settings(t, "TLSv1.3", "", ""), "protocol version"},
		{"versions, the other way", settings(t, "TLSv1.3", "", ""), settings(t, "TLSv1.2", "", ""), "protocol version"},
		{"suites of 1.2", settings(t, "", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", ""), settings(t, "", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", ""), "no common cipher suite"},
		{"suites for another key", Settings{}, settings(t, "", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ""), "no common cipher suite"},
		{"groups", settings(t, "TLSv1.3", "", "x25519"), settings(t, "TLSv1.3", "", "secp256r1"), "no common named group"},
	} {
		_, server := shake(t, ClientConfig(ClientOptions{Settings: c.client, Roots: pool, ServerName: "localhost"}),
			ServerOptions{Settings: c.server, Certificates: []tls.Certificate{cert}}.Config())
		if got := HandshakeCause(server.err); got != c.want {
			t.Errorf("%s: %q (%v), want %q", c.name, got, server.err, c.want)
		}
	}
}

func TestNamedGroups(t *testing.T) {
	cert, pool := selfSigned(t)
	for _, version := range []string{"TLSv1.3", "TLSv1.2"} {
		for _, g := range groups {
			if version == "TLSv1.2" && isHybrid(g.value) {
				continue
			}
			s := settings(t, version, "", g.name)
			for _, roles := range [][2]Settings{{s, {}}, {{}, s}} {
				state, _, err := visit(t, ClientConfig(ClientOptions{Settings: roles[0], Roots: pool, ServerName: "localhost"}),
					ServerOptions{Settings: roles[1], Certificates: []tls.Certificate{cert}}.Config())
				if err != nil || state.CurveID != g.value {
					t.Errorf("%s, %s: %v, %v", version, g.name, state.CurveID, err)
				}
			}
		}
	}
}

// Several certificates: the one that fits the name and what the client can check.
func TestServerOptionsChoosesTheCertificate(t *testing.T) {
	ca := newAuthority(t, "CA")
	o := ServerOptions{Certificates: []tls.Certificate{ca.issue(t, "RSA", rsaKey()), ca.issue(t, "EC", newECKey()), ca.issue(t, "other", newECKey(), elsewhere)}}
	for name, want := range map[string]string{"localhost": "RSA", "elsewhere": "other"} {
		cfg := ClientConfig(ClientOptions{Roots: ca.pool, ServerName: name})
		if state, _, err := visit(t, cfg, o.Config()); err != nil || state.PeerCertificates[0].Subject.CommonName != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	onlyEC := ClientConfig(ClientOptions{Settings: settings(t, "", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", ""), Roots: ca.pool, ServerName: "localhost"})
	if state, _, err := visit(t, onlyEC, o.Config()); err != nil || state.PeerCertificates[0].Subject.CommonName != "EC" {
		t.Errorf("a client without RSA: %v", err)
	}
}
