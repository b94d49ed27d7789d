package admin

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// caller is who sent a request.
type caller struct {
	name  string // as it is configured; "" when known is false
	known bool   // the credentials are right
	admin bool   // may write
}

// roster is GATEWAY_ADMIN_API_USERS in a form that can be compared without telling anything by its timing.
type roster struct {
	entries  []entry
	warnings []string
	defaults float64 // users that have the default password
}

type entry struct {
	name               string
	username, password [sha256.Size]byte
	admin              int
}

const defaultPassword = "conduktor"

// exposed reports whether other machines reach what listens on bind, as far as can be told from it.
func exposed(bind string) bool {
	host, _, err := net.SplitHostPort(bind)
	if err != nil {
		host = bind
	}
	if strings.EqualFold(host, "localhost") {
		return false
	}
	a, err := netip.ParseAddr(host)
	return err != nil || !a.IsLoopback()
}

func newRoster(users []Credentials, exposed bool) roster {
	r := roster{}
	warn := func(format string, a ...any) {
		r.warnings = append(r.warnings, "GATEWAY_ADMIN_API_USERS: "+fmt.Sprintf(format, a...))
	}
	if len(users) == 0 {
		warn("no user is defined: everything but /health and /versions is answered 401")
	}
	seen := make(map[string]bool, len(users))
	for _, u := range users {
		switch u.Password {
		case defaultPassword:
			r.defaults++
			if exposed {
				warn("user %q has the default password, which is public, and the admin API is open to other machines: "+
					"ANYBODY WHO REACHES IT MAY DO WHAT THIS USER MAY; set another password now", u.Username)
				break
			}
			warn("user %q has the default password, which is public: set another", u.Username)
		case "":
			warn("user %q has an empty password", u.Username)
		}
		if seen[u.Username] {
			warn("user %q is defined more than once: the first whose password fits counts", u.Username)
		}
		seen[u.Username] = true
		e := entry{
			name:     u.Username,
			username: sha256.Sum256([]byte(u.Username)),
			password: sha256.Sum256([]byte(u.Password)),
		}
		if u.Admin {
			e.admin = 1
		}
		r.entries = append(r.entries, e)
	}
	return r
}

// identify reads an Authorization header (RFC 7617). All users are compared, in full and in constant time, whether
// or not one has matched: neither a name's existence nor a password's beginning shows in the time it takes.
func (r roster) identify(authorization []byte) caller {
	username, password, ok := basic(authorization)
	u, p := sha256.Sum256(username), sha256.Sum256(password)
	index, known, admin := 0, 0, 0
	for i := range r.entries {
		e := &r.entries[i]
		match := subtle.ConstantTimeCompare(u[:], e.username[:]) & subtle.ConstantTimeCompare(p[:], e.password[:])
		match &= 1 ^ known
		index = subtle.ConstantTimeSelect(match, i, index)
		admin |= match & e.admin
		known |= match
	}
	if known == 0 || !ok {
		return caller{}
	}
	return caller{name: r.entries[index].name, known: true, admin: admin == 1}
}

// basic takes the header apart; ok is false for what is not Basic credentials.
func basic(authorization []byte) (username, password []byte, ok bool) {
	scheme, token, found := bytes.Cut(authorization, []byte{' '})
	if !found || !strings.EqualFold(string(scheme), "Basic") {
		return nil, nil, false
	}
	token = bytes.TrimSpace(token)
	plain := make([]byte, base64.StdEncoding.DecodedLen(len(token)))
	n, err := base64.StdEncoding.Decode(plain, token)
	if err != nil {
		return nil, nil, false
	}
	return bytes.Cut(plain[:n], []byte{':'})
}
