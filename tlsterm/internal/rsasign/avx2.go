package rsasign

import "math/big"

// lanes is how many digits the vectors of AVX2 have.
const lanes = 4

// shapesAVX2 are those for primes of so many bits.
var shapesAVX2 = map[int]shape{1024: shapeAVX2(10, 38), 1536: shapeAVX2(14, 56), 2048: shapeAVX2(20, 76)}

// shapeAVX2 is of an even number of digits of 28 bits, in an even number of
// vectors. Neighbours are in neighbouring vectors, so that to multiply by 2^28 is to
// count vectors one further, with nothing to be moved between lanes:
//
//	vector 0         │ digit 0 │ digit v   │ digit 2v   │ digit 3v   │
//	vector 1         │ digit 1 │ digit v+1 │ digit 2v+1 │ digit 3v+1 │
//	…
//	vector v-1       │ …
//
// A product's digits in vector 1 may be larger than 28 bits, but are below
// 2^28 + 2^9.
func shapeAVX2(vectors, digits int) shape {
	s := shape{width: 28, order: make([]int, digits), size: lanes * vectors}
	for i := range s.order {
		s.order[i] = i%vectors*lanes + i/vectors
	}
	s.rest = s.width
	s.entry = s.size
	// Room is for two sums. Numbers are as far apart as those, so that one distance is
	// that of everything.
	s.apart = lanes * (digits + vectors)
	s.room = s.pair()
	return s
}

// arrangeAVX2 is a pair of (n+1)/2^28, for n that are -1 modulo 2^28: f·n added to
// what ends in f is nothing there, and f·(n+1)/2^28 above.
func (s *shape) arrangeAVX2(a, b *big.Int) []uint64 {
	m := aligned(s.pair())
	for i, n := range []*big.Int{a, b} {
		n = new(big.Int).Add(n, big.NewInt(1))
		s.setBig(s.half(m, i), n.Rsh(n, uint(s.width)))
	}
	return m
}

// fileAVX2 puts the two halves of a number beside each other, for a table is read
// as a whole for each of its numbers that is wanted.
func (s *shape) fileAVX2(entry, pair []uint64) {
	half := s.size
	for i := range 2 {
		number := s.half(pair, i)
		lower, upper := number[:half/2], number[half/2:]
		for j := range lower {
			entry[i*half/2+j] = lower[j] | upper[j]<<32
		}
	}
}
