package admin

import "net/http"

var byName = []parameter{filter("name", "Only this one."), filter("vcluster", "Only of this virtual cluster."), showDefaults}

// absent are the kinds of resources of the original that this gateway does not have. Their lists are empty, so that
// tools which read everything go on; to write one is told to be impossible instead of doing nothing.
var absent = []struct {
	kind, id, what string
	filters        []parameter
	remove         string // what follows in the path when one is deleted
	why            string // "" where the kind is read-only anyway
}{
	{
		"interceptor", "Interceptor", "interceptors",
		[]parameter{
			filter("name", "Only this one."), filter("vcluster", "Only of this virtual cluster."),
			filter("group", "Only of this group."), filter("username", "Only of this user."),
			{"global", "Only global ones, or only others.", aBoolean()},
		},
		"/{name}", "it runs no interceptors",
	},
	{"alias-topic", "AliasTopic", "alias topics", byName, "", "it does not rename topics"},
	{"concentration-rule", "ConcentrationRule", "concentration rules", byName, "", "it does not concentrate topics"},
	{"concentrated-topic", "ConcentratedTopic", "concentrated topics", byName, "", ""},
	{"plugin", "Plugin", "plug-ins", nil, "", ""},
}

func absentRows() []route {
	rows := []route{{
		method: "POST", pattern: "/gateway/v2/interceptor/resolve", needs: read, do: (*Server).listAbsent,
		id: "resolveInterceptors", summary: "The interceptors that a user would meet: none",
		answers: []outcome{gives(200, "An empty list.", listOf(schema{"type": "object"}, 0))},
	}}
	for _, k := range absent {
		base := "/gateway/v2/" + k.kind
		rows = append(rows, route{
			method: "GET", pattern: base, needs: read, do: (*Server).listAbsent,
			id: "list" + k.id + "s", summary: "The " + k.what + ": none", query: k.filters,
			answers: []outcome{gives(200, "An empty list.", listOf(schema{"type": "object"}, 0))},
		})
		if k.why == "" {
			continue
		}
		put := lacks("PUT", base, "put"+k.id, k.what, k.why)
		put.query = []parameter{dryMode}
		rows = append(rows, put, lacks("DELETE", base+k.remove, "delete"+k.id, k.what, k.why))
	}
	for i := range rows {
		rows[i].tag = tagAbsent
	}
	return rows
}

func (s *Server) listAbsent(request) answer { return inJSON(http.StatusOK, []string{}) }
