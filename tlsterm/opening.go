package tlsterm

import "bytes"

// Opening says what the first bytes of a connection look like: "tls", "http",
// "sslv2", "plaintext kafka", or "" if nothing known. Five bytes are enough;
// of fewer only HTTP's verbs are recognised.
func Opening(first []byte) string {
	for _, verb := range [...]string{"GET ", "POST", "PUT ", "HEAD", "DELE", "OPTI", "PATC", "TRAC", "CONN", "PRI ", "HTTP"} {
		if bytes.HasPrefix(first, []byte(verb)) {
			return "http"
		}
	}
	if len(first) < recordHeaderLen {
		return ""
	}
	switch {
	case first[0] >= 20 && first[0] <= 24 && first[1] == 3:
		return "tls"
	case first[0]&0x80 != 0 && first[2] == 1:
		return "sslv2" // a two-byte length with its top bit set, then client hello
	case first[0] <= 6 && first[4] == 0 && (first[0]|first[1]|first[2] != 0 || first[3] >= 8):
		// A request begins with its size, at least 8 and in practice at most
		// 100 MiB, and an API key below 256, whose high byte comes first.
		return "plaintext kafka"
	}
	return ""
}
