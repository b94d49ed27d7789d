package engine

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// dialFrom connects from another of the loopback's addresses.
func dialFrom(t *testing.T, from, addr string) *net.TCPConn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// served proves that a connection comes through the gateway.
func served(t *testing.T, c net.Conn, cfg *tls.Config) {
	t.Helper()
	tc := tls.Client(c, cfg)
	if _, err := tc.Write(request(heartbeat, 4, 3, []byte("ping"))); err != nil {
		t.Fatal(err)
	}
	if frame, err := readFrame(tc); err != nil || !bytes.Equal(frame, response(3, []byte("ping"))) {
		t.Fatalf("%x, %v", frame, err)
	}
}

func hasMetric(t *testing.T, e *Engine, line string) bool {
	t.Helper()
	var b bytes.Buffer
	e.WriteMetrics(&b)
	return slices.Contains(strings.Split(b.String(), "\n"), line)
}

// untilMetric waits for a line of the metrics.
func untilMetric(t *testing.T, e *Engine, line string) {
	t.Helper()
	until(t, line, func() bool { return hasMetric(t, e, line) })
}

// TestSilentGiveWay: when all places are taken by peers that say nothing, one
// of the address with the most is ended for a newcomer, none of another's.
func TestSilentGiveWay(t *testing.T) {
	tr := newTrust(t)
	e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
		tr.secured(o)
		o.MaxAdmissions, o.MaxAdmissionsPerAddress = 4, 3
		o.HandshakeTimeout = 10 * time.Second // a tenth of it is silence enough
	})
	var greedy []*net.TCPConn
	modest := dialFrom(t, "127.0.0.2", addr)
	untilMetric(t, e, "gateway_handshakes_in_progress 1")
	for n := range 3 {
		greedy = append(greedy, dialFrom(t, "127.0.0.3", addr))
		untilMetric(t, e, fmt.Sprintf("gateway_handshakes_in_progress %d", n+2))
	}
	served(t, dialFrom(t, "127.0.0.4", addr), tr.clientConfig(tls.VersionTLS13))
	if !hasMetric(t, e, `gateway_handshake_failures_total{cause="cut for another"} 1`) {
		t.Error("nobody was cut")
	}
	served(t, modest, tr.clientConfig(tls.VersionTLS12)) // it had been silent for longest
	if _, err := io.ReadAll(greedy[0]); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the longest silent of the greedy: %v", err)
	}
	if n := e.halfOpen.count(); n != 2 {
		t.Errorf("%d of the greedy are left, want 2", n)
	}
}

// TestOneAddressWaits: an address with its most in handshake waits, however
// many places are free; others do not.
func TestOneAddressWaits(t *testing.T) {
	tr := newTrust(t)
	e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
		tr.secured(o)
		o.MaxAdmissions, o.MaxAdmissionsPerAddress = 8, 1
	})
	silent := dialFrom(t, "127.0.0.2", addr)
	untilMetric(t, e, "gateway_handshakes_in_progress 1")
	second := dialFrom(t, "127.0.0.2", addr)
	untilMetric(t, e, `gateway_handshakes_waiting{for="place"} 1`)
	served(t, dialFrom(t, "127.0.0.3", addr), tr.clientConfig(tls.VersionTLS13))
	silent.Close()
	served(t, second, tr.clientConfig(tls.VersionTLS13))
	untilMetric(t, e, `gateway_handshake_waits_total{for="place"} 1`)
}

// TestTooManyWait: what waits is bounded, too, and who takes most of it is
// refused first.
func TestTooManyWait(t *testing.T) {
	tr := newTrust(t)
	e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
		tr.secured(o)
		o.MaxAdmissions = 1
		o.HandshakeTimeout = time.Minute
	})
	silent := dialFrom(t, "127.0.0.2", addr)
	untilMetric(t, e, "gateway_handshakes_in_progress 1")
	for n := range waitingPerPlace {
		dialFrom(t, "127.0.0.2", addr)
		untilMetric(t, e, fmt.Sprintf(`gateway_handshakes_waiting{for="place"} %d`, n+1))
	}
	if _, err := io.ReadAll(dialFrom(t, "127.0.0.2", addr)); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the newcomer of the same address: %v", err)
	}
	if !hasMetric(t, e, "gateway_admissions_refused_total 1") {
		t.Error("the refusal is not counted")
	}
	other := dialFrom(t, "127.0.0.3", addr)
	untilMetric(t, e, "gateway_admissions_refused_total 2")
	// Next is one of the greedy address, then the other.
	silent.Close()
	untilMetric(t, e, fmt.Sprintf(`gateway_handshakes_waiting{for="place"} %d`, waitingPerPlace-1))
	until(t, "a turn of the other", func() bool {
		e.halfOpen.mu.Lock()
		defer e.halfOpen.mu.Unlock()
		for hs := range e.halfOpen.all {
			if hs.from == originOf(other.LocalAddr()) {
				return true
			}
			hs.cut(errCut)
		}
		return false
	})
	served(t, other, tr.clientConfig(tls.VersionTLS13))
}

// TestNoTurn: a handshake that found no processor in time was not the peer's
// fault, nor was it the broker's.
func TestNoTurn(t *testing.T) {
	tr := newTrust(t)
	t.Run("client", func(t *testing.T) {
		e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
			tr.secured(o)
			o.HandshakeTimeout = 50 * time.Millisecond
		})
		defer holdTurns(t, e)()
		tc := tls.Client(dial(t, addr), tr.clientConfig(tls.VersionTLS13))
		if err := tc.Handshake(); err == nil {
			t.Error("the handshake succeeded without a processor")
		}
		untilMetric(t, e, `gateway_handshake_failures_total{cause="overload"} 1`)
	})
	t.Run("broker", func(t *testing.T) {
		e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
			o.BrokerTLS = func(string) *tls.Config { return tr.clientConfig(tls.VersionTLS13) }
			o.DialTimeout = 150 * time.Millisecond
		})
		defer holdTurns(t, e)()
		if _, err := io.ReadAll(dial(t, addr)); err != nil {
			t.Error(err)
		}
		settled(t, e)
		if got := endings(e); got != `{side="gateway",reason="overload"} 1` {
			t.Error(got)
		}
	})
}

// holdTurns takes every turn there is.
func holdTurns(t *testing.T, e *Engine) (release func()) {
	t.Helper()
	var all []*permit
	for range handshakeProcessors(1 << 10) {
		if e.turns.free == 0 {
			break
		}
		all = append(all, mustAsk(t, e.turns, anOrigin(0), beginning))
	}
	return func() {
		for _, p := range all {
			p.release()
		}
	}
}

// TestCloseWhileWaiting: the end of the engine does not wait for time-outs.
func TestCloseWhileWaiting(t *testing.T) {
	tr := newTrust(t)
	e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
		tr.secured(o)
		o.MaxAdmissions = 2
		o.HandshakeTimeout = time.Hour
	})
	defer holdTurns(t, e)()
	conns := make([]*net.TCPConn, 0, 5)
	for range cap(conns) {
		c := dial(t, addr)
		if _, err := c.Write([]byte("\x16\x03\x01\x02\x00")); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	untilMetric(t, e, `gateway_handshakes_waiting{for="place"} 4`)
	untilMetric(t, e, `gateway_handshakes_waiting{for="processor"} 1`)
	e.stopAccepting()
	e.admissions.wait()
	if n := e.counters.active.Load(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// TestShedOrder: always one of the origin with the most, there the longest
// silent; who is not silent counts but stays.
func TestShedOrder(t *testing.T) {
	many := []silentPeer{
		{"a1", 1, 30 * time.Minute},
		{"a2", 1, 20 * time.Minute},
		{"b1", 2, 15 * time.Minute},
		{"b2", 2, 25 * time.Minute},
		{"b3", 2, 0},
		{"b4", 2, 0},
		{"c1", 3, time.Hour},
		{"c2", 3, 100 * time.Second},
		{"a3", 1, time.Second},
	}
	greedyNotDue := []silentPeer{{"a1", 1, 30 * time.Second}, {"a2", 1, 40 * time.Second}, {"b1", 2, 90 * time.Second}, {"c1", 3, 3 * time.Minute}}
	for name, test := range map[string]struct {
		peers []silentPeer
		n     int
		own   map[origin]int
		want  string
	}{
		"one":       {many, 1, nil, "b2"},
		"two":       {many, 2, nil, "b2 a1"}, // 3 and 3 are left: the longer silence
		"all":       {many, 9, nil, "b2 a1 b1 c1 a2 c2"},
		"their own": {many, 9, map[origin]int{anOrigin(1): 1, anOrigin(3): 5}, "a1 c1 c2"},
		"none":      {many, 0, nil, ""},
		"not due":   {greedyNotDue, 9, nil, "c1"}, // twice the patience for those with fewer
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(shedNames(t, test.peers, test.n, test.own), " "); got != test.want {
				t.Errorf("cut: %s, want %s", got, test.want)
			}
		})
	}
}

type silentPeer struct {
	name   string
	from   int
	silent time.Duration // 0: it is not waited for
}

// shedNames is what a call of shed with a minute's patience ends, in order.
func shedNames(t *testing.T, peers []silentPeer, n int, own map[origin]int) (names []string) {
	t.Helper()
	var h halfOpen
	for _, p := range peers {
		hs := &handshake{from: anOrigin(p.from)}
		if p.silent > 0 {
			hs.silence.past.Store(int64(p.silent))
			hs.silence.begin()
		}
		hs.cut = func(err error) {
			if !errors.Is(err, errCut) {
				t.Error(err)
			}
			names = append(names, p.name)
		}
		h.add(hs)
	}
	if cut := h.shed(n, own, time.Minute); cut != len(names) {
		t.Errorf("%d were cut, %d are said to be", len(names), cut)
	}
	return names
}

// TestLag: a loop that does not answer is late, and one that did was.
func TestLag(t *testing.T) {
	e, _ := startEngine(t, serveBroker(t, echo), func(o *Options) { o.Loops = 1 })
	lp := e.loops[0]
	hold, held := make(chan struct{}), make(chan struct{})
	lp.do(func() { close(held); <-hold })
	<-held
	until(t, "a late loop", func() bool { return lp.lag.highest() > 50*time.Millisecond })
	close(hold)
	until(t, "an answer", func() bool { return lp.lag.asked.Load() == 0 })
	until(t, "a lag that is remembered", func() bool { return time.Duration(lp.lag.last.Load()) > 50*time.Millisecond })
}
