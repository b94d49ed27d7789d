package engine

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
)

// anOrigin is one of a family of addresses.
func anOrigin(n int) origin { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) }

func mustAsk(t *testing.T, q *fairQueue, from origin, kind int) *permit {
	t.Helper()
	p, err := q.ask(from, kind)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// decided says whether a permit's wait is over.
func decided(p *permit) bool {
	if p.ready == nil {
		return true
	}
	select {
	case <-p.ready:
		return true
	default:
		return false
	}
}

// TestFairQueueInTurn: a greedy origin delays another by one permit, however
// many it waits for.
func TestFairQueueInTurn(t *testing.T) {
	q := newFairQueue(1, math.MaxInt, math.MaxInt)
	busy := mustAsk(t, q, anOrigin(0), beginning)
	var greedy []*permit
	for range 1000 {
		greedy = append(greedy, mustAsk(t, q, anOrigin(1), beginning))
	}
	modest := []*permit{mustAsk(t, q, anOrigin(2), beginning), mustAsk(t, q, anOrigin(3), beginning), mustAsk(t, q, anOrigin(2), beginning)}
	busy.release()
	for i, want := range []*permit{greedy[0], modest[0], modest[1], greedy[1], modest[2], greedy[2], greedy[3]} {
		if !decided(want) || !want.held {
			t.Fatalf("permit %d went to somebody else", i)
		}
		want.release()
	}
	if waiting, waits, _ := q.figures(); waiting != 995 || waits != 8 {
		t.Errorf("%d wait and %d have waited, want 995 and 8", waiting, waits)
	}
}

// TestFairQueueGoingOnFirst: of one origin's work, what has begun is finished
// first, in the order in which it came; another origin is not held back by it.
func TestFairQueueGoingOnFirst(t *testing.T) {
	q := newFairQueue(1, math.MaxInt, math.MaxInt)
	busy := mustAsk(t, q, anOrigin(0), beginning)
	a1 := mustAsk(t, q, anOrigin(1), beginning)
	a2 := mustAsk(t, q, anOrigin(1), goingOn)
	a3 := mustAsk(t, q, anOrigin(1), goingOn)
	b1 := mustAsk(t, q, anOrigin(2), beginning)
	busy.release()
	for i, want := range []*permit{a2, b1, a3, a1} {
		if !want.held {
			t.Fatalf("permit %d went to somebody else", i)
		}
		want.release()
	}
}

// TestFairQueuePerOrigin: who holds its most waits although permits are free,
// and nobody waits for it.
func TestFairQueuePerOrigin(t *testing.T) {
	q := newFairQueue(3, 2, math.MaxInt)
	a1, a2 := mustAsk(t, q, anOrigin(1), beginning), mustAsk(t, q, anOrigin(1), beginning)
	a3 := mustAsk(t, q, anOrigin(1), beginning)
	if !a1.held || !a2.held || a3.held {
		t.Fatalf("held: %v %v %v", a1.held, a2.held, a3.held)
	}
	if n, own := q.lacking(); n != 1 || own[anOrigin(1)] != 1 || len(own) != 1 {
		t.Errorf("lacking: %d %v", n, own)
	}
	b1 := mustAsk(t, q, anOrigin(2), beginning)
	if !b1.held {
		t.Fatal("the free permit was not given")
	}
	if n, own := q.lacking(); n != 1 || own != nil {
		t.Errorf("lacking: %d %v", n, own)
	}
	b1.release()
	if a3.held {
		t.Fatal("an origin got more than its most")
	}
	a1.release()
	if !a3.held {
		t.Fatal("a released permit was lost")
	}
}

// TestFairQueueFull: room is made at the cost of whoever takes most of it.
func TestFairQueueFull(t *testing.T) {
	q := newFairQueue(1, 1, 3)
	busy := mustAsk(t, q, anOrigin(0), beginning)
	a1, a2, a3 := mustAsk(t, q, anOrigin(1), beginning), mustAsk(t, q, anOrigin(1), beginning), mustAsk(t, q, anOrigin(1), beginning)
	if _, err := q.ask(anOrigin(1), beginning); !errors.Is(err, errQueueFull) {
		t.Fatalf("a fourth waiter of the only origin: %v", err)
	}
	b1 := mustAsk(t, q, anOrigin(2), beginning)
	if err := a3.wait(t.Context()); !errors.Is(err, errQueueFull) {
		t.Fatalf("the last of the largest: %v", err)
	}
	c1 := mustAsk(t, q, anOrigin(3), beginning)
	if err := a2.wait(t.Context()); !errors.Is(err, errQueueFull) {
		t.Fatalf("the last of the largest: %v", err)
	}
	if _, err := q.ask(anOrigin(4), beginning); !errors.Is(err, errQueueFull) {
		t.Fatalf("where nobody has more than one: %v", err)
	}
	for _, p := range []*permit{busy, a1, b1, c1} {
		if err := p.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.release()
	}
	again := mustAsk(t, q, anOrigin(1), beginning)
	a3.release() // does nothing, also not to the origin's new claim
	if len(q.claims) != 1 {
		t.Error("a permit that is held is not known any more")
	}
	again.release()
	if q.free != 1 || len(q.claims) != 0 || q.waiting != 0 {
		t.Errorf("left: %d free, %d claims, %d waiting", q.free, len(q.claims), q.waiting)
	}
}

// TestFairQueueContext: an end of the wait leaves nothing, and a permit that
// was granted at the same moment is kept.
func TestFairQueueContext(t *testing.T) {
	q := newFairQueue(1, 1, 10)
	busy := mustAsk(t, q, anOrigin(0), beginning)
	a, b := mustAsk(t, q, anOrigin(1), beginning), mustAsk(t, q, anOrigin(2), beginning)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.wait(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	busy.release()
	if err := b.wait(ctx); err != nil {
		t.Fatalf("a granted permit: %v", err)
	}
	b.release()
	if q.free != 1 || len(q.claims) != 0 || q.waiting != 0 || q.ring.Len() != 0 {
		t.Errorf("left: %d free, %d claims, %d waiting, %d in the ring", q.free, len(q.claims), q.waiting, q.ring.Len())
	}
}

// TestFairQueueInvariants does at random whatever can be done.
func TestFairQueueInvariants(t *testing.T) {
	const permits, perOrigin, maxWaiting, steps = 5, 3, 20, 20_000
	rnd := rand.New(rand.NewPCG(1, 2))
	q := newFairQueue(permits, perOrigin, maxWaiting)
	var live []*permit
	ended, end := context.WithCancel(t.Context())
	end()
	for range steps {
		if rnd.IntN(2) == 0 {
			if p, err := q.ask(anOrigin(rnd.IntN(6)), rnd.IntN(2)); err == nil {
				live = append(live, p)
			}
		} else if len(live) > 0 {
			i := rnd.IntN(len(live))
			if rnd.IntN(3) == 0 {
				_ = live[i].wait(ended)
			}
			live[i].release()
			live = append(live[:i], live[i+1:]...)
		}
		checkQueue(t, q, permits, perOrigin, maxWaiting)
	}
	for _, p := range live {
		p.release()
	}
	if q.free != permits || len(q.claims) != 0 {
		t.Errorf("left: %d free, %d claims", q.free, len(q.claims))
	}
}

func checkQueue(t *testing.T, q *fairQueue, permits, perOrigin, maxWaiting int) {
	t.Helper()
	held, waiting, inRing := 0, 0, 0
	for from, c := range q.claims {
		held += c.held
		waiting += c.count()
		if c.ring != nil {
			inRing++
		}
		if c.held > perOrigin || c.held+c.count() == 0 || c.from != from || (c.ring != nil) != (c.count() > 0 && c.held < perOrigin) {
			t.Fatalf("%v holds %d, %d wait, in the ring: %v", from, c.held, c.count(), c.ring != nil)
		}
	}
	if held+q.free != permits || waiting != q.waiting || waiting > maxWaiting || inRing != q.ring.Len() || (q.free > 0 && inRing > 0) {
		t.Fatalf("%d held, %d free, %d of %d waiting, %d of %d in the ring", held, q.free, waiting, q.waiting, inRing, q.ring.Len())
	}
}

func TestOriginOf(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7":           "192.0.2.7",
		"::ffff:192.0.2.7":    "192.0.2.7",
		"2001:db8:1:2:3::4":   "2001:db8:1:2::",
		"2001:db8:1:2:ffff::": "2001:db8:1:2::",
		"2001:db8:1:3::1":     "2001:db8:1:3::",
		"fe80::1%eth0":        "fe80::",
	} {
		tcp := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 9092))
		if got := originOf(tcp); got.String() != want {
			t.Errorf("%s belongs to %s, want %s", addr, got, want)
		}
	}
	if got := originOf(&net.UnixAddr{}); got.IsValid() {
		t.Errorf("a socket without an address belongs to %s", got)
	}
}
