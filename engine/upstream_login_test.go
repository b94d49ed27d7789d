package engine

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
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
		return &script{says: "who", answer: "foe", failWith: &upstream.Error{Cause: upstream.Refused, Text: "the broker refused: wrong password"}}, nil
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
	says     string
	answer   string
	life     time.Duration
	got      []byte
	failWith error
}

func friend(life time.Duration) *script {
	return &script{says: "who goes there", answer: "friend", life: life}
}

func (s *script) Again() { s.says = "it is still me" }

func (s *script) Next(b []byte) ([]byte, bool, error) {
	if b == nil {
		return append([]byte{0, 0, 0, byte(len(s.says))}, s.says...), false, nil
	}
	s.got = append(s.got, b...)
	if len(s.got) < len(s.answer) {
		return nil, false, nil
	}
	if string(s.got) != s.answer {
		return nil, false, fmt.Errorf("got %q", s.got)
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
	_, _ = readFrame(c)
}

func TestLoginFailures(t *testing.T) {
	friendly := func(context.Context) (Login, error) { return friend(0), nil }
	for cause, c := range map[string]struct {
		serve func(*net.TCPConn)
		login func(context.Context) (Login, error)
		limit time.Duration
	}{
		"connection": {func(c *net.TCPConn) {
			takeGreeting(c)
			_, _ = c.Write([]byte("fri"))
		}, friendly, time.Minute},
		"time-out": {func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }, friendly, 300 * time.Millisecond},
		"no credentials": {func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }, func(context.Context) (Login, error) {
			return nil, errors.New("no token today")
		}, time.Minute},
		"out of the blue": {func(c *net.TCPConn) {
			takeGreeting(c)
			_, _ = c.Write([]byte("friend"))
			_, _ = io.Copy(io.Discard, c)
		}, func(context.Context) (Login, error) {
			return &script{says: "who", answer: "friend", failWith: namedCause{}}, nil
		}, time.Minute},
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
	}, func(context.Context) (Login, error) { return friend(0), nil }, nil)
	c := dial(t, addr)
	roundTrips(t, c, 0, 1, 70_000)
	c.Close()
	settled(t, e)
	if got := endings(e); got != `{side="client",reason="ended"} 1` {
		t.Error(got)
	}
}

// renewing starts an engine on one loop whose logins live shortly at first, and
// then as long as then says. The broker answers logins by answer and everything
// else by what it is.
func renewing(t *testing.T, answer func(c *net.TCPConn, frame []byte) bool, then time.Duration, change func(*Options)) (*Engine, string) {
	t.Helper()
	var logins atomic.Int64
	return asks(t, func(c *net.TCPConn) {
		takeGreeting(c)
		if _, err := c.Write([]byte("friend")); err != nil {
			return
		}
		for {
			frame, err := readFrame(c)
			if err != nil || !answer(c, frame) {
				return
			}
		}
	}, func(context.Context) (Login, error) {
		if logins.Add(1) == 1 {
			return friend(50 * time.Millisecond), nil
		}
		return friend(then), nil
	}, func(o *Options) {
		o.Loops = 1
		if change != nil {
			change(o)
		}
	})
}

const anew = "it is still me"

// TestLoginIsRenewed: the login is renewed when the session is quiet, and no
// sooner; what the client asks meanwhile waits.
func TestLoginIsRenewed(t *testing.T) {
	release, order := make(chan struct{}), make(chan string, 10)
	e, addr := renewing(t, func(c *net.TCPConn, frame []byte) bool {
		if string(frame[4:]) == anew {
			order <- "login"
			_, err := c.Write([]byte("friend"))
			return err == nil
		}
		corr := int32(frame[11])
		order <- fmt.Sprint("request ", corr)
		if corr == 7 {
			<-release
		}
		_, err := c.Write(response(corr, []byte("late")))
		return err == nil
	}, 0, nil)
	c := dial(t, addr)
	if _, err := c.Write(request(heartbeat, 4, 7, nil)); err != nil {
		t.Fatal(err)
	}
	until(t, "a pause", func() (paused bool) {
		onLoopAndWait(t, e, func() {
			for p := range e.loops[0].pairs {
				paused = p.renewed != nil
			}
		})
		return paused
	})
	for corr := range int32(3) {
		if _, err := c.Write(request(heartbeat, 4, 8+corr, bytes.Repeat([]byte("x"), 50_000))); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "a client that is not read from", func() (held bool) {
		onLoopAndWait(t, e, func() {
			for p := range e.loops[0].pairs {
				held = p.client.paused
			}
		})
		return held
	})
	close(release)
	for corr := range int32(4) {
		if got, err := readFrame(c); err != nil || !bytes.Equal(got, response(7+corr, []byte("late"))) {
			t.Fatalf("answer %d: %x, %v", 7+corr, got, err)
		}
	}
	for _, want := range []string{"request 7", "login", "request 8", "request 9", "request 10"} {
		if got := <-order; got != want {
			t.Errorf("the broker got %s, want %s", got, want)
		}
	}
	if got := e.counters.renewed.Load(); got != 1 {
		t.Errorf("%d renewals, want 1", got)
	}
	onLoopAndWait(t, e, func() {
		for p := range e.loops[0].pairs {
			if !p.holdTimers() {
				t.Error("the session could not move any more")
			}
		}
	})
	c.Close()
	settled(t, e)
	if got := endings(e); got != `{side="client",reason="ended"} 1` {
		t.Error(got)
	}
}

// TestLoginIsRenewedAgainAndAgain: requests flow while the login is renewed many
// times, its answers cut into bytes, and the session moves between loops; over TLS, too.
func TestLoginIsRenewedAgainAndAgain(t *testing.T) {
	tr := newTrust(t)
	for name, sealed := range map[string]bool{"clear": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			broker := serveBroker(t, func(tcp *net.TCPConn) {
				var c net.Conn = tcp
				if sealed {
					c = tls.Server(tcp, tlsterm.ServerConfig(tr.server, tr.roots, tlsterm.Require))
				}
				for {
					frame, err := readFrame(c)
					if err != nil {
						return
					}
					if body := string(frame[4:]); body != anew && body != "who goes there" {
						if _, err := c.Write(response(int32(binary.BigEndian.Uint32(frame[8:])), frame[14:])); err != nil {
							return
						}
						continue
					}
					for _, b := range []byte("friend") {
						if _, err := c.Write([]byte{b}); err != nil {
							return
						}
					}
				}
			})
			e, addr := startEngine(t, broker, func(o *Options) {
				o.BrokerLogin = func(context.Context, *mapping.User) (Login, error) { return friend(20 * time.Millisecond), nil }
				if sealed {
					o.TLSEngine = tlsterm.Own
					o.BrokerTLS = func(string) *tls.Config { return tr.clientConfig(tls.VersionTLS13) }
				}
			})
			defer restless(e)()
			c := dial(t, addr)
			for e.counters.renewed.Load() < 20 || e.counters.moved.Load() < 20 {
				roundTrips(t, c, 1, 100, 70_000, 300_000)
			}
			c.Close()
			settled(t, e)
			if got := endings(e); got != `{side="client",reason="ended"} 1` {
				t.Error(got)
			}
		})
	}
}

// TestRenewalFails: a broker that refuses, falls silent or says too much ends the
// session on its side; without credentials the session ends in good order.
func TestRenewalFails(t *testing.T) {
	says := func(text string) func(*net.TCPConn, []byte) bool {
		return func(c *net.TCPConn, _ []byte) bool {
			_, err := c.Write([]byte(text))
			return err == nil
		}
	}
	for name, c := range map[string]struct {
		answer func(*net.TCPConn, []byte) bool
		limit  time.Duration
		ends   string
		cause  string
	}{
		"refused":  {says("enough"), time.Minute, `{side="broker",reason="dial"} 1`, "no credentials"},
		"silent":   {says(""), 300 * time.Millisecond, `{side="broker",reason="dial"} 1`, "time-out"},
		"too much": {says("friend, and more"), time.Minute, `{side="broker",reason="dial"} 1`, "no credentials"},
		"gone":     {func(*net.TCPConn, []byte) bool { return false }, time.Minute, `{side="broker",reason="ended"} 1`, ""},
		"nothing":  {nil, time.Minute, `{side="gateway",reason="drained"} 1`, "no credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			e, addr := renewing(t, c.answer, 0, func(o *Options) {
				o.DialTimeout = c.limit
				if begin := o.BrokerLogin; c.answer == nil {
					var asked atomic.Int64
					o.BrokerLogin = func(ctx context.Context, u *mapping.User) (Login, error) {
						if asked.Add(1) > 1 {
							return nil, errors.New("no token today")
						}
						return begin(ctx, u)
					}
				}
			})
			conn := dial(t, addr)
			_, _ = io.ReadAll(conn)
			conn.Close()
			settled(t, e)
			if got := endings(e); got != c.ends {
				t.Errorf("%s, want %s", got, c.ends)
			}
			e.counters.mu.Lock()
			defer e.counters.mu.Unlock()
			if got := e.counters.loginFailures; c.cause != "" && got[c.cause] != 1 || c.cause == "" && len(got) > 0 {
				t.Errorf("counted %v, want %q", got, c.cause)
			}
		})
	}
}

// A session that ends before its login does leaves no timer behind.
func TestRenewalTimerGoesWithItsSession(t *testing.T) {
	e, addr := asks(t, func(c *net.TCPConn) {
		takeGreeting(c)
		_, _ = c.Write([]byte("friend"))
		echo(c)
	}, func(context.Context) (Login, error) { return friend(time.Hour), nil }, func(o *Options) { o.Loops = 1 })
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
	now := time.Now()
	for range 1000 {
		if d := renewalOf(friend(time.Hour), now).Sub(now); d < 42*time.Minute || d > 51*time.Minute {
			t.Fatalf("%v of an hour", d)
		}
	}
	if at := renewalOf(friend(0), now); !at.IsZero() {
		t.Errorf("a login for ever is renewed at %v", at)
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
				s := friend(0)
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
