package mapping_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/mapping"
)

func TestGroupValidate(t *testing.T) {
	m := func(v, u string) mapping.Member { return mapping.Member{VCluster: v, Username: u} }
	many := make([]mapping.Member, mapping.MaxMembers+1)
	for i := range many {
		many[i] = m("", fmt.Sprint(i))
	}
	wide := make([]mapping.Member, 100)
	for i := range wide {
		wide[i] = m("", strings.Repeat("x", mapping.MaxName-i))
	}
	for _, tc := range []struct {
		what  string
		give  mapping.Group
		want  mapping.Group
		field string
	}{
		{
			what: "sorted, each once, defaults written out",
			give: mapping.Group{Name: "g", Members: []mapping.Member{m("w", "a"), m("", "CN=b,c"), m("w", "a")}, ExternalGroups: []string{"y", "x", "y"}},
			want: mapping.Group{Name: "g", Members: []mapping.Member{m("passthrough", "CN=b,c"), m("w", "a")}, ExternalGroups: []string{"x", "y"}},
		},
		{what: "nothing is nil", give: mapping.Group{Name: "g-_9", Members: []mapping.Member{}, ExternalGroups: []string{}}, want: mapping.Group{Name: "g-_9"}},
		{what: "no name", field: "name"},
		{what: "dot in the name", give: mapping.Group{Name: "a.b"}, field: "name"},
		{what: "long name", give: mapping.Group{Name: strings.Repeat("g", 101)}, field: "name"},
		{what: "empty member", give: mapping.Group{Name: "g", Members: []mapping.Member{m("", "x"), m("", "")}}, field: "members[1].name"},
		{what: "NUL in a member", give: mapping.Group{Name: "g", Members: []mapping.Member{m("", "\x00")}}, field: "members[0].name"},
		{what: "member's vcluster", give: mapping.Group{Name: "g", Members: []mapping.Member{m("a/b", "x")}}, field: "members[0].vcluster"},
		{what: "external group", give: mapping.Group{Name: "g", ExternalGroups: []string{"\xff"}}, field: "externalGroups[0]"},
		{what: "too many", give: mapping.Group{Name: "g", Members: many}, field: "members"},
		{what: "too wide", give: mapping.Group{Name: "g", Members: wide}, field: "members"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			got, err := tc.give.Validate()
			if !wantValid(t, got, err, tc.want, tc.field) {
				return
			}
			if again, err := got.Validate(); err != nil || !again.Equal(got) {
				t.Errorf("validated twice: %+v, %v", again, err)
			}
		})
	}
}

// TestGroupsAgainstAMap: after every step of random histories, who is in which
// group is what the groups say, and Resolve knows it.
func TestGroupsAgainstAMap(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 5))
		users, model := mapping.NewUsers(), map[string]mapping.Group{}
		groups := users.Groups()
		random := func() mapping.Group {
			g := mapping.Group{Name: fmt.Sprint("g", r.IntN(4))}
			for range r.IntN(4) {
				g.Members = append(g.Members, mapping.Member{Username: fmt.Sprint("u", r.IntN(4))})
				g.ExternalGroups = append(g.ExternalGroups, fmt.Sprint("e", r.IntN(3)))
			}
			g, err := g.Validate()
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		for range 60 {
			switch g := random(); r.IntN(5) {
			case 0:
				_, known := model[g.Name]
				if groups.Remove(g.Name) != known {
					t.Fatal("Remove does not say whether it was there")
				}
				delete(model, g.Name)
			case 1:
				next := map[string]mapping.Group{}
				for range r.IntN(4) {
					g := random()
					next[g.Name] = g
				}
				var all []mapping.Group
				for _, g := range next {
					all = append(all, g)
				}
				groups.Replace(all)
				model = next
			default:
				groups.Put(g)
				model[g.Name] = g
			}
			groupsAgree(t, users, model)
		}
	}
}

func groupsAgree(t *testing.T, users *mapping.Users, model map[string]mapping.Group) {
	t.Helper()
	groups := users.Groups()
	if groups.Len() != len(model) || len(groups.All()) != len(model) {
		t.Fatalf("%d groups, want %d", groups.Len(), len(model))
	}
	for _, g := range groups.All() {
		if got, ok := groups.Get(g.Name); !ok || !got.Equal(model[g.Name]) {
			t.Fatalf("%+v, want %+v", got, model[g.Name])
		}
	}
	for i := range 4 {
		name := fmt.Sprint("u", i)
		var want []string
		for _, g := range model {
			if slices.Contains(g.Members, mapping.Member{VCluster: mapping.Passthrough, Username: name}) {
				want = append(want, g.Name)
			}
		}
		slices.Sort(want)
		if got := groups.Naming(mapping.Passthrough, name); !slices.Equal(got, want) {
			t.Fatalf("%s is in %q, want %q", name, got, want)
		}
		for _, g := range model {
			if slices.Contains(g.ExternalGroups, "e1") && !slices.Contains(want, g.Name) {
				want = append(want, g.Name)
			}
		}
		user, err := users.Resolve(mapping.Auth{Principal: name, Groups: []string{"e1"}}, false)
		want = append(want, "e1")
		slices.Sort(want)
		if got := slices.Sorted(slices.Values(user.Groups)); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%s resolves to %q, want %q", name, got, want)
		}
	}
}

// TestReplaceKeepsMemberships: who stays in a group is in it at every moment.
func TestReplaceKeepsMemberships(t *testing.T) {
	groups := mapping.NewUsers().Groups()
	stays := mapping.Group{Name: "stays", Members: []mapping.Member{{"v", "u"}}}
	groups.Put(stays)
	stop := throughout(t, "out of the group for a moment", func() bool { return slices.Contains(groups.Naming("v", "u"), "stays") })
	for i := range 2000 {
		more := mapping.Group{Name: fmt.Sprint("g", i%3), Members: stays.Members}
		other := stays
		if i%2 == 0 {
			other.ExternalGroups = []string{"x"}
		}
		groups.Replace([]mapping.Group{more, other})
	}
	stop()
}
