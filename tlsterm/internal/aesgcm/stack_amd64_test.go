//go:build !purego

package aesgcm

import (
	"bytes"
	"crypto/cipher"
	"testing"
	"unsafe"
)

// What a kernel keeps on the stack for a long text is gone when it returns.
func TestStack(t *testing.T) {
	both(t, func(t *testing.T, ours AEAD, _ cipher.AEAD) {
		k, _ := ours.(*key)
		nonce, text := noise(2, nonceLen), noise(1, 1400+tagLen)
		var secrets [][]byte
		for _, p := range k.powers {
			half := bytes.Clone(p[:8])
			for i := range half {
				half[i] ^= p[8+i]
			}
			secrets = append(secrets, p[:8], p[8:], half)
		}
		for _, r := range k.round {
			secrets = append(secrets, r[:8], r[8:])
		}
		masked := bytes.Clone(nonce[:8])
		for i := range masked {
			masked[i] ^= k.round[0][i]
		}
		secrets = append(secrets, masked)
		left := make([]byte, 4096)
		for _, n := range []int{255, 256, 600, 1400} {
			for name, call := range map[string]func(){
				"seal": func() { ours.Seal(text[:0], nonce, text[:n], nil) },
				"open": func() { _, _ = ours.Open(text[:0], nonce, text[:n+tagLen], nil) },
			} {
				deep(8)
				below(left, call)
				for _, s := range secrets {
					if !bytes.Equal(s, make([]byte, 8)) && bytes.Contains(left, s) {
						t.Errorf("%s of %d bytes: %x is left", name, n, s)
					}
				}
			}
		}
	})
}

// deep has the stack grow to more than below reads.
//
//go:noinline
func deep(n int) byte {
	var b [1024]byte
	if n > 0 {
		b[n] = deep(n - 1)
	}
	return b[n]
}

// below copies what lies under its caller's frame after a call, without calling anything
// that could overwrite it.
//
//go:noinline
//go:nocheckptr
func below(into []byte, call func()) {
	var here byte
	call()
	top := unsafe.Pointer(&here)
	for i := range into {
		into[i] = *(*byte)(unsafe.Add(top, i-len(into)))
	}
}
