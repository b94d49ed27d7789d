//go:build !purego

package aesgcm

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// The examples of key expansion in FIPS 197 appendix A: the last round key.
func TestExpand(t *testing.T) {
	if len(kernels) == 0 {
		t.Skip("NOT TESTED: no kernel runs here, and this needs what they need")
	}
	for raw, last := range map[string]string{
		"2b7e151628aed2a6abf7158809cf4f3c":                                 "d014f9a8c9ee2589e13f0cc8b6630ca6",
		"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4": "fe4890d1e6188d0b046df344706c631e",
	} {
		b, _ := hex.DecodeString(raw)
		k := &key{rounds: len(b)/4 + 6}
		k.expand(b)
		if got := hex.EncodeToString(k.round[k.rounds][:]); got != last {
			t.Errorf("%s: %s", raw, got)
		}
	}
}

// Each power is the one before times H, by SP 800-38D's algorithm 1, bit for bit.
func TestRaise(t *testing.T) {
	both(t, func(t *testing.T, ours AEAD, _ cipher.AEAD) {
		k, _ := ours.(*key)
		raw := k.round[0][:]
		if k.rounds == 14 {
			raw = append(raw[:16:16], k.round[1][:]...)
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			t.Fatal(err)
		}
		var h [blockLen]byte
		block.Encrypt(h[:], h[:])
		for p, want := 1, h; p <= powers; p++ {
			got := k.powers[powers-p]
			for i, j := 0, blockLen-1; i < j; i, j = i+1, j-1 {
				got[i], got[j] = got[j], got[i]
			}
			if got = timesX(got); got != want {
				t.Fatalf("power %d is %x, not %x", p, got, want)
			}
			y := want
			multiply(k, &y)
			if want = product(want, h); y != want {
				t.Fatalf("power %d times H is %x, not %x", p, y, want)
			}
		}
	})
}

func product(x, y [blockLen]byte) (z [blockLen]byte) {
	for i := range 128 {
		if x[i/8]>>(7-i%8)&1 == 1 {
			for j := range z {
				z[j] ^= y[j]
			}
		}
		y = timesX(y)
	}
	return z
}

func timesX(v [blockLen]byte) [blockLen]byte {
	last := v[blockLen-1] & 1
	for i := blockLen - 1; i > 0; i-- {
		v[i] = v[i]>>1 | v[i-1]<<7
	}
	v[0] = v[0]>>1 ^ 0xe1*last
	return v
}

// A key is small, and nothing is left of it when it is wiped.
func TestWipe(t *testing.T) {
	if n := unsafe.Sizeof(key{}); n > 576 { // a size class of the allocator
		t.Errorf("a key has %d bytes", n)
	}
	both(t, func(t *testing.T, ours AEAD, _ cipher.AEAD) {
		k, _ := ours.(*key)
		all := unsafe.Slice((*byte)(unsafe.Pointer(k)), unsafe.Sizeof(*k))
		if bytes.Count(all, []byte{0}) > 200 { // AES-128 has four round keys less
			t.Errorf("the key is %x", all)
		}
		ours.Wipe()
		ours.Wipe()
		if !bytes.Equal(all, make([]byte, len(all))) {
			t.Errorf("left: %x", all)
		}
		nonce := make([]byte, nonceLen)
		if !panics(func() { ours.Seal(nil, nonce, nil, nil) }) || !panics(func() { _, _ = ours.Open(nil, nonce, make([]byte, tagLen), nil) }) {
			t.Error("a key that is gone was used")
		}
	})
}

// What New takes is the best there is, and what the switches leave of that, each in a
// process of its own.
func TestSwitchedOff(t *testing.T) {
	if want := os.Getenv("AESGCM_WANT"); want != "" {
		got := "none"
		if a, ok := New(make([]byte, 16)); ok {
			k, _ := a.(*key)
			got = name(k.kernel)
		}
		if got != want {
			t.Errorf("%s, not %s", got, want)
		}
		return
	}
	best, withoutAVX512 := "none", "none"
	if slices.Contains(kernels, kernel256) {
		best, withoutAVX512 = name(kernel256), name(kernel256)
	}
	if slices.Contains(kernels, kernel512) {
		best = name(kernel512)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for debug, want := range map[string]string{
		"":                  best,
		"cpu.avx512f=off":   withoutAVX512,
		"cpu.avx2=off":      "none",
		"cpu.aes=off":       "none",
		"cpu.pclmulqdq=off": "none",
		"fips140=only":      "none",
	} {
		cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestSwitchedOff$")
		cmd.Env = append(os.Environ(), "AESGCM_WANT="+want, "GODEBUG="+debug)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
			t.Errorf("%s: %v\n%s", debug, err, out)
		}
	}
}
