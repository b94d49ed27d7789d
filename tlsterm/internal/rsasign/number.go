package rsasign

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// Numbers are words of 64 bits, the lowest first. What is here takes the same time
// for all numbers of the same length, but for wordsOf.

// wordsOf returns x, which has to fit, in n words.
func wordsOf(x *big.Int, n int) []uint64 {
	words := make([]uint64, n)
	setBytes(words, x.FillBytes(make([]byte, 8*n)))
	return words
}

// setBytes sets x to the number in b, highest byte first and as long.
func setBytes(x []uint64, b []byte) {
	for i := range x {
		x[i] = binary.BigEndian.Uint64(b[len(b)-8*(i+1):])
	}
}

// putBytes is the other way round.
func putBytes(b []byte, x []uint64) {
	for i, word := range x {
		binary.BigEndian.PutUint64(b[len(b)-8*(i+1):], word)
	}
}

// reduce subtracts n from x unless x is smaller. room is overwritten.
func reduce(x, n, room []uint64) {
	var borrow uint64
	for i := range x {
		room[i], borrow = bits.Sub64(x[i], n[i], borrow)
	}
	keep := -borrow
	for i := range x {
		x[i] ^= (x[i] ^ room[i]) &^ keep
	}
}

// shorten divides x by 2^n modulo p, of which inverse is -1/p modulo 2^n. Of an x
// below p·2^n comes one below 2p.
func shorten(x, p []uint64, inverse uint64, n int) {
	f := x[0] * inverse & (1<<n - 1)
	var over, below uint64
	for i := range x {
		high, low := bits.Mul64(f, p[i])
		var carry, sum uint64
		sum, carry = bits.Add64(low, over, 0)
		high += carry
		sum, carry = bits.Add64(sum, x[i], 0)
		over = high + carry
		if i > 0 {
			x[i-1] = below>>n | sum<<(64-n) // nothing if n is 0
		}
		below = sum
	}
	x[len(x)-1] = below>>n | over<<(64-n)
}

// difference sets z to x - y modulo n, which x is smaller than, and y than 2n.
func difference(z, x, y, n []uint64) {
	var borrow uint64
	for i := range z {
		z[i], borrow = bits.Sub64(x[i], y[i], borrow)
	}
	for range 2 {
		var carry uint64
		missing := -borrow
		for i := range z {
			z[i], carry = bits.Add64(z[i], n[i]&missing, carry)
		}
		borrow -= carry // none if nothing was added
	}
}

// addProduct adds x·y to z, which is as long as both together and zero in its
// upper half, the length of x.
func addProduct(z, x, y []uint64) {
	for i, digit := range x {
		var over uint64
		for j := range y {
			high, low := bits.Mul64(digit, y[j])
			var carry uint64
			low, carry = bits.Add64(low, over, 0)
			high += carry
			z[i+j], carry = bits.Add64(z[i+j], low, 0)
			over = high + carry
		}
		z[i+len(y)] = over
	}
}
