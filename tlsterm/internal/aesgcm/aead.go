package aesgcm

import "crypto/cipher"

const (
	nonceLen = 12
	tagLen   = 16
)

// An AEAD is AES-GCM under one key.
type AEAD interface {
	cipher.AEAD
	// Wipe overwrites the key. Seal and Open must not be called afterwards: they
	// panic.
	Wipe()
}
