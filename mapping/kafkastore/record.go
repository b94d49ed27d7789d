package kafkastore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/postern-kafka/postern/mapping"
)

// version is what this package writes and the highest that it reads.
const version = 1

// Limits of a record: beyond what anything valid needs, every character escaped,
// and below what a broker takes in one batch (message.max.bytes).
const (
	maxKey   = 64 << 10
	maxValue = 900 << 10
)

// Reasons why a record is skipped.
var (
	errCorrupt = errors.New("kafkastore: record corrupt")
	errFuture  = errors.New("kafkastore: record of a future version")
)

// name is what a key says: whose account the record is.
type name struct {
	VCluster string `json:"vcluster"`
	Username string `json:"username"`
}

// accountValue is what a record says about its name. Principal is the first of
// Principals, which stands there only when there are more: who reads one only,
// as gateways did that knew mappings but no accounts, takes the first. For them a
// local account is a record that they cannot read: nobody becomes it.
type accountValue struct {
	Version    int          `json:"v"`
	Type       string       `json:"type,omitempty"`
	Principal  string       `json:"principal,omitempty"`
	Principals []string     `json:"principals,omitempty"`
	Groups     []string     `json:"groups"`
	Scram      []scramValue `json:"scram,omitempty"`
	Updated    string       `json:"updated,omitempty"`
}

type scramValue struct {
	Mechanism  string `json:"mechanism"`
	Iterations int    `json:"iterations"`
	Salt       []byte `json:"salt"`
	StoredKey  []byte `json:"stored_key"`
	ServerKey  []byte `json:"server_key"`
}

// encodeKey returns the one form of a key, which compaction relies on.
func encodeKey(n name) ([]byte, error) { return encode(n) }

func encodeAccount(a mapping.Account, now time.Time) ([]byte, error) {
	v := accountValue{Version: version, Groups: notNull(a.Groups), Updated: stamp(now)}
	if a.Type == mapping.Local {
		v.Type = a.Type.String()
	} else {
		v.Principal = a.Principals[0]
		if len(a.Principals) > 1 {
			v.Principals = a.Principals
		}
	}
	for _, r := range a.Scram {
		v.Scram = append(v.Scram, scramValue(r))
	}
	return encode(v)
}

func notNull[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func stamp(now time.Time) string { return now.UTC().Format(time.RFC3339) }

func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // names are read by people with a console consumer
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("kafkastore: encode: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// decodeKey returns whose record it is, or errCorrupt.
func decodeKey(key []byte) (name, error) {
	var n name
	if err := openKey(key, &n); err != nil {
		return name{}, err
	}
	return n, nil
}

// openKey reads a key, or errCorrupt: it must be in the form that encode gives it.
func openKey(key []byte, into any) error {
	if len(key) > maxKey {
		return fmt.Errorf("%w: key: %d bytes long, at most %d allowed", errCorrupt, len(key), maxKey)
	}
	if err := json.Unmarshal(key, into); err != nil {
		return fmt.Errorf("%w: key: %w", errCorrupt, err)
	}
	canonical, err := encode(into)
	if err != nil || !bytes.Equal(canonical, key) {
		return fmt.Errorf("%w: key: not in the one form that compaction relies on", errCorrupt)
	}
	return nil
}

// openValue reads a value, or errCorrupt or errFuture. The version comes first:
// under a later one the other fields may have other types.
func openValue(b []byte, into any) error {
	if len(b) > maxValue {
		return fmt.Errorf("%w: value: %d bytes long, at most %d allowed", errCorrupt, len(b), maxValue)
	}
	if !utf8.Valid(b) {
		return fmt.Errorf("%w: value: not UTF-8", errCorrupt)
	}
	var head struct {
		Version int `json:"v"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return fmt.Errorf("%w: value: %w", errCorrupt, err)
	}
	if head.Version > version {
		return fmt.Errorf("%w: v %d, this gateway reads up to %d", errFuture, head.Version, version)
	}
	if head.Version < 1 {
		return fmt.Errorf("%w: value: v: missing or below 1", errCorrupt)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%w: value: %w", errCorrupt, err)
	}
	return nil
}

// decodeAccount returns the account that a record gives to its name, or
// errCorrupt or errFuture. A nil value is the caller's: it deletes.
func decodeAccount(n name, b []byte) (mapping.Account, error) {
	var v accountValue
	if err := openValue(b, &v); err != nil {
		return mapping.Account{}, err
	}
	a := mapping.Account{VCluster: n.VCluster, Username: n.Username, Groups: v.Groups}
	switch v.Type {
	case "", mapping.External.String():
		if v.Principal == "" {
			return mapping.Account{}, fmt.Errorf("%w: value: principal: missing", errCorrupt)
		}
		a.Principals = append([]string{v.Principal}, v.Principals...)
	case mapping.Local.String():
		a.Type = mapping.Local
	default:
		return mapping.Account{}, fmt.Errorf("%w: value: type: %.20q", errCorrupt, v.Type)
	}
	for _, r := range v.Scram {
		a.Scram = append(a.Scram, mapping.ScramRecord(r))
	}
	valid, err := a.Validate()
	if err != nil {
		return mapping.Account{}, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	if valid.VCluster != n.VCluster {
		return mapping.Account{}, fmt.Errorf("%w: key: vcluster: missing", errCorrupt)
	}
	return valid, nil
}

// groupKey and vclusterKey say whose record it is in their topics.
type groupKey struct {
	Group string `json:"group"`
}

type vclusterKey struct {
	VCluster string `json:"vcluster"`
}

type groupValue struct {
	Version        int      `json:"v"`
	Members        []name   `json:"members"`
	ExternalGroups []string `json:"external_groups"`
	Updated        string   `json:"updated,omitempty"`
}

func encodeGroup(g mapping.Group, now time.Time) ([]byte, error) {
	v := groupValue{Version: version, Members: []name{}, ExternalGroups: notNull(g.ExternalGroups), Updated: stamp(now)}
	for _, m := range g.Members {
		v.Members = append(v.Members, name(m))
	}
	return encode(v)
}

func decodeGroup(group string, b []byte) (mapping.Group, error) {
	var v groupValue
	if err := openValue(b, &v); err != nil {
		return mapping.Group{}, err
	}
	g := mapping.Group{Name: group, ExternalGroups: v.ExternalGroups}
	for _, m := range v.Members {
		g.Members = append(g.Members, mapping.Member(m))
	}
	g, err := g.Validate()
	if err != nil {
		return mapping.Group{}, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return g, nil
}

type vclusterValue struct {
	Version    int               `json:"v"`
	Type       string            `json:"type"`
	ACLEnabled bool              `json:"acl_enabled"`
	ACLMode    string            `json:"acl_mode"`
	SuperUsers []string          `json:"super_users"`
	ACLs       []json.RawMessage `json:"acls"`
	Updated    string            `json:"updated,omitempty"`
}

func encodeVCluster(v mapping.VCluster, now time.Time) ([]byte, error) {
	return encode(vclusterValue{
		Version: version, Type: string(v.Type), ACLEnabled: v.ACLEnabled, ACLMode: v.ACLMode,
		SuperUsers: notNull(v.SuperUsers), ACLs: notNull(v.ACLs), Updated: stamp(now),
	})
}

func decodeVCluster(vcluster string, b []byte) (mapping.VCluster, error) {
	var v vclusterValue
	if err := openValue(b, &v); err != nil {
		return mapping.VCluster{}, err
	}
	c, err := mapping.VCluster{
		Name: vcluster, Type: mapping.VClusterType(v.Type), ACLEnabled: v.ACLEnabled, ACLMode: v.ACLMode,
		SuperUsers: v.SuperUsers, ACLs: v.ACLs,
	}.Validate()
	if err != nil {
		return mapping.VCluster{}, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return c, nil
}
