package admin

import (
	"context"
	"net/url"
	"slices"
	"strings"
)

// right is what a caller needs to be let through a route.
type right int

const (
	open  right = iota // anybody, without credentials
	read               // any user of GATEWAY_ADMIN_API_USERS
	write              // a user with admin: true
)

// request is what a route's function is given. body lives as long as the call.
type request struct {
	ctx context.Context
	by  caller
	variables
	body []byte
}

// route is one row of the surface.
type route struct {
	method  string
	pattern string // segments in braces are variables: vcluster, username and fingerprint
	needs   right
	do      func(*Server, request) answer

	segments []string // pattern, cut
}

// table is the whole HTTP surface. HEAD is served wherever GET is, and OPTIONS everywhere.
func table(securedMetrics bool) []route {
	metrics := open
	if securedMetrics {
		metrics = read
	}
	const (
		mappings = "/admin/userMappings/v1"
		inside   = mappings + "/vcluster/{vcluster}"
		user     = "/username/{username}"
		denylist = "/admin/tls/denylist/v1"
	)
	rows := []route{
		{method: "GET", pattern: "/health", needs: open, do: (*Server).health},
		{method: "GET", pattern: "/health/live", needs: open, do: (*Server).live},
		{method: "GET", pattern: "/health/ready", needs: open, do: (*Server).ready},
		{method: "GET", pattern: "/versions", needs: open, do: (*Server).versions},
		{method: "GET", pattern: "/metrics", needs: metrics, do: (*Server).metrics},

		{method: "GET", pattern: mappings, needs: read, do: (*Server).listMappings},
		{method: "POST", pattern: mappings, needs: write, do: (*Server).createMapping},
		{method: "GET", pattern: mappings + user, needs: read, do: (*Server).showMapping},
		{method: "PUT", pattern: mappings + user, needs: write, do: (*Server).putMapping},
		{method: "DELETE", pattern: mappings + user, needs: write, do: (*Server).deleteMapping},

		{method: "GET", pattern: inside, needs: read, do: (*Server).listMappings},
		{method: "POST", pattern: inside, needs: write, do: (*Server).createMapping},
		{method: "GET", pattern: inside + user, needs: read, do: (*Server).showMapping},
		{method: "PUT", pattern: inside + user, needs: write, do: (*Server).putMapping},
		{method: "DELETE", pattern: inside + user, needs: write, do: (*Server).deleteMapping},

		{method: "GET", pattern: denylist, needs: read, do: (*Server).listDenials},
		{method: "POST", pattern: denylist, needs: write, do: (*Server).deny},
		{method: "GET", pattern: denylist + "/{fingerprint}", needs: read, do: (*Server).showDenial},
		{method: "DELETE", pattern: denylist + "/{fingerprint}", needs: write, do: (*Server).allow},
	}
	for i := range rows {
		rows[i].segments = strings.Split(rows[i].pattern, "/")
	}
	return rows
}

// match is the outcome of looking a request up in the table.
type match struct {
	route   *route // nil when the path is unknown or the method is not allowed on it
	allowed string // for the Allow header; "" when the path is unknown
	variables
}

// variables are what a path says, unescaped; "" what it does not.
type variables struct{ vcluster, username, fingerprint string }

// find looks up a method and a path as it came over the wire: segments are unescaped after they have been cut, so
// that a username may hold a slash.
func find(rows []route, method, path string) match {
	var m match
	var methods []string
	segments := strings.Split(path, "/")
	for i := range rows {
		said, ok := rows[i].fits(segments)
		if !ok {
			continue
		}
		methods = append(methods, rows[i].method)
		if rows[i].method == method || rows[i].method == "GET" && method == "HEAD" {
			m.route, m.variables = &rows[i], said
		}
	}
	if len(methods) == 0 {
		return m
	}
	if slices.Contains(methods, "GET") {
		methods = append(methods, "HEAD")
	}
	methods = append(methods, "OPTIONS")
	slices.Sort(methods)
	m.allowed = strings.Join(methods, ", ")
	return m
}

// fits compares a path's segments with the row's; an empty or badly escaped variable does not fit.
func (r *route) fits(segments []string) (said variables, ok bool) {
	if len(segments) != len(r.segments) {
		return variables{}, false
	}
	for i, want := range r.segments {
		if !strings.HasPrefix(want, "{") {
			if segments[i] != want {
				return variables{}, false
			}
			continue
		}
		value, err := url.PathUnescape(segments[i])
		if err != nil || value == "" {
			return variables{}, false
		}
		switch want {
		case "{vcluster}":
			said.vcluster = value
		case "{fingerprint}":
			said.fingerprint = value
		default:
			said.username = value
		}
	}
	return said, true
}
