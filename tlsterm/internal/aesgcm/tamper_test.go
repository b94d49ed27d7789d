package aesgcm

import (
	"bytes"
	"crypto/cipher"
	"testing"
)

// Every byte of what is sealed, of the nonce and of the additional data counts, and
// what does not open leaves zeros.
func TestTampered(t *testing.T) {
	both(t, func(t *testing.T, ours AEAD, _ cipher.AEAD) {
		for _, n := range []int{0, 1, 16, 60, 200, 300, 1401} {
			text, nonce, aad := noise(1, n), noise(2, nonceLen), noise(3, 13)
			sealed := ours.Seal(nil, nonce, text, aad)
			for _, b := range [][]byte{sealed, nonce, aad} {
				for i := range b {
					b[i] ^= 1 << (i % 8)
					refused(t, ours, nonce, sealed, aad)
					b[i] ^= 1 << (i % 8)
				}
			}
			for i := range sealed {
				refused(t, ours, nonce, sealed[:i], aad)
			}
			refused(t, ours, nonce, append(sealed[:len(sealed):len(sealed)], 0), aad)
			refused(t, ours, nonce, sealed, aad[:12])
			refused(t, ours, nonce, sealed, append(aad[:13:13], 0))
			if got, err := ours.Open(nil, nonce, sealed, aad); err != nil || !bytes.Equal(got, text) {
				t.Fatalf("%d bytes: %v", n, err)
			}
		}
	})
}

func refused(t *testing.T, ours AEAD, nonce, sealed, aad []byte) {
	t.Helper()
	const before = "before"
	in := append([]byte(before), sealed...)[len(before):]
	for _, out := range [][]byte{in[:0], make([]byte, 0, len(in))} {
		got, err := ours.Open(out, nonce, in, aad)
		if got != nil || err == nil {
			t.Fatalf("%x, %x, %x: opened", nonce, sealed, aad)
		}
		n := len(in) - tagLen
		if n < 0 {
			n = 0
		}
		if !bytes.Equal(out[:n], make([]byte, n)) {
			t.Fatalf("%d bytes: left %x", n, out[:n])
		}
	}
}
