package admin_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/postern-kafka/postern/admin"
	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/mapping/memstore"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp keeps one goroutine for the Date header, for the life of the process.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		// It sleeps for ten seconds between two looks at the idle workers, and sees only then that it was stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// patience is for events that always come; it never decides a passing test.
const patience = 20 * time.Second

// store is a memstore whose calls a test may catch.
type store struct {
	mapping.Store
	mu    sync.Mutex
	ready error
	catch func(ctx context.Context, call string) error // nil: let everything through
}

func newStore() *store { return &store{Store: memstore.New()} }

func (s *store) set(ready error, catch func(context.Context, string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready, s.catch = ready, catch
}

func (s *store) caught(ctx context.Context, call string) error {
	s.mu.Lock()
	catch := s.catch
	s.mu.Unlock()
	if catch == nil {
		return nil
	}
	return catch(ctx, call)
}

func (s *store) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

func (s *store) Put(ctx context.Context, m mapping.Mapping) (bool, error) {
	if err := s.caught(ctx, "put"); err != nil {
		return false, err
	}
	return s.Store.Put(ctx, m)
}

func (s *store) Create(ctx context.Context, m mapping.Mapping) error {
	if err := s.caught(ctx, "create"); err != nil {
		return err
	}
	return s.Store.Create(ctx, m)
}

func (s *store) Delete(ctx context.Context, vcluster, username string) error {
	if err := s.caught(ctx, "delete"); err != nil {
		return err
	}
	return s.Store.Delete(ctx, vcluster, username)
}

// gateway is a served admin.Server with what a test asks about it.
type gateway struct {
	t      *testing.T
	server *admin.Server
	store  *store
	addr   string
	log    *record

	contract *contract
}

// record is a log that can be read while it is written.
type record struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

var everybody = []admin.Credentials{
	{Username: "admin", Password: "conduktor", Admin: true},
	{Username: "reader", Password: "only:reads", Admin: false},
}

// start serves an admin server on a free port of the loopback until the test ends.
func start(t *testing.T, change func(*admin.Options)) *gateway {
	t.Helper()
	g := &gateway{t: t, store: newStore(), log: &record{}}
	o := admin.Options{
		Bind: "127.0.0.1:0", Users: everybody, SecuredMetrics: true, Store: g.store,
		FailureBurst: 1 << 30, FailurePeriod: time.Nanosecond, // tests of the limit set their own
		Version: "1.2.3", Commit: "0a1b2c3", BuildTime: "2026-11-01T00:00:00Z",
		Log: slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&o)
	}
	g.server = admin.New(o)
	g.contract = contractOf(t, g.server)
	if err := g.server.Listen(); err != nil {
		t.Fatal(err)
	}
	g.addr = g.server.Addr().String()
	served := make(chan error, 1)
	go func() { served <- g.server.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := g.server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return g
}

// reply is a response with its body read.
type reply struct {
	status int
	header http.Header
	body   string
}

// ask sends one request on a connection of its own. who is "user:password" or "" for nobody.
func (g *gateway) ask(method, path, who, body string, headers ...string) reply {
	g.t.Helper()
	r, err := g.try(method, path, who, body, headers...)
	if err != nil {
		g.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// from is ask from another address of the loopback, without a body.
func (g *gateway) from(address, method, path, who string) reply {
	g.t.Helper()
	return g.fromWith(address, method, path, who, "")
}

func (g *gateway) fromWith(address, method, path, who, body string) reply {
	g.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	r, err := g.over(&http.Transport{DialContext: d.DialContext}, method, path, who, body)
	if err != nil {
		g.t.Fatalf("%s %s from %s: %v", method, path, address, err)
	}
	return r
}

func (g *gateway) try(method, path, who, body string, headers ...string) (reply, error) {
	return g.over(&http.Transport{}, method, path, who, body, headers...)
}

func (g *gateway) over(way *http.Transport, method, path, who, body string, headers ...string) (reply, error) {
	q, err := http.NewRequestWithContext(context.Background(), method, "http://"+g.addr+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	q.Close = true
	if user, password, ok := strings.Cut(who, ":"); ok {
		q.SetBasicAuth(user, password)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	c := http.Client{
		Transport:     way,
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer c.CloseIdleConnections()
	p, err := c.Do(q)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = p.Body.Close() }()
	b, err := io.ReadAll(p.Body)
	if err == nil {
		if err := g.contract.check(method, path, p.StatusCode, p.Header, string(b)); err != nil {
			g.t.Errorf("%s %s: not as the document says: %v", method, path, err)
		}
	}
	return reply{p.StatusCode, p.Header, string(b)}, err
}

// raw writes bytes to a new connection and returns the first answer and whether the server then closed.
func (g *gateway) raw(input string) (reply, bool) {
	g.t.Helper()
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		g.t.Fatal(err)
	}
	if _, err := io.WriteString(c, input); err != nil {
		g.t.Fatal(err)
	}
	in := bufio.NewReader(c)
	p, err := http.ReadResponse(in, nil)
	if err != nil {
		g.t.Fatalf("no answer to %q: %v", input, err)
	}
	b, err := io.ReadAll(p.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	_ = p.Body.Close()
	if !p.Close {
		return reply{p.StatusCode, p.Header, string(b)}, false
	}
	_, err = in.ReadByte()
	return reply{p.StatusCode, p.Header, string(b)}, errors.Is(err, io.EOF)
}

func messageBody(format string, a ...any) string {
	return `{"message":"` + fmt.Sprintf(format, a...) + `"}`
}

// pool makes tokens that are good for nothing.
type pool struct{}

func (pool) Issue(username, vcluster string, life time.Duration) (string, error) {
	return fmt.Sprintf("token(%s,%s,%s)", username, vcluster, life), nil
}

// scram derives something that depends on everything, as slowly as a test can bear.
func scram(mechanism, password string, salt []byte, iterations int) (mapping.ScramRecord, error) {
	if salt == nil {
		salt = make([]byte, 16)
		_, _ = rand.Read(salt) // it never fails
	}
	key, err := pbkdf2.Key(sha512.New, mechanism+password, salt, 1, 32)
	return mapping.ScramRecord{Mechanism: mechanism, Iterations: iterations, Salt: salt, StoredKey: key, ServerKey: key}, err
}

// whole gives a server everything it can have.
func whole(o *admin.Options) {
	o.Tokens, o.Scram = pool{}, scram
	o.Protocols = admin.Protocols{Name: "SASL_SSL", SASL: true, OAuth: true, MTLS: true}
	o.BootstrapServers = "gw.example:6969"
	o.ClientProperties = map[string]map[string]string{"PLAIN": {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}}
}

func resource(kind, metadata, spec string) string {
	return `{"kind":"` + kind + `","apiVersion":"gateway/v2","metadata":` + metadata + `,"spec":` + spec + `}`
}
