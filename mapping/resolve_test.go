package mapping_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/postern-kafka/postern/mapping"
)

func put(t testing.TB, u *mapping.Users, m mapping.Mapping) {
	t.Helper()
	valid, err := m.Validate()
	if err != nil {
		t.Fatal(err)
	}
	u.Put(valid)
}

// TestResolve has a row for every sentence of the user concept: what a mapping
// says, what authentication can bring, and which of them wins.
func TestResolve(t *testing.T) {
	users := mapping.NewUsers()
	for _, m := range []mapping.Mapping{
		{Username: "CN=username"},
		{Username: "alice", Principal: "CN=alice,O=Example", Groups: []string{"g1", "g2"}},
		{Username: "bob", Principal: "bob-token", VCluster: "blue"},
		{Username: "guest", Principal: mapping.Anonymous},
	} {
		put(t, users, m)
	}
	users.PutAccount(mapping.Account{
		VCluster: "blue", Username: "carol", Principals: []string{"CN=carol", "carol@example.com"},
	})
	users.PutAccount(mapping.Account{VCluster: "blue", Username: "local", Type: mapping.Local})
	users.PutAccount(mapping.Account{VCluster: mapping.Passthrough, Username: "local", Type: mapping.Local})
	for _, g := range []mapping.Group{
		{Name: "team", Members: []mapping.Member{{mapping.Passthrough, "alice"}, {"blue", "local"}}},
		{Name: "all", Members: []mapping.Member{{mapping.Passthrough, "alice"}}, ExternalGroups: []string{"/staff", "/staff/eu"}},
		{Name: "blues", Members: []mapping.Member{{"blue", "alice"}, {"blue", "bob"}, {"blue", "carol"}}},
		{Name: "unknown", Members: []mapping.Member{{mapping.Passthrough, "CN=nobody-declared"}}},
	} {
		users.Groups().Put(g)
	}
	pass := mapping.Passthrough
	for _, tc := range []struct {
		sentence  string
		auth      mapping.Auth
		mandatory bool
		want      mapping.User
		refused   bool
	}{
		{
			sentence: "a mapping for the principal: its username",
			auth:     mapping.Auth{Principal: "CN=alice,O=Example"},
			want:     mapping.User{Username: "alice", VCluster: pass, Principal: "CN=alice,O=Example", Groups: []string{"g1", "g2", "all", "team"}},
		},
		{
			sentence: "a mapping posted with a username only: the principal is the username",
			auth:     mapping.Auth{Principal: "CN=username"},
			want:     mapping.User{Username: "CN=username", VCluster: pass, Principal: "CN=username"},
		},
		{
			sentence: "no mapping: the principal is the username",
			auth:     mapping.Auth{Principal: "CN=nobody"},
			want:     mapping.User{Username: "CN=nobody", VCluster: pass, Principal: "CN=nobody"},
		},
		{
			sentence: "a username that is not the principal does not resolve",
			auth:     mapping.Auth{Principal: "alice"},
			want:     mapping.User{Username: "alice", VCluster: pass, Principal: "alice", Groups: []string{"all", "team"}},
		},
		{
			sentence: "principals are compared byte for byte",
			auth:     mapping.Auth{Principal: "cn=alice,O=Example"},
			want:     mapping.User{Username: "cn=alice,O=Example", VCluster: pass, Principal: "cn=alice,O=Example"},
		},
		{
			sentence: "groups: the union of the mapping's and authentication's",
			auth:     mapping.Auth{Principal: "CN=alice,O=Example", Groups: []string{"g2", "g3", "g3"}},
			want:     mapping.User{Username: "alice", VCluster: pass, Principal: "CN=alice,O=Example", Groups: []string{"g1", "g2", "all", "team", "g3"}},
		},
		{
			sentence: "groups: authentication's alone without a mapping",
			auth:     mapping.Auth{Principal: "x", Groups: []string{"g3", "g3"}},
			want:     mapping.User{Username: "x", VCluster: pass, Principal: "x", Groups: []string{"g3"}},
		},
		{
			sentence: "vcluster: the mapping's",
			auth:     mapping.Auth{Principal: "bob-token"},
			want:     mapping.User{Username: "bob", VCluster: "blue", Principal: "bob-token", Groups: []string{"blues"}},
		},
		{
			sentence: "vcluster: the mapping's before a token's (PLAIN, OAUTHBEARER)",
			auth:     mapping.Auth{Principal: "bob-token", VCluster: "red"},
			want:     mapping.User{Username: "bob", VCluster: "blue", Principal: "bob-token", Groups: []string{"blues"}},
		},
		{
			sentence: "vcluster: a mapping posted without one belongs to passthrough, which wins over a token's",
			auth:     mapping.Auth{Principal: "CN=username", VCluster: "red"},
			want:     mapping.User{Username: "CN=username", VCluster: pass, Principal: "CN=username"},
		},
		{
			sentence: "vcluster: a token's without a mapping",
			auth:     mapping.Auth{Principal: "x", VCluster: "red"},
			want:     mapping.User{Username: "x", VCluster: "red", Principal: "x"},
		},
		{
			sentence:  "mandatory: no mapping, none from authentication (mTLS, delegated): refused",
			auth:      mapping.Auth{Principal: "CN=nobody"},
			mandatory: true,
			refused:   true,
		},
		{
			sentence:  "mandatory: groups do not help",
			auth:      mapping.Auth{Principal: "CN=nobody", Groups: []string{"g1"}},
			mandatory: true,
			refused:   true,
		},
		{
			sentence:  "mandatory: a token's is enough",
			auth:      mapping.Auth{Principal: "x", VCluster: "red"},
			mandatory: true,
			want:      mapping.User{Username: "x", VCluster: "red", Principal: "x"},
		},
		{
			sentence:  "mandatory: a mapping's is enough",
			auth:      mapping.Auth{Principal: "bob-token"},
			mandatory: true,
			want:      mapping.User{Username: "bob", VCluster: "blue", Principal: "bob-token", Groups: []string{"blues"}},
		},
		{
			sentence:  "mandatory: so is a mapping to passthrough, which somebody made on purpose",
			auth:      mapping.Auth{Principal: "CN=username"},
			mandatory: true,
			want:      mapping.User{Username: "CN=username", VCluster: pass, Principal: "CN=username"},
		},
		{
			sentence: "PLAIN brings a vcluster and no groups: the local account of that vcluster and its groups",
			auth:     mapping.Auth{Principal: "local", VCluster: "blue"},
			want:     mapping.User{Username: "local", VCluster: "blue", Principal: "local", Groups: []string{"team"}},
		},
		{
			sentence: "PLAIN: an account of the same name in another vcluster is somebody else",
			auth:     mapping.Auth{Principal: "local"},
			want:     mapping.User{Username: "local", VCluster: pass, Principal: "local"},
		},
		{
			sentence: "PLAIN: a token for a vcluster in which there is no such account",
			auth:     mapping.Auth{Principal: "local", VCluster: "red"},
			want:     mapping.User{Username: "local", VCluster: "red", Principal: "local"},
		},
		{
			sentence: "OAUTHBEARER brings groups: those are kept, and so are the groups that name them",
			auth:     mapping.Auth{Principal: "x", VCluster: "red", Groups: []string{"/staff/eu", "/other"}},
			want:     mapping.User{Username: "x", VCluster: "red", Principal: "x", Groups: []string{"all", "/staff/eu", "/other"}},
		},
		{
			sentence: "OAUTHBEARER: two external groups that lead to one group",
			auth:     mapping.Auth{Principal: "x", Groups: []string{"/staff", "/staff/eu"}},
			want:     mapping.User{Username: "x", VCluster: pass, Principal: "x", Groups: []string{"all", "/staff", "/staff/eu"}},
		},
		{
			sentence: "mTLS brings neither: groups of the account, none of those of the same name elsewhere",
			auth:     mapping.Auth{Principal: "alice"},
			want:     mapping.User{Username: "alice", VCluster: pass, Principal: "alice", Groups: []string{"all", "team"}},
		},
		{
			sentence: "delegated brings neither: one account by either of its principals",
			auth:     mapping.Auth{Principal: "CN=carol"},
			want:     mapping.User{Username: "carol", VCluster: "blue", Principal: "CN=carol", Groups: []string{"blues"}},
		},
		{
			sentence: "the further principals of an account are as good as the first",
			auth:     mapping.Auth{Principal: "carol@example.com"},
			want:     mapping.User{Username: "carol", VCluster: "blue", Principal: "carol@example.com", Groups: []string{"blues"}},
		},
		{
			sentence: "groups without a mapping: by the name that the principal becomes",
			auth:     mapping.Auth{Principal: "CN=nobody-declared"},
			want:     mapping.User{Username: "CN=nobody-declared", VCluster: pass, Principal: "CN=nobody-declared", Groups: []string{"unknown"}},
		},
		{
			sentence:  "mandatory: being in a group does not help",
			auth:      mapping.Auth{Principal: "CN=nobody-declared"},
			mandatory: true,
			refused:   true,
		},
		{
			sentence: "anonymous is a principal like any other",
			auth:     mapping.Auth{Principal: mapping.Anonymous},
			want:     mapping.User{Username: "guest", VCluster: pass, Principal: mapping.Anonymous},
		},
		{
			sentence: "a certificate without a subject has the empty principal",
			auth:     mapping.Auth{Principal: ""},
			want:     mapping.User{VCluster: pass},
		},
	} {
		t.Run(tc.sentence, func(t *testing.T) {
			got, err := users.Resolve(tc.auth, tc.mandatory)
			if tc.refused {
				if got != nil || !errors.Is(err, mapping.ErrNoVCluster) {
					t.Fatalf("resolved to %+v, %v; want it refused", got, err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(*got, tc.want) {
				t.Errorf("resolved to %+v, %v\n  want %+v", got, err, tc.want)
			}
		})
	}
}

func TestResolveAllocatesNothing(t *testing.T) {
	users := mapping.NewUsers()
	put(t, users, mapping.Mapping{Username: "alice", Principal: "CN=alice", Groups: []string{"g1"}})
	users.Groups().Put(mapping.Group{Name: "g1", Members: []mapping.Member{{mapping.Passthrough, "alice"}}, ExternalGroups: []string{"g1"}})
	users.PutAccount(mapping.Account{VCluster: "blue", Username: "local", Type: mapping.Local})
	known := []string{"g1"}
	if n := testing.AllocsPerRun(100, func() {
		a, err := users.Resolve(mapping.Auth{Principal: "CN=alice"}, true)
		b, _ := users.Resolve(mapping.Auth{Principal: "CN=alice", Groups: known}, true)
		if err != nil || a != b {
			t.Fatal("not the one shared user")
		}
		if u, err := users.Resolve(mapping.Auth{Principal: "local", VCluster: "blue"}, true); err != nil || u.VCluster != "blue" {
			t.Fatal("the local account is not found")
		}
		if !users.HasLocal("blue", "local") || users.HasLocal("red", "local") {
			t.Fatal("HasLocal")
		}
		users.Scram("local", "SCRAM-SHA-256")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestUsersAreTheirOwn(t *testing.T) {
	users := mapping.NewUsers()
	groups := []string{"g1", "g2"}
	put(t, users, mapping.Mapping{Username: "alice", Groups: groups})
	brought := []string{"g3"}
	user, err := users.Resolve(mapping.Auth{Principal: "alice", Groups: brought}, false)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := users.Resolve(mapping.Auth{Principal: "x", Groups: brought}, false)
	if err != nil {
		t.Fatal(err)
	}
	groups[0], brought[0] = "poison", "poison"
	shared, _ := users.Lookup("alice")
	for _, u := range []*mapping.User{user, stranger, shared} {
		for _, g := range u.Groups {
			if g == "poison" {
				t.Errorf("%s holds on to the caller's groups", u.Username)
			}
		}
	}
}
