package admin

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/postern-kafka/postern/mapping"
)

// Tokens makes the passwords of local users: signed statements who they are, of which nothing is stored.
type Tokens interface {
	// Issue makes a token that is good for life from now.
	Issue(username, vcluster string, life time.Duration) (string, error)
}

// maxLife is as long as a token may be good for, in seconds: a hundred years.
const maxLife = 100 * 365 * 24 * 3600

const noPool = "Requesting a JWT token when no user pool service is configured in the Gateway or requesting a token for an external service account."

type tokenJSON struct {
	Token string `json:"token"`
}

// lifeOf checks a life in seconds.
func lifeOf(seconds int64) (time.Duration, error) {
	if seconds < 1 || seconds > maxLife {
		return 0, fmt.Errorf("field %q: must be from 1 to %d", "lifeTimeSeconds", maxLife)
	}
	return time.Duration(seconds) * time.Second, nil
}

// issueV1 makes a token of the virtual cluster and user of the path.
func (s *Server) issueV1(r request) answer {
	vcluster, refused := s.vclusterOf(r)
	if refused != nil {
		return *refused
	}
	var seconds int64
	var there bool
	life := time.Duration(0)
	err := members{"lifeTimeSeconds": intoInt(&seconds, &there)}.readFirst(r.body, "lifeTimeSeconds")
	if err == nil && !there {
		err = fmt.Errorf("field %q: required", "lifeTimeSeconds")
	}
	if err == nil {
		life, err = lifeOf(seconds)
	}
	if err == nil {
		_, err = mapping.Mapping{VCluster: vcluster, Username: r.username}.Validate()
	}
	if err != nil {
		return invalid(err)
	}
	if s.o.Tokens == nil {
		return message(http.StatusConflict, "No user pool is configured: GATEWAY_USER_POOL_SECRET_KEY is not set.")
	}
	return s.issue(r, http.StatusCreated, r.username, vcluster, life)
}

// issueV2 makes a token of a declared local account.
func (s *Server) issueV2(r request) answer {
	var username, vcluster string
	var seconds int64
	var there bool
	refused := members{
		"username": into(&username), "vCluster": into(&vcluster), "lifeTimeSeconds": intoInt(&seconds, &there),
	}.readBody(r.body)
	switch {
	case refused != nil:
		return *refused
	case username == "":
		return *missing("username")
	case !there:
		return *missing("lifeTimeSeconds")
	}
	life, err := lifeOf(seconds)
	if err != nil {
		return undecoded("body (" + err.Error() + ")")
	}
	if refused := s.unready(); refused != nil {
		return *refused
	}
	if s.o.Tokens == nil {
		return caused(http.StatusConflict, noPool, nil)
	}
	vcluster = cmp.Or(vcluster, mapping.Passthrough)
	a, found := s.o.Store.Users().Account(vcluster, username)
	switch {
	case !found:
		return problem(http.StatusNotFound, "The given service account does not exist")
	case a.Type != mapping.Local:
		return caused(http.StatusConflict, noPool, nil)
	}
	return s.issue(r, http.StatusOK, username, vcluster, life)
}

func (s *Server) issue(r request, status int, username, vcluster string, life time.Duration) answer {
	token, err := s.o.Tokens.Issue(username, vcluster, life)
	if err != nil {
		return fault(status == http.StatusOK, http.StatusInternalServerError, "The token could not be made.").because(err)
	}
	s.o.Log.Info("admin: token issued", "by", r.by.name, "vcluster", vcluster, "username", username, "life", life)
	return inJSON(status, tokenJSON{token})
}
