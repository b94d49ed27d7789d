#include "textflag.h"

#define DIGITS 20
#define VECTORS 3

// func multiply20(z, y, moduli *uint64, squarings int)
TEXT ·multiply20(SB), NOSPLIT, $0-32
	MOVQ z+0(FP), DI
	MOVQ y+8(FP), SI
	MOVQ moduli+16(FP), BX
	MOVQ squarings+24(FP), R8
#include "ifma_amd64.h"
