package jwks

import (
	"testing"

	"github.com/postern-kafka/postern/auth"
)

// FuzzSet: no set makes parse fail in another way than by an error, and what it
// yields is within the limits and can verify something.
func FuzzSet(f *testing.F) {
	for _, seed := range []string{
		`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`,
		`{"keys":[{"kty":"RSA","alg":"RS256","e":"AQAB","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}]}`,
		`{"keys":[{"kty":"oct","k":"c2VjcmV0"},{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"OKP","crv":"Ed25519","x":"AA"},{}]}`,
		`{"keys":null}`, `{"keys":[null,7,[]]}`, `<html>`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, skipped, err := parse(text)
		if (err == nil) != (len(keys) > 0) || len(keys)+skipped > MaxKeys {
			t.Fatalf("%d keys, %d skipped, %v", len(keys), skipped, err)
		}
		for _, k := range keys {
			usable := false
			for _, alg := range algorithms {
				usable = usable || k.serves(alg) && auth.Fits(alg, k.public)
			}
			if !usable || k.serves("HS256") || k.serves("none") || k.serves("") {
				t.Fatalf("a key of no use: %+v", k)
			}
		}
	})
}
