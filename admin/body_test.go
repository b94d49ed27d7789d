package admin

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzDecodeMapping holds the decoder against encoding/json: what it accepts, encoding/json reads the same way, and
// what it gives out can be written and read again. What it refuses it refuses with a bounded sentence in UTF-8.
func FuzzDecodeMapping(f *testing.F) {
	for _, seed := range []string{
		`{"username":"CN=username"}`,
		"{\n  \"username\" : \"CN=username\"\n}\n",
		`{"username":"a","principal":"CN=a,O=\u00fc","groups":["g","h"]}`,
		`{"username":"a","principal":null,"groups":null}`,
		`{"username":"\ud83d\ude00\ufffd"}`,
		`{"username":"\ud800"}`,
		`{"username":"a"}{}`,
		`{"username":"a","username":"b"}`,
		`{"USERNAME":"a"}`,
		`[[[[`,
		``,
	} {
		f.Add([]byte(seed))
	}
	type form struct {
		Username  string   `json:"username"`
		Principal string   `json:"principal"`
		Groups    []string `json:"groups"`
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		kept := bytes.Clone(body)
		m, err := decodeMapping(body)
		if !bytes.Equal(kept, body) {
			t.Fatal("the body was written to")
		}
		if err != nil {
			if !utf8.ValidString(err.Error()) || len(err.Error()) > 500 || strings.HasPrefix(err.Error(), "json:") {
				t.Fatalf("a poor message: %q", err)
			}
			return
		}
		var want form
		strict := json.NewDecoder(bytes.NewReader(body))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&want); err != nil {
			t.Fatalf("accepted, but encoding/json says %v", err)
		}
		if m.Username == "" || m.Username != want.Username || m.Principal != want.Principal || !slices.Equal(m.Groups, want.Groups) {
			t.Fatalf("read as %+v, by encoding/json as %+v", m, want)
		}
		again, err := json.Marshal(form{m.Username, m.Principal, m.Groups})
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeMapping(again)
		if err != nil || back.Username != m.Username || back.Principal != m.Principal || !slices.Equal(back.Groups, m.Groups) {
			t.Fatalf("%+v came back as %+v, %v", m, back, err)
		}
	})
}

// Every proper prefix of a good body is refused.
func TestPrefixesOfABodyAreRefused(t *testing.T) {
	const body = `{"username":"CN=a","principal":"CN=\u00fc","groups":["g","h"]}`
	for i := range len(body) {
		if m, err := decodeMapping([]byte(body[:i])); err == nil {
			t.Errorf("%q was read as %+v", body[:i], m)
		}
	}
	if _, err := decodeMapping([]byte(body)); err != nil {
		t.Error(err)
	}
}

func TestShorten(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{strings.Repeat("x", 64), strings.Repeat("x", 64)},
		{strings.Repeat("x", 65), strings.Repeat("x", 64) + "…"},
		{strings.Repeat("x", 63) + "üü", strings.Repeat("x", 63) + "…"},
	} {
		if got := shorten(c.in); got != c.want {
			t.Errorf("shorten(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestHalvesOfSurrogatePairs(t *testing.T) {
	for _, c := range []struct {
		text string // between the quotes of a JSON string
		half bool
	}{
		{``, false},
		{`a\\ud800`, false},
		{`\ufffd`, false},
		{`\ud83d\ude00`, false},
		{`\uD83D\uDE00\n`, false},
		{`\\ufffd\ud800`, true},
		{`\ud800`, true},
		{`\ud800x`, true},
		{`\ud800\n`, true},
		{`\ud800\u0041`, true},
		{`\udc00\ud800`, true},
		{`\ud83d\ude00\ude00`, true},
	} {
		body := `{"username":"` + c.text + `x"}`
		_, err := decodeMapping([]byte(body))
		if (err != nil) != c.half {
			t.Errorf("%s: %v, want it refused: %t", body, err, c.half)
		}
	}
}
