package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/auth/upstream"
	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/tlsterm"
)

// TestLoginAtBroker: a client without any credentials uses a cluster that
// demands some, in clear and over TLS.
func TestLoginAtBroker(t *testing.T) {
	tr := newTrust(t)
	for _, mechanism := range []string{upstream.Plain, upstream.ScramSHA256, upstream.ScramSHA512} {
		for name, engine := range map[string]tlsterm.Engine{"clear": tlsterm.Std, "own": tlsterm.Own, "std": tlsterm.Std} {
			t.Run(mechanism+"/"+name, func(t *testing.T) {
				options := []kfake.Opt{
					kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.EnableSASL(),
					kfake.Superuser(mechanism, "postern", "se=cr,et"),
				}
				if name != "clear" {
					options = append(options, kfake.TLS(tlsterm.ServerConfig(tr.server, tr.roots, tlsterm.Require)))
				}
				cluster, err := kfake.NewCluster(options...)
				if err != nil {
					t.Fatal(err)
				}
				defer cluster.Close()
				e, addr := startEngine(t, nil, func(o *Options) {
					o.Book = mapping.NewBook(cluster.ListenAddrs())
					o.BrokerLogin = logInAs(t, mechanism, "se=cr,et")
					if name != "clear" {
						o.TLSEngine = engine
						o.BrokerTLS = func(string) *tls.Config { return tr.clientConfig(tls.VersionTLS13) }
					}
				})
				client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("orders"))
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := client.ProduceSync(ctx, kgo.StringRecord("one")).FirstErr(); err != nil {
					t.Error(err)
				}
				if got := e.counters.loggedIn.Load(); got == 0 {
					t.Error("nobody logged in")
				}
			})
		}
	}
}

func logInAs(t *testing.T, mechanism, password string) func(context.Context, *mapping.User) (Login, error) {
	t.Helper()
	module := "ScramLoginModule"
	if mechanism == upstream.Plain {
		module = "PlainLoginModule"
	}
	c, err := upstream.ParseJAAS(mechanism, fmt.Sprintf("%s required username='postern' password='%s';", module, password))
	if err != nil {
		t.Fatal(err)
	}
	return func(context.Context, *mapping.User) (Login, error) { return c.Begin("postern") }
}

// TestLoginRefused: the client is cut off, the log names the broker and what it
// said, and the cause is counted.
func TestLoginRefused(t *testing.T) {
	var broker string
	log := new(lockedBuffer)
	e, addr := asks(t, func(c *net.TCPConn) {
		takeGreeting(c)
		_, _ = c.Write([]byte("foe"))
		_, _ = io.Copy(io.Discard, c)
	}, func(context.Context) (Login, error) {
		return &script{answer: "foe", failWith: &upstream.Error{Cause: upstream.Refused, Text: "the broker refused: wrong password"}}, nil
	}, func(o *Options) {
		broker = o.Book.Seeds()[0]
		o.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	got := refusedBy(t, addr, e)
	if want := `gateway_upstream_login_failures_total{cause="credentials"} 1`; !strings.Contains(got, want) {
		t.Errorf("no %s in\n%s", want, got)
	}
	want := "engine: broker " + broker + ": login: upstream: login: the broker refused: wrong password"
	until(t, want, func() bool { return strings.Contains(log.String(), want) })
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// refusedBy comes to an engine that ends the connection, and returns its
// metrics.
func refusedBy(t *testing.T, addr string, e *Engine) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err == nil { // the reset may be here before Dial has looked
		defer c.Close()
		_, _ = io.ReadAll(c)
	}
	oneEnding(t, e, "broker")
	var b strings.Builder
	e.WriteMetrics(&b)
	return b.String()
}

// script is a login that says one thing and takes answer for an answer.
type script struct {
	answer   string
	life     time.Duration
	got      []byte
	failWith error
}

func (s *script) Next(b []byte) ([]byte, bool, error) {
	if b == nil {
		return []byte("who goes there"), false, nil
	}
	s.got = append(s.got, b...)
	if len(s.got) < len(s.answer) {
		return nil, false, nil
	}
	return nil, true, s.failWith
}

func (s *script) Lifetime() time.Duration { return s.life }

// asks starts an engine whose logins are made by login at a broker that runs serve.
func asks(t *testing.T, serve func(*net.TCPConn), login func(context.Context) (Login, error), change func(*Options)) (*Engine, string) {
	t.Helper()
	return startEngine(t, serveBroker(t, serve), func(o *Options) {
		o.BrokerLogin = func(ctx context.Context, _ *mapping.User) (Login, error) { return login(ctx) }
		if change != nil {
			change(o)
		}
	})
}

func takeGreeting(c *net.TCPConn) {
	_, _ = io.ReadFull(c, make([]byte, len("who goes there")))
}

func TestLoginFailures(t *testing.T) {
	friend := func(context.Context) (Login, error) { return &script{answer: "friend"}, nil }
	for cause, c := range map[string]struct {
		serve func(*net.TCPConn)
		login func(context.Context) (Login, error)
		limit time.Duration
	}{
		"connection": {func(c *net.TCPConn) {
			takeGreeting(c)
			_, _ = c.Write([]byte("fri"))
		}, friend, time.Minute},
		"time-out": {func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }, friend, 300 * time.Millisecond},
		"no credentials": {func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }, func(context.Context) (Login, error) {
			return nil, errors.New("no token today")
		}, time.Minute},
		"out of the blue": {func(c *net.TCPConn) {
			takeGreeting(c)
			_, _ = c.Write([]byte("friend"))
			_, _ = io.Copy(io.Discard, c)
		}, func(context.Context) (Login, error) { return &script{answer: "friend", failWith: namedCause{}}, nil }, time.Minute},
	} {
		t.Run(cause, func(t *testing.T) {
			e, addr := asks(t, c.serve, c.login, func(o *Options) { o.DialTimeout = c.limit })
			got := refusedBy(t, addr, e)
			if want := fmt.Sprintf("gateway_upstream_login_failures_total{cause=%q} 1", cause); !strings.Contains(got, want) {
				t.Errorf("no %s in\n%s", want, got)
			}
		})
	}
}

type namedCause struct{}

func (namedCause) Error() string      { return "out of the blue" }
func (namedCause) LoginCause() string { return "out of the blue" }

// TestLoginInPieces: a broker that sends byte by byte is waited for, and its
// connection then works without a limit of time.
func TestLoginInPieces(t *testing.T) {
	e, addr := asks(t, func(c *net.TCPConn) {
		takeGreeting(c)
		for _, b := range []byte("friend") {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
		}
		echo(c)
	}, func(context.Context) (Login, error) { return &script{answer: "friend"}, nil }, nil)
	c := dial(t, addr)
	roundTrips(t, c, 0, 1, 70_000)
	c.Close()
	settled(t, e)
	if got := endings(e); got != `{side="client",reason="ended"} 1` {
		t.Error(got)
	}
}

// TestSessionEndsWithItsLogin: before the broker wants to see another login, the
// session takes no further request, finishes what is in flight, and ends.
func TestSessionEndsWithItsLogin(t *testing.T) {
	release := make(chan struct{})
	e, addr := asks(t, func(c *net.TCPConn) {
		takeGreeting(c)
		if _, err := c.Write([]byte("friend")); err != nil {
			return
		}
		if _, err := readFrame(c); err != nil {
			return
		}
		<-release
		_, _ = c.Write(response(7, []byte("late")))
		_, _ = io.Copy(io.Discard, c)
	}, func(context.Context) (Login, error) {
		return &script{answer: "friend", life: 100 * time.Millisecond}, nil
	}, func(o *Options) { o.Loops = 1 })
	c := dial(t, addr)
	if _, err := c.Write(request(heartbeat, 4, 7, nil)); err != nil {
		t.Fatal(err)
	}
	until(t, "the end of the login", func() bool { return e.counters.renewed.Load() == 1 })
	if _, err := c.Write(request(heartbeat, 4, 8, nil)); err != nil { // not taken any more
		t.Fatal(err)
	}
	close(release)
	got, err := io.ReadAll(c)
	if want := string(response(7, []byte("late"))); err != nil || string(got) != want {
		t.Errorf("the client got %x, %v; want %x and the end", got, err, want)
	}
	c.Close()
	settled(t, e)
	if got := endings(e); got != `{side="gateway",reason="drained"} 1` {
		t.Error(got)
	}
}

// A session that ends before its login does leaves no timer behind.
func TestRenewalTimerGoesWithItsSession(t *testing.T) {
	e, addr := asks(t, func(c *net.TCPConn) {
		takeGreeting(c)
		_, _ = c.Write([]byte("friend"))
		echo(c)
	}, func(context.Context) (Login, error) { return &script{answer: "friend", life: time.Hour}, nil }, func(o *Options) { o.Loops = 1 })
	c := dial(t, addr)
	roundTrips(t, c, 1)
	var timer *time.Timer
	onLoopAndWait(t, e, func() {
		for p := range e.loops[0].pairs {
			timer = p.renewing
		}
	})
	c.Close()
	settled(t, e)
	if timer == nil || timer.Stop() {
		t.Error("the timer still ran, or there never was one")
	}
}

func TestRenewalTime(t *testing.T) {
	for range 1000 {
		if d := renewalTime(time.Hour); d < 42*time.Minute || d > 51*time.Minute {
			t.Fatalf("%v of an hour", d)
		}
	}
}

// TestLoginIsTriedAgain: an error that may be over in a moment costs the client
// nothing, as long as there is time.
func TestLoginIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		refusals int64
		limit    time.Duration
		ends     string
	}{
		"over in a moment": {2, time.Minute, `{side="client",reason="ended"} 1`},
		"never over":       {1 << 40, 500 * time.Millisecond, `{side="broker",reason="dial"} 1`},
	} {
		t.Run(name, func(t *testing.T) {
			var tried atomic.Int64
			e, addr := asks(t, func(c *net.TCPConn) {
				takeGreeting(c)
				_, _ = c.Write([]byte("friend"))
				echo(c)
			}, func(context.Context) (Login, error) {
				s := &script{answer: "friend"}
				if tried.Add(1) <= c.refusals {
					s.failWith = TryAgain(errors.New("who is that?"))
				}
				return s, nil
			}, func(o *Options) { o.DialTimeout = c.limit })
			if c.refusals > 2 {
				refusedBy(t, addr, e)
			} else {
				conn := dial(t, addr)
				roundTrips(t, conn, 1)
				conn.Close()
				settled(t, e)
				if tried.Load() != 3 {
					t.Errorf("tried %d times, want 3", tried.Load())
				}
			}
			if got := endings(e); got != c.ends {
				t.Errorf("%s, want %s", got, c.ends)
			}
		})
	}
}
