package mapping

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v3"
)

// MaxMappings bounds how many accounts are let in.
const MaxMappings = 5_000_000

// Users is the set of accounts in memory, and the groups that they are in.
// Lookup, Resolve, HasLocal and Scram take no lock and may be called by any
// number of goroutines; the writing methods are for the one store that owns the
// set. The listing methods take a lock that writers share and serve the admin API.
type Users struct {
	holders *table // by principal: who holds it
	names   *table // by virtual cluster and username: every account, shadowed ones included
	scram   atomic.Pointer[xsync.MapOf[string, []*scramUser]]
	groups  *Groups

	mu       sync.RWMutex
	more     map[*entry]*extra   // of accounts that are more than one principal
	rivals   map[string][]*entry // by principal, where two or more claim it; the holder included
	shared   sharing
	shadowed int
	locals   int
	newest   int64
}

// entry is an account in force or shadowed, and in holders one principal of it.
// It never changes once it is reachable. There may be millions: what few
// accounts have is in extra.
type entry struct {
	user  User
	stamp int64 // place in the log, doubled; odd for a local account
}

// extra is what an account has besides its first principal.
type extra struct {
	aliases []*entry // one for every further principal
	scram   []ScramRecord
}

// scramUser is a local account with credentials.
type scramUser struct {
	of    *entry
	creds []ScramRecord
}

// NewUsers returns an empty set with no groups.
func NewUsers() *Users {
	u := &Users{
		holders: newTable(func(e *entry) (vcluster, name string) { return "", e.user.Principal }),
		names:   newTable(func(e *entry) (vcluster, name string) { return e.user.VCluster, e.user.Username }),
		groups:  newGroups(),
		more:    make(map[*entry]*extra),
		rivals:  make(map[string][]*entry),
		shared:  newSharing(),
	}
	u.scram.Store(xsync.NewMapOf[string, []*scramUser]())
	return u
}

// Groups is the set of groups that Resolve asks; the same one for life.
func (u *Users) Groups() *Groups { return u.groups }

// Change is one step of a store's log: Account as it is from now on, or, when
// Deleted, the removal of the account with its VCluster and Username. Order is
// the step's place in the log, 0 or more. Account must have passed Validate.
type Change struct {
	Account Account
	Deleted bool
	Order   int64
}

// Effect is what a Change did. Stale: nothing, since a later record of the same
// username is known already. Existed: the username was there before. Rival and
// Contested: the change took Rival.Principal from Rival, where that is shadowed now;
// the first of several.
type Effect struct {
	Stale     bool
	Existed   bool
	Contested bool
	Rival     Mapping
}

// Apply performs one step of the log. Steps come in the log's order; one that
// is older than what is known of its username changes nothing. A principal that
// moves to a new User, or to none, does so in one atomic step; an account whose
// principals change is reachable by the new ones before the old ones stop.
func (u *Users) Apply(c Change) Effect {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.apply(c)
}

func (u *Users) apply(c Change) Effect {
	old := u.names.load(c.Account.VCluster, c.Account.Username)
	if old != nil && old.order() > c.Order {
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

// Put is PutAccount for a mapping, which must have passed Validate or give a
// Principal.
func (u *Users) Put(m Mapping) Effect { return u.PutAccount(m.Account()) }

// PutAccount adds or replaces an account, which must have passed Validate, behind
// every other step so far. For stores without a log of their own.
func (u *Users) PutAccount(a Account) Effect {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.apply(Change{Account: a, Order: u.newest + 1})
}

// Remove deletes an account and reports whether it was there. For stores
// without a log of their own.
func (u *Users) Remove(vcluster, username string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := Account{VCluster: vcluster, Username: username}
	return u.apply(Change{Account: a, Deleted: true, Order: u.newest + 1}).Existed
}

// Adopt makes the set equal to fresh, which must not be used afterwards; groups
// stay. It is how a store that read its log again from the start hands over the
// result: a reader sees each principal either as it was or as it is, never as
// missing in between.
func (u *Users) Adopt(fresh *Users) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.holders.adopt(fresh.holders)
	u.names.adopt(fresh.names)
	u.scram.Store(fresh.scram.Load())
	u.more, u.rivals, u.shared = fresh.more, fresh.rivals, fresh.shared
	u.shadowed, u.locals, u.newest = fresh.shadowed, fresh.locals, fresh.newest
}

// Lookup returns the User that a principal is mapped to. It takes no lock and
// allocates nothing.
func (u *Users) Lookup(principal string) (*User, bool) {
	e := u.holders.load("", principal)
	if e == nil {
		return nil, false
	}
	return &e.user, true
}

// HasLocal reports whether there is a local account of that name. It takes no
// lock and allocates nothing. An empty vcluster means Passthrough.
func (u *Users) HasLocal(vcluster, username string) bool {
	_, ok := u.local(vcluster, username)
	return ok
}

func (u *Users) local(vcluster, username string) (*User, bool) {
	if vcluster == "" {
		vcluster = Passthrough
	}
	e := u.names.load(vcluster, username)
	if e == nil || !e.local() {
		return nil, false
	}
	return &e.user, true
}

// Scram returns the credential of the local account with that name and its
// virtual cluster. Credentials make a name unique over all virtual clusters;
// should the log hold two, the later one counts. It takes no lock and allocates
// nothing; the slices of the credential are shared.
func (u *Users) Scram(username, mechanism string) (cred ScramRecord, vcluster string, ok bool) {
	claims, _ := u.scram.Load().Load(username)
	if len(claims) == 0 {
		return ScramRecord{}, "", false
	}
	last := claims[len(claims)-1]
	for _, c := range last.creds {
		if c.Mechanism == mechanism {
			return c, last.of.user.VCluster, true
		}
	}
	return ScramRecord{}, "", false
}

// ByUsername returns an external account by the name it was posted under,
// shadowed or not, as a mapping. Groups is shared: do not write to it.
func (u *Users) ByUsername(vcluster, username string) (Mapping, bool) {
	e := u.names.load(vcluster, username)
	if e == nil || e.local() {
		return Mapping{}, false
	}
	return e.mapping(), true
}

// Has reports whether there is an account of that name. It takes no lock.
func (u *Users) Has(vcluster, username string) bool { return u.names.load(vcluster, username) != nil }

// Account returns an account, shadowed or not. Its slices are shared, Principals
// apart.
func (u *Users) Account(vcluster, username string) (Account, bool) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	e := u.names.load(vcluster, username)
	if e == nil {
		return Account{}, false
	}
	return u.account(e), true
}

// Filter chooses accounts; what is empty or nil chooses all.
type Filter struct {
	VCluster string
	Username string
	Type     *AccountType
}

func (f Filter) takes(e *entry) bool {
	return (f.VCluster == "" || f.VCluster == e.user.VCluster) &&
		(f.Username == "" || f.Username == e.user.Username) &&
		(f.Type == nil || (*f.Type == Local) == e.local())
}

// Accounts returns the accounts that a filter chooses, shadowed ones included,
// sorted by virtual cluster and username.
func (u *Users) Accounts(f Filter) []Account {
	u.mu.RLock()
	all := []Account{}
	for e := range u.names.all {
		if f.takes(e) {
			all = append(all, u.account(e))
		}
	}
	u.mu.RUnlock()
	slices.SortFunc(all, func(a, b Account) int {
		return cmp.Or(strings.Compare(a.VCluster, b.VCluster), strings.Compare(a.Username, b.Username))
	})
	return all
}

// Conflict returns the mapping that holds one of a's principals under another
// (vcluster, username); its Principal is the one at issue.
func (u *Users) Conflict(a Account) (holder Mapping, conflict bool) {
	for _, p := range a.Principals {
		if e := u.holders.load("", p); e != nil && !e.named(a) {
			return e.mapping(), true
		}
	}
	return Mapping{}, false
}

// scramRival returns the other account whose credentials have a's name.
func (u *Users) scramRival(a Account) (vcluster string, found bool) {
	if len(a.Scram) == 0 {
		return "", false
	}
	claims, _ := u.scram.Load().Load(a.Username)
	for _, c := range claims {
		if c.of.user.VCluster != a.VCluster {
			return c.of.user.VCluster, true
		}
	}
	return "", false
}

// List returns the usernames of the external accounts of a virtual cluster,
// sorted; empty, not nil, when it has none.
func (u *Users) List(vcluster string) []string {
	u.mu.RLock()
	names := []string{}
	for e := range u.names.all {
		if e.user.VCluster == vcluster && !e.local() {
			names = append(names, e.user.Username)
		}
	}
	u.mu.RUnlock()
	slices.Sort(names)
	return names
}

// VClusters returns the virtual clusters that have an account, sorted.
func (u *Users) VClusters() []string {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return slices.Sorted(maps.Keys(u.shared.vclusters))
}

// populated reports whether a virtual cluster has an account.
func (u *Users) populated(vcluster string) bool {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.shared.vclusters[vcluster] != nil
}

// All returns every external account as a mapping, shadowed ones included,
// sorted by virtual cluster and username.
func (u *Users) All() []Mapping {
	u.mu.RLock()
	all := make([]Mapping, 0, u.names.live-u.locals)
	for e := range u.names.all {
		if !e.local() {
			all = append(all, e.mapping())
		}
	}
	u.mu.RUnlock()
	slices.SortFunc(all, func(a, b Mapping) int {
		return cmp.Or(strings.Compare(a.VCluster, b.VCluster), strings.Compare(a.Username, b.Username))
	})
	return all
}

// Len returns the number of accounts, local and shadowed ones included.
func (u *Users) Len() int {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.names.live
}

// Locals returns how many of them are local.
func (u *Users) Locals() int {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.locals
}

// Shadowed returns the number of claims without effect because a later one of
// another username holds the principal.
func (u *Users) Shadowed() int {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.shadowed
}

// add puts c in the place of old, which may be nil, and returns the claim that
// lost a principal by it.
func (u *Users) add(c Change, old *entry) (rival *entry) {
	was := u.claims(old)
	e := u.enter(c)
	u.names.store(e)
	for _, come := range u.claims(e) {
		gone := claimOf(was, come.user.Principal)
		if lost := u.settle(come.user.Principal, gone, come); lost != nil && rival == nil {
			rival = lost
		}
	}
	for _, gone := range was {
		if claimOf(u.claims(e), gone.user.Principal) == nil {
			u.settle(gone.user.Principal, gone, nil)
		}
	}
	if old != nil {
		u.forget(old)
	}
	return rival
}

// enter makes the entries of an account and notes what it has besides.
func (u *Users) enter(c Change) *entry {
	a := c.Account
	vcluster, groups := u.shared.take(a.VCluster, a.Groups)
	first := a.Username
	if a.Type == External {
		first = a.Principals[0]
	}
	username, principal := oneText(a.Username, first)
	e := &entry{
		user:  User{Username: username, VCluster: vcluster, Principal: principal, Groups: groups},
		stamp: c.Order << 1,
	}
	var x extra
	if a.Type == Local {
		e.stamp |= 1
		u.locals++
		x.scram = a.Scram
	} else {
		for _, p := range a.Principals[1:] {
			alias := *e
			alias.user.Principal = strings.Clone(p)
			x.aliases = append(x.aliases, &alias)
		}
	}
	if x.aliases != nil || x.scram != nil {
		u.more[e] = &x
	}
	if len(x.scram) > 0 {
		u.scram.Load().Compute(username, func(claims []*scramUser, _ bool) ([]*scramUser, bool) {
			claims = append(slices.Clone(claims), &scramUser{e, x.scram})
			slices.SortFunc(claims, func(a, b *scramUser) int { return a.of.compare(b.of) })
			return claims, false
		})
	}
	return e
}

// forget undoes enter; names and holders are the caller's.
func (u *Users) forget(e *entry) {
	if x := u.more[e]; x != nil && len(x.scram) > 0 {
		u.scram.Load().Compute(e.user.Username, func(claims []*scramUser, _ bool) ([]*scramUser, bool) {
			claims = slices.DeleteFunc(slices.Clone(claims), func(c *scramUser) bool { return c.of == e })
			return claims, len(claims) == 0
		})
	}
	if e.local() {
		u.locals--
	}
	delete(u.more, e)
	u.shared.release(e.user.VCluster, e.user.Groups)
}

// drop removes e from the set.
func (u *Users) drop(e *entry) {
	u.names.remove(e.user.VCluster, e.user.Username)
	for _, gone := range u.claims(e) {
		u.settle(gone.user.Principal, gone, nil)
	}
	u.forget(e)
}

// claims returns the entries by which an account claims its principals.
func (u *Users) claims(e *entry) []*entry {
	if e == nil || e.local() {
		return nil
	}
	claims := []*entry{e}
	if x := u.more[e]; x != nil {
		claims = append(claims, x.aliases...)
	}
	return claims
}

func claimOf(claims []*entry, principal string) *entry {
	for _, c := range claims {
		if c.user.Principal == principal {
			return c
		}
	}
	return nil
}

// settle replaces the claim gone by the claim come (either may be nil) and
// gives the principal to the claim with the highest order. It returns the
// claim of another username that lost the principal to come.
func (u *Users) settle(principal string, gone, come *entry) (lost *entry) {
	before := u.holders.load("", principal)
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
		u.holders.remove("", principal)
		return nil
	}
	if len(claims) == 1 {
		delete(u.rivals, principal)
	} else {
		u.rivals[claims[0].user.Principal] = claims
	}
	holder := slices.MaxFunc(claims, (*entry).compare)
	if holder != before {
		u.holders.store(holder)
	}
	if holder == come && before != nil && before != gone {
		return before
	}
	return nil
}

func (u *Users) account(e *entry) Account {
	a := Account{VCluster: e.user.VCluster, Username: e.user.Username, Groups: e.user.Groups}
	x := u.more[e]
	if e.local() {
		a.Type = Local
		if x != nil {
			a.Scram = x.scram
		}
		return a
	}
	a.Principals = []string{e.user.Principal}
	if x != nil {
		for _, alias := range x.aliases {
			a.Principals = append(a.Principals, alias.user.Principal)
		}
	}
	return a
}

func (e *entry) order() int64 { return e.stamp >> 1 }

func (e *entry) local() bool { return e.stamp&1 != 0 }

// compare orders claims by their place in the log. Names break a tie, which a
// log cannot produce but a caller can, so that the outcome never depends on
// the order of arrival.
func (e *entry) compare(other *entry) int {
	return cmp.Or(
		cmp.Compare(e.order(), other.order()),
		strings.Compare(e.user.VCluster, other.user.VCluster),
		strings.Compare(e.user.Username, other.user.Username),
	)
}

func (e *entry) named(a Account) bool {
	return e.user.VCluster == a.VCluster && e.user.Username == a.Username
}

func (e *entry) mapping() Mapping {
	return Mapping{
		Username:  e.user.Username,
		Principal: e.user.Principal,
		VCluster:  e.user.VCluster,
		Groups:    e.user.Groups,
	}
}
