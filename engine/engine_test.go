package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/postern-kafka/postern/mapping"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(roleVariable); name != "" {
		if err := play(name); err != nil {
			fmt.Fprintln(os.Stderr, name+":", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// heartbeat is an API that is forwarded undecoded, so its body may be anything.
const heartbeat = 12

func request(key, version int16, corr int32, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(10+len(body)))
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, uint32(corr))
	b = append(b, 0, 0) // client id ""
	return append(b, body...)
}

func response(corr int32, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))
	b = binary.BigEndian.AppendUint32(b, uint32(corr))
	return append(b, body...)
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	frame := append(size[:], make([]byte, binary.BigEndian.Uint32(size[:]))...)
	_, err := io.ReadFull(r, frame[4:])
	return frame, err
}

// fakeBroker answers each frame with what answer makes of it.
type fakeBroker struct {
	ln    *net.TCPListener
	conns sync.WaitGroup
	taken atomic.Int64
}

// serveBroker starts a broker whose connections are run by serve.
func serveBroker(t testing.TB, serve func(c *net.TCPConn)) *fakeBroker {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &fakeBroker{ln: ln.(*net.TCPListener)}
	b.conns.Go(func() {
		for {
			c, err := b.ln.AcceptTCP()
			if err != nil {
				return
			}
			b.taken.Add(1)
			b.conns.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		b.ln.Close()
		b.conns.Wait()
	})
	return b
}

// echo answers every request with its own body.
func echo(c *net.TCPConn) {
	for {
		frame, err := readFrame(c)
		if err != nil {
			return
		}
		if _, err := c.Write(response(int32(binary.BigEndian.Uint32(frame[8:])), frame[14:])); err != nil {
			return
		}
	}
}

// startEngine starts an engine with one plaintext port in front of broker, or of
// what change puts there.
func startEngine(t testing.TB, broker *fakeBroker, change func(*Options)) (*Engine, string) {
	t.Helper()
	for {
		port := freePort(t)
		o := Options{
			Listeners: []Listener{{Name: "TEST", Bind: "127.0.0.1", Ports: mapping.NewPorts("localhost", port, 0, 1)}},
			Users:     mapping.NewUsers(),
			Loops:     2,
		}
		if broker != nil {
			o.Book = mapping.NewBook([]string{broker.ln.Addr().String()})
		}
		if change != nil {
			change(&o)
		}
		e, err := Start(o)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue // somebody else took the port since
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
		return e, fmt.Sprintf("127.0.0.1:%d", port)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	// A hang must end the test with a name, not with the package's time-out.
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// settled waits until the engine has no connection left.
func settled(t *testing.T, e *Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := e.counters.wait(ctx); err != nil {
		t.Fatal(err)
	}
}

func endings(e *Engine) string {
	var b bytes.Buffer
	e.WriteMetrics(&b)
	var lines []string
	for _, line := range strings.Split(b.String(), "\n") {
		if rest, ok := strings.CutPrefix(line, "gateway_connections_ended_total"); ok {
			lines = append(lines, rest)
		}
	}
	return strings.Join(lines, "\n")
}

func TestForwardsBothWays(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), nil)
	c := dial(t, addr)
	roundTrips(t, c, 0, 1, 4096, 70_000, 3<<20)
	c.Close()
	settled(t, e)
	if got := endings(e); got != `{side="client",reason="ended"} 1` {
		t.Error(got)
	}
}

// roundTrips sends requests with bodies of the given sizes, each of which must
// come back whole from a broker that echoes.
func roundTrips(t *testing.T, c net.Conn, sizes ...int) {
	t.Helper()
	for corr, size := range sizes {
		body := bytes.Repeat([]byte{byte(corr + 1)}, size)
		sent := make(chan error, 1)
		go func() {
			_, err := c.Write(request(heartbeat, 4, int32(corr), body))
			sent <- err
		}()
		frame, err := readFrame(c)
		if err != nil {
			t.Fatalf("body of %d bytes: %v", size, err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(frame, response(int32(corr), body)) {
			t.Fatalf("body of %d bytes came back changed (%d bytes)", size, len(frame)-8)
		}
	}
}

// TestPipelining sends many requests at once: answers keep their order.
func TestPipelining(t *testing.T) {
	_, addr := startEngine(t, serveBroker(t, echo), func(o *Options) { o.MaxInFlight = 16 })
	c := dial(t, addr)
	const n = 5000
	sent := make(chan error, 1)
	go func() {
		var all []byte
		for corr := range int32(n) {
			all = append(all, request(heartbeat, 4, corr, []byte("ping"))...)
		}
		_, err := c.Write(all)
		sent <- err
	}()
	for corr := range int32(n) {
		frame, err := readFrame(c)
		if err != nil {
			t.Fatalf("answer %d: %v", corr, err)
		}
		if !bytes.Equal(frame, response(corr, []byte("ping"))) {
			t.Fatalf("answer %d is %x", corr, frame)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// TestFaultAtEveryByte ends a side after each byte of a short dialogue, in an
// orderly way and by a reset: the session ends with one reason and nothing is
// left.
func TestFaultAtEveryByte(t *testing.T) {
	req, resp := request(heartbeat, 4, 7, []byte("body")), response(7, []byte("answer"))
	end := func(c *net.TCPConn, reset bool) {
		if reset {
			_ = c.SetLinger(0)
		}
		c.Close()
	}
	for _, reset := range []bool{false, true} {
		for n := range len(req) {
			t.Run(fmt.Sprintf("client/reset=%v/%d", reset, n), func(t *testing.T) {
				e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) { o.Loops = 1 })
				c := dial(t, addr)
				if _, err := c.Write(req[:n]); err != nil {
					t.Fatal(err)
				}
				end(c, reset)
				oneEnding(t, e, "client")
			})
		}
		for n := range len(resp) {
			t.Run(fmt.Sprintf("broker/reset=%v/%d", reset, n), func(t *testing.T) {
				broker := serveBroker(t, func(c *net.TCPConn) {
					if _, err := readFrame(c); err != nil {
						return
					}
					if _, err := c.Write(resp[:n]); err == nil {
						end(c, reset)
					}
				})
				e, addr := startEngine(t, broker, func(o *Options) { o.Loops = 1 })
				c := dial(t, addr)
				if _, err := c.Write(req); err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(c)
				if n < 8 { // before the correlation id nothing is known to be an answer
					if len(got) > 0 || !errors.Is(err, syscall.ECONNRESET) {
						t.Errorf("the client got %x, %v; want a reset", got, err)
					}
				} else if !reset && (err != nil || !bytes.Equal(got, resp[:n])) {
					t.Errorf("the client got %x, %v; want %x", got, err, resp[:n])
				}
				c.Close()
				oneEnding(t, e, "broker")
			})
		}
	}
}

func oneEnding(t *testing.T, e *Engine, side string) {
	t.Helper()
	// The connection may not have been admitted yet.
	until(t, "an ending", func() bool { return endings(e) != "" })
	settled(t, e)
	got := endings(e)
	if strings.Count(got, "\n") != 0 || !strings.HasPrefix(got, `{side="`+side+`"`) || !strings.HasSuffix(got, " 1") {
		t.Errorf("endings: %q, want one by the %s", got, side)
	}
}

// TestStalledReceiver sends more than fits anywhere to a client that does not
// read: the broker is paused, and everything arrives in the end.
func TestStalledReceiver(t *testing.T) {
	const total = 64 << 20
	var written atomic.Int64
	broker := serveBroker(t, func(c *net.TCPConn) {
		if _, err := readFrame(c); err != nil {
			return
		}
		head := binary.BigEndian.AppendUint32(nil, total+4)
		head = binary.BigEndian.AppendUint32(head, 1)
		if _, err := c.Write(head); err != nil {
			return
		}
		chunk := make([]byte, 1<<20)
		for i := range chunk {
			chunk[i] = byte(i)
		}
		for range total >> 20 {
			if _, err := c.Write(chunk); err != nil {
				return
			}
			written.Add(1 << 20)
		}
		_, _ = io.Copy(io.Discard, c)
	})
	e, addr := startEngine(t, broker, func(o *Options) { o.Loops = 1 })
	c := dial(t, addr)
	if err := c.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(request(heartbeat, 4, 1, nil)); err != nil {
		t.Fatal(err)
	}
	p := waitPaused(t, e)
	onLoopAndWait(t, e, func() {
		if n := p.client.waiting(); n > highMark+e.o.Sockets.Read {
			t.Errorf("%d bytes wait for a client that does not read", n)
		}
	})
	if n := written.Load(); n == total {
		t.Error("the broker was never held back")
	}
	var head [8]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<20)
	for i := range total >> 20 {
		if _, err := io.ReadFull(c, buf); err != nil {
			t.Fatalf("after %d MiB: %v", i, err)
		}
		for j, got := range buf {
			if got != byte(j) {
				t.Fatalf("byte %d of MiB %d is %d", j, i, got)
			}
		}
	}
}

// waitPaused waits until the only session's broker is not read from any more.
func waitPaused(t *testing.T, e *Engine) (p *pair) {
	t.Helper()
	until(t, "a paused broker", func() (paused bool) {
		onLoopAndWait(t, e, func() {
			for p = range e.loops[0].pairs {
				paused = p.broker.paused
			}
		})
		return paused
	})
	return p
}

// until polls what has no event of its own.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("there never was %s", what)
		}
	}
}

func onLoopAndWait(t *testing.T, e *Engine, f func()) {
	t.Helper()
	done := make(chan struct{})
	e.loops[0].do(func() { f(); close(done) })
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the loop does not answer")
	}
}

// TestDrain: what is in flight is finished, what comes after is not taken, new
// connections find no port.
func TestDrain(t *testing.T) {
	release := make(chan struct{})
	broker := serveBroker(t, func(c *net.TCPConn) {
		frame, err := readFrame(c)
		if err != nil {
			return
		}
		<-release
		_, _ = c.Write(response(int32(binary.BigEndian.Uint32(frame[8:])), []byte("late")))
		_, _ = io.Copy(io.Discard, c)
	})
	e, addr := startEngine(t, broker, nil)
	busy, idle := dial(t, addr), dial(t, addr)
	if _, err := busy.Write(request(heartbeat, 4, 9, nil)); err != nil {
		t.Fatal(err)
	}
	until(t, "a request in flight", func() bool {
		return e.loops[0].stats.InFlight.Load()+e.loops[1].stats.InFlight.Load() > 0
	})
	drained := make(chan error, 1)
	go func() { drained <- e.Drain(t.Context(), 0) }()
	if _, err := io.ReadAll(idle); err != nil {
		t.Errorf("the idle connection: %v", err)
	}
	idle.Close()
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("a draining gateway accepts")
	}
	close(release)
	frame, err := readFrame(busy)
	if err != nil || !bytes.Equal(frame, response(9, []byte("late"))) {
		t.Errorf("the answer in flight: %x, %v", frame, err)
	}
	if _, err := io.ReadAll(busy); err != nil {
		t.Errorf("the busy connection: %v", err)
	}
	busy.Close()
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if got := endings(e); got != `{side="gateway",reason="drained"} 2` {
		t.Error(got)
	}
}

// TestDrainTimeout: a broker that never answers does not hold the end up.
func TestDrainTimeout(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }), nil)
	c := dial(t, addr)
	if _, err := c.Write(request(heartbeat, 4, 9, nil)); err != nil {
		t.Fatal(err)
	}
	until(t, "a request in flight", func() bool {
		return e.loops[0].stats.InFlight.Load()+e.loops[1].stats.InFlight.Load() > 0
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Drain(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain: %v", err)
	}
}

func TestConnectionLimit(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) { o.MaxConnections = 1 })
	first := dial(t, addr)
	if _, err := first.Write(request(heartbeat, 4, 1, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := readFrame(first); err != nil {
		t.Fatal(err)
	}
	second := dial(t, addr)
	if _, err := io.ReadAll(second); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
	first.Close()
	settled(t, e)
	if e.counters.refusedConnections.Load() != 1 {
		t.Error("the second connection was not counted as refused")
	}
}

// TestBrokerDown: a broker that refuses ends the session with a reason of the
// broker's side.
func TestBrokerDown(t *testing.T) {
	broker := serveBroker(t, echo)
	broker.ln.Close()
	e, addr := startEngine(t, broker, nil)
	c, err := net.Dial("tcp", addr)
	if err == nil { // the reset may be here before Dial has looked
		defer c.Close()
		_, err = io.ReadAll(c)
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client got %v; a reset is the nearest to a broker that refuses", err)
	}
	oneEnding(t, e, "broker")
	if got := endings(e); !strings.Contains(got, `reason="dial"`) {
		t.Error(got)
	}
}

// TestWrongDoor: other protocols on a plaintext Kafka port are named.
func TestWrongDoor(t *testing.T) {
	for name, c := range map[string]struct{ bytes, reason string }{
		"tls":     {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "not-kafka"},
		"http":    {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not-kafka"},
		"ssh":     {"SSH-2.0-OpenSSH_9.9\r\n", "not-kafka"},
		"4 GiB":   {"\xff\xff\xff\xff\x00\x12\x00\x03\x00\x00\x00\x01", "malformed"},
		"garbage": {"\x00\x00\x00\x01", "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) { o.Loops = 1 })
			conn := dial(t, addr)
			if _, err := conn.Write([]byte(c.bytes)); err != nil {
				t.Fatal(err)
			}
			_, _ = io.ReadAll(conn)
			conn.Close()
			settled(t, e)
			if want := `{side="client",reason="` + c.reason + `"} 1`; endings(e) != want {
				t.Errorf("endings %s, want %s", endings(e), want)
			}
		})
	}
}

// TestScratchIsNotShared: what a session left in the loop's scratch memory
// never reaches another session's sockets.
func TestScratchIsNotShared(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) { o.Loops = 1 })
	a, b := dial(t, addr), dial(t, addr)
	roundTrips(t, a, 1)
	roundTrips(t, b, 1)
	onLoopAndWait(t, e, func() {
		for p := range e.loops[0].pairs {
			if p.remote.String() == a.LocalAddr().String() {
				p.client.send([][]byte{[]byte("SECRET OF A")})
				p.broker.send([][]byte{[]byte("SECRET OF A")})
			}
		}
	})
	roundTrips(t, b, 1, 5000, 1<<20)
}

// TestBrokerEndsAtOnce: a broker that hangs up before the client's socket has
// come to the loop ends the client's connection, too.
func TestBrokerEndsAtOnce(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, func(*net.TCPConn) {}), func(o *Options) { o.Loops = 1 })
	for range 300 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			continue // the reset was faster than Dial
		}
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the client was left connected to nothing")
		}
		c.Close()
	}
	settled(t, e)
}
