package tlsterm

import "crypto/tls"

// groups are those that keys are exchanged in, in crypto/tls's order, under the
// names of Java's jdk.tls.namedGroups, which are IANA's.
var groups = names[tls.CurveID]{
	{"X25519MLKEM768", tls.X25519MLKEM768},
	{"SecP256r1MLKEM768", tls.SecP256r1MLKEM768},
	{"SecP384r1MLKEM1024", tls.SecP384r1MLKEM1024},
	{"x25519", tls.X25519},
	{"secp256r1", tls.CurveP256},
	{"secp384r1", tls.CurveP384},
	{"secp521r1", tls.CurveP521},
}

// ParseGroups reads a comma list as in Java's jdk.tls.namedGroups, in any case.
// An empty one gives none, which is the default.
func ParseGroups(list string) ([]tls.CurveID, error) { return groups.parse("named group", list) }

// GroupNames are the groups that may be used.
func (s Settings) GroupNames() []string {
	if len(s.Groups) == 0 {
		return groups.of(groups.all())
	}
	return groups.of(s.Groups)
}

// isHybrid tells the groups that join a curve with ML-KEM, which TLS 1.2 lacks.
func isHybrid(g tls.CurveID) bool {
	return g == tls.X25519MLKEM768 || g == tls.SecP256r1MLKEM768 || g == tls.SecP384r1MLKEM1024
}
