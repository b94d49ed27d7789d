package admin

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/postern-kafka/postern/mapping"
)

const (
	kindGroup    = "GatewayGroup"
	group        = "group"
	groupPattern = `^[a-zA-Z0-9_-]{1,100}$`
)

type groupSpecJSON struct {
	Members        []memberJSON `json:"members"`
	ExternalGroups *[]string    `json:"externalGroups,omitempty"`
}

type memberJSON struct {
	VCluster string `json:"vCluster,omitempty"`
	Name     string `json:"name"`
}

func shownGroup(g mapping.Group, defaults bool) resourceJSON {
	spec := groupSpecJSON{Members: make([]memberJSON, len(g.Members))}
	for i, m := range g.Members {
		spec.Members[i] = memberJSON{shownVCluster(m.VCluster, defaults), m.Username}
	}
	if external := append([]string{}, g.ExternalGroups...); defaults || len(external) > 0 {
		spec.ExternalGroups = &external
	}
	return resourceJSON{kindGroup, apiVersion, metadataJSON{Name: g.Name}, spec}
}

func (s *Server) listGroups(r request) answer {
	if refused := s.unready(); refused != nil {
		return *refused
	}
	return listed(r, s.o.Store.Groups().All(), shownGroup)
}

func (s *Server) showGroup(r request) answer {
	if refused := s.unready(); refused != nil {
		return *refused
	}
	g, found := s.o.Store.Groups().Get(r.name)
	if !found {
		return problem(http.StatusNotFound, "The given group does not exist")
	}
	return inJSON(http.StatusOK, shownGroup(g, r.defaults()))
}

func (s *Server) putGroup(r request) answer {
	var g mapping.Group
	refused := readResource(r.body, kindGroup, members{"name": into(&g.Name)}, members{
		"members": eachItem(func(at string, value json.RawMessage) error {
			var m mapping.Member
			err := nameAndVCluster(&m.Username, &m.VCluster).read(at, value)
			if err == nil && m.Username == "" {
				err = fmt.Errorf("field %q: required", at+".name")
			}
			m.VCluster = cmp.Or(m.VCluster, mapping.Passthrough)
			g.Members = append(g.Members, m)
			return err
		}),
		"externalGroups": intoTexts(&g.ExternalGroups),
	})
	if refused != nil {
		return *refused
	}
	if g.Name == "" {
		return *missing("metadata.name")
	}
	if refused := s.unready(); refused != nil {
		return *refused
	}
	valid, err := g.Validate()
	if err != nil {
		return s.unmade(group, err)
	}
	outcome, err := s.o.Store.PutGroup(r.ctx, valid, r.write())
	if err != nil {
		return s.unmade(group, err)
	}
	return s.upserted(r, shownGroup(valid, false), outcome)
}

func (s *Server) deleteGroup(r request) answer {
	if refused := s.unready(); refused != nil {
		return *refused
	}
	if err := s.o.Store.DeleteGroup(r.ctx, r.name, mapping.Write{}); err != nil {
		return s.unmade(group, err)
	}
	return s.removed(r, kindGroup, metadataJSON{Name: r.name})
}
