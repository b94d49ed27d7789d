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
	if m.VCluster == "" {
		m.VCluster = Passthrough
	}
	if m.Principal == "" {
		m.Principal = m.Username
	}
	if err := checkName("username", m.Username, MaxName); err != nil {
		return Mapping{}, err
	}
	if err := checkName("principal", m.Principal, MaxName); err != nil {
		return Mapping{}, err
	}
	if err := checkVCluster(m.VCluster); err != nil {
		return Mapping{}, err
	}
	if len(m.Groups) > MaxGroups {
		return Mapping{}, &FieldError{"groups", fmt.Sprintf("%d given, at most %d allowed", len(m.Groups), MaxGroups)}
	}
	for i, g := range m.Groups {
		if err := checkName(fmt.Sprintf("groups[%d]", i), g, MaxGroup); err != nil {
			return Mapping{}, err
		}
	}
	m.Groups = union(nil, m.Groups)
	return m, nil
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

func checkVCluster(s string) error {
	if len(s) > MaxVCluster {
		return &FieldError{"vcluster", fmt.Sprintf("%d bytes long, at most %d allowed", len(s), MaxVCluster)}
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-' {
			continue
		}
		return &FieldError{"vcluster", "may hold letters, digits, dot, underscore and hyphen only"}
	}
	return nil
}

// union returns the members of a, then those of b that are not among them, in
// a slice of its own; nil when there are none.
func union(a, b []string) []string {
	if len(a)+len(b) == 0 {
		return nil
	}
	out := make([]string, 0, len(a)+len(b))
	for _, s := range a {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
