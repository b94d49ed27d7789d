package tlsterm

import (
	"crypto/sha256"
	"crypto/sha512"
)

// maxSeed is the longest that a key is derived from: in TLS 1.2 a hash, a label
// and both randoms.
const maxSeed = maxSecret + len(expansion) + 2*randomLen

// mac is HMAC (RFC 2104) with the suite's hash, for keys that are no longer than
// a hash and messages of up to maxSeed bytes. It needs no memory: crypto/hmac's
// objects were a third of what taking over a connection's keys allocated.
func (s *aeadSuite) mac(key, message []byte) [maxSecret]byte {
	var b [sha512.BlockSize + maxSeed]byte
	defer clear(b[:])
	block := sha256.BlockSize
	if s.hashLen != sha256.Size {
		block = sha512.BlockSize
	}
	pad, rest := b[:block], b[block:]
	copy(pad, key)
	for i := range pad {
		pad[i] ^= 0x36
	}
	sum := s.sum(b[:block+copy(rest, message)])
	for i := range pad {
		pad[i] ^= 0x36 ^ 0x5c
	}
	return s.sum(b[:block+copy(rest, sum[:s.hashLen])])
}

// sum is the suite's hash, in the first bytes.
func (s *aeadSuite) sum(b []byte) (sum [maxSecret]byte) {
	if s.hashLen == sha256.Size {
		short := sha256.Sum256(b)
		copy(sum[:], short[:])
		return sum
	}
	return sha512.Sum384(b)
}
