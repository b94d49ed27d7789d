package auth

import (
	"strings"

	"github.com/postern-kafka/postern/mapping"
)

// cutGS2 cuts off the header that SCRAM and OAUTHBEARER begin with (RFC 5801):
//
//	("n" / "y" / "p=" name) "," ["a=" authzid] ","
//
// authzid is as it came, with its a=. cause is Malformed, or ChannelBinding for
// a client that demands one. y is one that could bind and knows that we do not
// offer it: the RFC has it accepted.
func cutGS2(text string) (authzid, rest string, cause Cause) {
	flag, rest, ok := strings.Cut(text, ",")
	switch {
	case !ok:
		return "", "", Malformed
	case strings.HasPrefix(flag, "p="):
		return "", "", ChannelBinding
	case flag != "n" && flag != "y":
		return "", "", Malformed
	}
	if authzid, rest, ok = strings.Cut(rest, ","); !ok {
		return "", "", Malformed
	}
	return authzid, rest, ""
}

// saslName undoes the escapes =2C and =3D and demands a name that can be
// mapped. Names are compared byte for byte, as everywhere: no client of Kafka's
// prepares them.
func saslName(escaped string) (string, bool) {
	name := escaped
	if strings.Contains(escaped, "=") {
		if strings.Count(escaped, "=") != strings.Count(escaped, "=2C")+strings.Count(escaped, "=3D") {
			return "", false
		}
		name = saslEscapes.Replace(escaped)
	}
	return name, validName(name, mapping.MaxName)
}

var saslEscapes = strings.NewReplacer("=2C", ",", "=3D", "=")

// authorizes reports whether a client that is username may ask to act as
// authzid, which is as cutGS2 gives it; wellFormed is false when it is no name.
func authorizes(authzid, username string) (same, wellFormed bool) {
	if authzid == "" {
		return true, true
	}
	escaped, ok := strings.CutPrefix(authzid, "a=")
	if !ok {
		return false, false
	}
	name, ok := saslName(escaped)
	return ok && name == username, ok
}

// validAttribute reports whether a name of an extension is letters only.
func validAttribute(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') })
}
