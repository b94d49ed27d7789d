package aesgcm

import (
	"crypto/cipher"
	"fmt"
	"testing"
)

// What panics with the standard library panics with us, and nothing else does.
func TestMisuse(t *testing.T) {
	both(t, func(t *testing.T, ours AEAD, standard cipher.AEAD) {
		if ours.NonceSize() != standard.NonceSize() || ours.Overhead() != standard.Overhead() {
			t.Errorf("nonces of %d bytes, tags of %d", ours.NonceSize(), ours.Overhead())
		}
		nonce := make([]byte, nonceLen)
		same := func(name string, call func(a cipher.AEAD)) {
			t.Helper()
			got, want := panics(func() { call(ours) }), panics(func() { call(standard) })
			if got != want {
				t.Errorf("%s: panics %v, the standard library %v", name, got, want)
			}
		}
		for n := range 20 {
			same(fmt.Sprintf("seal with a nonce of %d", n), func(a cipher.AEAD) { a.Seal(nil, make([]byte, n), nil, nil) })
			same(fmt.Sprintf("open with a nonce of %d", n), func(a cipher.AEAD) { _, _ = a.Open(nil, make([]byte, n), make([]byte, 16), nil) })
		}
		// Overlaps: out begins shift bytes behind in, or before it.
		for _, n := range []int{0, 1, 40, 300} {
			for shift := -n - 40; shift < n+40; shift++ {
				b := make([]byte, 3*400)
				in, out := b[400:][:n], b[400+shift:][:0]
				sealed := b[400:][:n+tagLen]
				at := fmt.Sprintf("%d bytes, %d apart", n, shift)
				same("seal, "+at, func(a cipher.AEAD) { a.Seal(out, nonce, in, nil) })
				same("seal near additional data, "+at, func(a cipher.AEAD) { a.Seal(out, nonce, make([]byte, 30), in) })
				same("open, "+at, func(a cipher.AEAD) { _, _ = a.Open(out, nonce, sealed, nil) })
				same("open near additional data, "+at, func(a cipher.AEAD) { _, _ = a.Open(out, nonce, make([]byte, 30+tagLen), in) })
			}
		}
	})
}

func TestNotOurKeys(t *testing.T) {
	for n := range 40 {
		if _, ok := New(make([]byte, n)); ok && n != 16 && n != 32 {
			t.Errorf("a key of %d bytes", n)
		}
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
