// Package aesgcm is AES-GCM (NIST SP 800-38D) for processors that have VAES and
// VPCLMULQDQ, with nonces of 12 bytes, tags of 16 and keys of 128 or 256 bits. It has
// two kernels: one works on 512 bits at a time, where there is AVX-512, the other on
// 256, where there is AVX2. On any other processor New has nothing, and its caller
// takes crypto/cipher's.
//
// It computes what crypto/cipher computes and behaves as that does, appending and
// in place, down to what panics. Open decrypts while it authenticates, and leaves
// zeros where the tag is wrong.
//
// It never keeps a slice. It allocates a key, of 576 bytes, and otherwise only what
// Seal and Open must append beyond dst's capacity. Time depends on lengths only.
// Wipe overwrites all there is of a key: when a call returns, vector registers
// and the stack have none of it.
//
// # Counter mode
//
// Block i of the text is added to E(nonce || i+2), and the tag to E(nonce || 1). A
// counter never carries into the nonce: no text is long enough.
//
// The kernel of 512 bits has its counter blocks with their bytes reversed, so that one
// addition of 32-bit numbers counts four of them. The kernel of 256 bits does so once
// for 16 blocks. From a counter that 16 divides, the next 15 differ in four bits of the
// last byte only: they are set without a carry, in a block to which the first round
// key is already added.
//
// # GHASH
//
// With ciphertext and additional data as blocks X1 … Xn, the lengths as the last,
// the hash is X1·H^n + X2·H^(n-1) + … + Xn·H, in the field of 2^128 elements modulo
// P = x^128 + x^7 + x^2 + x + 1, where H = E(0). Blocks are multiplied by powers of
// H that the key has, so that many products share one reduction (Gueron and Kounavis,
// "Intel Carry-Less Multiplication Instruction and its Usage for Computing the
// GCM Mode", aggregated reduction).
//
// GCM calls the highest bit of the first byte x^0. A block whose bytes are
// reversed is therefore a number of 128 bits in which bit 127-i is x^i: reflected.
// The carry-less product of two such numbers a and b has x^k of a·b in bit 254-k. Read
// as a reflected number of 256 bits, where x^k is bit 255-k, that is a·b·x. So the
// key has H^p/x in place of H^p, and the product is X·H^p without more ado. H/x is a
// shift to the left, with 1/x = x^127 + x^6 + x + 1 added if a 1 was shifted out.
//
// A product of 256 bits is four pieces of 64, q3 q2 q1 q0, with x^0 at the top of
// q3 and the degrees from 192 on in q0. Since x^128 = 1 + x + x^2 + x^7, what is in
// q0, f(x)·x^192, is f·x^64 + f·(x + x^2 + x^7)·x^64. The first lies in q2. The
// second is the carry-less product of q0 and 1 + x + x^6, reflected, the factor x
// coming as above; it lies in q2 and q1. So q0 is gone after one multiplication, and
// q1 in the same way after another, into q3 and q2: those are the remainder. The
// kernel keeps sums of products as LO (q1 q0), MID (q2 q1) and HI (q3 q2), and so
// folds LO into MID and MID into HI.
//
// Two numbers of 128 bits are four multiplications of 64. Where the sum of a power's
// halves is at hand, they are three: MID is the product of the halves' sums, less LO
// and HI (Karatsuba).
//
// # Groups
//
// In a group of 16 blocks, block i is to be multiplied by H^(16-i), and the hash so
// far by H^16.
//
// The kernel of 256 bits does just that. It adds up the two lanes of a vector with each
// reduction, which lies between the first rounds of the next group: nothing waits for
// it there.
//
// The kernel of 512 bits, while groups follow each other, has a sum for each of a
// vector's four lanes, and block i, in lane j = i mod 4, is multiplied by H^(16-i+j),
// one power for a whole vector. So lane j's sum has H^j too much. It is added to
// block j of the next group, whose own power has H^j less than H^16, and that makes
// it right as soon as blocks are multiplied by their own powers. This is done
// in the last group, behind which the lanes are added up.
package aesgcm
