package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

func spliced(e *Engine) (n uint64) {
	for _, lp := range e.loops {
		n += lp.spliced.Load()
	}
	return n
}

func descriptors(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

// Long frames that are moved by the kernel arrive as they were sent, between
// others that are not.
func TestSplice(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) { o.Sockets.Splice = 64 << 10 })
	c := dial(t, addr)
	for range 5 {
		roundTrips(t, c, 0, 1, 70_000, 3<<20, 200, 20<<20, 64<<10)
	}
	// Both ways; what a full socket does not take is read, as ever.
	if got, long := spliced(e), uint64(2*5*(3<<20+20<<20)); got < long/2 {
		t.Errorf("%d of %d bytes were spliced", got, long)
	}
	c.Close()
	settled(t, e)
	if got := endings(e); got != `{side="client",reason="ended"} 1` {
		t.Error(got)
	}
}

// After a long frame little is read at once, for the next one's body is to be moved; when
// short ones come instead, as much as ever.
func TestSpliceExpectsLongFrames(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) { o.Loops, o.Sockets.Splice = 1, 64<<10 })
	c := dial(t, addr)
	long := func() (fromClient, fromBroker bool) {
		onLoopAndWait(t, e, func() {
			for p := range e.loops[0].pairs {
				fromClient, fromBroker = p.client.long, p.broker.long
			}
		})
		return fromClient, fromBroker
	}
	roundTrips(t, c, 1<<20)
	if client, broker := long(); !client || !broker {
		t.Errorf("after a long frame: expected from the client %v, from the broker %v", client, broker)
	}
	roundTrips(t, c, 100)
	if client, broker := long(); !client || !broker {
		t.Errorf("after one short frame: expected from the client %v, from the broker %v", client, broker)
	}
	roundTrips(t, c, headRead+100, headRead+100, headRead+100)
	if client, broker := long(); client || broker {
		t.Errorf("after longer ones: expected from the client %v, from the broker %v", client, broker)
	}
}

// What a stalled receiver does not take stays in a pipe, which is given back when
// it does, and when it never does.
func TestSpliceStalled(t *testing.T) {
	const size = 48 << 20
	chunk := make([]byte, 1<<20)
	for i := range chunk {
		chunk[i] = byte(i >> 8)
	}
	var written atomic.Int64
	broker := serveBroker(t, func(c *net.TCPConn) {
		if _, err := readFrame(c); err != nil {
			return
		}
		head := binary.BigEndian.AppendUint32(nil, size+4)
		if _, err := c.Write(append(head, 0, 0, 0, 1)); err != nil {
			return
		}
		for range size / len(chunk) {
			n, err := c.Write(chunk)
			if written.Add(int64(n)); err != nil {
				return
			}
		}
		_, _ = io.Copy(io.Discard, c)
	})
	e, addr := startEngine(t, broker, func(o *Options) { o.Loops, o.Sockets.Splice = 1, 64<<10 })
	before := descriptors(t)
	for _, reads := range []bool{true, false} {
		t.Run(fmt.Sprintf("reads=%v", reads), func(t *testing.T) {
			written.Store(0)
			c := dial(t, addr)
			if err := c.SetReadBuffer(64 << 10); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write(request(heartbeat, 4, 1, nil)); err != nil {
				t.Fatal(err)
			}
			if awaitStandstill(t, &written) == size {
				t.Error("the broker was never held back")
			}
			waitPaused(t, e)
			if reads {
				var head [8]byte
				if _, err := io.ReadFull(c, head[:]); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, len(chunk))
				for i := range size / len(chunk) {
					if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, chunk) {
						t.Fatalf("MiB %d: %v", i, err)
					}
				}
			}
			c.Close()
			settled(t, e)
		})
	}
	if spliced(e) == 0 {
		t.Error("nothing was spliced")
	}
	// Spare pipes are kept, two descriptors each.
	until(t, "the descriptors of both sessions given back", func() bool {
		spare := 0
		onLoopAndWait(t, e, func() { spare = len(e.loops[0].pipes) })
		return descriptors(t) <= before+2*spare
	})
}

// Where splice cannot be had it is not used, and the log says why.
func TestSpliceIf(t *testing.T) {
	if err := trySplice(); err != nil {
		t.Errorf("here, where other tests need it: %v", err)
	}
	for _, c := range []struct {
		bytes int
		err   error
		want  int
		log   string
	}{
		{64 << 10, nil, 64 << 10, ""},
		{64 << 10, os.NewSyscallError("splice", unix.EPERM), 0, `level=WARN msg="this system does not splice: plaintext is read and written" err="splice: operation not permitted"`},
		{0, unix.EPERM, 0, ""},
	} {
		var log bytes.Buffer
		s := Sockets{Splice: c.bytes}
		s.spliceIf(func() error { return c.err }, slog.New(slog.NewTextHandler(&log, nil)))
		if s.Splice != c.want {
			t.Errorf("%d bytes, %v: from %d on, want %d", c.bytes, c.err, s.Splice, c.want)
		}
		if got := log.String(); !strings.Contains(got, c.log) || (c.log == "") != (got == "") {
			t.Errorf("%d bytes, %v: logged %q, want %q", c.bytes, c.err, got, c.log)
		}
	}
}

// A loop that has lent all its pipes carries long frames as ever.
func TestSpliceWithoutPipes(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) { o.Loops, o.Sockets.Splice = 1, 64<<10 })
	onLoopAndWait(t, e, func() { e.loops[0].lent = lentPipes })
	c := dial(t, addr)
	roundTrips(t, c, 1<<20, 3<<20)
	if got := spliced(e); got != 0 {
		t.Errorf("%d bytes were spliced", got)
	}
	onLoopAndWait(t, e, func() { e.loops[0].lent = 0 })
	roundTrips(t, c, 1<<20)
	if spliced(e) == 0 {
		t.Error("nothing was spliced when pipes had come back")
	}
	onLoopAndWait(t, e, func() {
		if n := e.loops[0].lent; n != 0 {
			t.Errorf("%d pipes are in use with nothing under way", n)
		}
	})
}

// A side that ends while bytes are moved ends the session, whoever it is.
func TestSpliceFaults(t *testing.T) {
	const size = 8 << 20
	body := make([]byte, size)
	for _, after := range []int{200 << 10, 1 << 20, size - 1} {
		for _, reset := range []bool{false, true} {
			t.Run(fmt.Sprintf("after=%d/reset=%v", after, reset), func(t *testing.T) {
				broker := serveBroker(t, func(c *net.TCPConn) {
					if _, err := io.CopyN(io.Discard, c, int64(after)); err == nil && reset {
						_ = c.SetLinger(0)
					}
				})
				e, addr := startEngine(t, broker, func(o *Options) { o.Loops, o.Sockets.Splice = 1, 64<<10 })
				c := dial(t, addr)
				// It fails when the broker is gone, if not everything had gone before.
				_, _ = c.Write(request(heartbeat, 4, 1, body))
				_, _ = io.Copy(io.Discard, c)
				c.Close()
				oneEnding(t, e, "broker")
			})
		}
	}
}
