package aesgcm

import (
	"crypto/cipher"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// eachAEAD is for benchmarks: with records' additional data, where they lie in a
// read of a socket.
func eachAEAD(b *testing.B, bench func(b *testing.B, a cipher.AEAD, nonce, aad, text []byte)) {
	for _, n := range []int{16, 32} {
		for _, size := range []int{16 << 10, 1400, 200, 64} {
			raw := noise(1, n)
			all := map[string]cipher.AEAD{"std": standard(b, raw)}
			for name, ours := range makers() {
				if ours != nil {
					all[name] = ours(raw)
				}
			}
			for _, name := range slices.Sorted(maps.Keys(all)) {
				b.Run(fmt.Sprintf("AES-%d/%d/%s", 8*n, size, name), func(b *testing.B) {
					buf := noise(2, 5+size+tagLen)
					b.SetBytes(int64(size))
					b.ReportAllocs()
					bench(b, all[name], noise(3, nonceLen), buf[:5], buf[5:][:size])
				})
			}
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	eachAEAD(b, func(b *testing.B, a cipher.AEAD, nonce, aad, text []byte) {
		for b.Loop() {
			a.Seal(text[:0], nonce, text, aad)
		}
	})
}

// BenchmarkOpen opens into another place, for what is opened in place is gone. It is
// no whole number of pages away: at that distance, loads and stores get in each
// other's way.
func BenchmarkOpen(b *testing.B) {
	eachAEAD(b, func(b *testing.B, a cipher.AEAD, nonce, aad, text []byte) {
		const away = 34 << 10
		buf := make([]byte, 2*away)
		sealed := a.Seal(buf[:0], nonce, text, aad)
		for b.Loop() {
			if _, err := a.Open(buf[away:away], nonce, sealed, aad); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkNew(b *testing.B) {
	for _, n := range []int{16, 32} {
		b.Run(fmt.Sprintf("AES-%d", 8*n), func(b *testing.B) {
			raw := noise(1, n)
			if _, ok := New(raw); !ok {
				b.Skip("no kernel runs here")
			}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = New(raw)
			}
		})
	}
}

func TestAllocations(t *testing.T) {
	both(t, func(t *testing.T, ours AEAD, _ cipher.AEAD) {
		buf, nonce := noise(1, most+tagLen), noise(2, nonceLen)
		for _, n := range []int{0, 64, 200, 1400, most} {
			for _, aad := range []int{0, 5, 13, 40} {
				aad := noise(3, aad)
				if allocs := testing.AllocsPerRun(20, func() {
					sealed := ours.Seal(buf[:0], nonce, buf[:n], aad)
					if _, err := ours.Open(buf[:0], nonce, sealed, aad); err != nil {
						t.Fatal(err)
					}
				}); allocs != 0 {
					t.Errorf("%d bytes, %d additional: %v allocations", n, len(aad), allocs)
				}
			}
		}
	})
}
