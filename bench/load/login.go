package load

import (
	"fmt"
	"strings"

	"github.com/postern-kafka/postern/auth/upstream"
)

// Login is what a bare connection says by SASL before it asks anything.
type Login struct {
	Mechanism string `json:"mechanism"` // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER
	User      string `json:"user,omitempty"`
	Secret    string `json:"secret"` // a password; with OAUTHBEARER the token, which says who it is
}

// credentials are what l is on the wire. All connections of a load share them, and
// with them the keys that SCRAM derives of a password: deriving them is by far the
// dearest part of a login and the client's alone.
func (l Login) credentials() (upstream.Credentials, error) {
	if l.Mechanism == upstream.OAuthBearer {
		return upstream.Credentials{Mechanism: l.Mechanism}.WithBearer(l.Secret), nil
	}
	module := "ScramLoginModule"
	if l.Mechanism == upstream.Plain {
		module = "PlainLoginModule"
	}
	quoted := func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
	c, err := upstream.ParseJAAS(l.Mechanism, module+" required username="+quoted(l.User)+" password="+quoted(l.Secret)+";")
	if err != nil {
		return c, fmt.Errorf("login: %w", err)
	}
	return c, nil
}

// loginBuffer is how much of an answer to a login is read at once, in bytes.
const loginBuffer = 4 << 10

// logIn says what Kafka's Java client says: it asks for the API versions, names the
// mechanism and proves who it is.
func (w *wire) logIn(c upstream.Credentials) error {
	l, err := c.Begin(clientID)
	if err != nil {
		return err
	}
	send, done, err := l.Next(nil)
	answer := make([]byte, loginBuffer)
	for err == nil && !done {
		var n int
		if len(send) > 0 {
			if _, err = w.conn.Write(send); err != nil {
				break
			}
		}
		if n, err = w.conn.Read(answer); err == nil {
			send, done, err = l.Next(answer[:n])
		}
	}
	return err
}
