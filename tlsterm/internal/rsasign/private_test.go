package rsasign

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"testing"
)

// newKeys are made once; 4096 bits take a while.
var newKeys = map[int]func() (*rsa.PrivateKey, error){
	1024: sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }),
	1536: sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 3072) }),
	2048: sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 4096) }),
}

// keyOf returns a key whose primes have so many bits.
func keyOf(tb testing.TB, bits int) *rsa.PrivateKey {
	tb.Helper()
	key, err := newKeys[bits]()
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// extremes are primes p of so many bits, p - 1 without the factor 65537: the two
// largest, as what 2^bits is above them, the two smallest, as what they are above
// 2^(bits-1), and one of their size but not near them, above 5·2^(bits-3).
var extremes = map[int][5]int64{
	1024: {105, 179, 1155, 1493, 171},
	1536: {3453, 4977, 699, 803, 307},
	2048: {1557, 2543, 1919, 2111, 2329},
}

func extremePrimes(bits int) (primes []*big.Int) {
	full := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	half := new(big.Int).Rsh(full, 1)
	for i, by := range extremes[bits] {
		switch {
		case i < 2:
			primes = append(primes, new(big.Int).Sub(full, big.NewInt(by)))
		case i < 4:
			primes = append(primes, new(big.Int).Add(half, big.NewInt(by)))
		default:
			primes = append(primes, new(big.Int).Add(new(big.Int).Rsh(new(big.Int).Mul(full, big.NewInt(5)), 3), big.NewInt(by)))
		}
	}
	return primes
}

// keyFrom returns nil if p and q have no key for e.
func keyFrom(p, q *big.Int, e int) *rsa.PrivateKey {
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	d := new(big.Int).ModInverse(big.NewInt(int64(e)), phi)
	if d == nil {
		return nil
	}
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: e},
		D:         d, Primes: []*big.Int{p, q},
	}
	key.Precompute()
	return key
}

// raised compares c to the power of d with math/big's.
func raised(t *testing.T, k *private, w *work, key *rsa.PrivateKey, c *big.Int) {
	t.Helper()
	c.FillBytes(w.encoded)
	signature := make([]byte, k.size)
	if !k.sign(w, signature) {
		t.Errorf("n %x\nc %x: refused by its check", key.N, c)
	}
	if want := new(big.Int).Exp(c, key.D, key.N); want.Cmp(new(big.Int).SetBytes(signature)) != 0 {
		t.Errorf("n %x\nc %x\ngot  %x\nwant %x", key.N, c, signature, want)
	}
}

func TestPrivateOperation(t *testing.T) {
	eachKernel(t, func(t *testing.T, of func(int) *kernel) {
		for _, bits := range sizes {
			primes := extremePrimes(bits)
			largest, large, smallest, small := primes[0], primes[1], primes[2], primes[3]
			keys := []*rsa.PrivateKey{
				keyOf(t, bits),
				keyFrom(largest, large, 65537), keyFrom(large, largest, 65537),
				keyFrom(smallest, small, 65537), keyFrom(small, smallest, 65537),
				keyFrom(largest, smallest, 65537), keyFrom(smallest, largest, 65537),
			}
			for i, key := range keys {
				if i > 0 && bits > sizes[0] && isReference(of(bits)) {
					break // math/big takes long, and the rest is the same for all sizes
				}
				t.Run(fmt.Sprint(bits, "/", i), func(t *testing.T) {
					k := newPrivate(key, of)
					w := k.newWork()
					p, q := key.Primes[0], key.Primes[1]
					one := big.NewInt(1)
					values := []*big.Int{new(big.Int), one, p, q, new(big.Int).Sub(key.N, one)}
					if i < 2 && (bits == sizes[0] || !isReference(of(bits))) {
						values = append(values,
							new(big.Int).Sub(key.N, p), new(big.Int).Sub(key.N, q),
							new(big.Int).Mul(p, random(t, q)), new(big.Int).Mul(q, random(t, p)),
							new(big.Int).Add(p, one), new(big.Int).Sub(q, one),
							new(big.Int).Sub(new(big.Int).Lsh(one, uint(key.N.BitLen()-1)), one),
							random(t, key.N), random(t, key.N))
					}
					for _, c := range values {
						raised(t, k, w, key, c)
					}
				})
			}
		}
	})
}

// TestPublicExponents: the check raises to any.
func TestPublicExponents(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernelFor func(int) *kernel) {
		primes := extremePrimes(1024)
		tried := 0
		for _, e := range []int{3, 5, 7, 11, 13, 17, 257, 65539, 1<<31 - 1} {
			if key := keyFrom(primes[0], primes[2], e); key != nil {
				k := newPrivate(key, kernelFor)
				raised(t, k, k.newWork(), key, random(t, key.N))
				tried++
			}
		}
		if tried < 3 {
			t.Errorf("only %d exponents have a key", tried)
		}
	})
}

// TestDigits: numbers become digits and words again, where digits may be too large.
func TestDigits(t *testing.T) {
	one := big.NewInt(1)
	for _, m := range methods {
		for bits, s := range m.shapes {
			top := new(big.Int).Lsh(one, uint(len(s.order)*s.width))
			words := (len(s.order)*s.width + 63) / 64
			whole := new(big.Int).Lsh(one, uint(bits))
			for _, x := range []*big.Int{
				new(big.Int), one, new(big.Int).Sub(top, one), whole, new(big.Int).Sub(whole, one), random(t, top), random(t, whole),
			} {
				number := slices.Repeat([]uint64{1}, s.size)
				s.setWords(number, wordsOf(x, words))
				if got := s.value(number); got.Cmp(x) != 0 {
					t.Errorf("%s: %x as digits: %x", m.name, x, got)
				}
				got := slices.Repeat([]uint64{1}, words)
				s.words(got, number)
				if bigOf(got).Cmp(x) != 0 {
					t.Errorf("%s: %x from digits: %x", m.name, x, got)
				}
			}
			number := make([]uint64, s.size)
			for _, at := range s.order[:len(s.order)-1] {
				number[at] = 1<<s.width + 1<<9 - 1
			}
			got := make([]uint64, words)
			s.words(got, number)
			if want := s.value(number); bigOf(got).Cmp(want) != 0 {
				t.Errorf("%s, %d bits: %x\nwant %x", m.name, bits, bigOf(got), want)
			}
			sum := new(big.Int).Lsh(s.value(number), 1)
			s.add(number, slices.Clone(number))
			if got := s.value(number); got.Cmp(sum) != 0 {
				t.Errorf("%s, %d bits: %x\nwant %x", m.name, bits, got, sum)
			}
		}
	}
}

func bigOf(words []uint64) *big.Int {
	x := new(big.Int)
	for _, word := range slices.Backward(words) {
		x.Lsh(x, 64).Or(x, new(big.Int).SetUint64(word))
	}
	return x
}

func TestBytes(t *testing.T) {
	b := make([]byte, 256)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	words, back := make([]uint64, len(b)/8), make([]byte, len(b))
	setBytes(words, b)
	putBytes(back, words)
	if bigOf(words).Cmp(new(big.Int).SetBytes(b)) != 0 || !bytes.Equal(back, b) {
		t.Errorf("%x\n%x\n%x", b, words, back)
	}
}

// TestReduce: what numbers are brought to after the last multiplication.
func TestReduce(t *testing.T) {
	one := big.NewInt(1)
	for _, bits := range sizes {
		n := bits/64 + 1
		for _, p := range moduliFor(t, bits, 28) {
			prime, twice := wordsOf(p, n), new(big.Int).Lsh(p, 1)
			for _, x := range []*big.Int{
				new(big.Int), one, new(big.Int).Sub(p, one), p, new(big.Int).Add(p, one), new(big.Int).Sub(twice, one), random(t, p),
			} {
				got := wordsOf(x, n)
				reduce(got, prime, make([]uint64, n))
				if want := new(big.Int).Mod(x, p); bigOf(got).Cmp(want) != 0 {
					t.Errorf("%x mod %x: %x", x, p, got)
				}
				x = new(big.Int).Mod(x, p)
				for _, y := range []*big.Int{new(big.Int), one, p, new(big.Int).Sub(twice, one), random(t, twice)} {
					z := make([]uint64, n)
					difference(z, wordsOf(x, n), wordsOf(y, n), prime)
					want := new(big.Int).Sub(x, y)
					if want.Mod(want, p); new(big.Int).Mod(bigOf(z), p).Cmp(want) != 0 || bigOf(z).Cmp(twice) >= 0 {
						t.Errorf("%x - %x mod %x: %x", x, y, p, z)
					}
				}
			}
		}
	}
}

func TestShorten(t *testing.T) {
	one := big.NewInt(1)
	for _, by := range []int{0, 28} {
		for _, bits := range sizes {
			n := bits/64 + 1
			for _, p := range moduliFor(t, bits, 28) {
				limit := new(big.Int).Lsh(p, uint(by))
				for _, x := range []*big.Int{new(big.Int), one, p, new(big.Int).Sub(limit, one), random(t, limit)} {
					got := wordsOf(x, n)
					shorten(got, wordsOf(p, n), negativeInverse(p.Uint64(), by), by)
					back := new(big.Int).Lsh(bigOf(got), uint(by))
					if back.Sub(back, x).Mod(back, p).Sign() != 0 || bigOf(got).Cmp(new(big.Int).Lsh(p, 1)) >= 0 {
						t.Errorf("%x / 2^%d mod %x: %x", x, by, p, got)
					}
				}
			}
		}
	}
}

func TestAddProduct(t *testing.T) {
	full := new(big.Int).Lsh(big.NewInt(1), 1024)
	ones := new(big.Int).Sub(full, big.NewInt(1))
	for _, v := range [][3]*big.Int{{ones, ones, ones}, {new(big.Int), ones, ones}, {random(t, full), random(t, full), random(t, full)}} {
		z := wordsOf(v[0], 32)
		addProduct(z, wordsOf(v[1], 16), wordsOf(v[2], 16))
		want := new(big.Int).Mul(v[1], v[2])
		if want.Add(want, v[0]); bigOf(z).Cmp(want) != 0 {
			t.Errorf("%x\ngot %x", v, z)
		}
	}
}
