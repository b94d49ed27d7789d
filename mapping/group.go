package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v3"
)

// Limits of groups.
const (
	MaxGatewayGroups = 100_000
	MaxGroupName     = 100
	MaxMembers       = 1000 // of one group; so many external groups as well
	MaxGroupText     = 96 << 10
	maxMemberships   = 1000 // groups of one member, and to which one external group leads
)

// Member is an account in a group. The zero VCluster means Passthrough.
type Member struct{ VCluster, Username string }

// Group is a set of accounts. Members are in it, and so is whoever a token says
// to be in one of ExternalGroups.
type Group struct {
	Name           string
	Members        []Member
	ExternalGroups []string
}

// Validate returns g with its defaults written out, members and external groups
// sorted and each there once, or a *FieldError. The result shares no slice with g.
func (g Group) Validate() (Group, error) {
	if err := checkGroupName(g.Name); err != nil {
		return Group{}, err
	}
	if n := max(len(g.Members), len(g.ExternalGroups)); n > MaxMembers {
		return Group{}, &FieldError{"members", fmt.Sprintf("%d given, at most %d allowed", n, MaxMembers)}
	}
	g.Members = slices.Clone(g.Members)
	text := 0
	for i := range g.Members {
		m := &g.Members[i]
		if m.VCluster == "" {
			m.VCluster = Passthrough
		}
		if err := checkVCluster(fmt.Sprintf("members[%d].vcluster", i), m.VCluster); err != nil {
			return Group{}, err
		}
		if err := checkName(fmt.Sprintf("members[%d].name", i), m.Username, MaxName); err != nil {
			return Group{}, err
		}
		text += len(m.VCluster) + len(m.Username)
	}
	if err := checkNames("externalGroups", g.ExternalGroups, MaxGroup); err != nil {
		return Group{}, err
	}
	for _, e := range g.ExternalGroups {
		text += len(e)
	}
	if text > MaxGroupText {
		return Group{}, &FieldError{"members", fmt.Sprintf("%d bytes of names, at most %d allowed", text, MaxGroupText)}
	}
	slices.SortFunc(g.Members, Member.compare)
	g.Members = slices.Compact(g.Members)
	if len(g.Members) == 0 {
		g.Members = nil
	}
	g.ExternalGroups = union(slices.Sorted(slices.Values(g.ExternalGroups)))
	return g, nil
}

// checkGroupName is the pattern of the second generation of the API.
func checkGroupName(s string) error {
	if s == "" || len(s) > MaxGroupName {
		return &FieldError{"name", fmt.Sprintf("%d bytes long, must be 1 to %d", len(s), MaxGroupName)}
	}
	for i := range len(s) {
		if c := s[i]; !legalTopicByte(c) || c == '.' {
			return &FieldError{"name", "may hold letters, digits, underscore and hyphen only"}
		}
	}
	return nil
}

func (m Member) compare(o Member) int {
	return cmp.Or(strings.Compare(m.VCluster, o.VCluster), strings.Compare(m.Username, o.Username))
}

// Equal reports whether both say the same.
func (g Group) Equal(o Group) bool {
	return g.Name == o.Name && slices.Equal(g.Members, o.Members) && slices.Equal(g.ExternalGroups, o.ExternalGroups)
}

// Groups is the set of groups in memory. Whose groups they are is found without
// a lock; the writing methods are for the one store that owns the set.
type Groups struct {
	all        *xsync.MapOf[string, Group]
	byMember   *xsync.MapOf[Member, []string] // names, sorted; replaced, never changed
	byExternal *xsync.MapOf[string, []string]
	any        atomic.Bool // false: there is no group, and nobody has to look for his

	mu sync.Mutex // writes
}

func newGroups() *Groups {
	return &Groups{
		all:        xsync.NewMapOf[string, Group](),
		byMember:   xsync.NewMapOf[Member, []string](),
		byExternal: xsync.NewMapOf[string, []string](),
	}
}

// Get returns a group. Its slices are shared: do not write to them.
func (g *Groups) Get(name string) (Group, bool) { return g.all.Load(name) }

// Len returns the number of groups.
func (g *Groups) Len() int { return g.all.Size() }

// All returns every group, sorted by name. Their slices are shared.
func (g *Groups) All() []Group {
	return sorted(g.all, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
}

// Naming returns the names of the groups that have an account for a member,
// sorted. The slice is shared.
func (g *Groups) Naming(vcluster, username string) []string {
	if !g.any.Load() {
		return nil
	}
	names, _ := g.byMember.Load(Member{vcluster, username})
	return names
}

// fed returns to how many groups an external one leads.
func (g *Groups) fed(external string) int {
	names, _ := g.byExternal.Load(external)
	return len(names)
}

// Put adds or replaces a group, which must have passed Validate.
func (g *Groups) Put(group Group) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.put(group)
}

func (g *Groups) put(group Group) {
	old, known := g.all.Load(group.Name)
	if known && old.Equal(group) {
		return
	}
	g.any.Store(true)
	g.all.Store(group.Name, group)
	enlist(g.byMember, group.Name, old.Members, group.Members)
	enlist(g.byExternal, group.Name, old.ExternalGroups, group.ExternalGroups)
}

// Remove deletes a group and reports whether it was there.
func (g *Groups) Remove(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.remove(name)
}

func (g *Groups) remove(name string) bool {
	old, known := g.all.LoadAndDelete(name)
	enlist(g.byMember, name, old.Members, nil)
	enlist(g.byExternal, name, old.ExternalGroups, nil)
	g.any.Store(g.all.Size() > 0)
	return known
}

// Replace makes the set equal to all. A membership that stays is never missing
// in between.
func (g *Groups) Replace(all []Group) {
	g.mu.Lock()
	defer g.mu.Unlock()
	stay := make(map[string]bool, len(all))
	for _, group := range all {
		stay[group.Name] = true
		g.put(group)
	}
	dropOthers(g.all, stay, func(name string) { g.remove(name) })
}

// enlist notes under each of now that it is in the group, and takes the group
// from those that are in before only.
func enlist[K comparable](index *xsync.MapOf[K, []string], group string, before, now []K) {
	in := make(map[K]bool, len(now))
	for _, k := range now {
		in[k] = true
		index.Compute(k, func(names []string, _ bool) ([]string, bool) {
			at, there := slices.BinarySearch(names, group)
			if there {
				return names, false
			}
			return slices.Insert(slices.Clone(names), at, group), false
		})
	}
	for _, k := range before {
		if in[k] {
			continue
		}
		index.Compute(k, func(names []string, _ bool) ([]string, bool) {
			names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == group })
			return names, len(names) == 0
		})
	}
}

// widen returns user as a member of what the groups say and of what
// authentication brought: user itself, and nothing allocated, when that adds none.
func (g *Groups) widen(user *User, brought []string) *User {
	member := g.Naming(user.VCluster, user.Username)
	if !user.lacks(member) && !user.lacks(brought) && !g.bring(user, brought) {
		return user
	}
	lists := make([][]string, 0, 3+len(brought))
	lists = append(lists, user.Groups, member)
	for _, b := range brought {
		names, _ := g.byExternal.Load(b)
		lists = append(lists, names)
	}
	more := *user
	more.Groups = union(append(lists, brought)...)
	return &more
}

// bring reports whether an external group leads to a group that user lacks.
func (g *Groups) bring(user *User, external []string) bool {
	for _, e := range external {
		if names, _ := g.byExternal.Load(e); user.lacks(names) {
			return true
		}
	}
	return false
}
