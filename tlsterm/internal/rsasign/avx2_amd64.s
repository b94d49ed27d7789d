#include "textflag.h"

// See avx2.go for where numbers lie in memory, and kernel.go for what is computed.
// Both moduli's products are made side by side. A sum begins with as many vectors
// of zeros as a number has, and its beginning moves up by one with each row:
//
//	for i = 0 … rows-1:
//	    sum[i:]   += a·b[i]
//	    f          = lane 0 of sum[i] mod 2^28
//	    sum[i+1:] += f·n, and lane 0 of sum[i]/2^28
//	    sum[i+vectors] = sum[i] without lane 0, the others one lane lower
//
// A vector of the sum has in lane 1 what is worth as much as lane 0 of the vector
// one number's length further up: 28 bits times the vectors. With each i, 80 at
// most, a digit of the sum takes in less than 2^57.1: 64 bits hold it.
//
// Two rows are done at a time, because each vector of the sum is then loaded and
// stored once for four products. Both factors of two rows are found (factors)
// before the rest of the rows (columns) of the other modulus, which are the work
// that the processor has while it waits for them:
//
//	columns A │ factors A │ columns B │ factors B │ columns A …
//	  rows i     i+2         i           i+2         i+2
//
// DI sum[i], BX n, R8 b[i]; SI a, and DX too, which differ in squares; R10 the
// length of a number, CX how far b[i] is from the beginning of its lane; R11 from A
// to B of a pair, R12 from A's room to B's; R13 rows left, R15 squarings left.

#define B0 Y4
#define B1 Y5
#define F0 Y8
#define F1 Y9
#define OTHERF0 Y6
#define OTHERF1 Y7
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

#define FOLD(sum, spare) \
	VPERM2I128 $0x81, sum, sum, spare; \
	VPALIGNR   $8, sum, spare, sum

// factors is for the rows after those at DI and R8: it makes the two lowest digits
// of the sum, sets F0 and F1, and folds them. It uses AX, R9 and R14.
TEXT factors<>(SB), NOSPLIT|NOFRAME, $0
	LEAQ 64(R8), R9
	LEAQ 64(CX), R14
	CMPQ R14, R10
	JNE  inLane
	XORL R14, R14
	SUBQ R10, R9
	ADDQ $8, R9

inLane:
	MOVQ         SI, AX
	TESTQ        R14, R14
	CMOVQEQ      DX, AX
	VPBROADCASTQ (R9), B0
	VPBROADCASTQ 32(R9), B1
	VPMULUDQ     (AX), B0, Y0
	VPADDQ       64(DI), Y0, Y0
	FACTOR(Y0, F0, X8)
	VPMULUDQ     32(AX), B0, Y1
	VPMULUDQ     (AX), B1, Y2
	OVER(X0, X3)
	VPADDQ       96(DI), Y1, Y1
	VPADDQ       Y2, Y3, Y3
	VPADDQ       Y3, Y1, Y1
	VPMULUDQ     (BX), F0, Y2
	FOLD(Y0, Y3)
	VMOVDQU      Y0, 64(DI)(R10*1)
	VPADDQ       Y2, Y1, Y1
	FACTOR(Y1, F1, X9)
	OVER(X1, X2)
	VPADDQ       128(DI), Y2, Y2
	VMOVDQU      Y2, 128(DI)
	FOLD(Y1, Y3)
	VMOVDQU      Y1, 96(DI)(R10*1)
	RET

// FULL adds the four products of a vector at AX; a0 and a1 are a there and below.
#define FULL(offset, a0, a1) \
	VPMULUDQ a0, B0, Y0; \
	VPMULUDQ a1, B1, Y1; \
	VPMULUDQ (offset-32)(BX)(AX*1), F0, Y2; \
	VPMULUDQ (offset-64)(BX)(AX*1), F1, Y3; \
	VPADDQ   (offset)(DI)(AX*1), Y0, Y0; \
	VPADDQ   Y2, Y1, Y1; \
	VPADDQ   Y3, Y0, Y0; \
	VPADDQ   Y1, Y0, Y0; \
	VMOVDQU  Y0, (offset)(DI)(AX*1)

// HALF adds those of n only.
#define HALF(offset) \
	VPMULUDQ (offset-32)(BX)(AX*1), F0, Y2; \
	VPMULUDQ (offset-64)(BX)(AX*1), F1, Y3; \
	VPADDQ   (offset)(DI)(AX*1), Y2, Y2; \
	VPADDQ   Y3, Y2, Y2; \
	VMOVDQU  Y2, (offset)(DI)(AX*1)

// columns adds to the sum what is left of two rows. In products a is at SI and at
// DX. Squares multiply two digits in different vectors once only, by that in
// the higher vector, and take the product twice, but both ways if the two vectors
// are those that b[i] and b[i+1] are in: below these a is that at SI, twice as
// large; in them that at DX; above them nothing. It uses AX and R14.
TEXT columns<>(SB), NOSPLIT|NOFRAME, $0
	VPBROADCASTQ (R8), B0
	VPBROADCASTQ 32(R8), B1
	LEAQ         -64(R10), R14
	TESTQ        R15, R15
	CMOVQNE      CX, R14
	MOVL         $64, AX
	CMPQ         AX, R14
	JEQ          highest
	JGT          above

below:
	FULL(0, (SI)(AX*1), -32(SI)(AX*1))
	FULL(32, 32(SI)(AX*1), (SI)(AX*1))
	ADDQ $64, AX
	CMPQ AX, R14
	JLT  below

highest:
	FULL(0, (DX)(AX*1), -32(SI)(AX*1))
	FULL(32, 32(DX)(AX*1), (DX)(AX*1))
	ADDQ $64, AX

above:
	VPMULUDQ -32(DX)(AX*1), B1, Y1
	VPMULUDQ -32(BX)(AX*1), F0, Y2
	VPMULUDQ -64(BX)(AX*1), F1, Y3
	VPADDQ   (DI)(AX*1), Y1, Y1
	VPADDQ   Y2, Y3, Y3
	VPADDQ   Y3, Y1, Y1
	VMOVDQU  Y1, (DI)(AX*1)
	CMPQ     AX, R10
	JEQ      top
	HALF(32)
	ADDQ     $64, AX
	CMPQ     AX, R10
	JEQ      last

half:
	HALF(0)
	HALF(32)
	ADDQ $64, AX
	CMPQ AX, R10
	JLT  half

last:
	HALF(0)

top:
	VPMULUDQ -32(BX)(AX*1), F1, Y3
	VPADDQ   32(DI)(AX*1), Y3, Y3
	VMOVDQU  Y3, 32(DI)(AX*1)
	RET

// OTHER turns from A to B, SAME back.
#define OTHER \
	ADDQ R11, R8; \
	ADDQ R11, DX; \
	ADDQ R11, BX; \
	ADDQ R12, DI; \
	ADDQ R12, SI; \
	SWAP

#define SAME \
	SUBQ R11, R8; \
	SUBQ R11, DX; \
	SUBQ R11, BX; \
	SUBQ R12, DI; \
	SUBQ R12, SI; \
	SWAP

#define SWAP \
	VMOVDQA F0, Y0; \
	VMOVDQA F1, Y1; \
	VMOVDQA OTHERF0, F0; \
	VMOVDQA OTHERF1, F1; \
	VMOVDQA Y0, OTHERF0; \
	VMOVDQA Y1, OTHERF1

// CARRY leaves 28 bits of a vector of the sum, which go to z, and adds to it what
// the vector below had above them.
#define CARRY(sum, z, over, digit) \
	VPADDQ  sum, over, digit; \
	VPSRLQ  $28, digit, over; \
	VPAND   MASK, digit, digit; \
	VMOVDQU digit, z

// AROUND adds what the highest vector had above them to the lowest, one lane up,
// and what that has above them then to the vector over it, whose digits are left
// with less than 2^28 + 2^9.
#define AROUND(z, over, digit) \
	VPERMQ   $0x90, over, over; \
	VPBLENDD $3, ZERO, over, over; \
	VPADDQ   (z), over, digit; \
	VPSRLQ   $28, digit, over; \
	VPAND    MASK, digit, digit; \
	VMOVDQU  digit, (z); \
	VPADDQ   32(z), over, over; \
	VMOVDQU  over, 32(z)

// func multiplyAVX2(z, y, moduli, room *uint64, squarings, vectors, rows int)
TEXT ·multiplyAVX2(SB), 0, $8-56
	MOVQ     moduli+16(FP), BX
	MOVQ     squarings+32(FP), R15
	MOVQ     vectors+40(FP), R10
	MOVQ     rows+48(FP), R12
	LEAQ     (R12)(R10*2), R12
	SHLQ     $5, R12
	SHLQ     $5, R10
	LEAQ     64(R10), R11
	VPCMPEQQ MASK, MASK, MASK
	VPSRLQ   $36, MASK, MASK
	VPXOR    ZERO, ZERO, ZERO

product:
	MOVQ room+24(FP), DI
	LEAQ (DI)(R12*1), SI
	SUBQ R10, SI
	MOVQ z+0(FP), DX
	MOVQ DX, R8
	MOVL $1, AX
	TESTQ R15, R15
	JNE  start
	MOVQ y+8(FP), R8
	XORL AX, AX

	// The sums become zero, and a at SI z, or for squares twice z.
start:
	VMOVQ AX, X3
	LEAQ (DI)(R12*1), CX
	LEAQ (SI)(R12*1), R9
	LEAQ (DX)(R11*1), R14
	XORL AX, AX

clear:
	VMOVDQU (DX)(AX*1), Y0
	VMOVDQU (R14)(AX*1), Y1
	VPSLLQ  X3, Y0, Y0
	VPSLLQ  X3, Y1, Y1
	VMOVDQU Y0, (SI)(AX*1)
	VMOVDQU Y1, (R9)(AX*1)
	VMOVDQU ZERO, (DI)(AX*1)
	VMOVDQU ZERO, (CX)(AX*1)
	ADDQ    $32, AX
	CMPQ    AX, R10
	JLT     clear

	MOVQ rows+48(FP), R13
	SUBQ $64, DI
	SUBQ $64, R8
	MOVQ $-64, CX
	CALL factors<>(SB)
	OTHER
	CALL factors<>(SB)
	SAME

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
	SUBQ $2, R13
	JEQ  lastRows
	CALL columns<>(SB)
	CALL factors<>(SB)
	OTHER
	CALL columns<>(SB)
	CALL factors<>(SB)
	SAME
	JMP  rows

lastRows:
	CALL columns<>(SB)
	OTHER
	CALL columns<>(SB)
	SAME

	// What is left of the sums is the product. All their digits are made 28 bits
	// long, those in all lanes at the same time.
	LEAQ  64(DI)(R12*1), CX
	LEAQ  (DX)(R11*1), R14
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	XORL  AX, AX

carry:
	CARRY(64(DI)(AX*1), (DX)(AX*1), Y0, Y2)
	CARRY((CX)(AX*1), (R14)(AX*1), Y1, Y3)
	ADDQ $32, AX
	CMPQ AX, R10
	JLT  carry
	AROUND(DX, Y0, Y2)
	AROUND(R14, Y1, Y3)

	SUBQ $1, R15
	JGE  product

	VZEROUPPER
	RET
