package session

import (
	"encoding/binary"
	"time"

	"github.com/postern-kafka/postern/codec"
)

// SASL says how the clients of a listener log in.
type SASL struct {
	// Mechanisms are those by which the gateway itself decides who a client is. nil:
	// a broker decides, and the session relays what the two say to each other.
	Mechanisms Mechanisms
	// Observe begins to read who a client says it is; nil for a mechanism that does
	// not show it. It must be given where a broker decides; elsewhere it may be nil.
	Observe func(mechanism string) Observer
	// MaxLifetime is how long a login holds; 0: as long as what was proven.
	MaxLifetime time.Duration
}

// delegated reports that a broker decides.
func (c *SASL) delegated() bool { return c != nil && c.Mechanisms == nil }

// Mechanisms are ways to prove who one is. It may be used by any number of sessions
// at once.
type Mechanisms interface {
	// Names are those of the mechanisms, in the order in which they are offered.
	Names() []string
	// Begin starts an exchange; ok is false for a mechanism that there is not.
	Begin(name string) (x Exchange, ok bool)
}

// Exchange is one client's proof, the server's side of it.
type Exchange interface {
	// Step takes a message of the client, valid during the call only, and returns
	// what is to be said to it. With done, Proven says what was proven. An error ends
	// the exchange and is a *Failure; reply is then the mechanism's own word for it,
	// if it has one.
	Step(message []byte, now time.Time) (reply []byte, done bool, err error)
	Proven() Proven
}

// Observer reads who a client says it is out of its messages, without proof.
type Observer interface {
	// Client takes the next message of the client, valid during the call only.
	Client(message []byte)
	// Principal is who it says it is; ok is false while it has not said so.
	Principal() (name string, ok bool)
	// Rounds is how many messages the client sends in a whole exchange; 0 where the
	// mechanism does not fix that.
	Rounds() int
}

// Proven is what a finished exchange proved.
type Proven struct {
	Mechanism string
	Principal string
	VCluster  string // "" where the mechanism carries none
	Groups    []string
	Expiry    time.Time // zero: never
}

// Failure says why an exchange failed. Cause is one of a closed set of words, Text is
// for the client, Passing says whether it is to be told at all.
type Failure struct {
	Cause, Text string
	Passing     Passing
}

// Passing says whether the same credentials may be accepted in a moment. Many clients
// give up for good when they are told that their credentials are not; the end of
// their connection has them come again.
type Passing uint8

// The kinds of failure by how long they last.
const (
	Lasting    Passing = iota // the client is told
	PassesAnew                // on a new connection the credentials may do, for there may be a wait
	Passes                    // it lies with us
)

func (f *Failure) Error() string { return f.Text }

// LoginError is the cause of a session that ended because its client could not log
// in. User is who it said it was, without proof, "" if it did not say.
type LoginError struct {
	Mechanism, User string
	Failure
}

func (e *LoginError) Error() string {
	if e.Mechanism == "" {
		return "session: login: " + e.Text
	}
	return "session: login by " + e.Mechanism + ": " + e.Text
}

// Causes of failed logins that the session finds itself.
const (
	causeMechanism = "unsupported-mechanism"
	causeState     = "illegal-state"
	causeTooLarge  = "too-large"
	causeVCluster  = "no-vcluster"
	causeChanged   = "changed"
	causeBroker    = "refused-by-broker"
	causeUnseen    = "not-detected"
	causeUnknown   = "unknown"
)

const (
	// loginFrame is the largest frame before it is known who the client is, its size
	// prefix included.
	loginFrame = 64<<10 + 4
	// reauthPause: a client that logs in anew more often than this is refused it, as
	// Kafka does.
	reauthPause = time.Second
	// maxReady is how many answers to logins wait for their turn before no further
	// login is looked at.
	maxReady = 4

	keySaslHandshake    = 17
	keyApiVersions      = 18
	keySaslAuthenticate = 36
)

// login is what a session knows of its client's login.
type login struct {
	sasl      *SASL
	exchange  Exchange // nil outside of one
	observer  Observer // may be nil
	mechanism string   // of the exchange
	raw       bool     // messages go without a Kafka header (SaslHandshake v0)
	proven    Proven
	expires   time.Time // zero: never
	began     time.Time // the last login anew

	// While a broker decides:
	asked    bool // an answer to a login's request is awaited
	sent     int  // messages of the client
	accepted int  // those to which the broker did not say no
}

// Pending returns the message that b begins with, if it is whole and the session is
// about to give it to the mechanism: a caller that may wait can make ready for it.
func (s *Session) Pending(b []byte) (mechanism string, message []byte) {
	l := s.login
	if s.phase != Login || l.exchange == nil || len(b) < 4 {
		return "", nil
	}
	size := int64(binary.BigEndian.Uint32(b)) + 4
	if size > loginFrame || int64(len(b)) < size {
		return "", nil
	}
	if l.raw {
		return l.mechanism, b[4:size]
	}
	h, ok, err := codec.RequestHead(b[:size], loginFrame)
	if !ok || err != nil || h.Key != keySaslAuthenticate {
		return "", nil
	}
	if message, err = codec.SaslAuthenticateBytes(h, b[:size]); err != nil {
		return "", nil
	}
	return l.mechanism, message
}

func (l *login) failed(cause, text string) *LoginError {
	e := &LoginError{Mechanism: l.mechanism, Failure: Failure{Cause: cause, Text: text}}
	if l.observer != nil {
		e.User, _ = l.observer.Principal()
	}
	return e
}

// failedBy is failed for what Step returned.
func (l *login) failedBy(err error) *LoginError {
	if f, ok := err.(*Failure); ok { //nolint:errorlint // Step returns it bare
		e := l.failed(f.Cause, f.Text)
		e.Passing = f.Passing
		return e
	}
	return l.failed(causeUnknown, err.Error())
}

// observe has the observer read a message.
func (l *login) observe(message []byte) {
	if l.observer != nil {
		l.observer.Client(message)
	}
}

// begin starts an exchange by a mechanism, or says why not.
func (l *login) begin(mechanism []byte) *LoginError {
	x, ok := l.sasl.Mechanisms.Begin(string(mechanism))
	if !ok {
		l.mechanism, l.observer = "", nil
		return l.failed(causeMechanism, "mechanism "+printable(mechanism)+" is not enabled")
	}
	l.exchange, l.mechanism, l.observer = x, string(mechanism), nil
	if l.sasl.Observe != nil {
		l.observer = l.sasl.Observe(l.mechanism)
	}
	return nil
}

// lifetime says until when what was proven holds, and in how many milliseconds that
// is: 0 if for ever.
func (l *login) lifetime(proven Proven, now time.Time) (expires time.Time, millis int64) {
	expires = proven.Expiry
	if most := l.sasl.MaxLifetime; most > 0 {
		if end := now.Add(most); expires.IsZero() || end.Before(expires) {
			expires = end
		}
	}
	if expires.IsZero() {
		return expires, 0
	}
	return expires, max(1, expires.Sub(now).Milliseconds())
}

// maxPrinted bounds how much of what a client sent goes into a text.
const maxPrinted = 64

// printable makes a text of bytes that a client sent.
func printable(b []byte) string {
	out := make([]byte, 0, maxPrinted)
	for _, c := range b[:min(len(b), maxPrinted)] {
		if c < ' ' || c > '~' {
			c = '?'
		}
		out = append(out, c)
	}
	return string(out)
}

// ending is an error that says how the session ends, and with what last word.
type ending struct {
	Reason
	answer []byte
}

func (e *ending) Error() string { return e.String() }

// nameOf is an API's name for texts.
func nameOf(key int16) string {
	if row := codec.Lookup(key); row != nil {
		return row.Name
	}
	return "unknown API"
}
