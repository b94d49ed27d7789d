package admin_test

import (
	"strings"
	"testing"
)

func TestKindsThatAreNotHere(t *testing.T) {
	g := start(t, nil)
	const v2 = "/gateway/v2/"
	for _, kind := range []string{"interceptor", "alias-topic", "concentration-rule", "concentrated-topic", "plugin"} {
		if r := g.ask("GET", v2+kind, reader, ""); r.status != 200 || r.body != "[]" {
			t.Errorf("%s: %d %s", kind, r.status, r.body)
		}
	}
	if r := g.ask("POST", v2+"interceptor/resolve", reader, `{"username":"a"}`); r.status != 200 || r.body != "[]" {
		t.Errorf("resolve: %d %s", r.status, r.body)
	}
	for _, call := range [][3]string{
		{"PUT", "interceptor", "interceptors: it runs no interceptors"},
		{"DELETE", "interceptor/x", "interceptors: it runs"},
		{"PUT", "alias-topic", "alias topics"},
		{"DELETE", "alias-topic", "alias topics"},
		{"PUT", "concentration-rule", "concentration rules"},
		{"DELETE", "concentration-rule", "concentration rules"},
	} {
		r := g.ask(call[0], v2+call[1], boss, "{}")
		if r.status != 501 || !strings.HasPrefix(r.body, `{"title":"This gateway does not do that","msg":"This gateway has no `+call[2]) {
			t.Errorf("%v: %d %s", call, r.status, r.body)
		}
		if r := g.ask(call[0], v2+call[1], reader, "{}"); r.status != 403 || r.body != `{"title":"You do not have permission to call this API, please contact your administrator."}` {
			t.Errorf("%v as a reader: %d %s", call, r.status, r.body)
		}
	}
	for query, want := range map[string]string{
		"name=a&showDefaults=true":              "",
		"name=&vcluster=%ff&showDefaults=false": "",
		"showDefaults=yes":                      "query parameter showDefaults (must be true or false)",
		"showDefaults":                          "query parameter showDefaults (must be true or false)",
		"showdefaults=true":                     "query parameter showdefaults (unknown)",
		"name=a&name=b":                         "query parameter name (given twice)",
	} {
		r := g.ask("GET", v2+"alias-topic?"+query, boss, "")
		if want == "" && (r.status != 200 || r.body != "[]") {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
		if want != "" && (r.status != 400 || r.body != "Invalid value for: "+want || r.header.Get("Content-Type") != "text/plain; charset=utf-8") {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}
	for path, want := range map[string]string{
		"plugin":  `{"title":"The given credentials are not valid"}`,
		"nowhere": `{"title":"The searched entity was not found","msg":"There is nothing at this path."}`,
	} {
		if r := g.ask("GET", v2+path, "", ""); r.body != want {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if r := g.ask("PATCH", v2+"plugin", boss, ""); r.status != 405 || !strings.Contains(r.body, `"title":"The method is not allowed here"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// The first generation has these kinds elsewhere, and in several places.
func TestKindsOfTheFirstGenerationThatAreNotHere(t *testing.T) {
	g := start(t, whole)
	const vcluster = "/admin/vclusters/v1/vcluster/passthrough"
	const interceptors = "/admin/interceptors/v1"
	for _, kind := range []string{"/topics", "/concentration-rules"} {
		if r := g.ask("GET", vcluster+kind, reader, ""); r.status != 200 || r.body != "[]" {
			t.Errorf("%s: %d %s", kind, r.status, r.body)
		}
		if r := g.ask("GET", "/admin/vclusters/v1/vcluster/nowhere"+kind, reader, ""); r.status != 404 || r.body != `{"message":"The virtual cluster \"nowhere\" does not exist."}` {
			t.Errorf("%s: %d %s", kind, r.status, r.body)
		}
	}
	const noTopics = "This gateway has no topics of their own in a virtual cluster: it does not rename topics."
	const noRules = "This gateway has no concentration rules: it does not concentrate topics."
	wants := func(method, path, want string) {
		t.Helper()
		if r := g.ask(method, path, boss, "{}"); r.status != 501 || r.body != messageBody("%s", want) {
			t.Errorf("%s %s: %d %s", method, path, r.status, r.body)
		}
		if r := g.ask(method, path, reader, "{}"); r.status != 403 || r.body != noPermission {
			t.Errorf("%s %s as a reader: %d %s", method, path, r.status, r.body)
		}
	}
	wants("DELETE", vcluster+"/topics", noTopics)
	wants("POST", vcluster+"/topics/orders", noTopics)
	wants("DELETE", vcluster+"/topics/orders", noTopics)
	wants("POST", vcluster+"/concentration-rules", noRules)
	wants("DELETE", vcluster+"/concentration-rules?pattern=x", noRules)
	wants("POST", "/admin/pclusters/v1/pcluster/main/switch?to=failover", "This gateway has no other physical clusters: it has one.")
	for _, scope := range []string{
		"", "/global", "/username/a%2Fb", "/group/g", "/vcluster/passthrough", "/vcluster/passthrough/username/a", "/vcluster/passthrough/group/g",
	} {
		if r := g.ask("GET", interceptors+scope, reader, ""); r.status != 200 || r.body != `{"interceptors":[]}` {
			t.Errorf("%s: %d %s", scope, r.status, r.body)
		}
		one := interceptors + scope + "/interceptor/x"
		if r := g.ask("GET", one, reader, ""); r.status != 404 || r.body != messageBody("This gateway has no interceptors.") {
			t.Errorf("%s: %d %s", one, r.status, r.body)
		}
		for _, method := range []string{"POST", "PUT", "DELETE"} {
			wants(method, one, "This gateway has no interceptors: it runs no interceptors.")
		}
	}
	for _, call := range [][2]string{{"GET", "/all?pluginClass=x"}, {"POST", "/resolve"}} {
		if r := g.ask(call[0], interceptors+call[1], reader, `{"username":"a"}`); r.status != 200 || r.body != `{"interceptors":[]}` {
			t.Errorf("%v: %d %s", call, r.status, r.body)
		}
	}
	if r := g.ask("GET", interceptors+"/vcluster/nowhere/group/g", reader, ""); r.status != 404 {
		t.Errorf("in a virtual cluster that is not there: %d %s", r.status, r.body)
	}
}
