package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

const extraKeyStoresVar = "GATEWAY_SSL_EXTRA_KEY_STORES"

const (
	maxExtraKeyStores     = 100
	maxExtraKeyStoresText = 256 << 10
	maxPaths              = 1000
)

// extraKeyStores reads the further key stores. As with the accounts, nothing of the text is repeated in an error.
func (r *reader) extraKeyStores() []KeyStore {
	text, given := r.given(extraKeyStoresVar)
	if !given {
		return nil
	}
	stores, err := parseKeyStores(text)
	if err != nil {
		r.report.fail(extraKeyStoresVar, err.Error()+`; expected a list like [{path: /certs/ecdsa.p12, password: "…"}], as YAML or JSON`)
		return nil
	}
	return stores
}

func parseKeyStores(text string) ([]KeyStore, error) {
	list, err := listOf(text, maxExtraKeyStoresText)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || len(list) > maxExtraKeyStores {
		return nil, fmt.Errorf("%d key stores; allowed: 1 to %d", len(list), maxExtraKeyStores)
	}
	stores := make([]KeyStore, 0, len(list))
	for i, node := range list {
		store, err := parseKeyStore(i, node)
		if err != nil {
			return nil, fmt.Errorf("key store %d: %w", i+1, err)
		}
		if slices.ContainsFunc(stores, func(s KeyStore) bool { return s.Path == store.Path }) {
			return nil, fmt.Errorf("key store %d: the path of an earlier one", i+1)
		}
		stores = append(stores, store)
	}
	return stores, nil
}

// parseKeyStore reads one entry. Without a password of its own the key has the store's: this variable is no original's,
// and the files of nearly all tools are so.
func parseKeyStore(i int, node ast.Node) (KeyStore, error) {
	fields, err := fieldsOf(node, "path", "password", "keyPassword", "type")
	if err != nil {
		return KeyStore{}, err
	}
	name := func(field string) string { return fmt.Sprintf("%s[%d].%s", extraKeyStoresVar, i, field) }
	s := KeyStore{
		Store: Store{
			Path: strings.TrimSpace(fields["path"]), Type: strings.ToLower(fields["type"]),
			PathVar: name("path"), PasswordVar: name("password"), TypeVar: name("type"),
		},
		KeyPasswordVar: name("keyPassword"),
	}
	if s.Path == "" {
		return KeyStore{}, fmt.Errorf("field path: missing or empty")
	}
	if s.Type == "" {
		s.Type = "jks"
	}
	if !slices.Contains(storeTypes, s.Type) {
		return KeyStore{}, fmt.Errorf("field type: allowed: %s", strings.Join(storeTypes, ", "))
	}
	if fields["password"] != "" {
		s.Password = NewSecret(fields["password"])
	}
	s.KeyPassword = NewSecret(fields["keyPassword"])
	if fields["keyPassword"] == "" {
		s.KeyPassword, s.KeyPasswordVar = s.Password, s.PasswordVar
	}
	return s, nil
}

// paths reads a comma list of files, each once.
func (r *reader) paths(name string) []string {
	text, _ := r.given(name)
	var paths []string
	for path := range strings.SplitSeq(text, ",") {
		path = strings.TrimSpace(path)
		if path == "" || slices.Contains(paths, path) {
			continue
		}
		if len(paths) == maxPaths {
			r.report.fail(name, fmt.Sprintf("more than %d files", maxPaths))
			return nil
		}
		paths = append(paths, path)
	}
	return paths
}
