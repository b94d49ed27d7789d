package kafkastore

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/mapping"
)

// TestRecordBytes pins the formats: other versions of the gateway read them.
func TestRecordBytes(t *testing.T) {
	now := time.Unix(1_700_000_000, 5).In(time.FixedZone("", 3600))
	account := func(a mapping.Account) func() ([]byte, error) {
		return func() ([]byte, error) {
			a, err := a.Validate()
			if err != nil {
				return nil, err
			}
			return encodeAccount(a, now)
		}
	}
	for _, tc := range []struct {
		what  string
		key   any
		value func() ([]byte, error)
		wantK string
		wantV string
	}{
		{
			"a mapping",
			name{"passthrough", "CN=<ä>&\"x\""},
			account(mapping.Account{Username: "CN=<ä>&\"x\"", Principals: []string{"CN=p\\,q"}, Groups: []string{"g"}}),
			`{"vcluster":"passthrough","username":"CN=<ä>&\"x\""}`,
			`{"v":1,"principal":"CN=p\\,q","groups":["g"],"updated":"2023-11-14T22:13:20Z"}`,
		},
		{
			"an account with two principals",
			name{"blue", "u"},
			account(mapping.Account{VCluster: "blue", Username: "u", Principals: []string{"a", "b"}}),
			`{"vcluster":"blue","username":"u"}`,
			`{"v":1,"principal":"a","principals":["a","b"],"groups":[],"updated":"2023-11-14T22:13:20Z"}`,
		},
		{
			"a local account",
			name{"blue", "u"},
			account(mapping.Account{VCluster: "blue", Username: "u", Type: mapping.Local, Scram: []mapping.ScramRecord{{
				Mechanism: "SCRAM-SHA-256", Iterations: 4096, Salt: []byte("salt"), StoredKey: []byte("stored"), ServerKey: []byte("server"),
			}}}),
			`{"vcluster":"blue","username":"u"}`,
			`{"v":1,"type":"LOCAL","groups":[],"scram":[{"mechanism":"SCRAM-SHA-256","iterations":4096,"salt":"c2FsdA==",` +
				`"stored_key":"c3RvcmVk","server_key":"c2VydmVy"}],"updated":"2023-11-14T22:13:20Z"}`,
		},
		{
			"a group",
			groupKey{"g"},
			func() ([]byte, error) {
				return encodeGroup(mapping.Group{Name: "g", Members: []mapping.Member{{VCluster: "v", Username: "u"}}, ExternalGroups: []string{"<e>"}}, now)
			},
			`{"group":"g"}`,
			`{"v":1,"members":[{"vcluster":"v","username":"u"}],"external_groups":["<e>"],"updated":"2023-11-14T22:13:20Z"}`,
		},
		{
			"an empty group",
			groupKey{"g"},
			func() ([]byte, error) { return encodeGroup(mapping.Group{Name: "g"}, now) },
			`{"group":"g"}`,
			`{"v":1,"members":[],"external_groups":[],"updated":"2023-11-14T22:13:20Z"}`,
		},
		{
			"a virtual cluster",
			vclusterKey{"v"},
			func() ([]byte, error) {
				return encodeVCluster(mapping.VCluster{
					Name: "v", Type: mapping.Standard, ACLEnabled: true, ACLMode: mapping.RestAPI,
					ACLs: []json.RawMessage{json.RawMessage(`{"host":"*"}`)},
				}, now)
			},
			`{"vcluster":"v"}`,
			`{"v":1,"type":"STANDARD","acl_enabled":true,"acl_mode":"REST_API","super_users":[],"acls":[{"host":"*"}],"updated":"2023-11-14T22:13:20Z"}`,
		},
	} {
		t.Run(tc.what, func(t *testing.T) {
			k, err := encode(tc.key)
			if err != nil {
				t.Fatal(err)
			}
			v, err := tc.value()
			if err != nil {
				t.Fatal(err)
			}
			if string(k) != tc.wantK || string(v) != tc.wantV {
				t.Errorf("key   %s\nwant  %s\nvalue %s\nwant  %s", k, tc.wantK, v, tc.wantV)
			}
		})
	}
}

// TestLongestFit: the longest that is valid, every character escaped, is read
// back, and goes into one batch.
func TestLongestFit(t *testing.T) {
	long := mapping.Account{Username: strings.Repeat(`"`, mapping.MaxName)}
	for i := range mapping.MaxAccountText / mapping.MaxName {
		long.Principals = append(long.Principals, strings.Repeat("\u2028", (mapping.MaxName-i-1)/3))
	}
	for i := range mapping.MaxGroups {
		long.Groups = append(long.Groups, strings.Repeat(`\`, mapping.MaxGroup-i))
	}
	a, err := long.Validate()
	if err != nil {
		t.Fatal(err)
	}
	if n, got := roundTrip(t, a); n != (name{a.VCluster, a.Username}) || !reflect.DeepEqual(got, a) {
		t.Error("changed on its way through the log")
	}
	g := mapping.Group{Name: "g"}
	for i := range mapping.MaxMembers {
		g.Members = append(g.Members, mapping.Member{Username: strings.Repeat("\u2028", 27) + string(rune('a'+i%26)) + string(rune('À'+i/26))})
	}
	if g, err = g.Validate(); err != nil {
		t.Fatal(err)
	}
	b, err := encodeGroup(g, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeGroup("g", b); err != nil || !got.Equal(g) {
		t.Errorf("group of %d bytes: %v", len(b), err)
	}
	v := mapping.VCluster{Name: "v"}
	for i := range 31 {
		v.SuperUsers = append(v.SuperUsers, strings.Repeat("\u2028", (mapping.MaxName-i-1)/3))
	}
	if v, err = v.Validate(); err != nil {
		t.Fatal(err)
	}
	if b, err = encodeVCluster(v, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	if got, err := decodeVCluster("v", b); err != nil || !got.Equal(v) {
		t.Errorf("virtual cluster of %d bytes: %v", len(b), err)
	}
}

func roundTrip(t *testing.T, a mapping.Account) (name, mapping.Account) {
	t.Helper()
	k, err := encodeKey(name{a.VCluster, a.Username})
	if err != nil {
		t.Fatal(err)
	}
	v, err := encodeAccount(a, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	n, err := decodeKey(k)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeAccount(n, v)
	if err != nil {
		t.Fatal(err)
	}
	return n, got
}

// FuzzRecord: whatever stands in the topic, a record is either skipped for one
// of two reasons or a valid account that would be written as it was read.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"vcluster":"blue","username":"u"}`), []byte(`{"v":1,"principal":"a","principals":["a","b"],"groups":[]}`))
	f.Add([]byte(`{"vcluster":"blue","username":"u"}`), []byte(`{"v":1,"type":"LOCAL","scram":[{"mechanism":"S","iterations":4096,"salt":"c2FsdA==","stored_key":"c3RvcmVk","server_key":"c2VydmVy"}]}`))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		n, err := decodeKey(key)
		if err != nil {
			if !errors.Is(err, errCorrupt) {
				t.Fatalf("key: %v", err)
			}
			return
		}
		if again, err := encodeKey(n); err != nil || !bytes.Equal(again, key) {
			t.Fatalf("two keys for one name: %q and %q, %v", key, again, err)
		}
		a, err := decodeAccount(n, value)
		if err != nil {
			skippable(t, err)
			return
		}
		if a.VCluster != n.VCluster || a.Username != n.Username {
			t.Fatalf("record of %v became an account of %v", n, a)
		}
		if valid, err := a.Validate(); err != nil || !reflect.DeepEqual(valid, a) {
			t.Fatalf("invalid account %+v: %v", a, err)
		}
		if _, got := roundTrip(t, a); !got.Equal(a) {
			t.Fatalf("%+v is read back as %+v", a, got)
		}
	})
}

func skippable(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, errCorrupt) == errors.Is(err, errFuture) {
		t.Fatalf("value: %v", err)
	}
}

// FuzzResource is the same for what stands in the topics of groups and virtual
// clusters.
func FuzzResource(f *testing.F) {
	f.Add("g", []byte(`{"v":1,"members":[{"vcluster":"v","username":"u"}],"external_groups":["e"]}`))
	f.Add("v", []byte(`{"v":1,"type":"PARTNER","acl_enabled":true,"acl_mode":"KAFKA_API","super_users":["u"],"acls":[]}`))
	f.Add("v", []byte(`{"v":1,"acl_enabled":true,"acl_mode":"REST_API","acls":[{"host" : "*"}]}`))
	f.Add("v", []byte(`{"v":2}`))
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		if g, err := decodeGroup(name, value); err != nil {
			skippable(t, err)
		} else if b, err := encodeGroup(g, time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		} else if got, err := decodeGroup(name, b); err != nil || !got.Equal(g) {
			t.Fatalf("%+v is read back as %+v, %v", g, got, err)
		}
		if v, err := decodeVCluster(name, value); err != nil {
			if !errors.Is(err, mapping.ErrReserved) {
				skippable(t, err)
			}
		} else if b, err := encodeVCluster(v, time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		} else if got, err := decodeVCluster(name, b); err != nil || !got.Equal(v) {
			t.Fatalf("%+v is read back as %+v, %v", v, got, err)
		}
	})
}
