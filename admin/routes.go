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
	query map[string]string // of the row's parameters those that were given
	body  []byte

	unpacks bool // the caller takes gzip
}

// route is one row of the surface: what is done, and what the OpenAPI document says of it.
type route struct {
	method  string
	pattern string // segments in braces are variables, see variables
	needs   right
	do      func(*Server, request) answer

	tag, id, summary string
	about            string      // more than the summary; may be empty
	query            []parameter // what is read of the query string; of others the first generation takes no notice
	body             schema      // of the request; nil: none is read
	answers          []outcome   // those of do

	segments []string // pattern, cut
}

const (
	tagMappings = "User mappings"
	tagTokens   = "Tokens"
	tagAccounts = "Service accounts"
	tagGroups   = "Groups"
	tagVCluster = "Virtual clusters"
	tagDenied   = "Denied certificates"
	tagHealth   = "Health"
	tagDocs     = "Documentation"
	tagAbsent   = "Not in this gateway"
)

// table is the whole HTTP surface. HEAD is served wherever GET is, and OPTIONS everywhere.
func table(securedMetrics bool) []route {
	rows := slices.Concat(
		healthRows(securedMetrics), docRows(),
		mappingRows("", ""), mappingRows("/vcluster/{vcluster}", "InVirtualCluster"),
		firstTokenRows(), denialRows(), resourceRows(), analyticsRows(), absentRows(), firstAbsentRows(),
	)
	for i := range rows {
		rows[i].segments = strings.Split(rows[i].pattern, "/")
	}
	return rows
}

func healthRows(securedMetrics bool) []route {
	metrics := open
	if securedMetrics {
		metrics = read
	}
	return []route{
		{
			method: "GET", pattern: "/health", needs: open, do: (*Server).health,
			tag: tagHealth, id: "health", summary: "The process is up, and which build it is",
			answers: []outcome{gives(200, "It is up.", ref("Health"))},
		},
		{
			method: "GET", pattern: "/health/live", needs: open, do: (*Server).live,
			tag: tagHealth, id: "live", summary: "The process is up",
			answers: []outcome{plain(200, "`LIVE`")},
		},
		{
			method: "GET", pattern: "/health/ready", needs: open, do: (*Server).ready,
			tag: tagHealth, id: "ready", summary: "The gateway may be given clients",
			answers: []outcome{plain(200, "`READY`"), plain(503, "`NOTREADY`, and the reason on a line of its own.")},
		},
		{
			method: "GET", pattern: "/versions", needs: open, do: (*Server).versions,
			tag: tagHealth, id: "versions", summary: "The version",
			answers: []outcome{gives(200, "The version.", ref("Versions"))},
		},
		{
			method: "GET", pattern: "/metrics", needs: metrics, do: (*Server).metrics,
			tag: tagHealth, id: "metrics", summary: "Prometheus text",
			about:   "Asks for credentials unless `GATEWAY_SECURED_METRICS` is `false`.",
			answers: []outcome{plain(200, "The metrics.")},
		},
	}
}

func docRows() []route {
	return []route{
		{
			method: "GET", pattern: "/", needs: open, do: (*Server).page,
			tag: tagDocs, id: "page", summary: "This document, rendered",
			answers: []outcome{{200, "The page.", aString(), "text/html"}},
		},
		{
			method: "GET", pattern: "/gateway/v2/docs", needs: open, do: (*Server).docs,
			tag: tagDocs, id: "docs", summary: "This document",
			answers: []outcome{gives(200, "OpenAPI 3.1.", schema{"type": "object"})},
		},
		{
			method: "GET", pattern: "/gateway/v2/docs/redoc.js", needs: open, do: (*Server).renderer,
			tag: tagDocs, id: "renderer", summary: "What renders it",
			answers: []outcome{{200, "Redoc.", aString(), "text/javascript"}},
		},
	}
}

var (
	storeNotReady = says(503, "The store has not been read to its end.")
	busy          = says(409, "Other gateways write without a pause: try again.")
	notConfirmed  = says(503, "The store did not confirm the change in time: it may still take effect.")
	noVCluster    = says(404, "There is no such virtual cluster.")
	storeFull     = says(507, "The store has as many as it may.")
)

// mappingRows are the five calls on user mappings: of passthrough, or within a virtual cluster.
func mappingRows(inside, suffix string) []route {
	const user = "/username/{username}"
	base := mappingsBase + inside
	rows := []route{
		{
			method: "GET", pattern: base, needs: read, do: (*Server).listMappings,
			id: "listUserMappings", summary: "The usernames that are mapped",
			answers: []outcome{gives(200, "The usernames, sorted.", listOf(aString(), 0))},
		},
		{
			method: "POST", pattern: base, needs: write, do: (*Server).createMapping,
			id: "createUserMapping", summary: "Make a user mapping", body: ref("UserMapping"),
			answers: []outcome{
				gives(201, "It is made.", ref("Message")), says(400, "The body or a field is not as it should be."),
				says(409, "The username is mapped already, or the principal belongs to another one."), storeFull, notConfirmed,
			},
		},
		{
			method: "GET", pattern: base + user, needs: read, do: (*Server).showMapping,
			id: "showUserMapping", summary: "One user mapping",
			answers: []outcome{gives(200, "The mapping.", ref("UserMappingShown")), says(404, "The username is not mapped.")},
		},
		{
			method: "PUT", pattern: base + user, needs: write, do: (*Server).putMapping,
			id: "putUserMapping", summary: "Make or change a user mapping", body: ref("UserMapping"),
			about: "The username of the body must be that of the path.",
			answers: []outcome{
				gives(201, "It is made.", ref("Message")), nothing(204, "It is changed."),
				says(400, "The body or a field is not as it should be."),
				says(409, "The principal belongs to another username, or there is an account of another kind."), storeFull, notConfirmed,
			},
		},
		{
			method: "DELETE", pattern: base + user, needs: write, do: (*Server).deleteMapping,
			id: "deleteUserMapping", summary: "Remove a user mapping",
			answers: []outcome{nothing(204, "It is removed."), says(404, "The username is not mapped."), says(409, "Groups name it."), busy, notConfirmed},
		},
	}
	for i := range rows {
		rows[i].tag = tagMappings
		rows[i].id += suffix
		rows[i].answers = append(rows[i].answers, storeNotReady)
		if inside != "" {
			rows[i].answers = append(rows[i].answers, noVCluster)
		}
	}
	return rows
}

func denialRows() []route {
	const base, one = "/admin/tls/denylist/v1", "/{fingerprint}"
	badPrint := says(400, "The fingerprint is none.")
	rows := []route{
		{
			method: "GET", pattern: base, needs: read, do: (*Server).listDenials,
			id: "listDenials", summary: "The certificates that are denied",
			answers: []outcome{gives(200, "The certificates, sorted by fingerprint.", listOf(ref("DenialShown"), 0))},
		},
		{
			method: "POST", pattern: base, needs: write, do: (*Server).deny,
			id: "deny", summary: "Deny a certificate", body: ref("Denial"),
			answers: []outcome{
				gives(201, "It is denied.", ref("Message")), nothing(204, "It was, and the reason is changed."),
				says(400, "The body or a field is not as it should be."), storeFull, notConfirmed,
			},
		},
		{
			method: "GET", pattern: base + one, needs: read, do: (*Server).showDenial,
			id: "showDenial", summary: "One of them",
			answers: []outcome{gives(200, "The certificate.", ref("DenialShown")), badPrint, says(404, "It is not denied.")},
		},
		{
			method: "DELETE", pattern: base + one, needs: write, do: (*Server).allow,
			id: "allow", summary: "Allow a certificate again",
			answers: []outcome{nothing(204, "It is allowed."), badPrint, says(404, "It is not denied."), notConfirmed},
		},
	}
	for i := range rows {
		rows[i].tag = tagDenied
		rows[i].answers = append(rows[i].answers, storeNotReady)
	}
	return rows
}

// firstTokenRows are the tokens and virtual clusters of the first generation.
func firstTokenRows() []route {
	said := []outcome{
		gives(201, "The token.", ref("Token")), says(400, "The body, or a name in the path, is not as it should be."), noVCluster,
		says(409, "No user pool is configured: `GATEWAY_USER_POOL_SECRET_KEY` is not set."), storeNotReady,
	}
	const what = "The password of a user with SASL/PLAIN. Nothing is stored of it: it is good until it expires, unless a " +
		"local service account is required and deleted."
	return []route{
		{
			method: "POST", pattern: "/admin/username/{username}", needs: write, do: (*Server).issueV1,
			tag: tagTokens, id: "issueToken", summary: "Make a token for a user of passthrough", about: what,
			body: ref("FirstTokenRequest"), answers: said,
		},
		{
			method: "POST", pattern: "/admin/vclusters/v1/vcluster/{vcluster}/username/{username}", needs: write, do: (*Server).issueV1,
			tag: tagTokens, id: "issueTokenInVirtualCluster", summary: "Make a token for a user of a virtual cluster", about: what,
			body: ref("FirstTokenRequest"), answers: said,
		},
		{
			method: "GET", pattern: "/admin/vclusters/v1", needs: read, do: (*Server).listVClusters,
			tag: tagVCluster, id: "listVirtualClusterNames", summary: "The names of the virtual clusters",
			answers: []outcome{gives(200, "The names of those that are declared, sorted.", ref("VirtualClusterNames")), storeNotReady},
		},
	}
}

var (
	notValid   = says(400, "A field is not as it should be.")
	gone       = nothing(204, "It is deleted.")
	noKindOf   = says(404, "There is none of that name.")
	upsertRows = []outcome{notValid, storeFull, storeNotReady, notConfirmed, busy}
)

// upsert is a row that makes or changes a resource.
func upsert(kind, resource, tag string, do func(*Server, request) answer, answers ...outcome) route {
	return route{
		method: "PUT", pattern: "/gateway/v2/" + kind, needs: write, do: do, tag: tag,
		id: "put" + resource, summary: "Make or change one", query: []parameter{dryMode}, body: ref(resource),
		answers: slices.Concat([]outcome{gives(200, "What was done.", ref(resource+"Upsert"))}, answers, upsertRows),
	}
}

// resourceRows are the resources of the second generation.
func resourceRows() []route {
	const accounts, groups, vclusters = "/gateway/v2/service-account", "/gateway/v2/group", "/gateway/v2/virtual-cluster"
	kind := parameter{"type", "must be LOCAL or EXTERNAL", schema{"type": "string", "pattern": inAnyCase(typeLocal, typeExternal)}}
	account := upsert("service-account", "ServiceAccount", tagAccounts, (*Server).putAccount,
		says(404, "The virtual cluster does not exist."),
		says(409, "An external name belongs to another account, or a credential's password is missing."))
	account.about = "Names are to match `" + accountPattern + "`, but what exists by another name may be put back. " +
		"`scram` is an extension: without it the credentials stay as they are, an empty list removes them. " +
		"A credential without a password stays. Passwords are never stored nor shown."
	return []route{
		{
			method: "GET", pattern: accounts, needs: read, do: (*Server).listAccounts, tag: tagAccounts,
			id: "listServiceAccounts", summary: "The service accounts",
			about: "Those of user mappings are shown as EXTERNAL ones.",
			query: []parameter{
				filter("name", "Only those of this name."), filter("vcluster", "Only those of this virtual cluster."),
				kind, showDefaults,
			},
			answers: []outcome{gives(200, "The accounts, sorted by virtual cluster and name.", listOf(ref("ServiceAccountShown"), 0)), storeNotReady},
		},
		account,
		{
			method: "DELETE", pattern: accounts, needs: write, do: (*Server).deleteAccount, tag: tagAccounts,
			id: "deleteServiceAccount", summary: "Delete one", body: ref("ServiceAccountName"),
			answers: []outcome{gone, notValid, noKindOf, says(409, "Groups name it."), storeNotReady, notConfirmed, busy},
		},
		{
			method: "GET", pattern: groups, needs: read, do: (*Server).listGroups, tag: tagGroups,
			id: "listGroups", summary: "The groups", query: []parameter{showDefaults},
			answers: []outcome{gives(200, "The groups, sorted.", listOf(ref("GroupShown"), 0)), storeNotReady},
		},
		upsert("group", "Group", tagGroups, (*Server).putGroup, says(404, "A member does not exist.")),
		{
			method: "GET", pattern: groups + "/{name}", needs: read, do: (*Server).showGroup, tag: tagGroups,
			id: "showGroup", summary: "One group", query: []parameter{showDefaults},
			answers: []outcome{gives(200, "The group.", ref("GroupShown")), noKindOf, storeNotReady},
		},
		{
			method: "DELETE", pattern: groups + "/{name}", needs: write, do: (*Server).deleteGroup, tag: tagGroups,
			id: "deleteGroup", summary: "Delete one",
			answers: []outcome{gone, noKindOf, storeNotReady, notConfirmed, busy},
		},
		{
			method: "GET", pattern: vclusters, needs: read, do: (*Server).listVirtualClusters, tag: tagVCluster,
			id: "listVirtualClusters", summary: "The virtual clusters", query: []parameter{showDefaults},
			about:   "`passthrough` always exists and is no resource.",
			answers: []outcome{gives(200, "The virtual clusters, sorted.", listOf(ref("VirtualClusterShown"), 0)), storeNotReady},
		},
		upsert("virtual-cluster", "VirtualCluster", tagVCluster, (*Server).putVirtualCluster,
			says(409, "The name is the beginning of another's, or the aclMode is set.")),
		{
			method: "GET", pattern: vclusters + "/{vCluster}", needs: read, do: (*Server).showVirtualCluster, tag: tagVCluster,
			id: "showVirtualCluster", summary: "One virtual cluster", query: []parameter{showDefaults},
			answers: []outcome{gives(200, "The virtual cluster.", ref("VirtualClusterShown")), noKindOf, storeNotReady},
		},
		{
			method: "DELETE", pattern: vclusters + "/{vCluster}", needs: write, do: (*Server).deleteVirtualCluster, tag: tagVCluster,
			id: "deleteVirtualCluster", summary: "Delete one",
			answers: []outcome{
				gone, says(400, "It is passthrough."), noKindOf, says(409, "Accounts refer to it."), storeNotReady, notConfirmed, busy,
			},
		},
		{
			method: "POST", pattern: "/gateway/v2/token", needs: write, do: (*Server).issueV2, tag: tagTokens,
			id: "issueAccountToken", summary: "Make a token for a local service account", body: ref("TokenRequest"),
			answers: []outcome{
				gives(200, "The token.", ref("Token")), says(404, "There is no such service account."),
				says(409, "No user pool is configured, or the account is an external one."), storeNotReady,
			},
		},
	}
}

// match is the outcome of looking a request up in the table.
type match struct {
	route   *route // nil when the path is unknown or the method is not allowed on it
	allowed string // for the Allow header; "" when the path is unknown
	variables
}

// variables are what a path says, unescaped; "" what it does not.
type variables struct{ vcluster, username, fingerprint, name string }

// find looks up a method and a path as it came over the wire: segments are unescaped after they have been cut, so
// that a username may hold a slash. A pattern that is the path itself goes before one with variables.
func find(rows []route, method, path string) match {
	var m match
	var methods []string
	segments := strings.Split(path, "/")
	literally := slices.ContainsFunc(rows, func(r route) bool { return r.pattern == path })
	for i := range rows {
		said, ok := rows[i].fits(segments)
		if !ok || literally && rows[i].pattern != path {
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
		v, is := variable(want)
		if !is {
			if segments[i] != want {
				return variables{}, false
			}
			continue
		}
		value, err := url.PathUnescape(segments[i])
		if err != nil || value == "" {
			return variables{}, false
		}
		switch v {
		case "vcluster", "vCluster":
			said.vcluster = value
		case "fingerprint":
			said.fingerprint = value
		case "name":
			said.name = value
		case "group", "topic": // of what is not here
		default:
			said.username = value
		}
	}
	return said, true
}
