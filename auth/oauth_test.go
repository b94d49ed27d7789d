package auth_test

import (
	"crypto"

	"github.com/postern-kafka/postern/auth"
)

// keyRing is the keys of the tests, by id and algorithm's first letters.
type keyRing map[string]crypto.PublicKey

func (k keyRing) Key(kid, _ string) (crypto.PublicKey, error) {
	if key, ok := k[kid]; ok {
		return key, nil
	}
	return nil, auth.ErrUnknownKey
}
