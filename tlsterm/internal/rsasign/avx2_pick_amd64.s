#include "textflag.h"

// pick10AVX2, pick14AVX2 and pick20AVX2 read every entry of the table and keep
// one of each column by a mask, so that neither instructions nor addresses tell
// which. An entry has two digits of 32 bits in each lane: the lower is the
// number's first half, the upper its second.
//
// DI z, SI the table, AX which.

#define WANT Y10
#define COUNT Y11
#define ONES Y12
#define SELECT Y13
#define T Y14

#define BEGIN \
	VMOVQ        AX, X10             ; \
	VPBROADCASTQ X10, WANT           ; \
	VPXOR        COUNT, COUNT, COUNT ; \
	VPCMPEQQ     ONES, ONES, ONES    ; \
	MOVL         $32, CX

#define ENTRY \
	VPCMPEQQ COUNT, WANT, SELECT; \
	VPSUBQ   ONES, COUNT, COUNT

#define CLEAR(into) VPXOR into, into, into

#define KEEP(offset, into) \
	VPAND (offset)(SI), SELECT, T; \
	VPOR  T, into, into

// PART writes the digits that from holds.
#define PART(from, lower, upper) \
	VPSRLQ  $32, ONES, T; \
	VPAND   T, from, T; \
	VMOVDQU T, (lower)(DI); \
	VPSRLQ  $32, from, T; \
	VMOVDQU T, (upper)(DI)

// func pick10AVX2(z, table *uint64, a, b int)
TEXT ·pick10AVX2(SB), NOSPLIT, $0-32
	MOVQ z+0(FP), DI
	MOVQ table+8(FP), SI
	MOVQ a+16(FP), AX
	MOVL $2, DX

number:
	BEGIN
	CLEAR(Y0)
	CLEAR(Y1)
	CLEAR(Y2)
	CLEAR(Y3)
	CLEAR(Y4)

entry:
	ENTRY
	KEEP(0, Y0)
	KEEP(32, Y1)
	KEEP(64, Y2)
	KEEP(96, Y3)
	KEEP(128, Y4)
	ADDQ $320, SI
	DECL CX
	JNE  entry
	PART(Y0, 0, 160)
	PART(Y1, 32, 192)
	PART(Y2, 64, 224)
	PART(Y3, 96, 256)
	PART(Y4, 128, 288)

	// B likewise.
	ADDQ $1536, DI
	MOVQ table+8(FP), SI
	ADDQ $160, SI
	MOVQ b+24(FP), AX
	DECL DX
	JNE  number
	VZEROUPPER
	RET

// func pick14AVX2(z, table *uint64, a, b int)
TEXT ·pick14AVX2(SB), NOSPLIT, $0-32
	MOVQ z+0(FP), DI
	MOVQ table+8(FP), SI
	MOVQ a+16(FP), AX
	MOVL $2, DX

number:
	BEGIN
	CLEAR(Y0)
	CLEAR(Y1)
	CLEAR(Y2)
	CLEAR(Y3)
	CLEAR(Y4)
	CLEAR(Y5)
	CLEAR(Y6)

entry:
	ENTRY
	KEEP(0, Y0)
	KEEP(32, Y1)
	KEEP(64, Y2)
	KEEP(96, Y3)
	KEEP(128, Y4)
	KEEP(160, Y5)
	KEEP(192, Y6)
	ADDQ $448, SI
	DECL CX
	JNE  entry
	PART(Y0, 0, 224)
	PART(Y1, 32, 256)
	PART(Y2, 64, 288)
	PART(Y3, 96, 320)
	PART(Y4, 128, 352)
	PART(Y5, 160, 384)
	PART(Y6, 192, 416)

	// B likewise.
	ADDQ $2240, DI
	MOVQ table+8(FP), SI
	ADDQ $224, SI
	MOVQ b+24(FP), AX
	DECL DX
	JNE  number
	VZEROUPPER
	RET

// func pick20AVX2(z, table *uint64, a, b int)
TEXT ·pick20AVX2(SB), NOSPLIT, $0-32
	MOVQ z+0(FP), DI
	MOVQ table+8(FP), SI
	MOVQ a+16(FP), AX
	MOVL $2, DX

number:
	BEGIN
	CLEAR(Y0)
	CLEAR(Y1)
	CLEAR(Y2)
	CLEAR(Y3)
	CLEAR(Y4)
	CLEAR(Y5)
	CLEAR(Y6)
	CLEAR(Y7)
	CLEAR(Y8)
	CLEAR(Y9)

entry:
	ENTRY
	KEEP(0, Y0)
	KEEP(32, Y1)
	KEEP(64, Y2)
	KEEP(96, Y3)
	KEEP(128, Y4)
	KEEP(160, Y5)
	KEEP(192, Y6)
	KEEP(224, Y7)
	KEEP(256, Y8)
	KEEP(288, Y9)
	ADDQ $640, SI
	DECL CX
	JNE  entry
	PART(Y0, 0, 320)
	PART(Y1, 32, 352)
	PART(Y2, 64, 384)
	PART(Y3, 96, 416)
	PART(Y4, 128, 448)
	PART(Y5, 160, 480)
	PART(Y6, 192, 512)
	PART(Y7, 224, 544)
	PART(Y8, 256, 576)
	PART(Y9, 288, 608)

	// B likewise.
	ADDQ $3072, DI
	MOVQ table+8(FP), SI
	ADDQ $320, SI
	MOVQ b+24(FP), AX
	DECL DX
	JNE  number
	VZEROUPPER
	RET
