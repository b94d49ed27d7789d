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

// Limits of a record. Both are beyond what any valid mapping needs, every
// character escaped.
const (
	maxKey   = 64 << 10
	maxValue = 512 << 10
)

// Reasons why a record is skipped.
var (
	errCorrupt = errors.New("kafkastore: record corrupt")
	errFuture  = errors.New("kafkastore: record of a future version")
)

// name is what a key says: whose mapping the record is.
type name struct {
	VCluster string `json:"vcluster"`
	Username string `json:"username"`
}

// value is what a record says about its name.
type value struct {
	Version   int      `json:"v"`
	Principal string   `json:"principal"`
	Groups    []string `json:"groups"`
	Updated   string   `json:"updated,omitempty"`
}

// encodeKey returns the one form of a key, which compaction relies on.
func encodeKey(n name) ([]byte, error) { return encode(n) }

func encodeValue(m mapping.Mapping, now time.Time) ([]byte, error) {
	groups := m.Groups
	if groups == nil {
		groups = []string{}
	}
	return encode(value{
		Version:   version,
		Principal: m.Principal,
		Groups:    groups,
		Updated:   now.UTC().Format(time.RFC3339),
	})
}

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
	if len(key) > maxKey {
		return name{}, fmt.Errorf("%w: key: %d bytes long, at most %d allowed", errCorrupt, len(key), maxKey)
	}
	if err := json.Unmarshal(key, &n); err != nil {
		return name{}, fmt.Errorf("%w: key: %w", errCorrupt, err)
	}
	canonical, err := encodeKey(n)
	if err != nil || !bytes.Equal(canonical, key) {
		return name{}, fmt.Errorf("%w: key: not in the one form that compaction relies on", errCorrupt)
	}
	return n, nil
}

// decodeValue returns the mapping that a record gives to its name, or
// errCorrupt or errFuture. A nil value is the caller's: it deletes.
func decodeValue(n name, b []byte) (mapping.Mapping, error) {
	if len(b) > maxValue {
		return mapping.Mapping{}, fmt.Errorf("%w: value: %d bytes long, at most %d allowed", errCorrupt, len(b), maxValue)
	}
	if !utf8.Valid(b) {
		return mapping.Mapping{}, fmt.Errorf("%w: value: not UTF-8", errCorrupt)
	}
	// The version comes first: under a later one the other fields may have
	// other types.
	var head struct {
		Version int `json:"v"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return mapping.Mapping{}, fmt.Errorf("%w: value: %w", errCorrupt, err)
	}
	if head.Version > version {
		return mapping.Mapping{}, fmt.Errorf("%w: v %d, this gateway reads up to %d", errFuture, head.Version, version)
	}
	if head.Version < 1 {
		return mapping.Mapping{}, fmt.Errorf("%w: value: v: missing or below 1", errCorrupt)
	}
	var v value
	if err := json.Unmarshal(b, &v); err != nil {
		return mapping.Mapping{}, fmt.Errorf("%w: value: %w", errCorrupt, err)
	}
	if v.Principal == "" {
		return mapping.Mapping{}, fmt.Errorf("%w: value: principal: missing", errCorrupt)
	}
	m := mapping.Mapping{Username: n.Username, Principal: v.Principal, VCluster: n.VCluster, Groups: v.Groups}
	valid, err := m.Validate()
	if err != nil {
		return mapping.Mapping{}, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	if valid.VCluster != n.VCluster {
		return mapping.Mapping{}, fmt.Errorf("%w: key: vcluster: missing", errCorrupt)
	}
	return valid, nil
}
