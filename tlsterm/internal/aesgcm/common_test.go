package aesgcm

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// maker is a kernel's newKey.
type maker func(raw []byte) AEAD

// each is a test of every kernel.
func each(t *testing.T, test func(t *testing.T, ours maker)) {
	all := makers()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			ours := all[name]
			if ours == nil {
				t.Skip("NOT TESTED: this processor cannot run it, or it is switched off")
			}
			test(t, ours)
		})
	}
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

// both is a test of every kernel beside the standard library's, under keys of either
// length.
func both(t *testing.T, test func(t *testing.T, ours AEAD, standard cipher.AEAD)) {
	each(t, func(t *testing.T, ours maker) {
		for _, n := range []int{16, 32} {
			t.Run(fmt.Sprintf("AES-%d", 8*n), func(t *testing.T) {
				raw := noise(uint64(n), n)
				test(t, ours(raw), standard(t, raw))
			})
		}
	})
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
