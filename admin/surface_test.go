package admin_test

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/admin"
)

func TestMethodsAndPathsThatAreNotThere(t *testing.T) {
	g := start(t, nil)
	const nothing = `{"message":"There is nothing at this path."}`
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/admin", 404, ""},
		{"GET", "/admin/userMappings/v2", 404, ""},
		{"GET", base + "/", 404, ""},
		{"GET", base + "/username", 404, ""},
		{"GET", base + "/username/", 404, ""},
		{"GET", base + "/username/a/b", 404, ""},
		{"GET", base + "/vcluster//username/a", 404, ""},
		{"GET", "/x/..%2fmetrics", 404, ""},
		{"GET", "/x/%2e%2e/metrics", 404, ""},
		{"GET", "//metrics", 404, ""},
		{"OPTIONS", "/nowhere", 404, ""},
		{"POST", "/health", 405, "GET, HEAD, OPTIONS"},
		{"DELETE", base, 405, "GET, HEAD, OPTIONS, POST"},
		{"PATCH", base + "/username/a", 405, "DELETE, GET, HEAD, OPTIONS, PUT"},
		{"POST", base + "/vcluster/v/username/a", 405, "DELETE, GET, HEAD, OPTIONS, PUT"},
		{"BREW", "/health", 405, "GET, HEAD, OPTIONS"},
		{"OPTIONS", base, 204, "GET, HEAD, OPTIONS, POST"},
		{"OPTIONS", "/health/ready", 204, "GET, HEAD, OPTIONS"},
	} {
		r := g.ask(c.method, c.path, boss, "")
		if r.status != c.status || r.header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %d, Allow %q; want %d, %q", c.method, c.path, r.status, r.header.Get("Allow"), c.status, c.allow)
		}
		if c.status == 404 && r.body != nothing {
			t.Errorf("%s %s: body %s", c.method, c.path, r.body)
		}
		if c.status == 405 && r.body != messageBody("The method %s is not allowed here; these are: %s.", c.method, c.allow) {
			t.Errorf("%s %s: body %s", c.method, c.path, r.body)
		}
	}
	if r := g.ask("GET", "/versions?pretty=true", "", ""); r.status != 200 {
		t.Errorf("with a query: %d", r.status)
	}
}

// HEAD is GET without the body: the same status, type and length.
func TestHeadIsGetWithoutItsBody(t *testing.T) {
	g := start(t, nil)
	for _, path := range []string{"/health", "/health/ready", "/versions", base, base + "/username/nobody"} {
		get, head := g.ask("GET", path, boss, ""), g.ask("HEAD", path, boss, "")
		if head.body != "" || head.status != get.status ||
			head.header.Get("Content-Length") != fmt.Sprint(len(get.body)) ||
			head.header.Get("Content-Type") != get.header.Get("Content-Type") {
			t.Errorf("%s: GET %d %v, HEAD %d %v %q", path, get.status, get.header, head.status, head.header, head.body)
		}
	}
}

func TestHealthAndVersions(t *testing.T) {
	var reason error
	g := start(t, func(o *admin.Options) { o.Ready = func() error { return reason } })
	for _, c := range []struct {
		path              string
		reason            error
		status            int
		contentType, want string
	}{
		{"/health", nil, 200, "application/json", `{"status":"UP","checks":[{"id":"buildInfo","status":"UP","data":` +
			`{"commit":"0a1b2c3","time":"2026-11-01T00:00:00Z","version":"1.2.3"}},{"id":"live","status":"UP"}],"outcome":"UP"}`},
		{"/health/live", errors.New("no"), 200, "text/plain; charset=utf-8", "LIVE"},
		{"/health/ready", nil, 200, "text/plain; charset=utf-8", "READY"},
		{
			"/health/ready", errors.New("user mappings: no broker answers"), 503, "text/plain; charset=utf-8",
			"NOTREADY\nuser mappings: no broker answers",
		},
		{"/versions", nil, 200, "application/json", `{"gateway":"1.2.3"}`},
	} {
		reason = c.reason
		r := g.ask("GET", c.path, "", "")
		if r.status != c.status || r.body != c.want || r.header.Get("Content-Type") != c.contentType {
			t.Errorf("%s:\n got %d %s %q\nwant %d %s %q", c.path, r.status, r.header.Get("Content-Type"), r.body,
				c.status, c.contentType, c.want)
		}
	}
}

// Without a Ready of its own the server asks the store.
func TestReadyAsksTheStore(t *testing.T) {
	g := start(t, nil)
	g.store.set(errors.New("reading"), nil)
	if r := g.ask("GET", "/health/ready", "", ""); r.status != 503 || r.body != "NOTREADY\nreading" {
		t.Errorf("%d %q", r.status, r.body)
	}
}

func TestMetrics(t *testing.T) {
	g := start(t, func(o *admin.Options) {
		o.SecuredMetrics = false
		o.WriteMetrics = func(w io.Writer) { _, _ = io.WriteString(w, "gateway_thread_tasks 3\n") }
	})
	g.ask("POST", base, boss, `{"username":"a"}`)
	g.ask("POST", base, boss, `{"username":"a"}`)
	g.ask("GET", base+"/username/a", boss, "")
	g.ask("GET", base+"/username/%22%7D%0A", "", "")
	g.ask("BREW", "/coffee", "", "")
	g.raw("nonsense\r\n\r\n")
	r := g.ask("GET", "/metrics", "", "")
	for until := time.Now().Add(patience); !strings.Contains(r.body, "\ngateway_admin_connections 1\n"); {
		if time.Now().After(until) { // a closed connection is forgotten a little after its client has seen the end
			t.Fatalf("the connections that were closed are still counted:\n%s", r.body)
		}
		r = g.ask("GET", "/metrics", "", "")
	}
	if r.status != 200 || r.header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("%d %s", r.status, r.header.Get("Content-Type"))
	}
	for _, want := range []string{
		"gateway_thread_tasks 3",
		`gateway_admin_requests_total{method="POST",route="/admin/userMappings/v1",status="201"} 1`,
		`gateway_admin_requests_total{method="POST",route="/admin/userMappings/v1",status="409"} 1`,
		`gateway_admin_requests_total{method="GET",route="/admin/userMappings/v1/username/{username}",status="200"} 1`,
		`gateway_admin_requests_total{method="GET",route="/admin/userMappings/v1/username/{username}",status="401"} 1`,
		`gateway_admin_requests_total{method="other",route="unknown",status="404"} 1`,
		`gateway_admin_requests_total{method="",route="unreadable",status="400"} 1`,
		`gateway_admin_request_seconds_count{route="/admin/userMappings/v1"} 2`,
	} {
		if !strings.Contains("\n"+r.body, "\n"+want+"\n") {
			t.Errorf("no line %q in\n%s", want, r.body)
		}
	}
	line := regexp.MustCompile(`^[a-z_]+(\{([a-z]+="[^"\n]*",?)+\})? [0-9.e+-]+$`)
	for l := range strings.Lines(r.body) {
		if !line.MatchString(strings.TrimSuffix(l, "\n")) {
			t.Errorf("not a line of Prometheus text: %q", l)
		}
	}
}

func TestSecuredMetrics(t *testing.T) {
	g := start(t, nil)
	for who, status := range map[string]int{"": 401, "reader:wrong": 401, reader: 200, boss: 200} {
		if r := g.ask("GET", "/metrics", who, ""); r.status != status {
			t.Errorf("%q: %d, want %d", who, r.status, status)
		}
	}
}
