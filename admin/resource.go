package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/postern-kafka/postern/mapping"
)

const apiVersion = "gateway/v2"

// resourceJSON is the envelope of every resource of the second generation. What is shown can be put back.
type resourceJSON struct {
	Kind       string       `json:"kind"`
	APIVersion string       `json:"apiVersion"`
	Metadata   metadataJSON `json:"metadata"`
	Spec       any          `json:"spec"`
}

type metadataJSON struct {
	Name     string `json:"name"`
	VCluster string `json:"vCluster,omitempty"`
}

type upsertJSON struct {
	Resource resourceJSON `json:"resource"`
	Result   string       `json:"upsertResult"`
}

// members says how the members of a JSON object are read: at is a member's place in the body, for errors.
type members map[string]func(at string, value json.RawMessage) error

// read reads one object, as strictly as everything here is read; null is not an object.
func (m members) read(at string, value json.RawMessage) error {
	if kind := kindOf(value); at != "" && kind != "an object" {
		return fmt.Errorf("field %q: must be an object, not %s", at, kind)
	}
	return eachField(json.NewDecoder(bytes.NewReader(value)), func(name string, value json.RawMessage) error {
		within := name
		if at != "" {
			within = at + "." + name
		}
		do, known := m[name]
		if !known {
			return fmt.Errorf("field %q: unknown", shorten(within))
		}
		return do(within, value)
	})
}

// readBody reads the whole body of a request; refused is nil when that went well.
func (m members) readBody(body []byte) (refused *answer) {
	var err error
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		err = errors.New("it is empty: a JSON object is expected")
	case !utf8.Valid(body):
		err = errors.New("not valid UTF-8")
	default:
		err = m.read("", body)
	}
	if err == nil {
		return nil
	}
	a := undecoded("body (" + strings.TrimPrefix(err.Error(), "the body ") + ")")
	return &a
}

// readResource reads a resource of a kind. The metadata and the spec must be there, even if empty.
func readResource(body []byte, kind string, metadata, spec members) (refused *answer) {
	there := make(map[string]bool, 4)
	within := func(m members) func(string, json.RawMessage) error {
		return func(at string, value json.RawMessage) error {
			there[at] = true
			return m.read(at, value)
		}
	}
	exactly := func(want string) func(string, json.RawMessage) error {
		return func(at string, value json.RawMessage) error {
			there[at] = true
			got, err := textOf(at, value)
			if err == nil && got != want {
				err = fmt.Errorf("field %q: must be %q", at, want)
			}
			return err
		}
	}
	refused = members{
		"kind": exactly(kind), "apiVersion": exactly(apiVersion), "metadata": within(metadata), "spec": within(spec),
	}.readBody(body)
	if refused != nil {
		return refused
	}
	for _, name := range []string{"kind", "apiVersion", "metadata", "spec"} {
		if !there[name] {
			return missing(name)
		}
	}
	return nil
}

// readFirst reads the whole body of a request of the first generation.
func (m members) readFirst(body []byte, required string) error {
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return fmt.Errorf("the body is empty: a JSON object with the field %q is expected", required)
	case !utf8.Valid(body):
		return errors.New("the body is not valid UTF-8")
	}
	return m.read("", body)
}

// missing answers a body that lacks a field.
func missing(field string) *answer {
	a := undecoded(fmt.Sprintf("body (field %q: required)", field))
	return &a
}

// into reads a string that is not empty into a variable; null leaves it as it is.
func into(to *string) func(string, json.RawMessage) error {
	return func(at string, value json.RawMessage) error {
		s, err := textOf(at, value)
		if err != nil || kindOf(value) == "null" {
			return err
		}
		if s == "" {
			return fmt.Errorf("field %q: must not be empty", at)
		}
		*to = s
		return nil
	}
}

func intoTexts(to *[]string) func(string, json.RawMessage) (err error) {
	return func(at string, value json.RawMessage) (err error) {
		*to, err = textsOf(at, value)
		return err
	}
}

func intoBool(to *bool) func(string, json.RawMessage) error {
	return func(at string, value json.RawMessage) error {
		switch kind := kindOf(value); kind {
		case "a boolean":
			*to = bytes.TrimSpace(value)[0] == 't'
			return nil
		case "null":
			return nil
		default:
			return fmt.Errorf("field %q: must be a boolean, not %s", at, kind)
		}
	}
}

// intoInt reads a whole number; there becomes true. 2.0 and 2e3 are whole, as JSON Schema has it.
func intoInt(to *int64, there *bool) func(string, json.RawMessage) error {
	return func(at string, value json.RawMessage) error {
		kind := kindOf(value)
		if kind == "null" {
			return nil
		}
		text := string(bytes.TrimSpace(value))
		n, err := strconv.ParseInt(text, 10, 64)
		if f, ferr := strconv.ParseFloat(text, 64); err != nil && ferr == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			n, err = int64(f), nil
		}
		if err != nil {
			if kind == "a number" {
				kind = shorten(text)
			}
			return fmt.Errorf("field %q: must be a whole number, not %s", at, kind)
		}
		*to, *there = n, true
		return nil
	}
}

// eachItem reads an array; null is none.
func eachItem(do func(at string, value json.RawMessage) error) func(string, json.RawMessage) error {
	return func(at string, value json.RawMessage) error {
		if kind := kindOf(value); kind == "null" {
			return nil
		} else if kind != "an array" {
			return fmt.Errorf("field %q: must be an array, not %s", at, kind)
		}
		var items []json.RawMessage
		if err := json.Unmarshal(value, &items); err != nil {
			return fmt.Errorf("field %q: %w", at, err)
		}
		for i, item := range items {
			if err := do(fmt.Sprintf("%s[%d]", at, i), item); err != nil {
				return err
			}
		}
		return nil
	}
}

// intoWord reads one of a few words, exactly as they are.
func intoWord(to *string, words ...string) func(string, json.RawMessage) error {
	return intoOneOf(to, func(text string) string {
		if slices.Contains(words, text) {
			return text
		}
		return ""
	}, words)
}

// intoKind reads one of a few words in any case, and makes it the word.
func intoKind(to *string, words ...string) func(string, json.RawMessage) error {
	return intoOneOf(to, func(text string) string { return wordOf(text, words...) }, words)
}

func intoOneOf(to *string, find func(string) string, words []string) func(string, json.RawMessage) error {
	return func(at string, value json.RawMessage) error {
		text, err := textOf(at, value)
		if err != nil || kindOf(value) == "null" {
			return err
		}
		if *to = find(text); *to == "" {
			return fmt.Errorf("field %q: must be one of %s", at, strings.Join(words, ", "))
		}
		return nil
	}
}

// ignored accepts an object that only answers have a meaning for, so that what is shown can be put back.
func ignored(at string, value json.RawMessage) error {
	if kind := kindOf(value); kind != "an object" && kind != "null" {
		return fmt.Errorf("field %q: must be an object, not %s", at, kind)
	}
	return nil
}

// wordOf finds the one of words that a text is, in any case; "" when it is none of them.
func wordOf(text string, words ...string) string {
	for _, w := range words {
		if strings.EqualFold(w, text) {
			return w
		}
	}
	return ""
}

// nameAndVCluster is the metadata of a resource that belongs to a virtual cluster, and the body by which one is
// deleted.
func nameAndVCluster(name, vcluster *string) members {
	return members{"name": into(name), "vCluster": into(vcluster)}
}

// defaults reports whether fields that equal their default are shown.
func (r request) defaults() bool { return r.query["showDefaults"] == "true" }

// listed is the answer with all resources of a kind, each as show shows it.
func listed[T any](r request, all []T, show func(one T, defaults bool) resourceJSON) answer {
	shown := make([]resourceJSON, len(all))
	for i, one := range all {
		shown[i] = show(one, r.defaults())
	}
	return inJSON(http.StatusOK, shown)
}

// write is how the store is asked for a change.
func (r request) write() mapping.Write { return mapping.Write{Dry: r.query["dryMode"] == "true"} }

// upserted answers a PUT, and leaves a trace of it.
func (s *Server) upserted(r request, res resourceJSON, o mapping.Outcome) answer {
	a := inJSON(http.StatusOK, upsertJSON{res, o.String()})
	if o == mapping.NotChanged || r.write().Dry {
		return a
	}
	s.logResource(r, o.String(), res.Kind, res.Metadata)
	return a.with("X-Postern-Notice", notice)
}

// removed answers a DELETE, and leaves a trace of it.
func (s *Server) removed(r request, kind string, m metadataJSON) answer {
	s.logResource(r, "Deleted", kind, m)
	return noContent().with("X-Postern-Notice", notice)
}

func (s *Server) logResource(r request, what, kind string, m metadataJSON) {
	s.o.Log.Info("admin: resource changed", "what", what, "kind", kind, "by", r.by.name, "vcluster", m.VCluster, "name", m.Name)
}

// caused is a problem with the store's own words as its cause.
func caused(status int, msg string, err error) answer {
	p := problemJSON{Title: titles[status], Msg: msg}
	if err != nil {
		p.Cause = strings.ReplaceAll(strings.TrimPrefix(err.Error(), "mapping: "), ": mapping: ", ": ")
	}
	return inJSON(status, p)
}

// refusals are the answers to a store's refusals, in the words that tools for this API know.
var refusals = []struct {
	err    error
	status int
	msg    string
}{
	{mapping.ErrNoVClusterResource, http.StatusNotFound, "The given service account references a non-existing virtual cluster"},
	{mapping.ErrNoMember, http.StatusNotFound, "The group contains a service account that does not exist"},
	{mapping.ErrAccountInUse, http.StatusConflict, "The service account is still used by groups"},
	{mapping.ErrVClusterInUse, http.StatusConflict, "The given virtual cluster has references (logical topics, interceptors, concentration rules, service accounts) and cannot be deleted"},
	{mapping.ErrPrefix, http.StatusConflict, "The given prefix is already used by another virtual cluster"},
	{mapping.ErrACLMode, http.StatusConflict, "The aclMode cannot be changed once it is set"},
	{mapping.ErrReserved, http.StatusBadRequest, "Wrong format or usage of reserved keywords (e.g. passthrough)"},
	{mapping.ErrConflict, http.StatusConflict, "The service account already exist"},
	{mapping.ErrExists, http.StatusConflict, "It already exists"},
	{mapping.ErrChanged, http.StatusConflict, "It was changed by others all the time: try again"},
	{mapping.ErrBusy, http.StatusConflict, "Other gateways write all the time: try again"},
	{mapping.ErrFull, http.StatusInsufficientStorage, "There is no room for another"},
}

// unmade turns a store's refusal to change something of a kind into an answer.
func (s *Server) unmade(kind string, err error) answer {
	var field *mapping.FieldError
	if errors.As(err, &field) {
		return problem(http.StatusBadRequest, "%s: %s", field.Field, field.Problem)
	}
	if errors.Is(err, mapping.ErrNotFound) {
		return problem(http.StatusNotFound, "The given %s does not exist", kind)
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return caused(r.status, r.msg, err)
		}
	}
	return s.unwritten(true, err)
}
