package auth_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/auth"
)

// TestHostileCost: what a stranger's message makes us allocate is a small
// multiple of what he sent, however it is made, and next to nothing for a
// message over the limits.
func TestHostileCost(t *testing.T) {
	m := mechanisms(t, auth.Options{UserPoolKey: poolKey, Scram: true, Accounts: scramPool, OAuth: &auth.OAuth{Keys: publicKeys()}})
	unsigned := func(header, claims string) string { return b64(header) + "." + b64(claims) + ".AAAA" }
	deep, wide := strings.Repeat("[", 45_000), "{"+strings.Repeat(`"a":[],`, 6_000)+`"a":1}`
	for name, c := range map[string]struct{ mechanism, msg string }{
		"NULs":            {auth.Plain, strings.Repeat("\x00", 60_000)},
		"dots":            {auth.Plain, "\x00jdoe\x00" + strings.Repeat(".", 60_000)},
		"deep claims":     {auth.Plain, "\x00jdoe\x00" + unsigned(`{"alg":"HS256"}`, deep)},
		"wide claims":     {auth.Plain, "\x00jdoe\x00" + unsigned(`{"alg":"HS256"}`, wide)},
		"wide bearer":     {auth.OAuthBearer, bearer(unsigned(`{"alg":"RS256","kid":"rsa"}`, wide))},
		"pairs":           {auth.OAuthBearer, "n,,\x01" + strings.Repeat("a=\x01", 20_000) + "\x01"},
		"long signature":  {auth.OAuthBearer, bearer(b64(`{"alg":"ES256","kid":"p256"}`) + ".e30." + strings.Repeat("A", 60_000))},
		"commas":          {auth.ScramSHA256, "n,,n=jdoe,r=C" + strings.Repeat(",a=b", 7_000)},
		"bare commas":     {auth.ScramSHA256, strings.Repeat(",", 30_000)},
		"escapes":         {auth.ScramSHA256, "n,,n=" + strings.Repeat("=2C", 9_000) + ",r=C"},
		"PLAIN, 10 MiB":   {auth.Plain, strings.Repeat("\x00", 10<<20)},
		"SCRAM, 10 MiB":   {auth.ScramSHA256, strings.Repeat(",", 10<<20)},
		"bearer, 10 MiB":  {auth.OAuthBearer, bearer(strings.Repeat("A", 10<<20))},
		"header of 8 KiB": {auth.OAuthBearer, bearer(unsigned(`{"alg":"RS256","kid":"rsa",`+strings.Repeat(`"a":1,`, 1_000)+`"z":[]}`, "{}"))},
	} {
		msg := []byte(c.msg)
		var before, after runtime.MemStats
		const rounds = 5
		runtime.ReadMemStats(&before)
		for range rounds {
			if _, done, _ := begin(t, m, c.mechanism).Step(msg, now); done {
				t.Fatalf("%s: accepted", name)
			}
		}
		runtime.ReadMemStats(&after)
		allowed := 8*len(msg) + 32<<10
		if len(msg) > 1<<20 {
			allowed = 4 << 10
		}
		if got := int(after.TotalAlloc-before.TotalAlloc) / rounds; got > allowed {
			t.Errorf("%s: %d bytes sent, %d allocated", name, len(msg), got)
		}
	}
}
