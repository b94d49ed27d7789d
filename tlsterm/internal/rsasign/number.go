package rsasign

// What is here takes the same time for all numbers of the same length.

// setBytes sets digits to the number in b, highest byte first, which they have
// room for.
func setBytes(digits []uint64, b []byte) {
	clear(digits)
	var collected uint64
	have, next := 0, 0
	for i := len(b) - 1; i >= 0; i-- {
		collected |= uint64(b[i]) << have
		if have += 8; have >= digitBits {
			digits[next] = collected & digitMask
			collected >>= digitBits
			have -= digitBits
			next++
		}
	}
	if have > 0 {
		digits[next] = collected
	}
}

// setWords sets words of 64 bits to the number in digits of 52, which they have
// room for.
func setWords(words, digits []uint64) {
	clear(words)
	for i, d := range digits {
		word, bit := i*digitBits/64, i*digitBits%64
		if word < len(words) {
			words[word] |= d << bit
		}
		if word+1 < len(words) {
			words[word+1] |= d >> (64 - bit) // nothing if bit is 0
		}
	}
}

// add adds y to x.
func add(x, y []uint64) {
	var carry uint64
	for i := range x {
		sum := x[i] + y[i] + carry
		x[i] = sum & digitMask
		carry = sum >> digitBits
	}
}

// reduce subtracts n from x unless x is smaller. room is overwritten.
func reduce(x, n, room []uint64) {
	var borrow uint64
	for i := range x {
		difference := x[i] - n[i] - borrow
		room[i] = difference & digitMask
		borrow = difference >> 63
	}
	keep := -borrow
	for i := range x {
		x[i] ^= (x[i] ^ room[i]) &^ keep
	}
}

// difference sets z to x + 2n - y, which must not be negative.
func difference(z, x, n, y []uint64) {
	var carry int64
	for i := range z {
		digit := int64(x[i]) + 2*int64(n[i]) - int64(y[i]) + carry
		z[i] = uint64(digit) & digitMask
		carry = digit >> digitBits
	}
}
