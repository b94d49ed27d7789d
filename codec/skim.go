package codec

import (
	"encoding/binary"
	"strconv"
)

// Skim walks an answer too large to gather, in any chunks, up to its tail: the
// part that may hold NodeEndpoints. It is a plain value of a few words, keeps no
// bytes and allocates nothing. The zero Skim needs Start.
type Skim struct {
	prog  program
	head  Head
	left  int // bytes of the frame not yet claimed by a field
	skip  int // bytes of the current field still to come
	acc   uint64
	pc    uint8
	shift uint8 // bits of acc read so far
	depth uint8
	loops [maxDepth]loop
}

// loop is an array in progress: n elements are left, each begins at pc.
type loop struct {
	n  uint32
	pc uint8
}

const maxDepth = 4 // topics, partitions, an inner array, its tags

// Start prepares for the answer with head h: Size of the whole frame, Key and
// Version of its request.
func (s *Skim) Start(h Head) {
	var prog program
	if row := Lookup(h.Key); row != nil && row.body != nil {
		prog = row.body(h.Version)
	}
	s.start(h, prog)
}

func (s *Skim) start(h Head, prog program) {
	*s = Skim{prog: prog, head: h, left: h.Size}
}

// Feed walks on over b, the next bytes of the frame, the first of them being its
// size prefix. The first n bytes of b belong in front of the tail and may go out
// as they are. With tail everything behind them, now and later, is the tail: at
// most TailLimit bytes, for Rule.Tail. Without it n is len(b).
func (s *Skim) Feed(b []byte) (n int, tail bool, err error) {
	n, tail, err = s.walk(b)
	if tail && s.left > TailLimit {
		return 0, false, tooLarge("%s: tail of %d bytes", s.name(), s.left)
	}
	return n, tail, err
}

// Skipping returns how many of the next bytes belong to a field that is not looked at.
func (s *Skim) Skipping() int { return s.skip }

// Skipped reports that n bytes, no more than Skipping said, have gone out without Feed.
func (s *Skim) Skipped(n int) { s.skip -= n }

// walk is Feed without the limit. At the tail s.left is its length.
func (s *Skim) walk(b []byte) (n int, tail bool, err error) {
	if s.prog == nil {
		return 0, false, malformed("%s: has no tail to skim to", s.name())
	}
	for {
		if s.skip > 0 {
			k := min(s.skip, len(b)-n)
			n, s.skip = n+k, s.skip-k
			if s.skip > 0 {
				return n, false, nil
			}
		}
		in := s.prog[s.pc]
		switch in.op {
		case opTail:
			return n, true, nil
		case opSkip:
			err = s.claim(uint32(in.arg))
			s.pc++
		case opEnd:
			s.endLoop()
		default:
			if n == len(b) {
				if s.left == 0 {
					return 0, false, malformed("%s: byte %d: short", s.name(), s.head.Size)
				}
				return n, false, nil
			}
			err = s.number(in, b[n])
			n++
		}
		if err != nil {
			return 0, false, err
		}
	}
}

// number takes one more byte of a length and, when it is whole, acts on it.
func (s *Skim) number(in instr, c byte) error {
	if s.left == 0 {
		return malformed("%s: byte %d: short", s.name(), s.head.Size)
	}
	s.left--
	if in.op == opString16 {
		s.acc, s.shift = s.acc<<8|uint64(c), s.shift+8
		if s.shift < 16 {
			return nil
		}
		n := int16(s.acc)
		if n < -1 {
			return malformed("%s: string length %d", s.name(), n)
		}
		s.next()
		return s.claim(uint32(max(n, 0)))
	}
	s.acc |= uint64(c&0x7f) << s.shift
	s.shift += 7
	if c >= 0x80 && s.shift < 35 {
		return nil
	}
	if c >= 0x80 || s.acc > 1<<32-1 {
		return malformed("%s: varint over 32 bits", s.name())
	}
	v := uint32(s.acc)
	switch in.op {
	case opBytes: // compact: null is 0
		s.next()
		return s.claim(max(v, 1) - 1)
	case opRaw:
		s.next()
		return s.claim(v)
	case opArray:
		return s.beginLoop(in, max(v, 1)-1)
	case opTags:
		return s.beginLoop(in, v)
	default: // opNumber
		s.next()
		return nil
	}
}

func (s *Skim) next() { s.acc, s.shift, s.pc = 0, 0, s.pc+1 }

// claim takes a field of n bytes off the frame.
func (s *Skim) claim(n uint32) error {
	if uint64(n) > uint64(s.left) {
		return malformed("%s: byte %d: field of %d bytes, %d left", s.name(), s.head.Size-s.left, n, s.left)
	}
	s.left -= int(n)
	s.skip = int(n)
	return nil
}

func (s *Skim) beginLoop(in instr, n uint32) error {
	if uint64(n) > uint64(s.left) {
		return malformed("%s: byte %d: array of %d, %d bytes left", s.name(), s.head.Size-s.left, n, s.left)
	}
	s.next()
	if n == 0 {
		s.pc += uint8(in.arg) // over the body
		return nil
	}
	s.loops[s.depth] = loop{n: n, pc: s.pc}
	s.depth++
	return nil
}

func (s *Skim) endLoop() {
	top := &s.loops[s.depth-1]
	top.n--
	if top.n > 0 {
		s.pc = top.pc
		return
	}
	s.depth--
	s.pc++
}

func (s *Skim) name() string {
	if row := Lookup(s.head.Key); row != nil {
		return row.Name + " v" + strconv.Itoa(int(s.head.Version))
	}
	return "key " + strconv.Itoa(int(s.head.Key)) + " v" + strconv.Itoa(int(s.head.Version))
}

// tailOf finds the tail of a frame that is all here.
func tailOf(h Head, frame []byte, prog program) (at int, err error) {
	if len(frame) < responseHeadLen || int64(binary.BigEndian.Uint32(frame))+4 != int64(len(frame)) {
		return 0, malformed("key %d v%d response: %d bytes are not one frame", h.Key, h.Version, len(frame))
	}
	h.Size = len(frame)
	var s Skim
	s.start(h, prog)
	at, tail, err := s.walk(frame)
	if err == nil && !tail {
		err = malformed("%s: byte %d: short", s.name(), len(frame))
	}
	return at, err
}
