package codec

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A limit holds for what is looked at, not for what happens to be there: acks
// behind PeekLimit are refused although the whole request is given at once.
func TestPeekLimitWhole(t *testing.T) {
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(9)
	long := string(make([]byte, PeekLimit))
	req.TransactionID = &long
	h, frame := requestFrame(newRand(1), req, nil, false)
	if _, ok, err := Lookup(keyProduce).Silent(h, frame); ok || !errors.Is(err, ErrTooLarge) {
		t.Fatal(ok, err)
	}
}

// longHead is a Metadata answer whose brokers stand behind n bytes of header tag.
func longHead(n int) (Head, []byte) {
	b := make([]byte, responseHeadLen)
	b = append(binary.AppendUvarint(append(b, 1, 77), uint64(n)), make([]byte, n)...)
	resp := kmsg.NewPtrMetadataResponse()
	resp.SetVersion(9)
	resp.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 1, Host: realHost(1), Port: realPort(1)}}
	b = resp.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return Head{Key: 3, Version: 9, Size: len(b)}, b
}

// The same for brokers behind DecodeLimit; in front of it they are found.
func TestHeadLimit(t *testing.T) {
	var p Patch
	h, frame := longHead(DecodeLimit)
	if ok, err := Lookup(3).Prefix(&p, movedViews[0], h, frame); ok || !errors.Is(err, ErrTooLarge) || !p.Empty() {
		t.Fatal(ok, err)
	}
	if ok, err := Lookup(3).Prefix(&p, movedViews[0], h, frame[:DecodeLimit-1]); ok || err != nil {
		t.Fatal(ok, err)
	}
	h, frame = longHead(DecodeLimit - 100)
	if ok, err := Lookup(3).Prefix(&p, movedViews[0], h, frame); !ok || err != nil || p.Empty() {
		t.Fatal(ok, err)
	}
}

// A count that the frame cannot hold is refused where it is read, not after all
// the frame has been waited for.
func TestCountIsJudgedEarly(t *testing.T) {
	for _, c := range []struct {
		version int16
		count   []byte
	}{
		{0, []byte{0x7f, 0xff, 0xff, 0xff}},
		{0, []byte{0, 1, 0, 0}},
		{0, []byte{0xff, 0xff, 0xff, 0xfe}},
		{9, []byte{0xff, 0xff, 0xff, 0xff, 0x0f}},
		{9, []byte{0x80, 0x80, 0x80, 0x80, 0x10}}, // 0 in its low 32 bits
	} {
		b := make([]byte, responseHeadLen)
		if c.version >= 9 {
			b = append(b, 0, 0, 0, 0, 0) // header tags, throttle time
		}
		b = append(b, c.count...)
		h := Head{Key: 3, Version: c.version, Size: 60000}
		var p Patch
		if ok, err := Lookup(3).Prefix(&p, movedViews[0], h, b); ok || !errors.Is(err, ErrMalformed) {
			t.Errorf("v%d %x: %v %v", c.version, c.count, ok, err)
		}
		if ok, err := Lookup(3).Prefix(&p, movedViews[0], h, b[:len(b)-1]); ok || err != nil {
			t.Errorf("v%d %x, a byte less: %v %v", c.version, c.count, ok, err)
		}
	}
}

// What an error says: package, API, version, place, what.
func TestErrorText(t *testing.T) {
	h, frame := longHead(3)
	frame = frame[:len(frame)-20]
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	var p Patch
	err := Lookup(3).Whole(&p, movedViews[0], h, frame)
	if want := "codec: Metadata v9 response: node 0: byte 24: string beyond the frame, length 17: malformed frame"; err == nil || err.Error() != want {
		t.Fatalf("%v, want %s", err, want)
	}
}
