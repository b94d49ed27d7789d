package aesgcm

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"math/rand/v2"
	"testing"
)

// ours is New's, where there is one.
func ours(tb testing.TB, raw []byte) AEAD {
	tb.Helper()
	a, ok := New(raw)
	if !ok {
		tb.Skip("this machine has no VAES, VPCLMULQDQ and AVX-512, or they are switched off")
	}
	return a
}

func standard(tb testing.TB, raw []byte) cipher.AEAD {
	tb.Helper()
	block, err := aes.NewCipher(raw)
	if err != nil {
		tb.Fatal(err)
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// both is a test with the two implementations under keys of either length.
func both(t *testing.T, test func(t *testing.T, ours AEAD, standard cipher.AEAD)) {
	for _, n := range []int{16, 32} {
		t.Run(fmt.Sprintf("AES-%d", 8*n), func(t *testing.T) {
			raw := noise(uint64(n), n)
			test(t, ours(t, raw), standard(t, raw))
		})
	}
}

// noise is n bytes that look random and are always the same.
func noise(seed uint64, n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// short is as much of b as a message can show.
func short(b []byte) string {
	if len(b) <= 64 {
		return fmt.Sprintf("%x", b)
	}
	return fmt.Sprintf("%x…%x", b[:32], b[len(b)-32:])
}
