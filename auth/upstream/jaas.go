package upstream

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of ParseJAAS name the option and never show a value.
var errJAAS = errors.New("upstream: JAAS configuration")

func jaasError(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errJAAS, fmt.Errorf(format, args...))
}

// maxJAAS bounds the text, and with it every value in it.
const maxJAAS = 128 << 10

// ParseJAAS reads the text of Kafka's client property sasl.jaas.config for a
// mechanism:
//
//	org.apache.kafka.common.security.plain.PlainLoginModule required username="a" password="b";
//
// It takes what Java takes: '…' and "…" with Java's escapes, comments, any
// control flag, a class in whatever package. Options that the module does not
// have are ignored, as in Java. It refuses what Java would cut short without a
// word: a string without its end, and a slash outside of quotes.
//
//	PlainLoginModule        username, password
//	ScramLoginModule        username, password, tokenauth (true for a delegation token)
//	OAuthBearerLoginModule  clientId, clientSecret, scope, extension_NAME
func ParseJAAS(mechanism, text string) (Credentials, error) {
	module, ok := moduleOf[mechanism]
	if !ok {
		return Credentials{}, fmt.Errorf("upstream: SASL mechanism %q: one of %s is possible", mechanism, strings.Join(Mechanisms(), ", "))
	}
	entry, err := parseEntry(text)
	if err != nil {
		return Credentials{}, err
	}
	if class := entry.module[strings.LastIndexByte(entry.module, '.')+1:]; class != module {
		return Credentials{}, jaasError("login module %q: %s needs %s", entry.module, mechanism, module)
	}
	return entry.credentials(mechanism)
}

var moduleOf = map[string]string{
	Plain:       "PlainLoginModule",
	ScramSHA256: "ScramLoginModule",
	ScramSHA512: "ScramLoginModule",
	OAuthBearer: "OAuthBearerLoginModule",
}

// entry is one login module with its options.
type entry struct {
	module  string
	options map[string]string
}

func (e entry) credentials(mechanism string) (Credentials, error) {
	if mechanism == OAuthBearer {
		return e.client()
	}
	for _, name := range []string{"username", "password"} {
		if e.options[name] == "" {
			return Credentials{}, jaasError("option %s is missing", name)
		}
	}
	c := Credentials{Mechanism: mechanism, Username: e.options["username"], password: e.options["password"]}
	if mechanism != Plain {
		c.Token = strings.EqualFold(e.options["tokenauth"], "true")
		c.keys = new(keyCache)
	}
	if bad := c.unsendable(); bad != "" {
		return Credentials{}, jaasError("option %s: not UTF-8, or with a NUL", bad)
	}
	return c, nil
}

// client reads what asks a token endpoint for tokens.
func (e entry) client() (Credentials, error) {
	for _, name := range []string{"clientId", "clientSecret"} {
		if e.options[name] == "" {
			return Credentials{}, jaasError("option %s is missing", name)
		}
	}
	c := Credentials{Mechanism: OAuthBearer, ClientID: e.options["clientId"], secret: e.options["clientSecret"], Scope: e.options["scope"]}
	for option, value := range e.options {
		name, ok := strings.CutPrefix(option, "extension_")
		if !ok {
			continue
		}
		if !validExtension(name, value) {
			return Credentials{}, jaasError("option %s: not a SASL extension: letters for the name (not auth), printable ASCII for the value", option)
		}
		if c.Extensions == nil {
			c.Extensions = map[string]string{}
		}
		c.Extensions[name] = value
	}
	return c, nil
}

// validExtension is RFC 7628's key and value.
func validExtension(name, value string) bool {
	if name == "" || name == "auth" {
		return false
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	for _, r := range value {
		if (r < ' ' || r > '~') && r != '\t' && r != '\r' && r != '\n' {
			return false
		}
	}
	return true
}

// parseEntry reads exactly one entry.
func parseEntry(text string) (entry, error) {
	if len(text) > maxJAAS {
		return entry{}, jaasError("%d bytes, more than %d", len(text), maxJAAS)
	}
	s := &scanner{text: text}
	e := entry{options: map[string]string{}}
	module, err := s.next()
	if err != nil {
		return e, err
	}
	if module.kind != word {
		return e, jaasError("a login module is missing")
	}
	e.module = module.text
	flag, err := s.next()
	if err != nil {
		return e, err
	}
	switch strings.ToLower(flag.text) {
	case "required", "requisite", "sufficient", "optional":
	default:
		return e, jaasError("login module %q: a control flag such as required must follow", e.module)
	}
	if err := s.options(e.options); err != nil {
		return e, err
	}
	if after, err := s.next(); err != nil {
		return e, err
	} else if after.kind != end {
		return e, jaasError("something follows the semicolon; one login module is possible")
	}
	return e, nil
}

// options reads name=value until the semicolon.
func (s *scanner) options(into map[string]string) error {
	last := "the control flag"
	for {
		name, err := s.next()
		switch {
		case err != nil:
			return fmt.Errorf("%w, after %s", err, last)
		case name.kind == mark && name.text == ";":
			return nil
		case name.kind == end:
			return jaasError("no semicolon at the end, after %s", last)
		case name.kind == mark:
			return jaasError("%q is not expected after %s", name.text, last)
		}
		last = fmt.Sprintf("option %q", name.text)
		if !plausibleName(name.text) {
			last = "an option" // it may be the rest of a password
		}
		equals, err := s.next()
		if err != nil {
			return fmt.Errorf("%w, in %s", err, last)
		}
		value, err := s.next()
		if err != nil {
			return fmt.Errorf("%w, in %s", err, last)
		}
		if equals.kind != mark || equals.text != "=" || value.kind != word {
			return jaasError("%s has no value; one that begins with a digit must stand in quotes", last)
		}
		into[name.text] = value.text
	}
}

// known are the names that an error may show.
var known = []string{"username", "password", "tokenauth", "clientId", "clientSecret", "scope"}

func plausibleName(name string) bool {
	for _, k := range known {
		if strings.EqualFold(name, k) {
			return true
		}
	}
	return strings.HasPrefix(name, "extension_")
}

type tokenKind uint8

const (
	end  tokenKind = iota
	word           // a bare word or a quoted string
	mark           // one other character, or a number
)

type token struct {
	kind tokenKind
	text string
}

// scanner cuts text as java.io.StreamTokenizer does with the settings of
// Kafka's JaasConfig.
type scanner struct {
	text string
	at   int
}

func (s *scanner) next() (token, error) {
	if err := s.skip(); err != nil {
		return token{}, err
	}
	if s.at == len(s.text) {
		return token{}, nil
	}
	from, c := s.at, s.text[s.at]
	switch {
	case c == '"' || c == '\'':
		return s.quoted(c)
	case beginsWord(c):
		for s.at < len(s.text) && inWord(s.text[s.at]) {
			s.at++
		}
		return token{word, s.text[from:s.at]}, nil
	}
	s.at++
	return token{mark, s.text[from:s.at]}, nil
}

// skip passes white space and comments.
func (s *scanner) skip() error {
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		switch {
		case rest[0] <= ' ':
			s.at++
		case strings.HasPrefix(rest, "//"):
			if n := strings.IndexAny(rest, "\r\n"); n >= 0 {
				s.at += n
			} else {
				s.at = len(s.text)
			}
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return jaasError("a comment does not end")
			}
			s.at += 2 + n + 2
		case rest[0] == '/':
			return jaasError("a slash must stand in quotes")
		default:
			return nil
		}
	}
	return nil
}

func beginsWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || c >= 0x80
}

func inWord(c byte) bool {
	return beginsWord(c) || c >= '0' && c <= '9' || c == '.' || c == '-'
}

var escapes = map[byte]byte{'a': 7, 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': 11}

func (s *scanner) quoted(quote byte) (token, error) {
	var b strings.Builder
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case quote:
			s.at++
			return token{word, b.String()}, nil
		case '\n', '\r':
			return token{}, jaasError("a string does not end on its line")
		case '\\':
			s.at++
			if s.at == len(s.text) {
				return token{}, jaasError("a string does not end")
			}
			s.escape(&b)
		default:
			b.WriteByte(c)
		}
	}
	return token{}, jaasError("a string does not end")
}

// escape reads what follows a backslash and stops at its last character.
func (s *scanner) escape(b *strings.Builder) {
	c := s.text[s.at]
	if c < '0' || c > '7' {
		if e, ok := escapes[c]; ok {
			c = e
		}
		b.WriteByte(c)
		return
	}
	most := 2 // digits; three when the first allows for a byte
	if c <= '3' {
		most = 3
	}
	value := rune(0)
	for n := 0; n < most && s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '7'; n++ {
		value = 8*value + rune(s.text[s.at]-'0')
		s.at++
	}
	s.at--
	b.WriteRune(value)
}
