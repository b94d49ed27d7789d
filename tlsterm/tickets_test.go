package tlsterm

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// opens tells whether a ticket that a sealed is one to b.
func opens(tb testing.TB, a, b *tls.Config) bool {
	tb.Helper()
	session, err := tls.ParseSessionState(sessionBytes(tb))
	if err != nil {
		tb.Fatal(err)
	}
	ticket, err := a.EncryptTicket(tls.ConnectionState{}, session)
	if err != nil {
		tb.Fatal(err)
	}
	got, err := b.DecryptTicket(ticket, tls.ConnectionState{})
	if err != nil {
		tb.Fatal(err)
	}
	return got != nil
}

// sessionBytes is a session that a server has wrapped.
func sessionBytes(tb testing.TB) (state []byte) {
	tb.Helper()
	cert, pool := selfSigned(tb)
	cfg := ServerConfig(cert, nil, None)
	cfg.WrapSession = func(_ tls.ConnectionState, s *tls.SessionState) ([]byte, error) {
		var err error
		state, err = s.Bytes()
		return []byte("ticket"), err
	}
	cfg.UnwrapSession = func([]byte, tls.ConnectionState) (*tls.SessionState, error) { return nil, nil }
	client := ClientConfig(ClientOptions{Roots: pool, ServerName: "localhost"})
	client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	if _, _, err := visit(tb, client, cfg); err != nil || state == nil {
		tb.Fatalf("no session: %v", err)
	}
	return state
}

// applied is a configuration with the keys as they are.
func applied(k *TicketKeys, d TrustDomain) *tls.Config {
	cfg := &tls.Config{}
	k.Apply(cfg, d)
	return cfg
}

var epoch = time.Unix(1_700_000_000, 0)

// A key seals for a period and opens for two more.
func TestTicketKeysRotate(t *testing.T) {
	k := NewTicketKeys(epoch)
	var d TrustDomain
	first := applied(k, d)
	for _, early := range []time.Duration{0, time.Hour, TicketKeyPeriod - 1, -time.Hour} {
		if k.Rotate(epoch.Add(early)) {
			t.Errorf("rotated after %v", early)
		}
	}
	for period := 1; period <= 4; period++ {
		before := applied(k, d)
		now := epoch.Add(time.Duration(period) * TicketKeyPeriod)
		if !k.Rotate(now) || k.Rotate(now) {
			t.Fatalf("period %d: it rotates once", period)
		}
		after := applied(k, d)
		if opens(t, after, before) {
			t.Errorf("period %d: tickets are still sealed with the old key", period)
		}
		if got, want := opens(t, first, after), period < ticketGenerations; got != want {
			t.Errorf("period %d: the first ticket opens: %v", period, got)
		}
		if len(k.secrets) > ticketGenerations {
			t.Errorf("period %d: %d keys", period, len(k.secrets))
		}
	}
	// After a long sleep nothing old is left, whatever the number of generations.
	asleep := applied(k, d)
	if k.Rotate(epoch.Add(1000 * time.Hour)); opens(t, asleep, applied(k, d)) || len(k.secrets) != 1 {
		t.Errorf("%d keys after 1000 hours", len(k.secrets))
	}
}

// What is dropped is overwritten.
func TestTicketKeysAreForgotten(t *testing.T) {
	k := NewTicketKeys(epoch)
	old := k.secrets[0].secret
	if _, err := k.Load([]byte(hexKey(1))); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(old, make([]byte, len(old))) {
		t.Error("a secret is left in memory")
	}
}

func TestRandomTicketKeysDiffer(t *testing.T) {
	if opens(t, applied(NewTicketKeys(epoch), TrustDomain{}), applied(NewTicketKeys(epoch), TrustDomain{})) {
		t.Error("two processes have the same key")
	}
}

// hexKey is a line of a file of keys.
func hexKey(seed byte) string {
	return hex.EncodeToString(append(bytes.Repeat([]byte{seed}, minTicketSecret-1), seed+1)) + "\n"
}

func keysOf(tb testing.TB, file string) *TicketKeys {
	tb.Helper()
	k := NewTicketKeys(epoch)
	if _, err := k.Load([]byte(file)); err != nil {
		tb.Fatal(err)
	}
	return k
}

// Two gateways with one file, while the key is changed on one after the other.
func TestTicketKeysAreShared(t *testing.T) {
	var d TrustDomain
	old, added, turned, done := hexKey(1), hexKey(1)+hexKey(2), hexKey(2)+hexKey(1), hexKey(2)
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{old, old, true},
		{old, added, true},
		{added, old, true},
		{added, turned, true},
		{turned, added, true},
		{turned, done, true},
		{done, turned, true},
		{turned, old, false},
		{old, done, false},
	} {
		if got := opens(t, applied(keysOf(t, c.a), d), applied(keysOf(t, c.b), d)); got != c.want {
			t.Errorf("sealed with %q, opened with %q: %v", c.a, c.b, got)
		}
	}
}

func TestTicketKeyFile(t *testing.T) {
	secret := bytes.Repeat([]byte{0xfb, 0xef, 0x41}, 16) // with + and / in base64
	for _, line := range []string{
		hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)), base64.StdEncoding.EncodeToString(secret),
		base64.URLEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret),
	} {
		k := NewTicketKeys(epoch)
		changed, err := k.Load([]byte("# keys\r\n\r\n  " + line + "  \r\n" + hexKey(1)))
		if err != nil || !changed || len(k.secrets) != 2 || !bytes.Equal(k.secrets[0].secret, secret) {
			t.Errorf("%s: %d keys, changed %v, %v", line, len(k.secrets), changed, err)
		}
		if changed, err = k.Load([]byte(line + "\n" + hexKey(1))); err != nil || changed {
			t.Errorf("%s: changed %v without a change, %v", line, changed, err)
		}
		if k.Rotate(epoch.Add(100 * TicketKeyPeriod)) {
			t.Error("the keys of a file rotate by themselves")
		}
		if changed, err = k.Load([]byte(hexKey(1) + line)); err != nil || !changed {
			t.Errorf("another order is another key to seal with: changed %v, %v", changed, err)
		}
	}
}

// A bad file leaves the keys as they were, and no error shows any part of a key.
func TestBadTicketKeyFile(t *testing.T) {
	good := strings.TrimSpace(hexKey(0xab))
	for file, want := range map[string]string{
		"":                                       "no key",
		"# only this\n\n":                        "no key",
		hexKey(1) + "\nsEcReT!":                  "line 3: neither hexadecimal nor base64",
		good[:62]:                                "line 1: a key of 31 bytes; allowed: 32 to 128",
		strings.Repeat("a1", 129):                "line 1: a key of 129 bytes; allowed: 32 to 128",
		strings.Repeat("00", 32):                 "line 1: a key of the same byte throughout",
		strings.Repeat("7f", 48):                 "line 1: a key of the same byte throughout",
		good + "\n" + strings.ToUpper(good):      "line 2: the key of an earlier line",
		good + " " + good:                        "line 1: neither hexadecimal nor base64",
		strings.Repeat("#\n", maxTicketFile/2+1): "more than 65536 bytes",
		manyKeys(maxTicketKeys + 1):              "line 17: more than 16 keys",
	} {
		k := NewTicketKeys(epoch)
		before := applied(k, TrustDomain{})
		changed, err := k.Load([]byte(file))
		if changed || !errors.Is(err, ErrTicketKeys) || err.Error() != "tlsterm: session ticket keys: "+want {
			t.Errorf("%.40q: changed %v, %v, want %s", file, changed, err, want)
		}
		if !opens(t, before, applied(k, TrustDomain{})) {
			t.Errorf("%.40q: the keys are gone", file)
		}
	}
	if k := keysOf(t, manyKeys(maxTicketKeys)); len(k.secrets) != maxTicketKeys {
		t.Errorf("%d keys", len(k.secrets))
	}
}

func manyKeys(n int) (file string) {
	for i := range n {
		file += hexKey(byte(i + 1))
	}
	return file
}

// FuzzTicketKeyFile: no file panics, and what is taken is within the limits.
func FuzzTicketKeyFile(f *testing.F) {
	f.Add([]byte(hexKey(1) + "# x\n" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("key ", 10)))))
	f.Add([]byte("=\n"))
	f.Add([]byte(manyKeys(17)))
	f.Fuzz(func(t *testing.T, file []byte) {
		secrets, err := parseTicketSecrets(file)
		if (err == nil) == (len(secrets) == 0) || len(secrets) > maxTicketKeys {
			t.Fatalf("%d keys, %v", len(secrets), err)
		}
		for _, s := range secrets {
			if len(s.secret) < minTicketSecret || len(s.secret) > maxTicketSecret {
				t.Fatalf("a key of %d bytes", len(s.secret))
			}
		}
	})
}

// domains are trust domains of which no two are one.
func domains() map[string]TrustDomain {
	one := Fingerprint([]byte("one"))
	return map[string]TrustDomain{
		"plain":              {Listener: "DEFAULT", Name: "a", Trust: one, Revocation: one},
		"other listener":     {Listener: "INSIDE", Name: "a", Trust: one, Revocation: one},
		"other name":         {Listener: "DEFAULT", Name: "b", Trust: one, Revocation: one},
		"shifted":            {Listener: "DEFAULTa", Name: "", Trust: one, Revocation: one},
		"other trust":        {Listener: "DEFAULT", Name: "a", Trust: Fingerprint([]byte("two")), Revocation: one},
		"other lists":        {Listener: "DEFAULT", Name: "a", Trust: one, Revocation: Fingerprint([]byte("two"))},
		"no lists":           {Listener: "DEFAULT", Name: "a", Trust: one},
		"trust for lists":    {Listener: "DEFAULT", Name: "a", Revocation: one},
		"nothing":            {},
		"bytes of the other": {Listener: "DEFAULT", Name: "a" + string(one[:]), Revocation: one},
	}
}

// The rule of Go issue 77217: keys that are shared do not make one domain of two.
func TestATicketOfOneDomainOpensNoOther(t *testing.T) {
	for _, file := range []string{hexKey(1), hexKey(2) + hexKey(1)} {
		for a, da := range domains() {
			for b, db := range domains() {
				if got := opens(t, applied(keysOf(t, file), da), applied(keysOf(t, file), db)); got != (a == b) {
					t.Errorf("sealed in %q, opened in %q: %v", a, b, got)
				}
			}
		}
	}
	// Nor is the secret itself a key anywhere.
	raw := &tls.Config{}
	raw.SetSessionTicketKeys([][32]byte{[32]byte(keysOf(t, hexKey(1)).secrets[0].secret)})
	if opens(t, applied(keysOf(t, hexKey(1)), TrustDomain{}), raw) {
		t.Error("the file's secret opens tickets")
	}
}

// anySession gives a client's last session to whatever server it connects to, as
// an attacker's would.
type anySession struct{ last *tls.ClientSessionState }

func (c *anySession) Get(string) (*tls.ClientSessionState, bool) { return c.last, c.last != nil }

func (c *anySession) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		c.last = s
	}
}

// Two names of one listener, chosen by GetConfigForClient, with one secret and
// an authority in common: crypto/tls would let the session of the one resume
// with the other (CVE-2025-68121), and the client need not show that it has the
// key of its certificate.
func TestResumptionStaysInItsDomain(t *testing.T) {
	ca := newAuthority(t, "CA")
	cert := ca.issue(t, "client", newECKey())
	servers := []tls.Certificate{ca.issue(t, "server", newECKey()), ca.issue(t, "server", newECKey(), elsewhere)}
	byName := func(tickets *TicketKeys, b TrustDomain, resumed *[]bool) *tls.Config {
		configs := map[string]*tls.Config{}
		for name, d := range map[string]TrustDomain{"localhost": {Listener: "DEFAULT", Name: "localhost"}, "elsewhere": b} {
			configs[name] = ServerOptions{Certificates: servers, Roots: ca.pool, ClientAuth: Require, Tickets: tickets, Domain: d}.Config()
			watchResumption(configs[name], resumed)
		}
		outer := configs["localhost"].Clone()
		outer.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) { return configs[hello.ServerName], nil }
		return outer
	}
	for _, version := range versions {
		for _, c := range []struct {
			other TrustDomain
			want  bool
		}{
			{TrustDomain{Listener: "DEFAULT", Name: "localhost"}, true}, // so that it is the domain that tells them apart
			{TrustDomain{Listener: "DEFAULT", Name: "elsewhere"}, false},
			{TrustDomain{Listener: "DEFAULT", Name: "localhost", Trust: Fingerprint([]byte("x"))}, false},
			{TrustDomain{Listener: "DEFAULT", Name: "localhost", Revocation: Fingerprint([]byte("x"))}, false},
		} {
			var resumed []bool
			cfg := byName(keysOf(t, hexKey(1)), c.other, &resumed)
			cache := &anySession{}
			for _, name := range []string{"localhost", "localhost", "elsewhere"} {
				client := ClientConfig(ClientOptions{Roots: ca.pool, Certificate: &cert, ServerName: name})
				client.MaxVersion, client.ClientSessionCache = version, cache
				client.InsecureSkipVerify = true // a session is else kept from a certificate without the name
				client.VerifyConnection = nil
				if _, id, err := visit(t, client, cfg); err != nil || id.Anonymous() {
					t.Fatalf("%s: %v", name, err)
				}
			}
			if want := []bool{false, true, c.want}; !slices.Equal(resumed, want) {
				t.Errorf("%s, %+v: resumed %v, want %v", tls.VersionName(version), c.other, resumed, want)
			}
		}
	}
}

// A clone whose trust has been changed and that has had Apply again takes no
// ticket of the original, and the other way round.
func TestACloneWithOtherTrustIsAnotherDomain(t *testing.T) {
	one, two := newAuthority(t, "one"), newAuthority(t, "two")
	both := x509.NewCertPool()
	both.AddCert(one.cert)
	both.AddCert(two.cert)
	k := NewTicketKeys(epoch)
	o := ServerOptions{
		Certificates: []tls.Certificate{one.issue(t, "server", newECKey())}, Roots: both, ClientAuth: Require, Tickets: k,
		Domain: TrustDomain{Trust: TrustFingerprint([]*x509.Certificate{one.cert, two.cert})},
	}
	before := o.Config()
	clone := before.Clone()
	if !opens(t, before, clone) {
		t.Fatal("a clone has other keys: nothing would be shown")
	}
	clone.ClientCAs = one.pool
	k.Apply(clone, TrustDomain{Trust: TrustFingerprint([]*x509.Certificate{one.cert})})
	if opens(t, before, clone) || opens(t, clone, before) {
		t.Error("a ticket crosses over")
	}
}

// The trust is looked at again when a session is resumed, even under the same
// keys: the anchor must still be there and the whole chain be valid, not only
// the leaf. That is crypto/tls's; here it is pinned. The client is asked for its
// certificate again, and refused for what is wrong with it now.
func TestResumptionLooksAtTheTrustAgain(t *testing.T) {
	ca, other := newAuthority(t, "CA"), newAuthority(t, "CA")
	middle := &authority{key: newECKey()}
	middleTemplate := template("Intermediate")
	middleTemplate.IsCA, middleTemplate.BasicConstraintsValid, middleTemplate.DNSNames = true, true, nil
	middleTemplate.NotAfter = time.Now().Add(10 * time.Minute)
	middle.cert = ca.sign(t, middleTemplate, ca.cert, middle.key.Public())
	cert := middle.issue(t, "client", newECKey())
	cert.Certificate = append(cert.Certificate, middle.cert.Raw)
	later := func() time.Time { return time.Now().Add(20 * time.Minute) }
	for _, version := range versions {
		for name, c := range map[string]struct {
			roots *x509.CertPool
			time  func() time.Time
			want  string
		}{
			"nothing has changed":          {ca.pool, nil, ""},
			"the anchor is gone":           {other.pool, nil, "unknown ca"},
			"the intermediate has expired": {ca.pool, later, "certificate expired"},
		} {
			var resumed []bool
			o := ServerOptions{Certificates: []tls.Certificate{ca.issue(t, "server", newECKey())}, Roots: ca.pool, ClientAuth: Require, Tickets: keysOf(t, hexKey(1))}
			client := ClientConfig(ClientOptions{Roots: ca.pool, Certificate: &cert, ServerName: "localhost"})
			client.MaxVersion, client.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
			if _, _, err := visit(t, client, o.Config()); err != nil {
				t.Fatal(err)
			}
			o.Roots = c.roots
			cfg := o.Config()
			cfg.Time = c.time
			watchResumption(cfg, &resumed)
			_, id, err := visit(t, client, cfg)
			if HandshakeCause(err) != c.want || (c.want == "") != slices.Equal(resumed, []bool{true}) || (c.want != "") != id.Anonymous() {
				t.Errorf("%s, %s: resumed %v, %v", tls.VersionName(version), name, resumed, err)
			}
		}
	}
}

// Checks and chain checks see resumed sessions; anonymous clients have no chain.
func TestChecksSeeEveryHandshake(t *testing.T) {
	ca := newAuthority(t, "CA")
	cert := ca.issue(t, "client", newECKey())
	for _, version := range versions {
		var refuse error
		var chains []int
		o := ServerOptions{Certificates: []tls.Certificate{ca.issue(t, "server", newECKey())}, Roots: ca.pool, ClientAuth: Optional, Tickets: NewTicketKeys(epoch)}
		o.ChainChecks = []func([][]*x509.Certificate) error{func(c [][]*x509.Certificate) error {
			chains = append(chains, len(c[0]))
			return refuse
		}}
		cfg, resumed := o.Config(), []bool(nil)
		watchResumption(cfg, &resumed)
		known := ClientConfig(ClientOptions{Roots: ca.pool, Certificate: &cert, ServerName: "localhost"})
		known.MaxVersion, known.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
		for range 2 {
			if _, id, err := visit(t, known, cfg); err != nil || id.Anonymous() {
				t.Fatal(err)
			}
		}
		refuse = errors.New("revoked")
		if _, id, err := visit(t, known, cfg); HandshakeCause(err) != "identity refused" || !errors.Is(err, refuse) || !id.Anonymous() {
			t.Errorf("a refused one comes in: %v", err)
		}
		if _, id, err := visit(t, ClientConfig(ClientOptions{Roots: ca.pool, ServerName: "localhost"}), cfg); err != nil || !id.Anonymous() {
			t.Errorf("an anonymous one: %v", err)
		}
		if !slices.Equal(chains, []int{2, 2, 2}) || !slices.Equal(resumed, []bool{false, true, true, false}) {
			t.Errorf("%s: chains of %v, resumed %v", tls.VersionName(version), chains, resumed)
		}
	}
}

// Keys that change under a configuration in use take effect for the next ticket.
func TestApplyToAConfigurationInUse(t *testing.T) {
	cert, pool := selfSigned(t)
	k := NewTicketKeys(epoch)
	o := ServerOptions{Certificates: []tls.Certificate{cert}, Roots: pool, ClientAuth: Require, Tickets: k}
	cfg, resumed := o.Config(), []bool(nil)
	watchResumption(cfg, &resumed)
	client := ClientConfig(ClientOptions{Roots: pool, Certificate: &cert, ServerName: "localhost"})
	client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for period := range 8 {
		if _, _, err := visit(t, client, cfg); err != nil {
			t.Fatal(err)
		}
		now := epoch.Add(time.Duration(period+1) * TicketKeyPeriod)
		if period == 4 { // nobody came for long
			now = epoch.Add(100 * TicketKeyPeriod)
		}
		if k.Rotate(now) {
			k.Apply(cfg, o.Domain)
		}
	}
	if want := []bool{false, true, true, true, true, false, true, true}; !slices.Equal(resumed, want) {
		t.Errorf("resumed: %v, want %v", resumed, want)
	}
}

// The derivation is HKDF-SHA256 as crypto/hkdf has it, so that a gateway of
// another make could share the file.
func TestTicketKeysAreDerivedByHKDF(t *testing.T) {
	for name, d := range domains() {
		secret := bytes.Repeat([]byte("secret"), 10)
		want, err := hkdf.Key(sha256.New, secret, nil, string(d.info()), 32)
		if got := d.key(secret); err != nil || !bytes.Equal(got[:], want) {
			t.Errorf("%s: %x, want %x, %v", name, got, want, err)
		}
	}
}

func TestFingerprints(t *testing.T) {
	a, b := []byte("a"), []byte("b")
	if Fingerprint(a, b) != Fingerprint(b, a, a) || Fingerprint(a) == Fingerprint(b) || Fingerprint(a, b) == Fingerprint([]byte("ab")) ||
		Fingerprint() != [32]byte{} || Fingerprint(nil) == Fingerprint() {
		t.Error("fingerprints do not tell sets apart")
	}
	ca, other := newAuthority(t, "CA"), newAuthority(t, "CA")
	if TrustFingerprint([]*x509.Certificate{ca.cert, other.cert}) != TrustFingerprint([]*x509.Certificate{other.cert, ca.cert}) ||
		TrustFingerprint([]*x509.Certificate{ca.cert}) == TrustFingerprint([]*x509.Certificate{other.cert}) {
		t.Error("trust fingerprints go by something else than the certificates")
	}
}
