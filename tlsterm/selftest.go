package tlsterm

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"time"
)

// ErrSelfTest is wrapped by SelfTest's error.
var ErrSelfTest = errors.New("tlsterm: self-test")

// selfTestTime bounds the whole of it. It takes a hundredth of that.
const selfTestTime = 20 * time.Second

// SelfTest compares the engine Own with crypto/tls, in memory: full and resumed
// handshakes in both roles with every suite that crypto/tls can be made to
// choose, bulk both ways, key updates and the end; for all suites, records with
// records that are known; and AES-GCM with crypto/cipher's. An error says that this program must not use
// Own, as after a change of the Go release that Own does not know. It takes some
// tens of milliseconds of one core.
//
// Where GODEBUG=fips140=only is set there is nothing to test, and nil comes back.
func SelfTest() error {
	if fips140.Enforced() {
		return nil
	}
	for _, test := range []func() error{knownRecords, ciphersAgree} {
		if err := test(); err != nil {
			return fmt.Errorf("%w: %w", ErrSelfTest, err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), selfTestTime)
	defer cancel()
	cases, err := selfTestCases()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSelfTest, err)
	}
	for _, c := range cases {
		for _, c.server = range []Engine{Own, Std} {
			c.client = Own + Std - c.server
			if err := c.run(ctx); err != nil {
				return fmt.Errorf("%w: %s, server %v, client %v: %w", ErrSelfTest, tls.CipherSuiteName(c.suite), c.server, c.client, err)
			}
		}
	}
	return nil
}

// knownRecord is what one record of 100 bytes must come out as, by its SHA-256.
type knownRecord struct {
	version, suite uint16
	digest         string
}

// known were made by this package itself: they tell that something has changed,
// not that it was right. That is for the handshakes with crypto/tls and openssl.
var known = []knownRecord{
	{tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, "cb5fe613088b8d27a99c009ce90aeade6c684d6c8f8865eb9856fbe19553b0ce"},
	{tls.VersionTLS13, tls.TLS_AES_256_GCM_SHA384, "4df5f588d731cc0bc8e3a998b94c802804f0328b6167b2ee8d4a556a43037921"},
	{tls.VersionTLS13, tls.TLS_CHACHA20_POLY1305_SHA256, "e6e85a0311dab647479487405ee493a88653e27dc137bc79a00840ebde0da273"},
	{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "c0050a176f977532edeedd26d08d2757dc86776cfbd24267d3997ba4d7879560"},
	{tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "c0050a176f977532edeedd26d08d2757dc86776cfbd24267d3997ba4d7879560"},
	{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "c4d4d58dcb9df3b4985a1958dbd6204f06bccf0f28d49c264ec9dccb8db1bed4"},
	{tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "c4d4d58dcb9df3b4985a1958dbd6204f06bccf0f28d49c264ec9dccb8db1bed4"},
	{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "307ab5a710e01164a7ca81985de44f073f9d6d337ea7c5f0155db0e427d1163c"},
	{tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "307ab5a710e01164a7ca81985de44f073f9d6d337ea7c5f0155db0e427d1163c"},
}

func knownRecords() error {
	for _, k := range known {
		rec, err := knownSeal(k.version, k.suite)
		if err != nil {
			return err
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(rec)); got != k.digest {
			return fmt.Errorf("a record of %s in %s is not the known one", tls.CipherSuiteName(k.suite), tls.VersionName(k.version))
		}
	}
	return nil
}

// knownSeal seals 100 bytes twice under keys that anybody can derive, and
// returns the second record of the second generation of keys.
func knownSeal(version, suite uint16) ([]byte, error) {
	o := &own{suite: suiteOf(suite), v13: version == tls.VersionTLS13}
	if o.suite == nil {
		return nil, fmt.Errorf("no suite %#x", suite)
	}
	counted := make([]byte, 100)
	for i := range counted {
		counted[i] = byte(i)
	}
	var err error
	if o.v13 {
		if err = o.out.set13(o.suite, counted[:o.suite.hashLen]); err == nil {
			err = o.out.next(o.suite)
		}
	} else {
		if !o.suite.chacha {
			o.explicit = explicit12
		}
		err = keys12(o.suite, counted[:masterLen], counted[:randomLen], counted[randomLen:2*randomLen], &o.in, &o.out)
	}
	if err != nil {
		return nil, err
	}
	o.control(nil, recordData, counted...)
	return o.control(nil, recordData, counted...), nil
}

// selfTestCase is one suite with who plays whom.
type selfTestCase struct {
	suite                uint16
	serverCfg, clientCfg *tls.Config
	server, client       Engine
}

func selfTestCases() ([]selfTestCase, error) {
	// crypto/tls chooses among the suites of TLS 1.3 by itself.
	suites := slices.Concat([]uint16{tls.TLS_AES_128_GCM_SHA256}, aeadSuites)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	// A short key is found quickly, and guards nothing here.
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		return nil, err
	}
	now := time.Unix(1<<31, 0)
	roots := x509.NewCertPool()
	var certs []tls.Certificate
	for _, key := range []crypto.Signer{ec, short} {
		cert, err := selfTestCertificate(key, now)
		if err != nil {
			return nil, err
		}
		roots.AddCert(cert.Leaf)
		certs = append(certs, cert)
	}
	var cases []selfTestCase
	for _, suite := range suites {
		base := &tls.Config{
			MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite},
			Time: func() time.Time { return now }, DynamicRecordSizingDisabled: true,
			RootCAs: roots, ClientCAs: roots, ServerName: "self-test",
		}
		if suite == tls.TLS_AES_128_GCM_SHA256 {
			base.MinVersion, base.MaxVersion, base.CipherSuites = tls.VersionTLS13, tls.VersionTLS13, nil
		}
		server, client := base.Clone(), base
		server.Certificates, client.Certificates = certs, certs[:1]
		server.ClientAuth = tls.RequireAndVerifyClientCert
		cases = append(cases, selfTestCase{suite: suite, serverCfg: server, clientCfg: client})
	}
	return cases, nil
}

func selfTestCertificate(key crypto.Signer, now time.Time) (tls.Certificate, error) {
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "self-test"}, DNSNames: []string{"self-test"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// run is a full handshake and a resumed one, each with a conversation.
func (c selfTestCase) run(ctx context.Context) error {
	c.clientCfg = c.clientCfg.Clone()
	c.clientCfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for _, resumed := range []bool{false, true} {
		s, err := c.connect(ctx)
		if err == nil {
			err = s.converse(resumed)
		}
		if err != nil {
			return fmt.Errorf("resumed %v: %w", resumed, err)
		}
		s.client.Release()
		s.server.Release()
	}
	return nil
}

// conversation is both ends of a connection in memory. What one end seals is fed
// to the other.
type conversation struct {
	client, server *Conn
	id             Identity
	test           selfTestCase
}

// connect performs the handshake and lets the client have what the server sent
// behind it.
func (c selfTestCase) connect(ctx context.Context) (conversation, error) {
	s := conversation{test: c}
	a, b := memoryConns()
	failed := make(chan error, 1)
	go func() {
		var err error
		if s.client, err = c.client.Client(ctx, a, c.clientCfg); err != nil {
			a.cut()
			b.cut()
		}
		failed <- err
	}()
	var err error
	if s.server, s.id, err = c.server.Server(ctx, b, c.serverCfg); err != nil {
		a.cut()
		b.cut()
	}
	if err := errors.Join(<-failed, err); err != nil {
		return s, err
	}
	return s, s.client.Feed(a.unread(), func([]byte) {})
}

// ends returns the end that is ours and crypto/tls's.
func (s *conversation) ends() (ours *own, theirs *std, err error) {
	ours, isOwn := s.client.records.(*own)
	theirs, isStd := s.server.records.(*std)
	if s.test.server == Own {
		ours, isOwn = s.server.records.(*own)
		theirs, isStd = s.client.records.(*std)
	}
	if !isOwn || !isStd {
		return nil, nil, errors.New("the record layer was not taken over")
	}
	return ours, theirs, nil
}

func (s *conversation) converse(resumed bool) error {
	ours, theirs, err := s.ends()
	switch {
	case err != nil:
		return err
	case theirs.tls.ConnectionState().DidResume != resumed:
		return errors.New("resumed, or not, against expectation")
	case s.server.CipherSuite() != s.test.suite || s.client.CipherSuite() != s.test.suite:
		return fmt.Errorf("the suite is %s", tls.CipherSuiteName(s.server.CipherSuite()))
	case s.id.DN() != "CN=self-test":
		return fmt.Errorf("the client is %q", s.id.DN())
	}
	for range 2 {
		for _, way := range [][2]*Conn{{s.client, s.server}, {s.server, s.client}} {
			if err := say(way[0], way[1]); err != nil {
				return err
			}
		}
		if !ours.v13 {
			continue
		}
		if ours.out0, err = ours.rekey(ours.out0, true); err != nil { // both get new keys
			return err
		}
		if err := errors.Join(theirs.feed(ours.pending(nil), nil), ours.feed(theirs.pending(nil), nil)); err != nil {
			return err
		}
	}
	for _, way := range [][2]*Conn{{s.client, s.server}, {s.server, s.client}} {
		if err := way[1].Feed(way[0].CloseNotify(nil), nil); !errors.Is(err, io.EOF) || !way[1].Closed() {
			return fmt.Errorf("the end came as %w", err)
		}
	}
	return nil
}

// say sends bulk from one end to the other, which gets it in pieces.
func say(from, to *Conn) error {
	var want, got, sealed []byte
	for i, n := range []int{1, 200, 1400, maxPlaintext, 2*maxPlaintext + 1} {
		plain := bytes.Repeat([]byte{byte(i), 0, 'x'}, n)[:n+1]
		seal := from.Seal
		if i%2 == 0 {
			seal = from.SealLent
		}
		want = append(want, plain[:n]...)
		var err error
		if sealed, err = seal(sealed, plain[:n]); err != nil {
			return err
		}
	}
	for piece := range slices.Chunk(sealed, 5000) {
		if err := to.Feed(piece, func(p []byte) { got = append(got, p...) }); err != nil {
			return err
		}
	}
	if !bytes.Equal(got, want) {
		return errors.New("what was said is not what was heard")
	}
	return nil
}

// memoryConn is one end of a connection without a socket. What is written waits
// without bound for the other end to read it.
type memoryConn struct {
	net.Conn // nil: what is not overridden is not used
	mu       *sync.Mutex
	wake     *sync.Cond
	in       []byte
	broken   bool
	peer     *memoryConn
}

func memoryConns() (a, b *memoryConn) {
	mu := new(sync.Mutex)
	a = &memoryConn{mu: mu, wake: sync.NewCond(mu)}
	b = &memoryConn{mu: mu, wake: sync.NewCond(mu), peer: a}
	a.peer = b
	return a, b
}

func (c *memoryConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.in) == 0 && !c.broken {
		c.wake.Wait()
	}
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}

func (c *memoryConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peer.in = append(c.peer.in, p...)
	c.peer.wake.Signal()
	return len(p), nil
}

// SetDeadline knows only whether a handshake is interrupted.
func (c *memoryConn) SetDeadline(at time.Time) error {
	if at.Equal(longAgo) {
		c.cut()
	}
	return nil
}

// cut ends the reads of c once it has no more bytes.
func (c *memoryConn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = true
	c.wake.Signal()
}

func (c *memoryConn) unread() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.in
	c.in = nil
	return b
}
