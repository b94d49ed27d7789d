package admin

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/postern-kafka/postern/mapping"
)

const mappingsBase = "/admin/userMappings/v1"

// vclusterOf says which virtual cluster a request is about; refused is nil when there is one and it can be read.
func (s *Server) vclusterOf(r request) (vcluster string, refused *answer) {
	// Before the store has been read to its end, what exists would be answered 404.
	if err := s.o.Store.Ready(); err != nil {
		a := notReady(false, err)
		return "", &a
	}
	vcluster = cmp.Or(r.vcluster, mapping.Passthrough)
	if !s.o.Store.VClusters().Exists(vcluster) {
		a := message(http.StatusNotFound, "The virtual cluster %q does not exist.", shorten(vcluster))
		return "", &a
	}
	return vcluster, nil
}

func (s *Server) listMappings(r request) answer {
	vcluster, refused := s.vclusterOf(r)
	if refused != nil {
		return *refused
	}
	return inJSON(http.StatusOK, s.o.Store.Users().List(vcluster))
}

func (s *Server) showMapping(r request) answer {
	vcluster, refused := s.vclusterOf(r)
	if refused != nil {
		return *refused
	}
	m, found := s.o.Store.Users().ByUsername(vcluster, r.username)
	if !found {
		return unmapped(vcluster, r.username)
	}
	return inJSON(http.StatusOK, struct {
		VCluster  string   `json:"vcluster"`
		Username  string   `json:"username"`
		Principal string   `json:"principal"`
		Groups    []string `json:"groups"`
	}{vcluster, m.Username, m.Principal, append([]string{}, m.Groups...)})
}

func (s *Server) createMapping(r request) answer {
	m, refused := s.posted(r)
	if refused != nil {
		return *refused
	}
	if err := s.o.Store.Create(r.ctx, m); err != nil {
		return s.failed(m, err)
	}
	s.logChange(r, "created", m)
	return created()
}

func (s *Server) putMapping(r request) answer {
	m, refused := s.posted(r)
	if refused != nil {
		return *refused
	}
	if m.Username != r.username {
		return message(http.StatusBadRequest, "field \"username\": %q is not the username of the path, %q",
			shorten(m.Username), shorten(r.username))
	}
	isNew, err := s.o.Store.Put(r.ctx, m)
	if errors.Is(err, mapping.ErrExists) {
		if a, found := s.o.Store.Users().Account(m.VCluster, m.Username); found && len(a.Principals) > 1 {
			return message(http.StatusConflict,
				"The username %q has %d external names, of which this would leave one: change it with PUT /gateway/v2/service-account.",
				shorten(m.Username), len(a.Principals))
		}
	}
	if err != nil {
		return s.failed(m, err)
	}
	if isNew {
		s.logChange(r, "created", m)
		return created()
	}
	s.logChange(r, "updated", m)
	return noContent().with("X-Postern-Notice", notice)
}

func (s *Server) deleteMapping(r request) answer {
	vcluster, refused := s.vclusterOf(r)
	if refused != nil {
		return *refused
	}
	if err := s.o.Store.Delete(r.ctx, vcluster, r.username); err != nil {
		return s.failed(mapping.Mapping{VCluster: vcluster, Username: r.username}, err)
	}
	s.logChange(r, "deleted", mapping.Mapping{VCluster: vcluster, Username: r.username})
	return noContent().with("X-Postern-Notice", notice)
}

// posted reads and validates the mapping in a request's body.
func (s *Server) posted(r request) (mapping.Mapping, *answer) {
	vcluster, refused := s.vclusterOf(r)
	if refused != nil {
		return mapping.Mapping{}, refused
	}
	m, err := decodeMapping(r.body)
	if err == nil {
		m.VCluster = vcluster
		m, err = m.Validate()
	}
	if err != nil {
		a := invalid(err)
		return mapping.Mapping{}, &a
	}
	return m, nil
}

func created() answer {
	// The body is the founding demo's, to the byte.
	return message(http.StatusCreated, "User mapping is created").with("X-Postern-Notice", notice)
}

func notReady(second bool, err error) answer {
	return fault(second, http.StatusServiceUnavailable, "The store of user mappings is not ready: %s", err).
		with("Retry-After", "1")
}

func unmapped(vcluster, username string) answer {
	return message(http.StatusNotFound, "There is no mapping of the username %q in the virtual cluster %q.",
		shorten(username), vcluster)
}

func invalid(err error) answer {
	var field *mapping.FieldError
	if errors.As(err, &field) {
		return message(http.StatusBadRequest, "field %q: %s", field.Field, field.Problem)
	}
	return message(http.StatusBadRequest, "%s", err)
}

// failed turns a store's refusal of m into an answer.
func (s *Server) failed(m mapping.Mapping, err error) answer {
	var field *mapping.FieldError
	var conflict *mapping.ConflictError
	switch {
	case errors.As(err, &conflict):
		return message(http.StatusConflict,
			"The principal %q is already mapped to the username %q in the virtual cluster %q.",
			conflict.Holder.Principal, conflict.Holder.Username, conflict.Holder.VCluster)
	case errors.Is(err, mapping.ErrConflict):
		return message(http.StatusConflict, "%s", err)
	case errors.Is(err, mapping.ErrExists) && s.o.Store.Users().HasLocal(m.VCluster, m.Username):
		return message(http.StatusConflict, "The username %q is a local service account of the virtual cluster %q.",
			shorten(m.Username), m.VCluster)
	case errors.Is(err, mapping.ErrAccountInUse):
		return message(http.StatusConflict, "The username %q is still a member of groups: %s.",
			shorten(m.Username), strings.Join(s.o.Store.Groups().Naming(m.VCluster, m.Username), ", "))
	case errors.Is(err, mapping.ErrBusy):
		return message(http.StatusConflict, "%s", err)
	case errors.Is(err, mapping.ErrExists):
		return message(http.StatusConflict,
			"The username %q is already mapped in the virtual cluster %q: change it with PUT.", m.Username, m.VCluster)
	case errors.Is(err, mapping.ErrNotFound):
		return unmapped(m.VCluster, m.Username)
	case errors.As(err, &field):
		return invalid(err)
	case errors.Is(err, mapping.ErrFull):
		return message(http.StatusInsufficientStorage, "There is no room for another mapping: %s", err)
	}
	return s.unwritten(false, err)
}

// unwritten turns a store's refusal into an answer where nobody's mistake explains it: 503, and a log line.
func (s *Server) unwritten(second bool, err error) answer {
	say := func(format string, a ...any) answer {
		return fault(second, http.StatusServiceUnavailable, format, a...)
	}
	switch {
	case errors.Is(err, mapping.ErrNotReady):
		return notReady(second, err)
	case errors.Is(err, context.DeadlineExceeded):
		return say("The store did not confirm the change within %s; it may still take effect.", s.o.StoreTimeout).because(err)
	case errors.Is(err, context.Canceled):
		return say("The gateway is shutting down before the store has confirmed the change; it may still take effect.").because(err)
	default:
		return say("The store could not make the change: %s", err).because(err)
	}
}

// logChange leaves a trace of who changed what.
func (s *Server) logChange(r request, what string, m mapping.Mapping) {
	s.o.Log.Info("admin: user mapping "+what, "by", r.by.name,
		"vcluster", m.VCluster, "username", m.Username, "principal", m.Principal, "groups", m.Groups)
}
