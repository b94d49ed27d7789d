package auth

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"
	"time"

	"github.com/postern-kafka/postern/mapping"
)

// Limits of SCRAM messages. A name may come escaped, in three times its bytes,
// and twice.
const (
	maxScramMessage = 6*mapping.MaxName + 8<<10
	maxNonce        = 1024
)

// scramExchange is SCRAM (RFC 5802, RFC 7677): two messages of the client's.
// Channel binding is not offered: Kafka has no -PLUS mechanisms.
type scramExchange struct {
	m         *Mechanisms
	mechanism string
	h         func() hash.Hash
	step      int

	known    bool // the account exists and has this credential
	username string
	vcluster string
	cred     ScramCredential
	header   string // gs2-header
	bare     string // client-first-message-bare
	first    string // server-first-message
	own      string // the client's nonce
	nonce    string // the client's and ours
	proven   Proven
}

func (s *scramExchange) Proven() Proven { return s.proven }

func (s *scramExchange) Step(msg []byte, _ time.Time) ([]byte, bool, error) {
	s.step++
	if s.step > 2 {
		return outOfStep()
	}
	if len(msg) > maxScramMessage {
		s.step = 2
		return nil, false, tooLarge(len(msg))
	}
	if s.step == 1 {
		reply, failure := s.begin(string(msg))
		if failure != nil {
			s.step = 2
			return []byte(failure.reply), false, &failure.Failure
		}
		return reply, false, nil
	}
	reply, failure := s.finish(string(msg))
	if failure != nil {
		return []byte(failure.reply), false, &failure.Failure
	}
	s.proven = Proven{Mechanism: s.mechanism, Principal: s.username, VCluster: s.vcluster}
	return reply, true, nil
}

// scramFailure is a Failure with the server-error of RFC 5802 section 7.
type scramFailure struct {
	Failure
	reply string
}

func scramMalformed(reply, what string) *scramFailure {
	return &scramFailure{Failure{Malformed, "Authentication failed: Invalid SCRAM message: " + what}, reply}
}

// begin answers the client-first-message. Nothing in it tells whether the user
// exists: unknown ones are given a salt that is always the same, and fail as
// with a wrong password.
func (s *scramExchange) begin(text string) ([]byte, *scramFailure) {
	c, failure := parseClientFirst(text)
	if failure != nil {
		return nil, failure
	}
	s.username, s.header, s.bare = c.username, c.header, c.bare
	feigned := s.m.feign(c.username, s.mechanism, s.h)
	s.cred, s.vcluster, s.known = s.m.accounts.Scram(c.username, s.mechanism)
	if !s.known || !s.cred.fits(s.h) {
		s.cred, s.known = feigned, false
	}
	s.own, s.nonce = c.nonce, c.nonce+s.m.nonce()
	s.first = "r=" + s.nonce + ",s=" + base64.StdEncoding.EncodeToString(s.cred.Salt) + ",i=" + strconv.Itoa(s.cred.Iterations)
	return []byte(s.first), nil
}

// finish answers the client-final-message. Known and unknown users take the
// same way up to the comparison.
func (s *scramExchange) finish(text string) ([]byte, *scramFailure) {
	c, failure := parseClientFinal(text)
	if failure != nil {
		return nil, failure
	}
	if !s.announced(string(c.binding)) {
		return nil, &scramFailure{Failure{ChannelBinding, "Authentication failed: the channel binding differs from the one announced"}, "e=channel-bindings-dont-match"}
	}
	if !s.repeats(c.nonce) {
		return nil, scramMalformed("e=other-error", "the nonce is not the one of this exchange")
	}
	message := s.bare + "," + s.first + "," + c.withoutProof
	signature := authenticate(s.h, s.cred.StoredKey, message)
	if len(c.proof) != len(signature) {
		return nil, scramMalformed("e=invalid-proof", "the proof has the wrong length")
	}
	subtle.XORBytes(signature, signature, c.proof) // the client's key
	// Nobody knows what hashes to a feigned key; known is asked all the same.
	same := subtle.ConstantTimeCompare(digest(s.h, signature), s.cred.StoredKey) == 1
	if !same || !s.known {
		return nil, &scramFailure{Failure{BadCredentials, textInvalid}, "e=invalid-proof"}
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(authenticate(s.h, s.cred.ServerKey, message))), nil
}

// repeats reports whether a nonce is the one of this exchange. librdkafka before
// 2.6.1 puts its own in front of it once more: ours is in it and signed all the
// same, so that nothing can be replayed. Kafka 4 refuses it, 3.9 does not.
func (s *scramExchange) repeats(nonce string) bool {
	return subtle.ConstantTimeCompare([]byte(nonce), []byte(s.nonce)) == 1 ||
		subtle.ConstantTimeCompare([]byte(nonce), []byte(s.own+s.nonce)) == 1
}

// announced reports whether a client repeats the header that it began with.
// franz-go's client leaves its authorization id out, which does no harm: it is
// the user's own name.
func (s *scramExchange) announced(header string) bool {
	return header == s.header || header == "n,," && strings.HasPrefix(s.header, "n,")
}

// fits reports whether a credential is one of this hash. A store may hold
// anything.
func (c ScramCredential) fits(h func() hash.Hash) bool {
	n := h().Size()
	return len(c.StoredKey) == n && len(c.ServerKey) == n && len(c.Salt) > 0 && c.Iterations >= MinIterations
}

// feign makes the credential of a user who does not exist: the same each time,
// and like a real one.
func (m *Mechanisms) feign(username, mechanism string, h func() hash.Hash) ScramCredential {
	salt := authenticate(sha256.New, m.disguise, "salt\x00"+mechanism+"\x00"+username)
	key := authenticate(sha512.New, m.disguise, "key\x00"+mechanism+"\x00"+username)[:h().Size()]
	return ScramCredential{Salt: salt[:SaltSize], Iterations: DefaultIterations, StoredKey: key, ServerKey: key}
}

// clientFirst is a client-first-message:
//
//	gs2-header [m=mandatory extension ","] n=username ",r=" nonce *("," extension)
type clientFirst struct {
	header   string
	bare     string // what follows the header
	username string
	nonce    string
}

func parseClientFirst(text string) (clientFirst, *scramFailure) {
	authzid, bare, cause := cutGS2(text)
	switch cause {
	case "":
	case ChannelBinding:
		return clientFirst{}, &scramFailure{Failure{ChannelBinding, textNoBinding}, "e=channel-binding-not-supported"}
	default:
		return clientFirst{}, scramMalformed("e=other-error", "bad header")
	}
	c := clientFirst{header: text[:len(text)-len(bare)], bare: bare}
	if failure := c.parseBare(); failure != nil {
		return clientFirst{}, failure
	}
	same, wellFormed := authorizes(authzid, c.username)
	switch {
	case !wellFormed:
		return clientFirst{}, scramMalformed("e=invalid-username-encoding", "bad authorization id")
	case !same:
		return clientFirst{}, &scramFailure{Failure{OtherIdentity, textOtherIdentity}, "e=other-error"}
	}
	return c, nil
}

func (c *clientFirst) parseBare() *scramFailure {
	if strings.HasPrefix(c.bare, "m=") {
		return &scramFailure{Failure{Extension, "Authentication failed: the client demands an extension of SCRAM that is not supported"}, "e=extensions-not-supported"}
	}
	name, rest, ok := strings.Cut(c.bare, ",")
	if !ok || !strings.HasPrefix(name, "n=") {
		return scramMalformed("e=other-error", "no user name")
	}
	if c.username, ok = saslName(name[2:]); !ok {
		return scramMalformed("e=invalid-username-encoding", "bad encoding of the user name")
	}
	nonce, extensions, more := strings.Cut(rest, ",")
	if !strings.HasPrefix(nonce, "r=") || !validNonce(nonce[2:]) {
		return scramMalformed("e=other-error", "no nonce, or none that is printable and at most 1024 bytes long")
	}
	c.nonce = nonce[2:]
	if !more {
		return nil
	}
	return checkExtensions(extensions)
}

// checkExtensions demands the form name=value of each and refuses tokenauth,
// by which Kafka's clients say that the user is a delegation token. Others are
// ignored, as the RFC has it.
func checkExtensions(list string) *scramFailure {
	for more := true; more; {
		var extension string
		extension, list, more = strings.Cut(list, ",")
		name, value, ok := strings.Cut(extension, "=")
		if !ok || value == "" || !validAttribute(name) {
			return scramMalformed("e=other-error", "an extension is not of the form name=value")
		}
		if name == "tokenauth" && strings.EqualFold(value, "true") {
			return &scramFailure{Failure{Extension, "Authentication failed: delegation tokens are not accepted (tokenauth=true)"}, "e=extensions-not-supported"}
		}
	}
	return nil
}

// validNonce demands printable ASCII; a comma cannot be in it any more.
func validNonce(s string) bool {
	return s != "" && len(s) <= maxNonce && !strings.ContainsFunc(s, func(c rune) bool { return c < 0x21 || c > 0x7e })
}

// clientFinal is a client-final-message:
//
//	"c=" base64 ",r=" nonce *("," extension) ",p=" base64
type clientFinal struct {
	binding      []byte
	nonce        string
	withoutProof string
	proof        []byte
}

func parseClientFinal(text string) (clientFinal, *scramFailure) {
	var c clientFinal
	at := strings.LastIndex(text, ",p=")
	if at < 0 {
		return c, scramMalformed("e=other-error", "no proof")
	}
	c.withoutProof = text[:at]
	var err error
	if c.proof, err = base64.StdEncoding.Strict().DecodeString(text[at+3:]); err != nil {
		return c, scramMalformed("e=invalid-encoding", "the proof is not base64")
	}
	binding, rest, ok := strings.Cut(c.withoutProof, ",")
	if !ok || !strings.HasPrefix(binding, "c=") {
		return c, scramMalformed("e=other-error", "no channel binding")
	}
	if c.binding, err = base64.StdEncoding.Strict().DecodeString(binding[2:]); err != nil {
		return c, scramMalformed("e=invalid-encoding", "the channel binding is not base64")
	}
	nonce, extensions, more := strings.Cut(rest, ",")
	if c.nonce, ok = strings.CutPrefix(nonce, "r="); !ok {
		return c, scramMalformed("e=other-error", "no nonce")
	}
	if !more {
		return c, nil
	}
	return c, checkExtensions(extensions)
}
