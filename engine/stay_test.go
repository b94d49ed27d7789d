package engine

import (
	"bytes"
	"encoding/binary"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// staying starts an engine whose only loop waits by itself.
func staying(t *testing.T, broker *fakeBroker) (*Engine, string) {
	t.Helper()
	before := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(max(2, before))
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	return startEngine(t, broker, func(o *Options) { o.Loops = 1 })
}

func servedByItself(t *testing.T, e *Engine) (n uint64) {
	t.Helper()
	onLoopAndWait(t, e, func() { n = e.loops[0].served })
	return n
}

// chatter keeps a loop busy until the test ends: it never runs out of events.
func chatter(t *testing.T, addr string, connections int) (answers *atomic.Int64) {
	t.Helper()
	answers = new(atomic.Int64)
	var talking sync.WaitGroup
	var ends []func() error
	for range connections {
		c := dial(t, addr)
		ends = append(ends, c.Close)
		talking.Go(func() {
			for corr := int32(0); ; corr++ {
				if _, err := c.Write(request(heartbeat, 4, corr, []byte("ping"))); err != nil {
					return
				}
				frame, err := readFrame(c)
				if err != nil {
					return
				}
				if !bytes.Equal(frame, response(corr, []byte("ping"))) {
					t.Errorf("answer %d is %x", corr, frame)
					return
				}
				answers.Add(1)
			}
		})
	}
	t.Cleanup(func() {
		for _, end := range ends {
			_ = end() // the gateway may have ended before
		}
		talking.Wait()
	})
	until(t, "an answer", func() bool { return answers.Load() > 0 })
	return answers
}

// A loop that waits by itself serves most events, and gnet's tasks are done all the
// same: what is asked of the loop, new connections, the ends of others.
func TestStaysAndLeaves(t *testing.T) {
	e, addr := staying(t, serveBroker(t, echo))
	answers := chatter(t, addr, 4)
	for range 300 {
		onLoopAndWait(t, e, func() {})
	}
	for range 50 {
		c := dial(t, addr)
		roundTrips(t, c, 10, 100_000)
		c.Close()
	}
	if n := servedByItself(t, e); n == 0 {
		t.Errorf("gnet saw all events of %d answers", answers.Load())
	}
	until(t, "the end of all others", func() bool { return e.counters.active.Load() == 4 })
}

// A broker that ends while its loop waits by itself ends the client.
func TestEndSeenWhileStaying(t *testing.T) {
	end := make(chan struct{})
	e, addr := staying(t, serveBroker(t, func(c *net.TCPConn) {
		for {
			frame, err := readFrame(c)
			if err != nil {
				return
			}
			corr := int32(binary.BigEndian.Uint32(frame[8:]))
			if _, err := c.Write(response(corr, frame[14:])); err != nil || bytes.Equal(frame[14:], []byte("last")) {
				<-end
				return
			}
		}
	}))
	chatter(t, addr, 2)
	c := dial(t, addr)
	if _, err := c.Write(request(heartbeat, 4, 1, []byte("last"))); err != nil {
		t.Fatal(err)
	}
	if _, err := readFrame(c); err != nil {
		t.Fatal(err)
	}
	close(end)
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the client was told more than the broker said")
	}
	c.Close()
	until(t, "one ending", func() bool { return endings(e) == `{side="broker",reason="ended"} 1` })
}

// Closing an engine whose loop is busy does not wait for it to have nothing to do.
func TestCloseWhileStaying(t *testing.T) {
	e, addr := staying(t, serveBroker(t, echo))
	answers := chatter(t, addr, 4)
	// gnet forgets what is being enrolled when it stops.
	until(t, "all four", func() (all bool) {
		onLoopAndWait(t, e, func() { all = len(e.loops[0].pairs) == 4 })
		return all
	})
	closed := make(chan error, 1)
	go func() { closed <- e.client.Stop() }()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if answers.Load() == 0 {
		t.Error("there was nothing to wait for")
	}
}
