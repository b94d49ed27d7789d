package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const rounds = 60

// P3: with a view that changes nothing every frame goes out as it came, without
// a splice. (ApiVersions asks no view: see TestApiVersions.)
func TestIdentity(t *testing.T) {
	eachPatched(t, func(t *testing.T, r *rand.Rand, key, version int16, row *Rule) {
		if key == keyApiVersions {
			return
		}
		var p Patch
		for range rounds {
			resp := randomAnswer(r, key, version)
			if x, ok := resp.(*kmsg.DescribeClusterResponse); ok {
				x.EndpointType = 1
			}
			h, frame := frameOf(r, resp)
			p.Reset()
			if err := row.Whole(&p, same{}, h, frame); err != nil {
				t.Fatal(err)
			}
			if !p.Empty() || p.Delta() != 0 || len(p.Unroutable()) != 0 || !bytes.Equal(join(&p, frame), frame) {
				t.Fatalf("changed a frame in which nothing changes:\n%x\n%x", frame, join(&p, frame))
			}
		}
	})
}

// P4: kmsg reads the patched frame as the original with its addresses mapped;
// everything else is equal, unknown tags included.
func TestAgreement(t *testing.T) {
	eachPatched(t, func(t *testing.T, r *rand.Rand, key, version int16, row *Rule) {
		if key == keyApiVersions {
			return
		}
		var p Patch
		for i := range rounds * len(movedViews) {
			v := movedViews[i%len(movedViews)]
			h, frame := frameOf(r, randomAnswer(r, key, version))
			keep := slices.Clone(frame)
			p.Reset()
			if err := row.Whole(&p, v, h, frame); err != nil {
				t.Fatal(err)
			}
			out := join(&p, frame)
			checkFrame(t, out)
			if !bytes.Equal(frame, keep) {
				t.Fatal("the frame given was written to")
			}
			if len(out) != len(frame)+p.Delta() {
				t.Fatalf("delta %d, %d bytes became %d", p.Delta(), len(frame), len(out))
			}
			want, lost, nodes := mapped(t, h, frame, v)
			if got := decode(t, h, out); !reflect.DeepEqual(got, want) {
				t.Fatalf("got  %+v\nwant %+v", got, want)
			}
			if head := len(frame) - len(bodyOf(t, h, frame)); !bytes.Equal(out[4:head], frame[4:head]) {
				t.Fatal("header changed")
			}
			if !slices.Equal(p.Unroutable(), lost) {
				t.Fatalf("unroutable %v, want %v", p.Unroutable(), lost)
			}
			poison(frame) // what was learned outlives the frame
			checkNodes(t, p.Nodes(), nodes)
		}
	})
}

// mapped is the oracle: what kmsg reads, mapped by a loop.
func mapped(t *testing.T, h Head, frame []byte, v View) (resp kmsg.Response, lost []int32, nodes []Node) {
	resp = decode(t, h, frame)
	eachNode(resp, func(id *int32, host *string, port *int32, brokers bool) {
		if *id < 0 || *host == "" || *port < 0 {
			return
		}
		if brokers && (h.Key == 3 || h.Key == 60) {
			nodes = append(nodes, Node{ID: *id, Host: []byte(*host), Port: *port})
		}
		var ok bool
		*host, *port, ok = v.Address(*id)
		if !ok && brokers {
			lost = append(lost, *id)
		}
		if !ok || !brokers {
			*port = 0
		}
	})
	return resp, lost, nodes
}

func checkNodes(t *testing.T, got, want []Node) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("learned %v, want %v", got, want)
	}
	for i := range got {
		if got[i].ID != want[i].ID || got[i].Port != want[i].Port || !bytes.Equal(got[i].Host, want[i].Host) {
			t.Fatalf("learned %v, want %v", got[i], want[i])
		}
	}
}

// P1 for whole frames: a proper prefix, even with a size prefix that fits it, is
// never taken for the frame where an address is missing, and leaves no splice.
func TestWholePrefix(t *testing.T) {
	eachPatched(t, func(t *testing.T, r *rand.Rand, key, version int16, row *Rule) {
		var p Patch
		h, frame := frameOf(r, randomAnswer(r, key, version))
		for n := range frame {
			p.Reset()
			if err := row.Whole(&p, movedViews[0], h, frame[:n:n]); !errors.Is(err, ErrMalformed) || !p.Empty() {
				t.Fatalf("%d of %d bytes: error %v", n, len(frame), err)
			}
			if n < 4 {
				continue
			}
			cut := slices.Clone(frame[:n])
			binary.BigEndian.PutUint32(cut, uint32(n-4))
			err := row.Whole(&p, movedViews[0], h, cut)
			if err != nil && !p.Empty() {
				t.Fatalf("%d bytes: half a patch left", n)
			}
			if err == nil {
				checkFrame(t, join(&p, cut))
			}
		}
	})
}

// P1 and P2 for heads of large answers: a prefix asks for more until it does not,
// never errs, and whatever prefix is first enough, the whole comes out the same
// and as Whole would have it.
func TestHeadOfAnswer(t *testing.T) {
	eachPatched(t, func(t *testing.T, r *rand.Rand, key, version int16, row *Rule) {
		if row.Prefix == nil {
			return
		}
		var p Patch
		for range 5 {
			h, frame := frameOf(r, randomAnswer(r, key, version))
			if err := row.Whole(&p, movedViews[0], h, frame); err != nil {
				t.Fatal(err)
			}
			want, enough := join(&p, frame), false
			for n := range len(frame) + 1 {
				p.Reset()
				ok, err := row.Prefix(&p, movedViews[0], h, frame[:n:n])
				if err != nil {
					t.Fatalf("%d of %d bytes: %v", n, len(frame), err)
				}
				if !ok && (enough || n == len(frame) || !p.Empty() || len(p.Nodes()) != 0) {
					t.Fatalf("%d of %d bytes: asks for more", n, len(frame))
				}
				if enough = ok; !ok {
					continue
				}
				if got := append(join(&p, frame[:n]), frame[n:]...); !bytes.Equal(got, want) {
					t.Fatalf("%d of %d bytes: %x, want %x", n, len(frame), got, want)
				}
			}
		}
	})
}

// P5: any mutation gives an error or a frame whose size prefix is right; never a
// panic, never more memory than the frame and its nodes account for.
func TestHostile(t *testing.T) {
	eachPatched(t, func(t *testing.T, r *rand.Rand, key, version int16, row *Rule) {
		var p Patch
		for range rounds {
			h, frame := frameOf(r, randomAnswer(r, key, version))
			for range 40 {
				b := mutate(r, frame)
				checkHostile(t, &p, row, h, b)
			}
		}
	})
}

func mutate(r *rand.Rand, frame []byte) []byte {
	b := slices.Clone(frame)
	for range 1 + r.IntN(3) {
		i := responseHeadLen + r.IntN(len(b)-responseHeadLen)
		switch r.IntN(4) {
		case 0:
			b[i] = byte(r.Uint32())
		case 1:
			b[i] = []byte{0, 0x7f, 0x80, 0xff}[r.IntN(4)]
		case 2:
			b = slices.Delete(b, i, min(len(b), i+1+r.IntN(8)))
		default:
			b = slices.Insert(b, i, byte(r.Uint32()), 0xff)
		}
		if len(b) <= responseHeadLen {
			return slices.Clone(frame)
		}
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// checkHostile gives one frame, whatever it holds, to all functions of a row.
func checkHostile(t testing.TB, p *Patch, row *Rule, h Head, b []byte) {
	t.Helper()
	v := movedViews[0]
	h.Size = len(b)
	p.Reset()
	if err := row.Whole(p, v, h, b); err == nil {
		checkFrame(t, join(p, b))
	} else if !errors.Is(err, ErrMalformed) || !p.Empty() {
		t.Fatalf("error %v, empty %v", err, p.Empty())
	}
	// A node takes 9 bytes of a frame at least; 2 of slack for append's doubling.
	if grown := cap(p.arena); grown > 4*(len(b)+len(b)/9*(len(v.host)+9))+4096 {
		t.Fatalf("%d bytes of frame made an arena of %d", len(b), grown)
	}
	if row.Prefix != nil {
		p.Reset()
		if ok, err := row.Prefix(p, v, h, b[:len(b)/2]); ok && err == nil {
			checkFrame(t, append(join(p, b[:len(b)/2]), b[len(b)/2:]...))
		}
	}
	if row.Tailed {
		var s Skim
		s.Start(h)
		n, tail, err := s.Feed(b)
		if err != nil || !tail {
			return
		}
		p.Reset()
		if err := row.Tail(p, v, h, b[n:]); err == nil && len(join(p, b[n:])) != len(b)-n {
			t.Fatalf("tail of %d bytes became %d", len(b)-n, len(join(p, b[n:])))
		} else if err != nil && !p.Empty() {
			t.Fatal("half a patch left")
		}
	}
}
