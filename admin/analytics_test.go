package admin_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/admin"
)

// The counts are of what is declared, by either generation.
func TestLived(t *testing.T) {
	g := start(t, func(o *admin.Options) { whole(o); o.Version = "1.2.3" })
	const path = "/gateway/v2/analytics/lived"
	want := func(protocol, accounts, groups, vclusters string) string {
		return `{"version":"1.2.3","os":"` + runtime.GOOS + `","securityProtocol":"` + protocol + `","interceptors":0,"serviceAccounts":` + accounts +
			`,"groups":` + groups + `,"virtualClusters":` + vclusters + `,"aliasTopics":0,"concentratedTopics":0}`
	}
	if r := g.ask("GET", path, reader, ""); r.status != 200 || r.body != want("SASL_SSL", "0", "0", "0") {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, c := range [][2]string{
		{"virtual-cluster", resource("VirtualCluster", `{"name":"teamA"}`, `{}`)},
		{"service-account", resource("GatewayServiceAccount", `{"name":"orders"}`, `{"type":"LOCAL"}`)},
		{"service-account", resource("GatewayServiceAccount", `{"name":"orders","vCluster":"teamA"}`, `{"type":"LOCAL"}`)},
		{"group", resource("GatewayGroup", `{"name":"writers"}`, `{"members":[{"name":"orders"}]}`)},
	} {
		if r := g.ask("PUT", "/gateway/v2/"+c[0], boss, c[1]); r.status != 200 {
			t.Fatalf("%v: %d %s", c, r.status, r.body)
		}
	}
	g.ask("POST", base, boss, `{"username":"CN=bills"}`)
	if r := g.ask("GET", path, reader, ""); r.body != want("SASL_SSL", "3", "1", "1") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := g.ask("GET", path+"?x=1", reader, ""); r.status != 400 {
		t.Errorf("a parameter that is not known: %d %s", r.status, r.body)
	}
	g.store.set(errors.New("reading"), nil)
	if r := g.ask("GET", path, reader, ""); r.status != 503 || !strings.Contains(r.body, "reading") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := start(t, func(o *admin.Options) { o.Version = "1.2.3" }).ask("GET", path, reader, ""); r.body != want("PLAINTEXT", "0", "0", "0") {
		t.Errorf("in clear: %s", r.body)
	}
}
