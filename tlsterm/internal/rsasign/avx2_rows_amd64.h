// Two rows of the sum of A or of B, as the macros say that are defined before this
// is included: COLUMNS and FACTORS are the names, F0 and F1 the factors with
// F0X and F1X their lower lanes. R9 is how far the modulus' numbers are from A's.

// What is left of two rows, and then the next factors, or after the last rows the
// product. Squares multiply two digits in different vectors once only, by that in the
// higher vector, and take the product twice, but both ways if the two vectors are
// those that b[i] and b[i+1] are in: a is multiplied by b twice as large below
// these, by b as it is in them, and not at all above. R14 is where they are,
// R12 the end.
TEXT COLUMNS(SB), NOSPLIT|NOFRAME, $0
	VPBROADCASTQ (R8)(R9*1), B0
	VPBROADCASTQ 32(R8)(R9*1), B1
	VPSLLVQ      TWICE, B0, D0
	VPSLLVQ      TWICE, B1, D1
	LEAQ         -64(R10), R14
	TESTQ        R15, R15
	CMOVQNE      CX, R14
	ADDQ         R9, R14
	LEAQ         (R10)(R9*1), R12
	LEAQ         64(R9), AX
	CMPQ         AX, R14
	JEQ          highest
	JGT          above

below:
	FULL(0, D0, D1)
	FULL(32, D0, D1)
	ADDQ $64, AX
	CMPQ AX, R14
	JLT  below

highest:
	FULL(0, B0, D1)
	FULL(32, B0, B1)
	ADDQ $64, AX

above:
	VPMULUDQ -32(SI)(AX*1), B1, Y1
	VPMULUDQ -32(BX)(AX*1), F0, Y2
	VPMULUDQ -64(BX)(AX*1), F1, Y3
	VPADDQ   (DI)(AX*1), Y1, Y1
	VPADDQ   Y2, Y3, Y3
	VPADDQ   Y3, Y1, Y1
	VMOVDQU  Y1, (DI)(AX*1)
	CMPQ     AX, R12
	JEQ      top
	HALF(32)
	ADDQ     $64, AX
	CMPQ     AX, R12
	JEQ      last

half:
	HALF(0)
	HALF(32)
	ADDQ $64, AX
	CMPQ AX, R12
	JLT  half

last:
	HALF(0)

top:
	VPMULUDQ -32(BX)(AX*1), F1, Y3
	VPADDQ   32(DI)(AX*1), Y3, Y3
	VMOVDQU  Y3, 32(DI)(AX*1)
	TESTQ    R13, R13
	JEQ      product
	JMP      FACTORS(SB)

product:
	JMP finish<>(SB)

// The factors of the two rows after those at DI and R8, whose digits of the sum are
// made, and folded. R14 is how far b is in its lane.
TEXT FACTORS(SB), NOSPLIT|NOFRAME, $0
	LEAQ 64(R8)(R9*1), AX
	LEAQ 64(CX), R14
	CMPQ R14, R10
	JNE  inLane
	XORL R14, R14
	SUBQ R10, AX
	ADDQ $8, AX

inLane:
	VPBROADCASTQ (AX), B0
	VPBROADCASTQ 32(AX), B1
	TESTQ        R14, R14
	JEQ          once
	VPSLLVQ      TWICE, B0, B0
	VPSLLVQ      TWICE, B1, B1

once:
	LEAQ         (R10)(R9*1), R14
	VPMULUDQ     (SI)(R9*1), B0, Y0
	VPADDQ       64(DI)(R9*1), Y0, Y0
	FACTOR(Y0, F0, F0X)
	VPMULUDQ     32(SI)(R9*1), B0, Y1
	VPMULUDQ     (SI)(R9*1), B1, Y2
	OVER(X0, X3)
	VPADDQ       96(DI)(R9*1), Y1, Y1
	VPADDQ       Y2, Y3, Y3
	VPADDQ       Y3, Y1, Y1
	VPMULUDQ     (BX)(R9*1), F0, Y2
	FOLD(Y0, Y3)
	VMOVDQU      Y0, 64(DI)(R14*1)
	VPADDQ       Y2, Y1, Y1
	FACTOR(Y1, F1, F1X)
	OVER(X1, X2)
	VPADDQ       128(DI)(R9*1), Y2, Y2
	VMOVDQU      Y2, 128(DI)(R9*1)
	FOLD(Y1, Y3)
	VMOVDQU      Y1, 96(DI)(R14*1)
	RET

#undef COLUMNS
#undef FACTORS
#undef F0
#undef F1
#undef F0X
#undef F1X
