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

// eachTailed runs f for the rows whose large answers are skimmed.
func eachTailed(t *testing.T, f func(t *testing.T, r *rand.Rand, key, version int16, row *Rule)) {
	eachPatched(t, func(t *testing.T, r *rand.Rand, key, version int16, row *Rule) {
		if row.Tailed {
			f(t, r, key, version, row)
		}
	})
}

// P2: however the stream is cut, Skim finds the tail at the same byte: where
// kmsg's own encoding of the part behind the topics begins.
func TestSkimChop(t *testing.T) {
	eachTailed(t, func(t *testing.T, r *rand.Rand, key, version int16, _ *Rule) {
		for range rounds {
			h, frame := frameOf(r, randomAnswer(r, key, version))
			want := len(frame) - tailLen(t, h, frame)
			for _, step := range []int{1, 2, 3, 7, 64, len(frame)} {
				if got := skimBy(t, h, frame, func() int { return step }); got != want {
					t.Fatalf("cut by %d: tail at %d, want %d of %d", step, got, want, len(frame))
				}
			}
			if got := skimBy(t, h, frame, func() int { return r.IntN(90) }); got != want {
				t.Fatalf("cut at random: tail at %d, want %d", got, want)
			}
		}
	})
}

// What goes by without Feed leads to the same tail.
func TestSkimSkips(t *testing.T) {
	eachTailed(t, func(t *testing.T, r *rand.Rand, key, version int16, _ *Rule) {
		for range rounds {
			h, frame := frameOf(r, randomAnswer(r, key, version))
			want := len(frame) - tailLen(t, h, frame)
			var s Skim
			s.Start(h)
			for at, tail := 0, false; !tail; {
				k := r.IntN(s.Skipping() + 1)
				s.Skipped(k)
				at += k
				n, end, err := s.Feed(slices.Clone(frame[at:min(len(frame), at+1+r.IntN(90))]))
				if err != nil {
					t.Fatal(err)
				}
				if at, tail = at+n, end; tail && at != want {
					t.Fatalf("tail at %d, want %d of %d", at, want, len(frame))
				}
			}
		}
	})
}

// tailLen is how long the tail is by kmsg: what is left of the body's length when
// nodes and tags are taken out is all in front of the tail.
func tailLen(t *testing.T, h Head, frame []byte) int {
	resp := decode(t, h, frame)
	whole := len(resp.AppendTo(nil))
	v := reflect.ValueOf(resp).Elem()
	for _, name := range []string{"Brokers", "NodeEndpoints", "UnknownTags"} {
		if f := v.FieldByName(name); f.IsValid() {
			f.SetZero()
		}
	}
	least := 1 // the number of tags
	if !Lookup(h.Key).tagged() {
		least++ // and that of nodes
	}
	return whole - len(resp.AppendTo(nil)) + least
}

func (r *Rule) tagged() bool { return r.Name == "Fetch" }

func skimBy(t *testing.T, h Head, frame []byte, step func() int) int {
	t.Helper()
	var s Skim
	s.Start(h)
	at := 0
	for {
		piece := frame[at:min(len(frame), at+step())]
		n, tail, err := s.Feed(slices.Clone(piece))
		if err != nil {
			t.Fatal(err)
		}
		at += n
		if tail {
			return at
		}
		if n != len(piece) {
			t.Fatalf("took %d of %d bytes without a tail", n, len(piece))
		}
		if at == len(frame) {
			t.Fatal("no tail in the whole frame")
		}
	}
}

// The tail keeps its size, and kmsg reads the frame either with all addresses
// mapped or with no nodes at all; nothing else differs but one filler tag of
// zeros. Mapped it must be wherever the addresses fit.
func TestTailKeepsSize(t *testing.T) {
	eachTailed(t, func(t *testing.T, r *rand.Rand, key, version int16, row *Rule) {
		var p Patch
		outcome := map[string]int{}
		for i := range 40 * rounds {
			v := movedViews[i%len(movedViews)]
			resp := randomAnswer(r, key, version)
			if i%3 == 0 {
				manyNodes(r, resp)
			}
			h, frame := frameOf(r, resp)
			at := len(frame) - tailLen(t, h, frame)
			if err := row.Tail(&p, v, h, frame[at:]); err != nil {
				t.Fatal(err)
			}
			out := append(slices.Clone(frame[:at]), join(&p, frame[at:])...)
			if p.Delta() != 0 || len(out) != len(frame) {
				t.Fatalf("%d bytes became %d", len(frame), len(out))
			}
			outcome[judgeTail(t, row, v, h, frame, out)]++
		}
		for _, want := range []string{"as it was", "mapped", "filled", "removed"} {
			if outcome[want] == 0 {
				t.Errorf("never %s: %v", want, outcome)
			}
		}
	})
}

// manyNodes makes node arrays whose size crosses the widths of a varint.
func manyNodes(r *rand.Rand, resp kmsg.Response) {
	n := r.IntN(12)
	switch x := resp.(type) {
	case *kmsg.FetchResponse:
		for range n {
			id := r.Int32N(1000)
			x.Brokers = append(x.Brokers, kmsg.FetchResponseBroker{NodeID: id, Host: realHost(id), Port: realPort(id)})
		}
	case *kmsg.ShareFetchResponse:
		for range n {
			id := r.Int32N(1000)
			x.NodeEndpoints = append(x.NodeEndpoints, kmsg.ShareFetchResponseNodeEndpoint{NodeID: id, Host: realHost(id), Port: realPort(id)})
		}
	}
}

// judgeTail compares by kmsg and says what was done.
func judgeTail(t *testing.T, row *Rule, v View, h Head, frame, out []byte) string {
	t.Helper()
	if bytes.Equal(frame, out) {
		if want, _, _ := mapped(t, h, frame, v); !reflect.DeepEqual(decode(t, h, frame), want) {
			t.Fatal("an address went out as it was")
		}
		return "as it was"
	}
	want, _, _ := mapped(t, h, frame, v)
	got := decode(t, h, out)
	filled := takeFiller(t, got, want)
	if reflect.DeepEqual(got, want) {
		if filled {
			return "filled"
		}
		return "mapped"
	}
	removeNodes(want)
	removeNodes(got)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
	var exact Patch
	if err := row.Whole(&exact, v, h, frame); err != nil {
		t.Fatal(err)
	}
	if d := exact.Delta(); d == 0 || d <= -10 {
		t.Fatalf("nodes removed although the addresses fit (%d bytes)", d)
	}
	return "removed"
}

// takeFiller removes from got the one tag that want does not have.
func takeFiller(t *testing.T, got, want kmsg.Response) bool {
	t.Helper()
	old := map[uint32]bool{}
	wantTags := reflect.ValueOf(want).Elem().FieldByName("UnknownTags").Addr().Interface().(*kmsg.Tags)
	wantTags.Each(func(key uint32, _ []byte) { old[key] = true })
	gotTags := reflect.ValueOf(got).Elem().FieldByName("UnknownTags").Addr().Interface().(*kmsg.Tags)
	var rest kmsg.Tags
	last, fillers := int64(-1), 0
	gotTags.Each(func(key uint32, b []byte) {
		last = int64(key)
		if old[key] {
			rest.Set(key, b)
			return
		}
		fillers++
		if key < fillerTag || len(bytes.Trim(b, "\x00")) != 0 {
			t.Fatalf("filler %d: %x", key, b)
		}
	})
	if fillers > 1 || (fillers == 1 && old[uint32(last)]) {
		t.Fatal("the filler is not the last tag, or there are several")
	}
	*gotTags = rest
	return fillers == 1
}

func removeNodes(resp kmsg.Response) {
	switch x := resp.(type) {
	case *kmsg.FetchResponse:
		x.Brokers = nil
	case *kmsg.ShareFetchResponse:
		x.NodeEndpoints = nil
	}
}

// A filler takes exactly the room it is given, whatever the widths of varints,
// and its id ascends.
func TestFiller(t *testing.T) {
	for _, after := range []int64{-1, 0, 98, 99, 126, 127, 128, 1<<14 - 1, 1 << 21, 1 << 28} {
		for room := -3; room < 70000; room++ {
			f, ok := filler(room, after)
			if !ok {
				if room > 10 && after < 1<<28 { // above, every id has the same width
					t.Fatalf("no filler of %d bytes above %d", room, after)
				}
				continue
			}
			if n := uvarintLen(f.key) + uvarintLen(uint32(f.n)) + f.n; n != room || int64(f.key) <= after || f.key < fillerTag {
				t.Fatalf("room %d above %d: %+v takes %d", room, after, f, n)
			}
		}
	}
	if _, ok := filler(100, 1<<32-1); ok {
		t.Fatal("an id above the highest")
	}
}

// What the skim refuses, and how it says so.
func TestSkimRefuses(t *testing.T) {
	head := func(size int) []byte { return []byte{0, 0, byte((size - 4) >> 8), byte(size - 4), 0, 0, 0, 1} }
	for _, c := range []struct {
		name string
		head Head
		b    []byte
		want string
	}{
		{"no program", Head{Size: 20, Key: 3, Version: 9}, head(20), "Metadata v9: has no tail to skim to: malformed frame"},
		{"unknown key", Head{Size: 20, Key: 900, Version: 9}, head(20), "key 900 v9: has no tail to skim to: malformed frame"},
		{"frame ends in a field", Head{Size: 12, Key: 1, Version: 16}, append(head(12), 0, 0, 0, 0), "Fetch v16: byte 9: field of 10 bytes, 3 left: malformed frame"},
		{"frame ends before a length", Head{Size: 19, Key: 1, Version: 16}, append(head(19), make([]byte, 11)...), "Fetch v16: byte 19: short: malformed frame"},
		{"more topics than bytes", Head{Size: 21, Key: 1, Version: 16}, append(append(head(21), make([]byte, 11)...), 50, 0), "Fetch v16: byte 20: array of 49, 1 bytes left: malformed frame"},
		{"33 bits", Head{Size: 30, Key: 1, Version: 16}, append(head(30), 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 0), "Fetch v16: varint over 32 bits: malformed frame"},
		{"varint", Head{Size: 30, Key: 1, Version: 16}, append(head(30), 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0), "Fetch v16: varint over 32 bits: malformed frame"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Skim
			s.Start(c.head)
			_, _, err := s.Feed(c.b)
			if err == nil || err.Error() != "codec: "+c.want {
				t.Fatalf("%v, want %s", err, c.want)
			}
		})
	}
}

// A tail of TailLimit bytes is the longest that is left to gather.
func TestTailLimit(t *testing.T) {
	front := make([]byte, 20) // an answer without topics
	front[19] = 1
	for _, c := range []struct {
		tail int
		want error
	}{{TailLimit, nil}, {TailLimit + 1, ErrTooLarge}} {
		var s Skim
		s.Start(Head{Size: len(front) + c.tail, Key: 1, Version: 16})
		n, tail, err := s.Feed(front)
		if !errors.Is(err, c.want) || tail != (c.want == nil) || (tail && n != len(front)) {
			t.Errorf("tail of %d: %d %v %v, want %v", c.tail, n, tail, err, c.want)
		}
	}
}

// The number of tags grows by a byte when the filler is the 128th.
func TestTailCountGrows(t *testing.T) {
	eachTailed(t, func(t *testing.T, r *rand.Rand, key, version int16, row *Rule) {
		var p Patch
		for _, tags := range []int{0, 1, 60, 124, 125, 126, 127, 128, 129} {
			for _, v := range movedViews {
				resp := randomAnswer(r, key, version)
				manyNodes(r, resp)
				all := reflect.ValueOf(resp).Elem().FieldByName("UnknownTags").Addr().Interface().(*kmsg.Tags)
				*all = kmsg.Tags{}
				for i := range tags {
					all.Set(uint32(100+i), nil)
				}
				h, frame := frameOf(r, resp)
				at := len(frame) - tailLen(t, h, frame)
				if err := row.Tail(&p, v, h, frame[at:]); err != nil {
					t.Fatal(err)
				}
				out := append(slices.Clone(frame[:at]), join(&p, frame[at:])...)
				if len(out) != len(frame) {
					t.Fatalf("%d tags: %d bytes became %d", tags, len(frame), len(out))
				}
				judgeTail(t, row, v, h, frame, out)
			}
		}
	})
}

// Tails that clients would read in different ways are refused.
func TestTailRefuses(t *testing.T) {
	node := []byte{0, 0, 0, 1, 2, 'h', 0, 0, 0, 9, 0, 0}
	list := append([]byte{2}, node...)
	field := func(id, size int, b ...byte) []byte { return append([]byte{byte(id), byte(size)}, b...) }
	for _, c := range []struct {
		name string
		key  int16
		tail []byte
		want string
	}{
		{"endpoints after another tag", 1, slices.Concat([]byte{2}, field(5, 0), field(0, len(list), list...)), "Fetch v16 response: tag 1: byte 5: out of order: tag 0"},
		{"endpoints twice", 1, slices.Concat([]byte{2}, field(0, len(list), list...), field(0, 1, 1)), "Fetch v16 response: tag 1: byte 18: out of order: tag 0"},
		{"bytes behind the nodes", 1, slices.Concat([]byte{1}, field(0, len(list)+1, append(list, 7)...)), "Fetch v16 response: node 0: byte 16: bytes behind the last node: 1"},
		{"nodes beyond the tag", 1, slices.Concat([]byte{1}, field(0, 5, list...)), "Fetch v16 response: node 0: byte 8: short"},
		{"tag beyond the tail", 1, slices.Concat([]byte{1}, field(0, 90, list...)), "Fetch v16 response: tag 0: byte 3: tag beyond the frame, length 90"},
		{"no tags", 1, nil, "Fetch v16 response: tag count: byte 0: short"},
		{"no nodes", 78, nil, "ShareFetch v16 response: node count: byte 0: short"},
		{"nodes cut", 78, list[:9], "ShareFetch v16 response: node 0: byte 7: short"},
		{"no id left for a filler", 78, slices.Concat(list, []byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}), "ShareFetch v16 response: no tag id above 4294967295, no room for addresses"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Patch
			err := Lookup(c.key).Tail(&p, movedViews[0], Head{Key: c.key, Version: 16}, c.tail)
			if !errors.Is(err, ErrMalformed) || !p.Empty() || err.Error() != "codec: "+c.want+": malformed frame" {
				t.Fatalf("%v, want %s", err, c.want)
			}
		})
	}
}

// An id or a size in more bytes than it needs is legal and moves the rest.
func TestTailLongVarints(t *testing.T) {
	list := append([]byte{2, 0, 0, 0, 1, 18}, "broker-x.internal"...)
	list = append(list, 0, 0, 9001>>8, 9001&0xff, 0, 0)
	front := make([]byte, 20) // an answer without topics
	front[19] = 1
	for _, mark := range [][]byte{{1, 0x80, 0, byte(len(list))}, {1, 0, byte(len(list)) | 0x80, 0}, {0x81, 0, 0, byte(len(list))}} {
		for _, v := range movedViews {
			tail := slices.Concat(mark, list)
			frame := slices.Concat(front, tail)
			binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
			h := Head{Key: 1, Version: 16, Size: len(frame)}
			var p Patch
			if err := Lookup(1).Whole(&p, v, h, frame); err != nil {
				t.Fatal(err)
			}
			want, _, _ := mapped(t, h, frame, v)
			if got := decode(t, h, join(&p, frame)); !reflect.DeepEqual(got, want) {
				t.Fatalf("%x:\ngot  %+v\nwant %+v", mark, got, want)
			}
			if err := Lookup(1).Tail(&p, v, h, tail); err != nil {
				t.Fatal(err)
			}
			out := slices.Concat(front, join(&p, tail))
			copy(out, frame[:4])
			if len(out) != len(frame) {
				t.Fatalf("%x: %d bytes became %d", mark, len(frame), len(out))
			}
			judgeTail(t, Lookup(1), v, h, frame, out)
		}
	}
}
