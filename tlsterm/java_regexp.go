package tlsterm

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What Kafka's rules need of java.util.regex, on top of package regexp. Both
// prefer matches in the same order (leftmost, then as written), so patterns
// within RE2's reach need only a few constructs rewritten.

// javaSearch finds matches as Java's Matcher.find does one after another: an
// empty match may directly follow another, which regexp's own All functions
// leave out.
type javaSearch struct {
	first *regexp.Regexp // the pattern
	next  *regexp.Regexp // the pattern, behind one character and anything
}

// newJavaSearch takes a pattern that has been compiled before.
func newJavaSearch(pattern string) javaSearch {
	return javaSearch{
		first: regexp.MustCompile(pattern),
		next:  regexp.MustCompile(`\A(?s:.)(?s:.*?)(` + pattern + `)`),
	}
}

// find returns the first match in s at or behind pos, as indexes of groups.
func (j javaSearch) find(s string, pos int) []int {
	if pos == 0 {
		return j.first.FindStringSubmatchIndex(s)
	}
	// The character in front of pos is left in sight, for \b and its like, and
	// keeps ^ from matching.
	_, n := utf8.DecodeLastRuneInString(s[:pos])
	pos -= n
	m := j.next.FindStringSubmatchIndex(s[pos:])
	if m == nil {
		return nil
	}
	m = m[2:]
	for i := range m {
		if m[i] >= 0 {
			m[i] += pos
		}
	}
	return m
}

// replaceAll is Java's String.replaceAll.
func (j javaSearch) replaceAll(s string, r javaReplacement) string {
	var out strings.Builder
	copied := 0
	for pos := 0; pos <= len(s); {
		m := j.find(s, pos)
		if m == nil {
			break
		}
		out.WriteString(s[copied:m[0]])
		r.expand(&out, s, m)
		copied, pos = m[1], m[1]
		if m[0] == m[1] {
			_, n := utf8.DecodeRuneInString(s[pos:])
			pos += max(n, 1)
		}
	}
	out.WriteString(s[copied:])
	return out.String()
}

// javaReplacement is a replacement text: literals and groups in turn.
type javaReplacement []replacementPart

type replacementPart struct {
	literal string
	group   int // -1: literal
}

func (r javaReplacement) expand(out *strings.Builder, s string, m []int) {
	for _, part := range r {
		if part.group < 0 {
			out.WriteString(part.literal)
		} else if from := m[2*part.group]; from >= 0 {
			out.WriteString(s[from:m[2*part.group+1]])
		}
	}
}

var numberedReference = regexp.MustCompile(`\$([0-9]+)`)

// escapeMissingGroups puts a backslash before references to groups that the
// pattern does not have, where Kafka's mapper does, which is not everywhere: it
// looks for them in the text as it was and writes into the text as it became.
func escapeMissingGroups(text string, groups int) string {
	if groups == 0 {
		return text
	}
	value := text
	for _, m := range numberedReference.FindAllStringSubmatchIndex(text, -1) {
		digits := text[m[2]:m[3]]
		if digits[0] == '0' {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 32)
		if err != nil {
			continue // Java fails here; parseReplacement refuses what is left
		}
		for int(n) > groups && n >= 10 {
			n /= 10
		}
		if int(n) > groups {
			value = value[:m[2]-1] + `\` + value[m[2]-1:]
		}
	}
	return value
}

// parseReplacement reads Java's replacement syntax: $n, ${name}, backslash.
func parseReplacement(text string, pattern *regexp.Regexp) (javaReplacement, error) {
	text = escapeMissingGroups(text, pattern.NumSubexp())
	var r javaReplacement
	var literal strings.Builder
	for len(text) > 0 {
		switch text[0] {
		case '\\':
			if len(text) == 1 {
				return nil, errors.New("ends with a backslash")
			}
			_, n := utf8.DecodeRuneInString(text[1:])
			literal.WriteString(text[1 : 1+n])
			text = text[1+n:]
		case '$':
			group, n, err := parseReference(text, pattern)
			if err != nil {
				return nil, err
			}
			r = append(r, replacementPart{literal: literal.String(), group: -1}, replacementPart{group: group})
			literal.Reset()
			text = text[n:]
		default:
			literal.WriteByte(text[0])
			text = text[1:]
		}
	}
	return append(r, replacementPart{literal: literal.String(), group: -1}), nil
}

// parseReference reads the reference at the head of text and says how long it is.
func parseReference(text string, pattern *regexp.Regexp) (group, n int, err error) {
	if strings.HasPrefix(text, "${") {
		name, _, closed := strings.Cut(text[2:], "}")
		group = pattern.SubexpIndex(name)
		if !closed || group < 0 {
			return 0, 0, fmt.Errorf("%q names no group of the pattern", text)
		}
		return group, len(name) + 3, nil
	}
	isDigit := func(i int) bool { return i < len(text) && text[i] >= '0' && text[i] <= '9' }
	if !isDigit(1) {
		return 0, 0, fmt.Errorf("%q: a dollar sign must be followed by a group's number, or escaped", text)
	}
	group = int(text[1] - '0')
	if group > pattern.NumSubexp() {
		return 0, 0, fmt.Errorf("$%d: the pattern has %d groups", group, pattern.NumSubexp())
	}
	for n = 2; isDigit(n); n++ { // as many digits as still name a group
		longer := group*10 + int(text[n]-'0')
		if longer > pattern.NumSubexp() {
			break
		}
		group = longer
	}
	return group, n, nil
}

// javaLower is Java's toLowerCase in English.
func javaLower(s string) string {
	var out strings.Builder
	inWord := false
	for i, r := range s {
		switch {
		case r == 'İ':
			out.WriteString("i̇")
		case r == 'Σ' && inWord && !wordGoesOn(s[i+len("Σ"):]):
			out.WriteRune('ς')
		default:
			out.WriteRune(unicode.ToLower(r))
		}
		inWord = unicode.IsLetter(r) || inWord && isCaseIgnorable(r)
	}
	return out.String()
}

// wordGoesOn says whether a letter follows, for the sigma that ends a word.
func wordGoesOn(s string) bool {
	for _, r := range s {
		if !isCaseIgnorable(r) {
			return unicode.IsLetter(r)
		}
	}
	return false
}

// isCaseIgnorable is Unicode's Case_Ignorable, as far as names go.
func isCaseIgnorable(r rune) bool {
	return strings.ContainsRune(".:'’·", r) || unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk)
}

// javaUpper is Java's toUpperCase in English, for what one character becomes
// and for ß. (Java knows some hundred more that become several, ligatures and
// Greek mostly.)
func javaUpper(s string) string {
	return strings.ReplaceAll(strings.Map(unicode.ToUpper, s), "ß", "SS")
}
