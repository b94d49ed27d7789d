package rsasign

import (
	"math/big"
	"unsafe"
)

const (
	windowBits = 5
	entries    = 1 << windowBits
	gap        = 8 // words of zeros
)

// A kernel multiplies numbers of one size. They come in pairs, the first for the
// modulus A and the second for B:
//
//	│ words of A │ zeros │ words of B │ zeros │
//
// Each digit has a word of its own, in an order that is the kernel's; words of a
// number that no digit has are zero. The zeros behind a number, 8 or more, are
// read, never written.
//
// With R = 2^(width·digits) it is x·y/R modulo the modulus n that comes out
// (Montgomery's product), and not quite reduced: (x·y + f·n)/R, where f < R. So
// of numbers below R, one of which is below n, the product is below 2n; and as R is
// at least 2^4 times the modulus, so is that of two numbers below 4n.
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
	// arrange arranges moduli as multiply wants them.
	arrange func(a, b *big.Int) []uint64
}

// A shape is how numbers lie in memory.
type shape struct {
	width int   // of a digit in bits
	order []int // where digits are, the lowest first
	size  int   // of a number in words
	apart int   // how many words B of a pair is behind A, size + gap or more
	rest  int   // how many bits moduli are longer than primes, see modulus
	entry int   // of a table, in words
	room  int   // of what multiply overwrites, in words
}

// pair is how many words a pair takes.
func (s *shape) pair() int { return 2 * s.apart }

// half is one of the numbers of a pair.
func (s *shape) half(pair []uint64, i int) []uint64 { return pair[i*s.apart:][:s.size] }

// modulus returns what the kernel multiplies modulo instead of p: its multiple that
// is -1 modulo 2^rest.
func (s *shape) modulus(p *big.Int) *big.Int {
	if s.rest == 0 {
		return p
	}
	return new(big.Int).Mul(p, new(big.Int).SetUint64(negativeInverse(p.Uint64(), s.rest)))
}

// aligned returns n words that begin where a line of the cache does, so that no
// vector lies across two.
func aligned(n int) []uint64 {
	const line = 64 / 8 // words
	all := make([]uint64, n+line-1)
	skip := -uintptr(unsafe.Pointer(&all[0])) / 8 % line
	return all[skip:][:n:n]
}

// A family are the kernels that need the same of a processor and of the operating
// system, by the bits of their primes.
type family struct {
	name      string
	needs     string
	available bool
	kernels   map[int]*kernel
}

// kernelFor returns the kernel for primes of so many bits, nil if there is none
// that can run here. The fastest family comes first.
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
