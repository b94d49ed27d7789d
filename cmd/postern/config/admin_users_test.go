package config

import (
	"slices"
	"strings"
	"testing"
)

func TestAdminUsers(t *testing.T) {
	t.Parallel()
	type account struct {
		name, password string
		admin          bool
	}
	for text, want := range map[string][]account{
		`[{username: admin, password: conduktor, admin: true}]`: {{"admin", "conduktor", true}},
		`[{"username":"a","password":"1","admin":true},{"username":"b","password":"2","admin":false},{"username":"c","password":"3"}]`: {
			{"a", "1", true}, {"b", "2", false}, {"c", "3", false},
		},
		"- username: a\n  password: 0123\n  admin: \"true\"\n- {username: b, password: 1e5}\n": {{"a", "0123", true}, {"b", "1e5", false}},
		"- username: a\n  password: 'it''s: #1'\n":                                             {{"a", "it's: #1", false}},
		"- username: a\n  password: \"a\\\"b\\u00e9\"\n":                                       {{"a", "a\"bé", false}},
		"- username: a\n  password: |-\n    two\n    lines\n":                                  {{"a", "two\nlines", false}},
		"# accounts\n- username: true\n  password: .inf\n":                                     {{"true", ".inf", false}},
		"- username: é\n  password: 0x10\n  admin: TRUE # yes\n":                               {{"é", "0x10", true}},
		"---\n- username: 2026-01-01\n  password: 1_000\n":                                     {{"2026-01-01", "1_000", false}},
	} {
		users, err := parseAdminUsers(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []account
		for _, u := range users {
			got = append(got, account{u.Username, u.Password.Reveal(), u.Admin})
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s gives %v, want %v", text, got, want)
		}
	}
}

func TestAdminUsersRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                              "not a list",
		"[":                             "not one YAML or JSON document",
		"- a\n---\n- b\n":               "not one YAML or JSON document",
		"admin":                         "not a list",
		"username: a":                   "not a list",
		"null":                          "not a list",
		"[]":                            "0 accounts",
		"[a]":                           "account 1: not a set of fields",
		"[[a]]":                         "account 1: not a set of fields",
		"[{}]":                          "account 1: field username: missing",
		"[{username: a}]":               "account 1: field password: missing",
		"[{password: a}]":               "account 1: field username: missing",
		"[{username: a, password: }]":   "account 1: field password: missing",
		"[{username: '', password: a}]": "account 1: field username: missing",
		"[{username: a, password: b, admin: yes}]":                       "account 1: field admin: allowed: true, false",
		"[{username: a, password: b, admin: 1}]":                         "account 1: field admin: allowed: true, false",
		"[{username: a, password: [b]}]":                                 "account 1: field password: not a plain text",
		"[{username: a, password: {b: c}}]":                              "account 1: field password: not a plain text",
		"[{username: a, password: b, passwort: c}]":                      "account 1: field 3: not known; did you mean password?",
		"[{username: a, password: b, role: c}]":                          "account 1: field 3: not known; known: username, password, admin",
		"[{username: 'a:b', password: c}]":                               "account 1: field username: a colon",
		"[{username: a, password: b}, {username: a, password: c}]":       "account 2: the username of an earlier account",
		"[{username: a, username: b, password: c}]":                      "",
		"[{username: &x a, password: *x}]":                               "",
		"[{<<: {username: a}, password: b}]":                             "",
		"[" + strings.Repeat("{username: a, password: b},", 1001) + "]":  "1001 accounts; allowed: 1 to 1000",
		"[" + strings.Repeat("{username: a, password: b},", 20000) + "]": "more than 262144 bytes",
	} {
		users, err := parseAdminUsers(text)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.80s: %v %v, want %s", text, users, err, want)
		}
	}
}

// FuzzAdminUsers: no text panics, and what is accepted can be used.
func FuzzAdminUsers(f *testing.F) {
	f.Add(`[{username: admin, password: conduktor, admin: true}]`)
	f.Add("- username: a\n  password: |-\n    two\n    lines\n")
	f.Add(`[{"username":"a","password":"1","admin":true},{"username":"b","password":"2"}]`)
	f.Add("[{username: &x a, password: *x}]")
	f.Add("- ? a\n  : b\n- !!str c\n")
	f.Fuzz(func(t *testing.T, text string) {
		users, err := parseAdminUsers(text)
		if (err == nil) == (len(users) == 0) {
			t.Fatalf("%d accounts, %v", len(users), err)
		}
		for _, u := range users {
			if u.Username == "" || u.Password.Reveal() == "" || strings.Contains(u.Username, ":") {
				t.Fatalf("an account nobody could use: %q", u.Username)
			}
		}
	})
}
