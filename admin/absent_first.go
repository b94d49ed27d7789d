package admin

import (
	"net/http"
	"slices"
	"strings"
)

// Of the first generation, too, the original has kinds of resources that this gateway does not have: topics and
// concentration rules of virtual clusters, interceptors in seven scopes, physical clusters to switch to.

func firstAbsentRows() []route {
	rows := slices.Concat(firstTopicRows(), firstInterceptorRows(), []route{
		lacks("POST", "/admin/pclusters/v1/pcluster/{name}/switch", "switchPhysicalCluster", "other physical clusters", "it has one"),
	})
	for i := range rows {
		rows[i].tag = tagAbsent
	}
	return rows
}

// lacks is a row of what cannot be done, with the reason.
func lacks(method, pattern, id, what, why string) route {
	return route{
		method: method, pattern: pattern, needs: write, id: id, summary: "Not possible",
		do: func(*Server, request) answer {
			return fault(secondGeneration(pattern), http.StatusNotImplemented, "This gateway has no %s: %s.", what, why)
		},
		answers: []outcome{says(http.StatusNotImplemented, "This gateway has none: "+why+".")},
	}
}

// firstTopicRows are the topics of a virtual cluster that have another name at the brokers, or share one there.
func firstTopicRows() []route {
	const base = "/admin/vclusters/v1/vcluster/{vcluster}"
	const topics, renames = "topics of their own in a virtual cluster", "it does not rename topics"
	const rules, shares = "concentration rules", "it does not concentrate topics"
	list := func(path, id, what string) route {
		return route{
			method: "GET", pattern: base + path, needs: read, do: (*Server).listFirstAbsent, id: id, summary: "The " + what + ": none",
			answers: []outcome{gives(200, "An empty list.", listOf(schema{"type": "object"}, 0)), noVCluster, storeNotReady},
		}
	}
	return []route{
		list("/topics", "listTopics", "topics of a virtual cluster that are mapped"),
		lacks("DELETE", base+"/topics", "deleteTopics", topics, renames),
		lacks("POST", base+"/topics/{topic}", "createTopic", topics, renames),
		lacks("DELETE", base+"/topics/{topic}", "deleteTopic", topics, renames),
		list("/concentration-rules", "listFirstConcentrationRules", rules),
		lacks("POST", base+"/concentration-rules", "createConcentrationRule", rules, shares),
		lacks("DELETE", base+"/concentration-rules", "deleteConcentrationRules", rules, shares),
	}
}

// interceptorScopes are whom an interceptor may be about, in the path and in the name of an operation.
var interceptorScopes = []struct{ path, id string }{
	{"", ""},
	{"/global", "Global"},
	{"/username/{username}", "OfUser"},
	{"/group/{group}", "OfGroup"},
	{"/vcluster/{vcluster}", "InVirtualCluster"},
	{"/vcluster/{vcluster}/username/{username}", "OfUserInVirtualCluster"},
	{"/vcluster/{vcluster}/group/{group}", "OfGroupInVirtualCluster"},
}

func firstInterceptorRows() []route {
	const base = "/admin/interceptors/v1"
	const none, why = "interceptors", "it runs no interceptors"
	list := func(method, path, id, summary string) route {
		answers := []outcome{gives(200, "An empty list.", ref("Interceptors"))}
		if strings.Contains(path, "{vcluster}") {
			answers = append(answers, noVCluster, storeNotReady)
		}
		return route{
			method: method, pattern: base + path, needs: read, do: (*Server).listFirstInterceptors, id: id, summary: summary, answers: answers,
		}
	}
	rows := []route{
		list("GET", "/all", "listAllInterceptors", "The interceptors of all scopes: none"),
		list("POST", "/resolve", "resolveFirstInterceptors", "The interceptors that a user would meet: none"),
	}
	for _, scope := range interceptorScopes {
		one := scope.path + "/interceptor/{name}"
		rows = append(rows,
			list("GET", scope.path, "listFirstInterceptors"+scope.id, "The interceptors: none"),
			route{
				method: "GET", pattern: base + one, needs: read, do: (*Server).showFirstInterceptor,
				id: "showFirstInterceptor" + scope.id, summary: "One interceptor: there is none",
				answers: []outcome{says(http.StatusNotFound, "There is no such interceptor.")},
			})
		for _, method := range []string{"POST", "PUT", "DELETE"} {
			rows = append(rows, lacks(method, base+one, strings.ToLower(method)+"FirstInterceptor"+scope.id, none, why))
		}
	}
	return rows
}

func (s *Server) listFirstAbsent(r request) answer {
	if _, refused := s.vclusterOf(r); refused != nil {
		return *refused
	}
	return s.listAbsent(r)
}

func (s *Server) listFirstInterceptors(r request) answer {
	if r.vcluster != "" {
		if _, refused := s.vclusterOf(r); refused != nil {
			return *refused
		}
	}
	return inJSON(http.StatusOK, struct {
		Interceptors []string `json:"interceptors"`
	}{[]string{}})
}

func (s *Server) showFirstInterceptor(request) answer {
	return message(http.StatusNotFound, "This gateway has no interceptors.")
}
