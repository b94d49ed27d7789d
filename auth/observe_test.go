package auth_test

import (
	"regexp"
	"strings"
	"testing"

	kscram "github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/postern-kafka/postern/auth"
	"github.com/postern-kafka/postern/mapping"
)

// observed gives an observer a message in memory that is spoiled afterwards.
func observed(mechanism string, msgs ...string) (string, bool) {
	o := auth.Observe(mechanism)
	for _, msg := range msgs {
		b := []byte(msg)
		o.Client(b)
		for i := range b {
			b[i] = 0xA5
		}
	}
	return o.Principal()
}

const signedRequest = `{"version":"2020_10_22","host":"b-1.msk.example","user-agent":"x","action":"kafka-cluster:Connect",` +
	`"x-amz-algorithm":"AWS4-HMAC-SHA256","x-amz-credential":"AKIAI44QH8DHBEXAMPLE/20260101/us-east-1/kafka-cluster/aws4_request",` +
	`"x-amz-date":"20260101T000000Z","x-amz-signedheaders":"host","x-amz-expires":"900","x-amz-signature":"d6f0"}`

func TestObserve(t *testing.T) {
	token := func(claims string) string {
		return bearer(jws(`{"alg":"RS256"}`, claims, func(string) []byte { return []byte("anything") }))
	}
	for _, c := range []struct {
		name, mechanism string
		msgs            []string
		want            string // "": no principal
	}{
		{"PLAIN", auth.Plain, []string{"\x00alice\x00secret"}, "alice"},
		{"PLAIN, own authzid", auth.Plain, []string{"alice\x00alice\x00secret"}, "alice"},
		{"PLAIN, other authzid", auth.Plain, []string{"bob\x00alice\x00secret"}, ""},
		{"PLAIN, four parts", auth.Plain, []string{"\x00alice\x00secret\x00bob"}, ""},
		{"PLAIN, no UTF-8", auth.Plain, []string{"\x00al\xffice\x00secret"}, ""},
		{"PLAIN, no password", auth.Plain, []string{"\x00alice\x00"}, ""},
		{"PLAIN, two messages", auth.Plain, []string{"\x00alice\x00secret", "\x00bob\x00secret"}, ""},
		{"PLAIN, unreadable first", auth.Plain, []string{"", "\x00bob\x00secret"}, ""},

		{"SCRAM", auth.ScramSHA256, []string{"n,,n=alice,r=x", "c=biws,r=x,p=AAAA"}, "alice"},
		{"SCRAM, begun", auth.ScramSHA512, []string{"n,,n=alice,r=x"}, "alice"},
		{"SCRAM, escaped", auth.ScramSHA512, []string{"n,,n=a=2Cb=3Dc,r=x"}, "a,b=c"},
		{"SCRAM, three messages", auth.ScramSHA256, []string{"n,,n=alice,r=x", "c=biws,r=x,p=AAAA", "n,,n=bob,r=x"}, ""},
		{"SCRAM, other authzid", auth.ScramSHA256, []string{"n,a=bob,n=alice,r=x"}, ""},
		{"SCRAM, delegation token", auth.ScramSHA256, []string{"n,,n=token-id,r=x,tokenauth=true"}, ""},
		{"SCRAM, mandatory extension", auth.ScramSHA256, []string{"n,,m=x,n=alice,r=x"}, ""},
		{"SCRAM, too large", auth.ScramSHA256, []string{"n,,n=alice,r=x," + strings.Repeat("a=b,", 1<<20)}, ""},
		{"SCRAM in PLAIN", auth.Plain, []string{"n,,n=alice,r=x"}, ""},

		{"bearer", auth.OAuthBearer, []string{token(`{"sub":"alice"}`)}, "alice"},
		{"bearer, challenged", auth.OAuthBearer, []string{token(`{"sub":"alice"}`), "\x01"}, ""},
		{"bearer, unsecured", auth.OAuthBearer, []string{bearer(jws(`{"alg":"none"}`, `{"sub":"alice"}`, func(string) []byte { return nil }))}, "alice"},
		{"bearer, own authzid", auth.OAuthBearer, []string{"n,a=alice" + token(`{"sub":"alice"}`)[2:]}, "alice"},
		{"bearer, other authzid", auth.OAuthBearer, []string{"n,a=bob" + token(`{"sub":"alice"}`)[2:]}, ""},
		{"bearer, two subjects", auth.OAuthBearer, []string{token(`{"sub":"alice","sub":"bob"}`)}, ""},
		{"bearer, two spellings", auth.OAuthBearer, []string{token(`{"sub":"alice","SUB":"bob"}`)}, ""},
		{"bearer, no subject", auth.OAuthBearer, []string{token(`{"azp":"alice"}`)}, ""},
		{"bearer, subject is a number", auth.OAuthBearer, []string{token(`{"sub":1}`)}, ""},
		{"bearer, opaque", auth.OAuthBearer, []string{bearer("opaque")}, ""},
		{"bearer, no message", auth.OAuthBearer, []string{""}, ""},
		{"bearer, claims are no JSON", auth.OAuthBearer, []string{token(`{`)}, ""},

		{"AWS", auth.AWSMSKIAM, []string{signedRequest}, "AKIAI44QH8DHBEXAMPLE"},
		{"AWS, two credentials", auth.AWSMSKIAM, []string{`{"x-amz-credential":"B/1/2/3/4",` + signedRequest[1:]}, ""},
		{"AWS, two spellings", auth.AWSMSKIAM, []string{`{"X-Amz-Credential":"B/1/2/3/4",` + signedRequest[1:]}, ""},
		{"AWS, escaped spelling", auth.AWSMSKIAM, []string{`{"x-amz-credentia\u006c":"B/1/2/3/4",` + signedRequest[1:]}, ""},
		{"AWS, tail", auth.AWSMSKIAM, []string{signedRequest + "{}"}, ""},
		{"AWS, no scope", auth.AWSMSKIAM, []string{`{"x-amz-credential":"AKIA"}`}, ""},
		{"AWS, no id", auth.AWSMSKIAM, []string{`{"x-amz-credential":"/1/2/3/4"}`}, ""},
		{"AWS, number", auth.AWSMSKIAM, []string{`{"x-amz-credential":1}`}, ""},
		{"AWS, array", auth.AWSMSKIAM, []string{`[]`}, ""},
		{"AWS, too large", auth.AWSMSKIAM, []string{signedRequest + strings.Repeat(" ", 1<<20)}, ""},

		{"GSSAPI", auth.GSSAPI, []string{"`\x82\x01", "\x60"}, ""},
		{"unknown", "X-NEW", []string{"\x00alice\x00secret"}, ""},
		{"nothing", auth.Plain, nil, ""},
	} {
		if got, ok := observed(c.mechanism, c.msgs...); got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %t; want %q", c.name, got, ok, c.want)
		}
	}
	o := auth.Observe(auth.OAuthBearer).WithSubject("azp")
	o.Client([]byte(token(`{"sub":"alice","azp":"bob"}`)))
	if got, _ := o.Principal(); got != "bob" {
		t.Errorf("by azp: %q", got)
	}
}

// TestObserveBroker: when an exchange without frames of its own is over.
func TestObserveBroker(t *testing.T) {
	for _, c := range []struct {
		mechanism string
		rounds    int
		replies   []string
		want      bool // of the last reply; every other is false
	}{
		{auth.Plain, 1, []string{""}, true},
		{auth.Plain, 1, []string{"x"}, false},
		{auth.OAuthBearer, 1, []string{""}, true},
		{auth.OAuthBearer, 1, []string{`{"status":"invalid_token"}`, ""}, false},
		{auth.ScramSHA256, 2, []string{"r=x,s=y,i=4096", "v=AAAA"}, true},
		{auth.ScramSHA512, 2, []string{"r=x,s=y,i=4096", "e=invalid-proof"}, false},
		{auth.ScramSHA512, 2, []string{"v=AAAA"}, false},
		{auth.AWSMSKIAM, 1, []string{`{"version":"2020_10_22"}`}, true},
		{auth.AWSMSKIAM, 1, []string{""}, false},
		{auth.GSSAPI, 0, []string{"a", "", ""}, false},
	} {
		o := auth.Observe(c.mechanism)
		if o.Rounds() != c.rounds {
			t.Errorf("%s has %d rounds", c.mechanism, o.Rounds())
		}
		for i, reply := range c.replies {
			o.Client([]byte("message"))
			if got := o.Broker([]byte(reply)); got != (c.want && i == len(c.replies)-1) {
				t.Errorf("%s, reply %d %q: %t", c.mechanism, i, reply, got)
			}
		}
	}
	if auth.Observe(auth.Plain).Broker(nil) {
		t.Error("an exchange is over before it began")
	}
}

// TestObserveFranz: what a real client sends is read.
func TestObserveFranz(t *testing.T) {
	for _, mechanism := range scramNames {
		_, msg, err := franzClient(mechanism, kscram.Auth{User: awkward, Pass: "x"}).Authenticate(t.Context(), "")
		if got, _ := observed(mechanism, string(msg)); err != nil || got != awkward {
			t.Errorf("%s: %q, %v", mechanism, got, err)
		}
	}
}

// The grammar by which brokers read (org.apache.kafka.common.security).
var (
	brokersScram = regexp.MustCompile(`^n,(?:a=((?:[\x01-\x2b\x2d-\x3c\x3e-\x7f]|=2C|=3D)+))?,(?:m=[^,=]+,)?n=((?:[\x01-\x2b\x2d-\x3c\x3e-\x7f]|=2C|=3D)+),r=([\x21-\x2b\x2d-\x7e]+)((?:,[A-Za-z]+=[\x01-\x2b\x2d-\x7f]+)*)$`)
	brokersToken = regexp.MustCompile(`(?i)(?:^|,)tokenauth=true(?:,|$)`)
)

// brokersName is the user that a broker reads out of a first message of SCRAM,
// "" when it refuses it.
func brokersName(msg string) string {
	m := brokersScram.FindStringSubmatch(msg)
	if len(m) != 5 || brokersToken.MatchString(m[4]) {
		return ""
	}
	name := strings.ReplaceAll(m[2], "=2C", ",")
	if strings.Contains(strings.ReplaceAll(name, "=3D", ""), "=") {
		return ""
	}
	return strings.ReplaceAll(name, "=3D", "=")
}

// FuzzObserve: no message makes it fail, and it never shows another principal
// than the one that the broker reads.
func FuzzObserve(f *testing.F) {
	for _, seed := range []string{
		"\x00alice\x00secret", "alice\x00alice\x00secret", "n,,n=alice,r=x", "n,a=a=2Cb,n=a=2Cb,r=x,e=f", "n,,n=t,r=x,tokenauth=true",
		bearer(jws(`{"alg":"none"}`, `{"sub":"alice"}`, func(string) []byte { return nil })), signedRequest, `{"x-amz-credential":"A/1/2/3/4"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, msg string) {
		for _, mechanism := range []string{auth.Plain, auth.ScramSHA256, auth.OAuthBearer, auth.AWSMSKIAM, auth.GSSAPI} {
			got, ok := observed(mechanism, msg)
			if ok != (got != "") || len(got) > mapping.MaxName {
				t.Fatalf("%s: %q, %t", mechanism, got, ok)
			}
			if !ok {
				continue
			}
			switch mechanism {
			case auth.Plain:
				if parts := strings.Split(msg, "\x00"); len(parts) != 3 || parts[1] != got || parts[0] != "" && parts[0] != got {
					t.Fatalf("%q shows %q", msg, got)
				}
			case auth.ScramSHA256:
				if want := brokersName(msg); want != "" && want != got {
					t.Fatalf("%q shows %q, a broker reads %q", msg, got, want)
				}
			case auth.GSSAPI:
				t.Fatalf("GSSAPI shows %q", got)
			}
		}
	})
}
