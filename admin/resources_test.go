package admin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-kafka/postern/admin"
	"github.com/postern-kafka/postern/mapping"
)

const (
	accounts  = "/gateway/v2/service-account"
	groups    = "/gateway/v2/group"
	vclusters = "/gateway/v2/virtual-cluster"
)

// local, external, group and cluster are bodies.
func local(metadata, more string) string {
	return resource("GatewayServiceAccount", metadata, `{"type":"LOCAL"`+more+`}`)
}

func external(metadata, names string) string {
	return resource("GatewayServiceAccount", metadata, `{"type":"EXTERNAL","externalNames":[`+names+`]}`)
}

func aGroup(name, spec string) string {
	return resource("GatewayGroup", `{"name":"`+name+`"}`, spec)
}

func cluster(name, spec string) string {
	return resource("VirtualCluster", `{"name":"`+name+`"}`, spec)
}

func upserted(body, result string) string {
	return `{"resource":` + body + `,"upsertResult":"` + result + `"}`
}

func problem(title, msg, cause string) string {
	s := `{"title":"` + title + `"`
	if msg != "" {
		s += `,"msg":"` + msg + `"`
	}
	if cause != "" {
		s += `,"cause":"` + cause + `"`
	}
	return s + "}"
}

func bad(msg string) string { return problem("The request is not valid", msg, "") }

func lacking(msg string) string { return problem("The searched entity was not found", msg, "") }

func conflict(msg, cause string) string {
	return problem("The request conflicts with what there is", msg, cause)
}

func TestServiceAccountsLiveAndDie(t *testing.T) {
	g := start(t, whole)
	a := external(`{"name":"orders"}`, `"CN=orders","CN=orders-2,O=Shop"`)
	all := `{"name":"orders","vCluster":"passthrough"}`
	for i, s := range []struct{ method, path, body, want string }{
		{"GET", accounts, "", "200 []"},
		{"PUT", accounts + "?dryMode=true", a, "200 " + upserted(a, "Created")},
		{"GET", accounts, "", "200 []"},
		{"PUT", accounts, a, "200 " + upserted(a, "Created")},
		{"PUT", accounts, a, "200 " + upserted(a, "NotChanged")},
		{"GET", accounts, "", "200 [" + a + "]"},
		{"GET", accounts + "?showDefaults=true", "", "200 [" + external(all, `"CN=orders","CN=orders-2,O=Shop"`) + "]"},
		{"PUT", accounts, external(all, `"CN=new"`), "200 " + upserted(external(`{"name":"orders"}`, `"CN=new"`), "Updated")},
		{
			"PUT", accounts, resource("GatewayServiceAccount", all, `{"type":"External","externalNames":["CN=new"],"scram":null}`),
			"200 " + upserted(external(`{"name":"orders"}`, `"CN=new"`), "NotChanged"),
		},
		{"PUT", accounts, external(`{"name":"rival"}`, `"CN=new"`), "409 " + conflict("The service account already exist",
			`principal \"CN=new\" belongs to username \"orders\" of vcluster \"passthrough\"`)},
		{"PUT", accounts, local(`{"name":"bob"}`, ""), "200 " + upserted(local(`{"name":"bob"}`, ""), "Created")},
		{"GET", accounts + "?type=local", "", "200 [" + local(`{"name":"bob"}`, "") + "]"},
		{"GET", accounts + "?type=EXTERNAL&name=orders&vcluster=passthrough", "", "200 [" + external(`{"name":"orders"}`, `"CN=new"`) + "]"},
		{"GET", accounts + "?name=nobody", "", "200 []"},
		{"GET", accounts + "?vcluster=teamA", "", "200 []"},
		{"GET", accounts + "?type=both", "", "400 Invalid value for: query parameter type (must be LOCAL or EXTERNAL)"},
		{"PUT", accounts, local(`{"name":"eve","vCluster":"teamA"}`, ""), "404 " + problem("The searched entity was not found",
			"The given service account references a non-existing virtual cluster", `account \"eve\": \"teamA\": references a non-existing virtual cluster`)},
		{"PUT", vclusters, cluster("teamA", "{}"), "200 *"},
		{"PUT", accounts, local(`{"name":"eve","vCluster":"teamA"}`, ""), "200 " + upserted(local(`{"name":"eve","vCluster":"teamA"}`, ""), "Created")},
		{"PUT", groups, aGroup("g", `{"members":[{"name":"bob"},{"vCluster":"teamA","name":"eve"}]}`), "200 *"},
		{"DELETE", accounts, `{"name":"bob"}`, "409 " + conflict("The service account is still used by groups",
			`username \"bob\" of vcluster \"passthrough\": group \"g\": account is used by a group`)},
		{"DELETE", groups + "/g", "", "204 "},
		{"DELETE", accounts, `{"name":"bob"}`, "204 "},
		{"DELETE", accounts, `{"name":"eve"}`, "404 " + lacking("The given service account does not exist")},
		{"DELETE", accounts, `{"name":"eve","vCluster":"teamA"}`, "204 "},
		{"DELETE", accounts, `{"name":"orders","vCluster":"passthrough"}`, "204 "},
		{"GET", accounts, "", "200 []"},
	} {
		check(t, i, g.ask(s.method, s.path, boss, s.body), s.method+" "+s.path+" "+s.body, s.want)
	}
}

// check compares "status body"; a star stands for any body.
func check(t *testing.T, i int, r reply, name, want string) {
	t.Helper()
	if s, any := strings.CutSuffix(want, " *"); any && s == fmt.Sprint(r.status) {
		return
	}
	if got := fmt.Sprintf("%d %s", r.status, r.body); got != want {
		t.Errorf("step %d: %s:\n got %s\nwant %s", i, name, got, want)
	}
}

// A user mapping and an external account are one thing, whatever the name is like.
func TestUserMappingsAreExternalAccounts(t *testing.T) {
	g := start(t, whole)
	mapped := external(`{"name":"CN=username"}`, `"CN=username"`)
	several := external(`{"name":"CN=username"}`, `"CN=username","CN=other"`)
	shown := func(principal, more string) string {
		return `{"vcluster":"passthrough","username":"CN=username","principal":"` + principal + `","groups":[` + more + `]}`
	}
	for i, s := range []struct{ method, path, body, want string }{
		{"POST", base, `{"username":"CN=username","groups":["g1"]}`, "201 " + made},
		{"GET", accounts, "", "200 [" + mapped + "]"},
		{"PUT", accounts, mapped, "200 " + upserted(mapped, "NotChanged")},
		{"PUT", accounts, several, "200 " + upserted(several, "Updated")},
		{"GET", base + "/username/CN=username", "", "200 " + shown("CN=username", `"g1"`)},
		{"PUT", base + "/username/CN=username", `{"username":"CN=username"}`, "409 " + messageBody(`The username \"CN=username\" has 2 external names, `+
			`of which this would leave one: change it with PUT /gateway/v2/service-account.`)},
		{"PUT", accounts, local(`{"name":"CN=username"}`, ""), "409 " + conflict("The user mapping has groups of its own, which a LOCAL service "+
			"account cannot have: remove them with PUT /admin/userMappings/v1/username/… first.", "")},
		{"PUT", accounts, external(`{"name":"CN=new"}`, `"CN=new"`), "400 " + bad("metadata.name: must match ^[a-zA-Z0-9_-]{3,64}$")},
		{"PUT", accounts, local(`{"name":"ab"}`, ""), "400 " + bad("metadata.name: must match ^[a-zA-Z0-9_-]{3,64}$")},
		{"PUT", accounts, external(`{"name":"alice"}`, `"CN=alice"`), "200 *"},
		{"GET", base, "", `200 ["CN=username","alice"]`},
		{"GET", base + "/username/alice", "", `200 {"vcluster":"passthrough","username":"alice","principal":"CN=alice","groups":[]}`},
		{"PUT", base + "/username/alice", `{"username":"alice","principal":"CN=a2","groups":["g"]}`, "204 "},
		{"GET", accounts + "?name=alice", "", "200 [" + external(`{"name":"alice"}`, `"CN=a2"`) + "]"},
		{"PUT", accounts, local(`{"name":"bob"}`, ""), "200 *"},
		{"GET", base, "", `200 ["CN=username","alice"]`},
		{"GET", base + "/username/bob", "", "404 *"},
		{"POST", base, `{"username":"bob"}`, "409 " + messageBody(`The username \"bob\" is a local service account of the virtual cluster \"passthrough\".`)},
		{"PUT", groups, aGroup("readers", `{"members":[{"name":"alice"}]}`), "200 *"},
		{"DELETE", base + "/username/alice", "", "409 " + messageBody(`The username \"alice\" is still a member of groups: readers.`)},
		{"DELETE", groups + "/readers", "", "204 "},
		{"DELETE", base + "/username/alice", "", "204 "},
		{"DELETE", accounts, `{"name":"CN=username"}`, "204 "},
		{"GET", base, "", "200 []"},
	} {
		check(t, i, g.ask(s.method, s.path, boss, s.body), s.method+" "+s.path+" "+s.body, s.want)
	}
}

func TestScramCredentials(t *testing.T) {
	g := start(t, whole)
	put := func(more string) reply { return g.ask("PUT", accounts, boss, local(`{"name":"bob"}`, more)) }
	stored := func() []mapping.ScramRecord {
		a, _ := g.store.Users().Account("passthrough", "bob")
		return a.Scram
	}
	const both = `,"scram":[{"mechanism":"SCRAM-SHA-256","iterations":8192},{"mechanism":"SCRAM-SHA-512","iterations":4096}]`
	for i, s := range []struct{ more, want string }{
		{`,"scram":[{"mechanism":"SCRAM-SHA-512"}]`, "409 " + conflict("spec.scram[0]: there is no such credential to keep: a password is required", "")},
		{
			`,"scram":[{"mechanism":"SCRAM-SHA-512","password":"s3cret","iterations":4096},{"mechanism":"SCRAM-SHA-256","password":"s3cret"}]`,
			"200 " + upserted(local(`{"name":"bob"}`, both), "Created"),
		},
		{
			`,"scram":[{"mechanism":"SCRAM-SHA-512","password":"s3cret"},{"mechanism":"SCRAM-SHA-256","password":"s3cret"}]`,
			"200 " + upserted(local(`{"name":"bob"}`, both), "NotChanged"),
		}, // the same passwords
		{both, "200 " + upserted(local(`{"name":"bob"}`, both), "NotChanged")}, // what was shown
		{"", "200 " + upserted(local(`{"name":"bob"}`, both), "NotChanged")},
		{`,"scram":[{"mechanism":"SCRAM-SHA-512","password":"0ther"},{"mechanism":"SCRAM-SHA-256"}]`, "200 " + upserted(local(`{"name":"bob"}`, both), "Updated")},
		{`,"scram":[{"mechanism":"SCRAM-SHA-512","iterations":8192}]`, "409 " + conflict("spec.scram[0]: there is no such credential to keep: a password is required", "")},
		{`,"scram":[{"mechanism":"SCRAM-SHA-512"},{"mechanism":"SCRAM-SHA-512"}]`, "409 " + conflict("spec.scram[1]: SCRAM-SHA-512 is given twice", "")},
		{`,"scram":[{"mechanism":"SCRAM-SHA-1","password":"x"}]`, `400 Invalid value for: body (field "spec.scram[0].mechanism": must be one of SCRAM-SHA-256, SCRAM-SHA-512)`},
		{`,"scram":[{"password":"x"}]`, `400 Invalid value for: body (field "spec.scram[0].mechanism": required)`},
		{`,"scram":[{"mechanism":"SCRAM-SHA-256","password":""}]`, `400 Invalid value for: body (field "spec.scram[0].password": must not be empty)`},
		{`,"scram":[{"mechanism":"SCRAM-SHA-256","password":"x","iterations":4095}]`, `400 Invalid value for: body (field "spec.scram[0].iterations": must be from 4096 to 1000000)`},
		{`,"scram":[{"mechanism":"SCRAM-SHA-256","password":"x","iterations":4096.5}]`, `400 Invalid value for: body (field "spec.scram[0].iterations": must be a whole number, not 4096.5)`},
		{`,"scram":[{"mechanism":"SCRAM-SHA-256"}]`, "200 " + upserted(local(`{"name":"bob"}`, `,"scram":[{"mechanism":"SCRAM-SHA-256","iterations":8192}]`), "Updated")},
		{`,"scram":[]`, "200 " + upserted(local(`{"name":"bob"}`, ""), "Updated")},
	} {
		check(t, i, put(s.more), s.more, s.want)
	}
	if c := stored(); len(c) != 0 {
		t.Errorf("credentials that were removed are there: %v", c)
	}
	put(`,"scram":[{"mechanism":"SCRAM-SHA-256","password":"s3cret"}]`)
	c := stored()
	if len(c) != 1 {
		t.Fatalf("stored: %v", c)
	}
	if want, _ := scram("SCRAM-SHA-256", "s3cret", c[0].Salt, 8192); !bytes.Equal(c[0].StoredKey, want.StoredKey) {
		t.Errorf("stored: %v, want %v", c, want)
	}
	r := g.ask("GET", accounts+"?showDefaults=true", boss, "")
	for _, secret := range []string{"s3cret", "0ther", string(c[0].Salt)} {
		if strings.Contains(r.body, secret) || strings.Contains(g.log.String(), secret) {
			t.Errorf("%q is shown or logged", secret)
		}
	}
	if r := g.ask("PUT", accounts, boss, external(`{"name":"bob"}`, `"CN=bob"`)); r.status != 200 || len(stored()) != 0 {
		t.Errorf("an external account with credentials: %d %s, %v", r.status, r.body, stored())
	}
}

// Passwords that cannot be used are refused in the words of whoever derives keys; without one, nothing can be made.
func TestScramOfWhatIsNotThere(t *testing.T) {
	body := local(`{"name":"bob"}`, `,"scram":[{"mechanism":"SCRAM-SHA-256","password":"x"}]`)
	g := start(t, func(o *admin.Options) { whole(o); o.Scram = nil })
	if r := g.ask("PUT", accounts, boss, body); r.status != 409 || r.body != conflict("spec.scram[0]: no listener of this gateway offers SCRAM", "") {
		t.Errorf("%d %s", r.status, r.body)
	}
	g = start(t, func(o *admin.Options) {
		whole(o)
		o.Scram = func(string, string, []byte, int) (mapping.ScramRecord, error) {
			return mapping.ScramRecord{}, errors.New("auth: password: SASLprep would change it")
		}
	})
	if r := g.ask("PUT", accounts, boss, body); r.status != 400 || r.body != bad("spec.scram[0]: password: SASLprep would change it") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestWhichAccountsAreAllowed(t *testing.T) {
	for _, c := range []struct {
		protocols       admin.Protocols
		local, external string // "" is allowed
	}{
		{admin.Protocols{}, "Gateway service account is not supported on security protocol PLAINTEXT.", "Gateway service account is not supported on security protocol PLAINTEXT."},
		{admin.Protocols{Name: "SSL"}, "Gateway service account is not supported on security protocol SSL.", "Gateway service account is not supported on security protocol SSL."},
		{admin.Protocols{Name: "SSL", MTLS: true}, "LOCAL service accounts are not supported on security protocol SSL: no listener of this gateway checks passwords.", ""},
		{admin.Protocols{Name: "SASL_SSL", SASL: true}, "", "EXTERNAL service accounts are not supported on security protocol SASL_SSL: " +
			"no listener of this gateway has OAuth, client certificates without SASL, or delegated authentication."},
		{admin.Protocols{Name: "SASL_SSL", SASL: true, OAuth: true}, "", ""},
		{admin.Protocols{Name: "DELEGATED_SASL_SSL", Delegated: true}, "LOCAL service accounts are not supported on security protocol DELEGATED_SASL_SSL: no listener of this gateway checks passwords.", ""},
	} {
		g := start(t, func(o *admin.Options) { o.Protocols = c.protocols })
		for body, why := range map[string]string{local(`{"name":"bob"}`, ""): c.local, external(`{"name":"eve"}`, `"CN=eve"`): c.external} {
			r := g.ask("PUT", accounts, boss, body)
			if why == "" && r.status != 200 || why != "" && (r.status != 400 || r.body != bad(why)) {
				t.Errorf("%+v: %s: %d %s", c.protocols, body, r.status, r.body)
			}
		}
		none := c.local != "" && c.external != ""
		want := map[bool]string{true: "400 ", false: "404 "}[none]
		if r := g.ask("DELETE", accounts, boss, `{"name":"nobody"}`); !strings.HasPrefix(fmt.Sprint(r.status, " "), want) {
			t.Errorf("%+v: DELETE: %d %s", c.protocols, r.status, r.body)
		}
		r := g.ask("PUT", vclusters, boss, cluster("teamA", "{}"))
		if none != (r.status == 400) || none && !strings.Contains(r.body, `"msg":"Virtual cluster is not supported on security protocol `) {
			t.Errorf("%+v: virtual cluster: %d %s", c.protocols, r.status, r.body)
		}
		if r := g.ask("GET", accounts, boss, ""); r.status != 200 {
			t.Errorf("%+v: GET: %d", c.protocols, r.status)
		}
	}
}

func TestGroupsLiveAndDie(t *testing.T) {
	g := start(t, whole)
	g.ask("PUT", accounts, boss, local(`{"name":"bob"}`, ""))
	g.ask("PUT", accounts, boss, local(`{"name":"eve"}`, ""))
	a := aGroup("writers", `{"members":[{"name":"bob"}]}`)
	b := aGroup("writers", `{"members":[{"name":"bob"},{"name":"eve"}],"externalGroups":["ext"]}`)
	for i, s := range []struct{ method, path, body, want string }{
		{"GET", groups, "", "200 []"},
		{"GET", groups + "/writers", "", "404 " + lacking("The given group does not exist")},
		{"DELETE", groups + "/writers", "", "404 " + lacking("The given group does not exist")},
		{"PUT", groups, aGroup("writers", `{"members":[{"name":"nobody"}]}`), "404 " + problem("The searched entity was not found",
			"The group contains a service account that does not exist",
			`group \"writers\": username \"nobody\" of vcluster \"passthrough\": group contains an account that does not exist`)},
		{"PUT", groups + "?dryMode=true", a, "200 " + upserted(a, "Created")},
		{"GET", groups, "", "200 []"},
		{"PUT", groups, a, "200 " + upserted(a, "Created")},
		{"PUT", groups, a, "200 " + upserted(a, "NotChanged")},
		{"PUT", groups, aGroup("writers", `{"externalGroups":["ext","ext"],"members":[{"name":"eve","vCluster":"passthrough"},{"name":"bob"}]}`), "200 " + upserted(b, "Updated")},
		{"GET", groups, "", "200 [" + b + "]"},
		{"GET", groups + "/writers", "", "200 " + b},
		{"PUT", groups, aGroup("empty", `{}`), "200 " + upserted(aGroup("empty", `{"members":[]}`), "Created")},
		{"GET", groups + "/empty?showDefaults=true", "", "200 " + aGroup("empty", `{"members":[],"externalGroups":[]}`)},
		{"GET", groups + "/writers?showDefaults=true", "", "200 " + strings.ReplaceAll(b, `{"name":"bob"},{"name":"eve"}`, `{"vCluster":"passthrough","name":"bob"},{"vCluster":"passthrough","name":"eve"}`)},
		{"PUT", groups, aGroup("a.b", `{}`), "400 " + bad("name: may hold letters, digits, underscore and hyphen only")},
		{"PUT", groups, aGroup("x", `{"members":[{"vCluster":"passthrough"}]}`), `400 Invalid value for: body (field "spec.members[0].name": required)`},
		{"PUT", groups, aGroup("x", `{"members":["bob"]}`), `400 Invalid value for: body (field "spec.members[0]": must be an object, not a string)`},
		{"DELETE", groups + "/writers", "", "204 "},
		{"DELETE", groups + "/empty", "", "204 "},
	} {
		check(t, i, g.ask(s.method, s.path, boss, s.body), s.method+" "+s.path+" "+s.body, s.want)
	}
}

func TestVirtualClustersLiveAndDie(t *testing.T) {
	g := start(t, func(o *admin.Options) { whole(o); o.BootstrapServers, o.ClientProperties = "", nil })
	a, secured := cluster("teamA", `{}`), cluster("teamA", `{"aclEnabled":true,"superUsers":["alice"]}`)
	acl := `{"resourcePattern":{"resourceType":"TOPIC","name":"t-","patternType":"PREFIXED"},"principal":"User:bob","host":"*","operation":"READ","permissionType":"ALLOW"}`
	rest := cluster("rest", `{"aclEnabled":true,"aclMode":"REST_API","acls":[`+acl+`]}`)
	for i, s := range []struct{ method, path, body, want string }{
		{"GET", vclusters, "", "200 []"},
		{"GET", "/admin/vclusters/v1", "", `200 {"vclusters":[]}`},
		{"GET", vclusters + "/teamA", "", "404 " + lacking("The given virtual cluster does not exist")},
		{"PUT", vclusters + "?dryMode=true", a, "200 " + upserted(a, "Created")},
		{"GET", vclusters, "", "200 []"},
		{"PUT", vclusters, a, "200 " + upserted(a, "Created")},
		{"PUT", vclusters, a, "200 " + upserted(a, "NotChanged")},
		{"PUT", vclusters, cluster("teamA", `{"type":"STANDARD","aclEnabled":false,"superUsers":[],"aclMode":"KAFKA_API","acls":[]}`), "200 " + upserted(a, "NotChanged")},
		{"PUT", vclusters, secured, "200 " + upserted(secured, "Updated")},
		{"GET", vclusters + "/teamA", "", "200 " + secured},
		{"GET", vclusters + "/teamA?showDefaults=true", "", "200 " + cluster("teamA", `{"type":"Standard","aclEnabled":true,"aclMode":"KAFKA_API","superUsers":["alice"],"acls":[]}`)},
		{"GET", "/admin/vclusters/v1", "", `200 {"vclusters":["teamA"]}`},
		{"PUT", vclusters, cluster("passthrough", `{}`), "400 " + problem("The request is not valid", "Wrong format or usage of reserved keywords (e.g. passthrough)",
			`virtual cluster \"passthrough\": name is reserved`)},
		{"DELETE", vclusters + "/passthrough", "", "400 " + bad("Default `passthrough` virtual cluster cannot be deleted")},
		{"PUT", vclusters, cluster("team", `{}`), "409 *"}, // the beginning of teamA
		{"PUT", vclusters, cluster("partner", `{"type":"partner","aclEnabled":true,"superUsers":["p"]}`), "200 " +
			upserted(cluster("partner", `{"type":"Partner","aclEnabled":true,"superUsers":["p"]}`), "Created")},
		{"PUT", vclusters, cluster("p2", `{"type":"Partner"}`), "400 " + bad("type: a PARTNER needs aclEnabled and at least one of superUsers")},
		{"PUT", vclusters, strings.Replace(rest, `"host":"*",`, "", 1), "200 " + upserted(rest, "Created")},
		{"PUT", vclusters, rest, "200 " + upserted(rest, "NotChanged")},
		{"PUT", vclusters, cluster("rest", `{"aclEnabled":true,"superUsers":["a"]}`), "409 *"},
		{"PUT", vclusters, cluster("x", `{"aclMode":"REST_API","acls":[{}]}`), `400 Invalid value for: body (field "spec.acls[0].resourcePattern.resourceType": required)`},
		{"PUT", vclusters, cluster("x", `{"aclMode":"REST_API","acls":[`+strings.Replace(acl, "User:", "Group:", 1)+`]}`), `400 Invalid value for: body (field "spec.acls[0].principal": must be User: and a name)`},
		{"PUT", vclusters, cluster("x", `{"aclMode":"KAFKA"}`), `400 Invalid value for: body (field "spec.aclMode": must be one of KAFKA_API, REST_API)`},
		{"PUT", vclusters, cluster("x", `{"type":""}`), `400 Invalid value for: body (field "spec.type": must be one of Standard, Partner)`},
		{"PUT", accounts, local(`{"name":"bob","vCluster":"teamA"}`, ""), "200 *"},
		{"DELETE", vclusters + "/teamA", "", "409 *"},
		{"POST", base + "/vcluster/teamA", `{"username":"CN=x"}`, "201 " + made},
		{"GET", base + "/vcluster/teamA", "", `200 ["CN=x"]`},
		{"GET", base, "", `200 []`},
		{"DELETE", base + "/vcluster/teamA/username/CN=x", "", "204 "},
		{"DELETE", accounts, `{"name":"bob","vCluster":"teamA"}`, "204 "},
		{"DELETE", vclusters + "/teamA", "", "204 "},
		{"DELETE", vclusters + "/teamA", "", "404 " + lacking("The given virtual cluster does not exist")},
	} {
		check(t, i, g.ask(s.method, s.path, boss, s.body), s.method+" "+s.path+" "+s.body, s.want)
	}
}

// What is shown with the read-only fields can be put back.
func TestReadOnlyFieldsOfVirtualClusters(t *testing.T) {
	g := start(t, whole)
	g.ask("PUT", vclusters, boss, cluster("teamA", `{}`))
	r := g.ask("GET", vclusters+"/teamA", boss, "")
	want := cluster("teamA", `{"bootstrapServers":"gw.example:6969","clientProperties":{"PLAIN":{"sasl.mechanism":"PLAIN","security.protocol":"SASL_SSL"}}}`)
	if r.status != 200 || r.body != want {
		t.Errorf("%d %s", r.status, r.body)
	}
	if p := g.ask("PUT", vclusters, boss, r.body); p.status != 200 || p.body != upserted(want, "NotChanged") {
		t.Errorf("%d %s", p.status, p.body)
	}
}

func TestTokens(t *testing.T) {
	g := start(t, whole)
	g.ask("PUT", vclusters, boss, cluster("teamA", `{}`))
	g.ask("PUT", accounts, boss, local(`{"name":"bob","vCluster":"teamA"}`, ""))
	g.ask("PUT", accounts, boss, local(`{"name":"bob"}`, ""))
	g.ask("PUT", accounts, boss, external(`{"name":"eve"}`, `"CN=eve"`))
	const inside, first, second = "/admin/vclusters/v1/vcluster/", "/admin/username/", "/gateway/v2/token"
	token := func(s string) string { return `{"token":"token(` + s + `)"}` }
	for i, s := range []struct{ method, path, body, want string }{
		{"POST", inside + "teamA/username/bob", `{"lifeTimeSeconds":7776000}`, "201 " + token("bob,teamA,2160h0m0s")},
		{"POST", inside + "passthrough/username/nobody", `{"lifeTimeSeconds":1}`, "201 " + token("nobody,passthrough,1s")},
		{"POST", inside + "teamB/username/bob", `{"lifeTimeSeconds":1}`, "404 " + messageBody(`The virtual cluster \"teamB\" does not exist.`)},
		{"POST", first + "CN=x%2Cy", `{"lifeTimeSeconds":2e3}`, "201 " + token("CN=x,y,passthrough,33m20s")},
		{"POST", first + "x", ``, "400 " + messageBody(`the body is empty: a JSON object with the field \"lifeTimeSeconds\" is expected`)},
		{"POST", first + "x", `{}`, "400 " + messageBody(`field \"lifeTimeSeconds\": required`)},
		{"POST", first + "x", `{"lifeTimeSeconds":0}`, "400 " + messageBody(`field \"lifeTimeSeconds\": must be from 1 to 3153600000`)},
		{"POST", first + "x", `{"lifeTimeSeconds":3153600001}`, "400 " + messageBody(`field \"lifeTimeSeconds\": must be from 1 to 3153600000`)},
		{"POST", first + "x", `{"lifeTimeSeconds":1e400}`, "400 " + messageBody(`field \"lifeTimeSeconds\": must be a whole number, not 1e400`)},
		{"POST", first + "x", `{"lifeTimeSeconds":"1"}`, "400 " + messageBody(`field \"lifeTimeSeconds\": must be a whole number, not a string`)},
		{"POST", first + "x", `{"lifetimeSeconds":1}`, "400 " + messageBody(`field \"lifetimeSeconds\": unknown`)},
		{"POST", first + "x%00", `{"lifeTimeSeconds":1}`, "400 " + messageBody(`field \"username\": control character at byte 1`)},
		{"POST", second, `{"username":"bob","lifeTimeSeconds":60}`, "200 " + token("bob,passthrough,1m0s")},
		{"POST", second, `{"username":"bob","lifeTimeSeconds":60,"vCluster":"teamA"}`, "200 " + token("bob,teamA,1m0s")},
		{"POST", second, `{"username":"nobody","lifeTimeSeconds":60}`, "404 " + lacking("The given service account does not exist")},
		{"POST", second, `{"username":"eve","lifeTimeSeconds":60}`, "409 " + conflict("Requesting a JWT token when no user pool service is configured in the Gateway "+
			"or requesting a token for an external service account.", "")},
		{"POST", second, `{"lifeTimeSeconds":60}`, `400 Invalid value for: body (field "username": required)`},
		{"POST", second, `{"username":"bob"}`, `400 Invalid value for: body (field "lifeTimeSeconds": required)`},
		{"POST", second, `{"username":"bob","lifeTimeSeconds":-1}`, `400 Invalid value for: body (field "lifeTimeSeconds": must be from 1 to 3153600000)`},
	} {
		check(t, i, g.ask(s.method, s.path, boss, s.body), s.method+" "+s.path+" "+s.body, s.want)
	}
	if log := g.log.String(); strings.Contains(log, "token(") || !strings.Contains(log, `"admin: token issued" by=admin vcluster=teamA username=bob life=2160h0m0s`) {
		t.Errorf("the log:\n%s", log)
	}
	g = start(t, func(o *admin.Options) { whole(o); o.Tokens = nil })
	for path, body := range map[string]string{first + "bob": `{"lifeTimeSeconds":1}`, second: `{"username":"bob","lifeTimeSeconds":1}`} {
		if r := g.ask("POST", path, boss, body); r.status != 409 {
			t.Errorf("%s without a pool: %d %s", path, r.status, r.body)
		}
	}
}

func TestBodiesOfResourcesThatAreRefused(t *testing.T) {
	g := start(t, whole)
	good := external(`{"name":"abc"}`, `"CN=abc"`)
	for body, want := range map[string]string{
		"":                    "it is empty: a JSON object is expected",
		"[]":                  "is not a JSON object",
		"{":                   "is not JSON: it ends too early",
		good + " x":           fmt.Sprintf("goes on after the JSON object, at byte %d", len(good)+1),
		"{\"kind\":\"\xff\"}": "not valid UTF-8",
		"{}":                  `field "kind": required`,
		strings.Replace(good, "gateway/v2", "gateway/v3", 1):                     `field "apiVersion": must be "gateway/v2"`,
		strings.Replace(good, "GatewayServiceAccount", "GatewayGroup", 1):        `field "kind": must be "GatewayServiceAccount"`,
		strings.Replace(good, `"name":"abc"`, `"name":null`, 1):                  `field "metadata.name": required`,
		strings.Replace(good, `"name":"abc"`, `"name":"abc","name":"abc"`, 1):    `field "name": given twice`,
		strings.Replace(good, `"name":"abc"`, `"name":"abc","namespace":"n"`, 1): `field "metadata.namespace": unknown`,
		strings.Replace(good, `"type":"EXTERNAL"`, `"type":"OTHER"`, 1):          `field "spec.type": must be one of LOCAL, EXTERNAL`,
		strings.Replace(good, `"type":"EXTERNAL",`, ``, 1):                       `field "spec.type": required`,
		strings.Replace(good, `["CN=abc"]`, `"CN=abc"`, 1):                       `field "spec.externalNames": must be an array of strings, not a string`,
		strings.Replace(good, `,"spec"`, `,"specs"`, 1):                          `field "specs": unknown`,
		resource("GatewayServiceAccount", "null", "{}"):                          `field "metadata": must be an object, not null`,
	} {
		r := g.ask("PUT", accounts, boss, body)
		if r.status != 400 || r.body != "Invalid value for: body ("+want+")" || r.header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s:\n got %d %s\nwant %s", body, r.status, r.body, want)
		}
	}
	for body, want := range map[string]string{
		external(`{"name":"abc"}`, ``):                                            "spec.externalNames: at least one is required for an EXTERNAL service account",
		local(`{"name":"abc"}`, `,"externalNames":["x"]`):                         "spec.externalNames: a LOCAL service account has none",
		strings.Replace(good, `"externalNames"`, `"scram":[],"externalNames"`, 1): "spec.scram: an EXTERNAL service account has no credentials here",
		external(`{"name":"abc"}`, `"a\u0000"`):                                   "principal: control character at byte 1",
	} {
		if r := g.ask("PUT", accounts, boss, body); r.status != 400 || r.body != bad(want) {
			t.Errorf("%s:\n got %d %s\nwant %s", body, r.status, r.body, want)
		}
	}
	if n := g.store.Users().Len(); n != 0 {
		t.Errorf("%d accounts were made of refused bodies", n)
	}
}

func (s *store) PutAccount(ctx context.Context, a mapping.Account, w mapping.Write) (mapping.Outcome, error) {
	if err := s.caught(ctx, "put account"); err != nil {
		return mapping.NotChanged, err
	}
	return s.Store.PutAccount(ctx, a, w)
}

func (s *store) DeleteGroup(ctx context.Context, name string, w mapping.Write) error {
	if err := s.caught(ctx, "delete group"); err != nil {
		return err
	}
	return s.Store.DeleteGroup(ctx, name, w)
}

func TestResourcesOfAStoreInTrouble(t *testing.T) {
	g := start(t, func(o *admin.Options) { whole(o); o.StoreTimeout = 50 * time.Millisecond })
	body := local(`{"name":"bob"}`, "")
	g.store.set(errors.New("reading"), nil)
	for _, c := range [][3]string{
		{"GET", accounts, ""},
		{"PUT", accounts, body},
		{"DELETE", accounts, `{"name":"bob"}`},
		{"GET", groups, ""},
		{"GET", groups + "/g", ""},
		{"PUT", groups, aGroup("g", "{}")},
		{"DELETE", groups + "/g", ""},
		{"GET", vclusters, ""},
		{"GET", vclusters + "/v", ""},
		{"PUT", vclusters, cluster("v", "{}")},
		{"DELETE", vclusters + "/v", ""},
		{"POST", "/gateway/v2/token", `{"username":"bob","lifeTimeSeconds":60}`},
		{"POST", "/admin/username/bob", `{"lifeTimeSeconds":60}`},
		{"GET", "/admin/vclusters/v1", ""},
	} {
		if r := g.ask(c[0], c[1], boss, c[2]); r.status != 503 || r.header.Get("Retry-After") != "1" {
			t.Errorf("%v: %d %s", c, r.status, r.body)
		}
	}
	for fault, status := range map[error]int{
		mapping.ErrFull: 507, errors.New("broken"): 503, mapping.ErrNotReady: 503, mapping.ErrBusy: 409, mapping.ErrChanged: 409, mapping.ErrForbidden: 503,
		context.DeadlineExceeded: 503,
	} {
		g.store.set(nil, func(context.Context, string) error { return fault })
		if r := g.ask("PUT", accounts, boss, body); r.status != status || !strings.HasPrefix(r.body, `{"title":`) {
			t.Errorf("%v: PUT: %d %s", fault, r.status, r.body)
		}
		if status == 507 {
			continue
		}
		if r := g.ask("DELETE", groups+"/g", boss, ""); r.status != status {
			t.Errorf("%v: DELETE: %d %s", fault, r.status, r.body)
		}
	}
	g.store.set(nil, func(context.Context, string) error { panic("a fault") })
	if r := g.ask("PUT", accounts, boss, body); r.status != 500 || r.body != problem("An unexpected error occurred in the server", "The gateway failed; its log says more.", "") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// Two who change different parts of one account at once both get what they asked for, each time.
func TestAccountsAreNotReshapedByTwoAtOnce(t *testing.T) {
	g := start(t, whole)
	put := func(one, password, other string) {
		r, err := g.try("PUT", accounts, boss, local(`{"name":"bob"}`,
			`,"scram":[{"mechanism":"`+one+`","password":"`+password+`"},{"mechanism":"`+other+`"}]`))
		if err != nil || r.status != 200 {
			t.Errorf("%v, %d %s", err, r.status, r.body)
		}
	}
	g.ask("PUT", accounts, boss, local(`{"name":"bob"}`, `,"scram":[{"mechanism":"SCRAM-SHA-256","password":"x"}]`))
	put("SCRAM-SHA-512", "x", "SCRAM-SHA-256")
	g.store.set(nil, func(context.Context, string) error {
		runtime.Gosched() // between what was read and the write
		return nil
	})
	for i := range 100 {
		password := fmt.Sprint("round", i)
		var both sync.WaitGroup
		both.Go(func() { put("SCRAM-SHA-256", password, "SCRAM-SHA-512") })
		both.Go(func() { put("SCRAM-SHA-512", password, "SCRAM-SHA-256") })
		both.Wait()
		a, _ := g.store.Users().Account("passthrough", "bob")
		for _, c := range a.Scram {
			if want, _ := scram(c.Mechanism, password, c.Salt, 8192); !bytes.Equal(want.StoredKey, c.StoredKey) {
				t.Fatalf("round %d: the change of %s is lost", i, c.Mechanism)
			}
		}
	}
}
