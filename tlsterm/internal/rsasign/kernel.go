package rsasign

const (
	digitBits = 52
	digitMask = 1<<digitBits - 1

	vector     = 8 // digits
	windowBits = 5
	entries    = 1 << windowBits
)

// A kernel multiplies numbers of one size. They come in pairs, the first for the
// modulus A and the second for B:
//
//	│ digits of A, lowest first │ 8 × 0 │ digits of B │ 8 × 0 │
//
// A digit has 52 bits; a number ends in a whole vector of 8, above its digits
// with zeros. The zeros between are read, never written.
//
// With R = 2^(52·digits) it is x·y/R modulo the modulus n that comes out
// (Montgomery's product), and not quite reduced: (x·y + f·n)/R, where f < R. So
// of numbers below R, one of which is below n, the product is below 2n.
type kernel struct {
	digits  int
	vectors int
	// multiply makes of z, squared so many times, the product with y, for A and B.
	// moduli are as moduliOf arranges them.
	multiply func(z, y, moduli *uint64, squarings int)
	// pick makes of z the entry a of the table's numbers for A and the entry b of
	// those for B. It reads all of the table, which is of pairs.
	pick func(z, table *uint64, a, b int)
}

// number is how many words a number takes, and pair a pair.
func (k *kernel) number() int { return k.vectors * vector }
func (k *kernel) pair() int   { return 2 * (k.number() + vector) }

// a and b are the digits of a pair, without the zeros, which stay zeros.
func (k *kernel) a(pair []uint64) []uint64 { return pair[:k.digits] }
func (k *kernel) b(pair []uint64) []uint64 { return pair[k.pair()/2:][:k.digits] }

// moduliOf arranges odd moduli as multiply wants them:
//
//	│ A │ B │ A without its lowest digit │ B likewise │ -1/A mod 2^52 │ -1/B mod 2^52 │
func (k *kernel) moduliOf(a, b []uint64) []uint64 {
	n := k.number()
	m := make([]uint64, 4*n+2, 4*n+vector)
	copy(m, a)
	copy(m[n:], b)
	copy(m[2*n:], a[1:])
	copy(m[3*n:], b[1:])
	m[4*n] = negativeInverse(a[0])
	m[4*n+1] = negativeInverse(b[0])
	return m
}

// negativeInverse returns -1/n mod 2^52 for an odd n.
func negativeInverse(n uint64) uint64 {
	inverse := n // right for 3 bits; each turn doubles them
	for range 5 {
		inverse *= 2 - n*inverse
	}
	return -inverse & digitMask
}
