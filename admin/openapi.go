package admin

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-kafka/postern/mapping"
)

// outcome is one answer that a row may give.
type outcome struct {
	status int
	what   string
	body   schema // nil: the shape of errors of the row's generation, or nothing for mime ""
	mime   string
}

// gives answers JSON of a schema.
func gives(status int, what string, body schema) outcome {
	return outcome{status, what, body, typeJSON}
}

// says answers in the shape that errors have in the row's generation of the API.
func says(status int, what string) outcome { return outcome{status, what, nil, typeJSON} }

// plain answers text.
func plain(status int, what string) outcome { return outcome{status, what, aString(), "text/plain"} }

// nothing answers without a body.
func nothing(status int, what string) outcome { return outcome{status, what, nil, ""} }

// parameter is a variable of a path, or something that a row reads from the query string.
type parameter struct {
	name   string
	what   string
	schema schema
}

var tags = []struct{ name, what string }{
	{tagMappings, "The first generation: which user a principal is."},
	{tagTokens, "Passwords of local users, for SASL/PLAIN."},
	{tagAccounts, "The second generation: who may connect, by which names, or with which credentials."},
	{tagGroups, "Groups of service accounts."},
	{tagVCluster, "Virtual clusters, as resources."},
	{tagDenied, "Certificates that may no longer connect."},
	{tagHealth, "For probes and scrapers."},
	{tagDocs, "This document."},
	{tagAbsent, "Kinds of resources that this gateway does not have: their lists are empty, and they cannot be written."},
}

// pathVariables says what the braces of a pattern hold.
var pathVariables = map[string]parameter{
	"vcluster":    {"vcluster", "The virtual cluster.", vclusterName()},
	"vCluster":    {"vCluster", "The virtual cluster, not `passthrough`.", declarable()},
	"username":    {"username", "The username, escaped as in any URL: `/` is `%2F`.", name(mapping.MaxName)},
	"name":        {"name", "The name.", schema{"type": "string", "minLength": 1}},
	"group":       {"group", "The group.", schema{"type": "string", "minLength": 1}},
	"topic":       {"topic", "The topic, as clients name it.", schema{"type": "string", "minLength": 1}},
	"fingerprint": {"fingerprint", "", fingerprint()},
}

// document writes the OpenAPI 3.1 document of a table.
func document(rows []route, version string) ([]byte, error) {
	paths := make(map[string]map[string]any)
	for i := range rows {
		r := &rows[i]
		if paths[r.pattern] == nil {
			paths[r.pattern] = make(map[string]any)
		}
		paths[r.pattern][strings.ToLower(r.method)] = r.operation()
	}
	if version == "" {
		version = "unknown"
	}
	var tagList []schema
	for _, t := range tags {
		tagList = append(tagList, schema{"name": t.name, "description": t.what})
	}
	doc := schema{
		"openapi": "3.1.0",
		"info": schema{
			"title": "Postern admin API", "version": version,
			"description": "`HEAD` is answered wherever `GET` is, `OPTIONS` everywhere. JSON is read strictly: " +
				"unknown and repeated members are errors. No `Content-Type` is asked for.",
			"license": schema{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers": []schema{{"url": "/"}},
		"tags":    tagList,
		"paths":   paths,
		"components": schema{
			"schemas": named,
			"securitySchemes": schema{"basic": schema{
				"type": "http", "scheme": "basic", "description": "A user of `GATEWAY_ADMIN_API_USERS`.",
			}},
		},
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("admin: the OpenAPI document: %w", err)
	}
	return b, nil
}

// operation is a row as OpenAPI tells it.
func (r *route) operation() schema {
	op := schema{
		"operationId": r.id, "summary": r.summary, "tags": []string{r.tag}, "responses": r.responses(),
	}
	if r.about != "" {
		op["description"] = r.about
	}
	if r.needs == open {
		op["security"] = []schema{}
	} else {
		op["security"] = []schema{{"basic": []string{}}}
	}
	if p := r.parameters(); len(p) > 0 {
		op["parameters"] = p
	}
	if r.body != nil {
		op["requestBody"] = schema{"required": true, "content": schema{typeJSON: schema{"schema": r.body}}}
	}
	return op
}

func (r *route) parameters() []schema {
	var all []schema
	for _, s := range r.segments {
		if v, is := variable(s); is {
			p := pathVariables[v]
			all = append(all, schema{"name": v, "in": "path", "required": true, "description": p.what, "schema": p.schema})
		}
	}
	for _, q := range r.query {
		all = append(all, schema{"name": q.name, "in": "query", "description": q.what, "schema": q.schema})
	}
	return all
}

// variable takes the braces off a segment of a pattern.
func variable(segment string) (name string, is bool) {
	if !strings.HasPrefix(segment, "{") {
		return "", false
	}
	return strings.Trim(segment, "{}"), true
}

// responses gathers what the row itself may answer, and what may be answered before it is reached.
func (r *route) responses() schema {
	all := make(map[int]schema)
	for _, o := range append(slices.Clone(r.answers), r.before()...) {
		one := all[o.status]
		if one == nil {
			one = schema{"description": o.what}
			all[o.status] = one
		} else if before := one["description"].(string); !strings.Contains(before, o.what) {
			one["description"] = before + " " + o.what
		}
		r.describe(one, o)
	}
	responses := schema{}
	for _, status := range slices.Sorted(maps.Keys(all)) {
		responses[strconv.Itoa(status)] = all[status]
	}
	return responses
}

// describe adds what an outcome says to a response.
func (r *route) describe(response schema, o outcome) {
	if o.mime != "" {
		content, _ := response["content"].(schema)
		if content == nil {
			content = schema{}
			response["content"] = content
		}
		body := o.body
		if body == nil {
			body = ref(r.faults())
		}
		if other, is := content[o.mime]; is {
			if had := other.(schema)["schema"].(schema); had["$ref"] != body["$ref"] {
				body = schema{"anyOf": []schema{had, body}}
			}
		}
		content[o.mime] = schema{"schema": body}
	}
	if name := headerOf[o.status]; name != "" {
		response["headers"] = schema{name: schema{"schema": aString()}}
	}
}

// headerOf is the header that belongs to a status.
var headerOf = map[int]string{
	http.StatusUnauthorized:    "WWW-Authenticate",
	http.StatusTooManyRequests: "Retry-After",
}

// faults names the schema of the row's errors.
func (r *route) faults() string {
	if r.second() {
		return "Problem"
	}
	return "Message"
}

// second reports whether the row belongs to the API's second generation, whose errors have a shape of their own.
func (r *route) second() bool { return secondGeneration(r.pattern) }

func secondGeneration(path string) bool {
	return strings.HasPrefix(path, "/gateway/v2/") && !strings.HasPrefix(path, "/gateway/v2/docs")
}

// before is what may be answered before a request reaches its row.
func (r *route) before() []outcome {
	all := []outcome{
		gives(http.StatusBadRequest, "This is not HTTP.", ref("Message")),
		gives(http.StatusRequestTimeout, "The request did not arrive in time.", ref("Message")),
		says(http.StatusRequestEntityTooLarge, "The body is too large."),
		gives(http.StatusRequestHeaderFieldsTooLarge, "The request line and headers are too large.", ref("Message")),
		says(http.StatusInternalServerError, "A fault of the gateway; its log says which."),
		plain(http.StatusServiceUnavailable, "There are too many connections."),
	}
	if r.needs == open {
		return all
	}
	if r.second() {
		all = append(all, says(http.StatusUnauthorized, "No credentials, or wrong ones."))
	} else {
		all = append(all, nothing(http.StatusUnauthorized, "No credentials, or wrong ones."))
	}
	all = append(all, says(http.StatusTooManyRequests, "Too many wrong credentials came from this address."))
	if r.needs == write {
		all = append(all, says(http.StatusForbidden, "The user may only read, or a page of another origin asks."))
	}
	if r.second() {
		all = append(all, plain(http.StatusBadRequest, "The body or the query cannot be decoded."))
	}
	return all
}
