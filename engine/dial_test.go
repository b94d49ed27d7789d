package engine

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/session"
)

// waiting starts a session whose broker is still to answer: its socket is fd.
func waiting(t *testing.T, e *Engine, fd int) (client *net.TCPConn, p *pair) {
	t.Helper()
	ours, client := sockets(t)
	s := session.New(e.listeners[0].shared, session.Anywhere)
	s.Start(mapping.Auth{Principal: "CN=orders"}, nil, &session.Effects{Stats: &e.stats})
	p = newPair(e.listeners[0], s, client.LocalAddr(), time.Now())
	p.node = session.Anywhere
	e.place(p, nil)
	err := p.client.hold(ours)
	if err == nil {
		p.place, err = e.places.ask(p.from, beginning)
	}
	if err != nil || !e.counters.enter(1) {
		t.Fatal("no place", err)
	}
	e.admissions.owe()
	p.loop.do(func() { p.awaitBroker(fd) })
	return client, p
}

// placesAreFree tests that no session is on its way any more.
func placesAreFree(t *testing.T, e *Engine) {
	t.Helper()
	until(t, "free places", func() bool {
		e.places.mu.Lock()
		defer e.places.mu.Unlock()
		return len(e.places.claims) == 0
	})
	for _, lp := range e.loops {
		lp.call(func() {
			if len(lp.dialing) > 0 {
				t.Errorf("%d sessions wait for brokers", len(lp.dialing))
			}
		})
	}
}

// A broker's socket that connects while the loop does other things gets what the client
// has said meanwhile.
func TestBrokerAnswersLater(t *testing.T) {
	e, _ := startEngine(t, serveBroker(t, echo), nil)
	fd, err := e.connect(t.Context(), e.o.Book.Bootstrap())
	if err != nil {
		t.Fatal(err)
	}
	client, _ := waiting(t, e, fd)
	roundTrips(t, client, 1, 70_000)
	placesAreFree(t, e)
	client.Close()
	settled(t, e)
}

// A broker that does not answer is not waited for on the loop for long, and then others
// are tried.
func TestBrokerDoesNotAnswer(t *testing.T) {
	broker := serveBroker(t, echo)
	e, _ := startEngine(t, broker, func(o *Options) { o.DialTimeout = 300 * time.Millisecond })
	client, p := waiting(t, e, connectsForEver(t, e, silent(t)))
	roundTrips(t, client, 1)
	placesAreFree(t, e)
	p.loop.call(func() {
		if p.broker.connecting || p.loop.link(p.broker.fd) != &p.broker {
			t.Error("the broker's socket is not watched")
		}
	})
	client.Close()
	settled(t, e)
}

// silent is the address of a broker that does not answer.
func silent(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(deaf(t, "127.0.0.1")))
}

// connectsForEver is a socket that waits for a port which does not answer.
func connectsForEver(t *testing.T, e *Engine, addr string) int {
	t.Helper()
	to, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	fd, pending, err := e.beginConnect(to.AddrPort())
	if err != nil || !pending {
		t.Fatalf("%v, pending %v", err, pending)
	}
	return fd
}

// serveClients serves so many clients, one after the other, and leaves nothing of them.
func serveClients(t *testing.T, e *Engine, addr string, clients int) {
	t.Helper()
	for range clients {
		c := dial(t, addr)
		roundTrips(t, c, 1)
		c.Close()
	}
	settled(t, e)
	placesAreFree(t, e)
}

// The first address is silent, the second serves: each client is served, by way of a
// worker, and nothing is left of the first.
func TestSilentSeed(t *testing.T) {
	broker := serveBroker(t, echo)
	e, addr := startEngine(t, broker, func(o *Options) {
		o.DialTimeout = 300 * time.Millisecond
		o.Book = mapping.NewBook([]string{silent(t), broker.ln.Addr().String()})
	})
	before := descriptors(t)
	serveClients(t, e, addr, 4)
	until(t, "the descriptors", func() bool { return descriptors(t) <= before })
}

// The end of the gateway is the end of a wait for a broker.
func TestCloseWhileBrokerIsSilent(t *testing.T) {
	e, addr := startEngine(t, nil, func(o *Options) {
		o.Loops = 1
		o.DialTimeout = time.Hour // of which the loop waits a second
		o.Book = mapping.NewBook([]string{silent(t)})
	})
	c := dial(t, addr)
	until(t, "the wait", func() (is bool) {
		e.loops[0].call(func() { is = len(e.loops[0].dialing) == 1 })
		return is
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := e.Drain(ctx, 0); err != nil {
		t.Error(err)
	}
	if got, want := endings(e), `{side="gateway",reason="drained"} 1`; got != want {
		t.Errorf("ended by %s, want %s", got, want)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the client was told nothing")
	}
	placesAreFree(t, e)
}

// A client that ends while its broker is silent ends with the wait.
func TestClientEndsWhileBrokerIsSilent(t *testing.T) {
	broker := serveBroker(t, echo)
	e, _ := startEngine(t, broker, func(o *Options) { o.DialTimeout = 300 * time.Millisecond })
	client, _ := waiting(t, e, connectsForEver(t, e, silent(t)))
	client.Close()
	settled(t, e)
	placesAreFree(t, e)
}

// Without descriptors connections wait with the kernel, and are served when there are some.
func TestAcceptRests(t *testing.T) {
	broker, err := net.Listen("tcp", "127.0.0.1:0") // which does not accept without descriptors either
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	e, addr := startEngine(t, nil, func(o *Options) {
		o.Loops = 1
		o.Book = mapping.NewBook([]string{broker.Addr().String()})
	})
	to, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	family, sa := sockaddrOf(to.AddrPort())
	client, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	restore := noDescriptors(t)
	if err := unix.Connect(client, sa); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		restore()
		t.Fatal(err)
	}
	until(t, "a failure to accept", func() bool { return e.counters.acceptFailed.Load() > 0 })
	restore()
	c, err := e.connOf(client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(request(heartbeat, 4, 0, nil)); err != nil {
		t.Fatal(err)
	}
	served, err := broker.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	if _, err := readFrame(served); err != nil {
		t.Error(err)
	}
}

// noDescriptors has the process get no more descriptors until restore is called.
func noDescriptors(t *testing.T) (restore func()) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	next, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(next)
	none := limit
	none.Cur = uint64(next)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	}
}

// A port whose broker was never heard of has the cluster asked, off the loop, and the
// connection goes to that broker; the next one need not ask.
func TestUnknownBrokerIsAskedFor(t *testing.T) {
	broker := serveBroker(t, echo)
	host, port, err := splitAddress(broker.ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	e, addr := startEngine(t, nil, func(o *Options) {
		o.Book = mapping.NewBook([]string{net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))}) // nobody's
		o.Refresh = func(context.Context) error {
			asked.Add(1)
			o.Book.Learn([]mapping.Broker{{ID: 0, Host: host, Port: int32(port)}})
			return nil
		}
	})
	serveClients(t, e, addr, 3)
	if n := asked.Load(); n != 1 {
		t.Errorf("the cluster was asked %d times", n)
	}
}

// The ports are free when the engine has stopped accepting, however many loops had them.
func TestDoorsClose(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), nil)
	c := dial(t, addr)
	roundTrips(t, c, 1)
	e.stopAccepting()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	roundTrips(t, c, 1) // who was in stays
	for _, lp := range e.loops {
		lp.call(func() {
			if len(lp.doors) > 0 {
				t.Errorf("%d doors are open", len(lp.doors))
			}
		})
	}
}
