//go:build !purego

package aesgcm

import (
	"crypto/fips140"
	"encoding/binary"
	"math/bits"
	"unsafe"
)

const (
	blockLen = 16
	powers   = 18 // a group's blocks, the one before them and the one behind
)

// key is all that there is of a key. The kernel may read beyond the powers, into
// the round keys, for blocks that are not there and count as zero.
type key struct {
	powers [powers][blockLen]byte // of H, the highest first, each divided by x
	round  [15][blockLen]byte
	rounds int    // 10 or 14; 0 after Wipe
	kernel kernel // that seals and opens with it
}

// New makes the cipher of a key of 16 or 32 bytes, which it does not keep. It has
// none for other lengths, where no kernel runs, and where GODEBUG=fips140=only is set.
// GODEBUG=cpu.avx512f=off rules out the kernel of 512 bits, and cpu.avx2=off both.
func New(raw []byte) (AEAD, bool) {
	if len(kernels) == 0 || fips140.Enforced() || len(raw) != 16 && len(raw) != 32 {
		return nil, false
	}
	return newKey(kernels[0], raw), true
}

func newKey(with kernel, raw []byte) *key {
	k := &key{rounds: len(raw)/4 + 6, kernel: with}
	k.expand(raw)
	raise(k)
	return k
}

// Wipe is plain: nothing else has any of it.
func (k *key) Wipe() { *k = key{} }

// expand is KeyExpansion of FIPS 197 section 5.2.
func (k *key) expand(raw []byte) {
	nk := copy(unsafe.Slice(&k.round[0][0], len(k.round)*blockLen), raw) / 4
	w := func(i int) []byte { return k.round[i/4][i%4*4:][:4] }
	rcon := uint32(1)
	for i := nk; i < 4*(k.rounds+1); i++ {
		t := binary.BigEndian.Uint32(w(i - 1))
		switch {
		case i%nk == 0:
			t = subWord(bits.RotateLeft32(t, 8)) ^ rcon<<24
			if rcon <<= 1; rcon > 0xff {
				rcon ^= 0x11b
			}
		case nk > 6 && i%nk == 4:
			t = subWord(t)
		}
		binary.BigEndian.PutUint32(w(i), t^binary.BigEndian.Uint32(w(i-nk)))
	}
}
