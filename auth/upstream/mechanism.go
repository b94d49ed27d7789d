package upstream

import (
	"maps"
	"slices"
	"strings"
)

// mechanism is the client's side of one exchange.
type mechanism interface {
	// first returns what the client begins with.
	first() []byte
	// next takes the broker's message, which is valid during the call. complete
	// ends the exchange well; else reply is to be sent. The error is an *Error.
	next(msg []byte) (reply []byte, complete bool, err error)
}

// plain is RFC 4616. No authzid is sent: Kafka wants it empty or equal.
type plain struct{ c Credentials }

func (p plain) first() []byte { return []byte("\x00" + p.c.Username + "\x00" + p.c.password) }

func (p plain) next([]byte) ([]byte, bool, error) { return nil, true, nil }

// bearer is RFC 7628.
type bearer struct {
	c       Credentials
	refusal string // what the broker said
}

func (b *bearer) first() []byte {
	var s strings.Builder
	s.WriteString("n,,\x01auth=Bearer " + b.c.bearer)
	for _, name := range slices.Sorted(maps.Keys(b.c.Extensions)) {
		s.WriteString("\x01" + name + "=" + b.c.Extensions[name])
	}
	s.WriteString("\x01\x01")
	return []byte(s.String())
}

// next takes nothing, or the JSON that says why the token was refused: the
// broker then waits for a last message before it says so by an error code.
func (b *bearer) next(msg []byte) ([]byte, bool, error) {
	switch {
	case b.refusal != "":
		return nil, false, &Error{Refused, "the broker refused the token: " + b.refusal}
	case len(msg) == 0:
		return nil, true, nil
	}
	if b.refusal = printable(string(msg)); b.refusal == "" {
		b.refusal = "no reason given"
	}
	return []byte{1}, false, nil
}
