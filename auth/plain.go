package auth

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/postern-kafka/postern/mapping"
)

// plain is SASL/PLAIN (RFC 4616): one message, whose password is a token.
type plain struct {
	m      *Mechanisms
	proven Proven
	ended  bool
}

func (p *plain) Proven() Proven { return p.proven }

func (p *plain) Step(msg []byte, now time.Time) ([]byte, bool, error) {
	if p.ended {
		return outOfStep()
	}
	p.ended = true
	c, failure := parsePlain(msg)
	if failure == nil {
		p.proven, failure = p.m.verifyUser(c, now)
	}
	if failure != nil {
		return nil, false, failure
	}
	return nil, true, nil
}

// plainCredentials is what a PLAIN message holds. It shares nothing with it.
type plainCredentials struct {
	username string
	password string
}

// parsePlain reads [authzid] NUL authcid NUL passwd. The name is one that can
// be mapped; the password is not empty.
func parsePlain(msg []byte) (plainCredentials, *Failure) {
	if len(msg) > 2*mapping.MaxName+MaxToken+2 {
		return plainCredentials{}, tooLarge(len(msg))
	}
	if n := bytes.Count(msg, []byte{0}); n != 2 {
		return plainCredentials{}, &Failure{Malformed, fmt.Sprintf("Invalid SASL/PLAIN response: expected 3 tokens, got %d", n+1)}
	}
	other, rest, _ := bytes.Cut(msg, []byte{0})
	name, password, _ := bytes.Cut(rest, []byte{0})
	switch {
	case len(name) == 0:
		return plainCredentials{}, &Failure{Unspecified, "Authentication failed: username not specified"}
	case len(password) == 0:
		return plainCredentials{}, &Failure{Unspecified, "Authentication failed: password not specified"}
	case len(other) > 0 && !bytes.Equal(other, name):
		return plainCredentials{}, &Failure{OtherIdentity, textOtherIdentity}
	case len(password) > MaxToken:
		return plainCredentials{}, tooLarge(len(password))
	case !validName(string(name), mapping.MaxName):
		return plainCredentials{}, &Failure{Malformed, textInvalid}
	}
	return plainCredentials{username: string(name), password: string(password)}, nil
}

func tooLarge(n int) *Failure {
	return &Failure{TooLarge, fmt.Sprintf("Authentication failed: %d bytes are more than any credentials may have", n)}
}

// verifyUser checks the token of a user: signature, time, whose it is, and
// whether the account exists. A stranger learns from none of the answers
// whether a user exists: without a good signature they are all the same.
func (m *Mechanisms) verifyUser(c plainCredentials, now time.Time) (Proven, *Failure) {
	u, failure := m.signed(c.password)
	if failure != nil {
		return Proven{}, failure
	}
	home := u.vcluster
	if home == "" {
		home = mapping.Passthrough
	}
	switch {
	case !now.Before(u.expiry):
		return Proven{}, &Failure{Expired, unverified + fmt.Sprintf("Token has expired. Claims: {username=%s, vcluster=%s, exp=%d}", u.name, u.vcluster, u.expiry.Unix())}
	case now.Before(u.notBefore):
		return Proven{}, &Failure{NotYetValid, unverified + "Token is not valid yet"}
	case subtle.ConstantTimeCompare([]byte(c.username), []byte(u.name)) != 1:
		return Proven{}, &Failure{NotAssociated, unverified + "Password token is valid but it is not associated with " + c.username}
	case m.required && !m.accounts.HasLocal(home, u.name):
		return Proven{}, &Failure{NoAccount, unverified + "Password token is valid for username " + u.name + " but it isn't associated with an existing local user."}
	}
	return Proven{Mechanism: Plain, Principal: u.name, VCluster: u.vcluster, Expiry: u.expiry}, nil
}

// signed returns what a token says that was signed with our key.
func (m *Mechanisms) signed(compact string) (userClaims, *Failure) {
	id := fingerprintOf(compact)
	if u, ok := m.users.find(id); ok {
		return u, nil
	}
	t, err := cutToken(compact)
	if err != nil {
		return userClaims{}, &Failure{BadCredentials, textInvalid}
	}
	if t.alg != jwt.SigningMethodHS256.Alg() {
		return userClaims{}, &Failure{WrongAlgorithm, textInvalid}
	}
	signed, err := t.verify(jwt.SigningMethodHS256, m.key)
	if err != nil {
		return userClaims{}, &Failure{BadCredentials, textInvalid}
	}
	u, failure := readUserClaims(signed)
	if failure == nil {
		m.users.remember(id, u)
	}
	return u, failure
}

// userClaims is what a user's token says. It shares nothing with the token.
type userClaims struct {
	name      string
	vcluster  string // "" where the token says nothing
	expiry    time.Time
	notBefore time.Time
}

// readUserClaims demands a name and an expiry, of a token that was signed with
// our key.
func readUserClaims(c claims) (userClaims, *Failure) {
	bad := &Failure{BadClaim, unverified + "Password token lacks a claim that it must have, or has one in a wrong form"}
	var u userClaims
	var ok, present bool
	if u.name, ok = c.text("username"); !ok || !validName(u.name, mapping.MaxName) {
		return userClaims{}, bad
	}
	if u.vcluster, ok = c.text("vcluster"); !ok || u.vcluster != "" && !validVCluster(u.vcluster) {
		return userClaims{}, bad
	}
	if u.expiry, present, ok = c.seconds("exp"); !ok || !present {
		return userClaims{}, bad
	}
	if u.notBefore, _, ok = c.seconds("nbf"); !ok {
		return userClaims{}, bad
	}
	return u, nil
}
