package auth

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/postern-kafka/postern/mapping"
)

// validName reports whether s can be a user name or a group: what mapping
// accepts of one, so that every name which is proven here can be mapped.
func validName(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// validVCluster reports whether s can be the name of a virtual cluster. Empty
// is none, which is no name.
func validVCluster(s string) bool {
	return s != "" && len(s) <= mapping.MaxVCluster && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-'
	})
}
