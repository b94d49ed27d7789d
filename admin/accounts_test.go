package admin

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/postern-kafka/postern/mapping"
)

// FuzzReadAccount: what is accepted is whole and comes back the same when it is shown and put back; what is refused is
// refused with a bounded sentence in UTF-8, and quotes no password.
func FuzzReadAccount(f *testing.F) {
	for _, seed := range []string{
		`{"kind":"GatewayServiceAccount","apiVersion":"gateway/v2","metadata":{"name":"a b","vCluster":"v"},"spec":{"type":"External","externalNames":["CN=a"]}}`,
		`{"kind":"GatewayServiceAccount","apiVersion":"gateway/v2","metadata":{"name":"abc"},"spec":{"type":"LOCAL","externalNames":[],"scram":[{"mechanism":"SCRAM-SHA-256","password":"s3cret","iterations":4096.0}]}}`,
		`{"kind":"GatewayServiceAccount","apiVersion":"gateway/v2","metadata":{"name":"abc"},"spec":{"type":"LOCAL","scram":null}}`,
		`{"kind":null,"apiVersion":1,"metadata":[],"spec":{}}`,
		`{"kind":"GatewayServiceAccount","kind":"GatewayServiceAccount"}`,
		`{"spec":{"scram":[{"iterations":1e999}]}}`,
		`{"spec":{"scram":{"password":"s3cret"}}}`,
		`[[[[`, ``, "\xff", `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		kept := bytes.Clone(body)
		var b accountBody
		refused := b.read(body)
		if !bytes.Equal(kept, body) {
			t.Fatal("the body was written to")
		}
		if refused != nil {
			if refused.status != 400 || !utf8.Valid(refused.body) || len(refused.body) > 600 {
				t.Fatalf("a poor answer: %d %q", refused.status, refused.body)
			}
			return
		}
		if b.Username == "" || b.VCluster == "" || (b.Type == mapping.External) != (len(b.Principals) > 0) {
			t.Fatalf("read as %+v", b)
		}
		for _, c := range b.scram {
			b.Scram = append(b.Scram, mapping.ScramRecord{Mechanism: c.mechanism, Iterations: max(int(c.iterations), minIterations)})
		}
		shown, err := json.Marshal(shownAccount(b.Account, true))
		if err != nil {
			t.Fatal(err)
		}
		var again accountBody
		if refused := again.read(shown); refused != nil {
			t.Fatalf("%s: cannot be put back: %s", shown, refused.body)
		}
		if back, err := json.Marshal(shownAccount(again.Account, true)); err != nil || len(b.scram) == 0 && !bytes.Equal(back, shown) {
			t.Fatalf("%s came back as %s, %v", shown, back, err)
		}
		for _, c := range b.scram {
			if len(c.password) > 40 && strings.Contains(string(shown), c.password) {
				t.Fatalf("the password %q is shown", c.password)
			}
		}
	})
}

// Every proper prefix of a good body is refused.
func TestPrefixesOfAnAccountAreRefused(t *testing.T) {
	const body = `{"kind":"GatewayServiceAccount","apiVersion":"gateway/v2","metadata":{"name":"abc"},"spec":{"type":"LOCAL","scram":[{"mechanism":"SCRAM-SHA-256","password":"\u00fc"}]}}`
	for i := range len(body) {
		if refused := new(accountBody).read([]byte(body[:i])); refused == nil {
			t.Errorf("%q was read", body[:i])
		}
	}
	if refused := new(accountBody).read([]byte(body)); refused != nil {
		t.Errorf("%s", refused.body)
	}
}
