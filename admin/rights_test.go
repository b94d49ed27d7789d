package admin_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/admin"
)

const noPermission = `{"message":"You do not have permission to call this API, please contact your administrator."}`

// Every row of the surface, asked by every kind of caller.
func TestRights(t *testing.T) {
	g := start(t, nil)
	surface := []struct {
		method, path string
		needs        string
		ok           int // status for a caller who has the right, sent without a body
	}{
		{"GET", "/health", "nothing", 200},
		{"GET", "/health/live", "nothing", 200},
		{"GET", "/health/ready", "nothing", 200},
		{"GET", "/versions", "nothing", 200},
		{"GET", "/metrics", "reading", 200},
		{"GET", base, "reading", 200},
		{"POST", base, "writing", 400},
		{"GET", base + "/username/x", "reading", 404},
		{"PUT", base + "/username/x", "writing", 400},
		{"DELETE", base + "/username/x", "writing", 404},
		{"GET", base + "/vcluster/passthrough", "reading", 200},
		{"POST", base + "/vcluster/passthrough", "writing", 400},
		{"GET", base + "/vcluster/passthrough/username/x", "reading", 404},
		{"PUT", base + "/vcluster/passthrough/username/x", "writing", 400},
		{"DELETE", base + "/vcluster/passthrough/username/x", "writing", 404},
		{"GET", denylist, "reading", 200},
		{"POST", denylist, "writing", 400},
		{"GET", denylist + "/" + print1, "reading", 404},
		{"DELETE", denylist + "/" + print1, "writing", 404},
	}
	nobodies := []string{"", "admin:wrong", "admin:", "admin:conduktor2", "admin:conduk", "nobody:conduktor", ":", "reader:conduktor"}
	for _, row := range surface {
		for _, who := range append([]string{boss, reader}, nobodies...) {
			r := g.ask(row.method, row.path, who, "")
			want := row.ok
			switch {
			case row.needs == "nothing" || who == boss || row.needs == "reading" && who == reader:
			case who == reader:
				want = 403
				if r.body != noPermission {
					t.Errorf("%s %s as %q: body %s", row.method, row.path, who, r.body)
				}
			default:
				want = 401
				if r.body != "" || r.header.Get("WWW-Authenticate") != `Basic realm="postern"` {
					t.Errorf("%s %s as %q: 401 with body %q and %q", row.method, row.path, who, r.body, r.header)
				}
			}
			if r.status != want {
				t.Errorf("%s %s as %q: %d, want %d", row.method, row.path, who, r.status, want)
			}
		}
	}
}

// Whatever the document says is refused to those without credentials, or to those who may only read, is.
func TestRightsOfEveryOperation(t *testing.T) {
	g := start(t, whole)
	variable := regexp.MustCompile(`\{[^}]+\}`)
	for pattern, methods := range g.contract.Paths {
		for method, op := range methods {
			path := variable.ReplaceAllString(pattern, "x")
			_, secured := op.Responses["401"]
			_, writes := op.Responses["403"]
			if r := g.ask(strings.ToUpper(method), path, "", "{}"); (r.status == 401) != secured {
				t.Errorf("%s %s as nobody: %d", method, path, r.status)
			}
			if r := g.ask(strings.ToUpper(method), path, reader, "{}"); (r.status == 403) != writes {
				t.Errorf("%s %s as a reader: %d", method, path, r.status)
			}
			if writes == (method == "get") && !strings.HasSuffix(path, "/resolve") {
				t.Errorf("%s %s: writing: %t", method, path, writes)
			}
		}
	}
}

func TestAuthorizationHeaders(t *testing.T) {
	g := start(t, nil)
	pair := base64.StdEncoding.EncodeToString([]byte("admin:conduktor"))
	for header, status := range map[string]int{
		"Basic " + pair:        200,
		"basic " + pair:        200,
		"BASIC   " + pair:      200,
		"Basic":                401,
		"Basic ":               401,
		"Basic" + pair:         401,
		"Bearer " + pair:       401,
		"Basic " + pair + "!":  401,
		"Basic " + pair[:10]:   401,
		"Basic YWRtaW4=":       401, // admin, no colon
		"Basic Og==":           401, // a colon alone
		pair:                   401,
		"Basic " + pair + pair: 401,
	} {
		if r := g.ask("GET", base, "", "", "Authorization", header); r.status != status {
			t.Errorf("%q: %d, want %d", header, r.status, status)
		}
	}
}

// A header that is not Basic at all must not pass for a user with an empty name and password.
func TestEmptyCredentialsAreNotNoCredentials(t *testing.T) {
	g := start(t, func(o *admin.Options) { o.Users = []admin.Credentials{{Admin: true}} })
	for header, status := range map[string]int{"": 401, "Basic": 401, "Bearer x": 401, "Basic Og==": 200} {
		if r := g.ask("GET", base, "", "", "Authorization", header); r.status != status {
			t.Errorf("%q: %d, want %d", header, r.status, status)
		}
	}
}

// A user who is written down twice has the rights of the first row that fits, not the best of both.
func TestTheFirstFittingUserCounts(t *testing.T) {
	g := start(t, func(o *admin.Options) {
		o.Users = []admin.Credentials{{"a", "one", false}, {"a", "one", true}, {"a", "two", true}, {"a", "two", false}}
	})
	for who, status := range map[string]int{"a:one": 403, "a:two": 400} {
		if r := g.ask("POST", base, who, ""); r.status != status {
			t.Errorf("%s: %d, want %d", who, r.status, status)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		users []admin.Credentials
		want  []string // a part of each warning
	}{
		{nil, []string{"no user is defined"}},
		{[]admin.Credentials{{"a", "s3cret", true}}, nil},
		{everybody, []string{`user "admin" has the default password`}},
		{[]admin.Credentials{{"a", "", true}}, []string{`user "a" has an empty password`}},
		{[]admin.Credentials{{"a", "s3cret", true}, {"a", "other", false}}, []string{`user "a" is defined more than once`}},
	} {
		got := admin.New(admin.Options{Users: c.users, Store: newStore()}).Warnings()
		fits := slices.EqualFunc(got, c.want, func(g, w string) bool {
			return strings.HasPrefix(g, "GATEWAY_ADMIN_API_USERS: ") && strings.Contains(g, w) && !strings.Contains(g, "s3cret")
		})
		if !fits {
			t.Errorf("%v: warnings %q, want %q", c.users, got, c.want)
		}
	}
}

// A page of another site cannot use the credentials that a browser remembers.
func TestOtherOriginsDoNotWrite(t *testing.T) {
	g := start(t, nil)
	for i, c := range []struct {
		name, value string
		status      int
	}{
		{"Sec-Fetch-Site", "cross-site", 403},
		{"Sec-Fetch-Site", "same-site", 403},
		{"Sec-Fetch-Site", "same-origin", 201},
		{"Sec-Fetch-Site", "none", 201},
		{"Origin", "https://evil.example", 403},
		{"Origin", "null", 403},
		{"Origin", "http://" + g.addr, 201},
	} {
		r := g.ask("POST", base, boss, fmt.Sprintf(`{"username":"u%d"}`, i), c.name, c.value)
		if r.status != c.status {
			t.Errorf("%s: %s: %d %s, want %d", c.name, c.value, r.status, r.body, c.status)
		}
		if r := g.ask("GET", base, boss, "", c.name, c.value); r.status != 200 {
			t.Errorf("GET, %s: %s: %d", c.name, c.value, r.status)
		}
	}
}

func TestSecretsStayOutOfTheLog(t *testing.T) {
	g := start(t, nil)
	g.ask("POST", base, boss, `{"username":"a"}`)
	g.ask("POST", base, "admin:wr0ng-passw0rd", `{"username":"a"}`)
	pair := base64.StdEncoding.EncodeToString([]byte(boss))
	g.raw("BREW / HTTP/9.9\r\nAuthorization: Basic " + pair + "\r\n\r\n")
	g.raw("GET / HTTP/1.1\r\nAuthorization Basic " + pair + "\r\n\r\n")
	g.ask("GET", base, "", "", "Authorization", "Bearer "+pair)
	g.ask("GET", "/nowhere", boss, "")
	g.store.set(nil, func(context.Context, string) error { panic("a fault") })
	g.ask("PUT", base+"/username/a", boss, `{"username":"a"}`)
	log := g.log.String()
	for _, secret := range []string{"conduktor", "wr0ng-passw0rd", pair} {
		if strings.Contains(log, secret) {
			t.Errorf("%q is in the log:\n%s", secret, log)
		}
	}
	if !strings.Contains(log, `"admin: user mapping created" by=admin vcluster=passthrough username=a principal=a `) {
		t.Errorf("the log does not say who made the mapping:\n%s", log)
	}
}
