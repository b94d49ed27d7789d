//go:build !purego

package aesgcm

import "golang.org/x/sys/cpu"

// kernel is what seals and opens, by the width of its vectors.
type kernel uint8

const (
	kernel256 kernel = 1 + iota // VAES and VPCLMULQDQ as AVX2 has them
	kernel512                   // as AVX-512 has them
)

// kernels are those for which processor and system have what it takes, the best first.
var kernels = func() (able []kernel) {
	const vaes, vpclmulqdq = 1 << 9, 1 << 10
	has := &cpu.X86
	if !has.HasAES || !has.HasPCLMULQDQ || !has.HasAVX2 {
		return nil
	}
	if has.HasBMI2 && has.HasAVX512F && has.HasAVX512BW && has.HasAVX512DQ && has.HasAVX512VL && has.HasAVX512VAES && has.HasAVX512VPCLMULQDQ {
		able = append(able, kernel512)
	}
	// x/sys/cpu has these two as a part of AVX-512 only. Whatever has AVX2 has leaf 7,
	// and a system that keeps its registers.
	if features7()&(vaes|vpclmulqdq) == vaes|vpclmulqdq {
		able = append(able, kernel256)
	}
	return able
}()

// features7 is ECX of CPUID's leaf 7.
func features7() (ecx uint32)

// seal256 writes n bytes and the tag to dst. aad are at most 16 bytes, or what longer
// data come to before their last multiplication; aadBits is how long they really are.
//
//go:noescape
func seal256(k *key, dst, src *byte, n int, nonce, aad *byte, aadLen, aadBits int)

// open256 writes n bytes to dst, whatever comes of the tag that follows them in src.
//
//go:noescape
func open256(k *key, dst, src *byte, n int, nonce, aad *byte, aadLen, aadBits int) bool

// seal512 is seal256 in its way.
//
//go:noescape
func seal512(k *key, dst, src *byte, n int, nonce, aad *byte, aadLen, aadBits int)

// open512 is open256 in its way.
//
//go:noescape
func open512(k *key, dst, src *byte, n int, nonce, aad *byte, aadLen, aadBits int) bool

// multiply makes y y·H.
//
//go:noescape
func multiply(k *key, y *[16]byte)

// raise sets the powers from the round keys.
//
//go:noescape
func raise(k *key)

// subWord is that of FIPS 197 section 5.2.
func subWord(w uint32) uint32
