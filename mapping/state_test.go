package mapping_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/mapping"
)

func TestAccountValidate(t *testing.T) {
	cred := func(mechanism string) mapping.ScramRecord {
		return mapping.ScramRecord{Mechanism: mechanism, Iterations: 4096, Salt: []byte("s"), StoredKey: []byte("k"), ServerKey: []byte("k")}
	}
	with := func(change func(*mapping.ScramRecord)) []mapping.ScramRecord {
		r := cred("m")
		change(&r)
		return []mapping.ScramRecord{r}
	}
	principals := make([]string, mapping.MaxPrincipals+1)
	for i := range principals {
		principals[i] = fmt.Sprint("CN=", i)
	}
	long := make([]string, 17)
	for i := range long {
		long[i] = strings.Repeat("x", mapping.MaxName-i)
	}
	for _, tc := range []struct {
		what  string
		give  mapping.Account
		want  mapping.Account
		field string
	}{
		{
			what: "external: the username is the principal",
			give: mapping.Account{Username: "u"},
			want: mapping.Account{Username: "u", VCluster: "passthrough", Principals: []string{"u"}},
		},
		{
			what: "external: order is kept, each once",
			give: mapping.Account{Username: "u", VCluster: "v", Principals: []string{"b", "a", "b"}, Groups: []string{"g", "g"}},
			want: mapping.Account{Username: "u", VCluster: "v", Principals: []string{"b", "a"}, Groups: []string{"g"}},
		},
		{
			what: "local",
			give: mapping.Account{Username: "u", Type: mapping.Local, Scram: []mapping.ScramRecord{cred("a"), cred("b")}},
			want: mapping.Account{Username: "u", Type: mapping.Local, VCluster: "passthrough", Scram: []mapping.ScramRecord{cred("a"), cred("b")}},
		},
		{what: "as many as allowed", give: mapping.Account{Username: "u", Principals: principals[:100]}, want: mapping.Account{Username: "u", VCluster: "passthrough", Principals: principals[:100]}},
		{what: "type", give: mapping.Account{Username: "u", Type: 7}, field: "type"},
		{what: "too many principals", give: mapping.Account{Username: "u", Principals: principals}, field: "principals"},
		{what: "too long together", give: mapping.Account{Username: "u", Principals: long}, field: "principals"},
		{what: "empty principal", give: mapping.Account{Username: "u", Principals: []string{"a", ""}}, field: "principals[1]"},
		{what: "external with credentials", give: mapping.Account{Username: "u", Scram: []mapping.ScramRecord{cred("a")}}, field: "scram"},
		{what: "local with principals", give: mapping.Account{Username: "u", Type: mapping.Local, Principals: []string{"p"}}, field: "principals"},
		{what: "local with groups", give: mapping.Account{Username: "u", Type: mapping.Local, Groups: []string{"p"}}, field: "groups"},
		{what: "a mechanism twice", give: mapping.Account{Username: "u", Type: mapping.Local, Scram: []mapping.ScramRecord{cred("a"), cred("a")}}, field: "scram[1]"},
		{what: "no mechanism", give: mapping.Account{Username: "u", Type: mapping.Local, Scram: []mapping.ScramRecord{cred("")}}, field: "scram[0].mechanism"},
		{what: "few iterations", give: mapping.Account{Username: "u", Type: mapping.Local, Scram: with(func(r *mapping.ScramRecord) { r.Iterations = 4095 })}, field: "scram[0].iterations"},
		{what: "too many iterations", give: mapping.Account{Username: "u", Type: mapping.Local, Scram: with(func(r *mapping.ScramRecord) { r.Iterations = 1<<20 + 1 })}, field: "scram[0].iterations"},
		{what: "no salt", give: mapping.Account{Username: "u", Type: mapping.Local, Scram: with(func(r *mapping.ScramRecord) { r.Salt = nil })}, field: "scram[0]"},
		{what: "long key", give: mapping.Account{Username: "u", Type: mapping.Local, Scram: with(func(r *mapping.ScramRecord) { r.StoredKey = make([]byte, 257) })}, field: "scram[0]"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			got, err := tc.give.Validate()
			wantValid(t, got, err, tc.want, tc.field)
		})
	}
}

func TestVClusterValidate(t *testing.T) {
	acl := json.RawMessage(`{ "host": "*" }`)
	for _, tc := range []struct {
		what  string
		give  mapping.VCluster
		field string
		err   error
	}{
		{what: "bare", give: mapping.VCluster{Name: "a.B-9_"}},
		{what: "partner", give: mapping.VCluster{Name: "v", Type: mapping.Partner, ACLEnabled: true, SuperUsers: []string{"CN=x,O=y"}}},
		{what: "ACLs of the resource", give: mapping.VCluster{Name: "v", ACLEnabled: true, ACLMode: mapping.RestAPI, ACLs: []json.RawMessage{acl}}},
		{what: "passthrough", give: mapping.VCluster{Name: "passthrough"}, err: mapping.ErrReserved},
		{what: "no name", field: "name"},
		{what: "name", give: mapping.VCluster{Name: "a b"}, field: "name"},
		{what: "type", give: mapping.VCluster{Name: "v", Type: "x"}, field: "type"},
		{what: "mode", give: mapping.VCluster{Name: "v", ACLMode: "x"}, field: "aclMode"},
		{what: "partner without ACLs", give: mapping.VCluster{Name: "v", Type: mapping.Partner, SuperUsers: []string{"u"}}, field: "type"},
		{what: "ACLs managed twice", give: mapping.VCluster{Name: "v", ACLEnabled: true, SuperUsers: []string{"u"}, ACLs: []json.RawMessage{acl}}, field: "acls"},
		{what: "ACLs that nobody manages", give: mapping.VCluster{Name: "v", ACLEnabled: true}, field: "superUsers"},
		{what: "no ACLs", give: mapping.VCluster{Name: "v", ACLEnabled: true, ACLMode: mapping.RestAPI}, field: "acls"},
		{what: "super users beside the resource's", give: mapping.VCluster{Name: "v", ACLMode: mapping.RestAPI, SuperUsers: []string{"u"}}, field: "superUsers"},
		{what: "ACL that is no object", give: mapping.VCluster{Name: "v", ACLMode: mapping.RestAPI, ACLs: []json.RawMessage{acl, json.RawMessage(`[1]`)}}, field: "acls[1]"},
		{what: "ACL that is no JSON", give: mapping.VCluster{Name: "v", ACLMode: mapping.RestAPI, ACLs: []json.RawMessage{json.RawMessage(`{`)}}, field: "acls[0]"},
		{what: "endless ACL", give: mapping.VCluster{Name: "v", ACLMode: mapping.RestAPI, ACLs: []json.RawMessage{make([]byte, 9<<10)}}, field: "acls[0]"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			got, err := tc.give.Validate()
			var fe *mapping.FieldError
			switch {
			case tc.field != "":
				if !errors.As(err, &fe) || fe.Field != tc.field {
					t.Errorf("error %v, want one of field %s", err, tc.field)
				}
			case !errors.Is(err, tc.err):
				t.Errorf("error %v, want %v", err, tc.err)
			case tc.err == nil:
				if again, err := got.Validate(); err != nil || !again.Equal(got) || got.Type == "" || got.ACLMode == "" {
					t.Errorf("%+v validated again is %+v, %v", got, again, err)
				}
			}
		})
	}
}

// TestRules has a row for every rule over several resources.
func TestRules(t *testing.T) {
	s := mapping.NewState()
	cred := []mapping.ScramRecord{{Mechanism: "SCRAM-SHA-256", Iterations: 4096, Salt: []byte("s"), StoredKey: []byte("k"), ServerKey: []byte("k")}}
	put := func(a mapping.Account) { s.Users.PutAccount(a) }
	s.VClusters.Put(mapping.VCluster{Name: "blue", Type: mapping.Standard, ACLEnabled: true, ACLMode: mapping.KafkaAPI, SuperUsers: []string{"u"}})
	s.VClusters.Put(mapping.VCluster{Name: "empty", Type: mapping.Standard, ACLMode: mapping.KafkaAPI})
	put(mapping.Account{VCluster: "blue", Username: "ext", Principals: []string{"CN=1", "CN=2"}})
	put(mapping.Account{VCluster: "blue", Username: "loc", Type: mapping.Local, Scram: cred})
	put(mapping.Account{VCluster: "implicit", Username: "old", Principals: []string{"CN=old"}})
	s.Users.Groups().Put(mapping.Group{Name: "g", Members: []mapping.Member{{"blue", "ext"}}})

	account := func(a mapping.Account, w mapping.Write) func() (mapping.Outcome, error) {
		return func() (mapping.Outcome, error) { _, o, err := s.AdmitAccount(a, w); return o, err }
	}
	mapped := func(m mapping.Mapping, fresh bool) func() (mapping.Outcome, error) {
		return func() (mapping.Outcome, error) { _, o, err := s.AdmitMapping(m, fresh); return o, err }
	}
	group := func(g mapping.Group, w mapping.Write) func() (mapping.Outcome, error) {
		return func() (mapping.Outcome, error) { _, o, err := s.AdmitGroup(g, w); return o, err }
	}
	vcluster := func(v mapping.VCluster, w mapping.Write) func() (mapping.Outcome, error) {
		return func() (mapping.Outcome, error) { _, o, err := s.AdmitVCluster(v, w); return o, err }
	}
	gone := func(err error) func() (mapping.Outcome, error) {
		return func() (mapping.Outcome, error) { return 0, err }
	}
	w, fresh := mapping.Write{}, mapping.Write{Fresh: true}
	over := func(principals ...string) mapping.Write {
		return mapping.Write{Over: &mapping.Account{VCluster: "blue", Username: "ext", Principals: principals}}
	}
	for _, tc := range []struct {
		rule string
		ask  func() (mapping.Outcome, error)
		want mapping.Outcome
		err  error
	}{
		{"a new account", account(mapping.Account{VCluster: "blue", Username: "n", Principals: []string{"CN=n"}}, fresh), mapping.Created, nil},
		{"the same again", account(mapping.Account{VCluster: "blue", Username: "ext", Principals: []string{"CN=1", "CN=2"}}, w), mapping.NotChanged, nil},
		{"another principal", account(mapping.Account{VCluster: "blue", Username: "ext", Principals: []string{"CN=1", "CN=3"}}, w), mapping.Updated, nil},
		{"external becomes local", account(mapping.Account{VCluster: "blue", Username: "ext", Type: mapping.Local}, w), mapping.Updated, nil},
		{"must be new", account(mapping.Account{VCluster: "blue", Username: "ext"}, fresh), 0, mapping.ErrExists},
		{"undeclared vcluster", account(mapping.Account{VCluster: "implicit", Username: "n"}, w), 0, mapping.ErrNoVClusterResource},
		{"passthrough is always there", account(mapping.Account{Username: "n"}, w), mapping.Created, nil},
		{"somebody's first principal", account(mapping.Account{Username: "n", Principals: []string{"CN=1"}}, w), 0, mapping.ErrConflict},
		{"somebody's second principal", account(mapping.Account{Username: "n", Principals: []string{"CN=n", "CN=2"}}, w), 0, mapping.ErrConflict},
		{"credentials of a name in use", account(mapping.Account{Username: "loc", Type: mapping.Local, Scram: cred}, w), 0, mapping.ErrScramTaken},
		{"that is a conflict", account(mapping.Account{Username: "loc", Type: mapping.Local, Scram: cred}, w), 0, mapping.ErrConflict},
		{"the same name without credentials", account(mapping.Account{Username: "loc", Type: mapping.Local}, w), mapping.Created, nil},
		{"its own credentials", account(mapping.Account{VCluster: "blue", Username: "loc", Type: mapping.Local, Scram: cred}, w), mapping.NotChanged, nil},

		{"over what is there", account(mapping.Account{VCluster: "blue", Username: "ext"}, over("CN=1", "CN=2")), mapping.Updated, nil},
		{"over what was there", account(mapping.Account{VCluster: "blue", Username: "ext"}, over("CN=1")), 0, mapping.ErrChanged},
		{"over what is gone", account(mapping.Account{VCluster: "blue", Username: "gone"}, over("CN=1")), 0, mapping.ErrChanged},

		{"v1: undeclared vcluster", mapped(mapping.Mapping{VCluster: "other", Username: "n"}, true), mapping.Created, nil},
		{"v1: over a mapping", mapped(mapping.Mapping{VCluster: "implicit", Username: "old", Principal: "CN=new"}, false), mapping.Updated, nil},
		{"v1: over an account with two principals", mapped(mapping.Mapping{VCluster: "blue", Username: "ext", Principal: "CN=2"}, false), 0, mapping.ErrExists},
		{"v1: over a local account", mapped(mapping.Mapping{VCluster: "blue", Username: "loc"}, false), 0, mapping.ErrExists},
		{"v1: somebody's principal", mapped(mapping.Mapping{Username: "n", Principal: "CN=2"}, false), 0, mapping.ErrConflict},

		{"account in a group", gone(s.AdmitDeletion("blue", "ext", false)), 0, mapping.ErrAccountInUse},
		{"v1: account in a group", gone(s.AdmitDeletion("blue", "ext", true)), 0, mapping.ErrAccountInUse},
		{"account in none", gone(s.AdmitDeletion("blue", "loc", false)), 0, nil},
		{"v1: a local account is none of its", gone(s.AdmitDeletion("blue", "loc", true)), 0, mapping.ErrNotFound},
		{"no account", gone(s.AdmitDeletion("blue", "n", false)), 0, mapping.ErrNotFound},

		{"group of existing accounts", group(mapping.Group{Name: "h", Members: []mapping.Member{{"blue", "loc"}, {"implicit", "old"}}}, fresh), mapping.Created, nil},
		{"the same group again", group(mapping.Group{Name: "g", Members: []mapping.Member{{"blue", "ext"}, {"blue", "ext"}}}, w), mapping.NotChanged, nil},
		{"group of nobody", group(mapping.Group{Name: "g", ExternalGroups: []string{"x"}}, w), mapping.Updated, nil},
		{"group must be new", group(mapping.Group{Name: "g"}, fresh), 0, mapping.ErrExists},
		{"member that does not exist", group(mapping.Group{Name: "h", Members: []mapping.Member{{"", "ext"}}}, w), 0, mapping.ErrNoMember},
		{"group to be deleted", gone(s.AdmitGroupDeletion("g")), 0, nil},
		{"no group", gone(s.AdmitGroupDeletion("h")), 0, mapping.ErrNotFound},

		{"a new vcluster", vcluster(mapping.VCluster{Name: "red"}, fresh), mapping.Created, nil},
		{"one that mappings made", vcluster(mapping.VCluster{Name: "implicit"}, fresh), mapping.Created, nil},
		{"the same vcluster again", vcluster(mapping.VCluster{Name: "empty"}, w), mapping.NotChanged, nil},
		{"vcluster must be new", vcluster(mapping.VCluster{Name: "empty"}, fresh), 0, mapping.ErrExists},
		{"passthrough", vcluster(mapping.VCluster{Name: "passthrough"}, w), 0, mapping.ErrReserved},
		{"the beginning of another", vcluster(mapping.VCluster{Name: "bl"}, w), 0, mapping.ErrPrefix},
		{"beginning with another", vcluster(mapping.VCluster{Name: "blue2"}, w), 0, mapping.ErrPrefix},
		{"another mode", vcluster(mapping.VCluster{Name: "blue", ACLMode: mapping.RestAPI}, w), 0, mapping.ErrACLMode},
		{"ACLs off", vcluster(mapping.VCluster{Name: "blue"}, w), mapping.Updated, nil},
		{"vcluster with accounts", gone(s.AdmitVClusterDeletion("blue")), 0, mapping.ErrVClusterInUse},
		{"vcluster without", gone(s.AdmitVClusterDeletion("empty")), 0, nil},
		{"undeclared", gone(s.AdmitVClusterDeletion("implicit")), 0, mapping.ErrNotFound},
		{"passthrough stays", gone(s.AdmitVClusterDeletion("passthrough")), 0, mapping.ErrReserved},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			if got, err := tc.ask(); !errors.Is(err, tc.err) || got != tc.want {
				t.Errorf("%v, %v; want %v, %v", got, err, tc.want, tc.err)
			}
		})
	}
}

// wantValid wants what Validate returned to be want, or, where a field is named, an
// error of that field; it reports whether there is anything valid to go on with.
func wantValid[T any](t *testing.T, got T, err error, want T, field string) bool {
	t.Helper()
	if field != "" {
		var fe *mapping.FieldError
		if !errors.As(err, &fe) || fe.Field != field {
			t.Errorf("error %v, want one of field %s", err, field)
		}
		return false
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v\n  want %+v", got, err, want)
	}
	return true
}
