package aesgcm

import (
	"bytes"
	"testing"
)

// FuzzStandard compares with crypto/cipher what is sealed under any key, nonce and
// additional data, from anywhere to anywhere, and what is opened of it once it has
// been changed.
func FuzzStandard(f *testing.F) {
	for i, n := range []int{0, 1, 16, 65, 200, 256, 513, 1401} {
		f.Add(noise(1, 32), i%2 == 0, noise(2, nonceLen), noise(3, i*5), noise(4, n), uint8(i), uint8(5), uint16(i*100), byte(i))
	}
	all := makers()
	f.Fuzz(func(t *testing.T, raw []byte, long bool, nonce, aad, text []byte, from, to uint8, at uint16, flip byte) {
		size := 16
		if long {
			size = 32
		}
		raw = append(raw, make([]byte, size)...)[:size]
		nonce = append(nonce, make([]byte, nonceLen)...)[:nonceLen]
		standard := standard(t, raw)
		sealed := standard.Seal(nil, nonce, text, aad)
		sealed[int(at)%len(sealed)] ^= flip
		want, wantErr := standard.Open(nil, nonce, sealed, aad)
		for name, ours := range all {
			if ours == nil {
				continue
			}
			ours := ours(raw)
			agree(t, ours, standard, nonce, aad, text, int(from%64), int(to%64))
			changed := bytes.Clone(sealed)
			got, err := ours.Open(changed[:0], nonce, changed, aad)
			if (err == nil) != (wantErr == nil) || !bytes.Equal(got, want) {
				t.Fatalf("%s: opened %v %x, the standard library %v %x", name, err, got, wantErr, want)
			}
		}
	})
}
