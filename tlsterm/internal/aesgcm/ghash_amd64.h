// GHASH in the encoding that AVX2 has: what key_amd64.s and kernel256_amd64.s share.
// doc.go says why it is right.

// Reverses the bytes of a lane.
DATA rev<>+0(SB)/8, $0x08090a0b0c0d0e0f
DATA rev<>+8(SB)/8, $0x0001020304050607
DATA rev<>+16(SB)/8, $0x08090a0b0c0d0e0f
DATA rev<>+24(SB)/8, $0x0001020304050607
GLOBL rev<>(SB), RODATA|NOPTR, $32

// 1 + x + x^6, reflected, in each lane's low half.
DATA poly<>+0(SB)/8, $0xc200000000000000
DATA poly<>+8(SB)/8, $0
DATA poly<>+16(SB)/8, $0xc200000000000000
DATA poly<>+24(SB)/8, $0
GLOBL poly<>(SB), RODATA|NOPTR, $32

// PRODUCT begins a sum, LO + MID x^64 + HI x^128 in each lane, with d times t.
#define PRODUCT(d, t, tmp, lo, mid, hi) \
	VPCLMULQDQ $0x01, t, d, mid \
	VPCLMULQDQ $0x10, t, d, tmp \
	VPCLMULQDQ $0x00, t, d, lo  \
	VPCLMULQDQ $0x11, t, d, hi  \
	VPXOR      tmp, mid, mid

// REDUCE leaves the sum's remainder in hi: the lowest 64 bits are folded upwards,
// twice.
#define REDUCE(a, b, lo, mid, hi) \
	VPCLMULQDQ $0x00, poly<>(SB), lo, a  \
	VPSHUFD    $0x4e, lo, b              \
	VPXOR      a, mid, mid               \
	VPXOR      b, mid, mid               \
	VPCLMULQDQ $0x00, poly<>(SB), mid, a \
	VPSHUFD    $0x4e, mid, b             \
	VPXOR      a, hi, hi                 \
	VPXOR      b, hi, hi
