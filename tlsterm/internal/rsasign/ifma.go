package rsasign

import "math/big"

// vector is how many digits the vectors of AVX-512 have.
const vector = 8

// shapesIFMA are those for primes of so many bits.
var shapesIFMA = map[int]shape{1024: shapeIFMA(20), 1536: shapeIFMA(30), 2048: shapeIFMA(40)}

// shapeIFMA is of digits of 52 bits in their order; a number ends in a whole vector.
func shapeIFMA(digits int) shape {
	s := shape{width: 52, order: make([]int, digits), size: (digits + vector - 1) / vector * vector}
	for i := range s.order {
		s.order[i] = i
	}
	s.apart = s.size + gap
	s.entry = s.pair()
	return s
}

// arrangeIFMA is
//
//	│ A │ B │ A without its lowest digit │ B likewise │ -1/A mod 2^52 │ -1/B mod 2^52 │
func (s *shape) arrangeIFMA(a, b *big.Int) []uint64 {
	n := s.size
	m := aligned(4*n + 2)
	for i, modulus := range []*big.Int{a, b} {
		number := m[i*n:][:n]
		s.setBig(number, modulus)
		copy(m[(2+i)*n:], number[1:])
		m[4*n+i] = negativeInverse(number[0], s.width)
	}
	return m
}

// fileIFMA writes the pair as it is.
func (s *shape) fileIFMA(entry, pair []uint64) { copy(entry, pair) }
