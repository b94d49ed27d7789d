package mapping

import (
	"errors"
	"slices"
)

// Anonymous is the principal of a connection that proved nothing: plaintext,
// or TLS without a client certificate. It is the name that Kafka's
// KafkaPrincipal.ANONYMOUS carries.
const Anonymous = "ANONYMOUS"

// ErrNoVCluster refuses a connection that belongs to no virtual cluster while
// GATEWAY_FEATURE_FLAGS_MANDATORY_VCLUSTER is true.
var ErrNoVCluster = errors.New("mapping: no virtual cluster for the principal, and one is mandatory")

// Auth is what authentication proved. Principal is a subject's distinguished
// name (mTLS), a user name or a token's subject (SASL), or Anonymous. VCluster
// is empty where the mechanism carries none (mTLS, delegated), and so is Groups.
type Auth struct {
	Principal string
	VCluster  string
	Groups    []string
}

// User is what a connection resolved to. It is immutable and shared between
// connections: nobody may write to Groups, which is nil when there are none.
type User struct {
	Username  string
	VCluster  string
	Principal string
	Groups    []string
}

// Resolve says who a connection is.
//
//   - Username: the mapping's, else the principal itself.
//   - Groups: the mapping's, then those that authentication brought.
//   - VCluster: the mapping's, else the one that authentication brought, else
//     Passthrough; with mandatoryVCluster the last is ErrNoVCluster instead. A
//     mapping always has one (Passthrough when it was posted without), so a
//     mapped principal is never refused and its mapping wins over a token.
//
// The principal is compared byte for byte. An empty one (a certificate without
// a subject) is like any other, except that no mapping can name it.
//
// When a mapping exists and authentication brings no group that it lacks, the
// result is the shared User and nothing is allocated.
func (u *Users) Resolve(a Auth, mandatoryVCluster bool) (*User, error) {
	if user, ok := u.Lookup(a.Principal); ok {
		return user.with(a.Groups), nil
	}
	vcluster := a.VCluster
	if vcluster == "" {
		if mandatoryVCluster {
			return nil, ErrNoVCluster
		}
		vcluster = Passthrough
	}
	return &User{
		Username:  a.Principal,
		VCluster:  vcluster,
		Principal: a.Principal,
		Groups:    union(nil, a.Groups),
	}, nil
}

// with returns a user that is also in groups: the receiver itself when it is
// in all of them already.
func (u *User) with(groups []string) *User {
	for _, g := range groups {
		if !slices.Contains(u.Groups, g) {
			more := *u
			more.Groups = union(u.Groups, groups)
			return &more
		}
	}
	return u
}
