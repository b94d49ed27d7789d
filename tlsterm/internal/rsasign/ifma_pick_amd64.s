#include "textflag.h"

// pick20, pick30 and pick40 read every entry of the table and keep one of each
// column by a mask, so that neither instructions nor addresses tell which. The
// entries are loaded as a whole before the mask is applied.
//
// DI z, SI the table.

#define WANTA Z20
#define WANTB Z21
#define COUNT Z22
#define ONES Z23
#define T Z24

#define BEGIN \
	VPBROADCASTQ AX, WANTA              ; \
	VPBROADCASTQ BX, WANTB              ; \
	VPXORQ       COUNT, COUNT, COUNT    ; \
	VPTERNLOGQ   $0xff, ONES, ONES, ONES; \
	MOVL         $32, CX

// ENTRY selects by K1 and K2 if this entry is wanted, and counts on.
#define ENTRY \
	VPCMPEQQ COUNT, WANTA, K1; \
	VPCMPEQQ COUNT, WANTB, K2; \
	VPSUBQ   ONES, COUNT, COUNT

#define KEEP(offset, k, into) \
	VMOVDQU64 (offset)(SI), T; \
	VMOVDQA64 T, k, into

// func pick20(z, table *uint64, a, b int)
TEXT ·pick20(SB), NOSPLIT, $0-32
	MOVQ z+0(FP), DI
	MOVQ table+8(FP), SI
	MOVQ a+16(FP), AX
	MOVQ b+24(FP), BX
	BEGIN

entry:
	ENTRY
	KEEP(0, K1, Z0)
	KEEP(64, K1, Z1)
	KEEP(128, K1, Z2)
	KEEP(256, K2, Z10)
	KEEP(320, K2, Z11)
	KEEP(384, K2, Z12)
	ADDQ      $512, SI
	DECL      CX
	JNE       entry
	VMOVDQU64 Z0, (DI)
	VMOVDQU64 Z1, 64(DI)
	VMOVDQU64 Z2, 128(DI)
	VMOVDQU64 Z10, 256(DI)
	VMOVDQU64 Z11, 320(DI)
	VMOVDQU64 Z12, 384(DI)
	VZEROUPPER
	RET

// func pick30(z, table *uint64, a, b int)
TEXT ·pick30(SB), NOSPLIT, $0-32
	MOVQ z+0(FP), DI
	MOVQ table+8(FP), SI
	MOVQ a+16(FP), AX
	MOVQ b+24(FP), BX
	BEGIN

entry:
	ENTRY
	KEEP(0, K1, Z0)
	KEEP(64, K1, Z1)
	KEEP(128, K1, Z2)
	KEEP(192, K1, Z3)
	KEEP(320, K2, Z10)
	KEEP(384, K2, Z11)
	KEEP(448, K2, Z12)
	KEEP(512, K2, Z13)
	ADDQ      $640, SI
	DECL      CX
	JNE       entry
	VMOVDQU64 Z0, (DI)
	VMOVDQU64 Z1, 64(DI)
	VMOVDQU64 Z2, 128(DI)
	VMOVDQU64 Z3, 192(DI)
	VMOVDQU64 Z10, 320(DI)
	VMOVDQU64 Z11, 384(DI)
	VMOVDQU64 Z12, 448(DI)
	VMOVDQU64 Z13, 512(DI)
	VZEROUPPER
	RET

// func pick40(z, table *uint64, a, b int)
TEXT ·pick40(SB), NOSPLIT, $0-32
	MOVQ z+0(FP), DI
	MOVQ table+8(FP), SI
	MOVQ a+16(FP), AX
	MOVQ b+24(FP), BX
	BEGIN

entry:
	ENTRY
	KEEP(0, K1, Z0)
	KEEP(64, K1, Z1)
	KEEP(128, K1, Z2)
	KEEP(192, K1, Z3)
	KEEP(256, K1, Z4)
	KEEP(384, K2, Z10)
	KEEP(448, K2, Z11)
	KEEP(512, K2, Z12)
	KEEP(576, K2, Z13)
	KEEP(640, K2, Z14)
	ADDQ      $768, SI
	DECL      CX
	JNE       entry
	VMOVDQU64 Z0, (DI)
	VMOVDQU64 Z1, 64(DI)
	VMOVDQU64 Z2, 128(DI)
	VMOVDQU64 Z3, 192(DI)
	VMOVDQU64 Z4, 256(DI)
	VMOVDQU64 Z10, 384(DI)
	VMOVDQU64 Z11, 448(DI)
	VMOVDQU64 Z12, 512(DI)
	VMOVDQU64 Z13, 576(DI)
	VMOVDQU64 Z14, 640(DI)
	VZEROUPPER
	RET
