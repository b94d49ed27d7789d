package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	koauth "github.com/twmb/franz-go/pkg/sasl/oauth"

	"github.com/postern-kafka/postern/auth"
	"github.com/postern-kafka/postern/mapping"
)

// keyRing is the keys of the tests by id. An error counts as an answer.
type keyRing map[string]any

func (k keyRing) Key(kid, _ string) (crypto.PublicKey, error) {
	key, ok := k[kid]
	if err, failed := key.(error); failed {
		return nil, err
	}
	if !ok {
		return nil, auth.ErrUnknownKey
	}
	return key, nil
}

// signers are private keys by the id that they are published under.
var signers = sync.OnceValue(func() map[string]crypto.Signer {
	must := func(s crypto.Signer, err error) crypto.Signer {
		if err != nil {
			panic(err)
		}
		return s
	}
	ed := ed25519.NewKeyFromSeed(poolKey) // the same each time, for the corpus of FuzzBearer
	p256, err256 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, err384 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p521, err521 := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	r, errR := rsa.GenerateKey(rand.Reader, 2048)
	small, errS := rsa.GenerateKey(rand.Reader, 1024)
	return map[string]crypto.Signer{
		"rsa": must(r, errR), "small": must(small, errS), "p256": must(p256, err256),
		"p384": must(p384, err384), "p521": must(p521, err521), "ed": ed,
	}
})

func publicKeys() keyRing {
	ring := keyRing{"broken": errors.New("no such thing"), "none": auth.ErrNoKeys, "nil": nil}
	for kid, s := range signers() {
		ring[kid] = s.Public()
	}
	return ring
}

// signed makes a token with the library, by the key of that id.
func signed(t testing.TB, alg, kid string, claims map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.GetSigningMethod(alg), jwt.MapClaims(claims))
	token.Header["kid"] = kid
	s, err := token.SignedString(signers()[kid])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const issuer, audience = "https://issuer.example", "kafka"

// good is the claims of a token that is accepted, with some changed; nil takes
// one away.
func good(change ...any) map[string]any {
	c := map[string]any{
		"iss": issuer, "aud": audience, "sub": "svc-orders", "scope": "read write",
		"exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nbf": now.Unix(), "gateway.vcluster": "blue",
	}
	for i := 0; i < len(change); i += 2 {
		if change[i+1] == nil {
			delete(c, change[i].(string))
		} else {
			c[change[i].(string)] = change[i+1]
		}
	}
	return c
}

const skew = 30 * time.Second

func bearers(t testing.TB, change ...func(*auth.OAuth)) *auth.Mechanisms {
	o := &auth.OAuth{Keys: publicKeys(), Issuer: issuer, Audiences: []string{"other", audience}, GroupsClaim: "groups", Skew: skew}
	for _, f := range change {
		f(o)
	}
	return mechanisms(t, auth.Options{OAuth: o})
}

func bearer(token string) string { return "n,,\x01auth=Bearer " + token + "\x01\x01" }

func wantProven(t testing.TB, e auth.Exchange, reply string, done bool, err error, want auth.Proven) {
	t.Helper()
	if reply != "" || !done || err != nil {
		t.Fatalf("%q, %t, %v; want success and no reply", reply, done, err)
	}
	want.Mechanism = "OAUTHBEARER"
	if got := e.Proven(); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) || got.Groups == nil != (want.Groups == nil) {
		t.Fatalf("proved %+v, want %+v", got, want)
	}
	if _, done, err := step(e, "\x01", now); done || err == nil {
		t.Fatal("the exchange goes on after its end")
	}
}

// wantRefused demands the challenge of RFC 7628, and the failure after the
// client's answer.
func wantRefused(t testing.TB, e auth.Exchange, reply string, done bool, err error, cause auth.Cause) (text string) {
	t.Helper()
	if reply != `{"status":"invalid_token"}` || done || err != nil {
		t.Fatalf("%q, %t, %v; want the challenge", reply, done, err)
	}
	if p := e.Proven(); p.Principal != "" {
		t.Fatalf("proved %+v", p)
	}
	reply, done, err = step(e, "\x01", now)
	if reply != "" {
		t.Fatalf("replied %q", reply)
	}
	return wantFailure(t, e, done, err, cause)
}

func TestBearerAlgorithms(t *testing.T) {
	m := bearers(t)
	for _, c := range []struct{ alg, kid string }{
		{"RS256", "rsa"},
		{"RS384", "rsa"},
		{"RS512", "rsa"},
		{"PS256", "rsa"},
		{"PS384", "rsa"},
		{"PS512", "rsa"},
		{"ES256", "p256"},
		{"ES384", "p384"},
		{"ES512", "p521"},
		{"EdDSA", "ed"},
	} {
		e := begin(t, m, auth.OAuthBearer)
		reply, done, err := step(e, bearer(signed(t, c.alg, c.kid, good())), now)
		wantProven(t, e, reply, done, err, auth.Proven{Principal: "svc-orders", VCluster: "blue", Expiry: now.Add(time.Hour + skew)})
	}
}

// TestBearerAlgorithmConfusion: the key says by which algorithms it may be
// used, and a public key is no secret.
func TestBearerAlgorithmConfusion(t *testing.T) {
	m, claims := bearers(t), `{"iss":"https://issuer.example","aud":"kafka","sub":"svc-orders","exp":1999999999}`
	der, err := x509.MarshalPKIXPublicKey(signers()["rsa"].Public())
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	nothing := func(string) []byte { return nil }
	as := func(alg, kid, really string) string { // signed rightly, under the name of another key
		token := jwt.NewWithClaims(jwt.GetSigningMethod(alg), jwt.MapClaims(good()))
		token.Header["kid"] = kid
		s, err := token.SignedString(signers()[really])
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, token := range map[string]string{
		"none":                      jws(`{"alg":"none","kid":"rsa"}`, claims, nothing),
		"NONE":                      jws(`{"alg":"NONE","kid":"rsa"}`, claims, nothing),
		"HS256 by the public DER":   jws(`{"alg":"HS256","kid":"rsa"}`, claims, hs256(der)),
		"HS256 by the public PEM":   jws(`{"alg":"HS256","kid":"rsa"}`, claims, hs256(asPEM)),
		"HS256 by the user pool":    jws(`{"alg":"HS256"}`, claims, hs256(poolKey)),
		"HS512":                     jws(`{"alg":"HS512","kid":"rsa"}`, claims, hs256(der)),
		"ES256 with an RSA key":     as("ES256", "rsa", "p256"),
		"ES256 with P-384":          jws(`{"alg":"ES256","kid":"p384"}`, claims, func(string) []byte { return make([]byte, 64) }),
		"ES384 with P-256":          jws(`{"alg":"ES384","kid":"p256"}`, claims, func(string) []byte { return make([]byte, 96) }),
		"ES512 with P-384":          jws(`{"alg":"ES512","kid":"p384"}`, claims, func(string) []byte { return make([]byte, 132) }),
		"RS256 with an EC key":      as("RS256", "p256", "rsa"),
		"EdDSA with an RSA key":     as("EdDSA", "rsa", "ed"),
		"RS256 with an Edwards key": as("RS256", "ed", "rsa"),
		"RS256 with 1024 bits":      as("RS256", "small", "small"),
		"a key that is none":        as("RS256", "nil", "rsa"),
	} {
		e := begin(t, m, auth.OAuthBearer)
		reply, done, err := step(e, bearer(token), now)
		t.Run(name, func(t *testing.T) { wantRefused(t, e, reply, done, err, auth.WrongAlgorithm) })
	}
}

func TestBearerAccepts(t *testing.T) {
	many := make([]string, auth.MaxTokenGroups)
	for i := range many {
		many[i] = fmt.Sprintf("g%03d", i)
	}
	proven := func(change func(*auth.Proven)) auth.Proven {
		p := auth.Proven{Principal: "svc-orders", VCluster: "blue", Expiry: now.Add(time.Hour + skew)}
		change(&p)
		return p
	}
	none := func(*auth.Proven) {}
	noVCluster := func(p *auth.Proven) { p.VCluster = "" }
	for _, c := range []struct {
		name   string
		claims map[string]any
		want   auth.Proven
	}{
		{"no nbf, iat, scope", good("nbf", nil, "iat", nil, "scope", nil), proven(none)},
		{"audiences", good("aud", []string{"x", "other"}), proven(none)},
		{"scope is an array", good("scope", []string{"read"}), proven(none)},
		{"no vcluster", good("gateway.vcluster", nil), proven(noVCluster)},
		{"empty vcluster", good("gateway.vcluster", ""), proven(noVCluster)},
		{"nested vcluster", good("gateway.vcluster", nil, "gateway", map[string]any{"vcluster": "green"}), proven(func(p *auth.Proven) { p.VCluster = "green" })},
		{"both", good("gateway", map[string]any{"vcluster": "green"}), proven(none)},
		{"gateway of somebody else", good("gateway.vcluster", nil, "gateway", []int{1}), proven(noVCluster)},
		{"gateway without vcluster", good("gateway.vcluster", nil, "gateway", map[string]any{"x": 1}), proven(noVCluster)},
		{"groups in an array", good("groups", []string{"b", "a c", "b"}), proven(func(p *auth.Proven) { p.Groups = []string{"a c", "b"} })},
		{"groups in a string", good("groups", " b a  b "), proven(func(p *auth.Proven) { p.Groups = []string{"a", "b"} })},
		{"no groups", good("groups", []string{}), proven(none)},
		{"groups at the limit", good("groups", many), proven(func(p *auth.Proven) { p.Groups = many })},
		{"expired within the skew", good("exp", now.Add(-skew).Unix()+1), proven(func(p *auth.Proven) { p.Expiry = now.Add(time.Second) })},
		{"begins within the skew", good("nbf", now.Add(skew).Unix(), "iat", now.Add(skew).Unix()), proven(none)},
		{"expiry with a fraction", good("exp", float64(now.Add(time.Hour).Unix())+0.5), proven(none)},
		{"expiry after all time", good("exp", 1e300), proven(func(p *auth.Proven) { p.Expiry = time.Unix(253402300799, 0).Add(skew) })},
		{"subject of many bytes", good("sub", strings.Repeat("ä", mapping.MaxName/2)), proven(func(p *auth.Proven) { p.Principal = strings.Repeat("ä", mapping.MaxName/2) })},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := begin(t, bearers(t), auth.OAuthBearer)
			reply, done, err := step(e, bearer(signed(t, "ES256", "p256", c.claims)), now)
			wantProven(t, e, reply, done, err, c.want)
		})
	}
}

func TestBearerRefuses(t *testing.T) {
	tooMany := make([]string, auth.MaxTokenGroups+1)
	for i := range tooMany {
		tooMany[i] = strconv.Itoa(i)
	}
	claim := func(name string) string {
		return unverified + "the token's claim " + name + " is missing or has a wrong form"
	}
	for _, c := range []struct {
		name   string
		claims map[string]any
		cause  auth.Cause
		text   string
	}{
		{"no issuer", good("iss", nil), auth.WrongIssuer, unverified + "the token's issuer is not the expected one"},
		{"another issuer", good("iss", issuer+"/"), auth.WrongIssuer, unverified + "the token's issuer is not the expected one"},
		{"issuer is a number", good("iss", 1), auth.WrongIssuer, unverified + "the token's issuer is not the expected one"},
		{"no audience", good("aud", nil), auth.WrongAudience, unverified + "the token is for another audience"},
		{"another audience", good("aud", "Kafka"), auth.WrongAudience, unverified + "the token is for another audience"},
		{"no audiences", good("aud", []string{}), auth.WrongAudience, unverified + "the token is for another audience"},
		{"audiences are numbers", good("aud", []int{1}), auth.WrongAudience, unverified + "the token is for another audience"},
		{"no expiry", good("exp", nil), auth.BadClaim, unverified + "the token has no expiry"},
		{"expiry is text", good("exp", "1999999999"), auth.BadClaim, unverified + "the token has no expiry"},
		{"expired", good("exp", now.Add(-skew).Unix()), auth.Expired, unverified + "Token has expired"},
		{"not yet", good("nbf", now.Add(skew).Unix()+1), auth.NotYetValid, unverified + "the token is not valid yet"},
		{"issued later", good("iat", now.Add(skew).Unix()+1), auth.NotYetValid, unverified + "the token is not valid yet"},
		{"nbf is text", good("nbf", "now"), auth.BadClaim, unverified + "the token's claim nbf is no time"},
		{"iat is an object", good("iat", map[string]any{}), auth.BadClaim, unverified + "the token's claim iat is no time"},
		{"no subject", good("sub", nil), auth.BadClaim, claim("sub")},
		{"empty subject", good("sub", ""), auth.BadClaim, claim("sub")},
		{"subject by another case", good("sub", nil, "SUB", "admin"), auth.BadClaim, claim("sub")},
		{"subject is a number", good("sub", 7), auth.BadClaim, claim("sub")},
		{"subject with NUL", good("sub", "a\x00b"), auth.BadClaim, claim("sub")},
		{"subject over the limit", good("sub", strings.Repeat("a", mapping.MaxName+1)), auth.BadClaim, claim("sub")},
		{"scope is a number", good("scope", 1), auth.BadClaim, claim("scope")},
		{"scope of numbers", good("scope", []int{1}), auth.BadClaim, claim("scope")},
		{"vcluster is no name", good("gateway.vcluster", "a b"), auth.BadClaim, claim("gateway.vcluster")},
		{"vcluster is a number", good("gateway.vcluster", 1), auth.BadClaim, claim("gateway.vcluster")},
		{"nested vcluster is no name", good("gateway.vcluster", nil, "gateway", map[string]any{"vcluster": "ä"}), auth.BadClaim, claim("gateway.vcluster")},
		{"groups are numbers", good("groups", []int{1}), auth.BadClaim, claim("groups")},
		{"groups are an object", good("groups", map[string]any{}), auth.BadClaim, claim("groups")},
		{"an empty group", good("groups", []string{"a", ""}), auth.BadClaim, claim("groups")},
		{"a group with a control character", good("groups", []string{"a\n"}), auth.BadClaim, claim("groups")},
		{"a group over the limit", good("groups", []string{strings.Repeat("g", mapping.MaxGroup+1)}), auth.BadClaim, claim("groups")},
		{"too many groups", good("groups", tooMany), auth.BadClaim, claim("groups")},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := begin(t, bearers(t), auth.OAuthBearer)
			reply, done, err := step(e, bearer(signed(t, "ES256", "p256", c.claims)), now)
			if text := wantRefused(t, e, reply, done, err, c.cause); text != c.text {
				t.Errorf("text %q, want %q", text, c.text)
			}
		})
	}
}

// TestBearerForms: what is wrong with a token before anything in it is looked at.
func TestBearerForms(t *testing.T) {
	fine := signed(t, "ES256", "p256", good())
	head, rest, _ := strings.Cut(fine, ".")
	for _, c := range []struct {
		name, token string
		cause       auth.Cause
	}{
		{"one part", "abc", auth.Malformed},
		{"two parts", fine[:strings.LastIndex(fine, ".")], auth.Malformed},
		{"four parts", fine + ".x", auth.Malformed},
		{"padding", head + "=." + rest, auth.Malformed},
		{"header is no JSON", b64("{") + "." + rest, auth.Malformed},
		{"kid is a number", b64(`{"alg":"ES256","kid":1}`) + "." + rest, auth.Malformed},
		{"critical extension", b64(`{"alg":"ES256","kid":"p256","crit":["exp"]}`) + "." + rest, auth.Malformed},
		{"no kid, many keys", b64(`{"alg":"ES256"}`) + "." + rest, auth.UnknownKey},
		{"unknown kid", b64(`{"alg":"ES256","kid":"later"}`) + "." + rest, auth.UnknownKey},
		{"a set that fails", b64(`{"alg":"ES256","kid":"broken"}`) + "." + rest, auth.UnknownKey},
		{"a set that was never read", b64(`{"alg":"ES256","kid":"none"}`) + "." + rest, auth.NoKeys},
		{"another header", b64(`{"alg":"ES256","kid":"p256","typ":"at+jwt"}`) + "." + rest, auth.BadCredentials},
		{"no signature", fine[:strings.LastIndex(fine, ".")+1], auth.BadCredentials},
		{"a DER signature", jws(`{"alg":"ES256","kid":"p256"}`, `{}`, func(covered string) []byte {
			s, err := ecdsa.SignASN1(rand.Reader, signers()["p256"].(*ecdsa.PrivateKey), []byte(covered))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}), auth.BadCredentials},
		{"claims are no object", jws(`{"alg":"EdDSA","kid":"ed"}`, `7`, func(covered string) []byte {
			return ed25519.Sign(signers()["ed"].(ed25519.PrivateKey), []byte(covered))
		}), auth.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := begin(t, bearers(t), auth.OAuthBearer)
			reply, done, err := step(e, bearer(c.token), now)
			wantRefused(t, e, reply, done, err, c.cause)
		})
	}
}

// TestBearerMessages: the form of RFC 7628. What is no message of it ends at once.
func TestBearerMessages(t *testing.T) {
	fine := signed(t, "ES256", "p256", good())
	proven := auth.Proven{Principal: "svc-orders", VCluster: "blue", Expiry: now.Add(time.Hour + skew)}
	for _, msg := range []string{
		bearer(fine),
		"y,,\x01auth=Bearer " + fine + "\x01\x01",
		"n,a=svc-orders,\x01auth=bearer   " + fine + "\x01\x01",
		"n,,\x01host=h\x01port=9092\x01auth=BEARER " + fine + "\x01traceId=a b\tc\x01empty=\x01\x01",
	} {
		e := begin(t, bearers(t), auth.OAuthBearer)
		reply, done, err := step(e, msg, now)
		wantProven(t, e, reply, done, err, proven)
	}
	const malformed = "Authentication failed: Invalid OAUTHBEARER client first message"
	const missing = "Authentication failed: the message has no bearer token"
	for _, c := range []struct {
		msg   string
		cause auth.Cause
		text  string
	}{
		{"", auth.Malformed, malformed},
		{"\x01", auth.Malformed, malformed},
		{"n,", auth.Malformed, malformed},
		{"n,,", auth.Malformed, malformed},
		{"n,,auth=Bearer " + fine + "\x01\x01", auth.Malformed, malformed},
		{"n,,\x01auth=Bearer " + fine, auth.Malformed, malformed},
		{"n,,\x01auth=Bearer " + fine + "\x01", auth.Malformed, malformed},
		{bearer(fine) + "\x01", auth.Malformed, malformed},
		{bearer(fine) + "x", auth.Malformed, malformed},
		{"x,,\x01auth=Bearer " + fine + "\x01\x01", auth.Malformed, malformed},
		{"n,,\x01auth=Bearer " + fine + "\x01auth=Bearer " + fine + "\x01\x01", auth.Malformed, malformed},
		{"n,,\x01a1=x\x01auth=Bearer " + fine + "\x01\x01", auth.Malformed, malformed},
		{"n,,\x01ext=\x7f\x01auth=Bearer " + fine + "\x01\x01", auth.Malformed, malformed},
		{"n,,\x01auth\x01\x01", auth.Malformed, malformed},
		{"n,,\x01\x01", auth.Unspecified, missing},
		{"n,,\x01host=h\x01\x01", auth.Unspecified, missing},
		{"n,,\x01auth=Basic " + fine + "\x01\x01", auth.Unspecified, missing},
		{"n,,\x01auth=" + fine + "\x01\x01", auth.Unspecified, missing},
		{"n,,\x01auth=Bearer  \x01\x01", auth.Unspecified, missing},
		{"p=tls-exporter,,\x01auth=Bearer " + fine + "\x01\x01", auth.ChannelBinding, "Authentication failed: channel binding is not supported"},
		{bearer(strings.Repeat("a", auth.MaxToken+1)), auth.TooLarge, "Authentication failed: 65537 bytes are more than any credentials may have"},
		{bearer(strings.Repeat("a", 10<<20)), auth.TooLarge, "Authentication failed: 10485778 bytes are more than any credentials may have"},
	} {
		e := begin(t, bearers(t), auth.OAuthBearer)
		reply, done, err := step(e, c.msg, now)
		if text := wantFailure(t, e, done, err, c.cause); text != c.text || reply != "" {
			t.Errorf("%.60q: %q, %q; want %q", c.msg, reply, text, c.text)
		}
	}
	for _, authzid := range []string{"a=admin", "a=", "admin"} {
		e := begin(t, bearers(t), auth.OAuthBearer)
		reply, done, err := step(e, "n,"+authzid+",\x01auth=Bearer "+fine+"\x01\x01", now)
		text := wantRefused(t, e, reply, done, err, auth.OtherIdentity)
		if text != "Authentication failed: Client requested an authorization id that is different from the token's principal name" {
			t.Errorf("%q", text)
		}
	}
}

// TestBearerAnswerToChallenge: the failure comes whatever the client answers.
func TestBearerAnswerToChallenge(t *testing.T) {
	for _, answer := range []string{"\x01", "", bearer(signed(t, "ES256", "p256", good()))} {
		e := begin(t, bearers(t), auth.OAuthBearer)
		if reply, done, err := step(e, bearer("a.b.c"), now); reply == "" || done || err != nil {
			t.Fatal(reply, done, err)
		}
		_, done, err := step(e, answer, now)
		wantFailure(t, e, done, err, auth.Malformed)
	}
}

// TestBearerOptions: other names of claims, and what is not demanded.
func TestBearerOptions(t *testing.T) {
	m := bearers(t, func(o *auth.OAuth) {
		o.Issuer, o.Audiences, o.Skew = "", nil, 0
		o.SubClaim, o.ScopeClaim, o.GroupsClaim = "azp", "scp", ""
	})
	e := begin(t, m, auth.OAuthBearer)
	claims := good("iss", nil, "aud", nil, "sub", nil, "azp", "orders", "scope", 1, "scp", "x", "groups", 1)
	reply, done, err := step(e, bearer(signed(t, "RS256", "rsa", claims)), now)
	wantProven(t, e, reply, done, err, auth.Proven{Principal: "orders", VCluster: "blue", Expiry: now.Add(time.Hour)})
}

// TestBearerFranz: the client of franz-go gets in, with extensions and without,
// and with an authorization id.
func TestBearerFranz(t *testing.T) {
	token := signed(t, "RS256", "rsa", good())
	for _, a := range []koauth.Auth{
		{Token: token},
		{Token: token, Zid: "svc-orders"},
		{Token: token, Extensions: map[string]string{"logicalCluster": "lkc-1", "identityPoolId": "pool-1"}},
	} {
		e := begin(t, bearers(t), auth.OAuthBearer)
		clientDone, _, done, clientErr, err := converse(t, e, a.AsMechanism())
		if !clientDone || !done || clientErr != nil || err != nil || e.Proven().Principal != "svc-orders" {
			t.Errorf("%t, %t, %v, %v, %+v", clientDone, done, clientErr, err, e.Proven())
		}
	}
}

// TestBearerEveryPrefixAndBit: no proper prefix of a good message is one, and no
// bit of its token can be turned.
func TestBearerEveryPrefixAndBit(t *testing.T) {
	m, msg := bearers(t), bearer(signed(t, "EdDSA", "ed", good()))
	for n := range msg {
		if _, done, _ := step(begin(t, m, auth.OAuthBearer), msg[:n], now); done {
			t.Fatalf("%d bytes of %d are accepted", n, len(msg))
		}
		if n < len("n,,\x01auth=Bearer ") || n >= len(msg)-2 {
			continue
		}
		b := []byte(msg)
		b[n] ^= 1 << (n % 8)
		if _, done, _ := step(begin(t, m, auth.OAuthBearer), string(b), now); done {
			t.Fatalf("byte %d with a bit turned is accepted", n)
		}
	}
}

// fetching is a key ring that learns a key when it is fetched.
type fetching struct {
	keyRing
	asked []string
}

func (f *fetching) Fetch(_ context.Context, kid, alg string) {
	f.asked = append(f.asked, alg+" "+kid)
	f.keyRing["later"] = signers()["p256"].Public()
}

// TestPrepare: a key that became known between Prepare and Step is used, and
// nothing is fetched for what cannot be accepted anyway.
func TestPrepare(t *testing.T) {
	keys := &fetching{keyRing: keyRing{}}
	m := bearers(t, func(o *auth.OAuth) { o.Keys = keys })
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims(good()))
	token.Header["kid"] = "later"
	s, err := token.SignedString(signers()["p256"])
	if err != nil {
		t.Fatal(err)
	}
	m.Prepare(t.Context(), auth.Plain, []byte(bearer(s)))
	m.Prepare(t.Context(), auth.OAuthBearer, []byte("n,,"))
	m.Prepare(t.Context(), auth.OAuthBearer, []byte(bearer("a.b.c")))
	m.Prepare(t.Context(), auth.OAuthBearer, []byte(bearer(jws(`{"alg":"HS256","kid":"x"}`, "{}", hs256(poolKey)))))
	if keys.asked != nil {
		t.Fatalf("asked for %q", keys.asked)
	}
	m.Prepare(t.Context(), auth.OAuthBearer, []byte(bearer(s)))
	if !slices.Equal(keys.asked, []string{"ES256 later"}) {
		t.Fatalf("asked for %q", keys.asked)
	}
	if _, done, err := step(begin(t, m, auth.OAuthBearer), bearer(s), now); !done || err != nil {
		t.Errorf("%t, %v", done, err)
	}
	bearers(t).Prepare(t.Context(), auth.OAuthBearer, []byte(bearer(s))) // whose keys cannot be fetched
	userPool(t).Prepare(t.Context(), auth.OAuthBearer, []byte(bearer(s)))
}

// FuzzBearer: hostile messages end in a failure that can be told, and what is
// accepted is a token that another parser accepts too.
func FuzzBearer(f *testing.F) {
	m := bearers(f, func(o *auth.OAuth) { o.Skew, o.Issuer, o.Audiences = 0, "", nil })
	key := signers()["ed"].(ed25519.PrivateKey)
	f.Add(bearer(signed(f, "EdDSA", "ed", good())), `{"alg":"EdDSA","kid":"ed"}`, `{"sub":"a","exp":1999999999,"gateway":{"vcluster":"b"},"groups":"a b"}`)
	f.Add("n,a=a,\x01auth=Bearer a.b.c\x01host=x\x01\x01", `{"alg":"none"}`, `{"sub":"a","exp":1999999999.5,"groups":["a"],"iat":1}`)
	f.Add("n,,\x01auth=Bearer \x01\x01", `{"alg":"EdDSA","kid":"ed","crit":[]}`, `{"sub":"a","exp":1999999999,"aud":["x",1]}`)
	f.Add("p=x,,", `{"alg":"EdDSA","kid":null}`, `{"sub":"a","exp":1e12,"nbf":-1e9,"scope":["a"],"gateway.vcluster":"b c"}`)
	f.Add("n,a==2C,\x01\x01", `{"alg":"EdDSA","kid":"ed","kid":"rsa"}`, `{"sub":"a","exp":1999999999,"sub":"b","gateway":{"vcluster":1}}`)
	f.Add("y,,\x01auth=bearer a.b.\x01\x01", `{"alg":"EdDSA","kid":"ed"}`, `{"sub":"a","exp":1767225600.5,"iat":1767225600.5,"groups":[""]}`)
	f.Add("\x01", `{"alg":"HS256","kid":"ed"}`, `{"sub":"\ud800","exp":-1}`)
	f.Fuzz(func(t *testing.T, msg, header, claims string) {
		ours := jws(header, claims, func(covered string) []byte { return ed25519.Sign(key, []byte(covered)) })
		for _, msg := range []string{msg, bearer(ours)} {
			e := begin(t, m, auth.OAuthBearer)
			reply, done, err := step(e, msg, now)
			if reply == `{"status":"invalid_token"}` && !done && err == nil {
				reply, done, err = step(e, "\x01", now)
			}
			if reply != "" {
				t.Fatalf("replied %q", reply)
			}
			if !done {
				wantEnded(t, err)
				continue
			}
			p := e.Proven()
			if err != nil || p.Principal == "" || !p.Expiry.After(now) || len(p.VCluster) > mapping.MaxVCluster || len(p.Groups) > auth.MaxTokenGroups {
				t.Fatalf("%q proves %+v, %v", msg, p, err)
			}
			if msg == bearer(ours) && !acceptedByLibrary(ours, key.Public(), now, "EdDSA") {
				t.Fatalf("%s is accepted here alone", claims)
			}
		}
	})
}
