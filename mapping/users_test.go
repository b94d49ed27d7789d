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
		k := key{c.Account.VCluster, c.Account.Username}
		delete(all, k)
		if !c.Deleted {
			all[k] = c
		}
	}
	for _, c := range all {
		for _, p := range c.Account.Principals {
			if c.Order > holder[p].Order {
				holder[p] = c
			}
		}
	}
	return all, holder
}

// as is the mapping that an account is to a principal of it.
func as(a mapping.Account, principal string) mapping.Mapping {
	m := a.Mapping()
	m.Principal = principal
	return m
}

// randomLog holds accounts of every kind: with one principal, with several,
// local ones, and local ones with a credential.
func randomLog(r *rand.Rand, n int) []mapping.Change {
	log := make([]mapping.Change, n)
	for i := range log {
		a := mapping.Account{VCluster: fmt.Sprint("v", r.IntN(2)), Username: fmt.Sprint("u", r.IntN(4))}
		switch r.IntN(6) {
		case 0:
			a.Type = mapping.Local
		case 1:
			a.Type = mapping.Local
			a.Scram = []mapping.ScramRecord{{Mechanism: "SCRAM-SHA-256", Iterations: i}}
		case 2:
			a.Principals = []string{fmt.Sprint("p", r.IntN(2)), fmt.Sprint("p", 2+r.IntN(2))}
		default:
			a.Principals = []string{fmt.Sprint("p", r.IntN(4))}
		}
		if a.Type == mapping.External && r.IntN(3) == 0 {
			a.Groups = []string{fmt.Sprint("g", r.IntN(3))}
		}
		log[i] = mapping.Change{Account: a, Deleted: r.IntN(4) == 0, Order: int64(i + 1)}
	}
	return log
}

func agrees(t *testing.T, u *mapping.Users, log []mapping.Change) {
	t.Helper()
	all, holder := newest(log)
	claims, locals := 0, 0
	for k, c := range all {
		claims += len(c.Account.Principals)
		if c.Account.Type == mapping.Local {
			locals++
		}
		if a, ok := u.Account(k.vcluster, k.username); !ok || !a.Equal(c.Account) {
			t.Fatalf("%v is %+v, want %+v", k, a, c.Account)
		}
		if u.HasLocal(k.vcluster, k.username) != (c.Account.Type == mapping.Local) || !u.Has(k.vcluster, k.username) {
			t.Fatalf("%v: local %v", k, u.HasLocal(k.vcluster, k.username))
		}
		m, ok := u.ByUsername(k.vcluster, k.username)
		if ok == (c.Account.Type == mapping.Local) || ok && !reflect.DeepEqual(m, c.Account.Mapping()) {
			t.Fatalf("%v is the mapping %v %v", k, m, ok)
		}
	}
	if u.Len() != len(all) || len(u.Accounts(mapping.Filter{})) != len(all) || len(u.All()) != len(all)-locals || u.Locals() != locals {
		t.Fatalf("%d accounts, %d local; want %d, %d", u.Len(), u.Locals(), len(all), locals)
	}
	if want := claims - len(holder); u.Shadowed() != want {
		t.Fatalf("%d shadowed, want %d", u.Shadowed(), want)
	}
	for i := range 4 {
		agreesOn(t, u, fmt.Sprint("p", i), holder)
		name := fmt.Sprint("u", i)
		var last mapping.Change
		for _, c := range all {
			if c.Account.Username == name && len(c.Account.Scram) > 0 && c.Order > last.Order {
				last = c
			}
		}
		cred, vcluster, ok := u.Scram(name, "SCRAM-SHA-256")
		if ok != (last.Order > 0) || ok && (vcluster != last.Account.VCluster || cred.Iterations != last.Account.Scram[0].Iterations) {
			t.Fatalf("credential of %s: %+v in %s %v, want %+v", name, cred, vcluster, ok, last)
		}
		if _, _, ok := u.Scram(name, "SCRAM-SHA-512"); ok {
			t.Fatalf("credential of %s of another mechanism", name)
		}
	}
}

func agreesOn(t *testing.T, u *mapping.Users, p string, holder map[string]mapping.Change) {
	t.Helper()
	user, ok := u.Lookup(p)
	want, held := holder[p]
	m, conflict := u.Conflict(mapping.Account{Username: "somebody else", Principals: []string{"free", p}})
	if ok != held || conflict != held {
		t.Fatalf("%s mapped: %v, in conflict %v, want %v", p, ok, conflict, held)
	}
	if !held {
		return
	}
	if !reflect.DeepEqual(m, as(want.Account, p)) {
		t.Fatalf("conflict over %s: %v", p, m)
	}
	if !reflect.DeepEqual(*user, mapping.User{
		Username: want.Account.Username, VCluster: want.Account.VCluster,
		Principal: p, Groups: want.Account.Groups,
	}) {
		t.Fatalf("%s is %+v, want %+v", p, *user, want.Account)
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
			var lost []mapping.Mapping
			for _, p := range c.Account.Principals {
				last, held := before[p]
				if !c.Deleted && held && (last.Account.Username != c.Account.Username || last.Account.VCluster != c.Account.VCluster) {
					lost = append(lost, as(last.Account, p))
				}
			}
			if e.Contested != (len(lost) > 0) || e.Contested && !reflect.DeepEqual(e.Rival, lost[0]) {
				t.Fatalf("seed %d step %d: effect %+v, want lost %v", seed, i, e, lost)
			}
			if i%7 == 0 {
				stepwise.Apply(c)
				agrees(t, stepwise, log[:i+1])
			}
		}
		all, _ := newest(log)
		var compacted []mapping.Change
		for _, c := range log {
			if k := (key{c.Account.VCluster, c.Account.Username}); all[k].Order == c.Order {
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
		for range 2 {
			fresh := mapping.NewUsers()
			for _, c := range compacted {
				fresh.Apply(c)
			}
			replaced.Adopt(fresh)
			agrees(t, replaced, log)
		}
		if next := randomLog(r, 1)[0]; !next.Deleted {
			next.Order = 1000
			replaced.Apply(next)
			agrees(t, replaced, append(log, next))
		}
	}
}

func TestStaleStepChangesNothing(t *testing.T) {
	u := mapping.NewUsers()
	a := mapping.Account{VCluster: "v", Username: "u", Principals: []string{"new"}}
	u.Apply(mapping.Change{Account: a, Order: 5})
	a.Principals = []string{"old"}
	if e := u.Apply(mapping.Change{Account: a, Order: 4}); !e.Stale {
		t.Errorf("effect %+v, want stale", e)
	}
	if e := u.Apply(mapping.Change{Account: a, Order: 4, Deleted: true}); !e.Stale {
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
		put(t, u, mapping.Mapping{VCluster: k.vcluster, Username: k.username})
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
				u.Conflict(mapping.Account{Principals: []string{"moving"}})
			}
		})
	}
	for i := 1; i < 3000; i++ {
		generation(i)
		if i%100 == 0 {
			fresh := mapping.NewUsers()
			for j, a := range u.Accounts(mapping.Filter{}) {
				fresh.Apply(mapping.Change{Account: a, Order: int64(10*i + j)})
			}
			u.Adopt(fresh)
		}
	}
	close(done)
	wg.Wait()
}
