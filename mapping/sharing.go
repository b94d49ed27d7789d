package mapping

import (
	"slices"
	"strings"
)

// sharing keeps one copy of what many accounts have alike.
type sharing struct {
	vclusters map[string]*counted[string]
	groups    map[string]*counted[[]string]
}

type counted[T any] struct {
	of    T
	users int
}

func newSharing() sharing {
	return sharing{vclusters: make(map[string]*counted[string]), groups: make(map[string]*counted[[]string])}
}

// take returns the one copy of both for one more account.
func (s sharing) take(vcluster string, groups []string) (string, []string) {
	v := s.vclusters[vcluster]
	if v == nil {
		v = &counted[string]{of: strings.Clone(vcluster)}
		s.vclusters[v.of] = v
	}
	v.users++
	if len(groups) == 0 {
		return v.of, nil
	}
	key := groupsKey(groups)
	g := s.groups[key]
	if g == nil {
		g = &counted[[]string]{of: slices.Clone(groups)}
		s.groups[key] = g
	}
	g.users++
	return v.of, g.of
}

// release undoes take for one account.
func (s sharing) release(vcluster string, groups []string) {
	if v := s.vclusters[vcluster]; v != nil {
		if v.users--; v.users == 0 {
			delete(s.vclusters, vcluster)
		}
	}
	if len(groups) == 0 {
		return
	}
	key := groupsKey(groups)
	if g := s.groups[key]; g != nil {
		if g.users--; g.users == 0 {
			delete(s.groups, key)
		}
	}
}

// groupsKey is one text for a list: no name holds a NUL.
func groupsKey(groups []string) string { return strings.Join(groups, "\x00") }

// oneText returns copies of two names that lie in as few bytes as possible: a
// username is often a part of its principal, or all of it.
func oneText(username, principal string) (u, p string) {
	at := strings.Index(principal, username)
	if at < 0 {
		both := principal + username
		return both[len(principal):], both[:len(principal)]
	}
	p = strings.Clone(principal)
	return p[at : at+len(username)], p
}
