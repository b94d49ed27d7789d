package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/postern-kafka/postern/codec"
	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/session"
	"github.com/postern-kafka/postern/tlsterm"
)

// workbench is one session on a loop that nobody runs, with the far ends of its two
// sockets.
type workbench struct {
	pair        *pair
	far         [2]int        // by side: what the client and the broker would read from
	peer        *tlsterm.Conn // the client's side of TLS; nil without
	sealed, got []byte
	opened      int          // bytes of plaintext that came out at the client
	count       func([]byte) // adds to opened
}

// newWorkbench makes an established session, with mutual TLS towards the client if
// version is not 0.
func newWorkbench(tb testing.TB, version uint16) *workbench {
	tb.Helper()
	e := &Engine{}
	e.o.defaults()
	lp := &loop{engine: e, pairs: make(map[*pair]struct{})}
	lp.effects.Stats = &lp.stats
	s := session.New(&session.Config{
		View: mapping.NewPorts("gw", 6969, 0, 3), Users: mapping.NewUsers(), Book: mapping.NewBook([]string{"10.0.0.1:9092"}),
		MaxFrame: codec.MaxFrame, MaxInFlight: 1024,
	}, session.Anywhere)
	s.Start(mapping.Auth{Principal: "CN=orders"}, nil, &lp.effects)
	s.Dialed(nil, &lp.effects)
	p := newPair(&listener{}, s, &net.TCPAddr{}, time.Now())
	p.loop, p.entered = lp, true
	w := &workbench{pair: p, got: make([]byte, 1<<20)}
	for i, l := range []*link{&p.client, &p.broker} {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _, _ = unix.Close(fds[0]), unix.Close(fds[1]) })
		l.fd, w.far[i] = fds[0], fds[1]
	}
	w.count = func(plain []byte) { w.opened += len(plain) }
	if version != 0 {
		p.client.tls, w.peer = secureLink(tb, version)
	}
	return w
}

// secureLink shakes hands over loopback and returns both sides.
func secureLink(tb testing.TB, version uint16) (server, client *tlsterm.Conn) {
	tb.Helper()
	tr := newTrust(tb)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer ln.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := ln.Accept()
		if err == nil {
			defer conn.Close()
			server, _, err = tlsterm.Own.Server(context.Background(), conn, tlsterm.ServerConfig(tr.server, tr.roots, tlsterm.Require))
		}
		done <- err
	}()
	client, err = tlsterm.Own.Client(context.Background(), dial(tb, ln.Addr().String()), tr.clientConfig(version))
	if err := errors.Join(err, <-done); err != nil {
		tb.Fatal(err)
	}
	return server, client
}

// receive is what a loop does with what it has read.
func (w *workbench) receive(l *link, b []byte) {
	w.pair.loop.read = b
	w.pair.traffic(l, b)
}

// exchange sends a request through the loop's handling and its answer back, and
// returns how many bytes of plaintext came out at each end.
func (w *workbench) exchange(request, answer []byte) (toBroker, toClient int, err error) {
	received := request
	if w.peer != nil {
		if w.sealed, err = w.peer.Seal(w.sealed[:0], request); err != nil {
			return 0, 0, err
		}
		received = w.sealed
	}
	w.receive(&w.pair.client, received)
	if toBroker, err = unix.Read(w.far[session.Broker], w.got); err != nil {
		return toBroker, 0, err
	}
	w.receive(&w.pair.broker, answer)
	n, err := unix.Read(w.far[session.Client], w.got)
	if err != nil || w.peer == nil {
		return toBroker, n, err
	}
	w.opened = 0
	err = w.peer.Feed(w.got[:n], w.count)
	return toBroker, w.opened, err
}

// messages are a request and its answer of a size each.
var messages = []struct {
	name            string
	request, answer int
}{
	{"small", 100, 100},
	{"produce", 64 << 10, 100},
	{"fetch", 100, 64 << 10},
}

// TestNoAllocations: an event of an established session allocates nothing, from the
// bytes that were read to those that are written, in clear and with mutual TLS.
func TestNoAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool drops what it is given, at random")
	}
	for _, version := range []uint16{0, tls.VersionTLS12, tls.VersionTLS13} {
		for _, m := range messages {
			w := newWorkbench(t, version)
			// The gateway decrypts where the bytes lie; the plaintext of these
			// stays as it is, for it is sealed anew each time.
			ask, say := request(heartbeat, 4, 1, make([]byte, m.request)), response(1, make([]byte, m.answer))
			var failed error
			once := func() {
				toBroker, toClient, err := w.exchange(ask, say)
				if err != nil || toBroker != len(ask) || toClient != len(say) {
					failed = fmt.Errorf("%d bytes to the broker and %d to the client, want %d and %d: %w",
						toBroker, toClient, len(ask), len(say), errors.Join(err, io.ErrShortWrite))
				}
			}
			for range 3 {
				once() // the scratch memory grows
			}
			n := testing.AllocsPerRun(100, once)
			if failed != nil {
				t.Fatalf("%s, %s: %v", tls.VersionName(version), m.name, failed)
			}
			if n != 0 {
				t.Errorf("%s, %s: %v allocations", tls.VersionName(version), m.name, n)
			}
		}
	}
}

// BenchmarkEvents is a request and its answer through a loop's handling, the system
// calls that write included, those that read and the poller left out.
func BenchmarkEvents(b *testing.B) {
	for name, version := range map[string]uint16{"plain": 0, "TLS1.3": tls.VersionTLS13} {
		for _, m := range messages {
			b.Run(name+"/"+m.name, func(b *testing.B) {
				w := newWorkbench(b, version)
				ask, say := request(heartbeat, 4, 1, make([]byte, m.request)), response(1, make([]byte, m.answer))
				b.SetBytes(int64(len(ask) + len(say)))
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := w.exchange(ask, say); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
