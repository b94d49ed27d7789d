package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/postern-kafka/postern/mapping"
)

// decodeMapping reads the body of a POST or PUT:
//
//	{"username": "…" (required), "principal": "…", "groups": ["…"]}
//
// It is stricter than encoding/json: names count in their exact case and once, a name it does not know is an error,
// bytes and escapes that are no UTF-8 are errors instead of replacement characters, and nothing may follow the
// object. null is the same as absent. Errors name the field. The result has not been validated.
func decodeMapping(body []byte) (mapping.Mapping, error) {
	var m mapping.Mapping
	if len(bytes.TrimSpace(body)) == 0 {
		return m, errors.New("the body is empty: a JSON object with the field \"username\" is expected")
	}
	if !utf8.Valid(body) {
		return m, errors.New("the body is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := eachField(d, func(name string, value json.RawMessage) (err error) {
		switch name {
		case "username":
			m.Username, err = textOf(name, value)
		case "principal":
			m.Principal, err = textOf(name, value)
		case "groups":
			m.Groups, err = textsOf(name, value)
		case "vcluster", "vCluster":
			err = fmt.Errorf("field %q: unknown here: the virtual cluster is named in the path (/vcluster/{vcluster})", name)
		default:
			err = fmt.Errorf("field %q: unknown", shorten(name))
		}
		return err
	}); err != nil {
		return mapping.Mapping{}, err
	}
	if m.Username == "" {
		return mapping.Mapping{}, errors.New("field \"username\": required")
	}
	return m, nil
}

// eachField calls do for every member of the one object d must hold.
func eachField(d *json.Decoder, do func(name string, value json.RawMessage) error) error {
	d.UseNumber() // or a number beyond float64 is no number, and told of digit by digit
	first, err := d.Token()
	if err != nil {
		return syntax(d, err)
	}
	if first != json.Delim('{') {
		return errors.New("the body is not a JSON object")
	}
	seen := make(map[string]bool, 3)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return syntax(d, err)
		}
		name, ok := token.(string)
		if !ok { // encoding/json lets no other name through; belt and braces
			return errors.New("the body is not a JSON object")
		}
		if seen[name] {
			return fmt.Errorf("field %q: given twice", shorten(name))
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return syntax(d, err)
		}
		if err := do(name, value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return syntax(d, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the body goes on after the JSON object, at byte %d", d.InputOffset())
	}
	return nil
}

// syntax words an error of the JSON decoder.
func syntax(d *json.Decoder, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the body is not JSON: it ends too early")
	}
	return fmt.Errorf("the body is not JSON: %s, after byte %d", strings.TrimPrefix(err.Error(), "json: "), d.InputOffset())
}

// textOf reads a string; null is "".
func textOf(field string, value json.RawMessage) (string, error) {
	if kind := kindOf(value); kind == "null" {
		return "", nil
	} else if kind != "a string" {
		return "", fmt.Errorf("field %q: must be a string, not %s", field, kind)
	}
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		return "", fmt.Errorf("field %q: %w", field, err)
	}
	if halfPair(value) {
		return "", fmt.Errorf("field %q: an escape is half of a surrogate pair", field)
	}
	return s, nil
}

// halfPair finds a \u escape of a surrogate without its other half in a well-formed JSON string. encoding/json reads
// it as U+FFFD, which would make a mapping of a name that nobody wrote.
func halfPair(value json.RawMessage) bool {
	for i := 0; i < len(value); i++ {
		if value[i] != '\\' {
			continue
		}
		i++ // at what is escaped
		if value[i] != 'u' {
			continue
		}
		first := escaped(value[i+1:])
		i += 4
		if !utf16.IsSurrogate(first) {
			continue
		}
		rest := value[i+1:]
		if !bytes.HasPrefix(rest, []byte(`\u`)) || utf16.DecodeRune(first, escaped(rest[2:])) == utf8.RuneError {
			return true
		}
		i += 6
	}
	return false
}

// escaped reads the four hexadecimal digits of a \u escape.
func escaped(digits []byte) rune {
	n, err := strconv.ParseUint(string(digits[:4]), 16, 16)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}

// textsOf reads an array of strings; null is none.
func textsOf(field string, value json.RawMessage) ([]string, error) {
	if kind := kindOf(value); kind == "null" {
		return nil, nil
	} else if kind != "an array" {
		return nil, fmt.Errorf("field %q: must be an array of strings, not %s", field, kind)
	}
	var items []json.RawMessage
	if err := json.Unmarshal(value, &items); err != nil {
		return nil, fmt.Errorf("field %q: %w", field, err)
	}
	texts := make([]string, 0, len(items))
	for i, item := range items {
		at := fmt.Sprintf("%s[%d]", field, i)
		if kindOf(item) == "null" {
			return nil, fmt.Errorf("field %q: must be a string, not null", at)
		}
		s, err := textOf(at, item)
		if err != nil {
			return nil, err
		}
		texts = append(texts, s)
	}
	return texts, nil
}

// kindOf names the JSON type of a well-formed value, by its first byte.
func kindOf(value json.RawMessage) string {
	switch value = bytes.TrimSpace(value); {
	case len(value) == 0:
		return "nothing"
	case value[0] == '"':
		return "a string"
	case value[0] == '[':
		return "an array"
	case value[0] == '{':
		return "an object"
	case value[0] == 't', value[0] == 'f':
		return "a boolean"
	case value[0] == 'n':
		return "null"
	default:
		return "a number"
	}
}

// shorten keeps a caller's own text in an error at a bearable length.
func shorten(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
