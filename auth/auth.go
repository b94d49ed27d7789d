package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The mechanisms by the names they have on the wire.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
	OAuthBearer = "OAUTHBEARER"
)

// Proven is what a finished exchange proved. Groups is nil when there are none
// and shared by nobody.
type Proven struct {
	Mechanism string
	Principal string // user name, or the token's subject
	VCluster  string // "" where the mechanism carries none
	Groups    []string
	Expiry    time.Time // zero: never
}

// Exchange is the server's side of one SASL exchange. It serves one exchange
// and one goroutine.
//
// Step takes one message of the client (valid during the call only) and returns
// what is to be sent back, which belongs to the caller. done: the exchange
// succeeded and Proven is meaningful; reply may still hold the mechanism's last
// message. An error is always a *Failure and the end; reply then is the
// mechanism's own word for it (SCRAM's e=), or empty.
//
// OAUTHBEARER tells a failure in two steps: the first Step returns the JSON of
// RFC 7628 as an ordinary challenge without an error, and the Step with the
// client's answer to it, whatever that is, returns the Failure.
type Exchange interface {
	Step(msg []byte, now time.Time) (reply []byte, done bool, err error)
	Proven() Proven
}

// Accounts is what is asked of the state. Both methods take no lock and block
// on nothing; they may be called by any number of goroutines.
type Accounts interface {
	// HasLocal reports whether a local account with that name is declared.
	HasLocal(vcluster, username string) bool
	// Scram finds the credential of the local account with that name, which is
	// unique over the virtual clusters while the account has credentials. The
	// slices of the credential are not written to.
	Scram(username, mechanism string) (cred ScramCredential, vcluster string, ok bool)
}

// Options says which mechanisms there are and what they check against.
type Options struct {
	UserPoolKey     []byte // the HS256 secret, MinUserPoolKey bytes or more; nil: no PLAIN
	AccountRequired bool   // a token's account must exist
	Accounts        Accounts
	OAuth           *OAuth // nil: no OAUTHBEARER
	Scram           bool
	Nonce           func() string // nil: 24 random bytes; printable ASCII without a comma
}

// MinUserPoolKey is the least length of the HS256 secret in bytes: RFC 7518 3.2
// demands a key no shorter than the hash.
const MinUserPoolKey = 32

// Mechanisms begins exchanges. It may be used by any number of goroutines.
type Mechanisms struct {
	names    []string
	key      []byte
	required bool
	accounts Accounts
	oauth    *OAuth
	nonce    func() string
	users    known[userClaims] // of tokens that were signed with key
	disguise []byte            // the key that unknown users' salts are made with
}

// New checks the options and copies what it keeps of them.
func New(o Options) (*Mechanisms, error) {
	m := &Mechanisms{key: slices.Clone(o.UserPoolKey), required: o.AccountRequired, accounts: o.Accounts, nonce: o.Nonce}
	if o.UserPoolKey != nil {
		if len(o.UserPoolKey) < MinUserPoolKey {
			return nil, fmt.Errorf("auth: the user pool's key has %d bytes, HS256 needs %d", len(o.UserPoolKey), MinUserPoolKey)
		}
		if o.AccountRequired && o.Accounts == nil {
			return nil, errors.New("auth: accounts are required, but there is nowhere to look them up")
		}
		m.names = append(m.names, Plain)
	}
	if o.Scram {
		if o.Accounts == nil {
			return nil, errors.New("auth: SCRAM needs accounts")
		}
		m.names = append(m.names, ScramSHA256, ScramSHA512)
		m.disguise = disguise(o.UserPoolKey)
	}
	if o.OAuth != nil {
		oauth, err := o.OAuth.checked()
		if err != nil {
			return nil, err
		}
		m.oauth = oauth
		m.names = append(m.names, OAuthBearer)
	}
	if m.names == nil {
		return nil, errors.New("auth: no mechanism: neither a user pool, nor SCRAM, nor OAuth is configured")
	}
	if m.nonce == nil {
		m.nonce = rand.Text
	}
	return m, nil
}

// Names returns the mechanisms in the order in which they are offered. The
// slice is the caller's.
func (m *Mechanisms) Names() []string { return slices.Clone(m.names) }

// Begin starts an exchange; false when the mechanism is not offered. The name
// is compared byte for byte.
func (m *Mechanisms) Begin(mechanism string) (Exchange, bool) {
	if !slices.Contains(m.names, mechanism) {
		return nil, false
	}
	switch mechanism {
	case Plain:
		return &plain{m: m}, true
	case ScramSHA256, ScramSHA512:
		return &scramExchange{m: m, mechanism: mechanism, h: scramHashes[mechanism]}, true
	default:
		return &bearer{o: m.oauth}, true
	}
}

// Slow reports that the Step of an exchange's first message would verify an issuer's
// signature, which takes longer than anything else that a Step may do: the message holds
// a token that was not seen before.
func (m *Mechanisms) Slow(mechanism string, msg []byte) bool {
	if mechanism != OAuthBearer || m.oauth == nil {
		return false
	}
	response, failure := parseBearer(msg)
	if failure != nil {
		return false
	}
	_, seen := m.oauth.recall(fingerprintOf(response.token))
	return !seen
}

// Prepare is for a caller that may block and is about to Step an exchange's
// first message: where the token in it names a key that is not known yet, it
// waits for the key set to be fetched again, so that the first login after a
// rotation of keys succeeds. It checks nothing, keeps nothing of msg, and costs
// a look at the token's header where the key is known. Without it the first
// login fails and the keys are fetched meanwhile.
func (m *Mechanisms) Prepare(ctx context.Context, mechanism string, msg []byte) {
	if mechanism != OAuthBearer || m.oauth == nil {
		return
	}
	fetcher, ok := m.oauth.Keys.(Fetcher)
	if !ok {
		return
	}
	response, failure := parseBearer(msg)
	if failure != nil {
		return
	}
	if t, err := cutToken(response.token); err == nil && bearerMethods[t.alg] != nil {
		fetcher.Fetch(ctx, t.kid, t.alg)
	}
}

// disguise makes the key for unknown users' salts out of a secret that the
// gateways of a cluster share, so that each shows the same salt for the same
// unknown user, as they do for a known one. Without such a secret the key is
// this process's own, and asking two gateways tells known from unknown.
func disguise(shared []byte) []byte {
	if shared == nil {
		shared = make([]byte, sha256.Size)
		_, _ = rand.Read(shared) // never fails
	}
	mac := hmac.New(sha256.New, shared)
	mac.Write([]byte("postern: salts of unknown users"))
	return mac.Sum(nil)
}
