package auth_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/postern-kafka/postern/auth"
	"github.com/postern-kafka/postern/mapping"
)

const unverified = "Authentication failed: credentials for user could not be verified. Cause: "

func userPool(t testing.TB) *auth.Mechanisms {
	return mechanisms(t, auth.Options{
		UserPoolKey: poolKey, AccountRequired: true,
		Accounts: accounts{local: map[string]bool{"passthrough/jdoe": true, "blue/jdoe": true, "blue/Zoë Ω": true}},
	})
}

func userToken(t testing.TB, username, vcluster string, expires time.Time) string {
	t.Helper()
	token, err := auth.IssueToken(poolKey, username, vcluster, expires)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestIssuedForm: byte for byte the form that the original's tokens have.
func TestIssuedForm(t *testing.T) {
	token := userToken(t, "jdoe<&>", "", time.Unix(1745365971, 999))
	want := jws(`{"alg":"HS256"}`, `{"username":"jdoe<&>","vcluster":"passthrough","exp":1745365971}`, hs256(poolKey))
	if token != want {
		t.Errorf("token\n%s\nwant\n%s", token, want)
	}
}

func TestIssueRefuses(t *testing.T) {
	far := now.Add(time.Hour)
	for _, c := range []struct {
		key                []byte
		username, vcluster string
		expires            time.Time
		want               string
	}{
		{poolKey[1:], "a", "", far, "key"},
		{poolKey, "", "", far, "username"},
		{poolKey, "a\x00b", "", far, "username"},
		{poolKey, "a\xffb", "", far, "username"},
		{poolKey, strings.Repeat("a", mapping.MaxName+1), "", far, "username"},
		{poolKey, "a", "not a name", far, "vcluster"},
		{poolKey, "a", strings.Repeat("v", mapping.MaxVCluster+1), far, "vcluster"},
		{poolKey, "a", "", time.Time{}, "expiry"},
		{poolKey, "a", "", time.Unix(math.MaxInt64/2, 0), "expiry"},
	} {
		if token, err := auth.IssueToken(c.key, c.username, c.vcluster, c.expires); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %q: %q, %v; want an error about %s", c.username, c.vcluster, token, err, c.want)
		}
	}
}

func TestPlainAccepts(t *testing.T) {
	for _, c := range []struct{ username, vcluster, authzid string }{
		{"jdoe", "passthrough", ""},
		{"jdoe", "passthrough", "jdoe"},
		{"jdoe", "blue", ""},
		{"Zoë Ω", "blue", "Zoë Ω"},
	} {
		e := begin(t, userPool(t), auth.Plain)
		expires := now.Add(90 * time.Minute)
		reply, done, err := step(e, c.authzid+"\x00"+c.username+"\x00"+userToken(t, c.username, c.vcluster, expires), now)
		if reply != "" || !done || err != nil {
			t.Fatalf("%+v: %q, %t, %v", c, reply, done, err)
		}
		got, want := e.Proven(), auth.Proven{Mechanism: "PLAIN", Principal: c.username, VCluster: c.vcluster, Expiry: expires}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("proved %+v, want %+v", got, want)
		}
		if _, done, err := step(e, "", now); done || err == nil {
			t.Error("the exchange goes on after its end")
		}
	}
}

// TestPlainWithoutVCluster: a token that somebody else minted may name none;
// its account then is looked for where mappings without one are.
func TestPlainWithoutVCluster(t *testing.T) {
	for _, claims := range []string{`{"username":"jdoe","exp":1999999999}`, `{"username":"jdoe","vcluster":null,"exp":1999999999.75}`, `{"vcluster":"","exp":1999999999,"username":"jdoe","nbf":1}`} {
		e := begin(t, userPool(t), auth.Plain)
		if _, done, err := step(e, "\x00jdoe\x00"+jws(`{"typ":"JWT","alg":"HS256"}`, claims, hs256(poolKey)), now); !done || err != nil {
			t.Fatalf("%s: %v", claims, err)
		}
		if p := e.Proven(); p.VCluster != "" || !p.Expiry.Equal(time.Unix(1999999999, 0)) {
			t.Errorf("%s: proved %+v", claims, p)
		}
	}
}

// respelt is a token whose last character has bits that decode to nothing.
func respelt(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(token) - 1
	return token[:last] + string(alphabet[strings.IndexByte(alphabet, token[last])|1])
}

func TestPlainRefuses(t *testing.T) {
	good := userToken(t, "jdoe", "passthrough", now.Add(time.Hour))
	signed := func(claims string) string { return jws(`{"alg":"HS256"}`, claims, hs256(poolKey)) }
	header := func(h string) string {
		return jws(h, `{"username":"jdoe","vcluster":"passthrough","exp":1999999999}`, hs256(poolKey))
	}
	const badClaim = unverified + "Password token lacks a claim that it must have, or has one in a wrong form"
	for _, c := range []struct {
		name, msg string
		cause     auth.Cause
		text      string
	}{
		{"no message", "", auth.Malformed, "Invalid SASL/PLAIN response: expected 3 tokens, got 1"},
		{"two parts", "jdoe\x00" + good, auth.Malformed, "Invalid SASL/PLAIN response: expected 3 tokens, got 2"},
		{"NUL in the password", "\x00jdoe\x00" + good + "\x00", auth.Malformed, "Invalid SASL/PLAIN response: expected 3 tokens, got 4"},
		{"NUL in the name", "\x00jd\x00oe\x00" + good, auth.Malformed, "Invalid SASL/PLAIN response: expected 3 tokens, got 4"},
		{"no user", "\x00\x00" + good, auth.Unspecified, "Authentication failed: username not specified"},
		{"no password", "\x00jdoe\x00", auth.Unspecified, "Authentication failed: password not specified"},
		{"other identity", "admin\x00jdoe\x00" + good, auth.OtherIdentity, "Authentication failed: Client requested an authorization id that is different from username"},
		{"control character", "\x00jd\noe\x00" + good, auth.Malformed, unverified + "Invalid username or password"},
		{"not UTF-8", "\x00jd\xc3oe\x00" + good, auth.Malformed, unverified + "Invalid username or password"},
		{"name over the limit", "\x00" + strings.Repeat("a", mapping.MaxName+1) + "\x00" + good, auth.Malformed, unverified + "Invalid username or password"},
		{"token over the limit", "\x00jdoe\x00" + strings.Repeat("a", auth.MaxToken+1), auth.TooLarge, "Authentication failed: 65537 bytes are more than any credentials may have"},
		{"message over the limit", strings.Repeat("\x00", 10<<20), auth.TooLarge, "Authentication failed: 10485760 bytes are more than any credentials may have"},

		{"a password", "\x00jdoe\x00secret", auth.BadCredentials, unverified + "Invalid username or password"},
		{"two segments", "\x00jdoe\x00" + good[:strings.LastIndex(good, ".")], auth.BadCredentials, unverified + "Invalid username or password"},
		{"four segments", "\x00jdoe\x00" + good + ".", auth.BadCredentials, unverified + "Invalid username or password"},
		{"no signature", "\x00jdoe\x00" + good[:strings.LastIndex(good, ".")+1], auth.BadCredentials, unverified + "Invalid username or password"},
		{"half a signature", "\x00jdoe\x00" + good[:len(good)-20], auth.BadCredentials, unverified + "Invalid username or password"},
		{"line end in the signature", "\x00jdoe\x00" + good[:len(good)-8] + "\n" + good[len(good)-8:], auth.BadCredentials, unverified + "Invalid username or password"},
		{"another spelling", "\x00jdoe\x00" + respelt(good), auth.BadCredentials, unverified + "Invalid username or password"},
		{"another key", "\x00jdoe\x00" + jws(`{"alg":"HS256"}`, `{"username":"jdoe","exp":1999999999}`, hs256(make([]byte, 32))), auth.BadCredentials, unverified + "Invalid username or password"},
		{"header is no object", "\x00jdoe\x00" + header(`["HS256"]`), auth.BadCredentials, unverified + "Invalid username or password"},
		{"header is null", "\x00jdoe\x00" + header(`null`), auth.BadCredentials, unverified + "Invalid username or password"},
		{"no algorithm", "\x00jdoe\x00" + header(`{"typ":"JWT"}`), auth.BadCredentials, unverified + "Invalid username or password"},
		{"algorithm by another case", "\x00jdoe\x00" + header(`{"ALG":"HS256"}`), auth.BadCredentials, unverified + "Invalid username or password"},
		{"algorithm is no text", "\x00jdoe\x00" + header(`{"alg":256}`), auth.BadCredentials, unverified + "Invalid username or password"},
		{"critical extension", "\x00jdoe\x00" + header(`{"alg":"HS256","crit":["b64"],"b64":false}`), auth.BadCredentials, unverified + "Invalid username or password"},
		{"header over the limit", "\x00jdoe\x00" + header(`{"alg":"HS256","x5c":"`+strings.Repeat("A", 8<<10)+`"}`), auth.BadCredentials, unverified + "Invalid username or password"},

		{"none", "\x00jdoe\x00" + header(`{"alg":"none"}`), auth.WrongAlgorithm, unverified + "Invalid username or password"},
		{"none, unsigned", "\x00jdoe\x00" + b64(`{"alg":"none"}`) + "." + b64(`{"username":"jdoe","exp":1999999999}`) + ".", auth.WrongAlgorithm, unverified + "Invalid username or password"},
		{"None", "\x00jdoe\x00" + header(`{"alg":"None"}`), auth.WrongAlgorithm, unverified + "Invalid username or password"},
		{"lower case", "\x00jdoe\x00" + header(`{"alg":"hs256"}`), auth.WrongAlgorithm, unverified + "Invalid username or password"},
		{"RS256 with the key as HMAC", "\x00jdoe\x00" + header(`{"alg":"RS256"}`), auth.WrongAlgorithm, unverified + "Invalid username or password"},
		{"HS512", "\x00jdoe\x00" + header(`{"alg":"HS512"}`), auth.WrongAlgorithm, unverified + "Invalid username or password"},
		{"ES256", "\x00jdoe\x00" + header(`{"alg":"ES256"}`), auth.WrongAlgorithm, unverified + "Invalid username or password"},

		{"claims are no JSON", "\x00jdoe\x00" + signed(`{`), auth.BadCredentials, unverified + "Invalid username or password"},
		{"claims are null", "\x00jdoe\x00" + signed(`null`), auth.BadClaim, badClaim},
		{"claims are an array", "\x00jdoe\x00" + signed(`[]`), auth.BadCredentials, unverified + "Invalid username or password"},
		{"claims with a tail", "\x00jdoe\x00" + signed(`{"username":"jdoe","exp":1999999999} {}`), auth.BadCredentials, unverified + "Invalid username or password"},
		{"claims not UTF-8", "\x00jdoe\x00" + signed("{\"username\":\"jdoe\",\"exp\":1999999999,\"x\":\"\xff\"}"), auth.BadCredentials, unverified + "Invalid username or password"},
		{"no exp", "\x00jdoe\x00" + signed(`{"username":"jdoe"}`), auth.BadClaim, badClaim},
		{"exp is null", "\x00jdoe\x00" + signed(`{"username":"jdoe","exp":null}`), auth.BadClaim, badClaim},
		{"exp is text", "\x00jdoe\x00" + signed(`{"username":"jdoe","exp":"1999999999"}`), auth.BadClaim, badClaim},
		{"exp by another case", "\x00jdoe\x00" + signed(`{"username":"jdoe","EXP":1999999999}`), auth.BadClaim, badClaim},
		{"no username", "\x00jdoe\x00" + signed(`{"exp":1999999999}`), auth.BadClaim, badClaim},
		{"username by another case", "\x00jdoe\x00" + signed(`{"Username":"jdoe","exp":1999999999}`), auth.BadClaim, badClaim},
		{"username with NUL", "\x00jdoe\x00" + signed(`{"username":"jdoe\u0000","exp":1999999999}`), auth.BadClaim, badClaim},
		{"vcluster is no name", "\x00jdoe\x00" + signed(`{"username":"jdoe","vcluster":"a b","exp":1999999999}`), auth.BadClaim, badClaim},
		{"vcluster is a number", "\x00jdoe\x00" + signed(`{"username":"jdoe","vcluster":1,"exp":1999999999}`), auth.BadClaim, badClaim},
		{"nbf is text", "\x00jdoe\x00" + signed(`{"username":"jdoe","nbf":"1","exp":1999999999}`), auth.BadClaim, badClaim},

		{"expired", "\x00jdoe\x00" + userToken(t, "jdoe", "passthrough", time.Unix(1745365971, 0)), auth.Expired, unverified + "Token has expired. Claims: {username=jdoe, vcluster=passthrough, exp=1745365971}"},
		{"expires now", "\x00jdoe\x00" + userToken(t, "jdoe", "blue", now), auth.Expired, unverified + "Token has expired. Claims: {username=jdoe, vcluster=blue, exp=1767225600}"},
		{"expired long before 1970", "\x00jdoe\x00" + signed(`{"username":"jdoe","exp":-1e300}`), auth.Expired, unverified + "Token has expired. Claims: {username=jdoe, vcluster=, exp=-1}"},
		{"expired, of somebody else", "\x00jdoe\x00" + userToken(t, "bob", "blue", now), auth.Expired, unverified + "Token has expired. Claims: {username=bob, vcluster=blue, exp=1767225600}"},
		{"not yet", "\x00jdoe\x00" + signed(`{"username":"jdoe","exp":1e400,"nbf":1767225601}`), auth.NotYetValid, unverified + "Token is not valid yet"},
		{"of somebody else", "\x00jdoe\x00" + userToken(t, "bob", "passthrough", now.Add(time.Hour)), auth.NotAssociated, unverified + "Password token is valid but it is not associated with jdoe"},
		{"another case", "\x00JDOE\x00" + good, auth.NotAssociated, unverified + "Password token is valid but it is not associated with JDOE"},
		{"no account", "\x00bob\x00" + userToken(t, "bob", "passthrough", now.Add(time.Hour)), auth.NoAccount, unverified + "Password token is valid for username bob but it isn't associated with an existing local user."},
		{"account elsewhere", "\x00jdoe\x00" + userToken(t, "jdoe", "green", now.Add(time.Hour)), auth.NoAccount, unverified + "Password token is valid for username jdoe but it isn't associated with an existing local user."},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := begin(t, userPool(t), auth.Plain)
			reply, done, err := step(e, c.msg, now)
			if text := wantFailure(t, e, done, err, c.cause); text != c.text {
				t.Errorf("text %q, want %q", text, c.text)
			}
			if reply != "" {
				t.Errorf("replied %q", reply)
			}
		})
	}
}

// TestPlainAccountNotRequired: without the demand a good token is enough.
func TestPlainAccountNotRequired(t *testing.T) {
	e := begin(t, mechanisms(t, auth.Options{UserPoolKey: poolKey}), auth.Plain)
	if _, done, err := step(e, "\x00bob\x00"+userToken(t, "bob", "green", now.Add(time.Second)), now); !done || err != nil {
		t.Errorf("done %t, %v", done, err)
	}
}

// TestPlainEveryPrefix: no proper prefix of a good message is one.
func TestPlainEveryPrefix(t *testing.T) {
	m, msg := userPool(t), "jdoe\x00jdoe\x00"+userToken(t, "jdoe", "blue", now.Add(time.Hour))
	for n := range msg {
		e := begin(t, m, auth.Plain)
		if _, done, err := step(e, msg[:n], now); done || err == nil {
			t.Fatalf("%d bytes of %d are accepted", n, len(msg))
		}
	}
}

// TestPlainEveryBit: no bit of a good message can be turned.
func TestPlainEveryBit(t *testing.T) {
	m, msg := userPool(t), "\x00jdoe\x00"+userToken(t, "jdoe", "blue", now.Add(time.Hour))
	for i := range msg {
		for bit := range 8 {
			b := []byte(msg)
			b[i] ^= 1 << bit
			if _, done, err := step(begin(t, m, auth.Plain), string(b), now); done || err == nil {
				t.Fatalf("byte %d with bit %d turned is accepted", i, bit)
			}
		}
	}
}

// acceptedByLibrary is the verdict of the JWT library's own parser.
func acceptedByLibrary(token string, key any, now time.Time, methods ...string) bool {
	p := jwt.NewParser(jwt.WithValidMethods(methods), jwt.WithExpirationRequired(), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }))
	_, err := p.Parse(token, func(*jwt.Token) (any, error) { return key, nil })
	return err == nil
}

// FuzzPlain: hostile messages end in a failure that can be told, and what is
// accepted is a token that another parser accepts too, of that very user.
func FuzzPlain(f *testing.F) {
	m := mechanisms(f, auth.Options{UserPoolKey: poolKey})
	good := userToken(f, "jdoe", "blue", now.Add(time.Hour))
	f.Add("\x00jdoe\x00"+good, `{"alg":"HS256"}`, `{"username":"jdoe","vcluster":"blue","exp":1999999999}`)
	f.Add("a\x00b\x00c", `{"alg":"none"}`, `{"username":"jdoe","exp":1e999}`)
	f.Add("\x00\x00", `{"alg":"HS256","crit":[]}`, `{"username":"\u0000","exp":-0.1,"nbf":1.5}`)
	f.Fuzz(func(t *testing.T, msg, header, claims string) {
		for _, msg := range []string{msg, "\x00jdoe\x00" + jws(header, claims, hs256(poolKey))} {
			e := begin(t, m, auth.Plain)
			reply, done, err := step(e, msg, now)
			if reply != "" {
				t.Fatalf("replied %q", reply)
			}
			if !done {
				wantEnded(t, err)
				continue
			}
			parts := strings.Split(msg, "\x00")
			if p := e.Proven(); err != nil || p.Principal != parts[1] || !p.Expiry.After(now) || len(p.VCluster) > mapping.MaxVCluster {
				t.Fatalf("%q proves %+v, %v", msg, p, err)
			}
			if !acceptedByLibrary(parts[2], poolKey, now, "HS256") {
				t.Fatalf("%q is accepted here alone", parts[2])
			}
		}
	})
}
