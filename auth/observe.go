package auth

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/postern-kafka/postern/mapping"
)

// Mechanisms that are relayed only.
const (
	AWSMSKIAM = "AWS_MSK_IAM"
	GSSAPI    = "GSSAPI"
)

// Observer reads the principal out of an exchange that the gateway relays to a
// broker. It verifies nothing: the principal counts once the broker has
// accepted the exchange. So it must never read another name than the broker
// does: where a message could be read in two ways, or is not wholly as its
// mechanism demands, there is no principal. It serves one exchange.
type Observer struct {
	mechanism string
	subClaim  string
	messages  int
	replies   int
	principal string
}

// Observe begins to observe an exchange; any name of a mechanism will do.
func Observe(mechanism string) *Observer { return &Observer{mechanism: mechanism, subClaim: "sub"} }

// WithSubject names the claim that is the principal of a bearer token where it
// is not sub. It must be the one that the broker uses.
func (o *Observer) WithSubject(claim string) *Observer {
	o.subClaim = claim
	return o
}

// Client takes the client's next message, of which nothing is kept but the
// principal. A message too many takes the principal away.
func (o *Observer) Client(msg []byte) {
	o.messages++
	switch {
	case o.messages > 1 && o.messages > o.Rounds():
		o.principal = ""
	case o.messages == 1:
		if name := o.read(msg); validName(name, mapping.MaxName) {
			o.principal = name
		}
	}
}

// Principal returns what the exchange showed; false when it showed nothing, as
// GSSAPI and delegation tokens do not.
func (o *Observer) Principal() (string, bool) { return o.principal, o.principal != "" }

// Rounds returns how many messages the client sends in an exchange that
// succeeds; 0 where the mechanism does not fix it.
func (o *Observer) Rounds() int {
	switch o.mechanism {
	case Plain, OAuthBearer, AWSMSKIAM:
		return 1
	case ScramSHA256, ScramSHA512:
		return 2
	default:
		return 0
	}
}

// Broker takes the broker's answer to each message and reports whether it ends
// an exchange that succeeded. It is for SaslHandshake v0, where nothing else
// tells; false for mechanisms without fixed rounds.
func (o *Observer) Broker(reply []byte) (accepted bool) {
	o.replies++
	if o.replies != o.Rounds() || o.messages != o.replies {
		return false
	}
	switch o.mechanism {
	case Plain, OAuthBearer: // which answers a failure by JSON
		return len(reply) == 0
	case ScramSHA256, ScramSHA512:
		return bytes.HasPrefix(reply, []byte("v="))
	default:
		return len(reply) > 0
	}
}

// read returns the principal of a first message, "" where it shows none.
func (o *Observer) read(msg []byte) string {
	switch o.mechanism {
	case Plain:
		c, failure := parsePlain(msg)
		if failure == nil {
			return c.username
		}
	case ScramSHA256, ScramSHA512:
		if len(msg) > maxScramMessage {
			return ""
		}
		c, failure := parseClientFirst(string(msg)) // which refuses delegation tokens: their ids are no principals
		if failure == nil {
			return c.username
		}
	case OAuthBearer:
		r, failure := parseBearer(msg)
		if failure == nil {
			return subjectOf(r, o.subClaim)
		}
	case AWSMSKIAM:
		return accessKeyOf(msg)
	}
	return ""
}

// subjectOf reads a token's subject without verifying the token.
func subjectOf(r bearerResponse, claim string) string {
	t, err := cutToken(r.token)
	if err != nil {
		return ""
	}
	text, err := base64url.DecodeString(t.claims)
	if err != nil {
		return ""
	}
	c, ok := soleMembers(text)
	if !ok {
		return ""
	}
	subject, ok := c.text(claim)
	if same, _ := authorizes(r.authzid, subject); !ok || !same {
		return ""
	}
	return subject
}

// maxAWS bounds a message of AWS_MSK_IAM, whose session tokens are long.
const maxAWS = 32 << 10

// accessKeyOf reads the access key's id out of a signed request: a JSON object
// whose x-amz-credential is <id>/<date>/<region>/<service>/aws4_request.
func accessKeyOf(msg []byte) string {
	if len(msg) > maxAWS {
		return ""
	}
	c, ok := soleMembers(msg)
	if !ok {
		return ""
	}
	credential, ok := c.text("x-amz-credential")
	if !ok || strings.Count(credential, "/") != 4 {
		return ""
	}
	id, _, _ := strings.Cut(credential, "/")
	return id
}

// soleMembers reads a JSON object and refuses one that has a member twice, or
// under two spellings: another parser could take the other one.
func soleMembers(text []byte) (claims, bool) {
	if !json.Valid(text) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	c, folded := claims{}, map[string]bool{}
	for d.More() {
		name, err := d.Token()
		key, ok := name.(string)
		if err != nil || !ok || folded[strings.ToLower(key)] {
			return nil, false
		}
		folded[strings.ToLower(key)] = true
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, false
		}
		c[key] = value
	}
	return c, true
}
