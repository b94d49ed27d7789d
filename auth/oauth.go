package auth

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/postern-kafka/postern/mapping"
)

// OAuth says which bearer tokens are accepted.
type OAuth struct {
	Keys Keys
	// Issuer is what iss must be; "": anything.
	Issuer string
	// Audiences: aud must have one of them; nil: anything.
	Audiences []string
	// SubClaim names the claim that is the principal ("sub" when empty),
	// ScopeClaim the one with the scopes ("scope"), GroupsClaim the one with
	// the groups: an array of strings, or one string cut at spaces; "": none.
	SubClaim    string
	ScopeClaim  string
	GroupsClaim string
	// Skew is by how much the issuer's clock may be off.
	Skew time.Duration

	seen *known[signedToken]
}

// signedToken is a token that was signed by an issuer's key.
type signedToken struct {
	kid, alg string
	key      crypto.PublicKey // that kid and alg named then
	claims   claims
}

// Keys finds the public key that a token names. It blocks on nothing: a key
// that is not known is ErrUnknownKey now, and may be known later. kid is "" in
// a token that names none; alg is one of RS, PS, ES 256 to 512 and EdDSA.
type Keys interface {
	Key(kid, alg string) (crypto.PublicKey, error)
}

// Fetcher is what Keys may be besides: Fetch waits until the keys have been
// fetched again because of one that is not known, or until ctx ends, or not at
// all when it is known or was asked for too often.
type Fetcher interface {
	Fetch(ctx context.Context, kid, alg string)
}

// What Keys may answer; any other error counts as ErrUnknownKey.
var (
	ErrUnknownKey = errors.New("auth: no key of that id for that algorithm")
	ErrNoKeys     = errors.New("auth: the issuer's keys have not been read yet")
)

// bearerMethods are the algorithms of bearer tokens: those whose verifying key
// is public. HS* must never be among them: the "secret" would be the public key.
var bearerMethods = map[string]jwt.SigningMethod{
	"RS256": jwt.SigningMethodRS256, "RS384": jwt.SigningMethodRS384, "RS512": jwt.SigningMethodRS512,
	"PS256": jwt.SigningMethodPS256, "PS384": jwt.SigningMethodPS384, "PS512": jwt.SigningMethodPS512,
	"ES256": jwt.SigningMethodES256, "ES384": jwt.SigningMethodES384, "ES512": jwt.SigningMethodES512,
	"EdDSA": jwt.SigningMethodEdDSA,
}

// vclusterClaim names the virtual cluster: a claim with a dot in its name, or
// the member vcluster of an object gateway.
const vclusterClaim = "gateway.vcluster"

// MaxTokenGroups bounds the groups of one token: as many as large issuers put
// into one. More refuse the token, for a group left out could be one that
// something is denied to.
const MaxTokenGroups = 256

// minRSA is the least size of an RSA key in bits (RFC 7518 3.3).
const minRSA = 2048

// checked returns a copy with the defaults written out.
func (o *OAuth) checked() (*OAuth, error) {
	c := *o
	c.seen = new(known[signedToken])
	c.Audiences = slices.Clone(o.Audiences)
	c.SubClaim = cmp.Or(o.SubClaim, "sub")
	c.ScopeClaim = cmp.Or(o.ScopeClaim, "scope")
	switch {
	case c.Keys == nil:
		return nil, errors.New("auth: OAuth needs keys")
	case c.Skew < 0:
		return nil, errors.New("auth: the clock skew must not be negative")
	case slices.Contains(c.Audiences, ""):
		return nil, errors.New("auth: an audience must not be empty")
	}
	return &c, nil
}

// verify checks a token: form, algorithm, key, signature, and then what it
// says. A principal other than the one the client asked to act as is refused.
func (o *OAuth) verify(r bearerResponse, now time.Time) (Proven, *Failure) {
	signed, failure := o.authentic(r.token)
	if failure != nil {
		return Proven{}, failure
	}
	expiry, failure := o.checkValidity(signed, now)
	if failure != nil {
		return Proven{}, failure
	}
	proven, failure := o.readSubject(signed)
	if failure != nil {
		return Proven{}, failure
	}
	if same, _ := authorizes(r.authzid, proven.Principal); !same {
		return Proven{}, &Failure{OtherIdentity, "Authentication failed: Client requested an authorization id that is different from the token's principal name"}
	}
	proven.Mechanism, proven.Expiry = OAuthBearer, expiry
	return proven, nil
}

// authentic returns the claims of a token that was signed by one of the
// issuer's keys.
func (o *OAuth) authentic(compact string) (claims, *Failure) {
	id := fingerprintOf(compact)
	if claims, ok := o.recall(id); ok {
		return claims, nil
	}
	t, err := cutToken(compact)
	if err != nil {
		return nil, refused(Malformed, "the token is "+err.Error())
	}
	method := bearerMethods[t.alg]
	if method == nil {
		return nil, refused(WrongAlgorithm, "the token is signed by an algorithm that is not accepted")
	}
	key, err := o.Keys.Key(t.kid, t.alg)
	switch {
	case errors.Is(err, ErrNoKeys):
		return nil, refused(NoKeys, "the issuer's keys are not available at the moment")
	case err != nil:
		return nil, refused(UnknownKey, "the token is signed with a key that the issuer does not publish")
	case !Fits(t.alg, key):
		return nil, refused(WrongAlgorithm, "the token's algorithm does not fit the key that it names")
	}
	signed, err := t.verify(method, key)
	switch {
	case errors.Is(err, errTokenForm):
		return nil, refused(Malformed, "the token's claims are not a JSON object")
	case err != nil:
		return nil, refused(BadCredentials, "the token's signature is wrong")
	}
	o.seen.remember(id, signedToken{kid: t.kid, alg: t.alg, key: key, claims: signed})
	return signed, nil
}

// recall returns the claims of a token that was found authentic before, and still is.
func (o *OAuth) recall(id fingerprint) (claims, bool) {
	seen, ok := o.seen.find(id)
	if !ok {
		return nil, false
	}
	// An issuer may have taken the key back, or have another of that name.
	key, err := o.Keys.Key(seen.kid, seen.alg)
	same, ok := key.(interface{ Equal(x crypto.PublicKey) bool })
	return seen.claims, err == nil && ok && same.Equal(seen.key)
}

// Fits reports whether a key may verify an algorithm (RFC 7518 3.3 and 3.4,
// RFC 8037 3.1): alg is one of those that Keys is asked for.
func Fits(alg string, key crypto.PublicKey) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return (strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")) && k.N.BitLen() >= minRSA
	case *ecdsa.PublicKey:
		return alg == "ES256" && k.Curve == elliptic.P256() || alg == "ES384" && k.Curve == elliptic.P384() ||
			alg == "ES512" && k.Curve == elliptic.P521()
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}

// checkValidity checks for whom and when a token is valid and returns until
// when it is, the skew allowed.
func (o *OAuth) checkValidity(c claims, now time.Time) (time.Time, *Failure) {
	issuer, ok := c.text("iss")
	if !ok || o.Issuer != "" && issuer != o.Issuer {
		return time.Time{}, refused(WrongIssuer, "the token's issuer is not the expected one")
	}
	audiences, ok := c.texts("aud", false)
	if !ok || o.Audiences != nil && !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(o.Audiences, a) }) {
		return time.Time{}, refused(WrongAudience, "the token is for another audience")
	}
	expiry, present, ok := c.seconds("exp")
	if !ok || !present {
		return time.Time{}, refused(BadClaim, "the token has no expiry")
	}
	if expiry = expiry.Add(o.Skew); !now.Before(expiry) {
		return time.Time{}, refused(Expired, "Token has expired")
	}
	for _, name := range []string{"nbf", "iat"} {
		from, present, ok := c.seconds(name)
		switch {
		case !ok:
			return time.Time{}, refused(BadClaim, "the token's claim "+name+" is no time")
		case present && now.Before(from.Add(-o.Skew)):
			return time.Time{}, refused(NotYetValid, "the token is not valid yet")
		}
	}
	return expiry, nil
}

// readSubject reads who a token is for.
func (o *OAuth) readSubject(c claims) (Proven, *Failure) {
	var p Proven
	var ok bool
	if p.Principal, ok = c.text(o.SubClaim); !ok || !validName(p.Principal, mapping.MaxName) {
		return Proven{}, refusedClaim(o.SubClaim)
	}
	if _, ok = c.texts(o.ScopeClaim, true); !ok {
		return Proven{}, refusedClaim(o.ScopeClaim)
	}
	if p.VCluster, ok = c.vcluster(); !ok {
		return Proven{}, refusedClaim(vclusterClaim)
	}
	if o.GroupsClaim == "" {
		return p, nil
	}
	groups, ok := c.texts(o.GroupsClaim, true)
	if !ok || len(groups) > MaxTokenGroups {
		return Proven{}, refusedClaim(o.GroupsClaim)
	}
	for _, g := range groups {
		if !validName(g, mapping.MaxGroup) {
			return Proven{}, refusedClaim(o.GroupsClaim)
		}
	}
	slices.Sort(groups)
	if groups = slices.Compact(groups); len(groups) > 0 {
		p.Groups = groups
	}
	return p, nil
}

// vcluster returns the virtual cluster of a token, "" when it names none.
func (c claims) vcluster() (name string, ok bool) {
	name, ok = c.text(vclusterClaim)
	if ok && name == "" {
		var gateway claims
		raw, present := c["gateway"]
		if !present || json.Unmarshal(raw, &gateway) != nil {
			return "", true // somebody else's claim
		}
		name, ok = gateway.text("vcluster")
	}
	return name, ok && (name == "" || validVCluster(name))
}

// refused is a Failure about a token.
func refused(cause Cause, why string) *Failure { return &Failure{cause, unverified + why} }

// refusedClaim names a claim, whose name is from the configuration.
func refusedClaim(name string) *Failure {
	return refused(BadClaim, "the token's claim "+name+" is missing or has a wrong form")
}
