package engine

import (
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/session"
)

// onClientLink runs f on the loop with the client's side of the only session.
func onClientLink(t *testing.T, e *Engine, f func(l *link)) {
	t.Helper()
	onLoopAndWait(t, e, func() {
		for p := range e.loops[0].pairs {
			f(&p.client)
		}
	})
}

// An urgent byte is nobody's: a loop that were told of it would be told again and
// again, for it is never read.
func TestUrgentByteIsNoEvent(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) { o.Loops = 1 })
	c := dial(t, addr)
	roundTrips(t, c, 1)
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.Sendto(int(fd), []byte{1}, unix.MSG_OOB, nil) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	until(t, "the urgent byte", func() (there bool) {
		onClientLink(t, e, func(l *link) {
			fds := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLPRI}}
			n, err := unix.Poll(fds, 0)
			there = err == nil && n == 1
		})
		return there
	})
	onClientLink(t, e, func(l *link) {
		events := make([]unix.EpollEvent, 8)
		n, err := unix.EpollWait(l.pair.loop.epoll, events, 0)
		if err != nil {
			t.Error(err)
		}
		for _, ev := range events[:max(n, 0)] {
			if int(ev.Fd) == l.fd {
				t.Errorf("event %#x", ev.Events)
			}
		}
	})
	roundTrips(t, c, 1)
}

// A client from which nothing is read, and that breaks off, is seen to do so.
func TestResetSeenWhilePaused(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) { o.Loops = 1 })
	c := dial(t, addr)
	roundTrips(t, c, 1)
	onClientLink(t, e, func(l *link) { l.read(false) })
	if err := c.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	c.Close()
	until(t, "the end", func() bool { return e.counters.active.Load() == 0 })
	if got, want := endings(e), `{side="client",reason="reset"} 1`; got != want {
		t.Errorf("ended by %s, want %s", got, want)
	}
}

// A socket that cannot be taken over ends the session, and the other socket.
func TestSocketThatCannotBeTakenOver(t *testing.T) {
	e, _ := startEngine(t, serveBroker(t, echo), func(o *Options) { o.Loops = 1 })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client := dial(t, ln.Addr().String())
	client.Close() // its descriptor is nobody's any more
	fd, err := e.connect(t.Context(), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var broker net.Conn
	for range 2 {
		if broker, err = ln.Accept(); err != nil {
			t.Fatal(err)
		}
		defer broker.Close()
	}
	out := session.Effects{Stats: &e.stats}
	s := session.New(e.listeners[0].shared, session.Anywhere)
	s.Start(mapping.Auth{Principal: "CN=orders"}, nil, &out)
	s.Dialed(nil, &out)
	if !e.counters.enter(1) {
		t.Fatal("the engine has a session")
	}
	p := newPair(e.listeners[0], s, broker.RemoteAddr(), time.Now())
	p.broker.fd = fd
	e.place(p, nil)
	failed := p.client.hold(client)
	p.loop.do(func() { p.enter(failed) })
	if _, err := io.ReadAll(broker); err != nil {
		t.Error(err)
	}
	until(t, "the end", func() bool { return e.counters.active.Load() == 0 })
	if got, want := endings(e), `{side="gateway",reason="overload"} 1`; got != want {
		t.Errorf("ended by %s, want %s", got, want)
	}
	onLoopAndWait(t, e, func() {
		if n := e.loops[0].placed.sessions.Load(); n != 0 {
			t.Errorf("%d sessions are placed", n)
		}
	})
}
