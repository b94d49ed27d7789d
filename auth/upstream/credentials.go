package upstream

import (
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"
)

// The mechanisms, named as on the wire.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
	OAuthBearer = "OAUTHBEARER"
)

// Mechanisms lists them.
func Mechanisms() []string { return []string{Plain, ScramSHA256, ScramSHA512, OAuthBearer} }

// Credentials is what somebody logs in with. It is a value; copies share what
// SCRAM derived of the password, and may be used by any number of goroutines.
// What is secret can be read by the methods that say so alone.
type Credentials struct {
	Mechanism string
	// Username is who logs in; with Token the id of a delegation token. Empty
	// for OAUTHBEARER.
	Username string
	// Token says that the password is a delegation token's HMAC in base64.
	Token bool

	// ClientID and Scope are for the token endpoint of OAUTHBEARER.
	ClientID, Scope string
	// Extensions go along with an OAUTHBEARER token; nil for none.
	Extensions map[string]string

	password string
	secret   string
	bearer   string
	keys     *keyCache
}

// ForToken returns the credentials that log in as the owner of a delegation
// token. mechanism is one of the SCRAMs, id the token's and hmac its HMAC as
// the broker gave it.
func ForToken(mechanism, id string, hmac []byte) Credentials {
	return Credentials{
		Mechanism: mechanism, Username: id, Token: true,
		password: base64Std.EncodeToString(hmac), keys: new(keyCache),
	}
}

// WithBearer returns OAUTHBEARER credentials that log in with a token as it
// came from the token endpoint.
func (c Credentials) WithBearer(token string) Credentials {
	c.bearer = token
	return c
}

// Password reveals the password, for clients that log in by other code.
func (c Credentials) Password() string { return c.password }

// ClientSecret reveals the secret for the token endpoint.
func (c Credentials) ClientSecret() string { return c.secret }

// Bearer reveals the token that WithBearer was given.
func (c Credentials) Bearer() string { return c.bearer }

// String says who logs in and nothing of what is secret.
func (c Credentials) String() string {
	switch {
	case c.Mechanism == OAuthBearer:
		return fmt.Sprintf("%s with client id %q", c.Mechanism, c.ClientID)
	case c.Token:
		return fmt.Sprintf("%s with delegation token %q", c.Mechanism, c.Username)
	}
	return fmt.Sprintf("%s as %q", c.Mechanism, c.Username)
}

// GoString is String, for %#v.
func (c Credentials) GoString() string { return c.String() }

// LogValue is String, for slog.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// unsendable names the option that no mechanism can carry, "" when there is
// none.
func (c Credentials) unsendable() string {
	for _, o := range []struct{ name, value string }{{"username", c.Username}, {"password", c.password}} {
		if !utf8.ValidString(o.value) || strings.IndexByte(o.value, 0) >= 0 {
			return o.name
		}
	}
	return ""
}
