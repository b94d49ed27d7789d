package mapping

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Passthrough is the virtual cluster that changes nothing: every topic and
// group is seen under its physical name. Mappings that name no virtual cluster
// belong to it.
const Passthrough = "passthrough"

// Limits of one mapping. Names are counted in bytes, not in characters.
const (
	MaxName     = 4096 // username and principal: distinguished names are long
	MaxGroups   = 100
	MaxGroup    = 255
	MaxVCluster = 64
)

// Mapping is what an administrator posted: the User that a Principal becomes.
// The zero VCluster means Passthrough and the zero Principal means Username;
// Validate writes both out. Groups is nil when there are none.
type Mapping struct {
	Username  string
	Principal string
	VCluster  string
	Groups    []string
}

// FieldError says which field of a mapping is at fault and why. Field is the
// name an administrator knows: username, principal, vcluster or groups, with
// an index (groups[3]) where one element is at fault.
type FieldError struct {
	Field   string
	Problem string
}

// Error returns "mapping: <field>: <problem>".
func (e *FieldError) Error() string { return "mapping: " + e.Field + ": " + e.Problem }

// Validate returns m with its defaults written out and repeated groups
// dropped, or a *FieldError for the first field at fault. The result shares no
// slice with m.
func (m Mapping) Validate() (Mapping, error) {
	a, err := m.Account().Validate()
	if err != nil {
		return Mapping{}, err
	}
	return a.Mapping(), nil
}

// checkName refuses what no principal, username or group can be. Control
// characters are refused because these names end up in logs and audit events.
func checkName(field, s string, most int) error {
	switch {
	case s == "":
		return &FieldError{field, "must not be empty"}
	case len(s) > most:
		return &FieldError{field, fmt.Sprintf("%d bytes long, at most %d allowed", len(s), most)}
	case !utf8.ValidString(s):
		return &FieldError{field, "must be valid UTF-8"}
	}
	if i := strings.IndexFunc(s, unicode.IsControl); i >= 0 {
		return &FieldError{field, fmt.Sprintf("control character at byte %d", i)}
	}
	return nil
}

// checkNames is checkName for each of several; field gets an index.
func checkNames(field string, names []string, most int) error {
	for i, s := range names {
		if err := checkName(fmt.Sprintf("%s[%d]", field, i), s, most); err != nil {
			return err
		}
	}
	return nil
}

func checkVCluster(field, s string) error {
	if s == "" || len(s) > MaxVCluster {
		return &FieldError{field, fmt.Sprintf("%d bytes long, must be 1 to %d", len(s), MaxVCluster)}
	}
	for i := range len(s) {
		if !legalTopicByte(s[i]) {
			return &FieldError{field, "may hold letters, digits, dot, underscore and hyphen only"}
		}
	}
	return nil
}

// legalTopicByte says what a topic's name may hold, and so a prefix of it.
func legalTopicByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}

// union returns the members of all lists in order, each once, in a slice of its
// own; nil when there are none.
func union(lists ...[]string) []string {
	n := 0
	for _, l := range lists {
		n += len(l)
	}
	if n == 0 {
		return nil
	}
	out := make([]string, 0, n)
	var seen map[string]bool // only where comparing each with each would be felt
	if n > 32 {
		seen = make(map[string]bool, n)
	}
	for _, l := range lists {
		for _, s := range l {
			if seen == nil && slices.Contains(out, s) || seen[s] {
				continue
			}
			out = append(out, s)
			if seen != nil {
				seen[s] = true
			}
		}
	}
	return out
}
