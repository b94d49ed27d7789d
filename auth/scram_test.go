package auth_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sasl"
	kscram "github.com/twmb/franz-go/pkg/sasl/scram"
	xscram "github.com/xdg-go/scram"

	"github.com/postern-kafka/postern/auth"
	"github.com/postern-kafka/postern/mapping"
)

var scramNames = []string{auth.ScramSHA256, auth.ScramSHA512}

func credential(t testing.TB, mechanism, password string, salt []byte, iterations int) auth.ScramCredential {
	t.Helper()
	c, err := auth.NewScramCredential(mechanism, password, salt, iterations)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// scramPool has the users of the tests, in both mechanisms, all in blue. The
// derivation is slow, so it is done once.
var scramPool = accounts{home: "blue", scram: map[string]auth.ScramCredential{}}

const awkward = `a=b,c=2C"é` // a name with everything that is escaped

func init() {
	for _, mechanism := range scramNames {
		for _, name := range []string{"jdoe", awkward} {
			c, err := auth.NewScramCredential(mechanism, "secret of "+name, nil, auth.DefaultIterations)
			if err != nil {
				panic(err)
			}
			scramPool.scram[mechanism+"/"+name] = c
		}
	}
}

func scramUsers(t testing.TB) *auth.Mechanisms {
	return mechanisms(t, auth.Options{Scram: true, Accounts: scramPool})
}

// TestScramVectors: the exchange printed in RFC 7677, section 3.
func TestScramVectors(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	users := accounts{scram: map[string]auth.ScramCredential{"SCRAM-SHA-256/user": credential(t, auth.ScramSHA256, "pencil", salt, 4096)}}
	m := mechanisms(t, auth.Options{Scram: true, Accounts: users, Nonce: func() string { return "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0" }})
	e := begin(t, m, auth.ScramSHA256)
	reply, done, err := step(e, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", now)
	if want := "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"; reply != want || done || err != nil {
		t.Fatalf("%q, %t, %v; want %q", reply, done, err, want)
	}
	reply, done, err = step(e, "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", now)
	if want := "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="; reply != want || !done || err != nil {
		t.Fatalf("%q, %t, %v; want %q", reply, done, err, want)
	}
}

// TestScramCredentialAgrees: another implementation derives the same.
func TestScramCredentialAgrees(t *testing.T) {
	salt := []byte("0123456789abcdef")
	for mechanism, hash := range map[string]xscram.HashGeneratorFcn{auth.ScramSHA256: xscram.SHA256, auth.ScramSHA512: xscram.SHA512} {
		got := credential(t, mechanism, "pässword", salt, 5000)
		client, err := hash.NewClient("any", "pässword", "")
		if err != nil {
			t.Fatal(err)
		}
		want, err := client.GetStoredCredentialsWithError(xscram.KeyFactors{Salt: string(salt), Iters: 5000})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.StoredKey, want.StoredKey) || !bytes.Equal(got.ServerKey, want.ServerKey) || got.Iterations != 5000 || !bytes.Equal(got.Salt, salt) {
			t.Errorf("%s: %+v, want %+v", mechanism, got, want)
		}
	}
}

func TestScramCredentialRefuses(t *testing.T) {
	const ok = "pencil"
	salt := make([]byte, 16)
	for _, c := range []struct {
		mechanism, password string
		salt                []byte
		iterations          int
		want                string
	}{
		{"SCRAM-SHA-1", ok, salt, 4096, "mechanism"},
		{"", ok, salt, 4096, "mechanism"},
		{auth.ScramSHA256, ok, salt, 4095, "iterations"},
		{auth.ScramSHA256, ok, salt, auth.MaxIterations + 1, "iterations"},
		{auth.ScramSHA256, ok, salt, -1, "iterations"},
		{auth.ScramSHA256, ok, salt[:7], 4096, "salt"},
		{auth.ScramSHA256, ok, make([]byte, 65), 4096, "salt"},
		{auth.ScramSHA256, "", salt, 4096, "password: must have"},
		{auth.ScramSHA256, strings.Repeat("p", auth.MaxPassword+1), salt, 4096, "password: must have"},
		{auth.ScramSHA256, "pen\x00cil", salt, 4096, "forbids"},
		{auth.ScramSHA256, "pen\xffcil", salt, 4096, "forbids"},
		{auth.ScramSHA256, "pen\u00a0cil", salt, 4096, "replaces"}, // a space that is not one
		{auth.ScramSHA256, "ﬁsh", salt, 4096, "replaces"},
	} {
		_, err := auth.NewScramCredential(c.mechanism, c.password, c.salt, c.iterations)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %q, %d: %v; want an error about %s", c.mechanism, c.password, c.iterations, err, c.want)
		}
		if err != nil && c.password != "" && strings.Contains(err.Error(), c.password) {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	if a, b := credential(t, auth.ScramSHA256, ok, nil, 4096), credential(t, auth.ScramSHA256, ok, nil, 4096); bytes.Equal(a.Salt, b.Salt) || len(a.Salt) != auth.SaltSize {
		t.Errorf("salts %x and %x", a.Salt, b.Salt)
	}
}

// converse runs a client of franz-go's against an exchange. It returns what the
// client and the exchange made of it.
func converse(t testing.TB, e auth.Exchange, client sasl.Mechanism) (clientDone bool, reply string, done bool, clientErr, err error) {
	t.Helper()
	session, msg, clientErr := client.Authenticate(context.Background(), "")
	for clientErr == nil {
		reply, done, err = step(e, string(msg), now)
		if err != nil {
			return clientDone, reply, done, nil, err
		}
		if clientDone, msg, clientErr = session.Challenge([]byte(reply)); clientDone || clientErr != nil {
			return clientDone, reply, done, clientErr, err
		}
	}
	return false, reply, done, clientErr, err
}

func franzClient(mechanism string, a kscram.Auth) sasl.Mechanism {
	if mechanism == auth.ScramSHA256 {
		return a.AsSha256Mechanism()
	}
	return a.AsSha512Mechanism()
}

// TestScramFranz: the client of franz-go gets in by the right password, and the
// server proves itself to it.
func TestScramFranz(t *testing.T) {
	m := scramUsers(t)
	for _, mechanism := range scramNames {
		for _, name := range []string{"jdoe", awkward} {
			for _, zid := range []string{"", name} {
				e := begin(t, m, mechanism)
				clientDone, _, done, clientErr, err := converse(t, e, franzClient(mechanism, kscram.Auth{User: name, Pass: "secret of " + name, Zid: zid}))
				if !clientDone || !done || clientErr != nil || err != nil {
					t.Fatalf("%s, %s: %t, %t, %v, %v", mechanism, name, clientDone, done, clientErr, err)
				}
				p := e.Proven()
				if p.Mechanism != mechanism || p.Principal != name || p.VCluster != "blue" || p.Groups != nil || !p.Expiry.IsZero() {
					t.Errorf("proved %+v", p)
				}
			}
		}
	}
}

// TestScramXDG: and so does another client.
func TestScramXDG(t *testing.T) {
	m := scramUsers(t)
	for mechanism, hash := range map[string]xscram.HashGeneratorFcn{auth.ScramSHA256: xscram.SHA256, auth.ScramSHA512: xscram.SHA512} {
		client, err := hash.NewClient(awkward, "secret of "+awkward, "")
		if err != nil {
			t.Fatal(err)
		}
		e, c, reply, done := begin(t, m, mechanism), client.NewConversation(), "", false
		for !c.Done() {
			msg, err := c.Step(reply)
			if err != nil {
				t.Fatal(err)
			}
			if c.Done() {
				break
			}
			if reply, done, err = step(e, msg, now); err != nil {
				t.Fatal(err)
			}
		}
		if !done || !c.Valid() || e.Proven().Principal != awkward {
			t.Errorf("%s: done %t, valid %t, proved %+v", mechanism, done, c.Valid(), e.Proven())
		}
	}
}

// TestScramWrongPassword: wrong passwords and unknown users end alike, at the
// same step, with the same words.
func TestScramWrongPassword(t *testing.T) {
	m := scramUsers(t)
	for _, mechanism := range scramNames {
		var told []string
		for _, name := range []string{"jdoe", "nobody"} {
			e := begin(t, m, mechanism)
			clientDone, reply, done, clientErr, err := converse(t, e, franzClient(mechanism, kscram.Auth{User: name, Pass: "guess"}))
			if clientDone || clientErr != nil {
				t.Fatalf("the client ends with %t, %v", clientDone, clientErr)
			}
			text := wantFailure(t, e, done, err, auth.BadCredentials)
			if reply != "e=invalid-proof" || text != unverified+"Invalid username or password" {
				t.Errorf("%s: %q, %q", name, reply, text)
			}
			told = append(told, reply+text)
		}
		if told[0] != told[1] {
			t.Errorf("%s: a known user and an unknown one are told %q", mechanism, told)
		}
	}
}

// TestScramUnknownUser: what an unknown user is answered looks like a known
// one's answer, is the same each time and on each gateway of one secret, and
// differs by name, mechanism and secret.
func TestScramUnknownUser(t *testing.T) {
	with := func(key []byte) *auth.Mechanisms {
		return mechanisms(t, auth.Options{UserPoolKey: key, Scram: true, Accounts: scramPool, Nonce: func() string { return "N" }})
	}
	ask := func(m *auth.Mechanisms, mechanism, name string) string {
		reply, done, err := step(begin(t, m, mechanism), "n,,n="+name+",r=C", now)
		if done || err != nil {
			t.Fatal(done, err)
		}
		return reply
	}
	one, two, other, own := with(poolKey), with(slices.Clone(poolKey)), with(make([]byte, 32)), with(nil)
	known, first := ask(one, auth.ScramSHA256, "jdoe"), ask(one, auth.ScramSHA256, "nobody")
	if len(first) != len(known) || !strings.HasPrefix(first, "r=CN,s=") || !strings.HasSuffix(first, ",i=8192") {
		t.Errorf("unknown %q, known %q", first, known)
	}
	if again := ask(two, auth.ScramSHA256, "nobody"); again != first {
		t.Errorf("then %q, first %q", again, first)
	}
	differ := []string{first, ask(one, auth.ScramSHA512, "nobody"), ask(one, auth.ScramSHA256, "nobody2"), ask(other, auth.ScramSHA256, "nobody"), ask(own, auth.ScramSHA256, "nobody")}
	slices.Sort(differ)
	if len(slices.Compact(differ)) != 5 {
		t.Errorf("salts repeat: %q", differ)
	}
}

// TestScramFeignedKeys: the keys that stand in for those of unknown users let
// nobody in, not even who knows them; and a stored credential that is damaged
// counts as none.
func TestScramFeignedKeys(t *testing.T) {
	good := scramPool.scram["SCRAM-SHA-256/jdoe"]
	short, none, few := good, good, good
	short.StoredKey, none.Salt, few.Iterations = good.StoredKey[1:], nil, 1
	for _, c := range []auth.ScramCredential{{}, short, none, few} {
		m := mechanisms(t, auth.Options{Scram: true, Accounts: accounts{scram: map[string]auth.ScramCredential{"SCRAM-SHA-256/jdoe": c}}})
		e := begin(t, m, auth.ScramSHA256)
		_, _, done, _, err := converse(t, e, franzClient(auth.ScramSHA256, kscram.Auth{User: "jdoe", Pass: "secret of jdoe"}))
		wantFailure(t, e, done, err, auth.BadCredentials)
	}
}

func TestScramRefusesFirst(t *testing.T) {
	m := scramUsers(t)
	const malformed = "Authentication failed: Invalid SCRAM message: "
	for _, c := range []struct {
		msg   string
		cause auth.Cause
		reply string
		text  string
	}{
		{"", auth.Malformed, "e=other-error", malformed + "bad header"},
		{"n", auth.Malformed, "e=other-error", malformed + "bad header"},
		{"n,", auth.Malformed, "e=other-error", malformed + "bad header"},
		{"N,,n=jdoe,r=C", auth.Malformed, "e=other-error", malformed + "bad header"},
		{"n,,", auth.Malformed, "e=other-error", malformed + "no user name"},
		{"n,,jdoe,r=C", auth.Malformed, "e=other-error", malformed + "no user name"},
		{"n,,n=jdoe", auth.Malformed, "e=other-error", malformed + "no user name"},
		{"n,,n=jdoe,", auth.Malformed, "e=other-error", malformed + "no nonce, or none that is printable and at most 1024 bytes long"},
		{"n,,n=jdoe,r=", auth.Malformed, "e=other-error", malformed + "no nonce, or none that is printable and at most 1024 bytes long"},
		{"n,,n=jdoe,r=a b", auth.Malformed, "e=other-error", malformed + "no nonce, or none that is printable and at most 1024 bytes long"},
		{"n,,n=jdoe,r=a\x00", auth.Malformed, "e=other-error", malformed + "no nonce, or none that is printable and at most 1024 bytes long"},
		{"n,,n=jdoe,r=" + strings.Repeat("a", 1025), auth.Malformed, "e=other-error", malformed + "no nonce, or none that is printable and at most 1024 bytes long"},
		{"n,,n=jdoe,r=C,", auth.Malformed, "e=other-error", malformed + "an extension is not of the form name=value"},
		{"n,,n=jdoe,r=C,x", auth.Malformed, "e=other-error", malformed + "an extension is not of the form name=value"},
		{"n,,n=jdoe,r=C,1=2", auth.Malformed, "e=other-error", malformed + "an extension is not of the form name=value"},
		{"n,,n=,r=C", auth.Malformed, "e=invalid-username-encoding", malformed + "bad encoding of the user name"},
		{"n,,n=jd=oe,r=C", auth.Malformed, "e=invalid-username-encoding", malformed + "bad encoding of the user name"},
		{"n,,n=jd=2coe,r=C", auth.Malformed, "e=invalid-username-encoding", malformed + "bad encoding of the user name"},
		{"n,,n=jd\x00oe,r=C", auth.Malformed, "e=invalid-username-encoding", malformed + "bad encoding of the user name"},
		{"n,,n=jd\xffoe,r=C", auth.Malformed, "e=invalid-username-encoding", malformed + "bad encoding of the user name"},
		{"n,,n=" + strings.Repeat("a", mapping.MaxName+1) + ",r=C", auth.Malformed, "e=invalid-username-encoding", malformed + "bad encoding of the user name"},
		{"n,jdoe,n=jdoe,r=C", auth.Malformed, "e=invalid-username-encoding", malformed + "bad authorization id"},
		{"n,a=,n=jdoe,r=C", auth.Malformed, "e=invalid-username-encoding", malformed + "bad authorization id"},
		{"n,a=admin,n=jdoe,r=C", auth.OtherIdentity, "e=other-error", "Authentication failed: Client requested an authorization id that is different from username"},
		{"n,,m=x,n=jdoe,r=C", auth.Extension, "e=extensions-not-supported", "Authentication failed: the client demands an extension of SCRAM that is not supported"},
		{"n,,n=jdoe,r=C,tokenauth=true", auth.Extension, "e=extensions-not-supported", "Authentication failed: delegation tokens are not accepted (tokenauth=true)"},
		{"n,,n=jdoe,r=C,a=b,tokenauth=TRUE", auth.Extension, "e=extensions-not-supported", "Authentication failed: delegation tokens are not accepted (tokenauth=true)"},
		{"p=tls-unique,,n=jdoe,r=C", auth.ChannelBinding, "e=channel-binding-not-supported", "Authentication failed: channel binding is not supported"},
		{strings.Repeat(",", 10<<20), auth.TooLarge, "", "Authentication failed: 10485760 bytes are more than any credentials may have"},
	} {
		e := begin(t, m, auth.ScramSHA256)
		reply, done, err := step(e, c.msg, now)
		if text := wantFailure(t, e, done, err, c.cause); reply != c.reply || text != c.text {
			t.Errorf("%.40q: %q, %q; want %q, %q", c.msg, reply, text, c.reply, c.text)
		}
	}
}

// TestScramAcceptsFirst: what a client may say besides.
func TestScramAcceptsFirst(t *testing.T) {
	m := scramUsers(t)
	for _, msg := range []string{
		"n,,n=jdoe,r=C", "y,,n=jdoe,r=C", "n,a=jdoe,n=jdoe,r=C", "n,,n=jdoe,r=C,tokenauth=false", "n,,n=jdoe,r=C,x=y,abc==",
		"n,,n=a=3Db=2Cc=3D2C\"é,r=C", "n,,n=" + strings.Repeat("=2C", mapping.MaxName) + ",r=C",
	} {
		if _, done, err := step(begin(t, m, auth.ScramSHA512), msg, now); done || err != nil {
			t.Errorf("%.40q: %t, %v", msg, done, err)
		}
	}
}

// dialogue is one whole exchange of jdoe's as the client sends it, up to the
// nonce, which both sides fix.
func dialogue(t testing.TB, m *auth.Mechanisms, header string) (first, final string) {
	t.Helper()
	first = header + "n=jdoe,r=C"
	reply, _, err := step(begin(t, m, auth.ScramSHA256), first, now)
	if err != nil {
		t.Fatal(err)
	}
	client, err := xscram.SHA256.NewClient("jdoe", "secret of jdoe", "")
	if err != nil {
		t.Fatal(err)
	}
	conv := client.WithNonceGenerator(func() string { return "C" }).NewConversation()
	if _, err := conv.Step(""); err != nil {
		t.Fatal(err)
	}
	if final, err = conv.Step(reply); err != nil {
		t.Fatal(err)
	}
	return first, final
}

func fixedNonce(t testing.TB) *auth.Mechanisms {
	return mechanisms(t, auth.Options{Scram: true, Accounts: scramPool, Nonce: func() string { return "N" }})
}

// TestScramNonceTwice: librdkafka before 2.6.1 repeats its nonce twice, and signs
// what it sends. A nonce without ours is refused, whoever signs it.
func TestScramNonceTwice(t *testing.T) {
	m := fixedNonce(t)
	salted, err := pbkdf2.Key(sha256.New, "secret of jdoe", scramPool.scram["SCRAM-SHA-256/jdoe"].Salt, auth.DefaultIterations, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	key := mac(salted, "Client Key")
	stored := sha256.Sum256(key)
	for nonce, accepted := range map[string]bool{"CN": true, "CCN": true, "CCCN": false, "xCN": false, "CNCN": false, "CC": false, "N": false} {
		e := begin(t, m, auth.ScramSHA256)
		first, _, err := step(e, "n,,n=jdoe,r=C", now)
		if err != nil {
			t.Fatal(err)
		}
		final := "c=biws,r=" + nonce
		proof := mac(stored[:], "n=jdoe,r=C,"+first+","+final)
		subtle.XORBytes(proof, proof, key)
		_, done, err := step(e, final+",p="+base64.StdEncoding.EncodeToString(proof), now)
		if done != accepted || (err == nil) != accepted {
			t.Errorf("nonce %s: %t, %v; want %t", nonce, done, err, accepted)
		}
	}
}

func TestScramRefusesFinal(t *testing.T) {
	m := fixedNonce(t)
	first, good := dialogue(t, m, "n,,")
	proof := good[strings.LastIndex(good, ",p="):]
	const malformed = "Authentication failed: Invalid SCRAM message: "
	for _, c := range []struct {
		msg   string
		cause auth.Cause
		reply string
		text  string
	}{
		{"", auth.Malformed, "e=other-error", malformed + "no proof"},
		{"c=biws,r=CN", auth.Malformed, "e=other-error", malformed + "no proof"},
		{"c=biws,r=CN,p=***", auth.Malformed, "e=invalid-encoding", malformed + "the proof is not base64"},
		{"c=biws,r=CN,p=", auth.Malformed, "e=invalid-proof", malformed + "the proof has the wrong length"},
		{"c=biws,r=CN,p=AAAA", auth.Malformed, "e=invalid-proof", malformed + "the proof has the wrong length"},
		{"c=biws" + proof, auth.Malformed, "e=other-error", malformed + "no channel binding"},
		{"biws,r=CN" + proof, auth.Malformed, "e=other-error", malformed + "no channel binding"},
		{"c=*,r=CN" + proof, auth.Malformed, "e=invalid-encoding", malformed + "the channel binding is not base64"},
		{"c=biws,CN" + proof, auth.Malformed, "e=other-error", malformed + "no nonce"},
		{"c=biws,r=CN,x" + proof, auth.Malformed, "e=other-error", malformed + "an extension is not of the form name=value"},
		{"c=biws,r=C" + proof, auth.Malformed, "e=other-error", malformed + "the nonce is not the one of this exchange"},
		{"c=biws,r=CNN" + proof, auth.Malformed, "e=other-error", malformed + "the nonce is not the one of this exchange"},
		{"c=eSws,r=CN" + proof, auth.ChannelBinding, "e=channel-bindings-dont-match", "Authentication failed: the channel binding differs from the one announced"},
		{"c=,r=CN" + proof, auth.ChannelBinding, "e=channel-bindings-dont-match", "Authentication failed: the channel binding differs from the one announced"},
		{"c=biws,r=CN,x=y" + proof, auth.BadCredentials, "e=invalid-proof", unverified + "Invalid username or password"}, // the proof covers the extensions
		{good + "A", auth.Malformed, "e=invalid-encoding", malformed + "the proof is not base64"},
		{strings.Repeat(",", 10<<20), auth.TooLarge, "", "Authentication failed: 10485760 bytes are more than any credentials may have"},
	} {
		e := begin(t, m, auth.ScramSHA256)
		if _, _, err := step(e, first, now); err != nil {
			t.Fatal(err)
		}
		reply, done, err := step(e, c.msg, now)
		if text := wantFailure(t, e, done, err, c.cause); reply != c.reply || text != c.text {
			t.Errorf("%.40q: %q, %q; want %q, %q", c.msg, reply, text, c.reply, c.text)
		}
	}
}

// TestScramEveryPrefixAndBit: no proper prefix of a good final message is one,
// and no bit of it can be turned.
func TestScramEveryPrefixAndBit(t *testing.T) {
	m := fixedNonce(t)
	first, good := dialogue(t, m, "n,,")
	finish := func(final string) (bool, error) {
		e := begin(t, m, auth.ScramSHA256)
		if _, _, err := step(e, first, now); err != nil {
			t.Fatal(err)
		}
		_, done, err := step(e, final, now)
		return done, err
	}
	if done, err := finish(good); !done || err != nil {
		t.Fatalf("the whole message: %t, %v", done, err)
	}
	for n := range good {
		if done, err := finish(good[:n]); done || err == nil {
			t.Fatalf("%d bytes of %d are accepted", n, len(good))
		}
		for bit := range 8 {
			b := []byte(good)
			b[n] ^= 1 << bit
			if done, err := finish(string(b)); done || err == nil {
				t.Fatalf("byte %d with bit %d turned is accepted", n, bit)
			}
		}
	}
}

// TestScramReplay: a final message is good for the exchange that it was made
// for and no other.
func TestScramReplay(t *testing.T) {
	_, good := dialogue(t, fixedNonce(t), "n,,")
	e := begin(t, scramUsers(t), auth.ScramSHA256) // with a nonce of its own
	if _, _, err := step(e, "n,,n=jdoe,r=C", now); err != nil {
		t.Fatal(err)
	}
	_, done, err := step(e, good, now)
	wantFailure(t, e, done, err, auth.Malformed)
}

// TestScramAnnouncedBinding: a client that could bind says so again at the end.
func TestScramAnnouncedBinding(t *testing.T) {
	m := fixedNonce(t)
	first, good := dialogue(t, m, "y,,")
	e := begin(t, m, auth.ScramSHA256)
	if _, _, err := step(e, first, now); err != nil {
		t.Fatal(err)
	}
	_, done, err := step(e, good, now) // says c=biws, as if it had announced n
	wantFailure(t, e, done, err, auth.ChannelBinding)
}

// TestScramNonces: without one given, each exchange has its own.
func TestScramNonces(t *testing.T) {
	m, seen := scramUsers(t), map[string]bool{}
	for range 64 {
		reply, _, err := step(begin(t, m, auth.ScramSHA256), "n,,n=jdoe,r=C", now)
		nonce, _, _ := strings.Cut(reply, ",")
		if err != nil || seen[nonce] || len(nonce) < len("r=C")+20 {
			t.Fatalf("%q, %v", reply, err)
		}
		seen[nonce] = true
	}
}

// FuzzScram: hostile messages end in a failure that can be told; nobody gets in
// who does not know the password, and who knows it does, whatever else is said.
func FuzzScram(f *testing.F) {
	m := fixedNonce(f)
	first, final := dialogue(f, m, "n,,")
	f.Add(first, final)
	f.Add("y,a=jdoe,n=jdoe,r=C,x=y", "c=eSxhPWpkb2Us,r=CN,x=y,p=AAAA")
	f.Add("n,,n=nobody,r=C", final)
	f.Add("p=tls-unique,,n=a,r=b", "")
	f.Fuzz(func(t *testing.T, first, final string) {
		e := begin(t, m, auth.ScramSHA256)
		for i, msg := range []string{first, final} {
			reply, done, err := step(e, msg, now)
			var failure *auth.Failure
			switch {
			case errors.As(err, &failure):
				wantTellable(t, failure)
				if done || reply != "" && !strings.HasPrefix(reply, "e=") {
					t.Fatalf("%t, %q, %v", done, reply, err)
				}
				return
			case err != nil:
				t.Fatalf("ended with %v", err)
			case done != (i == 1):
				t.Fatalf("done %t at message %d", done, i)
			case i == 0 && len(reply) > len(first)+200:
				t.Fatalf("%d bytes are answered by %d", len(first), len(reply))
			}
		}
		if p := e.Proven(); p.Principal != "jdoe" && p.Principal != awkward {
			t.Fatalf("%q, %q prove %+v", first, final, p)
		}
	})
}

// TestHashesAreTheMechanisms guards against a table that mixes them up.
func TestHashesAreTheMechanisms(t *testing.T) {
	if n := len(scramPool.scram["SCRAM-SHA-256/jdoe"].StoredKey); n != sha256.Size {
		t.Errorf("%d bytes", n)
	}
	if n := len(scramPool.scram["SCRAM-SHA-512/jdoe"].StoredKey); n != 64 {
		t.Errorf("%d bytes", n)
	}
}
