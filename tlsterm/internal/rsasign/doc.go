// Package rsasign makes RSA signatures with the vector multiplications of the
// processor, two to seven times faster than crypto/rsa, and for the rest leaves RSA
// to crypto/rsa.
//
//	digest ─► encode ─► residues ─► exponents ─► combined ─► checked ─► signature
//	          PKCS #1   c mod p     c^dP mod p   m mod n     m^e = c
//	          or PSS    c mod q     c^dQ mod q               else crypto/rsa
//
// Everything between encode and signature is done in pairs: one number modulo p
// and one modulo q, which a kernel multiplies at the same time. There are two
// families of kernels, for processors with AVX-512 IFMA (52 bits a digit) and with
// AVX2 (28 bits). In what order digits lie in memory is theirs; outside of them
// numbers are words of 64 bits.
//
// It owns the private operation of a key, its check and the two paddings that
// TLS signs with. It never generates, reads or stores keys, and knows no TLS.
//
// Invariants:
//
//   - No signature leaves that was not raised to the public exponent again and
//     found to be the encoded digest, modulo p and modulo q. One that is wrong
//     in one of them would give the factors of n away. It is overwritten,
//     counted (Faults), and crypto/rsa signs instead.
//   - What is done to secrets takes the same instructions and the same addresses
//     whatever they are: windows of the exponents have one size, all entries of a
//     table are read for each, subtractions are done and then taken or not
//     by a mask. The bit lengths of the primes and the public exponent are public.
//     This holds for all kernels, and for what is done between them.
//   - Memory that has held intermediate results is overwritten before it goes
//     back to its pool. What is derived from the key lives as long as the Signer.
//     Registers and the copies that the operating system makes of them are not
//     overwritten, nor are the math/big numbers that New works with.
//
// There is no blinding. It hides which numbers are worked on from whoever can
// measure time, and time does not depend on them here; crypto/rsa gave it up for
// the same reason. What remains is whoever measures power beside the machine;
// and the numbers, encoded digests, are not for a peer to choose. It would cost
// an inversion, or state that all signatures of a key share.
package rsasign
