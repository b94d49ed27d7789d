package auth

import (
	"crypto/sha256"
	"sync"
)

const (
	// maxKnown is how many tokens are remembered at most.
	maxKnown = 4096
	// maxKnownToken is how long they may be, in bytes: the hash of a longer one is
	// no gain for strangers to have made.
	maxKnownToken = 8 << 10
)

// known remembers what tokens said whose signatures were verified: a client shows
// the same one on each of its connections, and again when it comes back. Who shows a
// token that is remembered has shown all of it, for they are found by their SHA-256;
// and only what was signed is remembered, so strangers fill nothing. Everything that
// may change meanwhile, the time, accounts, an issuer's keys, is for the caller to ask.
//
// Tokens that nobody shows any more are forgotten when maxKnown/2 others have come.
type known[T any] struct {
	mu         sync.Mutex
	young, old map[fingerprint]T
}

// fingerprint is what a token is remembered by; the zero value of none.
type fingerprint [sha256.Size]byte

func fingerprintOf(compact string) fingerprint {
	if len(compact) > maxKnownToken {
		return fingerprint{}
	}
	return sha256.Sum256([]byte(compact))
}

// find returns what was remembered of a token.
func (k *known[T]) find(id fingerprint) (said T, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if said, ok = k.young[id]; ok {
		return said, true
	}
	if said, ok = k.old[id]; ok {
		k.put(id, said)
	}
	return said, ok
}

// remember keeps what a token said; it must have been verified.
func (k *known[T]) remember(id fingerprint, said T) {
	if id == (fingerprint{}) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.put(id, said)
}

func (k *known[T]) put(id fingerprint, said T) {
	if k.young == nil || len(k.young) >= maxKnown/2 {
		k.old, k.young = k.young, make(map[fingerprint]T)
	}
	k.young[id] = said
}
