package admin

import (
	"cmp"
	"net/http"
	"runtime"
)

// livedJSON is what the original counts of a gateway. It publishes no names; these are the words of this API.
type livedJSON struct {
	Version            string `json:"version"`
	OS                 string `json:"os"`
	SecurityProtocol   string `json:"securityProtocol"`
	Interceptors       int    `json:"interceptors"`
	ServiceAccounts    int    `json:"serviceAccounts"`
	Groups             int    `json:"groups"`
	VirtualClusters    int    `json:"virtualClusters"`
	AliasTopics        int    `json:"aliasTopics"`
	ConcentratedTopics int    `json:"concentratedTopics"`
}

func analyticsRows() []route {
	return []route{{
		method: "GET", pattern: "/gateway/v2/analytics/lived", needs: read, do: (*Server).lived,
		tag: tagHealth, id: "lived", summary: "What the gateway is, and how much it knows of",
		about: "Service accounts include those of user mappings; `passthrough` is not counted. Nothing of it is sent anywhere.",
		answers: []outcome{
			gives(200, "The counts.", ref("Lived")), storeNotReady,
		},
	}}
}

func (s *Server) lived(request) answer {
	if refused := s.unready(); refused != nil {
		return *refused
	}
	return inJSON(http.StatusOK, livedJSON{
		Version: s.o.Version, OS: runtime.GOOS, SecurityProtocol: cmp.Or(s.o.Protocols.Name, "PLAINTEXT"),
		ServiceAccounts: s.o.Store.Users().Len(), Groups: s.o.Store.Groups().Len(), VirtualClusters: s.o.Store.VClusters().Len(),
	})
}
