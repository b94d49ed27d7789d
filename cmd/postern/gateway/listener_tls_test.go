package gateway

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/cmd/postern/config"
	"github.com/postern-kafka/postern/tlsterm"
)

// workbench is a listener's TLS over files of a test, whose time is the test's.
type workbench struct {
	*testing.T
	dir     string
	ca      *authority
	server  tls.Certificate
	client  tls.Certificate
	l       config.Listener
	journal *journal
	live    *listenerTLS
	now     time.Time
	denied  map[[sha256.Size]byte]bool
}

func newBench(t *testing.T, change func(*workbench)) *workbench {
	t.Helper()
	b := &workbench{T: t, dir: t.TempDir(), ca: newAuthority(t, "CA"), now: time.Now(), denied: map[[sha256.Size]byte]bool{}}
	b.server, b.client = b.ca.issue("server"), b.ca.issue("client")
	b.l = config.Listener{
		Name: "DEFAULT", AdvertisedHost: "localhost", Protocol: config.ProtocolSSL, ClientAuth: config.ClientAuthRequire,
		KeyStore:    config.Store{Path: file(t, b.dir, "server.pem", keyPEM(t, b.server)), PathVar: "KEY_STORE", PasswordVar: "KEY_STORE_PASSWORD"},
		TrustStore:  config.Store{Path: file(t, b.dir, "trust.pem", b.ca.pem()), PathVar: "TRUST_STORE"},
		CRLPathsVar: "CRL_PATHS", OCSPStaplePathVar: "STAPLE", TicketKeysPathVar: "TICKET_KEYS", KeyPasswordVar: "KEY_PASSWORD",
	}
	if change != nil {
		change(b)
	}
	var err error
	b.live, err = newListenerTLS(&b.l, tlsterm.Own, func(f [sha256.Size]byte) bool { return b.denied[f] }, newLog(b), b.now)
	must(t, err)
	return b
}

func newLog(b *workbench) *slog.Logger {
	j, log := newJournal()
	b.journal = j
	return log
}

// connect runs a handshake with what is served now and returns what the client
// saw, and the error of either side.
func (b *workbench) connect(change func(*tls.Config)) (state tls.ConnectionState, err error) {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(b.T, err)
	defer ln.Close()
	cfg := &tls.Config{RootCAs: pool(b.ca), ServerName: "localhost", Certificates: []tls.Certificate{b.client}}
	if change != nil {
		change(cfg)
	}
	done := make(chan error, 1)
	go func() {
		c, err := tls.Dial("tcp", ln.Addr().String(), cfg)
		if err == nil {
			_, err = c.Read(make([]byte, 1)) // with it comes the ticket, or the refusal
			state = c.ConnectionState()
			_ = c.Close()
		}
		done <- err
	}()
	conn, err := ln.Accept()
	must(b.T, err)
	defer conn.Close()
	must(b.T, conn.SetDeadline(time.Now().Add(patience)))
	served := tls.Server(conn, b.live.served.Load())
	err = served.Handshake()
	if err == nil {
		_, err = served.Write([]byte("x"))
	} else {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	clientErr := <-done
	if err == nil {
		err = clientErr
	}
	return state, err
}

// shows is the serial number that clients are shown.
func (b *workbench) shows(change func(*tls.Config)) string {
	b.Helper()
	state, err := b.connect(change)
	if err != nil {
		return err.Error()
	}
	return state.PeerCertificates[0].SerialNumber.String()
}

func (b *workbench) look() { b.live.look(b.now) }

func (b *workbench) metrics() string {
	var out bytes.Buffer
	b.live.writeMetrics(&out)
	return out.String()
}

func (b *workbench) wantMetric(name, path string, value int) {
	b.Helper()
	want := fmt.Sprintf("%s{listener=\"DEFAULT\",file=%q} %d\n", name, path, value)
	if !strings.Contains(b.metrics(), want) {
		b.Errorf("no %s in\n%s", want, b.metrics())
	}
}

// wantLog wants one line that holds all parts.
func (b *workbench) wantLog(parts ...string) {
	b.Helper()
	if got, _ := b.journal.count(parts...); got != 1 {
		b.Errorf("%d lines with %q, want one, in\n%s", got, parts, b.journal)
	}
}

func validFor(from, to time.Duration) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
}

func TestCertificateIsSwapped(t *testing.T) {
	b := newBench(t, nil)
	next := b.ca.issue("next")
	if got := b.shows(nil); got != b.server.Leaf.SerialNumber.String() {
		t.Fatalf("shows %s", got)
	}
	before := b.live.served.Load()
	b.look()
	if b.live.served.Load() != before {
		t.Error("nothing has changed, and there is another configuration")
	}
	replace(t, b.l.KeyStore.Path, keyPEM(t, next))
	b.look()
	if got := b.shows(nil); got != next.Leaf.SerialNumber.String() {
		t.Errorf("shows %s", got)
	}
	b.wantMetric("gateway_tls_reloads_total", b.l.KeyStore.Path, 1)
	b.wantMetric("gateway_tls_reload_failures_total", b.l.KeyStore.Path, 0)
	b.wantLog("TLS file reloaded", "variable=KEY_STORE", "file="+b.l.KeyStore.Path, "listener=DEFAULT")
	want := fmt.Sprintf(`gateway_tls_certificate_expiry_seconds{listener="DEFAULT",store="key",file=%q,subject="CN=next",serial="%X"} %d`,
		b.l.KeyStore.Path, next.Leaf.SerialNumber, next.Leaf.NotAfter.Unix())
	if !strings.Contains(b.metrics(), want) || strings.Contains(b.metrics(), "CN=server") {
		t.Errorf("no %s alone in\n%s", want, b.metrics())
	}
}

// TestBadFilesKeepTheOld: whatever is wrong with a new file, the old one stays in
// force, once told and counted; a good one ends the matter.
func TestBadFilesKeepTheOld(t *testing.T) {
	other := newAuthority(t, "Other")
	for what, bad := range map[string]struct {
		data func(b *workbench) []byte
		err  string
	}{
		"garbage": {func(*workbench) []byte { return []byte("garbage") }, "not a JKS, PKCS12 or PEM store"},
		"empty":   {func(*workbench) []byte { return nil }, "the file is empty"},
		"half":    {func(b *workbench) []byte { f := keyPEM(t, b.ca.issue("x")); return f[:len(f)/2] }, "KEY_STORE"},
		"expired": {func(b *workbench) []byte { return keyPEM(t, b.ca.issue("x", validFor(-2*time.Hour, -time.Hour))) }, "expired on"},
		"too new": {func(b *workbench) []byte { return keyPEM(t, b.ca.issue("x", validFor(time.Hour, 2*time.Hour))) }, "is not valid before"},
		"key of another": {func(b *workbench) []byte {
			c := b.ca.issue("x")
			c.PrivateKey = newECKey(t)
			return keyPEM(t, c)
		}, "no certificate belongs to it"},
		"an authority's own key": {func(b *workbench) []byte {
			c := b.ca.issue("x", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
			c.Certificate = append(c.Certificate[:1], other.cert.Raw)
			return keyPEM(t, c)
		}, ""}, // a PEM file's chain is put together out of what fits: nothing wrong
		"missing": {nil, "no such file"},
	} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t, nil)
			if bad.err == "" {
				replace(t, b.l.KeyStore.Path, bad.data(b))
				b.look()
				b.wantMetric("gateway_tls_reload_failures_total", b.l.KeyStore.Path, 0)
				return
			}
			if bad.data == nil {
				must(t, os.Remove(b.l.KeyStore.Path))
			} else {
				replace(t, b.l.KeyStore.Path, bad.data(b))
			}
			for range 3 {
				b.look()
				if got := b.shows(nil); got != b.server.Leaf.SerialNumber.String() {
					t.Fatalf("shows %s", got)
				}
			}
			b.wantMetric("gateway_tls_reload_failures_total", b.l.KeyStore.Path, 1)
			b.wantMetric("gateway_tls_file_stale", b.l.KeyStore.Path, 1)
			b.wantLog("level=ERROR", "stays in force", "KEY_STORE", b.l.KeyStore.Path, bad.err)
			good := b.ca.issue("good")
			replace(t, b.l.KeyStore.Path, keyPEM(t, good))
			b.look()
			if got := b.shows(nil); got != good.Leaf.SerialNumber.String() {
				t.Errorf("shows %s", got)
			}
			b.wantMetric("gateway_tls_file_stale", b.l.KeyStore.Path, 0)
		})
	}
}

// TestTimeMakesItGood: a certificate that was too new is taken when its time has
// come, though the file is the same.
func TestTimeMakesItGood(t *testing.T) {
	b := newBench(t, nil)
	next := b.ca.issue("next", validFor(2*time.Hour, 600*time.Hour))
	replace(t, b.l.KeyStore.Path, keyPEM(t, next))
	b.look()
	b.wantMetric("gateway_tls_file_stale", b.l.KeyStore.Path, 1)
	b.now = b.now.Add(3 * time.Hour)
	b.look()
	b.wantMetric("gateway_tls_file_stale", b.l.KeyStore.Path, 0)
	if got := b.live.served.Load().Certificates[0].Leaf; !got.Equal(next.Leaf) {
		t.Errorf("serves %s", got.Subject)
	}
}

func TestComplaints(t *testing.T) {
	b := newBench(t, func(b *workbench) {
		b.l.AdvertisedHost = "gateway.example"
		b.server = b.ca.issue("server", validFor(-time.Hour, 24*time.Hour))
		replace(t, b.l.KeyStore.Path, keyPEM(t, b.server))
		b.l.CRLPaths = []string{file(t, b.dir, "ca.crl", b.ca.revoke(1, time.Now().Add(-time.Minute)))}
	})
	b.look()
	b.look()
	b.wantLog("level=WARN", "KEY_STORE", b.l.KeyStore.Path, "no certificate is for the advertised host", "gateway.example", "names in it: localhost")
	b.wantLog("level=WARN", "KEY_STORE", "the certificate of CN=server expires on")
	b.wantLog("level=WARN", "CRL_PATHS", `CN=CA`, "should have been replaced by")
	b.now = b.now.Add(48 * time.Hour)
	b.live.upkeep(b.now)
	b.wantLog("level=ERROR", "KEY_STORE", "expired on")
	replace(t, b.l.KeyStore.Path, keyPEM(t, b.ca.issue("good", func(c *x509.Certificate) { c.DNSNames = []string{"*.example"} })))
	replace(t, b.l.CRLPaths[0], b.ca.revoke(2, time.Now().Add(900*time.Hour)))
	b.look()
	if left := b.live.wrong(b.now); len(left) != 0 {
		t.Errorf("still complains: %v", left)
	}
}

// TestStart: with an expired certificate, whoever does not check can connect, and
// the log is loud. Files that cannot be used at all end the start by name.
func TestStart(t *testing.T) {
	b := newBench(t, func(b *workbench) {
		replace(t, b.l.KeyStore.Path, keyPEM(t, b.ca.issue("old", validFor(-2*time.Hour, -time.Hour))))
		b.l.OCSPStaplePath = file(t, b.dir, "staple.der", []byte("garbage"))
	})
	b.wantLog("level=ERROR", "expired on")
	b.wantLog("level=WARN", "STAPLE", "not served")
	if _, err := b.connect(func(c *tls.Config) { c.InsecureSkipVerify = true }); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(l *config.Listener){
		"KEY_STORE: ":   func(l *config.Listener) { l.KeyStore.Path += ".missing" },
		"TRUST_STORE: ": func(l *config.Listener) { l.TrustStore.Path = l.OCSPStaplePath },
		"CRL_PATHS: ":   func(l *config.Listener) { l.CRLPaths = []string{l.OCSPStaplePath} },
		"TICKET_KEYS: ": func(l *config.Listener) { l.TicketKeysPath = l.OCSPStaplePath },
		"STAPLE: ":      func(l *config.Listener) { l.OCSPStaplePath += ".missing" },
		"EXTRA[0].path: ": func(l *config.Listener) {
			l.ExtraKeyStores = []config.KeyStore{{Store: config.Store{Path: "/nowhere", PathVar: "EXTRA[0].path"}}}
		},
		"authentication":   func(l *config.Listener) { l.ClientAuth = "PERHAPS" },
		"CRL_PATHS: ./no/": func(l *config.Listener) { l.CRLPaths = []string{"./no/crl"} },
	} {
		l := b.l
		change(&l)
		_, log := newJournal()
		if _, err := newListenerTLS(&l, tlsterm.Own, nil, log, b.now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}

// TestTrustStoreIsSwapped: clients of the old authority are refused from then
// on, also those with a ticket; clients of the new one are let in.
func TestTrustStoreIsSwapped(t *testing.T) {
	b := newBench(t, nil)
	next := newAuthority(t, "Next CA")
	cache := tls.NewLRUClientSessionCache(4)
	withTicket := func(c *tls.Config) { c.ClientSessionCache = cache }
	ours := func(c *tls.Config) { c.Certificates = []tls.Certificate{next.issue("new client")} }
	for want := range 2 {
		if s, err := b.connect(withTicket); err != nil || s.DidResume != (want == 1) {
			t.Fatalf("resumed %v, %v", s.DidResume, err)
		}
	}
	if _, err := b.connect(ours); err == nil {
		t.Error("a client of an authority that is not trusted was let in")
	}
	// All tickets end with the trust store, also where the old authority stays.
	replace(t, b.l.TrustStore.Path, append(b.ca.pem(), next.pem()...))
	b.look()
	if s, err := b.connect(withTicket); err != nil || s.DidResume {
		t.Errorf("with another authority beside it: resumed %v, %v", s.DidResume, err)
	}
	replace(t, b.l.TrustStore.Path, next.pem())
	b.look()
	if _, err := b.connect(withTicket); err == nil {
		t.Error("a client of the old authority was let in by its ticket")
	}
	if _, err := b.connect(ours); err != nil {
		t.Errorf("a client of the new authority: %v", err)
	}
	// One by which nobody could come in is not taken.
	replace(t, b.l.TrustStore.Path, []byte("garbage"))
	b.look()
	if _, err := b.connect(ours); err != nil {
		t.Errorf("after a bad trust store: %v", err)
	}
	b.wantMetric("gateway_tls_file_stale", b.l.TrustStore.Path, 1)
}

// TestTicketsOutliveCertificates: what a ticket rests on has not changed.
func TestTicketsOutliveCertificates(t *testing.T) {
	b := newBench(t, nil)
	cache := tls.NewLRUClientSessionCache(4)
	withTicket := func(c *tls.Config) { c.ClientSessionCache = cache }
	_, err := b.connect(withTicket)
	must(t, err)
	replace(t, b.l.KeyStore.Path, keyPEM(t, b.ca.issue("next")))
	b.look()
	if s, err := b.connect(withTicket); err != nil || !s.DidResume {
		t.Errorf("resumed %v, %v", s.DidResume, err)
	}
	b.now = b.now.Add(tlsterm.TicketKeyPeriod + time.Minute)
	b.live.upkeep(b.now) // the next key seals, the last one still opens
	if s, err := b.connect(withTicket); err != nil || !s.DidResume {
		t.Errorf("after a rotation: resumed %v, %v", s.DidResume, err)
	}
}

// TestCRL: a new list bars at the next handshake, with a ticket or without; one
// that is forged does nothing; what it says of others does not matter.
func TestCRL(t *testing.T) {
	b := newBench(t, func(b *workbench) {
		b.l.CRLPaths = []string{
			file(t, b.dir, "ca.crl", b.ca.revoke(1, time.Now().Add(time.Hour))),
			file(t, b.dir, "other.crl", newAuthority(t, "Other").revoke(1, time.Now().Add(time.Hour))),
		}
	})
	cache := tls.NewLRUClientSessionCache(4)
	withTicket := func(c *tls.Config) { c.ClientSessionCache = cache }
	for range 2 {
		_, err := b.connect(withTicket)
		must(t, err)
	}
	another := b.ca.issue("another")
	kept := tls.NewLRUClientSessionCache(1)
	withTheirs := func(c *tls.Config) { c.Certificates, c.ClientSessionCache = []tls.Certificate{another}, kept }
	_, err := b.connect(withTheirs)
	must(t, err)
	imposter := newAuthority(t, "CA")
	replace(t, b.l.CRLPaths[0], imposter.revoke(2, time.Now().Add(time.Hour), b.client))
	b.look()
	b.wantMetric("gateway_tls_file_stale", b.l.CRLPaths[0], 0) // another key of that name: it speaks of nobody here
	if _, err := b.connect(withTicket); err != nil {
		t.Errorf("barred by somebody of the issuer's name: %v", err)
	}
	replace(t, b.l.CRLPaths[0], b.ca.revoke(3, time.Now().Add(time.Hour), b.client))
	b.look()
	for _, how := range []func(*tls.Config){withTicket, nil} {
		if _, err := b.connect(how); err == nil || !strings.Contains(err.Error(), "revoked") {
			t.Errorf("a revoked client: %v", err)
		}
	}
	if s, err := b.connect(withTheirs); err != nil || s.DidResume {
		t.Errorf("another client: resumed %v, %v; tickets end with a new list", s.DidResume, err)
	}
	replace(t, b.l.CRLPaths[0], []byte("garbage"))
	b.look()
	if _, err := b.connect(nil); err == nil {
		t.Error("a damaged list let the revoked client in")
	}
	b.wantMetric("gateway_tls_reload_failures_total", b.l.CRLPaths[0], 1)
	if want := fmt.Sprintf("gateway_tls_crl_revoked_certificates{listener=\"DEFAULT\",file=%q,issuer=\"CN=CA\"} 1\n", b.l.CRLPaths[0]); !strings.Contains(b.metrics(), want) {
		t.Errorf("no %s in\n%s", want, b.metrics())
	}
}

func TestDenied(t *testing.T) {
	b := newBench(t, nil)
	cache := tls.NewLRUClientSessionCache(4)
	withTicket := func(c *tls.Config) { c.ClientSessionCache = cache }
	_, err := b.connect(withTicket)
	must(t, err)
	b.denied[sha256.Sum256(b.client.Leaf.Raw)] = true
	for _, how := range []func(*tls.Config){withTicket, nil} {
		if _, err := b.connect(how); err == nil || tlsterm.HandshakeCause(err) != "certificate revoked" {
			t.Errorf("a denied client: %v", err)
		}
	}
}

// TestStapleComesAndGoes: served while it is valid, taken back when it is not,
// and it waits for the certificate it is about.
func TestStapleComesAndGoes(t *testing.T) {
	b := newBench(t, func(b *workbench) {
		b.l.OCSPStaplePath = file(t, b.dir, "staple.der", b.ca.answer(b.server, time.Now().Add(time.Hour)))
	})
	staple := func() string {
		s, err := b.connect(nil)
		must(t, err)
		return string(s.OCSPResponse)
	}
	first, err := os.ReadFile(b.l.OCSPStaplePath)
	must(t, err)
	if staple() != string(first) {
		t.Error("not served")
	}
	b.live.upkeep(b.now.Add(2 * time.Hour))
	if staple() != "" {
		t.Error("served beyond its time")
	}
	b.wantMetric("gateway_tls_ocsp_served", b.l.OCSPStaplePath, 0)
	b.wantLog("level=WARN", "STAPLE", "not served", "valid until")
	next := b.ca.issue("next")
	second := b.ca.answer(next, time.Now().Add(time.Hour))
	replace(t, b.l.OCSPStaplePath, second) // before its certificate
	b.look()
	b.wantMetric("gateway_tls_file_stale", b.l.OCSPStaplePath, 1)
	replace(t, b.l.KeyStore.Path, keyPEM(t, next))
	b.look()
	if staple() != string(second) {
		t.Error("the next one is not served")
	}
	b.wantMetric("gateway_tls_file_stale", b.l.OCSPStaplePath, 0)
	b.wantMetric("gateway_tls_ocsp_served", b.l.OCSPStaplePath, 1)
}

// TestRSAAndECDSASideBySide: out of several stores, each for the clients that
// can check it, and each replaced for itself.
func TestRSAAndECDSASideBySide(t *testing.T) {
	key, err := rsaKey()
	must(t, err)
	var second tls.Certificate
	b := newBench(t, func(b *workbench) {
		second = b.ca.certify("RSA", key)
		b.l.ExtraKeyStores = []config.KeyStore{{Store: config.Store{Path: file(t, b.dir, "rsa.pem", keyPEM(t, second)), PathVar: "EXTRA[0].path"}}}
	})
	with := func(suite uint16) func(*tls.Config) {
		return func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{suite} }
	}
	ec, rsa := with(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), with(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
	if got := b.shows(ec); got != b.server.Leaf.SerialNumber.String() {
		t.Errorf("EC: %s", got)
	}
	if got := b.shows(rsa); got != second.Leaf.SerialNumber.String() {
		t.Errorf("RSA: %s", got)
	}
	third := b.ca.certify("RSA", key)
	replace(t, b.l.ExtraKeyStores[0].Path, keyPEM(t, third))
	b.look()
	if got := b.shows(rsa); got != third.Leaf.SerialNumber.String() {
		t.Errorf("RSA after a swap: %s", got)
	}
	if got := b.shows(ec); got != b.server.Leaf.SerialNumber.String() {
		t.Errorf("EC after a swap: %s", got)
	}
}

// TestTicketKeysOfAFile: gateways with one file take each other's tickets, and
// no longer when one of them has other keys.
func TestTicketKeysOfAFile(t *testing.T) {
	hexKey := func(c string) string { return strings.Repeat(c, 63) + "0\n" }
	b := newBench(t, func(b *workbench) { b.l.TicketKeysPath = file(t, b.dir, "tickets", []byte(hexKey("a"))) })
	twin, err := newListenerTLS(&b.l, tlsterm.Own, func([sha256.Size]byte) bool { return false }, newLog(b), b.now)
	must(t, err)
	cache := tls.NewLRUClientSessionCache(4)
	withTicket := func(c *tls.Config) { c.ClientSessionCache = cache }
	_, err = b.connect(withTicket)
	must(t, err)
	b.live = twin
	if s, err := b.connect(withTicket); err != nil || !s.DidResume {
		t.Errorf("at the other gateway: resumed %v, %v", s.DidResume, err)
	}
	replace(t, b.l.TicketKeysPath, []byte("short"))
	b.look()
	if s, err := b.connect(withTicket); err != nil || !s.DidResume {
		t.Errorf("after a bad file: resumed %v, %v", s.DidResume, err)
	}
	b.wantMetric("gateway_tls_reload_failures_total", b.l.TicketKeysPath, 1)
	replace(t, b.l.TicketKeysPath, []byte(hexKey("b")))
	b.look()
	if s, err := b.connect(withTicket); err != nil || s.DidResume {
		t.Errorf("with other keys: resumed %v, %v", s.DidResume, err)
	}
}

func TestLabelsAreSafe(t *testing.T) {
	if got, want := label("a\"b\\c\nd\x00\xffä"), "\"a\\\"b\\\\cd\uFFFDä\""; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestBrokerSideIsSwapped(t *testing.T) {
	dir, old, next := t.TempDir(), newAuthority(t, "Old"), newAuthority(t, "Next")
	first, second := old.issue("gateway"), old.issue("gateway 2")
	k := config.Backend{
		Protocol: config.ProtocolSSL, EndpointIdentification: true,
		KeyStore:   config.Store{Path: file(t, dir, "key.pem", keyPEM(t, first)), PathVar: "KAFKA_KEY"},
		TrustStore: config.Store{Path: file(t, dir, "trust.pem", old.pem()), PathVar: "KAFKA_TRUST"},
	}
	_, log := newJournal()
	b, err := newBrokerTLS(&k, tlsterm.Own, log, time.Now())
	must(t, err)
	shown := func() *x509.Certificate {
		cert, err := b.config("broker").GetClientCertificate(nil)
		must(t, err)
		return cert.Leaf
	}
	if c := b.config("broker"); !shown().Equal(first.Leaf) || !c.RootCAs.Equal(pool(old)) || c.ServerName != "broker" {
		t.Error("not what the files hold")
	}
	replace(t, k.KeyStore.Path, keyPEM(t, second))
	replace(t, k.TrustStore.Path, next.pem())
	b.look(time.Now())
	if !shown().Equal(second.Leaf) || !b.config("broker").RootCAs.Equal(pool(next)) {
		t.Error("not what the files hold now")
	}
	replace(t, k.KeyStore.Path, []byte("garbage"))
	replace(t, k.TrustStore.Path, old.pem())
	b.look(time.Now())
	if !shown().Equal(second.Leaf) || !b.config("broker").RootCAs.Equal(pool(old)) {
		t.Error("a bad file kept more, or less, than the old one of its own")
	}
	var out bytes.Buffer
	b.writeMetrics(&out)
	for _, want := range []string{
		fmt.Sprintf("gateway_tls_reload_failures_total{listener=\"to brokers\",file=%q} 1\n", k.KeyStore.Path),
		fmt.Sprintf("gateway_tls_reloads_total{listener=\"to brokers\",file=%q} 2\n", k.TrustStore.Path),
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
	if got := b.paths(); len(got) != 2 || filepath.Dir(got[0]) != dir {
		t.Errorf("watched: %q", got)
	}
	k.Protocol = config.ProtocolPlaintext
	if b, err := newBrokerTLS(&k, tlsterm.Own, log, time.Now()); b != nil || err != nil {
		t.Errorf("for PLAINTEXT: %v, %v", b, err)
	}
}
