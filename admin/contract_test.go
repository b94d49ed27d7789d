package admin_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/admin"
)

// contract is the OpenAPI document of a server. Every answer that any test of this package gets is held against it.
type contract struct {
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]shape }
}

type operation struct {
	Responses map[string]struct {
		Content map[string]struct{ Schema shape }
		Headers map[string]any
	}
}

type shape struct {
	Ref        string `json:"$ref"`
	Type       json.RawMessage
	Properties map[string]shape
	Required   []string
	Additional json.RawMessage `json:"additionalProperties"`
	Items      *shape
	Enum       []any
	AnyOf      []shape
	OneOf      []shape
}

func contractOf(t *testing.T, s *admin.Server) *contract {
	t.Helper()
	c := new(contract)
	if err := json.Unmarshal(s.Document(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// find is the operation that a request is of; nil when the document has none.
func (c *contract) find(method, path string) *operation {
	path, _, _ = strings.Cut(path, "?")
	if method == "HEAD" {
		method = "GET"
	}
	var found *operation
	for pattern, methods := range c.Paths {
		if op, has := methods[strings.ToLower(method)]; has && fits(pattern, path) && (found == nil || pattern == path) {
			found = &op
		}
	}
	return found
}

func fits(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(w, g string) bool {
		v, err := url.PathUnescape(g)
		return w == g || strings.HasPrefix(w, "{") && err == nil && v != ""
	})
}

// check says what of an answer is not declared.
func (c *contract) check(method, path string, status int, header http.Header, body string) error {
	op := c.find(method, path)
	if op == nil {
		return nil // 404, 405, 204 of OPTIONS
	}
	declared, ok := op.Responses[strconv.Itoa(status)]
	if !ok {
		return fmt.Errorf("%d is not declared", status)
	}
	for name := range declared.Headers {
		if header.Get(name) == "" && status != http.StatusTooManyRequests {
			return fmt.Errorf("%d without the header %s", status, name)
		}
	}
	contentType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	content, ok := declared.Content[contentType]
	if contentType == "" {
		if len(declared.Content) > 0 && method != "HEAD" {
			return fmt.Errorf("%d without a body", status)
		}
		return nil
	}
	if !ok {
		return fmt.Errorf("%d of type %s is not declared", status, contentType)
	}
	if contentType != "application/json" || method == "HEAD" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(body))
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("%d: not JSON: %w", status, err)
	}
	if err := c.conforms(content.Schema, v, "body"); err != nil {
		return fmt.Errorf("%d: %w: %s", status, err, body)
	}
	return nil
}

// conforms is as much of JSON Schema as answers need.
func (c *contract) conforms(s shape, v any, at string) error {
	if name, is := strings.CutPrefix(s.Ref, "#/components/schemas/"); is {
		return c.conforms(c.Components.Schemas[name], v, at)
	}
	if choices := slices.Concat(s.AnyOf, s.OneOf); len(choices) > 0 && !slices.ContainsFunc(choices, func(o shape) bool {
		return c.conforms(o, v, at) == nil
	}) {
		return fmt.Errorf("%s is none of its shapes", at)
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Errorf("%s: %v is not one of %v", at, v, s.Enum)
	}
	if len(s.Type) > 0 && !bytes.Contains(s.Type, []byte(strconv.Quote(typeOf(v)))) {
		return fmt.Errorf("%s is %s, not %s", at, typeOf(v), s.Type)
	}
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			if s.Items == nil {
				break
			}
			if err := c.conforms(*s.Items, item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case map[string]any:
		return c.members(s, v, at)
	}
	return nil
}

func (c *contract) members(s shape, v map[string]any, at string) error {
	for _, name := range s.Required {
		if _, has := v[name]; !has {
			return fmt.Errorf("%s has no %s", at, name)
		}
	}
	for name, member := range v {
		p, known := s.Properties[name]
		if !known && string(s.Additional) == "false" {
			return fmt.Errorf("%s.%s is not declared", at, name)
		}
		if err := c.conforms(p, member, at+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

func TestThePageAndItsParts(t *testing.T) {
	g := start(t, nil)
	p := g.ask("GET", "/", "", "")
	if p.status != 200 || !strings.Contains(p.body, `spec-url="gateway/v2/docs"`) ||
		!strings.HasPrefix(p.header.Get("Content-Security-Policy"), "default-src 'none'") || strings.Contains(p.body, "://") {
		t.Errorf("%d %v %s", p.status, p.header, p.body)
	}
	d := g.ask("GET", "/gateway/v2/docs", "", "")
	if d.status != 200 || !strings.HasPrefix(d.body, "{") || d.header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %v", d.status, d.header)
	}
	packed := g.ask("GET", "/gateway/v2/docs/redoc.js", "", "", "Accept-Encoding", "gzip")
	plain := g.ask("GET", "/gateway/v2/docs/redoc.js", "", "", "Accept-Encoding", "identity")
	if packed.header.Get("Content-Encoding") != "gzip" || !strings.HasPrefix(packed.body, "\x1f\x8b") || len(packed.body) > 400<<10 {
		t.Errorf("packed: %v, %d bytes", packed.header, len(packed.body))
	}
	if plain.header.Get("Content-Encoding") != "" || !strings.Contains(plain.body[:100], "redoc.standalone.js.LICENSE.txt") {
		t.Errorf("plain: %v, %d bytes", plain.header, len(plain.body))
	}
}
