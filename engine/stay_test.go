package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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

// chatter keeps a loop busy until stop is called: it never runs out of events.
func chatter(t *testing.T, addr string, connections int) (answers *atomic.Int64, stop func()) {
	t.Helper()
	answers = new(atomic.Int64)
	var talking sync.WaitGroup
	var ends []func() error
	for range connections {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
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
	until(t, "an answer", func() bool { return answers.Load() > 0 })
	return answers, func() {
		for _, end := range ends {
			_ = end() // the gateway may have ended before
		}
		talking.Wait()
	}
}

// A loop that waits by itself serves most events, and gnet's tasks are done all the
// same: what is asked of the loop, new connections, the ends of others.
func TestStaysAndLeaves(t *testing.T) {
	e, addr := staying(t, serveBroker(t, echo))
	answers, stop := chatter(t, addr, 4)
	defer stop()
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

// A loop without events goes back to gnet, which waits without a processor, although
// the runtime interrupts a loop that keeps one for long.
func TestLeavesWhenQuiet(t *testing.T) {
	_, addr := staying(t, serveBroker(t, echo))
	c := dial(t, addr)
	defer c.Close()
	roundTrips(t, c, 100)
	away := []metrics.Sample{{Name: "/sched/goroutines/not-in-go:goroutines"}}
	seen := 0
	until(t, "a loop that waits without a processor", func() bool {
		if metrics.Read(away); away[0].Value.Uint64() == 0 {
			seen = 0
		}
		seen++
		return seen > 5 // once may be a call that does not wait
	})
}

// After a task the loop waits by itself again: gnet sees neither of the next two events.
func TestReturnsAfterATask(t *testing.T) {
	e, addr := staying(t, serveBroker(t, echo))
	c := dial(t, addr)
	defer c.Close()
	until(t, "a request that gnet did not see", func() bool {
		before := servedByItself(t, e)
		roundTrips(t, c, 100)
		return servedByItself(t, e) == before+2
	})
}

// A loop that has nothing to do is not woken to measure its lag.
func TestIdleIsNotAsked(t *testing.T) {
	e, addr := staying(t, serveBroker(t, echo))
	c := dial(t, addr)
	defer c.Close()
	roundTrips(t, c, 100)
	lp := e.loops[0]
	until(t, "a loop that has answered and is idle", func() bool {
		return lp.work.turns.Load() == lp.lag.idle.Load() && lp.lag.asked.Load() == 0
	})
	before := lp.work.turns.Load()
	if lp.lag.ask(lp); lp.lag.asked.Load() != 0 || lp.work.turns.Load() != before {
		t.Error("it was asked")
	}
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
	_, stop := chatter(t, addr, 2)
	defer stop()
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
	var stop func()
	t.Run("closed at the end of this", func(t *testing.T) {
		_, addr := staying(t, serveBroker(t, echo))
		_, stop = chatter(t, addr, 4)
	})
	stop()
}

// A collection does not wait for an event, even where the loop waits without end.
func TestCollectsWhileStaying(t *testing.T) {
	_, addr := staying(t, serveBroker(t, echo))
	c := dial(t, addr)
	defer c.Close()
	for range 20 {
		roundTrips(t, c, 100)
		runtime.GC()
	}
}

// A yield lets the goroutines run that wait for the same processor.
func TestYield(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	lp := &loop{}
	var ran atomic.Bool
	go ran.Store(true)
	if lp.yield(); !ran.Load() {
		t.Error("another goroutine did not run")
	}
	if lp.yielded.IsZero() {
		t.Error("it is not known when that was")
	}
	ahead := time.Now().Add(time.Hour)
	lp.yielded = ahead
	if lp.yield(); !lp.yielded.Equal(ahead) {
		t.Error("it yields again at once")
	}
}

// Loops wait by themselves, without end, only where a processor is left for others and the
// runtime's signals end the waits.
func TestMayStay(t *testing.T) {
	for godebug, want := range map[string]bool{
		"":                                       true,
		"gctrace=1":                              true,
		"asyncpreemptoff=1":                      false,
		"gctrace=1,asyncpreemptoff=1":            false,
		"asyncpreemptoff=0":                      true,
		"asyncpreemptoff=1,asyncpreemptoff=0":    true,
		"notasyncpreemptoff=1,asyncpreemptoff=1": false,
	} {
		if got := mayStay(3, 2, godebug); got != want {
			t.Errorf("GODEBUG=%s: %t", godebug, got)
		}
		if mayStay(2, 2, godebug) {
			t.Errorf("GODEBUG=%s: with as many loops as processors", godebug)
		}
	}
}

// Without signals a collection would wait for an event for ever, and with it whoever asked.
func TestCollectsWithoutSignals(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, "-test.run=^TestCollectsWhileStaying$")
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
