// The body of multiply20, multiply30 and multiply40, whose numbers have 3, 4 and
// 5 vectors of 8 digits. VECTORS is their number; FOUR is defined if there is a
// fourth, FIVE if there is a fifth. See kernel.go for what it computes and where
// numbers lie in memory. The method is that of S. Gueron and V. Krasnov,
// "Accelerating Big Integer Arithmetic Using Intel IFMA Extensions" (ARITH 2016).
//
// DI z, SI y, BX the moduli, R8 squarings.
//
// For both moduli, called A and B, whose dependencies are chains apart, so that
// the processor works at one while the other waits:
//
//	sum = lo(a·b[0])
//	for i = 0 … digits-1:
//	    f    = sum[0]·k mod 2^52                  k = -1/n mod 2^52
//	    over = ⌈sum[0]/2^52⌉                      sum[0] + lo(f·n[0]) is a multiple of 2^52
//	    sum  = sum shifted down by one digit
//	         + over                               in the lowest digit
//	         + hi(a·b[i]) + lo(a·b[i+1])          b[digits] is zero
//	         + hi(f·n)    + lo(f·n shifted down)
//
// lo and hi are the lower and upper 52 bits of the products, digit by digit; what
// stands above 52 bits in a digit is not multiplied. With each i, 40 at most, a
// digit of the sum takes in less than 2^55: 64 bits hold it.

// What the chains share. ONES is set for good; it serves to add one.
#define DIGIT Z20
#define NEXT Z21
#define FACTOR Z22
#define FACTORX X22
#define PART Z23
#define OVER Z24
#define KA Z25
#define KB Z26
#define MASK Z27
#define ONES Z28
#define ZERO Z29

// The moduli: n of A and of B, both once more shifted down, k of A and of B.
#define NA 0
#define NB (64*VECTORS)
#define DOWNA (128*VECTORS)
#define DOWNB (192*VECTORS)
#define KS (256*VECTORS)

// B of a pair begins one vector of zeros behind A.
#define PAIR (64*VECTORS+64)

#define FIRST(a, sum) \
	VPXORQ      sum, sum, sum; \
	VPMADD52LUQ DIGIT, a, sum

// STEP finds the factor and what goes over from the lowest digit. K1 selects
// that digit.
#define STEP(sum, k, b) \
	VPXORQ       FACTOR, FACTOR, FACTOR; \
	VPMADD52LUQ  k, sum, FACTOR; \
	VPADDQ       MASK, sum, OVER; \
	VPSRLQ.Z     $52, OVER, K1, OVER; \
	VPBROADCASTQ FACTORX, FACTOR; \
	VPBROADCASTQ b(DX), DIGIT; \
	VPBROADCASTQ (b+8)(DX), NEXT

// The additions are in this order because sum is waited for longest, and then
// the factor.
#define LOWEST(a, sum, above, n, down) \
	VPXORQ      PART, PART, PART; \
	VPMADD52HUQ DIGIT, a, PART; \
	VPMADD52LUQ NEXT, a, PART; \
	VPADDQ      OVER, PART, PART; \
	VPMADD52HUQ (n)(BX), FACTOR, PART; \
	VALIGNQ     $1, sum, above, sum; \
	VPMADD52LUQ (down)(BX), FACTOR, sum; \
	VPADDQ      PART, sum, sum

#define VECTOR(a, sum, above, n, down) \
	VPXORQ      PART, PART, PART; \
	VPMADD52HUQ DIGIT, a, PART; \
	VPMADD52LUQ NEXT, a, PART; \
	VPMADD52HUQ (n)(BX), FACTOR, PART; \
	VALIGNQ     $1, sum, above, sum; \
	VPMADD52LUQ (down)(BX), FACTOR, sum; \
	VPADDQ      PART, sum, sum

// The digits of a sum have up to 64 bits. SPLIT and RAISE give what is above 52
// to the next digit. Afterwards a digit is larger than 52 bits by one at most;
// MARK notes in R9 which are, and in R10 which would be with one more.
#define SPLIT(sum, over) \
	VPSRLQ $52, sum, over; \
	VPANDQ MASK, sum, sum

#define RAISE(sum, over, below) \
	VALIGNQ $7, below, over, over; \
	VPADDQ  over, sum, sum

#define MARK(sum, shift) \
	VPCMPUQ  $6, MASK, sum, K2; \
	VPCMPEQQ MASK, sum, K3; \
	KMOVB    K2, AX; \
	KMOVB    K3, CX; \
	SHLQ     $shift, AX; \
	SHLQ     $shift, CX; \
	ORQ      AX, R9; \
	ORQ      CX, R10

// CARRIES: adding the marks as numbers makes a carry run through the digits that
// pass it on. R9 becomes those that one is added to.
#define CARRIES \
	LEAQ (R10)(R9*2), R9; \
	XORQ R10, R9

#define ADDONE(sum, result) \
	KMOVB  R9, K2; \
	SHRQ   $8, R9; \
	VPSUBQ ONES, sum, K2, sum; \
	VPANDQ MASK, sum, result

	MOVL         $1, AX
	KMOVW        AX, K1
	VPTERNLOGQ   $0xff, ONES, ONES, ONES
	VPSRLQ       $12, ONES, MASK
	VPXORQ       ZERO, ZERO, ZERO
	VPBROADCASTQ KS(BX), KA
	VPBROADCASTQ (KS+8)(BX), KB

	VMOVDQU64 (DI), Z0
	VMOVDQU64 64(DI), Z1
	VMOVDQU64 128(DI), Z2
	VMOVDQU64 (PAIR+0)(DI), Z10
	VMOVDQU64 (PAIR+64)(DI), Z11
	VMOVDQU64 (PAIR+128)(DI), Z12
#ifdef FOUR
	VMOVDQU64 192(DI), Z3
	VMOVDQU64 (PAIR+192)(DI), Z13
#endif
#ifdef FIVE
	VMOVDQU64 256(DI), Z4
	VMOVDQU64 (PAIR+256)(DI), Z14
#endif

	// Here z is in Z0 to Z4 and Z10 to Z14 as well as in memory. It is multiplied by
	// itself, or by y when the squarings are done.
product:
	VPBROADCASTQ X0, DIGIT
	VPBROADCASTQ X10, NEXT
	TESTQ        R8, R8
	JNE          start
	VMOVDQU64    (SI), Z0
	VMOVDQU64    64(SI), Z1
	VMOVDQU64    128(SI), Z2
	VMOVDQU64    (PAIR+0)(SI), Z10
	VMOVDQU64    (PAIR+64)(SI), Z11
	VMOVDQU64    (PAIR+128)(SI), Z12
#ifdef FOUR
	VMOVDQU64 192(SI), Z3
	VMOVDQU64 (PAIR+192)(SI), Z13
#endif
#ifdef FIVE
	VMOVDQU64 256(SI), Z4
	VMOVDQU64 (PAIR+256)(SI), Z14
#endif

start:
	FIRST(Z0, Z5)
	FIRST(Z1, Z6)
	FIRST(Z2, Z7)
#ifdef FOUR
	FIRST(Z3, Z8)
#endif
#ifdef FIVE
	FIRST(Z4, Z9)
#endif
	VMOVDQA64 NEXT, DIGIT
	FIRST(Z10, Z15)
	FIRST(Z11, Z16)
	FIRST(Z12, Z17)
#ifdef FOUR
	FIRST(Z13, Z18)
#endif
#ifdef FIVE
	FIRST(Z14, Z19)
#endif

	MOVQ DI, DX
	MOVL $DIGITS, CX

digit:
	STEP(Z5, KA, 0)
	LOWEST(Z0, Z5, Z6, NA, DOWNA)
	VECTOR(Z1, Z6, Z7, NA+64, DOWNA+64)
#ifdef FIVE
	VECTOR(Z2, Z7, Z8, NA+128, DOWNA+128)
	VECTOR(Z3, Z8, Z9, NA+192, DOWNA+192)
	VECTOR(Z4, Z9, ZERO, NA+256, DOWNA+256)
#else
#ifdef FOUR
	VECTOR(Z2, Z7, Z8, NA+128, DOWNA+128)
	VECTOR(Z3, Z8, ZERO, NA+192, DOWNA+192)
#else
	VECTOR(Z2, Z7, ZERO, NA+128, DOWNA+128)
#endif
#endif

	STEP(Z15, KB, PAIR)
	LOWEST(Z10, Z15, Z16, NB, DOWNB)
	VECTOR(Z11, Z16, Z17, NB+64, DOWNB+64)
#ifdef FIVE
	VECTOR(Z12, Z17, Z18, NB+128, DOWNB+128)
	VECTOR(Z13, Z18, Z19, NB+192, DOWNB+192)
	VECTOR(Z14, Z19, ZERO, NB+256, DOWNB+256)
#else
#ifdef FOUR
	VECTOR(Z12, Z17, Z18, NB+128, DOWNB+128)
	VECTOR(Z13, Z18, ZERO, NB+192, DOWNB+192)
#else
	VECTOR(Z12, Z17, ZERO, NB+128, DOWNB+128)
#endif
#endif
	ADDQ $8, DX
	DECL CX
	JNE  digit

	// A, from the top down because RAISE reads what is below as it was.
	XORL R9, R9
	XORL R10, R10
	SPLIT(Z5, Z20)
	SPLIT(Z6, Z21)
	SPLIT(Z7, Z22)
#ifdef FOUR
	SPLIT(Z8, Z23)
#endif
#ifdef FIVE
	SPLIT(Z9, Z24)
	RAISE(Z9, Z24, Z23)
#endif
#ifdef FOUR
	RAISE(Z8, Z23, Z22)
#endif
	RAISE(Z7, Z22, Z21)
	RAISE(Z6, Z21, Z20)
	RAISE(Z5, Z20, ZERO)
	MARK(Z5, 0)
	MARK(Z6, 8)
	MARK(Z7, 16)
#ifdef FOUR
	MARK(Z8, 24)
#endif
#ifdef FIVE
	MARK(Z9, 32)
#endif
	CARRIES
	ADDONE(Z5, Z0)
	ADDONE(Z6, Z1)
	ADDONE(Z7, Z2)
#ifdef FOUR
	ADDONE(Z8, Z3)
	VMOVDQU64 Z3, 192(DI)
#endif
#ifdef FIVE
	ADDONE(Z9, Z4)
	VMOVDQU64 Z4, 256(DI)
#endif
	VMOVDQU64 Z0, (DI)
	VMOVDQU64 Z1, 64(DI)
	VMOVDQU64 Z2, 128(DI)

	// B likewise.
	XORL R9, R9
	XORL R10, R10
	SPLIT(Z15, Z20)
	SPLIT(Z16, Z21)
	SPLIT(Z17, Z22)
#ifdef FOUR
	SPLIT(Z18, Z23)
#endif
#ifdef FIVE
	SPLIT(Z19, Z24)
	RAISE(Z19, Z24, Z23)
#endif
#ifdef FOUR
	RAISE(Z18, Z23, Z22)
#endif
	RAISE(Z17, Z22, Z21)
	RAISE(Z16, Z21, Z20)
	RAISE(Z15, Z20, ZERO)
	MARK(Z15, 0)
	MARK(Z16, 8)
	MARK(Z17, 16)
#ifdef FOUR
	MARK(Z18, 24)
#endif
#ifdef FIVE
	MARK(Z19, 32)
#endif
	CARRIES
	ADDONE(Z15, Z10)
	ADDONE(Z16, Z11)
	ADDONE(Z17, Z12)
#ifdef FOUR
	ADDONE(Z18, Z13)
	VMOVDQU64 Z13, (PAIR+192)(DI)
#endif
#ifdef FIVE
	ADDONE(Z19, Z14)
	VMOVDQU64 Z14, (PAIR+256)(DI)
#endif
	VMOVDQU64 Z10, (PAIR+0)(DI)
	VMOVDQU64 Z11, (PAIR+64)(DI)
	VMOVDQU64 Z12, (PAIR+128)(DI)

	SUBQ $1, R8
	JGE  product

	VZEROUPPER
	RET
