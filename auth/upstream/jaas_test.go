package upstream

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseJAAS(t *testing.T) {
	const (
		plainModule = "org.apache.kafka.common.security.plain.PlainLoginModule required "
		scramModule = "org.apache.kafka.common.security.scram.ScramLoginModule required "
		oauthModule = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
	)
	for name, c := range map[string]struct {
		mechanism, text    string
		user, pass, client string // pass is the client's secret there
		token              bool
	}{
		"plain":             {Plain, plainModule + `username="a" password="b";`, "a", "b", "", false},
		"one quote":         {Plain, plainModule + `username='a"b' password="c'd" ;`, `a"b`, "c'd", "", false},
		"escapes":           {Plain, plainModule + `username="a\"\\b" password='\t\'\101\0601\x;=';`, `a"\b`, "\t'A01x;=", "", false},
		"high octal":        {Plain, plainModule + `username="\344" password="\47\477";`, "ä", "''7", "", false},
		"bare":              {Plain, plainModule + "username=a-b_c.d$1 password=b;", "a-b_c.d$1", "b", "", false},
		"spread":            {Plain, "\n x.PlainLoginModule // not ours\n OPTIONAL /* a;\nb */ username\n=\n\"a\" password=\"b\"\n;\n", "a", "b", "", false},
		"unicode":           {Plain, plainModule + `username="Žofie" password="пароль 🔑";`, "Žofie", "пароль 🔑", "", false},
		"last wins":         {Plain, plainModule + `username="x" username="a" password="b" debug="true";`, "a", "b", "", false},
		"quoted class":      {Plain, `"x.PlainLoginModule" 'required' "username"="a" "password"="b";`, "a", "b", "", false},
		"scram":             {ScramSHA256, scramModule + `username="a" password="b";`, "a", "b", "", false},
		"token":             {ScramSHA512, scramModule + `username="id" password="aG1hYw==" tokenauth="true";`, "id", "aG1hYw==", "", true},
		"token, bare":       {ScramSHA512, scramModule + `username="id" password="b" tokenauth=TRUE;`, "id", "b", "", true},
		"oauth":             {OAuthBearer, oauthModule + `clientId="app" clientSecret="b" scope="kafka read" extension_pool="p 1";`, "", "b", "app", false},
		"oauth, no options": {OAuthBearer, oauthModule + `clientId="app" clientSecret="b";`, "", "b", "app", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseJAAS(c.mechanism, c.text)
			if err != nil {
				t.Fatal(err)
			}
			pass := got.Password() + got.ClientSecret()
			if got.Mechanism != c.mechanism || got.Username != c.user || pass != c.pass || got.Token != c.token || got.ClientID != c.client {
				t.Errorf("got %v, password %q, token %v", got, pass, got.Token)
			}
			if name == "oauth" && (got.Scope != "kafka read" || got.Extensions["pool"] != "p 1") {
				t.Errorf("scope %q, extensions %v", got.Scope, got.Extensions)
			}
		})
	}
}

// What is refused is named; what is secret is not shown, wherever a quote was
// forgotten.
func TestParseJAASRefuses(t *testing.T) {
	for text, want := range map[string]string{
		``:                   "login module is missing",
		`;`:                  "login module is missing",
		`x.PlainLoginModule`: "control flag",
		`x.PlainLoginModule username="a" password="hush";`:                      "control flag",
		`x.PlainLoginModule required username="a" password="hush"`:              "no semicolon",
		`x.PlainLoginModule required username="a" password="hush`:               "does not end",
		"x.PlainLoginModule required username=\"a\" password=\"hush\n\";":       "does not end",
		`x.PlainLoginModule required username="a" password="hush\`:              "does not end",
		`x.PlainLoginModule required username="a" password=hush/hush;`:          "slash",
		`x.PlainLoginModule required username="a" password=1hush;`:              `option "password" has no value`,
		`x.PlainLoginModule required username="a" password hush;`:               `option "password" has no value`,
		`x.PlainLoginModule required username="a" password=;`:                   `option "password" has no value`,
		`x.PlainLoginModule required username="a" password="b" hush "hush";`:    "an option has no value",
		`x.PlainLoginModule required username="a" password=b+hush;`:             "not expected",
		`x.PlainLoginModule required username="a" password="hush" /* c`:         "comment does not end",
		`x.PlainLoginModule required username="a";`:                             "option password is missing",
		`x.PlainLoginModule required username="" password="hush";`:              "option username is missing",
		`x.PlainLoginModule required username="a" password="hu\0sh";`:           "option password: not UTF-8, or with a NUL",
		"x.PlainLoginModule required username=\"\xff\" password=\"hush\";":      "option username: not UTF-8",
		`x.PlainLoginModule required username="a" password="hush"; y required;`: "one login module",
		`x.ScramLoginModule required username="a" password="hush";`:             "needs PlainLoginModule",
		strings.Repeat(" ", maxJAAS+1):                                          "more than",
	} {
		_, err := ParseJAAS(Plain, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", text, err, want)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: the error shows the password: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		`x.OAuthBearerLoginModule required clientSecret="hush";`:                              "clientId is missing",
		`x.OAuthBearerLoginModule required clientId="a";`:                                     "clientSecret is missing",
		`x.OAuthBearerLoginModule required clientId="a" clientSecret="b" extension_auth="c";`: "extension_auth",
		`x.OAuthBearerLoginModule required clientId="a" clientSecret="b" extension_a="\1";`:   "extension_a",
	} {
		if _, err := ParseJAAS(OAuthBearer, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
	if _, err := ParseJAAS("GSSAPI", ""); err == nil || !strings.Contains(err.Error(), "SCRAM-SHA-512") {
		t.Errorf("an unknown mechanism: %v; want those that are known", err)
	}
}

func TestCredentialsHideTheirSecrets(t *testing.T) {
	for _, c := range []Credentials{
		{Mechanism: Plain, Username: "a", password: "hush"},
		{Mechanism: OAuthBearer, ClientID: "a", secret: "hush", bearer: "hush"},
		ForToken(ScramSHA256, "id", []byte("hush")),
	} {
		secret := "hush"
		if c.Token {
			secret = c.password
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if got := fmt.Sprintf(verb, c); strings.Contains(got, secret) {
				t.Errorf("%s shows %s", verb, got)
			}
		}
		if got := c.LogValue().String(); strings.Contains(got, secret) {
			t.Errorf("a log line shows %s", got)
		}
	}
}

func FuzzParseJAAS(f *testing.F) {
	f.Add("x.PlainLoginModule required username=\"a\" password=\"b\";")
	f.Add("x.PlainLoginModule required // c\n username='\\101' password=b-1 /* d */;")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseJAAS(Plain, text)
		if err != nil {
			return
		}
		// What was understood is understood again when it is written plainly.
		again, err := ParseJAAS(Plain, fmt.Sprintf("x.PlainLoginModule required username=%s password=%s;", quote(c.Username), quote(c.password)))
		if err != nil || again.Username != c.Username || again.password != c.password {
			t.Errorf("%q: %v, %v", text, again, err)
		}
	})
}

// quote writes a string as Java reads it.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`).Replace(s) + `"`
}
