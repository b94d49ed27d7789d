#include "textflag.h"

#define DIGITS 30
#define VECTORS 4
#define FOUR

// func multiply30(z, y, moduli *uint64, squarings int)
TEXT ·multiply30(SB), NOSPLIT, $0-32
	MOVQ z+0(FP), DI
	MOVQ y+8(FP), SI
	MOVQ moduli+16(FP), BX
	MOVQ squarings+24(FP), R8
#include "ifma_amd64.h"
