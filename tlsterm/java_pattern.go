package tlsterm

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// patternReader rewrites a pattern of Java's into one of regexp's that means
// the same, or says which construct has no such meaning.
type patternReader struct {
	in  string
	pos int
	out strings.Builder
}

// translatePattern returns pattern in the syntax of package regexp. What it
// returns compiles.
func translatePattern(pattern string) (string, error) {
	r := &patternReader{in: pattern}
	for r.pos < len(r.in) {
		if err := r.step(); err != nil {
			return "", err
		}
	}
	out := r.out.String()
	if _, err := regexp.Compile(out); err != nil {
		return "", err
	}
	return out, nil
}

// take consumes n bytes and writes them as they are.
func (r *patternReader) take(n int) {
	r.out.WriteString(r.in[r.pos : r.pos+n])
	r.pos += n
}

// put consumes n bytes and writes s instead.
func (r *patternReader) put(n int, s string) {
	r.out.WriteString(s)
	r.pos += n
}

func (r *patternReader) rest() string { return r.in[r.pos:] }

func (r *patternReader) step() error {
	switch c := r.in[r.pos]; c {
	case '\\':
		return r.escape(false)
	case '[':
		return r.class()
	case '(':
		return r.group()
	case '.':
		r.put(1, javaDot)
	case '$':
		r.put(1, `\z`)
	case '*', '+', '?':
		r.take(1)
		return r.lazy()
	case '{':
		return r.repeat()
	default:
		r.take(1)
	}
	return nil
}

// lazy follows a quantifier: ? makes it lazy, + possessive.
func (r *patternReader) lazy() error {
	switch {
	case strings.HasPrefix(r.rest(), "+"):
		return errors.New("possessive quantifiers (*+ ++ ?+) are not supported")
	case strings.HasPrefix(r.rest(), "?"):
		r.take(1)
	}
	return nil
}

var repeatText = regexp.MustCompile(`\A\{[0-9]+(?:,[0-9]*)?\}`)

func (r *patternReader) repeat() error {
	m := repeatText.FindString(r.rest())
	if m == "" {
		return errors.New("a brace must begin a repetition such as {2,3}, or be escaped")
	}
	r.take(len(m))
	return r.lazy()
}

// group takes an opening parenthesis with what may follow it.
func (r *patternReader) group() error {
	rest := r.rest()
	switch {
	case !strings.HasPrefix(rest, "(?"):
		r.take(1)
		return nil
	case strings.HasPrefix(rest, "(?:"):
		r.take(3)
		return nil
	case strings.HasPrefix(rest, "(?="), strings.HasPrefix(rest, "(?!"),
		strings.HasPrefix(rest, "(?<="), strings.HasPrefix(rest, "(?<!"):
		return errors.New("look-around, (?= (?! (?<= (?<!, is not supported")
	case strings.HasPrefix(rest, "(?>"):
		return errors.New("atomic groups, (?>, are not supported")
	case strings.HasPrefix(rest, "(?<"):
		r.take(3)
		return nil
	}
	// With i Java folds ASCII alone, with m, s and x lines and comments are its
	// own, and U is something else altogether.
	return errors.New("of the groups that begin with (? only (?: and (?<name> are supported, no flags")
}

// class takes a character class, without Java's unions and intersections.
func (r *patternReader) class() error {
	r.take(1)
	if strings.HasPrefix(r.rest(), "^") {
		r.take(1)
	}
	if strings.HasPrefix(r.rest(), "]") {
		return errors.New("a ] that begins a character class must be escaped")
	}
	for r.pos < len(r.in) {
		switch c := r.in[r.pos]; {
		case c == ']':
			r.take(1)
			return nil
		case c == '[':
			return errors.New("a character class within another is not supported; escape the bracket")
		case strings.HasPrefix(r.rest(), "&&"):
			return errors.New("the intersection of character classes, &&, is not supported")
		case c == '\\':
			if err := r.escape(true); err != nil {
				return err
			}
		default:
			r.take(1)
		}
	}
	return errors.New("a character class is not closed")
}

// escape takes a backslash with what belongs to it.
func (r *patternReader) escape(inClass bool) error {
	if r.pos+1 == len(r.in) {
		return errors.New("ends with a backslash")
	}
	c := r.in[r.pos+1]
	switch {
	case c >= '1' && c <= '9', c == 'k':
		return fmt.Errorf(`back-references, \%c, are not supported`, c)
	case c == 'Q':
		return r.quotation(inClass)
	case c == 's' && inClass:
		r.put(2, ` \t\n\x0B\f\r`)
	case c == 's':
		r.put(2, javaBlank)
	case c == 'S' && !inClass:
		r.put(2, `[^ \t\n\x0B\f\r]`)
	case c == 'p', c == 'P', c == 'x':
		return r.longEscape()
	case strings.IndexByte("dDwWtnrfa", c) >= 0, !inClass && strings.IndexByte("bBAz", c) >= 0:
		r.take(2)
	case c < 0x80 && !isAlphanumeric(c):
		r.take(2)
	default:
		return fmt.Errorf(`\%s is not supported`, firstRune(r.in[r.pos+1:]))
	}
	return nil
}

var longEscapeText = regexp.MustCompile(`\A\\(?:[pP](?:[LMNPSZC]|\{[LMNPSZC][a-z]?\})|x(?:[0-9A-Fa-f]{2}|\{[0-9A-Fa-f]+\}))`)

func (r *patternReader) longEscape() error {
	m := longEscapeText.FindString(r.rest())
	if m == "" {
		return fmt.Errorf(`%s: of \p only the general categories, such as \p{Lu}, and of \x only two digits or braces are supported`, r.rest()[:2])
	}
	r.take(len(m))
	return nil
}

// quotation takes \Q...\E, whose end may be missing.
func (r *patternReader) quotation(inClass bool) error {
	if inClass {
		return errors.New(`\Q in a character class is not supported`)
	}
	text, _, closed := strings.Cut(r.rest()[2:], `\E`)
	n := 2 + len(text)
	if closed {
		n += 2
	}
	r.put(n, regexp.QuoteMeta(text))
	return nil
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func firstRune(s string) string {
	for _, c := range s {
		return string(c)
	}
	return ""
}
