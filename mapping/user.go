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
//   - Groups: the mapping's, those of which the account is a member, those that
//     name a group which authentication brought, and the brought ones themselves.
//   - VCluster: the mapping's, else the one that authentication brought, else
//     Passthrough; with mandatoryVCluster the last is ErrNoVCluster instead. A
//     mapping always has one (Passthrough when it was posted without), so a
//     mapped principal is never refused and its mapping wins over a token.
//
// The principal is compared byte for byte. An empty one (a certificate without
// a subject) is like any other, except that no mapping can name it. A local
// account is found by its username, which is its principal, in the virtual
// cluster that authentication brought.
//
// When an account exists and its groups are all there are, the result is the
// shared User and nothing is allocated.
func (u *Users) Resolve(a Auth, mandatoryVCluster bool) (*User, error) {
	user, ok := u.Lookup(a.Principal)
	if !ok {
		vcluster := a.VCluster
		if vcluster == "" {
			if mandatoryVCluster {
				return nil, ErrNoVCluster
			}
			vcluster = Passthrough
		}
		if user, ok = u.local(vcluster, a.Principal); !ok {
			user = &User{Username: a.Principal, VCluster: vcluster, Principal: a.Principal}
		}
	}
	return u.groups.widen(user, a.Groups), nil
}

// lacks reports whether the user is not in all of groups.
func (u *User) lacks(groups []string) bool {
	for _, g := range groups {
		if !slices.Contains(u.Groups, g) {
			return true
		}
	}
	return false
}
