package rsasign

import (
	"math/big"
	"unsafe"
)

const (
	windowBits = 5
	entries    = 1 << windowBits
	gap        = 8 // words
)

// A kernel multiplies numbers of one size. They come in pairs, the first for the
// modulus A and the second for B:
//
//	│ words of A │ 8 × 0 │ words of B │ 8 × 0 │
//
// Each digit has a word of its own, in the order that the kernel has them in; the
// words that are left are zero. The zeros behind a number are read, never written.
//
// With R = 2^(width·digits) it is x·y/R modulo the modulus n that comes out
// (Montgomery's product), and not quite reduced: (x·y + f·n)/R, where f < R. So
// of numbers below R, one of which is below n, the product is below 2n.
type kernel struct {
	shape
	// multiply makes of z, squared so many times, the product with y, for A and B.
	// moduli are as arrange makes them; room is overwritten.
	multiply func(z, y, moduli, room *uint64, squarings int)
	// file writes a pair to an entry of a table, and pick makes of z the entry a of
	// the table's numbers for A and the entry b of those for B. It reads all of the
	// table.
	file func(entry, pair []uint64)
	pick func(z, table *uint64, a, b int)
	// arrange arranges odd moduli, without a gap, as multiply wants them.
	arrange func(a, b *big.Int) []uint64
}

// A shape is how numbers lie in memory.
type shape struct {
	width int   // of a digit in bits
	order []int // where digits are, the lowest first
	size  int   // of a number in words
	apart int   // how many words B of a pair is behind A, size + gap or more
	rest  int   // bits that moduli have more than the primes, see modulus
	entry int   // of a pair in a table, in words
	room  int   // of what multiply overwrites, in words
}

// pair is how many words a pair takes.
func (s *shape) pair() int { return 2 * s.apart }

// half is one of the numbers of a pair.
func (s *shape) half(pair []uint64, i int) []uint64 { return pair[i*s.apart:][:s.size] }

// modulus returns the multiple of p that the kernel multiplies modulo: -1 modulo
// 2^rest.
func (s *shape) modulus(p *big.Int) *big.Int {
	if s.rest == 0 {
		return p
	}
	return new(big.Int).Mul(p, new(big.Int).SetUint64(negativeInverse(p.Uint64(), s.rest)))
}

// aligned returns n words that begin a line of the cache, as vectors are to lie in
// one.
func aligned(n int) []uint64 {
	const line = 8 // words
	all := make([]uint64, n+line-1)
	skip := -uintptr(unsafe.Pointer(&all[0])) / 8 % line
	return all[skip:][:n:n]
}

// A family are the kernels that need the same of a processor, by the bits of
// their primes.
type family struct {
	name      string
	needs     string
	available bool
	kernels   map[int]*kernel
}

// kernelFor returns the kernel for primes of so many bits, nil if there is none
// or the processor or the operating system lacks what it needs. The families'
// order is from the fastest.
func kernelFor(bits int) *kernel {
	for _, f := range families {
		if f.available {
			return f.kernels[bits]
		}
	}
	return nil
}

// negativeInverse returns -1/n mod 2^width for an odd n.
func negativeInverse(n uint64, width int) uint64 {
	inverse := n // right for 3 bits; each turn doubles them
	for range 5 {
		inverse *= 2 - n*inverse
	}
	return -inverse & (1<<width - 1)
}
