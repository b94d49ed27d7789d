package rsasign

import (
	"crypto/rand"
	"maps"
	"math/big"
	"slices"
	"sync"
	"testing"
	"unsafe"
)

// sizes are the bits of a prime.
var sizes = []int{1024, 1536, 2048}

// methods are all that this package knows, whatever the processor has.
var methods = []struct {
	name   string
	shapes map[int]shape
	file   func(s *shape, entry, pair []uint64)
	// spare is how much more than width bits a digit may have.
	spare uint64
}{
	{"ifma", shapesIFMA, (*shape).fileIFMA, 0},
	{"avx2", shapesAVX2, (*shape).fileAVX2, 1 << 9},
}

// reference returns a kernel that computes with math/big what one of this shape
// must give.
func reference(s shape, file func(s *shape, entry, pair []uint64)) *kernel {
	k := &kernel{shape: s}
	k.room = 0
	k.file = func(entry, pair []uint64) { file(&k.shape, entry, pair) }
	k.arrange = func(a, b *big.Int) []uint64 {
		m := make([]uint64, k.pair())
		k.setBig(k.half(m, 0), a)
		k.setBig(k.half(m, 1), b)
		return m
	}
	bits := uint(len(k.order) * k.width)
	r := new(big.Int).Lsh(big.NewInt(1), bits)
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
		if f.TrailingZeroBits() < bits && f.Sign() != 0 {
			panic("a remainder")
		}
		return f.Rsh(f, bits)
	}
	k.multiply = func(z, y, moduli, _ *uint64, squarings int) {
		for i := range 2 {
			half := func(pair *uint64) []uint64 { return k.half(unsafe.Slice(pair, k.pair()), i) }
			n, x, y := k.value(half(moduli)), k.value(half(z)), k.value(half(y))
			for range squarings {
				x = product(x, x, n)
			}
			k.setBig(half(z), product(x, y, n))
		}
	}
	// An entry that it can read is any that file writes.
	k.pick = func(z, table *uint64, a, b int) {
		all := unsafe.Slice(table, entries*k.entry)
		for i, wanted := range []int{a, b} {
			number := k.half(unsafe.Slice(z, k.pair()), i)
			filed := all[wanted*k.entry:][:k.entry]
			if k.entry == k.pair() {
				copy(number, k.half(filed, i))
				continue
			}
			for j, word := range filed[i*k.size/2:][:k.size/2] {
				number[j], number[k.size/2+j] = word&(1<<32-1), word>>32
			}
		}
	}
	return k
}

// value is what number is worth, digits of more than width bits as they are.
func (s *shape) value(number []uint64) *big.Int {
	x := new(big.Int)
	for _, at := range slices.Backward(s.order) {
		x.Lsh(x, uint(s.width)).Add(x, new(big.Int).SetUint64(number[at]))
	}
	return x
}

// references are the reference kernels of a method, kernelFor's counterpart.
func references(method int) func(bits int) *kernel {
	m := methods[method]
	made := map[int]*kernel{}
	for bits, s := range m.shapes {
		made[bits] = reference(s, m.file)
	}
	return func(bits int) *kernel { return made[bits] }
}

var straight = references(0)

// available returns the kernels of a family, nil if the processor cannot run them,
// and then what they need.
func available(name string) (kernelFor func(bits int) *kernel, needs string) {
	for _, f := range families {
		if f.name == name {
			if f.available {
				return func(bits int) *kernel { return f.kernels[bits] }, ""
			}
			return nil, f.needs
		}
	}
	return nil, "another architecture"
}

// eachFamily is for what depends on the processor. It says which it cannot run.
func eachFamily(t *testing.T, test func(t *testing.T, method int, kernelFor func(bits int) *kernel)) {
	t.Helper()
	for i, m := range methods {
		t.Run(m.name, func(t *testing.T) {
			kernelFor, needs := available(m.name)
			if kernelFor == nil {
				t.Skipf("not tested on this processor: %s needs %s", m.name, needs)
			}
			test(t, i, kernelFor)
		})
	}
}

func isReference(k *kernel) bool {
	return !slices.ContainsFunc(families, func(f family) bool {
		return slices.Contains(slices.Collect(maps.Values(f.kernels)), k)
	})
}

// needKernel skips the test if there is none for this processor.
func needKernel(tb testing.TB) {
	tb.Helper()
	if kernelFor(sizes[0]) == nil {
		tb.Skip("this processor has neither AVX-512 IFMA nor AVX2: RSA stays with crypto/rsa")
	}
}

// eachKernel is for what must hold with the references as well.
func eachKernel(t *testing.T, test func(t *testing.T, kernelFor func(bits int) *kernel)) {
	for i, m := range methods {
		t.Run("reference/"+m.name, func(t *testing.T) { test(t, references(i)) })
	}
	eachFamily(t, func(t *testing.T, _ int, kernelFor func(bits int) *kernel) { test(t, kernelFor) })
}

// A duel is a kernel beside the reference.
type duel struct {
	kernel, reference *kernel
	bits              int
	spare             uint64
}

func duelOf(method, bits int, kernelFor func(bits int) *kernel) duel {
	return duel{kernelFor(bits), references(method)(bits), bits, methods[method].spare}
}

// agree multiplies with both kernels and compares everything that was written.
// x squared so many times, and y or that, must give a product below 2·n. n are
// moduli as the kernel takes them.
func (d duel) agree(t *testing.T, n, x, y [2]*big.Int, squarings int) {
	t.Helper()
	k, ref := d.kernel, d.reference
	pair := func(v [2]*big.Int) []uint64 {
		p := aligned(k.pair())
		k.setBig(k.half(p, 0), v[0])
		k.setBig(k.half(p, 1), v[1])
		return p
	}
	room := slices.Repeat([]uint64{^uint64(0)}, k.room)
	moduli, plain := k.arrange(n[0], n[1]), ref.arrange(n[0], n[1])
	z, want, ys := pair(x), pair(x), pair(y)
	k.multiply(&z[0], &ys[0], &moduli[0], unsafe.SliceData(room), squarings)
	ref.multiply(&want[0], &ys[0], &plain[0], nil, squarings)
	for i := range 2 {
		number := k.half(z, i)
		if got, want := k.value(number), k.value(k.half(want, i)); got.Cmp(want) != 0 {
			t.Errorf("%d bits, %d squarings, half %d\nn %x\nx %x\ny %x\ngot  %x\nwant %x", d.bits, squarings, i, n, x, y, got, want)
		}
		for _, at := range k.order {
			if number[at] >= 1<<k.width+d.spare {
				t.Errorf("a digit %x", number[at])
			}
			number[at] = 0
		}
	}
	if slices.ContainsFunc(z, func(word uint64) bool { return word != 0 }) {
		t.Errorf("beside its digits: %x", z)
	}
	if !slices.Equal(ys, pair(y)) {
		t.Error("y was written to")
	}
}

// edges are numbers below n, among them such that carries run through.
func (d duel) edges(n *big.Int) (all []*big.Int) {
	one := big.NewInt(1)
	width := uint(d.kernel.width)
	top := uint(len(d.kernel.order)) * width
	for _, x := range []*big.Int{
		new(big.Int), one, big.NewInt(2), big.NewInt(1<<width - 1), new(big.Int).Lsh(one, width),
		new(big.Int).Sub(n, one), new(big.Int).Rsh(n, 1),
		new(big.Int).Mod(new(big.Int).Lsh(one, top), n),
		new(big.Int).Mod(new(big.Int).Lsh(one, 2*top), n),
		// All digits ones but for the highest.
		new(big.Int).Sub(new(big.Int).Lsh(one, uint(n.BitLen()-1)/width*width), one),
		// Every other digit.
		new(big.Int).Div(new(big.Int).Lsh(one, top), new(big.Int).Add(new(big.Int).Lsh(one, width), one)),
	} {
		all = append(all, x.Mod(x, n))
	}
	return all
}

// moduliFor are odd numbers of so many bits, as the kernel takes them. They need
// not be primes.
func (d duel) moduli(tb testing.TB) []*big.Int {
	tb.Helper()
	moduli := moduliFor(tb, d.bits, uint(d.kernel.width))
	for i, n := range moduli {
		moduli[i] = d.kernel.modulus(n)
	}
	return moduli
}

func moduliFor(tb testing.TB, bits int, width uint) []*big.Int {
	tb.Helper()
	one := big.NewInt(1)
	full := new(big.Int).Lsh(one, uint(bits))
	half := new(big.Int).Rsh(full, 1)
	odd := new(big.Int).Add(half, random(tb, half))
	return []*big.Int{
		new(big.Int).Sub(full, one), new(big.Int).Add(half, one),
		// The factor is the lowest digit, or its negative.
		new(big.Int).Sub(full, new(big.Int).Add(new(big.Int).Lsh(one, width), one)),
		new(big.Int).Add(half, new(big.Int).Add(new(big.Int).Lsh(one, width), one)),
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
	eachFamily(t, func(t *testing.T, method int, kernelFor func(int) *kernel) {
		for _, bits := range sizes {
			d := duelOf(method, bits, kernelFor)
			moduli := d.moduli(t)
			r := new(big.Int).Lsh(big.NewInt(1), uint(len(d.kernel.order)*d.kernel.width))
			allOnes := new(big.Int).Sub(r, big.NewInt(1))
			for i, n := range moduli {
				other := moduli[(i+1)%len(moduli)]
				both := [2]*big.Int{n, other}
				values, others := d.edges(n), d.edges(other)
				for j, x := range values {
					for l, y := range values {
						d.agree(t, both, [2]*big.Int{x, others[l]}, [2]*big.Int{y, others[j]}, (i+j+l)%3)
					}
					// One of the two may be as large as fits.
					d.agree(t, both, [2]*big.Int{allOnes, others[j]}, [2]*big.Int{x, allOnes}, 0)
				}
				for squarings := range 40 {
					pair := func() [2]*big.Int { return [2]*big.Int{random(t, n), random(t, other)} }
					d.agree(t, both, pair(), pair(), squarings%7)
				}
			}
		}
	})
}

// TestGrownNumbers: what enter adds up is as large as four moduli, which is not
// reduced before it is multiplied by itself.
func TestGrownNumbers(t *testing.T) {
	eachFamily(t, func(t *testing.T, method int, kernelFor func(int) *kernel) {
		for _, bits := range sizes {
			d := duelOf(method, bits, kernelFor)
			for _, n := range d.moduli(t) {
				grown := new(big.Int).Sub(new(big.Int).Lsh(n, 2), big.NewInt(1))
				both := [2]*big.Int{grown, grown}
				for squarings := range 3 {
					d.agree(t, [2]*big.Int{n, n}, both, both, squarings)
				}
			}
		}
	})
}

// TestCarryRuns: a sum whose digits come out as ones, with one more to add to the
// lowest, is the rare case that the carries are for. With y = R mod n the
// product is x again, or x + n: chosen digits can be made to come out.
func TestCarryRuns(t *testing.T) {
	eachFamily(t, func(t *testing.T, method int, kernelFor func(int) *kernel) {
		for _, bits := range sizes {
			d := duelOf(method, bits, kernelFor)
			one := big.NewInt(1)
			digits, width := len(d.kernel.order), uint(d.kernel.width)
			for _, n := range d.moduli(t) {
				y := new(big.Int).Lsh(one, uint(digits)*width)
				y.Mod(y, n)
				for from := range digits - 1 {
					for to := from + 1; to < digits; to += 3 {
						run := new(big.Int).Sub(new(big.Int).Lsh(one, uint(to)*width), new(big.Int).Lsh(one, uint(from)*width))
						for _, x := range []*big.Int{run, new(big.Int).Add(run, one), new(big.Int).Neg(run)} {
							x.Mod(x, n)
							d.agree(t, [2]*big.Int{n, n}, [2]*big.Int{x, y}, [2]*big.Int{y, x}, 0)
						}
					}
				}
			}
		}
	})
}

// FuzzMultiply: the first byte chooses the size and the squarings. All kernels
// multiply the same that the processor has.
func FuzzMultiply(f *testing.F) {
	f.Fuzz(func(t *testing.T, shape, modulus, x, y []byte) {
		if len(shape) == 0 {
			return
		}
		bits := sizes[int(shape[0])%len(sizes)]
		number := func(b []byte, odd bool) *big.Int {
			v := new(big.Int).SetBytes(b[:min(len(b), bits/8)])
			if odd {
				v.SetBit(v, 0, 1).SetBit(v, bits-1, 1)
			}
			return v
		}
		xs, ys := [2]*big.Int{number(x, false), number(y, false)}, [2]*big.Int{number(y, false), number(x, false)}
		for i, m := range methods {
			kernelFor, _ := available(m.name)
			if kernelFor == nil {
				continue
			}
			d := duelOf(i, bits, kernelFor)
			n := [2]*big.Int{number(modulus, true), number(append(slices.Clone(y), modulus...), true)}
			for j := range n {
				n[j] = d.kernel.modulus(n[j])
			}
			d.agree(t, n, xs, ys, int(shape[0])/len(sizes)%8)
		}
	})
}

func TestPick(t *testing.T) {
	eachFamily(t, func(t *testing.T, method int, kernelFor func(int) *kernel) {
		for _, bits := range sizes {
			d := duelOf(method, bits, kernelFor)
			k, ref := d.kernel, d.reference
			table := aligned(entries * k.entry)
			for i := range entries {
				pair := make([]uint64, k.pair())
				for j, at := range k.order {
					k.half(pair, 0)[at], k.half(pair, 1)[at] = uint64(i<<8|j), uint64(i<<8|j|1<<(k.width-1))
				}
				k.file(table[i*k.entry:][:k.entry], pair)
			}
			for a := range entries {
				for b := range entries {
					z, want := aligned(k.pair()), make([]uint64, k.pair())
					z[0] = 99
					k.pick(&z[0], &table[0], a, b)
					ref.pick(&want[0], &table[0], a, b)
					if !slices.Equal(z, want) {
						t.Fatalf("%d bits, entries %d and %d: %x", bits, a, b, z)
					}
				}
			}
		}
	})
}

// TestModulus: what a kernel multiplies modulo is a multiple of the prime that
// fits, and all that is promised of R holds for it.
func TestModulus(t *testing.T) {
	one := big.NewInt(1)
	for _, m := range methods {
		for bits, s := range m.shapes {
			for _, p := range moduliFor(t, bits, uint(s.width)) {
				n := s.modulus(p)
				if new(big.Int).Mod(n, p).Sign() != 0 {
					t.Errorf("%s: %x is no multiple of %x", m.name, n, p)
				}
				low := new(big.Int).Mod(new(big.Int).Add(n, one), new(big.Int).Lsh(one, uint(s.rest)))
				if low.Sign() != 0 {
					t.Errorf("%s: %x ends wrong", m.name, n)
				}
				if n.BitLen()+4 > len(s.order)*s.width {
					t.Errorf("%s, %d bits: four of %x do not fit", m.name, bits, n)
				}
			}
		}
	}
}

func TestNegativeInverse(t *testing.T) {
	for _, width := range []int{28, 52} {
		mask := uint64(1)<<width - 1
		for _, n := range []uint64{1, 3, mask, mask - 2, 0x123456789abcd & mask} {
			if got := negativeInverse(n, width); got > mask || (got*n+1)&mask != 0 {
				t.Errorf("%x: %x", n, got)
			}
		}
	}
}
