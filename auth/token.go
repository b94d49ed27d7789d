package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/postern-kafka/postern/mapping"
)

// Limits of one token. What is over them is refused before it is decoded.
const (
	MaxToken  = 64 << 10 // bytes of the compact form
	maxHeader = 8 << 10  // bytes of the first part, encoded; certificate chains fit
)

var (
	errTokenForm = errors.New("not a JWT in compact form")
	errCritical  = errors.New("the header demands extensions (crit)")
)

// base64url is the encoding of a token's parts. Strict, so that each token has
// one spelling.
var base64url = base64.RawURLEncoding.Strict()

// token is a JWT of which only the header has been decoded. The claims stay as
// they came until the signature has been verified: a stranger's JSON costs
// nothing.
type token struct {
	alg, kid  string
	covered   string // what the signature covers: header.claims
	claims    string // encoded
	signature []byte
}

// cutToken takes a token apart. It keeps parts of compact.
func cutToken(compact string) (token, error) {
	if len(compact) > MaxToken {
		return token{}, errTokenForm
	}
	head, rest, ok := strings.Cut(compact, ".")
	claims, signature, more := strings.Cut(rest, ".")
	if !ok || !more || len(head) > maxHeader || !isBase64url(head) || !isBase64url(claims) || !isBase64url(signature) {
		return token{}, errTokenForm
	}
	t := token{covered: compact[:len(head)+1+len(claims)], claims: claims}
	var err error
	if t.signature, err = base64url.DecodeString(signature); err != nil {
		return token{}, errTokenForm
	}
	if err := t.readHeader(head); err != nil {
		return token{}, err
	}
	return t, nil
}

// isBase64url demands the alphabet: Go's decoder skips line ends.
func isBase64url(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	})
}

// readHeader reads alg and kid. The names are compared exactly, which
// encoding/json does for maps only: "ALG" is another parameter.
func (t *token) readHeader(encoded string) error {
	header, err := decodeObject(encoded)
	if err != nil {
		return err
	}
	if _, ok := header["crit"]; ok {
		return errCritical
	}
	var ok bool
	if t.alg, ok = header.text("alg"); !ok || t.alg == "" {
		return errTokenForm
	}
	if t.kid, ok = header.text("kid"); !ok {
		return errTokenForm
	}
	return nil
}

// verify checks the signature and only then decodes the claims.
func (t token) verify(method jwt.SigningMethod, key any) (claims, error) {
	if err := method.Verify(t.covered, t.signature, key); err != nil {
		return nil, err
	}
	return decodeObject(t.claims)
}

// claims is a JSON object whose values have not been looked at.
type claims map[string]json.RawMessage

func decodeObject(encoded string) (claims, error) {
	text, err := base64url.DecodeString(encoded)
	if err != nil || !utf8.Valid(text) {
		return nil, errTokenForm
	}
	var c claims
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, errTokenForm
	}
	return c, nil
}

// text returns a claim that is a string; "" when it is absent or null, false
// when it is anything else.
func (c claims) text(name string) (s string, ok bool) {
	raw, present := c[name]
	if !present {
		return "", true
	}
	return s, json.Unmarshal(raw, &s) == nil
}

// latest is the last second that time formats print with four digits.
// Anything later is as good as it.
const latest = 253402300799

// seconds returns a claim that is a number of seconds since 1970, fractions
// dropped; present is false when it is absent or null, ok when it is anything
// else.
func (c claims) seconds(name string) (at time.Time, present, ok bool) {
	raw, present := c[name]
	if !present || string(raw) == "null" {
		return time.Time{}, false, true
	}
	f, err := strconv.ParseFloat(string(raw), 64) // strings have quotes, which no number has
	if err != nil && !errors.Is(err, strconv.ErrRange) || math.IsNaN(f) {
		return time.Time{}, true, false
	}
	return time.Unix(int64(math.Floor(min(max(f, -1), latest))), 0), true, true
}

// texts returns a claim that is an array of strings, or one string, which is
// cut at spaces where cut says so; nil when it is absent or null.
func (c claims) texts(name string, cut bool) (list []string, ok bool) {
	raw := bytes.TrimSpace(c[name])
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return nil, true
	case raw[0] == '[':
		return list, json.Unmarshal(raw, &list) == nil
	}
	s, ok := c.text(name)
	if cut {
		return strings.Fields(s), ok
	}
	return []string{s}, ok
}

// userHeader is the header of the tokens that IssueToken makes: no typ, since
// the tokens of the original have none.
var userHeader = base64url.EncodeToString([]byte(`{"alg":"HS256"}`))

// IssueToken makes the password of a PLAIN user: an HS256 token with the claims
// username, vcluster and exp, in that order. An empty vcluster is Passthrough.
// key has MinUserPoolKey bytes or more; expires is cut to seconds.
func IssueToken(key []byte, username, vcluster string, expires time.Time) (string, error) {
	if vcluster == "" {
		vcluster = mapping.Passthrough
	}
	switch {
	case len(key) < MinUserPoolKey:
		return "", fmt.Errorf("auth: the user pool's key has %d bytes, HS256 needs %d", len(key), MinUserPoolKey)
	case !validName(username, mapping.MaxName):
		return "", fmt.Errorf("auth: username: must be valid UTF-8 without control characters, of 1 to %d bytes", mapping.MaxName)
	case !validVCluster(vcluster):
		return "", fmt.Errorf("auth: vcluster: may hold letters, digits, dot, underscore and hyphen only, at most %d", mapping.MaxVCluster)
	case expires.Unix() < 0 || expires.Unix() > latest:
		return "", errors.New("auth: expiry: must be a time between the years 1970 and 9999")
	}
	var payload bytes.Buffer
	e := json.NewEncoder(&payload)
	e.SetEscapeHTML(false)
	if err := e.Encode(struct {
		Username string `json:"username"`
		VCluster string `json:"vcluster"`
		Exp      int64  `json:"exp"`
	}{username, vcluster, expires.Unix()}); err != nil {
		return "", fmt.Errorf("auth: claims: %w", err)
	}
	covered := userHeader + "." + base64url.EncodeToString(bytes.TrimRight(payload.Bytes(), "\n"))
	signature, err := jwt.SigningMethodHS256.Sign(covered, key)
	if err != nil {
		return "", fmt.Errorf("auth: signature: %w", err)
	}
	return covered + "." + base64url.EncodeToString(signature), nil
}
