package tlsterm

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

type ruleVector struct{ rules, name, outcome, want string }

func ruleVectors(tb testing.TB) []ruleVector {
	tb.Helper()
	golden, err := os.ReadFile(filepath.Join("testdata", "rules", "vectors.tsv"))
	if err != nil {
		tb.Fatal(err)
	}
	var all []ruleVector
	for line := range strings.Lines(string(golden)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		v := ruleVector{outcome: f[2]}
		for i, to := range []*string{&v.rules, &v.name, &v.want} {
			if i == 2 && f[2][0] != '"' {
				break
			}
			if *to, err = strconv.Unquote(f[i]); err != nil {
				tb.Fatalf("%s: %v", f[i], err)
			}
		}
		all = append(all, v)
	}
	return all
}

// The rules do what Kafka 4.3's own mapper does (testdata/rules/RuleVectors.java),
// but for what is stated here: rules that hold no rule, or under which names
// fail, are refused, and an empty principal is none.
func TestPrincipalRules(t *testing.T) {
	if jar := os.Getenv("KAFKA_CLIENTS_JAR"); *update && jar != "" {
		dir := filepath.Join("testdata", "rules")
		if err := os.WriteFile(filepath.Join(dir, "vectors.tsv"), regenerate(t, dir, "-cp", jar, "RuleVectors.java"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	vectors := ruleVectors(t)
	failsUnder := make(map[string]bool)
	rulesFound := make(map[string]bool) // some name was not left without a rule
	for _, v := range vectors {
		failsUnder[v.rules] = failsUnder[v.rules] || v.outcome == "fails"
		rulesFound[v.rules] = rulesFound[v.rules] || v.outcome != "none"
	}
	for _, v := range vectors {
		rules, err := ParsePrincipalRules(v.rules)
		switch {
		case strings.TrimSpace(v.rules) == "":
			if got, err := rules.Apply(v.name); got != v.name || (err != nil) != (v.name == "") {
				t.Errorf("no rules: %q becomes %q, %v", v.name, got, err)
			}
			continue
		case v.outcome == "refused" || failsUnder[v.rules]:
			if !errors.Is(err, ErrRules) {
				t.Errorf("%q is accepted (%v), Kafka: %s", v.rules, err, v.outcome)
			}
			continue
		case strings.Contains(v.want, "?"):
			continue // Java has put something between the halves of a surrogate pair
		case err != nil:
			if rulesFound[v.rules] {
				t.Errorf("%q: %v", v.rules, err)
			}
			continue
		}
		got, err := rules.Apply(v.name)
		if v.outcome == "none" || v.want == "" {
			if !errors.Is(err, ErrNoRule) {
				t.Errorf("%q on %q: %q, %v; want no rule", v.rules, v.name, got, err)
			}
		} else if got != v.want || err != nil {
			t.Errorf("%q on %q: %q, %v; want %q", v.rules, v.name, got, err, v.want)
		}
	}
}

// What Java can do and we cannot is refused, in words.
func TestPrincipalRulesRefused(t *testing.T) {
	for pattern, words := range map[string]string{
		`CN=(?=a).*`: "look-around", `CN=(?!a).*`: "look-around", `(?<=x)CN`: "look-around", `(?<!x)CN`: "look-around",
		`(?>CN).*`: "atomic", `(C)\1`: "back-references", `(?<n>C)\k<n>`: "back-references",
		`CN=a*+`: "possessive", `CN=a++`: "possessive", `CN=a?+`: "possessive", `CN=a{2}+`: "possessive",
		`[a-z&&[^x]]`: "intersection", `[a[b]]`: "within another", `[]a]`: "must be escaped", `[a`: "not closed",
		`(?i)cn=.*`: "no flags", `(?x)a`: "no flags", `(?U)a`: "no flags", `(?s).`: "no flags", `(?s:.)`: "no flags", `(?P<n>a)`: "no flags",
		`a\Z`: `\Z`, `\G`: `\G`, `\R`: `\R`, `\h`: `\h`, `\v`: `\v`, `\u0041`: `\u`, `\cA`: `\c`, `\07`: `\0`, `\e`: `\e`,
		`\p{Alpha}`: `\p`, `\p{IsLatin}`: `\p`, `[\S]`: `\S`, `[\Qa\E]`: `\Q`, `\ä`: `\ä`, `a{,2}`: "brace", `a{x}`: "brace",
	} {
		_, err := ParsePrincipalRules("RULE:" + pattern + "/x/")
		if !errors.Is(err, ErrRules) || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: error %v does not say %q", pattern, err, words)
		}
	}
	if got, err := new(PrincipalRules).Apply(strings.Repeat("x", maxNameBytes+1)); !errors.Is(err, ErrNoRule) {
		t.Errorf("a name of 16 KiB: %q, %v", got, err)
	}
	if _, err := ParsePrincipalRules(strings.Repeat("DEFAULT,", 10_000)); !errors.Is(err, ErrRules) {
		t.Errorf("80 kB of rules: %v", err)
	}
}

// FuzzPrincipalRules: no panic; a result is UTF-8 and not empty, a DEFAULT alone
// changes nothing.
func FuzzPrincipalRules(f *testing.F) {
	for i, v := range ruleVectors(f) {
		if i%7 == 0 {
			f.Add(v.rules, v.name)
		}
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		rules, err := ParsePrincipalRules(text)
		if err != nil {
			if !errors.Is(err, ErrRules) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if !utf8.ValidString(name) || len(name) > 1000 {
			return
		}
		got, err := rules.Apply(name)
		if err != nil && !errors.Is(err, ErrNoRule) {
			t.Fatalf("error %v", err)
		}
		if err == nil && (got == "" || !utf8.ValidString(got)) {
			t.Fatalf("%q makes %q of %q", text, got, name)
		}
	})
}

func BenchmarkPrincipalRules(b *testing.B) {
	rules, err := ParsePrincipalRules("RULE:^CN=([a-zA-Z0-9.-]*).*$/$1/, DEFAULT")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rules.Apply("CN=demo-admin,OU=TEST,O=CONDUKTOR,L=LONDON,C=UK"); err != nil {
			b.Fatal(err)
		}
	}
}
