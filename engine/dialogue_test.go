package engine

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/postern-kafka/postern/codec"
	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/session"
)

// While one client's message waits for what it is judged by, its loop serves others,
// and then it is judged like any other.
func TestSlowMechanism(t *testing.T) {
	tr := newTrust(t)
	for _, secure := range []bool{false, true} {
		asked, known := make(chan string, 1), make(chan struct{})
		e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
			demanding(t, 0)(o)
			o.Loops = 1
			o.Slow = func(mechanism string, _ []byte) bool { return mechanism == "PLAIN" }
			o.Prepare = func(_ context.Context, mechanism string, message []byte) {
				if bytes.HasSuffix(message, []byte("secret")) {
					asked <- mechanism
					<-known
				}
			}
			if secure {
				tr.secured(o)
			}
		})
		connect := func() net.Conn {
			if c := dial(t, addr); !secure {
				return c
			} else {
				return tls.Client(c, tr.clientConfig(tls.VersionTLS13))
			}
		}
		slow := connect()
		if _, err := slow.Write(append(saslFrames("secret"), request(heartbeat, 4, 3, []byte("early"))...)); err != nil {
			t.Fatal(err)
		}
		if name := <-asked; name != "PLAIN" {
			t.Errorf("waits for %s", name)
		}
		other := connect()
		if _, err := other.Write(saslFrames("guess")); err != nil {
			t.Fatal(err)
		}
		if answered(t, other, 1) != 0 || answered(t, other, 2) != 58 {
			t.Error("the other was not told")
		}
		if code := answered(t, slow, 1); code != 0 {
			t.Errorf("the handshake: %d", code)
		}
		close(known)
		if code := answered(t, slow, 2); code != 0 {
			t.Errorf("good credentials: %d", code)
		}
		if frame, err := readFrame(slow); err != nil || !bytes.Equal(frame, response(3, []byte("early"))) {
			t.Errorf("%x, %v", frame, err)
		}
		slow.Close()
		other.Close()
		settled(t, e)
	}
}

// An exchange of several slow messages goes back and forth between loop and workers.
func TestSlowMechanismOfSeveralMessages(t *testing.T) {
	cluster, versions := fakeCluster(t)
	var judged atomic.Int32
	e, addr := startEngine(t, nil, func(o *Options) {
		demanding(t, 0)(o)
		o.Versions = func() *codec.Versions { return versions }
		o.Book = mapping.NewBook(cluster.ListenAddrs())
		o.Slow = func(string, []byte) bool { return true }
		o.Prepare = func(context.Context, string, []byte) { judged.Add(1) }
	})
	if err := produceOne(t, addr, kgo.SASL(scram.Auth{User: "scrammer", Pass: "secret"}.AsSha256Mechanism())); err != nil {
		t.Error(err)
	}
	if n := judged.Load(); n < 2 {
		t.Errorf("%d messages were judged by workers", n)
	}
	settled(t, e)
}

// A message that cannot be judged in time ends the connection, and so does the end of the
// gateway meanwhile.
func TestSlowMechanismEnds(t *testing.T) {
	for want, c := range map[string]struct {
		limit time.Duration
		end   func(e *Engine)
	}{
		`{side="client",reason="login-timeout"} 1`: {30 * time.Millisecond, func(*Engine) {}},
		`{side="gateway",reason="drained"} 1`:      {time.Minute, func(e *Engine) { go func() { _ = e.Drain(context.Background(), 0) }() }},
	} {
		asked := make(chan struct{})
		e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
			demanding(t, 0)(o)
			o.LoginTimeout = c.limit
			o.Slow = func(string, []byte) bool { return true }
			o.Prepare = func(ctx context.Context, _ string, _ []byte) {
				close(asked)
				<-ctx.Done()
			}
		})
		conn := dial(t, addr)
		if _, err := conn.Write(saslFrames("secret")); err != nil {
			t.Fatal(err)
		}
		<-asked
		c.end(e)
		if _, err := io.ReadAll(conn); err != nil {
			t.Error(err)
		}
		conn.Close()
		settled(t, e)
		if got := endings(e); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// bomb is a mechanism with a defect.
type bomb struct{ session.Mechanisms }

func (bomb) Begin(string) (session.Exchange, bool) { return boom{}, true }

type boom struct{}

func (boom) Step([]byte, time.Time) ([]byte, bool, error) { panic("boom") }
func (boom) Proven() session.Proven                       { return session.Proven{} }

// A defect in a mechanism ends the connection that met it, be it on a loop or not, and
// nothing is left of it.
func TestDefectiveMechanism(t *testing.T) {
	for _, slow := range []bool{false, true} {
		e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
			demanding(t, 0)(o)
			o.Loops = 1
			o.Slow = func(string, []byte) bool { return slow }
			o.Listeners[0].SASL.Mechanisms = bomb{o.Listeners[0].SASL.Mechanisms}
		})
		for range 3 {
			c := dial(t, addr)
			if _, err := c.Write(saslFrames("secret")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Error(err)
			}
			c.Close()
		}
		settled(t, e)
		onLoopAndWait(t, e, func() {
			if n := e.loops[0].placed.sessions.Load(); n != 0 {
				t.Errorf("slow %t: %d sessions are placed", slow, n)
			}
			for fd, l := range e.loops[0].links {
				if l != nil {
					t.Errorf("slow %t: descriptor %d is watched", slow, fd)
				}
			}
		})
		if n, _, _ := e.places.figures(); n != 0 || e.halfOpen.count() != 0 {
			t.Errorf("slow %t: %d wait for a place, %d are half open", slow, n, e.halfOpen.count())
		}
	}
}

// A client that breaks off in the midst of a login is seen to do so, whatever it has
// said.
func TestResetInALogin(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), demanding(t, 0))
	c := dial(t, addr)
	if _, err := c.Write(saslFrames("secret")[:20]); err != nil {
		t.Fatal(err)
	}
	until(t, "a login", func() bool { return e.halfOpen.count() > 0 })
	if err := c.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	settled(t, e)
	if got := endings(e); got != `{side="client",reason="reset"} 1` {
		t.Error(got)
	}
}
