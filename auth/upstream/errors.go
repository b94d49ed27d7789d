package upstream

import (
	"strings"
	"unicode"
)

// Cause is why a login failed: a label of metrics, out of a closed set.
type Cause string

// The causes.
const (
	Refused     Cause = "credentials" // the broker does not take them
	NoMechanism Cause = "mechanism"   // the broker does not offer the mechanism
	NoSASL      Cause = "state"       // the broker's listener has no SASL
	Unsupported Cause = "version"     // the broker is too old, or none at all
	Malformed   Cause = "protocol"    // what it sent is no answer
	Impostor    Cause = "impostor"    // it does not know the password itself
)

// Error says why a login failed.
type Error struct {
	Cause Cause
	// Text says it to people; what comes from the broker is cut to a sane length.
	Text string
}

func (e *Error) Error() string { return "upstream: login: " + e.Text }

// LoginCause is Cause as a label.
func (e *Error) LoginCause() string { return string(e.Cause) }

// textLimit bounds what is shown of a broker's text, in runes.
const textLimit = 400

// printable makes a broker's text fit for a log line.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if runes := []rune(text); len(runes) > textLimit {
		text = string(runes[:textLimit]) + "…"
	}
	return strings.TrimSpace(text)
}
