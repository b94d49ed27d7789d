//go:build !purego

package aesgcm

import "golang.org/x/sys/cpu"

// available is whether the processor and the system have what the kernels use.
var available = cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ && cpu.X86.HasAVX2 && cpu.X86.HasBMI2 &&
	cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL &&
	cpu.X86.HasAVX512VAES && cpu.X86.HasAVX512VPCLMULQDQ

// seal writes n bytes and the tag to dst. aad are at most 16 bytes, or what longer
// data come to before their last multiplication; aadBits is how long they really are.
//
//go:noescape
func seal(k *key, dst, src *byte, n int, nonce, aad *byte, aadLen, aadBits int)

// open writes n bytes to dst, whatever comes of the tag that follows them in src.
//
//go:noescape
func open(k *key, dst, src *byte, n int, nonce, aad *byte, aadLen, aadBits int) bool

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
