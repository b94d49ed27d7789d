package auth

import (
	"strings"
	"time"

	"github.com/postern-kafka/postern/mapping"
)

// maxBearerMessage bounds an OAUTHBEARER message: a token, an escaped name, and
// extensions.
const maxBearerMessage = MaxToken + 3*mapping.MaxName + 8<<10

// invalidToken is the challenge by which RFC 7628 tells a failure.
const invalidToken = `{"status":"invalid_token"}`

// bearer is OAUTHBEARER (RFC 7628): one message; two when it fails.
type bearer struct {
	o       *OAuth
	failure *Failure // told, and waiting for the client's answer
	ended   bool
	proven  Proven
}

func (b *bearer) Proven() Proven { return b.proven }

func (b *bearer) Step(msg []byte, now time.Time) ([]byte, bool, error) {
	if b.ended {
		return outOfStep()
	}
	b.ended = true
	if b.failure != nil { // whatever the client answers: \x01 by the RFC
		return nil, false, b.failure
	}
	r, failure := parseBearer(msg)
	if failure != nil {
		return nil, false, failure
	}
	proven, failure := b.o.verify(r, now)
	if failure != nil {
		b.failure, b.ended = failure, false
		return []byte(invalidToken), false, nil
	}
	b.proven = proven
	return nil, true, nil
}

// bearerResponse is a client's message. It shares nothing with it.
type bearerResponse struct {
	authzid string // as it came: "" or a=name
	token   string
}

// parseBearer reads gs2-header kvsep *(key "=" value kvsep) kvsep, where kvsep
// is \x01 and the key auth has the value "Bearer <token>". The other keys (host,
// port, Kafka's extensions) are ignored.
func parseBearer(msg []byte) (bearerResponse, *Failure) {
	if len(msg) > maxBearerMessage {
		return bearerResponse{}, tooLarge(len(msg))
	}
	authzid, rest, cause := cutGS2(string(msg))
	switch cause {
	case "":
	case ChannelBinding:
		return bearerResponse{}, &Failure{ChannelBinding, textNoBinding}
	default:
		return bearerResponse{}, bearerMalformed()
	}
	pairs, ok := strings.CutPrefix(rest, "\x01")
	if !ok {
		return bearerResponse{}, bearerMalformed()
	}
	r := bearerResponse{authzid: authzid}
	for pairs != "\x01" {
		var pair string
		if pair, pairs, ok = strings.Cut(pairs, "\x01"); !ok {
			return bearerResponse{}, bearerMalformed()
		}
		key, value, ok := strings.Cut(pair, "=")
		if !ok || !validAttribute(key) || !validValue(value) {
			return bearerResponse{}, bearerMalformed()
		}
		if key != "auth" {
			continue
		}
		if r.token != "" {
			return bearerResponse{}, bearerMalformed()
		}
		if r.token, ok = cutBearer(value); !ok {
			return bearerResponse{}, &Failure{Unspecified, "Authentication failed: the message has no bearer token"}
		}
	}
	switch {
	case r.token == "":
		return bearerResponse{}, &Failure{Unspecified, "Authentication failed: the message has no bearer token"}
	case len(r.token) > MaxToken:
		return bearerResponse{}, tooLarge(len(r.token))
	}
	return r, nil
}

// cutBearer returns what follows the scheme, whose case does not matter.
func cutBearer(value string) (string, bool) {
	scheme, token, ok := strings.Cut(value, " ")
	token = strings.TrimLeft(token, " ")
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}

// validValue allows what RFC 7628 does: printable ASCII, space, tab, line ends.
func validValue(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 0x20 || c > 0x7e) && c != '\t' && c != '\r' && c != '\n'
	})
}

func bearerMalformed() *Failure {
	return &Failure{Malformed, "Authentication failed: Invalid OAUTHBEARER client first message"}
}
