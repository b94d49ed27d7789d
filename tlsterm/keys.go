package tlsterm

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"reflect"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/postern-kafka/postern/tlsterm/internal/aesgcm"
)

const (
	tagLen     = 16
	maxSecret  = sha512.Size384
	masterLen  = 48 // RFC 5246 section 8.1
	randomLen  = 32
	nonceLen   = 12
	explicit12 = 8 // the part of a TLS 1.2 GCM nonce that is sent (RFC 5288)

	// rekeyAfter is how many records a TLS 1.3 key seals before we change it:
	// RFC 8446 section 5.5 gives AES-GCM 2^24.5 full ones.
	rekeyAfter = 1<<24 - 16
)

// aeadSuite is what the record layer needs to know of a cipher suite.
type aeadSuite struct {
	hashLen int // of SHA-256 or SHA-384
	keyLen  int
	chacha  bool
}

var (
	aes128SHA256 = aeadSuite{sha256.Size, 16, false}
	aes256SHA384 = aeadSuite{sha512.Size384, 32, false}
	chachaSHA256 = aeadSuite{sha256.Size, chacha20poly1305.KeySize, true}
)

// suiteOf returns nil for a suite that is not an AEAD with forward secrecy.
func suiteOf(id uint16) *aeadSuite {
	switch id {
	case tls.TLS_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:
		return &aes128SHA256
	case tls.TLS_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:
		return &aes256SHA384
	case tls.TLS_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
		return &chachaSHA256
	}
	return nil
}

// aead makes the cipher and overwrites key.
func (s *aeadSuite) aead(key []byte) (cipher.AEAD, error) {
	defer clear(key)
	if s.chacha {
		return chacha20poly1305.New(key)
	}
	if gcm, ok := aesgcm.New(key); ok {
		return gcm, nil
	}
	return standardGCM(key)
}

// standardGCM is AES-GCM for processors that aesgcm does nothing for, and what that
// is compared with.
func standardGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	defer wipe(block) // GCM has a copy
	return cipher.NewGCM(block)
}

// wipe overwrites what a cipher holds. The standard library has no way to, but a
// pointer's target can be set whatever its type. The cipher must not be used
// afterwards.
func wipe(c any) {
	if ours, ok := c.(aesgcm.AEAD); ok {
		ours.Wipe()
		return
	}
	if v := reflect.ValueOf(c); v.Kind() == reflect.Pointer && !v.IsNil() {
		v.Elem().SetZero()
	}
}

// half is the key of one direction.
type half struct {
	aead   cipher.AEAD
	seq    uint64 // of the next record; in TLS 1.3 also how many the key has seen
	mask   uint64 // what seq is combined with to give the nonce's last 8 bytes
	nonce  [nonceLen]byte
	secret [maxSecret]byte // TLS 1.3: what the next key is derived from
}

// set installs key and iv, which it overwrites.
func (h *half) set(s *aeadSuite, key, iv []byte) error {
	aead, err := s.aead(key)
	if err != nil {
		return err
	}
	wipe(h.aead)
	h.aead, h.seq = aead, 0
	copy(h.nonce[:], iv)
	h.mask = binary.BigEndian.Uint64(h.nonce[4:])
	clear(iv)
	return nil
}

// set13 derives key and IV from a traffic secret (RFC 8446 section 7.3).
func (h *half) set13(s *aeadSuite, secret []byte) error {
	var okm [chacha20poly1305.KeySize + nonceLen]byte
	key, iv := okm[:s.keyLen], okm[s.keyLen:s.keyLen+nonceLen]
	s.expandLabel(key, secret, "key")
	s.expandLabel(iv, secret, "iv")
	if err := h.set(s, key, iv); err != nil {
		return err
	}
	copy(h.secret[:], secret)
	return nil
}

// next moves on to the next generation of keys (RFC 8446 section 7.2).
func (h *half) next(s *aeadSuite) error {
	var secret [maxSecret]byte
	defer clear(secret[:])
	into := secret[:s.hashLen]
	s.expandLabel(into, h.secret[:s.hashLen], "traffic upd")
	return h.set13(s, into)
}

// nonceFor returns the nonce of the next record, valid until the next call, in
// all framings but that of TLS 1.2 with GCM.
func (h *half) nonceFor() []byte {
	binary.BigEndian.PutUint64(h.nonce[4:], h.mask^h.seq)
	return h.nonce[:]
}

func (h *half) wipe() {
	wipe(h.aead)
	*h = half{}
}

// expandLabel is HKDF-Expand-Label of RFC 8446 section 7.1 without a context,
// for what is not longer than a hash: then HKDF-Expand (RFC 5869) is a single
// block.
func (s *aeadSuite) expandLabel(into, secret []byte, label string) {
	var b [64]byte
	binary.BigEndian.PutUint16(b[:], uint16(len(into)))
	b[2] = byte(len("tls13 ") + len(label))
	n := 3 + copy(b[3:], "tls13 ")
	n += copy(b[n:], label) + 1 // the context's length is zero
	b[n] = 1                    // the block's number
	okm := s.mac(secret, b[:n+1])
	copy(into, okm[:])
	clear(okm[:])
}

const expansion = "key expansion"

// keys12 derives the keys of both directions from a master secret (RFC 5246
// section 6.3), the client's first.
func keys12(s *aeadSuite, master, clientRandom, serverRandom []byte, client, server *half) error {
	ivLen := nonceLen - explicit12
	if s.chacha {
		ivLen = nonceLen
	}
	k := s.keyLen
	need := 2 * (k + ivLen)
	// P_hash of RFC 5246 section 5: message is A(i) and the seed.
	var message [maxSeed]byte
	var block [2 * (chacha20poly1305.KeySize + nonceLen)]byte
	defer clear(block[:])
	seed := append(append(append(message[s.hashLen:s.hashLen], expansion...), serverRandom...), clientRandom...)
	a := s.mac(master, seed)
	for n := 0; n < need; a = s.mac(master, a[:s.hashLen]) {
		copy(message[:], a[:s.hashLen])
		out := s.mac(master, message[:s.hashLen+len(seed)])
		n += copy(block[n:need], out[:s.hashLen])
		clear(out[:])
	}
	return errors.Join(
		client.set(s, block[:k], block[2*k:2*k+ivLen]),
		server.set(s, block[k:2*k], block[2*k+ivLen:need]),
	)
}
