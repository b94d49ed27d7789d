package rsasign

import "math/big"

// What is here takes the same time for all numbers of the same shape.

// setBig sets number to x. It does not take the same time for all.
func (s *shape) setBig(number []uint64, x *big.Int) {
	s.setWords(number, wordsOf(x, (len(s.order)*s.width+63)/64))
}

// setWords sets number to that in words of 64 bits, which it has room for.
func (s *shape) setWords(number, words []uint64) {
	mask := uint64(1)<<s.width - 1
	word, bit := 0, 0
	for _, at := range s.order {
		var digit uint64
		if word < len(words) {
			digit = words[word] >> bit
		}
		if word+1 < len(words) {
			digit |= words[word+1] << (64 - bit) // nothing if bit is 0
		}
		number[at] = digit & mask
		if bit += s.width; bit >= 64 {
			bit -= 64
			word++
		}
	}
}

// words sets words of 64 bits to number, which they have room for.
func (s *shape) words(words, number []uint64) {
	mask := uint64(1)<<s.width - 1
	clear(words)
	var over uint64
	word, bit := 0, 0
	for _, at := range s.order {
		digit := number[at] + over
		over = digit >> s.width
		digit &= mask
		if word < len(words) {
			words[word] |= digit << bit
		}
		if word+1 < len(words) {
			words[word+1] |= digit >> (64 - bit) // nothing if bit is 0
		}
		if bit += s.width; bit >= 64 {
			bit -= 64
			word++
		}
	}
}

// add adds y to x. The sum must fit.
func (s *shape) add(x, y []uint64) {
	mask := uint64(1)<<s.width - 1
	var over uint64
	for _, at := range s.order {
		sum := x[at] + y[at] + over
		x[at] = sum & mask
		over = sum >> s.width
	}
}
