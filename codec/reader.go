package codec

import (
	"encoding/binary"
	"strconv"
)

// reader is a sticky cursor over the bytes of one frame: after the first
// failure every call returns zero and the offset stays. It tells "not here yet"
// (short) from "cannot be" (bad): b may be a prefix, end is where the frame ends.
// Classic and compact lengths differ by flex alone, in count and length.
type reader struct {
	b    []byte
	off  int
	end  int
	flex bool

	short bool
	bad   string // what was wrong, without the numbers
	val   int64  // the number that was wrong
	place string // what is being read, for the error
	item  int
}

func (r *reader) ok() bool { return !r.short && r.bad == "" }

func (r *reader) fail(what string, val int64) {
	if r.ok() {
		r.bad, r.val = what, val
	}
}

// in names the place for errors; the place of the first failure stays.
func (r *reader) in(place string, item int) {
	if r.ok() {
		r.place, r.item = place, item
	}
}

// need reports whether n more bytes can be read.
func (r *reader) need(n int) bool {
	if !r.ok() {
		return false
	}
	if n > r.end-r.off {
		r.fail("short", int64(n))
		return false
	}
	if n > len(r.b)-r.off {
		r.short = true
		return false
	}
	return true
}

func (r *reader) skip(n int) {
	if r.need(n) {
		r.off += n
	}
}

func (r *reader) int8() int8 {
	if !r.need(1) {
		return 0
	}
	r.off++
	return int8(r.b[r.off-1])
}

func (r *reader) int16() int16 {
	if !r.need(2) {
		return 0
	}
	r.off += 2
	return int16(binary.BigEndian.Uint16(r.b[r.off-2:]))
}

func (r *reader) int32() int32 {
	if !r.need(4) {
		return 0
	}
	r.off += 4
	return int32(binary.BigEndian.Uint32(r.b[r.off-4:]))
}

// uvarint reads at most 5 bytes and 32 bits, as Kafka's readUnsignedVarint.
func (r *reader) uvarint() uint32 {
	var v uint64
	for shift := uint(0); shift < 35; shift += 7 {
		if !r.need(1) {
			return 0
		}
		c := r.b[r.off]
		r.off++
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if v > 1<<32-1 {
				break
			}
			return uint32(v)
		}
	}
	r.fail("varint over 32 bits:", int64(v))
	return 0
}

// length reads the length of a nullable string; null counts as empty.
func (r *reader) length() int {
	var n int64
	if r.flex {
		n = int64(r.uvarint()) - 1
	} else {
		n = int64(r.int16())
	}
	if !r.ok() {
		return 0
	}
	if n < -1 {
		r.fail("string length", n)
	}
	if n > int64(r.end-r.off) {
		r.fail("string beyond the frame, length", n)
	}
	return int(max(n, 0))
}

// str reads a nullable string; the slice lies in the frame.
func (r *reader) str() []byte {
	n := r.length()
	if !r.need(n) {
		return nil
	}
	r.off += n
	return r.b[r.off-n : r.off]
}

// bytes reads nullable bytes; the slice lies in the frame. Their classic length has
// 32 bits, as an array's.
func (r *reader) bytes() []byte {
	n := r.count()
	if !r.need(n) {
		return nil
	}
	r.off += n
	return r.b[r.off-n : r.off]
}

// count reads the length of a nullable array. Every element takes a byte at
// least, so a count above the bytes left in the frame is refused here.
func (r *reader) count() int {
	var n int64
	if r.flex {
		n = int64(r.uvarint()) - 1
	} else {
		n = int64(r.int32())
	}
	if !r.ok() {
		return 0
	}
	if n < -1 || n > int64(r.end-r.off) {
		r.fail("array length", n)
		return 0
	}
	return int(max(n, 0))
}

// tag reads id and size of one tagged field.
func (r *reader) tag() (id uint32, size int) {
	id = r.uvarint()
	return id, r.tagSize()
}

func (r *reader) tagSize() int {
	n := r.uvarint()
	if int64(n) > int64(r.end-r.off) {
		r.fail("tag beyond the frame, length", int64(n))
		return 0
	}
	return int(n)
}

// tags skips the tagged fields of one struct, if the version has any.
func (r *reader) tags() {
	if !r.flex {
		return
	}
	for n := r.uvarint(); n > 0 && r.ok(); n-- {
		_, size := r.tag()
		r.skip(size)
	}
}

// err is nil while ok. A short read is an error here: the caller has asked for
// more where more could come.
func (r *reader) err(name string, version int16, kind string) error {
	switch {
	case r.ok():
		return nil
	case r.short || r.bad == "short":
		return malformed("%s v%d %s: %s: byte %d: short", name, version, kind, placed(r), r.off)
	default:
		return malformed("%s v%d %s: %s: byte %d: %s %d", name, version, kind, placed(r), r.off, r.bad, r.val)
	}
}

func placed(r *reader) string {
	if r.place == "" {
		return "header"
	}
	if r.item < 0 {
		return r.place
	}
	return r.place + " " + strconv.Itoa(r.item)
}

// uvarintLen is the length of v in its shortest form.
func uvarintLen(v uint32) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
