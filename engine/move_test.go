package engine

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"math"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-kafka/postern/tlsterm"
)

// restless has every session that has an event move, from each loop to the next, until stop
// is called.
func restless(e *Engine) (stop func()) {
	done := make(chan struct{})
	var ordering sync.WaitGroup
	ordering.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			for i, lp := range e.loops {
				to := e.loops[(i+1)%len(e.loops)]
				lp.do(func() {
					lp.order = order{to: to, window: lp.engine.window.Load(), left: math.MaxInt}
				})
			}
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	return sync.OnceFunc(func() { close(done); ordering.Wait() })
}

// Bytes come whole and in order through sessions that move all the time, whatever TLS there is.
func TestMovesWithTraffic(t *testing.T) {
	tr := newTrust(t)
	for _, version := range []uint16{0, tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(fmt.Sprintf("%04x", version), func(t *testing.T) {
			e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
				o.Loops = 3
				if version != 0 {
					tr.secured(o)
				}
			})
			stop := restless(e)
			defer stop()
			var clients sync.WaitGroup
			for range 8 {
				c := net.Conn(dial(t, addr))
				if version != 0 {
					c = tls.Client(c, tr.clientConfig(version))
				}
				clients.Go(func() {
					defer c.Close()
					for range 5 {
						echoed(t, c, 0, 1, 100, 40_000, 3, 300_000, 5)
					}
				})
			}
			clients.Wait()
			stop()
			settled(t, e)
			if n := e.counters.moved.Load(); n < 100 {
				t.Errorf("sessions moved %d times", n)
			}
			if got, want := endings(e), `{side="client",reason="ended"} 8`; got != want {
				t.Errorf("%s, want %s", got, want)
			}
			nobodyIsLeft(t, e)
		})
	}
}

// echoed sends requests at once and expects each of their bodies.
func echoed(t *testing.T, c net.Conn, sizes ...int) {
	t.Helper()
	go func() {
		for corr, size := range sizes {
			if _, err := c.Write(request(heartbeat, 4, int32(corr), bytes.Repeat([]byte{byte(corr + 1)}, size))); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for corr, size := range sizes {
		frame, err := readFrame(c)
		if err != nil {
			t.Errorf("body of %d bytes: %v", size, err)
			return
		}
		if !bytes.Equal(frame, response(int32(corr), bytes.Repeat([]byte{byte(corr + 1)}, size))) {
			t.Errorf("body of %d bytes came back changed (%d bytes)", size, len(frame)-8)
			return
		}
	}
}

func nobodyIsLeft(t *testing.T, e *Engine) {
	t.Helper()
	for i, lp := range e.loops {
		lp.call(func() {
			watched := slices.ContainsFunc(lp.links, func(l *link) bool { return l != nil })
			if n, m := lp.placed.sessions.Load(), lp.placed.brokers.Load(); len(lp.pairs) > 0 || watched || n != 0 || m != 0 {
				t.Errorf("loop %d has %d sessions, watches sockets %v, and counts %d and %d", i, len(lp.pairs), watched, n, m)
			}
		})
	}
}

// Whoever is revoked, drained or cut off while sessions move is so, and all of them.
func TestEndsWhileMoving(t *testing.T) {
	tr := newTrust(t)
	for _, name := range []string{"revoked", "drained", "closed"} {
		for range 10 {
			t.Run(name, func(t *testing.T) {
				var clients sync.WaitGroup
				var revoked atomic.Bool
				var e *Engine
				t.Cleanup(func() { // after Close
					clients.Wait()
					if n := e.counters.active.Load(); n != 0 {
						t.Errorf("%d sessions were left", n)
					}
				})
				var addr string
				e, addr = startEngine(t, serveBroker(t, echo), func(o *Options) {
					tr.secured(o)
					o.Revoked = func(tlsterm.Identity) bool { return revoked.Load() }
				})
				t.Cleanup(restless(e))
				for range 8 {
					c := tls.Client(dial(t, addr), tr.clientConfig(tls.VersionTLS13))
					if err := alive(t, c); err != nil {
						t.Fatal(err)
					}
					clients.Go(func() {
						for err := error(nil); err == nil; err = alive(t, c) {
						}
						c.Close()
					})
				}
				until(t, "a session that moved", func() bool { return e.counters.moved.Load() > 20 })
				switch name {
				case "revoked":
					revoked.Store(true)
					e.Revoke(func(tlsterm.Identity) bool { return true })
				case "drained":
					if err := e.Drain(t.Context(), 0); err != nil {
						t.Error(err)
					}
				case "closed": // by startEngine
					return
				}
				clients.Wait()
				settled(t, e)
				nobodyIsLeft(t, e)
			})
		}
	}
}

// A session that waits for its client to read moves with what it has for it.
func TestMovesWithWhatWaits(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), nil)
	defer restless(e)()
	c := dial(t, addr)
	const answers = 400
	go func() {
		for corr := range int32(answers) {
			if _, err := c.Write(request(heartbeat, 4, corr, make([]byte, 40_000))); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	until(t, "a session that has moved with what its client did not take", func() (is bool) {
		for _, lp := range e.loops {
			lp.call(func() {
				for p := range lp.pairs {
					is = is || p.client.full && p.broker.paused && e.counters.moved.Load() > 0
				}
			})
		}
		return is
	})
	for corr := range int32(answers) {
		if frame, err := readFrame(c); err != nil || !bytes.Equal(frame, response(corr, make([]byte, 40_000))) {
			t.Fatalf("answer %d: %d bytes, %v", corr, len(frame), err)
		}
	}
}

// A closing engine waits for what is on its way between loops.
func TestCloseWaitsForMoves(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan bool, 1)
	t.Cleanup(func() { // after Close
		if len(arrived) == 0 {
			t.Error("it never arrived")
		}
	})
	e, _ := startEngine(t, serveBroker(t, echo), newTrust(t).secured)
	t.Cleanup(func() { time.AfterFunc(100*time.Millisecond, func() { close(release) }) })
	e.loops[1].do(func() {
		<-release
		e.loops[0].do(func() { arrived <- true })
	})
}

// Sessions that have little to do come together on one loop, and half of those that work are
// given away by one that is too busy.
func TestGathersAndSpreads(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), nil)
	const clients = 8
	stop := make(chan struct{})
	var talking sync.WaitGroup
	defer func() { close(stop); talking.Wait() }()
	for range clients {
		c := dial(t, addr)
		talking.Go(func() {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					echoed(t, c, 1)
				case <-stop:
					return
				}
			}
		})
	}
	sessions := func(i int) int { return int(e.loops[i].placed.sessions.Load()) }
	until(t, "a session on each loop", func() bool { return sessions(0) > 0 && sessions(1) > 0 })
	from := 0
	until(t, "a loop where all are active", func() bool {
		if sessions(1) == clients {
			from = 1
		}
		active := 0
		e.loops[from].call(func() { active = e.loops[from].wereActive })
		return active == clients
	})
	e.carryOut(plan{from: from, to: 1 - from, share: 0.5}, e.window.Load())
	until(t, "half of them on each", func() bool { return sessions(0) == clients/2 && sessions(1) == clients/2 })
}

// A session moves with its timers, and not while one of them is about to call its loop.
func TestTimersMove(t *testing.T) {
	p := new(pair)
	p.relaying, p.renewing = time.AfterFunc(time.Hour, func() {}), time.AfterFunc(time.Hour, func() {})
	if !p.holdTimers() || p.relaying != nil || p.renewing != nil {
		t.Error("the timers run on")
	}
	fired := make(chan struct{})
	for _, timer := range []**time.Timer{&p.relaying, &p.renewing} {
		*timer = time.AfterFunc(0, func() { fired <- struct{}{} })
		<-fired
		if p.holdTimers() {
			t.Error("a timer that has fired was held")
		}
		*timer = nil
	}
}
