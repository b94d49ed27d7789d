package mapping_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"

	"github.com/postern-kafka/postern/mapping"
)

type key struct{ vcluster, username string }

// newest is the specification of Users: the last step of each name, and the
// claim with the highest order among those.
func newest(log []mapping.Change) (all map[key]mapping.Change, holder map[string]mapping.Change) {
	all, holder = map[key]mapping.Change{}, map[string]mapping.Change{}
	for _, c := range log {
		k := key{c.Mapping.VCluster, c.Mapping.Username}
		delete(all, k)
		if !c.Deleted {
			all[k] = c
		}
	}
	for _, c := range all {
		if c.Order > holder[c.Mapping.Principal].Order {
			holder[c.Mapping.Principal] = c
		}
	}
	return all, holder
}

func randomLog(r *rand.Rand, n int) []mapping.Change {
	log := make([]mapping.Change, n)
	for i := range log {
		log[i] = mapping.Change{
			Mapping: mapping.Mapping{
				VCluster:  fmt.Sprint("v", r.IntN(2)),
				Username:  fmt.Sprint("u", r.IntN(4)),
				Principal: fmt.Sprint("p", r.IntN(4)),
			},
			Deleted: r.IntN(4) == 0,
			Order:   int64(i + 1),
		}
		if r.IntN(3) == 0 {
			log[i].Mapping.Groups = []string{fmt.Sprint("g", r.IntN(3))}
		}
	}
	return log
}

func agrees(t *testing.T, u *mapping.Users, log []mapping.Change) {
	t.Helper()
	all, holder := newest(log)
	if u.Len() != len(all) || len(u.All()) != len(all) {
		t.Fatalf("%d mappings, want %d", u.Len(), len(all))
	}
	if want := len(all) - len(holder); u.Shadowed() != want {
		t.Fatalf("%d shadowed, want %d", u.Shadowed(), want)
	}
	for k, c := range all {
		if m, ok := u.ByUsername(k.vcluster, k.username); !ok || !reflect.DeepEqual(m, c.Mapping) {
			t.Fatalf("%v is %v, want %v", k, m, c.Mapping)
		}
		other := c.Mapping
		other.Username = "somebody else"
		if m, conflict := u.Conflict(other); !conflict || !reflect.DeepEqual(m, holder[other.Principal].Mapping) {
			t.Fatalf("conflict over %s: %v, %v", other.Principal, m, conflict)
		}
	}
	for i := range 4 {
		p := fmt.Sprint("p", i)
		user, ok := u.Lookup(p)
		want, held := holder[p]
		if ok != held {
			t.Fatalf("%s mapped: %v, want %v", p, ok, held)
		}
		if held && !reflect.DeepEqual(*user, mapping.User{
			Username: want.Mapping.Username, VCluster: want.Mapping.VCluster,
			Principal: p, Groups: want.Mapping.Groups,
		}) {
			t.Fatalf("%s is %+v, want %+v", p, *user, want.Mapping)
		}
	}
}

// TestUsersAreAFunctionOfTheLog: after every step of random logs full of
// rivals; after steps said twice; after a compaction; and when the result is
// put over what another log had left.
func TestUsersAreAFunctionOfTheLog(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 7))
		log := randomLog(r, 60)
		stepwise := mapping.NewUsers()
		for i, c := range log {
			_, before := newest(log[:i])
			e := stepwise.Apply(c)
			agrees(t, stepwise, log[:i+1])
			last, held := before[c.Mapping.Principal]
			took := !c.Deleted && held &&
				(last.Mapping.Username != c.Mapping.Username || last.Mapping.VCluster != c.Mapping.VCluster)
			if e.Contested != took || took && !reflect.DeepEqual(e.Rival, last.Mapping) {
				t.Fatalf("seed %d step %d: effect %+v, want the principal taken from %v: %v", seed, i, e, last.Mapping, took)
			}
			if i%7 == 0 {
				stepwise.Apply(c)
				agrees(t, stepwise, log[:i+1])
			}
		}
		all, _ := newest(log)
		var compacted []mapping.Change
		for _, c := range log {
			if k := (key{c.Mapping.VCluster, c.Mapping.Username}); all[k].Order == c.Order {
				compacted = append(compacted, c)
			}
		}
		later := mapping.NewUsers()
		for _, c := range compacted {
			later.Apply(c)
		}
		agrees(t, later, log)
		replaced := mapping.NewUsers()
		for _, c := range randomLog(r, 80) {
			replaced.Apply(c)
		}
		r.Shuffle(len(compacted), func(i, j int) { compacted[i], compacted[j] = compacted[j], compacted[i] })
		replaced.Replace(compacted)
		agrees(t, replaced, log)
		replaced.Replace(compacted)
		agrees(t, replaced, log)
	}
}

func TestStaleStepChangesNothing(t *testing.T) {
	u := mapping.NewUsers()
	m := mapping.Mapping{VCluster: "v", Username: "u", Principal: "new"}
	u.Apply(mapping.Change{Mapping: m, Order: 5})
	m.Principal = "old"
	if e := u.Apply(mapping.Change{Mapping: m, Order: 4}); !e.Stale {
		t.Errorf("effect %+v, want stale", e)
	}
	if e := u.Apply(mapping.Change{Mapping: m, Order: 4, Deleted: true}); !e.Stale {
		t.Errorf("effect %+v, want stale", e)
	}
	if _, ok := u.Lookup("new"); !ok || u.Len() != 1 {
		t.Error("an old step undid a new one")
	}
}

func TestListings(t *testing.T) {
	u := mapping.NewUsers()
	if l := u.List("v"); l == nil || len(l) != 0 {
		t.Errorf("List of nothing is %#v, want it empty and not nil", l)
	}
	for _, k := range []key{{"v", "b"}, {"v", "a"}, {"w", "c"}} {
		u.Put(mapping.Mapping{VCluster: k.vcluster, Username: k.username, Principal: k.username})
	}
	if l := u.List("v"); !reflect.DeepEqual(l, []string{"a", "b"}) {
		t.Errorf("List(v) %v", l)
	}
	if v := u.VClusters(); !reflect.DeepEqual(v, []string{"v", "w"}) {
		t.Errorf("VClusters %v", v)
	}
	if !u.Remove("w", "c") || u.Remove("w", "c") {
		t.Error("Remove does not say whether the mapping was there")
	}
	if v := u.VClusters(); !reflect.DeepEqual(v, []string{"v"}) {
		t.Errorf("VClusters after Remove %v", v)
	}
}

// TestReadersSeeWholeUsers: each generation of the mappings carries its number
// in every field, so a reader that saw parts of two would notice. The principal
// "moving" changes hands all the time and must always have a holder.
func TestReadersSeeWholeUsers(t *testing.T) {
	u := mapping.NewUsers()
	generation := func(i int) {
		g := fmt.Sprint(i)
		u.Put(mapping.Mapping{VCluster: g, Username: g, Principal: "moving", Groups: []string{g, g + "'"}})
		u.Put(mapping.Mapping{VCluster: "same", Username: "same", Principal: "same", Groups: []string{g, g + "'"}})
		if i > 0 {
			last := fmt.Sprint(i - 1)
			u.Remove(last, last)
		}
	}
	generation(0)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				for _, p := range []string{"moving", "same"} {
					user, ok := u.Lookup(p)
					if !ok {
						t.Errorf("%s has no holder", p)
						return
					}
					g := user.Groups[0]
					if user.Groups[1] != g+"'" || user.Principal != p || user.Username != user.VCluster ||
						p == "moving" && user.Username != g {
						t.Errorf("parts of several users in %+v", user)
						return
					}
				}
				if n := u.Len(); n < 2 || n > 3 {
					t.Errorf("%d mappings", n)
					return
				}
				u.List("same")
				u.Conflict(mapping.Mapping{Principal: "moving"})
			}
		})
	}
	for i := 1; i < 3000; i++ {
		generation(i)
		if i%100 == 0 {
			var all []mapping.Change
			for j, m := range u.All() {
				all = append(all, mapping.Change{Mapping: m, Order: int64(10*i + j)})
			}
			u.Replace(all)
		}
	}
	close(done)
	wg.Wait()
}
