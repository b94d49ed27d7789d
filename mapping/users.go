package mapping

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/puzpuzpuz/xsync/v3"
)

// MaxMappings bounds how many mappings Admit lets in.
const MaxMappings = 5_000_000

// Users is the set of user mappings in memory. Lookup and Resolve take no lock
// and may be called by any number of goroutines; the writing methods are for
// the one store that owns the set. The listing methods take a lock that writers
// share and serve the admin API.
type Users struct {
	holders *xsync.MapOf[string, *entry] // by principal; read without a lock

	mu       sync.RWMutex
	byName   map[string]map[string]*entry // vcluster, then username; every mapping, shadowed ones included
	rivals   map[string][]*entry          // by principal, where two or more claim it; the holder included
	count    int
	shadowed int
	newest   int64
}

// entry is one mapping in force or shadowed. It never changes once it is
// reachable. The User comes first so that a look-up touches one cache line.
type entry struct {
	user  User
	order int64
}

// NewUsers returns an empty set.
func NewUsers() *Users {
	return &Users{
		holders: xsync.NewMapOf[string, *entry](),
		byName:  make(map[string]map[string]*entry),
		rivals:  make(map[string][]*entry),
	}
}

// Change is one step of a store's log: Mapping as it is from now on, or, when
// Deleted, the removal of the mapping with its VCluster and Username. Order is
// the step's place in the log. Mapping must have passed Validate.
type Change struct {
	Mapping Mapping
	Deleted bool
	Order   int64
}

// Effect is what a Change did. Stale: nothing, since a later record of the same
// username is known already. Existed: the username was there before. Rival and
// Contested: the change took the principal from Rival, which is now shadowed.
type Effect struct {
	Stale     bool
	Existed   bool
	Contested bool
	Rival     Mapping
}

// Apply performs one step of the log. Steps come in the log's order; one that
// is older than what is known of its username changes nothing. A principal that
// moves to a new User, or to none, does so in one atomic step; a mapping whose
// principal changes is reachable by the new one before the old one stops.
func (u *Users) Apply(c Change) Effect {
	u.mu.Lock()
	defer u.mu.Unlock()
	old := u.byName[c.Mapping.VCluster][c.Mapping.Username]
	if old != nil && old.order > c.Order {
		return Effect{Stale: true, Existed: true}
	}
	u.newest = max(u.newest, c.Order)
	effect := Effect{Existed: old != nil}
	if c.Deleted {
		if old != nil {
			u.drop(old)
		}
		return effect
	}
	if rival := u.add(c, old); rival != nil {
		effect.Contested, effect.Rival = true, rival.mapping()
	}
	return effect
}

// Put adds or replaces a mapping behind every other step so far. For stores
// without a log of their own.
func (u *Users) Put(m Mapping) Effect { return u.Apply(Change{Mapping: m, Order: u.next()}) }

// Remove deletes a mapping and reports whether it was there. For stores
// without a log of their own.
func (u *Users) Remove(vcluster, username string) bool {
	m := Mapping{VCluster: vcluster, Username: username}
	return u.Apply(Change{Mapping: m, Deleted: true, Order: u.next()}).Existed
}

// Replace makes the set equal to what all says (the newest step of each
// username, without deletions), touching only what differs. It is how a store
// that read its log again from the start hands over the result: a reader sees
// each principal either as it was or as it is, never as missing in between.
func (u *Users) Replace(all []Change) {
	u.mu.Lock()
	defer u.mu.Unlock()
	stay := make(map[*entry]bool, len(all))
	for _, c := range all {
		old := u.byName[c.Mapping.VCluster][c.Mapping.Username]
		if old == nil || old.order != c.Order || !old.says(c.Mapping) {
			u.add(c, old)
			old = u.byName[c.Mapping.VCluster][c.Mapping.Username]
		}
		stay[old] = true
	}
	for _, names := range u.byName {
		for _, e := range names {
			if !stay[e] {
				u.drop(e)
			}
		}
	}
	u.newest = 0
	for _, c := range all {
		u.newest = max(u.newest, c.Order)
	}
}

// Lookup returns the User that a principal is mapped to. It takes no lock and
// allocates nothing.
func (u *Users) Lookup(principal string) (*User, bool) {
	e, ok := u.holders.Load(principal)
	if !ok {
		return nil, false
	}
	return &e.user, true
}

// ByUsername returns a mapping by the name it was posted under, shadowed or
// not. Groups is shared: do not write to it.
func (u *Users) ByUsername(vcluster, username string) (Mapping, bool) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	e := u.byName[vcluster][username]
	if e == nil {
		return Mapping{}, false
	}
	return e.mapping(), true
}

// Conflict returns the mapping that holds m's principal under another
// (vcluster, username).
func (u *Users) Conflict(m Mapping) (holder Mapping, conflict bool) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	e, ok := u.holders.Load(m.Principal)
	if !ok || e.named(m) {
		return Mapping{}, false
	}
	return e.mapping(), true
}

// List returns the usernames of a virtual cluster, sorted; empty, not nil,
// when it has none.
func (u *Users) List(vcluster string) []string {
	u.mu.RLock()
	names := make([]string, 0, len(u.byName[vcluster]))
	for name := range u.byName[vcluster] {
		names = append(names, name)
	}
	u.mu.RUnlock()
	slices.Sort(names)
	return names
}

// VClusters returns the virtual clusters that have a mapping, sorted.
func (u *Users) VClusters() []string {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return slices.Sorted(maps.Keys(u.byName))
}

// All returns every mapping, shadowed ones included, sorted by virtual cluster
// and username.
func (u *Users) All() []Mapping {
	u.mu.RLock()
	all := make([]Mapping, 0, u.count)
	for _, names := range u.byName {
		for _, e := range names {
			all = append(all, e.mapping())
		}
	}
	u.mu.RUnlock()
	slices.SortFunc(all, func(a, b Mapping) int {
		return cmp.Or(strings.Compare(a.VCluster, b.VCluster), strings.Compare(a.Username, b.Username))
	})
	return all
}

// Len returns the number of mappings, shadowed ones included.
func (u *Users) Len() int {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.count
}

// Shadowed returns the number of mappings without effect because a later one
// of another username holds their principal.
func (u *Users) Shadowed() int {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.shadowed
}

func (u *Users) next() int64 {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.newest + 1
}

// add puts c in the place of old, which may be nil, and returns the claim that
// lost the principal by it.
func (u *Users) add(c Change, old *entry) (rival *entry) {
	m := c.Mapping
	e := &entry{user: m.user(), order: c.Order}
	names := u.byName[m.VCluster]
	if names == nil {
		names = make(map[string]*entry)
		u.byName[m.VCluster] = names
	}
	names[m.Username] = e
	if old != nil && old.user.Principal == m.Principal {
		return u.settle(m.Principal, old, e)
	}
	rival = u.settle(m.Principal, nil, e)
	if old == nil {
		u.count++
	} else {
		u.settle(old.user.Principal, old, nil)
	}
	return rival
}

// drop removes e from the set.
func (u *Users) drop(e *entry) {
	names := u.byName[e.user.VCluster]
	delete(names, e.user.Username)
	if len(names) == 0 {
		delete(u.byName, e.user.VCluster)
	}
	u.count--
	u.settle(e.user.Principal, e, nil)
}

// settle replaces the claim gone by the claim come (either may be nil) and
// gives the principal to the claim with the highest order. It returns the
// claim of another username that lost the principal to come.
func (u *Users) settle(principal string, gone, come *entry) (lost *entry) {
	before, _ := u.holders.Load(principal)
	claims := u.rivals[principal]
	if claims == nil && before != nil {
		claims = []*entry{before}
	}
	u.shadowed -= max(0, len(claims)-1)
	claims = slices.DeleteFunc(slices.Clone(claims), func(e *entry) bool { return e == gone })
	if come != nil {
		claims = append(claims, come)
	}
	u.shadowed += max(0, len(claims)-1)
	if len(claims) == 0 {
		delete(u.rivals, principal)
		u.holders.Delete(principal)
		return nil
	}
	if len(claims) == 1 {
		delete(u.rivals, principal)
	} else {
		u.rivals[principal] = claims
	}
	holder := slices.MaxFunc(claims, (*entry).compare)
	if holder != before {
		u.holders.Store(principal, holder)
	}
	if holder == come && before != nil && before != gone {
		return before
	}
	return nil
}

// compare orders claims by their place in the log. Names break a tie, which a
// log cannot produce but a caller can, so that the outcome never depends on
// the order of arrival.
func (e *entry) compare(other *entry) int {
	return cmp.Or(
		cmp.Compare(e.order, other.order),
		strings.Compare(e.user.VCluster, other.user.VCluster),
		strings.Compare(e.user.Username, other.user.Username),
	)
}

func (e *entry) named(m Mapping) bool {
	return e.user.VCluster == m.VCluster && e.user.Username == m.Username
}

func (e *entry) says(m Mapping) bool {
	return e.named(m) && e.user.Principal == m.Principal && slices.Equal(e.user.Groups, m.Groups)
}

func (e *entry) mapping() Mapping {
	return Mapping{
		Username:  e.user.Username,
		Principal: e.user.Principal,
		VCluster:  e.user.VCluster,
		Groups:    e.user.Groups,
	}
}

func (m Mapping) user() User {
	return User{Username: m.Username, VCluster: m.VCluster, Principal: m.Principal, Groups: slices.Clone(m.Groups)}
}
