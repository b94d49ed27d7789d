package mapping

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

func named(name string, stamp int64) *entry {
	return &entry{user: User{Username: name, VCluster: "v"}, stamp: stamp}
}

func byUsername(e *entry) (vcluster, name string) { return e.user.VCluster, e.user.Username }

// TestTableAgainstAMap: after every step of random histories, which grow and
// shrink it many times over, the table holds what a map holds.
func TestTableAgainstAMap(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 11))
		tab, model := newTable(byUsername), map[string]*entry{}
		for step := range 4000 {
			name := fmt.Sprint(r.IntN(300))
			if growing := step/500%2 == 0; growing && r.IntN(4) > 0 || !growing && r.IntN(4) == 0 {
				e := named(name, int64(step))
				tab.store(e)
				model[name] = e
			} else {
				tab.remove("v", name)
				delete(model, name)
			}
			if got := tab.load("v", name); got != model[name] {
				t.Fatalf("seed %d step %d: %v, want %v", seed, step, got, model[name])
			}
			if tab.live != len(model) || tab.used < tab.live {
				t.Fatalf("seed %d step %d: %d live, %d used; want %d", seed, step, tab.live, tab.used, len(model))
			}
			if step%100 == 0 {
				sameAsMap(t, tab, model)
			}
		}
		other := newTable(byUsername)
		other.store(named("x", 1))
		tab.adopt(other)
		sameAsMap(t, tab, map[string]*entry{"x": other.load("v", "x")})
	}
}

func sameAsMap(t *testing.T, tab *table, model map[string]*entry) {
	t.Helper()
	n := 0
	for e := range tab.all {
		if n++; model[e.user.Username] != e {
			t.Fatalf("%v is not in the map", e)
		}
	}
	if n != len(model) {
		t.Fatalf("%d entries, want %d", n, len(model))
	}
	for name, e := range model {
		if tab.load("v", name) != e || tab.load("w", name) != nil {
			t.Fatalf("%s is not found, or is found in another virtual cluster", name)
		}
	}
}

// TestTableReadersMissNothing: a name that stays is found at every moment, while
// others come and go around it, its entry is replaced, and the table grows and
// shrinks.
func TestTableReadersMissNothing(t *testing.T) {
	tab := newTable(byUsername)
	const stay = 8
	for i := range stay {
		tab.store(named(fmt.Sprint("stay-", i), 0))
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var last [stay]int64
			for {
				select {
				case <-done:
					return
				default:
				}
				for i := range stay {
					e := tab.load("v", fmt.Sprint("stay-", i))
					if e == nil || e.stamp < last[i] {
						t.Errorf("stay-%d: %v after %d", i, e, last[i])
						return
					}
					last[i] = e.stamp
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 1))
	for step := range 30_000 {
		name := fmt.Sprint(r.IntN(200))
		if step/1000%2 == 0 {
			tab.store(named(name, 1))
		} else {
			tab.remove("v", name)
		}
		tab.store(named(fmt.Sprint("stay-", step%stay), int64(step)))
	}
	close(done)
	wg.Wait()
}
