package rsasign

import (
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
				if i > 0 && bits > sizes[0] && of(bits) != kernelFor(bits) {
					break // math/big takes long, and the rest is the same for all sizes
				}
				t.Run(fmt.Sprint(bits, "/", i), func(t *testing.T) {
					k := newPrivate(key, of)
					w := k.newWork()
					p, q := key.Primes[0], key.Primes[1]
					one := big.NewInt(1)
					values := []*big.Int{new(big.Int), one, p, q, new(big.Int).Sub(key.N, one)}
					if i < 2 {
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

func TestConversions(t *testing.T) {
	for _, size := range []int{1, 6, 7, 13, 128, 192, 256, 512} {
		for _, top := range []byte{0, 1, 0x80, 0xff} {
			b := make([]byte, size)
			if _, err := rand.Read(b); err != nil {
				t.Fatal(err)
			}
			b[0] = top
			want := new(big.Int).SetBytes(b)
			digits := slices.Repeat([]uint64{1}, size*8/digitBits+1)
			setBytes(digits, b)
			if got := value(digits); got.Cmp(want) != 0 {
				t.Errorf("%x as digits: %x", want, got)
			}
			words := slices.Repeat([]uint64{1}, (size+7)/8)
			setWords(words, digits)
			got := new(big.Int)
			for _, word := range slices.Backward(words) {
				got.Lsh(got, 64).Add(got, new(big.Int).SetUint64(word))
			}
			if got.Cmp(want) != 0 {
				t.Errorf("%x as words: %x", want, got)
			}
		}
	}
}

func TestReduce(t *testing.T) {
	for _, bits := range sizes {
		digits := reference(bits).digits
		for _, n := range moduliFor(t, bits) {
			one := big.NewInt(1)
			for _, x := range []*big.Int{
				new(big.Int), one, new(big.Int).Sub(n, one), n, new(big.Int).Add(n, one), new(big.Int).Sub(new(big.Int).Lsh(n, 1), one), random(t, n),
			} {
				got := digitsOf(x, digits)
				reduce(got, digitsOf(n, digits), make([]uint64, digits))
				if want := new(big.Int).Mod(x, n); value(got).Cmp(want) != 0 {
					t.Errorf("%x mod %x: %x", x, n, value(got))
				}
				for _, y := range []*big.Int{new(big.Int), n, new(big.Int).Lsh(n, 1)} {
					z := make([]uint64, digits)
					difference(z, digitsOf(x, digits), digitsOf(n, digits), digitsOf(y, digits))
					want := new(big.Int).Sub(new(big.Int).Add(x, new(big.Int).Lsh(n, 1)), y)
					if value(z).Cmp(want) != 0 {
						t.Errorf("%x + 2·%x - %x: %x", x, n, y, value(z))
					}
				}
			}
		}
	}
}
