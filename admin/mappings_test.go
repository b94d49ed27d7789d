package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-kafka/postern/admin"
	"github.com/postern-kafka/postern/mapping"
)

const (
	base   = "/admin/userMappings/v1"
	boss   = "admin:conduktor"
	reader = "reader:only:reads"
	made   = `{"message":"User mapping is created"}`
)

// step is one request and what must come back. An empty body means exactly that.
type step struct {
	method, path, who, body string
	status                  int
	want                    string
	notice                  bool // the answer says when the change takes effect
}

func walk(t *testing.T, g *gateway, steps []step) {
	t.Helper()
	for i, s := range steps {
		r := g.ask(s.method, s.path, s.who, s.body)
		name := fmt.Sprintf("step %d: %s %s %s", i, s.method, s.path, s.body)
		if r.status != s.status || r.body != s.want {
			t.Errorf("%s:\n got %d %s\nwant %d %s", name, r.status, r.body, s.status, s.want)
		}
		wantType := "application/json"
		if s.want == "" {
			wantType = ""
		}
		if got := r.header.Get("Content-Type"); got != wantType {
			t.Errorf("%s: Content-Type %q, want %q", name, got, wantType)
		}
		if got := r.header.Get("X-Postern-Notice"); (got == "takes effect at the next connection of the principal") != s.notice {
			t.Errorf("%s: notice %q, want one: %t", name, got, s.notice)
		}
		if got := r.header.Get("Server"); got != "postern" {
			t.Errorf("%s: Server %q", name, got)
		}
	}
}

func TestMappingsLiveAndDie(t *testing.T) {
	walk(t, start(t, nil), []step{
		{"GET", base, boss, "", 200, `[]`, false},
		{"POST", base, boss, `{"username":"CN=username"}`, 201, made, true},
		{"GET", base, reader, "", 200, `["CN=username"]`, false},
		{
			"GET", base + "/username/CN=username", reader, "", 200,
			`{"vcluster":"passthrough","username":"CN=username","principal":"CN=username","groups":[]}`, false,
		},
		{
			"GET", base + "/username/CN%3Dusername", reader, "", 200,
			`{"vcluster":"passthrough","username":"CN=username","principal":"CN=username","groups":[]}`, false,
		},

		{
			"POST", base, boss, `{"username":"CN=username"}`, 409,
			messageBody(`The username \"CN=username\" is already mapped in the virtual cluster \"passthrough\": change it with PUT.`), false,
		},
		{
			"POST", base, boss, `{"username":"other","principal":"CN=username"}`, 409,
			messageBody(`The principal \"CN=username\" is already mapped to the username \"CN=username\" in the virtual cluster \"passthrough\".`), false,
		},
		{
			"PUT", base + "/username/other", boss, `{"username":"other","principal":"CN=username"}`, 409,
			messageBody(`The principal \"CN=username\" is already mapped to the username \"CN=username\" in the virtual cluster \"passthrough\".`), false,
		},

		{"PUT", base + "/username/CN=username", boss, `{"username":"CN=username","principal":"CN=new","groups":["g1","g2"]}`, 204, "", true},
		{
			"GET", base + "/username/CN=username", boss, "", 200,
			`{"vcluster":"passthrough","username":"CN=username","principal":"CN=new","groups":["g1","g2"]}`, false,
		},
		{"PUT", base + "/username/bob", boss, `{"username":"bob","groups":null,"principal":null}`, 201, made, true},
		{
			"PUT", base + "/username/bob", boss, `{"username":"alice"}`, 400,
			messageBody(`field \"username\": \"alice\" is not the username of the path, \"bob\"`), false,
		},
		{"GET", base, boss, "", 200, `["CN=username","bob"]`, false},

		{"DELETE", base + "/username/CN=username", boss, "", 204, "", true},
		{
			"DELETE", base + "/username/CN=username", boss, "", 404,
			messageBody(`There is no mapping of the username \"CN=username\" in the virtual cluster \"passthrough\".`), false,
		},
		{
			"GET", base + "/username/CN=username", boss, "", 404,
			messageBody(`There is no mapping of the username \"CN=username\" in the virtual cluster \"passthrough\".`), false,
		},
		{"GET", base, boss, "", 200, `["bob"]`, false},
	})
}

func TestMappingsUnderAVirtualCluster(t *testing.T) {
	const in = base + "/vcluster/passthrough"
	none := messageBody(`The virtual cluster \"teamA\" does not exist.`)
	walk(t, start(t, nil), []step{
		{"POST", in, boss, `{"username":"a"}`, 201, made, true},
		{"GET", in, boss, "", 200, `["a"]`, false},
		{"GET", base, boss, "", 200, `["a"]`, false},
		{"GET", in + "/username/a", boss, "", 200, `{"vcluster":"passthrough","username":"a","principal":"a","groups":[]}`, false},
		{"PUT", in + "/username/a", boss, `{"username":"a","groups":["g"]}`, 204, "", true},
		{"GET", base + "/username/a", boss, "", 200, `{"vcluster":"passthrough","username":"a","principal":"a","groups":["g"]}`, false},
		{"DELETE", in + "/username/a", boss, "", 204, "", true},

		{"POST", base + "/vcluster/teamA", boss, `{"username":"a"}`, 404, none, false},
		{"GET", base + "/vcluster/teamA", boss, "", 404, none, false},
		{"GET", base + "/vcluster/teamA/username/a", boss, "", 404, none, false},
		{"PUT", base + "/vcluster/teamA/username/a", boss, `{"username":"a"}`, 404, none, false},
		{"DELETE", base + "/vcluster/teamA/username/a", boss, "", 404, none, false},
		{"GET", base, boss, "", 200, `[]`, false},
	})
}

// Every name that a mapping may have survives the way into a body, into a path and back.
func TestAnyUsernameGoesThroughThePath(t *testing.T) {
	g := start(t, nil)
	for _, name := range []string{
		"CN=username", "CN=a, OU=b+UID=7, C=DE", "a/b", "a%2Fb", "100%", "a+b", "a b", "ü–ö", "..", ".", "vcluster", "username",
		"?x=1#y", "<&>\"'\\", "spiffe://domain/ns/x", strings.Repeat("n", 4096), strings.Repeat("ü", 2048),
	} {
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)
		path := base + "/username/" + strings.NewReplacer("+", "%20").Replace(url.QueryEscape(name))
		if r := g.ask("PUT", path, boss, `{"username":"`+quoted+`"}`); r.status != 201 {
			t.Errorf("PUT %.40q: %d %s", name, r.status, r.body)
			continue
		}
		want := `{"vcluster":"passthrough","username":"` + quoted + `","principal":"` + quoted + `","groups":[]}`
		if r := g.ask("GET", path, boss, ""); r.status != 200 || r.body != want {
			t.Errorf("GET %.40q: %d %.200s", name, r.status, r.body)
		}
		if _, ok := g.store.Users().Lookup(name); !ok {
			t.Errorf("%.40q does not resolve", name)
		}
		if r := g.ask("DELETE", path, boss, ""); r.status != 204 {
			t.Errorf("DELETE %.40q: %d %s", name, r.status, r.body)
		}
	}
}

// In a path a plus is a plus; only in a query is it a space.
func TestPlusInAPath(t *testing.T) {
	walk(t, start(t, nil), []step{
		{"PUT", base + "/username/a+b", boss, `{"username":"a+b"}`, 201, made, true},
		{
			"GET", base + "/username/a%2Bb", boss, "", 200,
			`{"vcluster":"passthrough","username":"a+b","principal":"a+b","groups":[]}`, false,
		},
	})
}

func TestBodiesThatAreRefusedSayWhy(t *testing.T) {
	g := start(t, nil)
	for _, c := range []struct{ body, want string }{
		{``, `the body is empty: a JSON object with the field \"username\" is expected`},
		{" \n", `the body is empty: a JSON object with the field \"username\" is expected`},
		{`{}`, `field \"username\": required`},
		{`{"username":""}`, `field \"username\": required`},
		{`{"username":null}`, `field \"username\": required`},
		{`{"username":7}`, `field \"username\": must be a string, not a number`},
		{`{"username":["a"]}`, `field \"username\": must be a string, not an array`},
		{`{"username":"a","principal":true}`, `field \"principal\": must be a string, not a boolean`},
		{`{"username":"a","groups":"g"}`, `field \"groups\": must be an array of strings, not a string`},
		{`{"username":"a","groups":["g",{}]}`, `field \"groups[1]\": must be a string, not an object`},
		{`{"username":"a","groups":[null]}`, `field \"groups[0]\": must be a string, not null`},
		{`{"username":"a","groups":[""]}`, `field \"groups[0]\": must not be empty`},
		{`{"username":"a","color":"red"}`, `field \"color\": unknown`},
		{`{"Username":"a"}`, `field \"Username\": unknown`},
		{`{"username":"a","vcluster":"b"}`, `field \"vcluster\": unknown here: the virtual cluster is named in the path (/vcluster/{vcluster})`},
		{`{"username":"a","username":"b"}`, `field \"username\": given twice`},
		{`{"username":"a"} x`, `the body goes on after the JSON object, at byte 17`},
		{`{"username":"a"}{}`, `the body goes on after the JSON object, at byte 17`},
		{`["a"]`, `the body is not a JSON object`},
		{`"a"`, `the body is not a JSON object`},
		{`1e999999`, `the body is not a JSON object`},
		{`{"username":"a"`, `the body is not JSON: it ends too early`},
		{`{"username":`, `the body is not JSON: it ends too early`},
		{`username=a`, `the body is not JSON: invalid character 'u' looking for beginning of value, after byte 0`},
		{"{\"username\":\"\xff\"}", `the body is not valid UTF-8`},
		{`{"username":"\ud800"}`, `field \"username\": an escape is half of a surrogate pair`},
		{`{"username":"a\u0000b"}`, `field \"username\": control character at byte 1`},
		{`{"username":"` + strings.Repeat("n", 4097) + `"}`, `field \"username\": 4097 bytes long, at most 4096 allowed`},
		{`{"username":"a","groups":[` + strings.Repeat(`"g",`, 100) + `"g"]}`, `field \"groups\": 101 given, at most 100 allowed`},
		{strings.Repeat("[", 20000), `the body is not a JSON object`},
		{`{"username":` + strings.Repeat("[", 20000), `the body is not JSON: invalid character '[' exceeded max depth, after byte 12`},
	} {
		r := g.ask("POST", base, boss, c.body)
		if want := messageBody("%s", c.want); r.status != 400 || r.body != want {
			t.Errorf("%.60q:\n got %d %s\nwant 400 %s", c.body, r.status, r.body, want)
		}
	}
	if n := g.store.Users().Len(); n != 0 {
		t.Errorf("%d mappings were made of refused bodies", n)
	}
}

func TestContentTypeIsNotAskedFor(t *testing.T) {
	g := start(t, nil)
	for i, contentType := range []string{
		"", "application/json", "text/plain", "application/x-www-form-urlencoded",
		"multipart/form-data; boundary=x",
	} {
		body := fmt.Sprintf(`{"username":"u%d"}`, i)
		if r := g.ask("POST", base, boss, body, "Content-Type", contentType); r.status != 201 {
			t.Errorf("%q: %d %s", contentType, r.status, r.body)
		}
	}
}

func TestStoreFailuresAreTold(t *testing.T) {
	g := start(t, func(o *admin.Options) { o.StoreTimeout = 50 * time.Millisecond })
	stuck := func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return fmt.Errorf("store: put: %w", ctx.Err())
	}
	failing := func(err error) func(context.Context, string) error {
		return func(context.Context, string) error { return err }
	}
	for _, c := range []struct {
		name   string
		ready  error
		catch  func(context.Context, string) error
		status int
		want   string
	}{
		{"time-out", nil, stuck, 503, "The store did not confirm the change within 50ms; it may still take effect."},
		{
			"other", nil, failing(errors.New("kafka: NOT_ENOUGH_REPLICAS")), 503,
			"The store could not make the change: kafka: NOT_ENOUGH_REPLICAS",
		},
		{
			"not ready", errors.New("no broker answers"), nil, 503,
			"The store of user mappings is not ready: no broker answers",
		},
		{
			"not ready, said by the write", nil, failing(mapping.ErrNotReady), 503,
			"The store of user mappings is not ready: mapping: store not ready",
		},
		{"full", nil, failing(mapping.ErrFull), 507, "There is no room for another mapping: mapping: too many mappings"},
		{"conflict without its holder", nil, failing(mapping.ErrConflict), 409, "mapping: principal belongs to another username"},
		{"field", nil, failing(&mapping.FieldError{Field: "principal", Problem: "too odd"}), 400, `field \"principal\": too odd`},
		{
			"panic", nil, func(context.Context, string) error { panic("secret of the house") }, 500,
			"The gateway failed; its log says more.",
		},
	} {
		g.store.set(c.ready, c.catch)
		for _, q := range []step{
			{method: "POST", path: base, body: `{"username":"a"}`},
			{method: "PUT", path: base + "/username/a", body: `{"username":"a"}`},
			{method: "DELETE", path: base + "/username/a"},
		} {
			if q.method == "DELETE" && c.status == 507 {
				continue // no store says so
			}
			r := g.ask(q.method, q.path, boss, q.body)
			if want := messageBody("%s", c.want); r.status != c.status || r.body != want {
				t.Errorf("%s, %s:\n got %d %s\nwant %d %s", c.name, q.method, r.status, r.body, c.status, want)
			}
		}
	}
	g.store.set(errors.New("still reading"), nil)
	if r := g.ask("GET", base, boss, ""); r.status != 503 || r.header.Get("Retry-After") != "1" {
		t.Errorf("GET before the store is ready: %d %s", r.status, r.body)
	}
	if !strings.Contains(g.log.String(), "secret of the house") {
		t.Error("the panic's value is not in the log")
	}
	g.store.set(nil, nil)
	if r := g.ask("POST", base, boss, `{"username":"a"}`); r.status != 201 {
		t.Errorf("after the failures: %d %s", r.status, r.body)
	}
}

// One of many who want the same principal gets it, and everybody is told the truth.
func TestManyWritersOnePrincipal(t *testing.T) {
	g := start(t, nil)
	const writers = 24
	var won, lost sync.Map
	var all sync.WaitGroup
	for i := range writers {
		all.Add(1)
		go func() {
			defer all.Done()
			name := fmt.Sprintf("user-%02d", i)
			r, err := g.try("POST", base, boss, `{"username":"`+name+`","principal":"CN=shared"}`)
			switch {
			case err != nil:
				t.Error(err)
			case r.status == 201:
				won.Store(name, true)
			case r.status == 409:
				lost.Store(name, r.body)
			default:
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
			if _, err := g.try("GET", base, reader, ""); err != nil {
				t.Error(err)
			}
		}()
	}
	all.Wait()
	var winner string
	won.Range(func(name, _ any) bool {
		if winner != "" {
			t.Errorf("both %s and %s hold the principal", winner, name)
		}
		winner = name.(string)
		return true
	})
	lost.Range(func(name, body any) bool {
		if !strings.Contains(body.(string), winner) {
			t.Errorf("%s is not told that %s holds the principal: %s", name, winner, body)
		}
		return true
	})
	if r := g.ask("GET", base, boss, ""); r.body != `["`+winner+`"]` {
		t.Errorf("the list is %s, want only %s", r.body, winner)
	}
}
