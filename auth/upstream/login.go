package upstream

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// MaxFrame bounds a broker's answer in bytes, its size prefix not counted.
const MaxFrame = 64 << 10

// maxToken bounds a bearer token in bytes: no broker takes a larger one.
const maxToken = 64 << 10

// Login is the client's side of one login on one connection. It is used by one
// goroutine.
type Login struct {
	mechanism mechanism
	name      string
	format    *kmsg.RequestFormatter
	step      step
	asked     kmsg.Request // whose answer is awaited
	correl    int32
	version   int16 // of SaslAuthenticate
	in        []byte
	lifetime  time.Duration
	err       error
}

type step uint8

const (
	versions step = iota
	handshake
	authenticate
	finished
)

// Begin makes a Login. clientID is what the broker is told in the requests'
// heads. It is an error to log in with OAUTHBEARER credentials without a token,
// or with what no broker would take.
func (c Credentials) Begin(clientID string) (*Login, error) {
	return c.begin(clientID, rand.Text())
}

func (c Credentials) begin(clientID, nonce string) (*Login, error) {
	l := &Login{name: c.Mechanism, format: kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID))}
	switch c.Mechanism {
	case Plain:
		l.mechanism = plain{c}
	case ScramSHA256, ScramSHA512:
		if c.keys == nil {
			return nil, errors.New("upstream: SCRAM credentials that nobody made")
		}
		l.mechanism = newScram(c, nonce)
	case OAuthBearer:
		if !sendableToken(c.bearer) {
			return nil, errors.New("upstream: OAUTHBEARER without a token that can be sent")
		}
		l.mechanism = &bearer{c: c}
	default:
		return nil, fmt.Errorf("upstream: unknown mechanism %q", c.Mechanism)
	}
	return l, nil
}

// sendableToken is RFC 6750's b64token, nearly: what would break the message is
// refused.
func sendableToken(token string) bool {
	return token != "" && len(token) <= maxToken && strings.IndexFunc(token, func(r rune) bool {
		return r <= ' ' || r >= utf8.RuneSelf || r == 0x7f
	}) < 0
}

// Next begins the login when b is empty at first; then it takes what the
// broker sent, cut in whatever way. What it returns must be sent; nothing means
// that more of the broker's bytes are needed, unless done. b is not kept and
// send belongs to the caller. After done nothing is expected from the broker,
// and further bytes are an error. Errors about the broker are an *Error.
func (l *Login) Next(b []byte) (send []byte, done bool, err error) {
	if l.err == nil {
		send, l.err = l.take(b)
	}
	if l.err != nil {
		l.in = nil
		return nil, false, l.err
	}
	return send, l.step == finished, nil
}

// Again makes it a login that takes the place of an earlier one on the same
// connection (KIP-368); it is called before Next. It begins with SaslHandshake:
// when the earlier one has ended, a broker takes nothing else. It uses
// SaslAuthenticate v1, which every broker knows that limits a login's life.
func (l *Login) Again() { l.step, l.version = handshake, 1 }

// Lifetime is for how long the broker serves the connection until it wants to
// see another login; 0 for ever. It is meaningful after done.
func (l *Login) Lifetime() time.Duration { return l.lifetime }

func (l *Login) take(b []byte) ([]byte, error) {
	switch {
	case l.asked != nil:
	case len(b) > 0:
		return nil, unasked
	case l.step == handshake:
		return l.shake(), nil
	default:
		return l.ask(kmsg.NewPtrApiVersionsRequest(), 0), nil
	}
	if l.step == finished {
		if len(b) > 0 {
			return nil, unasked
		}
		return nil, nil
	}
	l.in = append(l.in, b...)
	if len(l.in) < 4 {
		return nil, nil
	}
	size := binary.BigEndian.Uint32(l.in)
	if size < 4 || size > MaxFrame {
		return nil, &Error{Malformed, fmt.Sprintf("the broker sent a frame of %d bytes; does it speak TLS on this port?", size)}
	}
	if uint32(len(l.in)-4) < size {
		return nil, nil
	}
	if uint32(len(l.in)-4) > size {
		return nil, unasked // one question at a time has one answer
	}
	body, err := l.head(l.in[4:])
	if err != nil {
		return nil, err
	}
	send, err := l.answer(body)
	l.in = l.in[:0]
	return send, err
}

var unasked = &Error{Malformed, "the broker sent more than was asked for"}

// ask frames a request in a version.
func (l *Login) ask(r kmsg.Request, version int16) []byte {
	r.SetVersion(version)
	l.asked = r
	l.correl++
	return l.format.AppendRequest(nil, r, l.correl)
}

// head checks the head of an answer and returns what follows it.
func (l *Login) head(frame []byte) ([]byte, error) {
	if got := int32(binary.BigEndian.Uint32(frame)); got != l.correl {
		return nil, &Error{Malformed, fmt.Sprintf("the broker answered request %d, not %d", got, l.correl)}
	}
	body := frame[4:]
	if !l.asked.IsFlexible() {
		return body, nil
	}
	if len(body) == 0 || body[0] != 0 { // nobody has defined a tag for this head
		return nil, &Error{Malformed, "the head of the broker's answer is malformed"}
	}
	return body[1:], nil
}

// answer takes the body of the answer that was awaited.
func (l *Login) answer(body []byte) ([]byte, error) {
	r := l.asked.ResponseKind()
	r.SetVersion(l.asked.GetVersion())
	if err := r.ReadFrom(body); err != nil {
		return nil, &Error{Malformed, fmt.Sprintf("the broker's answer to %s is malformed", kmsg.NameForKey(r.Key()))}
	}
	switch r := r.(type) {
	case *kmsg.ApiVersionsResponse:
		return l.versioned(r)
	case *kmsg.SASLHandshakeResponse:
		return l.shaken(r)
	default:
		return l.authenticated(r.(*kmsg.SASLAuthenticateResponse))
	}
}

// versioned chooses the version of SaslAuthenticate.
func (l *Login) versioned(r *kmsg.ApiVersionsResponse) ([]byte, error) {
	if r.ErrorCode != 0 {
		return nil, &Error{Unsupported, "the broker does not tell its API versions: " + code(r.ErrorCode)}
	}
	most := map[int16]int16{}
	for _, k := range r.ApiKeys {
		most[k.ApiKey] = k.MaxVersion
	}
	authenticate, ok := most[keyAuthenticate]
	if !ok || most[keyHandshake] < 1 {
		return nil, &Error{Unsupported, "the broker knows no SaslAuthenticate: it is older than Kafka 1.0"}
	}
	l.version = min(authenticate, 2)
	l.step = handshake
	return l.shake(), nil
}

func (l *Login) shake() []byte {
	r := kmsg.NewPtrSASLHandshakeRequest()
	r.Mechanism = l.name
	return l.ask(r, 1)
}

const (
	keyHandshake    = 17
	keyAuthenticate = 36
)

func (l *Login) shaken(r *kmsg.SASLHandshakeResponse) ([]byte, error) {
	switch r.ErrorCode {
	case 0:
	case kerr.UnsupportedSaslMechanism.Code:
		return nil, &Error{NoMechanism, fmt.Sprintf("the broker does not offer %s, but %s", l.name, printable(strings.Join(r.SupportedMechanisms, ", ")))}
	case kerr.IllegalSaslState.Code:
		return nil, &Error{NoSASL, "the broker's listener has no SASL"}
	default:
		return nil, &Error{Malformed, "SaslHandshake: " + code(r.ErrorCode)}
	}
	l.step = authenticate
	return l.say(l.mechanism.first()), nil
}

// say sends a message of the mechanism.
func (l *Login) say(msg []byte) []byte {
	r := kmsg.NewPtrSASLAuthenticateRequest()
	r.SASLAuthBytes = msg
	return l.ask(r, l.version)
}

func (l *Login) authenticated(r *kmsg.SASLAuthenticateResponse) ([]byte, error) {
	if r.ErrorCode != 0 {
		return nil, l.refused(r)
	}
	reply, complete, err := l.mechanism.next(r.SASLAuthBytes)
	if err != nil || !complete {
		return l.sayUnless(err, reply), err
	}
	if r.SessionLifetimeMillis > 0 {
		l.lifetime = math.MaxInt64
		if ms := r.SessionLifetimeMillis; ms < math.MaxInt64/int64(time.Millisecond) {
			l.lifetime = time.Duration(ms) * time.Millisecond
		}
	}
	l.step, l.in = finished, nil
	return nil, nil
}

func (l *Login) sayUnless(err error, msg []byte) []byte {
	if err != nil {
		return nil
	}
	return l.say(msg)
}

// refused makes an error of the broker's own words.
func (l *Login) refused(r *kmsg.SASLAuthenticateResponse) error {
	text := "the broker refused: "
	if r.ErrorMessage != nil && *r.ErrorMessage != "" {
		text += printable(*r.ErrorMessage)
	} else {
		text += code(r.ErrorCode)
	}
	if b, ok := l.mechanism.(*bearer); ok && b.refusal != "" && !strings.Contains(text, b.refusal) {
		text += " (" + b.refusal + ")"
	}
	cause := Refused
	if r.ErrorCode != kerr.SaslAuthenticationFailed.Code {
		cause = Malformed
	}
	return &Error{cause, text}
}

// code names an error code of Kafka.
func code(c int16) string {
	if e := kerr.TypedErrorForCode(c); e != nil {
		return fmt.Sprintf("error %d, %s", c, e.Message)
	}
	return fmt.Sprintf("error %d", c)
}
