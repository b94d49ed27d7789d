package auth_test

import (
	"testing"
	"time"

	"github.com/postern-kafka/postern/auth"
)

// logins runs whole exchanges and shows how many one core does in a second.
func logins(b *testing.B, m *auth.Mechanisms, mechanism string, msgs ...string) {
	b.Helper()
	loginsAt(b, func() *auth.Mechanisms { return m }, mechanism, msgs...)
}

// loginsAt is logins where each exchange may be at others.
func loginsAt(b *testing.B, m func() *auth.Mechanisms, mechanism string, msgs ...string) {
	b.Helper()
	b.ReportAllocs()
	in := make([][]byte, len(msgs))
	for i, msg := range msgs {
		in[i] = []byte(msg)
	}
	for b.Loop() {
		e, _ := m().Begin(mechanism)
		var done bool
		var err error
		for _, msg := range in {
			if _, done, err = e.Step(msg, now); err != nil {
				b.Fatal(err)
			}
		}
		if !done {
			b.Fatal("not done")
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "logins/s")
}

func BenchmarkPlain(b *testing.B) {
	msg := "\x00jdoe\x00" + userToken(b, "jdoe", "blue", now.Add(time.Hour))
	b.Run("first", func(b *testing.B) { loginsAt(b, func() *auth.Mechanisms { return userPool(b) }, auth.Plain, msg) })
	b.Run("again", func(b *testing.B) { logins(b, userPool(b), auth.Plain, msg) })
}

// BenchmarkScram is the server's side alone: the derivation of the password's
// key, thousands of hashes, is the client's.
func BenchmarkScram(b *testing.B) {
	m := fixedNonce(b)
	first, final := dialogue(b, m, "n,,")
	logins(b, m, auth.ScramSHA256, first, final)
}

func BenchmarkScramUnknown(b *testing.B) {
	m := fixedNonce(b)
	_, final := dialogue(b, m, "n,,")
	b.ReportAllocs()
	for b.Loop() {
		e, _ := m.Begin(auth.ScramSHA256)
		_, _, _ = e.Step([]byte("n,,n=none,r=C"), now)
		if _, _, err := e.Step([]byte(final), now); err == nil {
			b.Fatal("a stranger is in")
		}
	}
}

func BenchmarkBearer(b *testing.B) {
	for _, c := range []struct{ alg, kid string }{{"RS256", "rsa"}, {"PS256", "rsa"}, {"ES256", "p256"}, {"ES384", "p384"}, {"EdDSA", "ed"}} {
		msg := bearer(signed(b, c.alg, c.kid, good()))
		b.Run(c.alg+"/first", func(b *testing.B) { loginsAt(b, func() *auth.Mechanisms { return bearers(b) }, auth.OAuthBearer, msg) })
		b.Run(c.alg+"/again", func(b *testing.B) { logins(b, bearers(b), auth.OAuthBearer, msg) })
	}
}

// BenchmarkStranger is what a guess costs us.
func BenchmarkStranger(b *testing.B) {
	m, msg := userPool(b), []byte("\x00jdoe\x00"+jws(`{"alg":"HS256"}`, `{"username":"jdoe","exp":1999999999}`, hs256(make([]byte, 32))))
	b.ReportAllocs()
	for b.Loop() {
		e, _ := m.Begin(auth.Plain)
		if _, _, err := e.Step(msg, now); err == nil {
			b.Fatal("a stranger is in")
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	msg := []byte("n,,n=jdoe,r=C")
	b.ReportAllocs()
	for b.Loop() {
		o := auth.Observe(auth.ScramSHA256)
		if o.Client(msg); o.Rounds() != 2 {
			b.Fatal()
		}
	}
}
