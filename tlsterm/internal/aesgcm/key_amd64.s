//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "key_amd64.h"
#include "ghash_amd64.h"

// What is done once for a key, or rarely, a block at a time. Each kernel's
// processors have these instructions.

#define KEY R8

// 1/x, which is x^127 + x^6 + x + 1, reflected.
DATA inverse<>+0(SB)/8, $0x0000000000000001
DATA inverse<>+8(SB)/8, $0xc200000000000000
GLOBL inverse<>(SB), RODATA|NOPTR, $16

// func multiply(k *key, y *[16]byte)
TEXT ·multiply(SB), NOSPLIT, $0-16
	MOVQ    k+0(FP), KEY
	MOVQ    y+8(FP), AX
	VMOVDQU (AX), X10
	VPSHUFB rev<>(SB), X10, X10
	VMOVDQU POWER(1)(KEY), X11
	PRODUCT(X10, X11, X12, X8, X9, X10)
	REDUCE(X11, X12, X8, X9, X10)
	VPSHUFB rev<>(SB), X10, X10
	VMOVDQU X10, (AX)
	VZEROALL
	RET

// func raise(k *key)
TEXT ·raise(SB), NOSPLIT, $0-8
	MOVQ k+0(FP), KEY

	// H is zero encrypted.
	VMOVDQU ROUNDKEY(0)(KEY), X0
	LEAQ    ROUNDKEY(1)(KEY), AX
	MOVQ    key_rounds(KEY), CX
	DECQ    CX
rounds:
	VAESENC (AX), X0, X0
	ADDQ    $16, AX
	DECQ    CX
	JNE     rounds
	VAESENCLAST (AX), X0, X0
	VPSHUFB rev<>(SB), X0, X0

	// It is divided by x: doubled, and 1/x added if 1 was lost.
	VPSHUFD $0xff, X0, X1
	VPSRAD  $31, X1, X1
	VPAND   inverse<>(SB), X1, X1
	VPSRLQ  $63, X0, X2
	VPSLLDQ $8, X2, X2
	VPADDQ  X0, X0, X0
	VPXOR   X2, X0, X0
	VPXOR   X1, X0, X0

	LEAQ    POWER(1)(KEY), AX
	VMOVDQU X0, (AX)
	VMOVDQA X0, X10
	MOVQ    $const_powers-1, CX
powers:
	PRODUCT(X10, X0, X12, X8, X9, X10)
	REDUCE(X11, X12, X8, X9, X10)
	SUBQ    $16, AX
	VMOVDQU X10, (AX)
	DECQ    CX
	JNE     powers
	VZEROALL
	RET

// func subWord(w uint32) uint32
TEXT ·subWord(SB), NOSPLIT, $0-12
	MOVL             w+0(FP), AX
	VMOVD            AX, X0
	VPSHUFD          $0, X0, X0
	VAESKEYGENASSIST $0, X0, X0
	VMOVD            X0, AX
	VZEROALL
	MOVL             AX, ret+8(FP)
	RET
