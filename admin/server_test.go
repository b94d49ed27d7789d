package admin_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postern-kafka/postern/admin"
)

func TestListenNamesTheVariable(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	s := admin.New(admin.Options{Bind: taken.Addr().String(), Store: newStore()})
	if err := s.Serve(); !errors.Is(err, admin.ErrNotListening) {
		t.Errorf("Serve before Listen: %v", err)
	}
	err = s.Listen()
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.HasPrefix(err.Error(), "admin: GATEWAY_HTTP_PORT: ") {
		t.Errorf("Listen on a port in use: %v", err)
	}
	if s.Addr() != nil {
		t.Errorf("an address after a failed Listen: %v", s.Addr())
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown without Listen: %v", err)
	}
}

func TestBodyLimit(t *testing.T) {
	g := start(t, nil)
	body := func(n int) string { return `{"username":"` + strings.Repeat("n", n-15) + `"}` }
	const tooLarge = `{"message":"The body is larger than 1048576 bytes."}`
	for _, c := range []struct {
		name, who, method, path string
		size, status            int
		want                    string
	}{
		{
			"at the limit", boss, "POST", base, 1 << 20, 400,
			`{"message":"field \"username\": 1048561 bytes long, at most 4096 allowed"}`,
		},
		{"over the limit", boss, "POST", base, 1<<20 + 1, 413, tooLarge},
		{"far over the limit", boss, "POST", base, 6 << 20, 413, tooLarge},
		{"far over the limit, reader", reader, "POST", base, 6 << 20, 403, noPermission},
		{"stranger's", "admin:wrong", "POST", base, 1000, 401, ""},
		{"stranger's, over a stranger's limit", "", "POST", base, 20 << 10, 401, ""},
		{"stranger's, far over", "admin:wrong", "POST", base, 6 << 20, 401, ""},
		{"stranger's, where there is nothing", "", "POST", "/nowhere", 6 << 20, 413, tooLarge},
	} {
		r := g.ask(c.method, c.path, c.who, body(c.size))
		if r.status != c.status || r.body != c.want {
			t.Errorf("%s: %d %.200s, want %d %s", c.name, r.status, r.body, c.status, c.want)
		}
	}
}

// What a caller without credentials announces is not waited for: the answer comes though the body never does.
func TestStrangersBodiesAreNotRead(t *testing.T) {
	g := start(t, func(o *admin.Options) { o.ReadTimeout = time.Hour })
	for _, length := range []string{"16385", "1048576", "1048577"} {
		r, closed := g.raw("POST " + base + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + length + "\r\n\r\n{")
		if r.status != 401 || !closed {
			t.Errorf("%s: %d %s, closed %t", length, r.status, r.body, closed)
		}
	}
}

// A body without a length, in chunks, is limited as well, and one that waits for 100-continue is not asked for.
func TestBodyLimitWithoutALength(t *testing.T) {
	g := start(t, nil)
	auth := "Authorization: Basic YWRtaW46Y29uZHVrdG9y\r\n"
	chunk := "10000\r\n" + strings.Repeat("x", 1<<16) + "\r\n"
	r, closed := g.raw("POST " + base + " HTTP/1.1\r\nHost: h\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n" +
		strings.Repeat(chunk, 20) + "0\r\n\r\n")
	if r.status != 413 || !closed {
		t.Errorf("chunked: %d, closed %t", r.status, closed)
	}
	small := `{"username":"chunked"}`
	r, _ = g.raw("POST " + base + " HTTP/1.1\r\nHost: h\r\n" + auth + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" +
		"16\r\n" + small + "\r\n0\r\n\r\n")
	if r.status != 201 {
		t.Errorf("small chunked body: %d %s", r.status, r.body)
	}
}

func TestHeaderLimit(t *testing.T) {
	g := start(t, nil)
	r, closed := g.raw("GET /health HTTP/1.1\r\nHost: h\r\nX-Large: " + strings.Repeat("x", 40<<10) + "\r\n\r\n")
	if r.status != 431 || !closed || r.body != `{"message":"The request line and headers are larger than 32768 bytes."}` {
		t.Errorf("%d %s, closed %t", r.status, r.body, closed)
	}
}

// Whatever comes in, the next request is served.
func TestWhatIsNotHTTP(t *testing.T) {
	g := start(t, nil)
	for _, input := range []string{
		"nonsense\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",            // a ClientHello
		"\x00\x00\x00\x23\x00\x12\x00\x04\x00\x00\x00\x01 / HTTP\r\n\r\n", // a Kafka frame
		"GET /health HTTP/1.1\r\nContent-Length: -1\r\n\r\n",              //
		"POST /health HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
		"POST " + base + " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"GET http://[::1 HTTP/1.1\r\n\r\n",
		"GET /%zz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
	} {
		r, closed := g.raw(input)
		if r.status/100 != 4 && r.status != 200 || !closed {
			t.Errorf("%q: %d %s, closed %t", input, r.status, r.body, closed)
		}
		if r.status/100 == 4 && r.header.Get("Content-Type") != "application/json" {
			t.Errorf("%q: %d of type %q", input, r.status, r.header.Get("Content-Type"))
		}
		if strings.Contains(r.body, "fasthttp") || r.header.Get("Server") != "postern" {
			t.Errorf("%q: the library shows: %v %s", input, r.header, r.body)
		}
	}
	if r := g.ask("GET", "/health/live", "", ""); r.status != 200 {
		t.Errorf("afterwards: %d", r.status)
	}
}

// A client that sends a request and never ends it is cut by the read time-out; the test waits for that event.
func TestSlowClientsAreCut(t *testing.T) {
	g := start(t, func(o *admin.Options) { o.ReadTimeout = 100 * time.Millisecond; o.IdleTimeout = 100 * time.Millisecond })
	for name, input := range map[string]string{
		"says nothing":           "",
		"half a request line":    "GET /hea",
		"half the headers":       "GET /health HTTP/1.1\r\nHost: h\r\n",
		"half the body":          "POST " + base + " HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{",
		"one request, then idle": "GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n",
	} {
		c, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, input); err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(c)
		if err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: not cut: %v", name, err)
		}
		if input != "" && !strings.HasPrefix(input, "GET /health/live") &&
			!strings.Contains(string(all), `{"message":"The request did not arrive within 100ms."}`) {
			t.Errorf("%s: %q", name, all)
		}
		_ = c.Close()
	}
	// One that drips, so that every single read is in time.
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, c)
	}()
	drip := time.NewTicker(10 * time.Millisecond)
	defer drip.Stop()
	giveUp := time.After(patience)
	for {
		select {
		case <-gone:
			return
		case <-giveUp:
			t.Fatal("a dripping client was not cut")
		case <-drip.C:
			_, _ = io.WriteString(c, "G") // the cut shows at the reader
		}
	}
}

// The connection over the limit is told so, and there is room again when one has gone.
func TestConnectionLimit(t *testing.T) {
	g := start(t, func(o *admin.Options) { o.MaxConns = 2 })
	c := make([]net.Conn, 2)
	for i := range c {
		var err error
		if c[i], err = net.Dial("tcp", g.addr); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c[i].Close() })
		if r := keepAlive(t, c[i]); r != 200 {
			t.Fatalf("connection %d: %d", i, r)
		}
	}
	if r, err := g.try("GET", "/health/live", "", ""); err == nil && r.status != 503 {
		t.Errorf("over the limit: %d", r.status)
	}
	_ = c[0].Close()
	until := time.Now().Add(patience)
	for {
		if r, err := g.try("GET", "/health/live", "", ""); err == nil && r.status == 200 {
			break
		}
		if time.Now().After(until) {
			t.Fatal("no room after a connection has gone")
		}
	}
	if r := keepAlive(t, c[1]); r != 200 {
		t.Errorf("the connection that stayed: %d", r)
	}
}

func keepAlive(t *testing.T, c net.Conn) int {
	t.Helper()
	if _, err := io.WriteString(c, "GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	p, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, p.Body)
	_ = p.Body.Close()
	return p.StatusCode
}

// A running write is waited for, and what comes after the start of the shutdown is refused.
func TestShutdownWaitsForARunningWrite(t *testing.T) {
	g := start(t, nil)
	inside, goOn := make(chan struct{}), make(chan struct{})
	g.store.set(nil, func(context.Context, string) error {
		close(inside)
		<-goOn
		return nil
	})
	answered := make(chan reply, 1)
	go func() {
		r, err := g.try("POST", base, boss, `{"username":"a"}`)
		if err != nil {
			t.Error(err)
		}
		answered <- r
	}()
	<-inside
	down := make(chan error, 1)
	go func() { down <- g.server.Shutdown(t.Context()) }()
	for { // until the listener is closed
		c, err := net.Dial("tcp", g.addr)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	select {
	case err := <-down:
		t.Errorf("the shutdown did not wait: %v", err)
	default:
	}
	close(goOn)
	if r := <-answered; r.status != 201 {
		t.Errorf("the running write: %d %s", r.status, r.body)
	}
	if err := <-down; err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// When the time is over, a write that hangs is cancelled and every connection cut.
func TestShutdownCutsWhenItsTimeIsOver(t *testing.T) {
	g := start(t, func(o *admin.Options) { o.StoreTimeout = time.Hour })
	inside, cancelled := make(chan struct{}), make(chan error, 1)
	g.store.set(nil, func(ctx context.Context, _ string) error {
		close(inside)
		<-ctx.Done()
		cancelled <- ctx.Err()
		return ctx.Err()
	})
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = g.try("POST", base, boss, `{"username":"a"}`) // cut, or told 503: both are ends
	}()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-cancelled; !errors.Is(err, context.Canceled) {
		t.Errorf("the store's context: %v", err)
	}
	<-answered
}

// A connection that has said nothing is not waited for longer than the caller allows.
func TestShutdownCutsSilentConnections(t *testing.T) {
	g := start(t, func(o *admin.Options) { o.ReadTimeout = time.Hour })
	silent, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	g.ask("GET", "/health/live", "", "") // connections are accepted in order: the silent one has been
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	if err := silent.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the silent connection was not cut: %v", err)
	}
}

func TestHTTPS(t *testing.T) {
	pair, pool := selfSigned(t)
	g := start(t, func(o *admin.Options) { o.TLS = &tls.Config{Certificates: []tls.Certificate{pair}} })
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
	defer transport.CloseIdleConnections()
	c := http.Client{Transport: transport, Timeout: patience}
	p, err := c.Get("https://" + g.addr + "/versions")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(p.Body)
	_ = p.Body.Close()
	if p.StatusCode != 200 || string(b) != `{"gateway":"1.2.3"}` || p.Proto != "HTTP/1.1" {
		t.Errorf("%d %s %s", p.StatusCode, p.Proto, b)
	}
	q, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+g.addr+base, strings.NewReader(strings.Repeat("x", 3<<20)))
	if err != nil {
		t.Fatal(err)
	}
	q.SetBasicAuth("admin", "conduktor")
	if p, err = c.Do(q); err != nil {
		t.Fatalf("a body that is too large: %v", err)
	}
	_ = p.Body.Close()
	if p.StatusCode != 413 {
		t.Errorf("a body that is too large: %d", p.StatusCode)
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
