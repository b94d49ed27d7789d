package aesgcm

import (
	"bytes"
	"crypto/cipher"
	"math/rand/v2"
	"testing"
)

const (
	lengths = 2100       // several groups, and every length of what is left of one
	most    = 16<<10 + 1 // what a record can have in it
)

// agree seals and opens one text with both, in place and not, where it begins at
// the given offsets from what the allocator aligns.
func agree(t *testing.T, ours AEAD, standard cipher.AEAD, nonce, aad, text []byte, from, to int) {
	t.Helper()
	want := standard.Seal(nil, nonce, text, aad)
	in := append(make([]byte, from, from+len(want)), text...)[from:]
	out := make([]byte, to, to+len(want)+1)
	if got := ours.Seal(out, nonce, in, aad)[to:]; !bytes.Equal(got, want) || !bytes.Equal(in, text) {
		t.Fatalf("%d bytes, %d additional, from %d to %d: sealed\n%s, not\n%s", len(text), len(aad), from, to, short(got), short(want))
	}
	if got := ours.Seal(in[:0], nonce, in, aad); !bytes.Equal(got, want) || &got[0] != &in[:1][0] {
		t.Fatalf("%d bytes, %d additional, at %d: sealed in place\n%s, not\n%s", len(text), len(aad), from, short(got), short(want))
	}
	sealed := in[:len(want)]
	got, err := ours.Open(out, nonce, sealed, aad)
	if err != nil || !bytes.Equal(got[to:], text) || !bytes.Equal(sealed, want) {
		t.Fatalf("%d bytes, %d additional, from %d to %d: opened %v\n%s, not\n%s", len(text), len(aad), from, to, err, short(got), short(text))
	}
	if got, err = ours.Open(sealed[:0], nonce, sealed, aad); err != nil || !bytes.Equal(got, text) {
		t.Fatalf("%d bytes, %d additional, at %d: opened in place %v\n%s, not\n%s", len(text), len(aad), from, err, short(got), short(text))
	}
}

func TestLengths(t *testing.T) {
	both(t, func(t *testing.T, ours AEAD, standard cipher.AEAD) {
		text, nonce := noise(1, most+600), noise(2, nonceLen)
		for n := range lengths {
			agree(t, ours, standard, nonce, text[n:][:5], text[:n], n%64, n/3%64)
			agree(t, ours, standard, nonce, text[n:][:13], text[:n], 0, 0)
		}
		for n := most - 300; n < most+600; n++ {
			agree(t, ours, standard, nonce, text[:5], text[:n], n%64, 5)
		}
		agree(t, ours, standard, nonce, nil, nil, 0, 0)
	})
}

func TestAlignments(t *testing.T) {
	both(t, func(t *testing.T, ours AEAD, standard cipher.AEAD) {
		text, nonce := noise(3, 1500), noise(4, nonceLen)
		for _, n := range []int{1, 16, 63, 64, 65, 128, 200, 255, 256, 257, 700, 1401} {
			for from := range 65 {
				agree(t, ours, standard, nonce, text[from:][:5], text[:n], from, 0)
				agree(t, ours, standard, nonce, text[from:][:5], text[:n], 5, from)
			}
		}
	})
}

func TestAdditional(t *testing.T) {
	both(t, func(t *testing.T, ours AEAD, standard cipher.AEAD) {
		text, nonce := noise(5, 1500), noise(6, nonceLen)
		for _, n := range []int{0, 1, 64, 200, 256, 300, 512, 1401} {
			for aad := range 41 {
				agree(t, ours, standard, nonce, text[:aad], text[:n], 0, 0)
			}
			for _, aad := range []int{255, 256, 257, 1024, 1499} {
				agree(t, ours, standard, nonce, text[:aad], text[:n], 0, 0)
			}
		}
	})
}

func TestRandom(t *testing.T) {
	each(t, func(t *testing.T, ours maker) {
		r := rand.New(rand.NewPCG(7, 8)) //nolint:gosec // a test's
		for i := range 2000 {
			raw := noise(uint64(i), 16+16*r.IntN(2))
			b := noise(uint64(i)+1<<20, nonceLen+13+r.IntN(4000))
			agree(t, ours(raw), standard(t, raw), b[:nonceLen], b[nonceLen:][:r.IntN(14)], b[nonceLen+13:], r.IntN(64), r.IntN(64))
		}
	})
}

// The counter is added to as one number of 32 bits: its bytes carry at blocks 2^8
// and 2^16, and at 2^24 in 256 MiB. The nonce does not change. A text that ends where
// it carries has its last blocks counted in another way.
func TestCounter(t *testing.T) {
	both(t, func(t *testing.T, ours AEAD, standard cipher.AEAD) {
		nonce := bytes.Repeat([]byte{0xff}, nonceLen)
		sizes := []int{1<<20 - 20, 1<<20 + 5000}
		if !testing.Short() {
			sizes = append(sizes, 1<<24-20, 1<<28+5000)
		}
		text := make([]byte, sizes[len(sizes)-1]+tagLen)
		for _, size := range sizes {
			sealed := ours.Seal(text[:0], nonce, text[:size], nil)
			got, err := standard.Open(sealed[:0], nonce, sealed, nil)
			if err != nil {
				t.Fatal(err)
			}
			for len(got) > 0 {
				n := min(len(got), 4096)
				if !bytes.Equal(got[:n], make([]byte, n)) {
					t.Fatalf("%d bytes before the end of %d", len(got), size)
				}
				got = got[n:]
			}
			clear(text[size:][:tagLen])
		}
	})
}
