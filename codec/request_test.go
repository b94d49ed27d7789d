package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// requestFrame puts a request in a frame. client nil is the null client id.
func requestFrame(r *rand.Rand, req kmsg.Request, client *string, headerTags bool) (Head, []byte) {
	h := Head{Key: req.Key(), Version: req.GetVersion(), Corr: r.Int32()}
	b := make([]byte, 4)
	b = binary.BigEndian.AppendUint16(b, uint16(h.Key))
	b = binary.BigEndian.AppendUint16(b, uint16(h.Version))
	b = binary.BigEndian.AppendUint32(b, uint32(h.Corr))
	if client == nil {
		b = append(b, 0xff, 0xff)
	} else {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(*client))), *client...)
	}
	switch {
	case req.IsFlexible() && headerTags:
		b = appendTags(r, b)
	case req.IsFlexible():
		b = append(b, 0)
	}
	b = req.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	h.Size = len(b)
	return h, b
}

// TestSilent holds the peek at acks against kmsg's encoding, for all versions
// and for lengths around every width of a length. The acks given are such that a
// peek one byte off, either way, answers something else.
func TestSilent(t *testing.T) {
	row := Lookup(keyProduce)
	r := newRand(1)
	ids := []*string{nil}
	for _, n := range []int{0, 1, 2, 62, 63, 64, 125, 126, 127, 128, 129, 255, 256, 1000, 16381, 16382, 16383, 16384, 32766, 32767} {
		s := strings.Repeat("t", n)
		ids = append(ids, &s)
	}
	clients := []*string{nil, kmsg.StringPtr(""), kmsg.StringPtr("rdkafka"), kmsg.StringPtr(strings.Repeat("c", 300))}
	for version := int16(0); version <= row.Max; version++ {
		for i, id := range ids {
			for _, acks := range []int16{0, 1, -1, 256, -256} {
				req := kmsg.NewPtrProduceRequest()
				req.SetVersion(version)
				req.TransactionID = id
				req.Acks = acks
				req.TimeoutMillis = 0x01010101
				h, frame := requestFrame(r, req, clients[i%len(clients)], i%2 == 0)
				checkSilent(t, row, h, frame, acks == 0, acksEnd(req, frame))
			}
		}
	}
}

// acksEnd is where acks ends by kmsg: what follows is timeout and topics.
func acksEnd(req *kmsg.ProduceRequest, frame []byte) int {
	behind := 4 + 4 // timeout, no topics
	if req.IsFlexible() {
		behind = 4 + 1 + 1 // topics and tags in a byte each
	}
	return len(frame) - behind
}

func checkSilent(t *testing.T, row *Rule, h Head, frame []byte, want bool, end int) {
	t.Helper()
	step := 1
	if len(frame) > 600 {
		step = 997
	}
	for n := 0; n < end; n += step {
		if _, ok, err := row.Silent(h, frame[:n:n]); ok || err != nil {
			t.Fatalf("v%d: %d of %d bytes: %v %v, want more", h.Version, n, end, ok, err)
		}
	}
	if _, ok, _ := row.Silent(h, frame[:end-1]); ok {
		t.Fatalf("v%d: knows acks before its last byte", h.Version)
	}
	for _, n := range []int{end, len(frame)} {
		silent, ok, err := row.Silent(h, frame[:n])
		if err != nil || !ok || silent != want {
			t.Fatalf("v%d: silent %v %v %v, want %v", h.Version, silent, ok, err, want)
		}
	}
}

// TestPeekIsBounded: a head that never ends is refused once PeekLimit is here.
func TestPeekIsBounded(t *testing.T) {
	b := make([]byte, PeekLimit+10)
	h := Head{Key: keyProduce, Version: 9, Size: MaxFrame}
	copy(b[12:], []byte{0xff, 0xff, 1, 5, 0xff, 0xff, 0xff, 0x0f}) // a header tag of 32 MiB
	if _, ok, err := Lookup(keyProduce).Silent(h, b[:PeekLimit-1]); ok || err != nil {
		t.Fatalf("under the limit: %v %v, want more", ok, err)
	}
	_, ok, err := Lookup(keyProduce).Silent(h, b)
	if ok || !errors.Is(err, ErrTooLarge) {
		t.Fatalf("%v %v", ok, err)
	}
	if want := "codec: Produce v9 request: header tags beyond 131072 bytes: frame too large"; err.Error() != want {
		t.Fatalf("%s, want %s", err, want)
	}
}

// TestCheck holds the look at ReplicaId against kmsg for all versions.
func TestCheck(t *testing.T) {
	for key, row := range Keys {
		if row.Check == nil {
			continue
		}
		for version := int16(0); version <= row.Max; version++ {
			t.Run(fmt.Sprintf("%s/v%d", row.Name, version), func(t *testing.T) {
				r := newRand(uint64(key))
				for i := range 40 {
					id := []int32{-1, -2, 0, 1, 5, 1 << 30, -1 << 31}[i%7]
					req, has := replicaRequest(r, key, version, id)
					h, frame := requestFrame(r, req, kmsg.StringPtr(randomText(r, 50)), i%2 == 0)
					checkCheck(t, row, h, frame, has && id >= 0)
				}
			})
		}
	}
}

// replicaRequest is a random request with that replica id; has is false where
// the version has none.
func replicaRequest(r *rand.Rand, key, version int16, id int32) (req kmsg.Request, has bool) {
	req = kmsg.RequestForKey(key)
	req.SetVersion(version)
	fillRandom(r, reflect.ValueOf(req).Elem())
	switch x := req.(type) {
	case *kmsg.FetchRequest:
		x.ReplicaID, x.ReplicaState.ID = id, id
	case *kmsg.ListOffsetsRequest:
		x.ReplicaID = id
	case *kmsg.OffsetForLeaderEpochRequest:
		x.ReplicaID = id
		return req, version >= 3
	}
	return req, true
}

func checkCheck(t *testing.T, row *Rule, h Head, frame []byte, refused bool) {
	t.Helper()
	decided := false
	for n := range len(frame) + 1 {
		ok, err := row.Check(h, frame[:n:n])
		switch {
		case !ok && err == nil && !decided && n < len(frame):
		case refused && !ok && errors.Is(err, ErrReplica), !refused && ok && err == nil:
			decided = true
		default:
			t.Fatalf("%d of %d bytes: %v %v, refused should be %v", n, len(frame), ok, err, refused)
		}
	}
	if len(frame) < h.Size || !decided {
		t.Fatal("undecided")
	}
}

// TestCheckHostile: mutated requests give a verdict or an error, never a panic;
// a fetch too large to look through is refused by its size.
func TestCheckHostile(t *testing.T) {
	for key, row := range Keys {
		if row.Check == nil && row.Silent == nil {
			continue
		}
		r := newRand(uint64(key))
		for range 2000 {
			req := kmsg.RequestForKey(key)
			req.SetVersion(int16(r.IntN(int(row.Max) + 1)))
			fillRandom(r, reflect.ValueOf(req).Elem())
			h, frame := requestFrame(r, req, kmsg.StringPtr("c"), true)
			frame = mutate(r, frame)
			h.Size = len(frame)
			if row.Check != nil {
				if ok, err := row.Check(h, frame); !ok && err == nil {
					t.Fatalf("%s v%d: asks for more than the frame", row.Name, h.Version)
				}
			}
			if row.Silent != nil {
				if _, ok, err := row.Silent(h, frame); !ok && err == nil {
					t.Fatalf("%s v%d: asks for more than the frame", row.Name, h.Version)
				}
			}
		}
	}
	_, err := Lookup(1).Check(Head{Key: 1, Version: 16, Size: DecodeLimit + 1}, nil)
	if !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
}
