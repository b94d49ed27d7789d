package rsasign

import (
	"crypto/rsa"
	"encoding/binary"
	"math/big"
	"math/bits"
)

// A private is what a key's private operation needs. Pairs are for the primes p
// and q, in this order.
type private struct {
	kernel  *kernel
	primes  [2][]uint64 // as digits
	moduli  []uint64
	windows [2][]uint8 // of d mod p-1 and d mod q-1, highest first
	e       int
	size    int      // of p·q in bytes; p and q have half of that each
	q       []uint64 // in words of 64 bits
	// Pairs: R modulo p and q, which stands for 1; R² and R³; 1; and of 1/q mod p the
	// Montgomery form, beside 0.
	one, square, cube, unit, qInverse []uint64
}

// newPrivate returns nil if the key is not one of two primes of the same size
// that there is a kernel for.
func newPrivate(key *rsa.PrivateKey, kernelFor func(bits int) *kernel) *private {
	if len(key.Primes) != 2 || key.E < 3 || key.E%2 == 0 {
		return nil
	}
	p, q := key.Primes[0], key.Primes[1]
	if p.BitLen() != q.BitLen() || p.Bit(0) == 0 || q.Bit(0) == 0 || new(big.Int).Mul(p, q).Cmp(key.N) != 0 {
		return nil
	}
	k := kernelFor(p.BitLen())
	inverse := new(big.Int).ModInverse(q, p)
	if k == nil || inverse == nil {
		return nil
	}
	c := &private{kernel: k, e: key.E, size: p.BitLen() / 4, q: make([]uint64, p.BitLen()/64)}
	for i, prime := range key.Primes {
		c.primes[i] = digitsOf(prime, k.digits)
		exponent := new(big.Int).Sub(prime, big.NewInt(1))
		c.windows[i] = windowsOf(exponent.Mod(key.D, exponent), prime.BitLen())
	}
	c.moduli = k.moduliOf(c.primes[0], c.primes[1])
	setWords(c.q, c.primes[1])
	power := func(n uint) []uint64 {
		r := new(big.Int).Lsh(big.NewInt(1), n*uint(k.digits)*digitBits)
		return c.pairOf(new(big.Int).Mod(r, p), new(big.Int).Mod(r, q))
	}
	c.one, c.square, c.cube = power(1), power(2), power(3)
	c.unit = c.pairOf(big.NewInt(1), big.NewInt(1))
	inverse.Lsh(inverse, uint(k.digits)*digitBits)
	c.qInverse = c.pairOf(inverse.Mod(inverse, p), new(big.Int))
	return c
}

func (c *private) pairOf(a, b *big.Int) []uint64 {
	pair := make([]uint64, c.kernel.pair())
	copy(c.kernel.a(pair), digitsOf(a, c.kernel.digits))
	copy(c.kernel.b(pair), digitsOf(b, c.kernel.digits))
	return pair
}

func digitsOf(x *big.Int, n int) []uint64 {
	digits := make([]uint64, n)
	setBytes(digits, x.Bytes())
	return digits
}

func windowsOf(exponent *big.Int, bits int) []uint8 {
	windows := make([]uint8, (bits+windowBits-1)/windowBits)
	for i := range len(windows) * windowBits {
		windows[len(windows)-1-i/windowBits] |= uint8(exponent.Bit(i) << (i % windowBits))
	}
	return windows
}

// work is the memory of one private operation.
type work struct {
	all    []uint64 // everything below
	table  []uint64 // pairs
	c      []uint64 // pair: the encoded digest, in Montgomery form
	x, y   []uint64 // pairs
	digits []uint64 // of a number as large as p·q
	words  []uint64 // of such a number
	h      []uint64 // half of that

	encoded []byte // what is signed, c before it is a number
	block   [blockLen]byte
}

func (c *private) newWork() *work {
	k := c.kernel
	w := &work{encoded: make([]byte, c.size)}
	words := c.size / 8
	w.all = make([]uint64, (entries+3)*k.pair()+2*k.digits+words+words/2)
	rest := w.all
	take := func(n int) []uint64 {
		taken := rest[:n:n]
		rest = rest[n:]
		return taken
	}
	w.table = take(entries * k.pair())
	w.c, w.x, w.y = take(k.pair()), take(k.pair()), take(k.pair())
	w.digits, w.words = take(2*k.digits), take(words)
	w.h = take(words / 2)
	return w
}

// wipe overwrites everything that came of secrets.
func (w *work) wipe() { clear(w.all) }

// sign sets signature to w.encoded to the power of d modulo p·q and reports
// whether its check found it right. If not, signature is overwritten.
func (c *private) sign(w *work, signature []byte) bool {
	c.residues(w, w.c, w.encoded)
	c.exponentiate(w)
	c.combine(w, signature)
	if c.check(w, signature) {
		return true
	}
	clear(signature)
	return false
}

func (c *private) multiply(z, y []uint64, squarings int) {
	c.kernel.multiply(&z[0], &y[0], &c.moduli[0], squarings)
}

// residues sets the pair z to the number in b modulo p and q, in Montgomery form
// and below 4p and 4q. w.digits and w.y are overwritten.
//
// Of b = h·R + l the form is h·R² + l·R: the Montgomery product of h and R³, and
// that of l and R².
func (c *private) residues(w *work, z []uint64, b []byte) {
	k := c.kernel
	setBytes(w.digits, b)
	l, h := w.digits[:k.digits], w.digits[k.digits:]
	copy(k.a(z), l)
	copy(k.b(z), l)
	copy(k.a(w.y), h)
	copy(k.b(w.y), h)
	c.multiply(z, c.square, 0)
	c.multiply(w.y, c.cube, 0)
	add(k.a(z), k.a(w.y))
	add(k.b(z), k.b(w.y))
}

// plain takes the pair z out of Montgomery form, to below p and q. The product
// with 1 is not larger than the modulus.
func (c *private) plain(w *work, z []uint64) {
	k := c.kernel
	c.multiply(z, c.unit, 0)
	reduce(k.a(z), c.primes[0], k.a(w.y))
	reduce(k.b(z), c.primes[1], k.b(w.y))
}

// exponentiate sets w.x to w.c to the power of d, in Montgomery form. w.y is
// overwritten.
func (c *private) exponentiate(w *work) {
	n := c.kernel.pair()
	copy(w.table, c.one)
	copy(w.x, w.c)
	for i := n; ; i += n {
		copy(w.table[i:], w.x)
		if i == (entries-1)*n {
			break
		}
		c.multiply(w.x, w.c, 0)
	}
	for i := range c.windows[0] {
		a, b := int(c.windows[0][i]), int(c.windows[1][i])
		if i == 0 {
			c.kernel.pick(&w.x[0], &w.table[0], a, b)
			continue
		}
		c.kernel.pick(&w.y[0], &w.table[0], a, b)
		c.multiply(w.x, w.y, windowBits)
	}
}

// combine writes the number whose residues are w.x, which it overwrites with w.y:
// m = mq + q·h, where h = (mp - mq)/q mod p.
func (c *private) combine(w *work, signature []byte) {
	k := c.kernel
	c.plain(w, w.x)
	mp, mq, h := k.a(w.x), k.b(w.x), k.a(w.y)
	difference(h, mp, c.primes[0], mq)
	clear(k.b(w.y))
	c.multiply(w.y, c.qInverse, 0)
	reduce(h, c.primes[0], mp)
	half := len(c.q)
	clear(w.words)
	setWords(w.words[:half], mq)
	setWords(w.h, h)
	for i, x := range w.h {
		var over uint64
		for j, y := range c.q {
			high, low := bits.Mul64(x, y)
			var carry uint64
			low, carry = bits.Add64(low, over, 0)
			high += carry
			w.words[i+j], carry = bits.Add64(w.words[i+j], low, 0)
			over = high + carry
		}
		w.words[i+half] = over
	}
	for i, word := range w.words {
		binary.BigEndian.PutUint64(signature[len(signature)-8*(i+1):], word)
	}
}

// check reports whether signature to the power of e is what was to be signed. It
// begins with the bytes that would leave and those that came, not with what was
// made of them in between: had w.c been wrong modulo p alone, so would be the
// signature. w.x, w.y and w.c are overwritten.
func (c *private) check(w *work, signature []byte) bool {
	c.residues(w, w.x, signature)
	copy(w.y, w.x)
	squarings := 0
	for i := bits.Len(uint(c.e)) - 2; i >= 0; i-- {
		squarings++
		if c.e>>i&1 == 1 { // as it is in the end: e is odd
			c.multiply(w.x, w.y, squarings)
			squarings = 0
		}
	}
	c.residues(w, w.c, w.encoded)
	c.plain(w, w.x)
	c.plain(w, w.c)
	var wrong uint64
	for i := range w.c {
		wrong |= w.c[i] ^ w.x[i]
	}
	return wrong == 0
}
