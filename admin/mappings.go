package admin

import (
	"context"
	"errors"
	"net/http"

	"github.com/postern-kafka/postern/mapping"
)

// vclusterOf says which virtual cluster a request is about; refused is nil when there is one and it can be read.
// Passthrough is the only one there is.
func (s *Server) vclusterOf(r request) (vcluster string, refused *answer) {
	if r.vcluster != "" && r.vcluster != mapping.Passthrough {
		a := message(http.StatusNotFound, "The virtual cluster %q does not exist.", shorten(r.vcluster))
		return "", &a
	}
	// Before the store has been read to its end, a mapping that exists would be answered 404.
	if err := s.o.Store.Ready(); err != nil {
		a := notReady(err)
		return "", &a
	}
	return mapping.Passthrough, nil
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

func notReady(err error) answer {
	return message(http.StatusServiceUnavailable, "The store of user mappings is not ready: %s", err).
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
	return s.unwritten(err)
}

// unwritten turns a store's refusal into an answer where nobody's mistake explains it: 503, and a log line.
func (s *Server) unwritten(err error) answer {
	switch {
	case errors.Is(err, mapping.ErrNotReady):
		return notReady(err)
	case errors.Is(err, context.DeadlineExceeded):
		return message(http.StatusServiceUnavailable,
			"The store did not confirm the change within %s; it may still take effect.", s.o.StoreTimeout).because(err)
	case errors.Is(err, context.Canceled):
		return message(http.StatusServiceUnavailable,
			"The gateway is shutting down before the store has confirmed the change; it may still take effect.").because(err)
	default:
		return message(http.StatusServiceUnavailable, "The store could not make the change: %s", err).because(err)
	}
}

// logChange leaves a trace of who changed what.
func (s *Server) logChange(r request, what string, m mapping.Mapping) {
	s.o.Log.Info("admin: user mapping "+what, "by", r.by.name,
		"vcluster", m.VCluster, "username", m.Username, "principal", m.Principal, "groups", m.Groups)
}
