//go:build unix && !purego

package aesgcm

import (
	"bytes"
	"crypto/cipher"
	"testing"
	"unsafe"
)

// What is read of the powers beyond the last that counts is still the key's.
func TestPagesKey(t *testing.T) {
	both(t, func(t *testing.T, ours AEAD, standard cipher.AEAD) {
		k, _ := ours.(*key)
		text, nonce := noise(1, 1100), noise(2, nonceLen)
		for _, place := range []func(room, b []byte) []byte{atEnd, atStart} {
			at := place(guarded(t, 1), unsafe.Slice((*byte)(unsafe.Pointer(k)), unsafe.Sizeof(*k)))
			moved := (*key)(unsafe.Pointer(&at[0]))
			for n := range text {
				want := standard.Seal(nil, nonce, text[:n], text[:5])
				if got := moved.Seal(nil, nonce, text[:n], text[:5]); !bytes.Equal(got, want) {
					t.Fatalf("%d bytes: sealed %s", n, short(got))
				}
			}
			again := key{rounds: k.rounds, kernel: k.kernel}
			again.round = k.round
			at = place(guarded(t, 1), unsafe.Slice((*byte)(unsafe.Pointer(&again)), unsafe.Sizeof(again)))
			moved = (*key)(unsafe.Pointer(&at[0]))
			if raise(moved); *moved != *k {
				t.Error("other powers")
			}
		}
	})
}
