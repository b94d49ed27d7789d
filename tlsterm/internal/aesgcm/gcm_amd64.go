//go:build !purego

package aesgcm

import (
	"errors"
	"unsafe"
)

const maxText = (1<<32 - 2) * blockLen // NIST SP 800-38D section 5.2.1.1

var errOpen = errors.New("aesgcm: message authentication failed")

func (k *key) NonceSize() int { return nonceLen }
func (k *key) Overhead() int  { return tagLen }

func (k *key) Seal(dst, nonce, plaintext, aad []byte) []byte {
	k.check(nonce)
	if uint64(len(plaintext)) > maxText {
		misuse("message too large")
	}
	ret, out := extend(dst, len(plaintext)+tagLen)
	checkOverlap(out, plaintext, aad)
	var long [blockLen]byte
	first, n := k.additional(&long, aad)
	text := unsafe.SliceData(plaintext)
	if k.kernel == kernel512 {
		seal512(k, &out[0], text, len(plaintext), &nonce[0], first, n, 8*len(aad))
	} else {
		seal256(k, &out[0], text, len(plaintext), &nonce[0], first, n, 8*len(aad))
	}
	return ret
}

// Open decrypts while it authenticates. If the tag is wrong, what it wrote is
// overwritten with zeros.
func (k *key) Open(dst, nonce, ciphertext, aad []byte) ([]byte, error) {
	k.check(nonce)
	if len(ciphertext) < tagLen || uint64(len(ciphertext)) > maxText+tagLen {
		return nil, errOpen
	}
	ret, out := extend(dst, len(ciphertext)-tagLen)
	checkOverlap(out, ciphertext, aad)
	var long [blockLen]byte
	first, n := k.additional(&long, aad)
	var right bool
	if k.kernel == kernel512 {
		right = open512(k, unsafe.SliceData(out), &ciphertext[0], len(out), &nonce[0], first, n, 8*len(aad))
	} else {
		right = open256(k, unsafe.SliceData(out), &ciphertext[0], len(out), &nonce[0], first, n, 8*len(aad))
	}
	if !right {
		clear(out)
		return nil, errOpen
	}
	return ret, nil
}

// additional is what the kernel takes of the additional data: one block at most.
// What is longer than that, as no record's is, is hashed here, without haste, up
// to its last block.
func (k *key) additional(long *[blockLen]byte, aad []byte) (first *byte, n int) {
	if len(aad) <= blockLen {
		return unsafe.SliceData(aad), len(aad)
	}
	for {
		n := min(blockLen, len(aad))
		for i, b := range aad[:n] {
			long[i] ^= b
		}
		if aad = aad[n:]; len(aad) == 0 {
			return &long[0], blockLen
		}
		multiply(k, long)
	}
}

// extend makes room for n bytes behind dst.
func extend(dst []byte, n int) (ret, out []byte) {
	if total := len(dst) + n; cap(dst) >= total {
		ret = dst[:total]
	} else {
		ret = make([]byte, total)
		copy(ret, dst)
	}
	return ret, ret[len(dst):]
}

func (k *key) check(nonce []byte) {
	if len(nonce) != nonceLen {
		misuse("incorrect nonce length")
	}
	if k.rounds == 0 {
		misuse("the key was overwritten")
	}
}

func checkOverlap(out, in, aad []byte) {
	if overlap(out, in) && &out[0] != &in[0] {
		misuse("invalid buffer overlap of output and input")
	}
	if overlap(out, aad) {
		misuse("invalid buffer overlap of output and additional data")
	}
}

// overlap reports whether a and b have a byte in common.
func overlap(a, b []byte) bool {
	return len(a) > 0 && len(b) > 0 &&
		uintptr(unsafe.Pointer(&a[0])) <= uintptr(unsafe.Pointer(&b[len(b)-1])) &&
		uintptr(unsafe.Pointer(&b[0])) <= uintptr(unsafe.Pointer(&a[len(a)-1]))
}

// misuse is for what no peer can bring about.
func misuse(what string) {
	panic("aesgcm: " + what) //nolint:forbidigo // crypto/cipher panics for the same: to go on would give keys away
}
