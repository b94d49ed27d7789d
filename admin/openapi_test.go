package admin

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every row of the table is in the document, with what a reader must know, and nothing else is.
func TestTheDocumentIsTheTable(t *testing.T) {
	for _, secured := range []bool{true, false} {
		rows := table(secured)
		b, err := document(rows, "1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			OpenAPI string
			Paths   map[string]map[string]struct {
				OperationID, Summary string
				Tags                 []string
				Security             []map[string][]string
				Parameters           []struct {
					Name, In string
					Required bool
					Schema   map[string]any
				}
				RequestBody *struct{ Content map[string]any }
				Responses   map[string]struct{ Description string }
			}
			Tags []struct{ Name string }
		}
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatal(err)
		}
		operations := 0
		for _, p := range doc.Paths {
			operations += len(p)
		}
		if operations != len(rows) || doc.OpenAPI != "3.1.0" {
			t.Errorf("%d operations for %d rows", operations, len(rows))
		}
		ids := make(map[string]bool)
		for _, r := range rows {
			op, in := doc.Paths[r.pattern][strings.ToLower(r.method)]
			where := r.method + " " + r.pattern
			if !in || op.OperationID == "" || op.Summary == "" || len(op.Tags) != 1 || ids[op.OperationID] {
				t.Errorf("%s: told as %+v", where, op)
				continue
			}
			ids[op.OperationID] = true
			if !slices.ContainsFunc(doc.Tags, func(tag struct{ Name string }) bool { return tag.Name == op.Tags[0] }) {
				t.Errorf("%s: nothing is said of the tag %q", where, op.Tags[0])
			}
			if (len(op.Security) == 0) != (r.needs == open) {
				t.Errorf("%s: security %v", where, op.Security)
			}
			if (op.RequestBody != nil) != (r.body != nil) {
				t.Errorf("%s: a body: %t", where, op.RequestBody != nil)
			}
			variables := 0
			for _, p := range op.Parameters {
				if p.In == "path" && p.Required && strings.Contains(r.pattern, "{"+p.Name+"}") && p.Schema["type"] == "string" {
					variables++
				}
			}
			if variables != strings.Count(r.pattern, "{") {
				t.Errorf("%s: %d variables of the path are told", where, variables)
			}
			for _, o := range r.answers {
				if o.what == "" {
					t.Errorf("%s: nothing is said of %d", where, o.status)
				}
			}
		}
		refers(t, string(b))
	}
}

// refers checks that every schema that is referred to is there, and that none is idle.
func refers(t *testing.T, document string) {
	t.Helper()
	used := make(map[string]bool)
	for _, m := range regexp.MustCompile(`"\$ref":"#/components/schemas/([A-Za-z]+)"`).FindAllStringSubmatch(document, -1) {
		used[m[1]] = true
		if named[m[1]] == nil {
			t.Errorf("there is no schema %s", m[1])
		}
	}
	for n := range named {
		if !used[n] {
			t.Errorf("the schema %s is not used", n)
		}
	}
}

// What stands literally in a pattern goes before a variable at its place.
func TestLiteralPatternsGoFirst(t *testing.T) {
	rows := []route{{method: "DELETE", pattern: "/x/{username}"}, {method: "POST", pattern: "/x/all"}, {method: "GET", pattern: "/"}}
	for i := range rows {
		rows[i].segments = strings.Split(rows[i].pattern, "/")
	}
	for _, c := range []struct{ method, path, pattern, allowed string }{
		{"DELETE", "/x/a", "/x/{username}", "DELETE, OPTIONS"},
		{"DELETE", "/x/all", "", "OPTIONS, POST"},
		{"POST", "/x/all", "/x/all", "OPTIONS, POST"},
		{"DELETE", "/x/%61ll", "/x/{username}", "DELETE, OPTIONS"},
		{"GET", "/", "/", "GET, HEAD, OPTIONS"},
	} {
		m := find(rows, c.method, c.path)
		pattern := ""
		if m.route != nil {
			pattern = m.route.pattern
		}
		if pattern != c.pattern || m.allowed != c.allowed {
			t.Errorf("%s %s: %q, %q", c.method, c.path, pattern, m.allowed)
		}
	}
}
