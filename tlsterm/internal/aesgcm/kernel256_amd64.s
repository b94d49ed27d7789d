//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "key_amd64.h"
#include "ghash_amd64.h"

// AES in counter mode and GHASH side by side, for processors with VAES and
// VPCLMULQDQ that have no AVX-512, or not all of it. doc.go says what is computed,
// and why it is right.
//
// A group is 16 blocks, 256 bytes: eight vectors of two blocks, which are their
// lanes. While the counters of a group go through AES, ciphertext is multiplied:
// the same group's when it is opened, the one's before when it is sealed.
//
// Go's assembler encodes all of this as AVX2 does, by itself. Nothing may be added that
// only AVX-512 has (VPXORQ, VPTERNLOGQ, registers beyond the 15th): where that is there,
// no test would tell.

// What the registers are.
#define KEY  R8
#define DST  DI
#define SRC  SI
#define LEFT DX  // bytes of text to come
#define LAST R10 // where the last round key is, counted from the first
#define SAVE R13 // what long texts have on the stack: see LONG

#define S0 Y0 // AES states: counters, then keystream, then text
#define S1 Y1
#define S2 Y2
#define S3 Y3
#define S4 Y4
#define S5 Y5
#define S6 Y6
#define S7 Y7

#define LO   Y8 // a sum of products in each lane
#define MID  Y9
#define HI   Y10
#define T0   Y11
#define T1   Y12
#define T2   Y13
#define RK   Y14 // a round key, in each lane
#define HASH Y15 // so far, in the lower lane; before it, additional data

#define BASE  Y7  // between groups: see COUNTERS
#define FIRST Y13 // before the rest: BASE of the first group
#define EJ    Y15 // in the rest, in the upper lane: the block that masks the tag

// How BASE's counters differ from those of a group's vectors, of which BASE itself
// is the eighth of the group before. A counter is a block's last four bytes, the
// lowest last.
DATA ahead<>+8(SB)/8, $0x0200000000000000
DATA ahead<>+24(SB)/8, $0x0200000000000000
DATA ahead<>+40(SB)/8, $0x0400000000000000
DATA ahead<>+56(SB)/8, $0x0400000000000000
DATA ahead<>+72(SB)/8, $0x0600000000000000
DATA ahead<>+88(SB)/8, $0x0600000000000000
DATA ahead<>+104(SB)/8, $0x0800000000000000
DATA ahead<>+120(SB)/8, $0x0800000000000000
DATA ahead<>+136(SB)/8, $0x0a00000000000000
DATA ahead<>+152(SB)/8, $0x0a00000000000000
DATA ahead<>+168(SB)/8, $0x0c00000000000000
DATA ahead<>+184(SB)/8, $0x0c00000000000000
DATA ahead<>+200(SB)/8, $0x0e00000000000000
DATA ahead<>+216(SB)/8, $0x0e00000000000000
GLOBL ahead<>(SB), RODATA|NOPTR, $224

// 1 in the upper lane's counter.
DATA one<>+24(SB)/8, $0x0100000000000000
GLOBL one<>(SB), RODATA|NOPTR, $32

// 16 in each lane's counter once the bytes are reversed.
DATA sixteen<>+0(SB)/8, $16
DATA sixteen<>+16(SB)/8, $16
GLOBL sixteen<>(SB), RODATA|NOPTR, $32

// From 16-n on: n bytes of ones, then zeros.
DATA ones<>+0(SB)/8, $-1
DATA ones<>+8(SB)/8, $-1
GLOBL ones<>(SB), RODATA|NOPTR, $32

// START loads the arguments, BASE, and the additional data into HASH. The nonce is
// loaded as four bytes and eight: the record layer has just stored these eight, and
// only a load that lies within them need not wait for the store.
#define START \
	MOVQ           k+0(FP), KEY          \
	MOVQ           dst+8(FP), DST        \
	MOVQ           src+16(FP), SRC       \
	MOVQ           n+24(FP), LEFT        \
	MOVQ           nonce+32(FP), AX      \
	MOVQ           key_rounds(KEY), LAST \
	SHLQ           $4, LAST              \
	VMOVQ          4(AX), X7             \
	VPSLLDQ        $4, X7, X7            \
	VMOVD          0(AX), X11            \
	VPOR           X11, X7, X7           \
	VINSERTI128    $1, X7, Y7, Y7        \
	VBROADCASTI128 ROUNDKEY(0)(KEY), RK  \
	VPXOR          one<>(SB), BASE, BASE \
	VPXOR          RK, BASE, BASE        \
	VMOVDQA        BASE, FIRST           \
	MOVQ           aad+40(FP), AX        \
	MOVQ           aadLen+48(FP), BX     \
	VPXOR          X15, X15, X15         \
	TESTQ          BX, BX                \
	JEQ            none                  \
	CMPQ           BX, $16               \
	JEQ            whole                 \
	CALL           load<>(SB)            \
	VPSHUFB        rev<>(SB), X11, X15   \
	JMP            none                  \
whole:                                       \
	VMOVDQU        (AX), X15             \
	VPSHUFB        rev<>(SB), X15, X15   \
none:                                        \
	LEAQ           POWER(2)(KEY), R11

// LONG is for texts that have a group. It begins a sum with the additional data and
// saves, where nothing is left when the call returns:
#define FACTORS 0   // of a group's vectors, two by two: the sums of their powers' halves
#define SAVED1  128 // FIRST
#define SAVEDB  160 // BASE
#define SAVEDN  192 // its counters as numbers: each block's bytes reversed
#define LONG \
	LEAQ    31(SP), SAVE                \
	ANDQ    $-32, SAVE                  \
	VMOVDQU BASE, SAVED1(SAVE)          \
	VMOVDQU BASE, SAVEDB(SAVE)          \
	VPXOR   RK, BASE, T0                \
	VPSHUFB rev<>(SB), T0, T0           \
	VMOVDQU T0, SAVEDN(SAVE)            \
	FACTOR(0)                           \
	FACTOR(1)                           \
	FACTOR(2)                           \
	FACTOR(3)                           \
	VMOVDQU POWER(1)(KEY), X11          \
	PRODUCT(X15, X11, X12, X8, X9, X10) \
	CROSS

#define FACTOR(pair) \
	VMOVDQU     POWER(16-4*pair)(KEY), T0 \
	VMOVDQU     POWER(14-4*pair)(KEY), T1 \
	VPUNPCKLQDQ T1, T0, T2                \
	VPUNPCKHQDQ T1, T0, T0                \
	VPXOR       T2, T0, T0                \
	VMOVDQU     T0, (FACTORS+32*pair)(SAVE)

// SHORT is for what a long text leaves, which is then as short as others.
#define SHORT \
	FOLDLO                         \
	FOLDMID                        \
	VMOVDQU SAVED1(SAVE), FIRST    \
	VMOVDQU SAVEDB(SAVE), BASE     \
	VPXOR   T0, T0, T0             \
	VMOVDQU T0, (FACTORS+0)(SAVE)  \
	VMOVDQU T0, (FACTORS+32)(SAVE) \
	VMOVDQU T0, (FACTORS+64)(SAVE) \
	VMOVDQU T0, (FACTORS+96)(SAVE) \
	VMOVDQU T0, SAVED1(SAVE)       \
	VMOVDQU T0, SAVEDB(SAVE)       \
	LEAQ    POWER(1)(KEY), R11

// COUNTERS begins a group. BASE are the counters before its first two, with the
// first round key already added to them. They are 16 i and 16 i + 1, so that what
// follows differs in the last byte only, and there in some bits.
#define COUNTERS \
	VMOVDQU        SAVEDB(SAVE), BASE        \
	VPXOR          ahead<>+0(SB), BASE, S0   \
	VPXOR          ahead<>+32(SB), BASE, S1  \
	VPXOR          ahead<>+64(SB), BASE, S2  \
	VPXOR          ahead<>+96(SB), BASE, S3  \
	VPXOR          ahead<>+128(SB), BASE, S4 \
	VPXOR          ahead<>+160(SB), BASE, S5 \
	VPXOR          ahead<>+192(SB), BASE, S6 \
	VMOVDQU        SAVEDN(SAVE), RK          \
	VPADDD         sixteen<>(SB), RK, RK     \
	VMOVDQU        RK, SAVEDN(SAVE)          \
	VPSHUFB        rev<>(SB), RK, BASE       \
	VBROADCASTI128 ROUNDKEY(0)(KEY), RK      \
	VPXOR          RK, BASE, BASE            \
	VMOVDQU        BASE, SAVEDB(SAVE)

#define ROUND(i) \
	VBROADCASTI128 ROUNDKEY(i)(KEY), RK \
	VAESENC        RK, S0, S0           \
	VAESENC        RK, S1, S1           \
	VAESENC        RK, S2, S2           \
	VAESENC        RK, S3, S3           \
	VAESENC        RK, S4, S4           \
	VAESENC        RK, S5, S5           \
	VAESENC        RK, S6, S6           \
	VAESENC        RK, S7, S7

// TEXT1 ends the encryption of a vector's counters, and adds the text.
#define TEXT1(off, s) \
	VAESENCLAST RK, s, s       \
	VPXOR       off(SRC), s, s \
	VMOVDQU     s, off(DST)

// GROUPEND does the rounds that AES-256 has and AES-128 has not, adds the text, and
// compares what is left with another group.
#define GROUPEND(done) \
	CMPQ           LAST, $160                   \
	JEQ            done                         \
	ROUND(10)                                   \
	ROUND(11)                                   \
	ROUND(12)                                   \
	ROUND(13)                                   \
done:                                               \
	VBROADCASTI128 ROUNDKEY(0)(KEY)(LAST*1), RK \
	TEXT1(0, S0)                                \
	TEXT1(32, S1)                               \
	TEXT1(64, S2)                               \
	TEXT1(96, S3)                               \
	TEXT1(128, S4)                              \
	TEXT1(160, S5)                              \
	TEXT1(192, S6)                              \
	TEXT1(224, S7)                              \
	ADDQ           $256, SRC                    \
	ADDQ           $256, DST                    \
	SUBQ           $256, LEFT                   \
	CMPQ           LEFT, $256

// Where the ciphertext is that is hashed: this group's or the last one's.
#define HERE(off) off(SRC)
#define BEHIND(off) (off-256)(DST)

// LOAD has vector v of the ciphertext in T0, and HALVES the sums of its halves in T1.
#define LOAD(where, v) \
	VMOVDQU where(32*v), T0 \
	VPSHUFB rev<>(SB), T0, T0

#define HALVES \
	VPSHUFD $0x4e, T0, T1 \
	VPXOR   T0, T1, T1

// BEGIN3 begins a sum with vector v, and ADD3 adds vector v to it, with three
// multiplications instead of four (Karatsuba). half says where in FACTORS the sum of
// its powers' halves is. MID has too much by LO and HI until CROSS.
#define BEGIN3(v, half) \
	VPCLMULQDQ $0x00, POWER(16-2*v)(KEY), T0, LO      \
	VPCLMULQDQ $half, (FACTORS+v/2*32)(SAVE), T1, MID \
	VPCLMULQDQ $0x11, POWER(16-2*v)(KEY), T0, HI

#define ADD3(v, half) \
	VPCLMULQDQ $0x00, POWER(16-2*v)(KEY), T0, T2     \
	VPCLMULQDQ $half, (FACTORS+v/2*32)(SAVE), T1, T1 \
	VPCLMULQDQ $0x11, POWER(16-2*v)(KEY), T0, T0     \
	VPXOR      T2, LO, LO                            \
	VPXOR      T1, MID, MID                          \
	VPXOR      T0, HI, HI

#define CROSS \
	VPXOR LO, MID, MID \
	VPXOR HI, MID, MID

// FOLDLO and then FOLDMID leave the remainder of a sum in HASH, which are REDUCE and
// ONELANE in two parts.
#define FOLDLO \
	CROSS                                \
	VPCLMULQDQ $0x00, poly<>(SB), LO, T0 \
	VPSHUFD    $0x4e, LO, T1             \
	VPXOR      T0, MID, MID              \
	VPXOR      T1, MID, MID

#define FOLDMID \
	VPCLMULQDQ $0x00, poly<>(SB), MID, T0 \
	VPSHUFD    $0x4e, MID, T1             \
	VPXOR      T0, HI, HI                 \
	VPXOR      T1, HI, HI                 \
	ONELANE(X15)

// ONELANE adds up the lanes of HI.
#define ONELANE(to) \
	VEXTRACTI128 $1, HI, X11 \
	VPXOR        X11, X10, to

// NEXT is a group, while a sum is ended and one of a group's ciphertext is made. The
// vector that waits for the sum comes last.
#define NEXT(where, done) \
	COUNTERS           \
	ROUND(1)           \
	FOLDLO             \
	ROUND(2)           \
	FOLDMID            \
	LOAD(where, 7)     \
	HALVES             \
	ROUND(3)           \
	BEGIN3(7, 0x10)    \
	LOAD(where, 6)     \
	HALVES             \
	ROUND(4)           \
	ADD3(6, 0x00)      \
	LOAD(where, 5)     \
	HALVES             \
	ROUND(5)           \
	ADD3(5, 0x10)      \
	LOAD(where, 4)     \
	HALVES             \
	ROUND(6)           \
	ADD3(4, 0x00)      \
	LOAD(where, 3)     \
	HALVES             \
	ROUND(7)           \
	ADD3(3, 0x10)      \
	LOAD(where, 2)     \
	HALVES             \
	ROUND(8)           \
	ADD3(2, 0x00)      \
	LOAD(where, 1)     \
	HALVES             \
	ROUND(9)           \
	ADD3(1, 0x10)      \
	LOAD(where, 0)     \
	VPXOR HASH, T0, T0 \
	HALVES             \
	ADD3(0, 0x00)      \
	GROUPEND(done)

// ALONE is the group before which there is none to hash.
#define ALONE \
	COUNTERS \
	ROUND(1) \
	ROUND(2) \
	ROUND(3) \
	ROUND(4) \
	ROUND(5) \
	ROUND(6) \
	ROUND(7) \
	ROUND(8) \
	ROUND(9) \
	GROUPEND(alone)

// HASHGROUP is a group's sum while there is nothing else to do.
#define HASHGROUP(where) \
	FOLDLO             \
	FOLDMID            \
	LOAD(where, 7)     \
	HALVES             \
	BEGIN3(7, 0x10)    \
	LOAD(where, 6)     \
	HALVES             \
	ADD3(6, 0x00)      \
	LOAD(where, 5)     \
	HALVES             \
	ADD3(5, 0x10)      \
	LOAD(where, 4)     \
	HALVES             \
	ADD3(4, 0x00)      \
	LOAD(where, 3)     \
	HALVES             \
	ADD3(3, 0x10)      \
	LOAD(where, 2)     \
	HALVES             \
	ADD3(2, 0x00)      \
	LOAD(where, 1)     \
	HALVES             \
	ADD3(1, 0x10)      \
	LOAD(where, 0)     \
	VPXOR HASH, T0, T0 \
	HALVES             \
	ADD3(0, 0x00)

// HASHENDS begins the sum of the rest with what comes before it and the lengths,
// which come behind. Before it comes the additional data, still to be multiplied
// once, or the hash so far; R11 is its power if nothing were left. R12 is set to
// that of the rest's first block.
#define HASHENDS \
	LEAQ        15(LEFT), BX              \
	ANDQ        $-16, BX                  \
	SUBQ        BX, R11                   \
	LEAQ        POWER(1)(KEY), R12        \
	SUBQ        BX, R12                   \
	MOVQ        aadBits+56(FP), AX        \
	MOVQ        n+24(FP), BX              \
	SHLQ        $3, BX                    \
	VMOVQ       BX, X11                   \
	VPINSRQ     $1, AX, X11, X11          \
	VINSERTI128 $1, X11, HASH, HASH       \
	VMOVDQU     (R11), X11                \
	VINSERTI128 $1, POWER(1)(KEY), T0, T0 \
	PRODUCT(HASH, T0, T1, LO, MID, HI)    \
	CROSS

// ROUNDS2, ROUNDS4 and ROUNDS8 are all rounds but the last of the rest's counters, up
// to BX, and of the tag's mask.
#define ROUNDS2(again) \
again:                            \
	VBROADCASTI128 (AX), RK   \
	VAESENC        RK, EJ, EJ \
	VAESENC        RK, S0, S0 \
	VAESENC        RK, S1, S1 \
	ADDQ           $16, AX    \
	CMPQ           AX, BX     \
	JNE            again

#define ROUNDS4(again) \
again:                            \
	VBROADCASTI128 (AX), RK   \
	VAESENC        RK, EJ, EJ \
	VAESENC        RK, S0, S0 \
	VAESENC        RK, S1, S1 \
	VAESENC        RK, S2, S2 \
	VAESENC        RK, S3, S3 \
	ADDQ           $16, AX    \
	CMPQ           AX, BX     \
	JNE            again

#define ROUNDS8(again) \
again:                            \
	VBROADCASTI128 (AX), RK   \
	VAESENC        RK, EJ, EJ \
	VAESENC        RK, S0, S0 \
	VAESENC        RK, S1, S1 \
	VAESENC        RK, S2, S2 \
	VAESENC        RK, S3, S3 \
	VAESENC        RK, S4, S4 \
	VAESENC        RK, S5, S5 \
	VAESENC        RK, S6, S6 \
	VAESENC        RK, S7, S7 \
	ADDQ           $16, AX    \
	CMPQ           AX, BX     \
	JNE            again

// KEYSTREAM is the rest's, two, four or eight vectors of it, and the tag's mask.
#define KEYSTREAM \
	VMOVDQA        FIRST, EJ                    \
	LEAQ           ROUNDKEY(1)(KEY), AX         \
	LEAQ           ROUNDKEY(0)(KEY)(LAST*1), BX \
	VPXOR          ahead<>+0(SB), BASE, S0      \
	VPXOR          ahead<>+32(SB), BASE, S1     \
	VPXOR          ahead<>+64(SB), BASE, S2     \
	VPXOR          ahead<>+96(SB), BASE, S3     \
	CMPQ           LEFT, $128                   \
	JHI            over4                        \
	CMPQ           LEFT, $64                    \
	JHI            over2                        \
	ROUNDS2(rounds2)                            \
	JMP            lastround                    \
over2:                                              \
	ROUNDS4(rounds4)                            \
	JMP            lastround                    \
over4:                                              \
	VBROADCASTI128 ROUNDKEY(0)(KEY), RK         \
	VPXOR          RK, BASE, T0                 \
	VPSHUFB        rev<>(SB), T0, T0            \
	VPADDD         sixteen<>(SB), T0, T0        \
	VPSHUFB        rev<>(SB), T0, T0            \
	VPXOR          ahead<>+128(SB), BASE, S4    \
	VPXOR          ahead<>+160(SB), BASE, S5    \
	VPXOR          ahead<>+192(SB), BASE, S6    \
	VPXOR          RK, T0, S7                   \
	ROUNDS8(rounds8)                            \
	VBROADCASTI128 (BX), RK                     \
	VAESENCLAST    RK, S4, S4                   \
	VAESENCLAST    RK, S5, S5                   \
	VAESENCLAST    RK, S6, S6                   \
	VAESENCLAST    RK, S7, S7                   \
lastround:                                          \
	VBROADCASTI128 (BX), RK                     \
	VAESENCLAST    RK, EJ, EJ                   \
	VAESENCLAST    RK, S0, S0                   \
	VAESENCLAST    RK, S1, S1                   \
	VAESENCLAST    RK, S2, S2                   \
	VAESENCLAST    RK, S3, S3

// ADD adds T0 times the powers at R12 to the sum, in three multiplications, too.
#define ADD \
	VPSHUFD    $0x4e, T0, T1        \
	VPSHUFD    $0x4e, (R12), T2     \
	VPXOR      T0, T1, T1           \
	VPXOR      (R12), T2, T2        \
	VPCLMULQDQ $0x00, T2, T1, T1    \
	VPCLMULQDQ $0x00, (R12), T0, T2 \
	VPCLMULQDQ $0x11, (R12), T0, T0 \
	VPXOR      T1, MID, MID         \
	VPXOR      T2, LO, LO           \
	VPXOR      T0, HI, HI

#define ADVANCE(n) \
	ADDQ $n, SRC \
	ADDQ $n, DST \
	ADDQ $n, R12 \
	SUBQ $n, LEFT

// WHOLE is as many vectors as there are, and a block if there is one. The keystream
// moves down as it is used up: S0 is always next. What was loaded is in T0 and X11, and
// what is stored in T1 and X12; sum and sumX say which of them is ciphertext.
#define WHOLE(sum, sumX) \
vector:                                   \
	CMPQ         LEFT, $32            \
	JCS          block                \
	VMOVDQU      (SRC), T0            \
	VPXOR        T0, S0, T1           \
	VMOVDQU      T1, (DST)            \
	VPSHUFB      rev<>(SB), sum, T0   \
	ADD                               \
	ADVANCE(32)                       \
	VMOVDQA      S1, S0               \
	VMOVDQA      S2, S1               \
	VMOVDQA      S3, S2               \
	VMOVDQA      S4, S3               \
	VMOVDQA      S5, S4               \
	VMOVDQA      S6, S5               \
	VMOVDQA      S7, S6               \
	JMP          vector               \
block:                                    \
	CMPQ         LEFT, $16            \
	JCS          bytes                \
	VMOVDQU      (SRC), X11           \
	VPXOR        X11, X0, X12         \
	VMOVDQU      X12, (DST)           \
	VPSHUFB      rev<>(SB), sumX, X11 \
	ADD                               \
	ADVANCE(16)                       \
	VEXTRACTI128 $1, S0, X0           \
bytes:

// REST is what is left, up to 255 bytes, and the tag, in X10. last leaves the ciphertext
// of the bytes that are no whole block in X11, with zeros behind it.
#define REST(sum, sumX, last) \
	HASHENDS                         \
	KEYSTREAM                        \
	WHOLE(sum, sumX)                 \
	TESTQ        LEFT, LEFT          \
	JEQ          tag                 \
	last                             \
	VPSHUFB      rev<>(SB), X11, X11 \
	ADD                              \
tag:                                     \
	CROSS                            \
	REDUCE(T0, T1, LO, MID, HI)      \
	ONELANE(X10)                     \
	VEXTRACTI128 $1, EJ, X15         \
	VPSHUFB      rev<>(SB), X10, X10 \
	VPXOR        X15, X10, X10

// SEALLAST and OPENLAST are REST's last. They store and load a whole block where the
// tag is, and nothing beyond the bytes elsewhere.
#define SEALLAST \
	MOVQ    SRC, AX           \
	MOVQ    LEFT, BX          \
	CALL    load<>(SB)        \
	LEAQ    ones<>+16(SB), AX \
	SUBQ    LEFT, AX          \
	VPXOR   X11, X0, X11      \
	VPAND   (AX), X11, X11    \
	VMOVDQU X11, (DST)

#define OPENLAST \
	LEAQ    ones<>+16(SB), AX \
	SUBQ    LEFT, AX          \
	VMOVDQU (SRC), X11        \
	VPXOR   X11, X0, X12      \
	VPAND   (AX), X11, X11    \
	MOVQ    DST, AX           \
	MOVQ    LEFT, BX          \
	CALL    store<>(SB)

// func seal256(k *key, dst, src *byte, n int, nonce, aad *byte, aadLen, aadBits int)
TEXT ·seal256(SB), NOSPLIT, $256-64
	START
	CMPQ LEFT, $256
	JCS  rest
	LONG
	ALONE
	JCS  last
	PCALIGN $64
loop:
	NEXT(BEHIND, next)
	JCC  loop
last:
	HASHGROUP(BEHIND)
	SHORT
rest:
	REST(T1, X12, SEALLAST)
	VMOVDQU X10, (DST)(LEFT*1)
	VZEROALL
	RET

// func open256(k *key, dst, src *byte, n int, nonce, aad *byte, aadLen, aadBits int) bool
TEXT ·open256(SB), NOSPLIT, $256-65
	START
	CMPQ LEFT, $256
	JCS  rest
	LONG
	PCALIGN $64
loop:
	NEXT(HERE, next)
	JCC  loop
	SHORT
rest:
	REST(T0, X11, OPENLAST)
	VPXOR  (SRC)(LEFT*1), X10, X10
	VPTEST X10, X10
	SETEQ  ret+64(FP)
	VZEROALL
	RET

// load loads BX bytes, up to 15, from AX to X11, and zeros behind them, from the
// last to the first.
TEXT load<>(SB), NOSPLIT|NOFRAME, $0-0
	ADDQ    BX, AX
	XORL    R9, R9
	TESTQ   $1, BX
	JEQ     two
	DECQ    AX
	MOVBLZX (AX), R9
two:
	TESTQ   $2, BX
	JEQ     four
	SUBQ    $2, AX
	MOVWLZX (AX), CX
	SHLQ    $16, R9
	ORQ     CX, R9
four:
	TESTQ   $4, BX
	JEQ     eight
	SUBQ    $4, AX
	MOVL    (AX), CX
	SHLQ    $32, R9
	ORQ     CX, R9
eight:
	VMOVQ   R9, X11
	TESTQ   $8, BX
	JEQ     done
	VPSLLDQ $8, X11, X11
	VMOVQ   -8(AX), X12
	VPOR    X12, X11, X11
done:
	RET

// store stores the first BX bytes of X12, up to 15, at AX.
TEXT store<>(SB), NOSPLIT|NOFRAME, $0-0
	VMOVQ   X12, R9
	TESTQ   $8, BX
	JEQ     four
	MOVQ    R9, (AX)
	VPEXTRQ $1, X12, R9
	ADDQ    $8, AX
four:
	TESTQ   $4, BX
	JEQ     two
	MOVL    R9, (AX)
	SHRQ    $32, R9
	ADDQ    $4, AX
two:
	TESTQ   $2, BX
	JEQ     one
	MOVW    R9, (AX)
	SHRQ    $16, R9
	ADDQ    $2, AX
one:
	TESTQ   $1, BX
	JEQ     done
	MOVB    R9, (AX)
done:
	RET
