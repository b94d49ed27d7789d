package rsasign

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"testing"
	"unsafe"
)

// sizes are the bits of a prime.
var sizes = []int{1024, 1536, 2048}

// reference returns a kernel that computes with math/big what kernelFor's must
// give digit for digit.
func reference(bits int) *kernel {
	k := map[int]*kernel{1024: {digits: 20, vectors: 3}, 1536: {digits: 30, vectors: 4}, 2048: {digits: 40, vectors: 5}}[bits]
	if k == nil {
		return nil
	}
	r := new(big.Int).Lsh(big.NewInt(1), uint(k.digits)*digitBits)
	var inverses sync.Map // of -1/n mod R, which takes longest
	// product is (x·y + f·n)/R, where f makes it whole.
	product := func(x, y, n *big.Int) *big.Int {
		inverse, known := inverses.Load(string(n.Bytes()))
		if !known {
			inverse = new(big.Int).ModInverse(new(big.Int).Neg(n), r)
			inverses.Store(string(n.Bytes()), inverse)
		}
		xy := new(big.Int).Mul(x, y)
		f := new(big.Int).Mul(xy, inverse.(*big.Int))
		f.And(f, new(big.Int).Sub(r, big.NewInt(1)))
		f.Mul(f, n).Add(f, xy)
		if f.TrailingZeroBits() < uint(k.digits)*digitBits && f.Sign() != 0 {
			panic("a remainder")
		}
		return f.Rsh(f, uint(k.digits)*digitBits)
	}
	k.multiply = func(z, y, moduli *uint64, squarings int) {
		zs, ys := unsafe.Slice(z, k.pair()), unsafe.Slice(y, k.pair())
		for _, half := range []func([]uint64) []uint64{k.a, k.b} {
			n := value(unsafe.Slice(moduli, k.digits))
			moduli = &unsafe.Slice(moduli, k.number()+1)[k.number()] // B's is behind A's
			x, y := value(half(zs)), value(half(ys))
			for range squarings {
				x = product(x, x, n)
			}
			set(half(zs), product(x, y, n))
		}
	}
	k.pick = func(z, table *uint64, a, b int) {
		zs, entry := unsafe.Slice(z, k.pair()), unsafe.Slice(table, entries*k.pair())
		copy(k.a(zs), k.a(entry[a*k.pair():]))
		copy(k.b(zs), k.b(entry[b*k.pair():]))
	}
	return k
}

func value(digits []uint64) *big.Int {
	x := new(big.Int)
	for _, d := range slices.Backward(digits) {
		if d > digitMask {
			panic(fmt.Sprintf("a digit %x", d))
		}
		x.Lsh(x, digitBits).Add(x, new(big.Int).SetUint64(d))
	}
	return x
}

func set(digits []uint64, x *big.Int) { copy(digits, digitsOf(x, len(digits))) }

// needIFMA returns the kernel under test.
func needIFMA(tb testing.TB, bits int) *kernel {
	tb.Helper()
	k := kernelFor(bits)
	if k == nil {
		tb.Skip("this processor has no AVX-512 IFMA: its multiplication is not tested here")
	}
	return k
}

// eachKernel is for what must hold with both.
func eachKernel(t *testing.T, test func(t *testing.T, kernelFor func(bits int) *kernel)) {
	t.Run("reference", func(t *testing.T) { test(t, reference) })
	t.Run("ifma", func(t *testing.T) {
		needIFMA(t, sizes[0])
		test(t, kernelFor)
	})
}

// agree multiplies with both kernels and compares everything that was written.
// x squared so many times, and y or that, must give a product below 2·n.
func agree(t *testing.T, bits int, n, x, y [2]*big.Int, squarings int) {
	t.Helper()
	k, ref := needIFMA(t, bits), reference(bits)
	moduli := k.moduliOf(digitsOf(n[0], k.digits), digitsOf(n[1], k.digits))
	pair := func(v [2]*big.Int) []uint64 {
		p := make([]uint64, k.pair())
		set(k.a(p), v[0])
		set(k.b(p), v[1])
		return p
	}
	z, want, ys := pair(x), pair(x), pair(y)
	k.multiply(&z[0], &ys[0], &moduli[0], squarings)
	ref.multiply(&want[0], &ys[0], &moduli[0], squarings)
	if !slices.Equal(z, want) {
		t.Errorf("%d bits, %d squarings\nn %x\nx %x\ny %x\ngot  %x\nwant %x", bits, squarings, n, x, y, z, want)
	}
	if !slices.Equal(ys, pair(y)) {
		t.Error("y was written to")
	}
}

// edges are numbers below n, among them such that carries run through.
func edges(n *big.Int, digits int) (all []*big.Int) {
	one := big.NewInt(1)
	top := uint(digits) * digitBits
	for _, x := range []*big.Int{
		new(big.Int), one, big.NewInt(2), big.NewInt(digitMask), new(big.Int).Lsh(one, digitBits),
		new(big.Int).Sub(n, one), new(big.Int).Rsh(n, 1),
		new(big.Int).Mod(new(big.Int).Lsh(one, top), n),
		new(big.Int).Mod(new(big.Int).Lsh(one, 2*top), n),
		// All digits ones but for the highest.
		new(big.Int).Sub(new(big.Int).Lsh(one, uint(n.BitLen()-1)/digitBits*digitBits), one),
		// Every other digit.
		new(big.Int).Div(new(big.Int).Lsh(one, top), new(big.Int).Add(new(big.Int).Lsh(one, digitBits), one)),
	} {
		all = append(all, x.Mod(x, n))
	}
	return all
}

// moduliFor are odd numbers of so many bits. They need not be primes.
func moduliFor(tb testing.TB, bits int) []*big.Int {
	tb.Helper()
	one := big.NewInt(1)
	full := new(big.Int).Lsh(one, uint(bits))
	half := new(big.Int).Rsh(full, 1)
	odd := new(big.Int).Add(half, random(tb, half))
	return []*big.Int{
		new(big.Int).Sub(full, one), new(big.Int).Add(half, one),
		// The factor is the lowest digit, or its negative.
		new(big.Int).Sub(full, new(big.Int).Add(new(big.Int).Lsh(one, digitBits), one)),
		new(big.Int).Add(half, new(big.Int).Add(new(big.Int).Lsh(one, digitBits), one)),
		odd.SetBit(odd, 0, 1),
	}
}

func random(tb testing.TB, below *big.Int) *big.Int {
	tb.Helper()
	x, err := rand.Int(rand.Reader, below)
	if err != nil {
		tb.Fatal(err)
	}
	return x
}

func TestMultiply(t *testing.T) {
	for _, bits := range sizes {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			k := needIFMA(t, bits)
			moduli := moduliFor(t, bits)
			r := new(big.Int).Lsh(big.NewInt(1), uint(k.digits)*digitBits)
			allOnes := new(big.Int).Sub(r, big.NewInt(1))
			for i, n := range moduli {
				other := moduli[(i+1)%len(moduli)]
				values, others := edges(n, k.digits), edges(other, k.digits)
				for j, x := range values {
					for l, y := range values {
						agree(t, bits, [2]*big.Int{n, other}, [2]*big.Int{x, others[l]}, [2]*big.Int{y, others[j]}, (i+j+l)%3)
					}
					// One of the two may be as large as fits.
					agree(t, bits, [2]*big.Int{n, other}, [2]*big.Int{allOnes, others[j]}, [2]*big.Int{x, allOnes}, 0)
				}
				for range 20 {
					pair := func() [2]*big.Int { return [2]*big.Int{random(t, n), random(t, other)} }
					agree(t, bits, [2]*big.Int{n, other}, pair(), pair(), 5)
				}
			}
		})
	}
}

// TestCarryRuns: a sum whose digits come out as ones, with one more to add to the
// lowest, is the rare case that the carries are for. With y = R mod n the
// product is x again, or x + n: chosen digits can be made to come out.
func TestCarryRuns(t *testing.T) {
	for _, bits := range sizes {
		k := needIFMA(t, bits)
		one := big.NewInt(1)
		for _, n := range moduliFor(t, bits) {
			y := new(big.Int).Lsh(one, uint(k.digits)*digitBits)
			y.Mod(y, n)
			for from := range k.digits - 1 {
				for to := from + 1; to < k.digits; to += 3 {
					run := new(big.Int).Sub(new(big.Int).Lsh(one, uint(to)*digitBits), new(big.Int).Lsh(one, uint(from)*digitBits))
					for _, x := range []*big.Int{run, new(big.Int).Add(run, one), new(big.Int).Neg(run)} {
						x.Mod(x, n)
						agree(t, bits, [2]*big.Int{n, n}, [2]*big.Int{x, y}, [2]*big.Int{y, x}, 0)
					}
				}
			}
		}
	}
}

// FuzzMultiply: the first byte chooses the size and the squarings.
func FuzzMultiply(f *testing.F) {
	f.Fuzz(func(t *testing.T, shape, modulus, x, y []byte) {
		if len(shape) == 0 {
			return
		}
		bits := sizes[int(shape[0])%len(sizes)]
		needIFMA(t, bits)
		number := func(b []byte, odd bool) *big.Int {
			v := new(big.Int).SetBytes(b[:min(len(b), bits/8)])
			if odd {
				v.SetBit(v, 0, 1).SetBit(v, bits-1, 1)
			}
			return v
		}
		n := [2]*big.Int{number(modulus, true), number(append(slices.Clone(y), modulus...), true)}
		xs, ys := [2]*big.Int{number(x, false), number(y, false)}, [2]*big.Int{number(y, false), number(x, false)}
		agree(t, bits, n, xs, ys, int(shape[0])/len(sizes)%8)
	})
}

func TestPick(t *testing.T) {
	for _, bits := range sizes {
		k, ref := needIFMA(t, bits), reference(bits)
		table := make([]uint64, entries*k.pair())
		for i := range entries {
			entry := table[i*k.pair():]
			for j := range k.digits {
				k.a(entry)[j], k.b(entry)[j] = uint64(i<<8|j), uint64(i<<8|j|1<<51)
			}
		}
		for a := range entries {
			for b := range entries {
				z, want := make([]uint64, k.pair()), make([]uint64, k.pair())
				z[0] = 99
				k.pick(&z[0], &table[0], a, b)
				ref.pick(&want[0], &table[0], a, b)
				if !slices.Equal(z, want) {
					t.Fatalf("%d bits, entries %d and %d: %x", bits, a, b, z)
				}
			}
		}
	}
}

func TestNegativeInverse(t *testing.T) {
	for _, n := range []uint64{1, 3, digitMask, digitMask - 2, 0x123456789abcd} {
		if got := negativeInverse(n); got > digitMask || (got*n+1)&digitMask != 0 {
			t.Errorf("%x: %x", n, got)
		}
	}
}
