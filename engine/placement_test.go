package engine

import (
	"testing"

	"github.com/postern-kafka/postern/session"
)

func TestLeastLoaded(t *testing.T) {
	type loop struct {
		sessions int32
		busy     uint64
	}
	for name, c := range map[string]struct {
		loops []loop
		near  int
		want  int
	}{
		"nothing anywhere":                    {[]loop{{0, 0}, {0, 0}}, -1, 0},
		"idle: the fewest sessions":           {[]loop{{3, 0}, {2, 0}, {4, 0}}, -1, 1},
		"even work: the fewest sessions":      {[]loop{{3, 300}, {2, 300}, {4, 300}}, -1, 1},
		"a hot loop gets none":                {[]loop{{1, 90_000_000}, {9, 900}}, 0, 1},
		"until the others have as much to do": {[]loop{{1, 1000}, {20, 1000}}, 1, 0},
		"new sessions count as average ones":  {[]loop{{10, 1_000_000}, {14, 900_000}}, -1, 0},
		"equal: where it was accepted":        {[]loop{{0, 0}, {0, 0}}, 1, 1},
		"hardly more: where it was accepted":  {[]loop{{30, 50_000}, {31, 51_000}}, 1, 1},
		"one more of few is more":             {[]loop{{2, 0}, {3, 0}}, 1, 0},
	} {
		var loops []*placement
		for _, l := range c.loops {
			p := new(placement)
			p.sessions.Store(l.sessions)
			p.busy.Store(l.busy)
			loops = append(loops, p)
		}
		if got := leastLoaded(loops, c.near, session.Anywhere); got != c.want {
			t.Errorf("%s: loop %d, want %d", name, got, c.want)
		}
	}
}

// What clients open in turn, a connection to the bootstrap server and one to a broker, is
// spread by kind.
func TestPlacedByKind(t *testing.T) {
	loops := []*placement{new(placement), new(placement)}
	for range 8 {
		for _, node := range []int32{session.Anywhere, 1} {
			loops[leastLoaded(loops, -1, node)].count(node, 1)
		}
	}
	for i, p := range loops {
		if all, brokers := p.sessions.Load(), p.brokers.Load(); all != 8 || brokers != 4 {
			t.Errorf("loop %d has %d sessions, %d of brokers; want 8 and 4", i, all, brokers)
		}
	}
	loops[1].count(1, -1)
	if got := leastLoaded(loops, -1, 1); got != 1 {
		t.Errorf("the next one to a broker goes to loop %d, where more are", got)
	}
}

// A loop's work is what came since the last look, and an old one is forgotten.
func TestWeigh(t *testing.T) {
	p := new(placement)
	const work = uint64(watchEvery) / 2
	p.weigh(work)
	first := p.busy.Load()
	if want := work / 5; first < want-1 || first > want+1 {
		t.Errorf("busy %d, want %d", first, want)
	}
	for n := range uint64(100) {
		p.weigh((n + 2) * work)
	}
	if got := p.share(); got < 0.499 || got > 0.501 {
		t.Errorf("busy %v of the time, want half of it", got)
	}
	for range 100 {
		p.weigh(101 * work)
	}
	if left := p.busy.Load(); left > first/1_000_000 {
		t.Errorf("after silence still %d of %d", left, first)
	}
}
