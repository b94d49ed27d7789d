package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// keyRing is the provider's keys, the signing one last.
type keyRing struct {
	algorithm jose.SignatureAlgorithm

	mu   sync.Mutex
	made int
	keys []signingKey
}

func newKeyRing(algorithm string) (*keyRing, error) {
	if algorithm == "" {
		algorithm = "RS256"
	}
	r := &keyRing{algorithm: jose.SignatureAlgorithm(algorithm)}
	err := r.rotate(false)
	return r, err
}

// rotate makes a new key, which signs from now on.
func (r *keyRing) rotate(keep bool) error {
	k, err := generate(r.algorithm)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made++
	if !keep {
		r.keys = nil
	}
	r.keys = append(r.keys, signingKey{id: fmt.Sprint("key-", r.made), algorithm: r.algorithm, private: k})
	return nil
}

func generate(algorithm jose.SignatureAlgorithm) (crypto.Signer, error) {
	switch algorithm {
	case jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512:
		return rsa.GenerateKey(rand.Reader, 2048)
	case jose.ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.ES384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jose.ES512:
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case jose.EdDSA:
		_, k, err := ed25519.GenerateKey(rand.Reader)
		return k, err
	default:
		return nil, fmt.Errorf("no such algorithm: %s", algorithm)
	}
}

func (r *keyRing) signing() signingKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[len(r.keys)-1]
}

func (r *keyRing) published() []op.Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]op.Key, 0, len(r.keys))
	for _, k := range r.keys {
		out = append(out, publicKey{k})
	}
	return out
}

// signingKey is a private key as the provider wants it.
type signingKey struct {
	id        string
	algorithm jose.SignatureAlgorithm
	private   crypto.Signer
}

func (k signingKey) ID() string                                  { return k.id }
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return k.algorithm }
func (k signingKey) Key() any                                    { return k.private }

// publicKey is the half of it that is published.
type publicKey struct{ signingKey }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return k.algorithm }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return k.private.Public() }
