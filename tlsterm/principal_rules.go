package tlsterm

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// ErrRules is wrapped by ParsePrincipalRules' errors.
var ErrRules = errors.New("tlsterm: principal mapping rules")

// ErrNoRule is wrapped by Apply's error for a name that no rule takes.
var ErrNoRule = errors.New("tlsterm: no principal mapping rule")

const (
	// maxRulesBytes bounds the rules: they come from one variable.
	maxRulesBytes = 64 << 10
	// maxNameBytes bounds the names they are applied to, which strangers choose.
	maxNameBytes = 16 << 10
)

// The grammar of Kafka's SslPrincipalMapper, whose blanks (\s) and dots are Java's.
const (
	javaBlank = `[ \t\n\x0B\f\r]`
	javaDot   = `[^\n\r\x{85}\x{2028}\x{2029}]`
	ruleText  = `(DEFAULT)|RULE:((?:\\` + javaDot + `|[^\\/])*)/((?:\\` + javaDot + `|[^\\/])*)/([LU]?)` + javaDot + `*?|(` + javaDot + `*?)`
)

var (
	ruleSplitter = regexp.MustCompile(javaBlank + `*(` + ruleText + `)` + javaBlank + `*(?:,` + javaBlank + `*|\z)`)
	ruleParser   = regexp.MustCompile(`\A(?:` + ruleText + `)`)
)

// PrincipalRules make a principal of a distinguished name, in the manner of
// Kafka's ssl.principal.mapping.rules. They are immutable.
type PrincipalRules struct{ rules []principalRule }

type principalRule struct {
	isDefault bool
	whole     *regexp.Regexp // the pattern, on the whole name
	search    javaSearch     // the pattern, anywhere
	replace   javaReplacement
	fold      func(string) string
}

// ParsePrincipalRules reads rules of the form
//
//	RULE:pattern/replacement/[L|U], ..., DEFAULT
//
// in Kafka's grammar: a slash is escaped by a backslash, DEFAULT is the name as
// it is, and nothing at all means DEFAULT. Patterns are Java's; those that
// regexp cannot run to the same effect (look-around, back-references,
// possessive quantifiers, arithmetic of character classes) are refused, as is
// a replacement that Java would stumble over with every name. The error wraps
// ErrRules.
func ParsePrincipalRules(s string) (*PrincipalRules, error) {
	if len(s) > maxRulesBytes {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrRules, maxRulesBytes)
	}
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrRules)
	}
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }) // Java's trim
	if s == "" {
		return &PrincipalRules{[]principalRule{{isDefault: true}}}, nil
	}
	p := new(PrincipalRules)
	for _, text := range splitRules(s) {
		rule, ok, err := parseRule(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %q: %w", ErrRules, text, err)
		}
		if ok {
			p.rules = append(p.rules, rule)
		}
	}
	if len(p.rules) == 0 {
		return nil, fmt.Errorf("%w: %q holds no rule", ErrRules, s)
	}
	return p, nil
}

// splitRules cuts at the commas between rules, as Java's Matcher.find does over
// and over; an empty text behind the last rule is part of that.
func splitRules(s string) []string {
	var texts []string
	for pos, last := 0, -1; pos <= len(s); {
		m := ruleSplitter.FindStringSubmatchIndex(s[pos:])
		if m == nil {
			break
		}
		texts = append(texts, s[pos+m[2]:pos+m[3]])
		end := pos + m[1]
		if m[0] == m[1] && end == last || end == len(s) && m[0] == m[1] {
			break
		}
		pos, last = end, end
	}
	return texts
}

// parseRule reads one rule; ok is false for the empty text.
func parseRule(text string) (rule principalRule, ok bool, err error) {
	m := ruleParser.FindStringSubmatchIndex(text)
	if len(m) == 0 || m[1] != len(text) {
		return rule, false, errors.New("neither DEFAULT nor RULE:pattern/replacement/ with an optional L or U")
	}
	if m[2] >= 0 {
		return principalRule{isDefault: true}, true, nil
	}
	if m[4] < 0 {
		return rule, false, nil
	}
	pattern, err := translatePattern(text[m[4]:m[5]])
	if err != nil {
		return rule, false, fmt.Errorf("pattern: %w", err)
	}
	if rule.whole, err = regexp.Compile(`\A(?:` + pattern + `)\z`); err != nil {
		return rule, false, fmt.Errorf("pattern: %w", err)
	}
	rule.search = newJavaSearch(pattern)
	if rule.replace, err = parseReplacement(text[m[6]:m[7]], rule.whole); err != nil {
		return rule, false, fmt.Errorf("replacement: %w", err)
	}
	switch text[m[8]:m[9]] {
	case "L":
		rule.fold = javaLower
	case "U":
		rule.fold = javaUpper
	}
	return rule, true, nil
}

// Apply returns the principal of a name: what the first rule makes of it whose
// pattern matches it as a whole. If none does, or the principal would be empty,
// or the name is longer than 16 KiB, the error wraps ErrNoRule: a failure to
// authenticate.
func (p *PrincipalRules) Apply(dn string) (string, error) {
	if len(dn) > maxNameBytes {
		return "", fmt.Errorf("%w for a name of %d bytes", ErrNoRule, len(dn))
	}
	for i := range p.rules {
		rule := &p.rules[i]
		principal := dn
		if !rule.isDefault {
			if !rule.whole.MatchString(dn) {
				continue
			}
			principal = rule.search.replaceAll(dn, rule.replace)
			if rule.fold != nil {
				principal = rule.fold(principal)
			}
		}
		if principal == "" {
			return "", fmt.Errorf("%w: rule %d makes an empty principal of %q", ErrNoRule, i+1, dn)
		}
		return principal, nil
	}
	return "", fmt.Errorf("%w matches %q", ErrNoRule, dn)
}
