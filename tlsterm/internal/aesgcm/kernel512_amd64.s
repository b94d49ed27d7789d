//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "key_amd64.h"

// AES in counter mode and GHASH side by side, for processors with VAES,
// VPCLMULQDQ and AVX-512. doc.go says what is computed, and why it is right.
//
// A group is 16 blocks, 256 bytes: four vectors of four blocks, which are their
// lanes. While the counters of one group go through AES, the ciphertext of the
// group before is multiplied.

// What the registers are.
#define KEY    R8
#define DST    DI
#define SRC    SI
#define LEFT   CX // bytes of text to come
#define ROUNDS R9 // 10 or 14

#define S0 Z0 // AES states: counters, then keystream, then text
#define S1 Z1
#define S2 Z2
#define S3 Z3
#define D0 Z4 // ciphertext to be hashed, each block's bytes reversed
#define D1 Z5
#define D2 Z6
#define D3 Z7

#define LO  Z8 // a sum of products in each lane
#define MID Z9
#define HI  Z10 // after REDUCE: its remainder, the hash so far
#define T0  Z11
#define T1  Z12
#define T2  Z13
#define T3  Z30
#define T4  Z31

#define CTR Z14 // the next four counter blocks, bytes reversed: a lane's low 32 bits count

#define FOLDED1 Z15 // during NEXT; see there
#define FOLDED2 Z31
#define EJ      Z15 // after it, in the lowest lane: the block that masks the tag

#define RK0   Z16 // round keys, in each lane
#define RK1   Z17
#define RK2   Z18
#define RK3   Z19
#define RK4   Z20
#define RK5   Z21
#define RK6   Z22
#define RK7   Z23
#define RK8   Z24
#define RK9   Z25
#define RKEND Z26 // the last

#define REV  Z27 // reverses the bytes of a lane
#define FOUR Z28 // 4 in the counter of each lane
#define POLY Z29 // 1 + x + x^6, reflected, in each 64 bits

DATA rev<>+0(SB)/8, $0x08090a0b0c0d0e0f
DATA rev<>+8(SB)/8, $0x0001020304050607
GLOBL rev<>(SB), RODATA|NOPTR, $16

DATA four<>+0(SB)/8, $4
DATA four<>+8(SB)/8, $0
GLOBL four<>(SB), RODATA|NOPTR, $16

// From the first counter block, which is for the tag, to those of the text.
DATA ahead<>+0(SB)/8, $1
DATA ahead<>+8(SB)/8, $0
DATA ahead<>+16(SB)/8, $2
DATA ahead<>+24(SB)/8, $0
DATA ahead<>+32(SB)/8, $3
DATA ahead<>+40(SB)/8, $0
DATA ahead<>+48(SB)/8, $4
DATA ahead<>+56(SB)/8, $0
GLOBL ahead<>(SB), RODATA|NOPTR, $64

DATA poly<>+0(SB)/8, $0xc200000000000000
GLOBL poly<>(SB), RODATA|NOPTR, $8

// PRODUCT begins a sum, LO + MID x^64 + HI x^128 in each lane, with d times t, and
// ADD adds d times T0 to it.
#define PRODUCT(d, t, tmp, lo, mid, hi) \
	VPCLMULQDQ $0x01, t, d, mid \
	VPCLMULQDQ $0x10, t, d, tmp \
	VPCLMULQDQ $0x00, t, d, lo  \
	VPCLMULQDQ $0x11, t, d, hi  \
	VPXORQ     tmp, mid, mid

#define ADD(d) \
	VPCLMULQDQ $0x00, T0, d, T1 \
	VPCLMULQDQ $0x11, T0, d, T2 \
	VPCLMULQDQ $0x01, T0, d, T3 \
	VPCLMULQDQ $0x10, T0, d, T4 \
	VPXORQ     T1, LO, LO       \
	VPXORQ     T2, HI, HI       \
	VPTERNLOGQ $0x96, T3, T4, MID

// REDUCE leaves the sum's remainder in hi: the lowest 64 bits are folded upwards,
// twice.
#define REDUCE(poly, a, b, lo, mid, hi) \
	VPCLMULQDQ $0x00, poly, lo, a  \
	VPSHUFD    $0x4e, lo, b        \
	VPTERNLOGQ $0x96, a, b, mid    \
	VPCLMULQDQ $0x00, poly, mid, a \
	VPSHUFD    $0x4e, mid, b       \
	VPTERNLOGQ $0x96, a, b, hi

// ONELANE adds up the lanes of HI.
#define ONELANE \
	VEXTRACTI64X4 $1, HI, Y11   \
	VPXOR         Y11, Y10, Y10 \
	VEXTRACTI128  $1, Y10, X11  \
	VPXOR         X11, X10, X10

// COUNTERS sets CTR. The nonce at AX is loaded as four bytes and eight: the
// record layer has just stored these eight, and only a load that lies within
// them need not wait for the store.
#define COUNTERS \
	MOVL       0(AX), BX         \
	MOVQ       4(AX), AX         \
	BSWAPL     BX                \
	BSWAPQ     AX                \
	MOVQ       AX, DX            \
	SHLQ       $32, BX           \
	SHRQ       $32, DX           \
	ORQ        DX, BX            \
	SHLQ       $32, AX           \
	ORQ        $1, AX            \
	VMOVQ      AX, X14           \
	VPINSRQ    $1, BX, X14, X14  \
	VSHUFI64X2 $0, CTR, CTR, CTR \
	VPADDD     ahead<>(SB), CTR, CTR

// BEGINJ begins the encryption of the first counter block, whose nonce CTR still
// has; BEGIN2 and BEGIN4 that of the next two and four vectors.
#define BEGINJ \
	MOVL    $1, AX           \
	VPINSRD $0, AX, X14, X15 \
	VPSHUFB X27, X15, X15    \
	VPXORQ  X16, X15, X15

#define BEGIN2 \
	VPSHUFB REV, CTR, S0   \
	VPADDD  FOUR, CTR, CTR \
	VPXORQ  RK0, S0, S0    \
	VPSHUFB REV, CTR, S1   \
	VPADDD  FOUR, CTR, CTR \
	VPXORQ  RK0, S1, S1

#define BEGIN4 \
	BEGIN2                 \
	VPSHUFB REV, CTR, S2   \
	VPADDD  FOUR, CTR, CTR \
	VPXORQ  RK0, S2, S2    \
	VPSHUFB REV, CTR, S3   \
	VPADDD  FOUR, CTR, CTR \
	VPXORQ  RK0, S3, S3

#define ROUND4(k) \
	VAESENC k, S0, S0 \
	VAESENC k, S1, S1 \
	VAESENC k, S2, S2 \
	VAESENC k, S3, S3

#define ROUND4J(k) \
	VAESENC k, EJ, EJ \
	ROUND4(k)

#define ROUND2J(k) \
	VAESENC k, EJ, EJ \
	VAESENC k, S0, S0 \
	VAESENC k, S1, S1

// MORE is the rounds that AES-256 has and AES-128 has not.
#define MORE(round, done) \
	CMPQ            ROUNDS, $10           \
	JEQ             done                  \
	VBROADCASTI32X4 ROUNDKEY(10)(KEY), T0 \
	VBROADCASTI32X4 ROUNDKEY(11)(KEY), T1 \
	VBROADCASTI32X4 ROUNDKEY(12)(KEY), T2 \
	VBROADCASTI32X4 ROUNDKEY(13)(KEY), T3 \
	round(T0)                             \
	round(T1)                             \
	round(T2)                             \
	round(T3)                             \
done:

// SEAL encrypts a vector of text, and OPEN decrypts one: the text is added to the
// last round key, which AES adds to its state. The ciphertext is left in d.
#define SEAL(off, s, d) \
	VPXORQ      off(SRC), RKEND, T0 \
	VAESENCLAST T0, s, s            \
	VMOVDQU64   s, off(DST)         \
	VPSHUFB     REV, s, d

#define OPEN(off, s, d) \
	VMOVDQU64   off(SRC), T0  \
	VPXORQ      T0, RKEND, T1 \
	VAESENCLAST T1, s, s      \
	VMOVDQU64   s, off(DST)   \
	VPSHUFB     REV, T0, d

// SEALSOME and OPENSOME do so with a vector of which there is as much as the mask
// says. Nothing else is read or written, and it is hashed as zeros.
#define SEALSOME(off, s, d, mask) \
	VMOVDQU8.Z  off(SRC), mask, T0 \
	VPXORQ      T0, RKEND, T0      \
	VAESENCLAST T0, s, s           \
	VMOVDQU8    s, mask, off(DST)  \
	VMOVDQU8.Z  s, mask, d         \
	VPSHUFB     REV, d, d

#define OPENSOME(off, s, d, mask) \
	VMOVDQU8.Z  off(SRC), mask, T0 \
	VPXORQ      T0, RKEND, T1      \
	VAESENCLAST T1, s, s           \
	VMOVDQU8    s, mask, off(DST)  \
	VPSHUFB     REV, T0, d

// MASK has a one for each byte of the vector at off that is left. R10 is -1 and DX
// is 0.
#define MASK(off, mask) \
	MOVQ    LEFT, BX    \
	SUBQ    $off, BX    \
	CMOVQCS DX, BX      \
	BZHIQ   BX, R10, BX \
	KMOVQ   BX, mask

// START loads what stays, and the additional data into X10. R11 is set for
// HASHENDS.
#define START \
	MOVQ            k+0(FP), KEY                   \
	MOVQ            dst+8(FP), DST                 \
	MOVQ            src+16(FP), SRC                \
	MOVQ            n+24(FP), LEFT                 \
	MOVQ            nonce+32(FP), AX               \
	MOVQ            key_rounds(KEY), ROUNDS        \
	MOVQ            ROUNDS, R11                    \
	SHLQ            $4, R11                        \
	VBROADCASTI32X4 rev<>(SB), REV                 \
	VBROADCASTI32X4 four<>(SB), FOUR               \
	VPBROADCASTQ    poly<>(SB), POLY               \
	VBROADCASTI32X4 ROUNDKEY(0)(KEY), RK0          \
	VBROADCASTI32X4 ROUNDKEY(1)(KEY), RK1          \
	VBROADCASTI32X4 ROUNDKEY(2)(KEY), RK2          \
	VBROADCASTI32X4 ROUNDKEY(3)(KEY), RK3          \
	VBROADCASTI32X4 ROUNDKEY(4)(KEY), RK4          \
	VBROADCASTI32X4 ROUNDKEY(5)(KEY), RK5          \
	VBROADCASTI32X4 ROUNDKEY(6)(KEY), RK6          \
	VBROADCASTI32X4 ROUNDKEY(7)(KEY), RK7          \
	VBROADCASTI32X4 ROUNDKEY(8)(KEY), RK8          \
	VBROADCASTI32X4 ROUNDKEY(9)(KEY), RK9          \
	VBROADCASTI32X4 ROUNDKEY(0)(KEY)(R11*1), RKEND \
	COUNTERS                                       \
	MOVQ            aad+40(FP), AX                 \
	MOVQ            aadLen+48(FP), BX              \
	MOVQ            $-1, R10                       \
	VPXORQ          HI, HI, HI                     \
	TESTQ           BX, BX                         \
	JEQ             none                           \
	BZHIQ           BX, R10, BX                    \
	KMOVQ           BX, K1                         \
	VMOVDQU8.Z      (AX), K1, X10                  \
	VPSHUFB         X27, X10, X10                  \
none:                                           \
	LEAQ            POWER(2)(KEY), R11

// FIRST is the group before which there is none: what is hashed meanwhile is the
// additional data, into HI's lowest lane.
#define FIRST(text) \
	BEGIN4                              \
	ROUND4(RK1)                         \
	ROUND4(RK2)                         \
	VMOVDQU POWER(1)(KEY), X11          \
	PRODUCT(X10, X11, X12, X8, X9, X10) \
	ROUND4(RK3)                         \
	ROUND4(RK4)                         \
	REDUCE(X29, X11, X12, X8, X9, X10)  \
	ROUND4(RK5)                         \
	ROUND4(RK6)                         \
	ROUND4(RK7)                         \
	ROUND4(RK8)                         \
	ROUND4(RK9)                         \
	MORE(ROUND4, first)                 \
	GROUPEND(text)

// PRODUCT3 and ADD3 are PRODUCT and ADD with three multiplications instead of four
// (Karatsuba). p is the power; half says where in folded its halves' sum is. In
// MID there are LO and HI in addition.
#define PRODUCT3(d, p, folded, half) \
	VBROADCASTI32X4 POWER(p)(KEY), T0 \
	VPSHUFD         $0x4e, d, MID     \
	VPXORQ          d, MID, MID       \
	VPCLMULQDQ      $0x00, T0, d, LO  \
	VPCLMULQDQ      $0x11, T0, d, HI  \
	VPCLMULQDQ      $half, folded, MID, MID

#define ADD3(d, p, folded, half) \
	VBROADCASTI32X4 POWER(p)(KEY), T0     \
	VPSHUFD         $0x4e, d, T1          \
	VPXORQ          d, T1, T1             \
	VPCLMULQDQ      $0x00, T0, d, T2      \
	VPCLMULQDQ      $0x11, T0, d, T3      \
	VPCLMULQDQ      $half, folded, T1, T1 \
	VPXORQ          T2, LO, LO            \
	VPXORQ          T3, HI, HI            \
	VPXORQ          T1, MID, MID

// FOLD sets the sums of the halves of NEXT's powers.
#define FOLD \
	VBROADCASTI32X4 POWER(16)(KEY), T0 \
	VBROADCASTI32X4 POWER(12)(KEY), T1 \
	VPUNPCKLQDQ     T1, T0, T2         \
	VPUNPCKHQDQ     T1, T0, T3         \
	VPXORQ          T2, T3, FOLDED1    \
	VBROADCASTI32X4 POWER(8)(KEY), T0  \
	VBROADCASTI32X4 POWER(4)(KEY), T1  \
	VPUNPCKLQDQ     T1, T0, T2         \
	VPUNPCKHQDQ     T1, T0, T3         \
	VPXORQ          T2, T3, FOLDED2

// NEXT is a group while the one before it is hashed, each lane for itself. The block
// that waits for the hash so far comes last.
#define NEXT(text) \
	BEGIN4                            \
	ROUND4(RK1)                       \
	PRODUCT3(D3, 4, FOLDED2, 0x10)    \
	ROUND4(RK2)                       \
	ADD3(D2, 8, FOLDED2, 0x00)        \
	ROUND4(RK3)                       \
	ADD3(D1, 12, FOLDED1, 0x10)       \
	ROUND4(RK4)                       \
	ADD3(D0, 16, FOLDED1, 0x00)       \
	ROUND4(RK5)                       \
	VPTERNLOGQ $0x96, LO, HI, MID     \
	ROUND4(RK6)                       \
	REDUCE(POLY, T0, T1, LO, MID, HI) \
	ROUND4(RK7)                       \
	ROUND4(RK8)                       \
	ROUND4(RK9)                       \
	MORE(ROUND4, next)                \
	GROUPEND(text)

// GROUPEND ends a group and compares what is left with another.
#define GROUPEND(text) \
	text(0, S0, D0)   \
	text(64, S1, D1)  \
	text(128, S2, D2) \
	text(192, S3, D3) \
	VPXORQ HI, D0, D0 \
	ADDQ   $256, SRC  \
	ADDQ   $256, DST  \
	SUBQ   $256, LEFT \
	CMPQ   LEFT, $256

// HASHGROUP hashes the last group with each block's own power.
#define HASHGROUP \
	VMOVDQU64 POWER(16)(KEY), T0      \
	PRODUCT(D0, T0, T1, LO, MID, HI)  \
	VMOVDQU64 POWER(12)(KEY), T0      \
	ADD(D1)                           \
	VMOVDQU64 POWER(8)(KEY), T0       \
	ADD(D2)                           \
	VMOVDQU64 POWER(4)(KEY), T0       \
	ADD(D3)                           \
	REDUCE(POLY, T0, T1, LO, MID, HI) \
	ONELANE                           \
	LEAQ      POWER(1)(KEY), R11

// HASHENDS begins the sum of the rest with what comes before it and the lengths,
// which come behind. Before it comes the additional data, still to be multiplied
// once, or the hash so far; R11 is its power if nothing were left. R12 is set to
// that of the rest's first block.
#define HASHENDS \
	LEAQ        15(LEFT), BX                \
	ANDQ        $-16, BX                    \
	SUBQ        BX, R11                     \
	LEAQ        POWER(1)(KEY), R12          \
	SUBQ        BX, R12                     \
	MOVQ        aadBits+56(FP), AX          \
	MOVQ        n+24(FP), BX                \
	SHLQ        $3, BX                      \
	VMOVQ       BX, X12                     \
	VPINSRQ     $1, AX, X12, X12            \
	VINSERTI128 $1, X12, Y10, Y10           \
	VMOVDQU     (R11), X11                  \
	VINSERTI128 $1, POWER(1)(KEY), Y11, Y11 \
	PRODUCT(Y10, Y11, Y12, Y8, Y9, Y10)

// REST2 and REST4 are what is left, up to 128 bytes and up to 255, and the tag's
// mask. Powers beyond the last block's are those of nothing.
#define REST2(some) \
	BEGINJ                \
	BEGIN2                \
	ROUND2J(RK1)          \
	ROUND2J(RK2)          \
	ROUND2J(RK3)          \
	ROUND2J(RK4)          \
	ROUND2J(RK5)          \
	ROUND2J(RK6)          \
	ROUND2J(RK7)          \
	ROUND2J(RK8)          \
	ROUND2J(RK9)          \
	MORE(ROUND2J, rest2)  \
	XORL      DX, DX      \
	MASK(0, K1)           \
	MASK(64, K2)          \
	some(0, S0, D0, K1)   \
	some(64, S1, D1, K2)  \
	HASHENDS              \
	VMOVDQU64 (R12), T0   \
	ADD(D0)               \
	VMOVDQU64 64(R12), T0 \
	ADD(D1)

#define REST4(text, some) \
	BEGINJ                 \
	BEGIN4                 \
	ROUND4J(RK1)           \
	ROUND4J(RK2)           \
	ROUND4J(RK3)           \
	ROUND4J(RK4)           \
	ROUND4J(RK5)           \
	ROUND4J(RK6)           \
	ROUND4J(RK7)           \
	ROUND4J(RK8)           \
	ROUND4J(RK9)           \
	MORE(ROUND4J, rest4)   \
	XORL      DX, DX       \
	MASK(128, K1)          \
	MASK(192, K2)          \
	text(0, S0, D0)        \
	text(64, S1, D1)       \
	some(128, S2, D2, K1)  \
	some(192, S3, D3, K2)  \
	HASHENDS               \
	VMOVDQU64 (R12), T0    \
	ADD(D0)                \
	VMOVDQU64 64(R12), T0  \
	ADD(D1)                \
	VMOVDQU64 128(R12), T0 \
	ADD(D2)                \
	VMOVDQU64 192(R12), T0 \
	ADD(D3)

// TAG leaves the tag in X10.
#define TAG \
	REDUCE(POLY, T0, T1, LO, MID, HI) \
	ONELANE                           \
	VAESENCLAST X26, X15, X15         \
	VPSHUFB     X27, X10, X10         \
	VPXOR       X15, X10, X10

// CLEAR leaves nothing of the key in registers, nor the tag's mask. Of the powers
// nothing is left when TAG has been there.
#define CLEAR \
	VPXORQ Z15, Z15, Z15 \
	VPXORQ Z16, Z16, Z16 \
	VPXORQ Z17, Z17, Z17 \
	VPXORQ Z18, Z18, Z18 \
	VPXORQ Z19, Z19, Z19 \
	VPXORQ Z20, Z20, Z20 \
	VPXORQ Z21, Z21, Z21 \
	VPXORQ Z22, Z22, Z22 \
	VPXORQ Z23, Z23, Z23 \
	VPXORQ Z24, Z24, Z24 \
	VPXORQ Z25, Z25, Z25 \
	VPXORQ Z26, Z26, Z26 \
	VZEROUPPER

// func seal512(k *key, dst, src *byte, n int, nonce, aad *byte, aadLen, aadBits int)
TEXT ·seal512(SB), NOSPLIT, $0-64
	START
	CMPQ LEFT, $256
	JCS  rest
	FIRST(SEAL)
	JCS  last
	FOLD
	PCALIGN $64
loop:
	NEXT(SEAL)
	JCC  loop
last:
	HASHGROUP
rest:
	CMPQ LEFT, $128
	JHI  long
	REST2(SEALSOME)
	JMP  tag
long:
	REST4(SEAL, SEALSOME)
tag:
	TAG
	VMOVDQU X10, (DST)(LEFT*1)
	CLEAR
	RET

// func open512(k *key, dst, src *byte, n int, nonce, aad *byte, aadLen, aadBits int) bool
TEXT ·open512(SB), NOSPLIT, $0-65
	START
	CMPQ LEFT, $256
	JCS  rest
	FIRST(OPEN)
	JCS  last
	FOLD
	PCALIGN $64
loop:
	NEXT(OPEN)
	JCC  loop
last:
	HASHGROUP
rest:
	CMPQ LEFT, $128
	JHI  long
	REST2(OPENSOME)
	JMP  tag
long:
	REST4(OPEN, OPENSOME)
tag:
	TAG
	VPXOR  (SRC)(LEFT*1), X10, X10
	VPTEST X10, X10
	SETEQ  ret+64(FP)
	CLEAR
	RET
