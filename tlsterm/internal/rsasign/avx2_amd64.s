#include "textflag.h"

// See avx2.go for where numbers lie in memory, and kernel.go for what is computed.
// n is -1 modulo 2^28, and (n+1)/2^28 is what is in memory, here m. A sum begins
// with as many vectors of zeros as a number has, and for each digit of b, a row, its
// beginning moves up by one:
//
//	for i = 0 … rows-1:
//	    sum[i:]  += a·b[i]
//	    f         = lane 0 of sum[i] mod 2^28
//	    sum[i+1:] += f·m, and in lane 0 ⌊sum[i]/2^28⌋    which is (sum[i:] + f·n)/2^28,
//	    sum[i+vectors] = lanes 1 to 3 of sum[i], one lane lower     but for these lanes
//
// for lane 1 of a vector is worth what lane 0 is, one number's length further up.
// What a digit of the sum takes in before it is a row's lowest are products of two
// digits of a and b, or of f and m, 76 of each at most, each below 2^56 + 2^39, and
// what the digit below gives, less than 2^36: 64 bits hold it.
//
// Two rows are done at a time, because each vector of the sum is then loaded and
// stored once for four products. Both factors of two rows are found (factors)
// before what the rows are besides (columns) for the other modulus, which is the
// work that the processor has while it waits for them:
//
//	columns A │ factors A │ columns B │ factors B │ columns A …
//	  row i       row i+2     row i       row i+2     row i+2
//
// DI sum[i], BX m, SI a, which is z, R8 b[i]; TWICE 1 for squares, else 0; R10 the
// length of a number, CX how far b[i] is from where its lane begins, R11 from A to B,
// DX the room, R13 rows left, R15 squarings left. Y0 to Y3 are for whoever needs them.

#define B0 Y4
#define B1 Y5
#define D0 Y10
#define D1 Y12
#define TWICE Y13
#define MASK Y11
#define ZERO Y15

// FACTOR sets f to the lowest digit of sum.
#define FACTOR(sum, f, fx) \
	VPAND        MASK, sum, f; \
	VPBROADCASTQ fx, f

// OVER is what the lowest digit gives to the next.
#define OVER(sumx, overx) \
	VPSRLQ $28, sumx, overx; \
	VMOVQ  overx, overx

// FOLD moves lanes 1 to 3 one lane down.
#define FOLD(sum, spare) \
	VPERM2I128 $0x81, sum, sum, spare; \
	VPALIGNR   $8, sum, spare, sum

// FULL adds the four products of a vector at AX, two of them with a there and
// below.
#define FULL(offset, b0, b1) \
	VPMULUDQ (offset)(SI)(AX*1), b0, Y0; \
	VPMULUDQ (offset-32)(SI)(AX*1), b1, Y1; \
	VPMULUDQ (offset-32)(BX)(AX*1), F0, Y2; \
	VPMULUDQ (offset-64)(BX)(AX*1), F1, Y3; \
	VPADDQ   (offset)(DI)(AX*1), Y0, Y0; \
	VPADDQ   Y2, Y1, Y1; \
	VPADDQ   Y3, Y0, Y0; \
	VPADDQ   Y1, Y0, Y0; \
	VMOVDQU  Y0, (offset)(DI)(AX*1)

// HALF adds those of m only.
#define HALF(offset) \
	VPMULUDQ (offset-32)(BX)(AX*1), F0, Y2; \
	VPMULUDQ (offset-64)(BX)(AX*1), F1, Y3; \
	VPADDQ   (offset)(DI)(AX*1), Y2, Y2; \
	VPADDQ   Y3, Y2, Y2; \
	VMOVDQU  Y2, (offset)(DI)(AX*1)

// finish makes z of what is left of the sum, which is the product: it leaves 28 bits of
// each digit, in all lanes at the same time, and gives the rest to the vector above.
// What is above the highest vector goes to the lowest, one lane up, and what that has
// too much then to the vector over it, whose digits are left with less than
// 2^28 + 2^9. The first vectors of the sum become zeros again.
TEXT finish<>(SB), NOSPLIT|NOFRAME, $0
	LEAQ  (R10)(R9*1), R12
	MOVQ  R9, AX
	VPXOR Y0, Y0, Y0

carry:
	VPADDQ  64(DI)(AX*1), Y0, Y1
	VPSRLQ  $28, Y1, Y0
	VPAND   MASK, Y1, Y1
	VMOVDQU Y1, (SI)(AX*1)
	VMOVDQU ZERO, (DX)(AX*1)
	ADDQ    $32, AX
	CMPQ    AX, R12
	JLT     carry

	VPERMQ   $0x90, Y0, Y0
	VPBLENDD $3, ZERO, Y0, Y0
	VPADDQ   (SI)(R9*1), Y0, Y1
	VPSRLQ   $28, Y1, Y0
	VPAND    MASK, Y1, Y1
	VMOVDQU  Y1, (SI)(R9*1)
	VPADDQ   32(SI)(R9*1), Y0, Y0
	VMOVDQU  Y0, 32(SI)(R9*1)
	RET

#define COLUMNS columnsA<>
#define FACTORS factorsA<>
#define F0 Y6
#define F1 Y7
#define F0X X6
#define F1X X7
#include "avx2_rows_amd64.h"

#define COLUMNS columnsB<>
#define FACTORS factorsB<>
#define F0 Y8
#define F1 Y9
#define F0X X8
#define F1X X9
#include "avx2_rows_amd64.h"

// func multiplyAVX2(z, y, moduli, room *uint64, squarings, vectors, rows, apart int)
TEXT ·multiplyAVX2(SB), 0, $8-64
	MOVQ     moduli+16(FP), BX
	MOVQ     squarings+32(FP), R15
	MOVQ     vectors+40(FP), R10
	MOVQ     apart+56(FP), R11
	SHLQ     $5, R10
	SHLQ     $3, R11
	VPCMPEQQ MASK, MASK, MASK
	VPSRLQ   $36, MASK, MASK
	VPXOR    ZERO, ZERO, ZERO

	MOVQ     room+24(FP), DX
	MOVQ     z+0(FP), SI
	LEAQ     (DX)(R11*1), CX
	XORL     AX, AX

clear:
	VMOVDQU ZERO, (DX)(AX*1)
	VMOVDQU ZERO, (CX)(AX*1)
	ADDQ    $32, AX
	CMPQ    AX, R10
	JLT     clear

product:
	MOVQ  SI, R8
	MOVL  $1, AX
	TESTQ R15, R15
	JNE   start
	MOVQ  y+8(FP), R8
	XORL  AX, AX

start:
	VMOVQ        AX, X13
	VPBROADCASTQ X13, TWICE
	MOVQ rows+48(FP), R13
	LEAQ -64(DX), DI
	SUBQ $64, R8
	MOVQ $-64, CX
	XORL R9, R9
	CALL factorsA<>(SB)
	MOVQ R11, R9
	CALL factorsB<>(SB)

rows:
	ADDQ $64, DI
	ADDQ $64, R8
	ADDQ $64, CX
	CMPQ CX, R10
	JNE  twoRows
	XORL CX, CX
	SUBQ R10, R8
	ADDQ $8, R8

twoRows:
	SUBQ  $2, R13
	XORL  R9, R9
	CALL  columnsA<>(SB)
	MOVQ  R11, R9
	CALL  columnsB<>(SB)
	TESTQ R13, R13
	JNE   rows

	SUBQ $1, R15
	JGE  product

	VZEROUPPER
	RET
