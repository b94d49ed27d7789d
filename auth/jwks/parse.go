package jwks

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/postern-kafka/postern/auth"
)

// Limits of a key set.
const (
	MaxSet  = 1 << 20 // bytes
	MaxKeys = 256
)

// algorithms are those that a key of a set may be for.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// key is one usable key of a set.
type key struct {
	id, alg string // either may be ""
	public  crypto.PublicKey
}

// serves reports whether k may verify tokens of alg.
func (k key) serves(alg string) bool {
	return (k.alg == "" || k.alg == alg) && auth.Fits(alg, k.public)
}

// parse reads a key set. Keys that are not usable are left out, as RFC 7517
// section 5 has it, and counted; a set without a usable key is an error.
func parse(text []byte) (keys []key, skipped int, err error) {
	if len(text) > MaxSet {
		return nil, 0, fmt.Errorf("more than %d bytes", MaxSet)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, 0, fmt.Errorf("not a key set: %w", err)
	}
	if len(set.Keys) > MaxKeys {
		return nil, 0, fmt.Errorf("%d keys, at most %d are read", len(set.Keys), MaxKeys)
	}
	for _, raw := range set.Keys {
		if k, ok := parseKey(raw); ok {
			keys = append(keys, k)
		} else {
			skipped++
		}
	}
	if keys == nil {
		return nil, skipped, errors.New("no usable key: wanted are RSA of 2048 bits and more, P-256, P-384, P-521 or Ed25519, public, and for signatures")
	}
	return keys, skipped, nil
}

// parseKey takes a key that can verify at least one algorithm, which private
// and symmetric ones cannot.
func parseKey(raw json.RawMessage) (key, bool) {
	var k jose.JSONWebKey
	if k.UnmarshalJSON(raw) != nil || !k.Valid() || k.Use != "" && k.Use != "sig" {
		return key{}, false
	}
	usable := key{id: k.KeyID, alg: k.Algorithm, public: k.Key}
	for _, alg := range algorithms {
		if usable.serves(alg) {
			return usable, true
		}
	}
	return key{}, false
}
