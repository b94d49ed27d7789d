package codec

import (
	"encoding/binary"
	"math"
)

// MaxFrame is the default of socket.request.max.bytes (100 MiB), size prefix included.
const MaxFrame = 100<<20 + 4

const (
	// GatherLimit is the size up to which an answer that may need a patch is
	// gathered and given to Rule.Whole. The size alone decides, so the result
	// never depends on how the stream was cut.
	GatherLimit = 32 << 10
	// DecodeLimit is the size up to which a frame is ever gathered whole.
	DecodeLimit = 4 << 20
	// TailLimit bounds what Skim leaves to Rule.Tail.
	TailLimit = 64 << 10
	// PeekLimit bounds the prefix that Silent, or Check of a leading field,
	// may ask for: room for a client id, a transactional id and header tags.
	PeekLimit = 128 << 10
)

// Head is what is known of a frame without decoding it. Size counts the whole
// frame, its 4-byte size prefix included. Of an answer only Size and Corr are on
// the wire; the caller fills Key and Version from the request it belongs to.
type Head struct {
	Size         int
	Key, Version int16
	Corr         int32
}

const (
	requestHeadLen  = 12 // size, key, version, correlation id
	responseHeadLen = 8  // size, correlation id
)

// RequestHead reads the head of the request that starts at b[0]. max bounds the
// whole frame. ok == false without an error means: more bytes, at least 12.
// Errors are given as soon as the bytes seen prove them; they wrap ErrMalformed,
// ErrTooLarge or ErrNotKafka.
func RequestHead(b []byte, max int) (h Head, ok bool, err error) {
	h.Size, ok, err = frameSize(b, requestHeadLen, max, "request")
	if !ok {
		return Head{}, false, err
	}
	if len(b) >= 8 {
		h.Key = int16(binary.BigEndian.Uint16(b[4:]))
		h.Version = int16(binary.BigEndian.Uint16(b[6:]))
		if h.Version < 0 {
			return Head{}, false, malformed("request: key %d: version %d", h.Key, h.Version)
		}
	}
	if len(b) < requestHeadLen {
		return Head{}, false, nil
	}
	h.Corr = int32(binary.BigEndian.Uint32(b[8:]))
	return h, true, nil
}

// ResponseHead reads size (whole frame) and correlation id of the answer that
// starts at b[0]; it needs 8 bytes. ok and errors as in RequestHead.
func ResponseHead(b []byte, max int) (size int, corr int32, ok bool, err error) {
	size, ok, err = frameSize(b, responseHeadLen, max, "response")
	if !ok || len(b) < responseHeadLen {
		return 0, 0, false, err
	}
	return size, int32(binary.BigEndian.Uint32(b[4:])), true, nil
}

// frameSize judges the size prefix; ok is false while it is not whole.
func frameSize(b []byte, min, max int, kind string) (size int, ok bool, err error) {
	if len(b) >= 2 && b[0] >= 0x14 && b[0] <= 0x18 && b[1] == 3 && max < 0x14030000 {
		return 0, false, NotKafka{What: "TLS"}
	}
	if len(b) < 4 {
		return 0, false, nil
	}
	n := int64(int32(binary.BigEndian.Uint32(b)))
	if n+4 > int64(max) {
		if what := wrongDoor(b); what != "" {
			return 0, false, NotKafka{What: what}
		}
	}
	switch {
	case n < 0 || n+4 < int64(min):
		return 0, false, malformed("%s: size %d", kind, n)
	case n+4 > int64(max) || n > math.MaxInt32-4:
		return 0, false, tooLarge("%s: size %d, limit %d", kind, n, max-4)
	}
	return int(n) + 4, true, nil
}

// wrongDoor names the protocol that opens with b's first four bytes. It is asked
// only about sizes that are refused anyway, so it can take no Kafka frame away.
func wrongDoor(b []byte) string {
	switch string(b[:4]) {
	case "GET ", "POST", "HEAD", "PUT ", "DELE", "OPTI", "PATC", "CONN", "TRAC", "PRI ", "HTTP":
		return "HTTP"
	case "SSH-":
		return "SSH"
	case "PROX", "\r\n\r\n":
		return "the PROXY protocol"
	}
	return ""
}
