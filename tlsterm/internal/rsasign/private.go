package rsasign

import (
	"crypto/rsa"
	"math/big"
	"math/bits"
	"unsafe"
)

// A private is what a key's private operation needs. Pairs are for the primes p
// and q, in this order.
type private struct {
	kernel   *kernel
	primes   [2][]uint64
	inverses [2]uint64 // -1/p and -1/q modulo 2^(the kernel's rest)
	moduli   []uint64
	windows  [2][]uint8 // of d mod p-1 and d mod q-1, highest first
	e        int
	size     int // of p·q in bytes; p and q have half of that each
	// Pairs: R modulo p and q, which stands for 1; R², and that times 2^(bits of a
	// prime); 1; and of 1/q mod p the Montgomery form, beside 0.
	one, square, upper, unit, qInverse []uint64
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
	c := &private{kernel: k, e: key.E, size: p.BitLen() / 4}
	for i, prime := range key.Primes {
		c.primes[i] = wordsOf(prime, p.BitLen()/64+1)
		c.inverses[i] = negativeInverse(c.primes[i][0], k.rest)
		exponent := new(big.Int).Sub(prime, big.NewInt(1))
		c.windows[i] = windowsOf(exponent.Mod(key.D, exponent), prime.BitLen())
	}
	c.moduli = k.arrange(k.modulus(p), k.modulus(q))
	r := uint(len(k.order) * k.width)
	power := func(exponent uint) []uint64 {
		x := new(big.Int).Lsh(big.NewInt(1), exponent)
		return c.pairOf(new(big.Int).Mod(x, p), new(big.Int).Mod(x, q))
	}
	c.one, c.square, c.upper = power(r), power(2*r), power(2*r+uint(p.BitLen()))
	c.unit = power(uint(k.rest))
	inverse.Lsh(inverse, r+uint(k.rest))
	c.qInverse = c.pairOf(inverse.Mod(inverse, p), new(big.Int))
	return c
}

func (c *private) pairOf(a, b *big.Int) []uint64 {
	k := c.kernel
	pair := aligned(k.pair())
	k.setBig(k.half(pair, 0), a)
	k.setBig(k.half(pair, 1), b)
	return pair
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
	all   []uint64 // everything below
	table []uint64
	c     []uint64 // pair: the encoded digest, in Montgomery form
	x, y  []uint64 // pairs
	room  []uint64 // the kernel's
	// Numbers, as large as p·q, or as p or q: residues are modulo p and q.
	long     []uint64
	residues [2][]uint64
	expected [2][]uint64
	h, spare []uint64

	encoded []byte // what is signed, c before it is a number
	block   [blockLen]byte
}

func (c *private) newWork() *work {
	k := c.kernel
	w := &work{encoded: make([]byte, c.size)}
	words := len(c.primes[0])
	w.all = aligned(entries*k.entry + 3*k.pair() + k.room + c.size/8 + 6*words)
	rest := w.all
	take := func(n int) []uint64 {
		taken := rest[:n:n]
		rest = rest[n:]
		return taken
	}
	w.table = take(entries * k.entry)
	w.c, w.x, w.y = take(k.pair()), take(k.pair()), take(k.pair())
	w.room = take(k.room)
	w.long = take(c.size / 8)
	w.residues = [2][]uint64{take(words), take(words)}
	w.expected = [2][]uint64{take(words), take(words)}
	w.h, w.spare = take(words), take(words)
	return w
}

// wipe overwrites everything that came of secrets.
func (w *work) wipe() { clear(w.all) }

// sign sets signature to w.encoded to the power of d modulo p·q and reports
// whether its check found it right. If not, signature is overwritten.
func (c *private) sign(w *work, signature []byte) bool {
	c.enter(w, w.c, w.encoded)
	c.exponentiate(w)
	c.combine(w, signature)
	if c.check(w, signature) {
		return true
	}
	clear(signature)
	return false
}

func (c *private) multiply(w *work, z, y []uint64, squarings int) {
	c.kernel.multiply(&z[0], &y[0], &c.moduli[0], unsafe.SliceData(w.room), squarings)
}

// enter sets the pair z to the number in b modulo p and q, in Montgomery form and
// below 4p and 4q. w.long and w.y are overwritten.
//
// Of b = u·2^bits + l the form is u·2^bits·R + l·R: the Montgomery products of u
// and l with what c.upper and c.square have.
func (c *private) enter(w *work, z []uint64, b []byte) {
	k := c.kernel
	setBytes(w.long, b)
	half := len(w.long) / 2
	for i := range c.primes {
		k.setWords(k.half(z, i), w.long[:half])
		k.setWords(k.half(w.y, i), w.long[half:])
	}
	c.multiply(w, z, c.square, 0)
	c.multiply(w, w.y, c.upper, 0)
	for i := range c.primes {
		k.add(k.half(z, i), k.half(w.y, i))
	}
}

// leave sets residues to the pair z, which it takes out of Montgomery form. The
// product with 1 is not larger than the modulus.
func (c *private) leave(w *work, residues *[2][]uint64, z []uint64) {
	c.multiply(w, z, c.unit, 0)
	for i := range c.primes {
		c.exit(w, residues[i], z, i)
	}
}

// exit sets x to the number in half i of the pair z, divided by 2^(the kernel's
// rest), modulo its prime.
func (c *private) exit(w *work, x, z []uint64, i int) {
	c.kernel.words(x, c.kernel.half(z, i))
	shorten(x, c.primes[i], c.inverses[i], c.kernel.rest)
	reduce(x, c.primes[i], w.spare)
}

// exponentiate sets w.x to w.c to the power of d, in Montgomery form. w.y is
// overwritten.
func (c *private) exponentiate(w *work) {
	k := c.kernel
	k.file(w.table[:k.entry], c.one)
	copy(w.x, w.c)
	for i := 1; ; i++ {
		k.file(w.table[i*k.entry:][:k.entry], w.x)
		if i == entries-1 {
			break
		}
		c.multiply(w, w.x, w.c, 0)
	}
	for i := range c.windows[0] {
		a, b := int(c.windows[0][i]), int(c.windows[1][i])
		if i == 0 {
			k.pick(&w.x[0], &w.table[0], a, b)
			continue
		}
		k.pick(&w.y[0], &w.table[0], a, b)
		c.multiply(w, w.x, w.y, windowBits)
	}
}

// combine writes the number whose residues are w.x, which it overwrites with w.y:
// m = mq + q·h, where h = (mp - mq)/q mod p.
func (c *private) combine(w *work, signature []byte) {
	k, p, q := c.kernel, c.primes[0], c.primes[1]
	c.leave(w, &w.residues, w.x)
	mp, mq := w.residues[0], w.residues[1]
	difference(w.h, mp, mq, p)
	k.setWords(k.half(w.y, 0), w.h)
	clear(k.half(w.y, 1))
	c.multiply(w, w.y, c.qInverse, 0)
	c.exit(w, w.h, w.y, 0)
	clear(w.long)
	copy(w.long, mq)
	n := len(w.long) / 2
	addProduct(w.long, w.h[:n], q[:n])
	putBytes(signature, w.long)
}

// check reports whether signature to the power of e is what was to be signed. It
// begins with the bytes that would leave and those that came, not with what was
// made of them in between: had w.c been wrong modulo p alone, so would be the
// signature. w.x, w.y and w.c are overwritten.
func (c *private) check(w *work, signature []byte) bool {
	c.enter(w, w.x, signature)
	copy(w.y, w.x)
	squarings := 0
	for i := bits.Len(uint(c.e)) - 2; i >= 0; i-- {
		squarings++
		if c.e>>i&1 == 1 { // as it is in the end: e is odd
			c.multiply(w, w.x, w.y, squarings)
			squarings = 0
		}
	}
	c.leave(w, &w.residues, w.x)
	c.enter(w, w.c, w.encoded)
	c.leave(w, &w.expected, w.c)
	var wrong uint64
	for i, residue := range w.residues {
		for j, word := range residue {
			wrong |= word ^ w.expected[i][j]
		}
	}
	return wrong == 0
}
