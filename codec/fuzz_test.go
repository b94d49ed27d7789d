package codec

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"slices"
	"testing"
)

// Seeds are in testdata/fuzz and, for answers, the golden vectors.

func FuzzRequestHead(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte, limit uint32) {
		most := int(limit % (1 << 30))
		h, ok, err := RequestHead(b, most)
		if ok && (err != nil || h.Size < requestHeadLen || h.Size > most || h.Version < 0) {
			t.Fatalf("%+v %v, limit %d", h, err, most)
		}
		if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrNotKafka) {
			t.Fatalf("an error of no kind: %v", err)
		}
		if !ok && err == nil && len(b) >= requestHeadLen {
			t.Fatal("asks for more than a head")
		}
		for n := range min(len(b), requestHeadLen) {
			g, early, gerr := RequestHead(b[:n:n], most)
			if early && g != h || gerr != nil && err == nil || early && err != nil {
				t.Fatalf("%d bytes: %+v %v %v, all: %+v %v %v", n, g, early, gerr, h, ok, err)
			}
		}
		if size, _, ok, err := ResponseHead(b, most); ok && (err != nil || size < responseHeadLen || size > most) {
			t.Fatal(size, err)
		}
	})
}

// FuzzRequestPeek: no prefix of a request contradicts a longer one.
func FuzzRequestPeek(f *testing.F) {
	f.Fuzz(func(t *testing.T, key, version uint8, b []byte, at uint16) {
		row := Lookup(int16(key))
		if row == nil || len(b) < requestHeadLen {
			return
		}
		h := Head{Size: len(b), Key: int16(key), Version: int16(version) % (row.Max + 1)}
		front := b[:int(at)%len(b)]
		if row.Silent != nil {
			silent, ok, err := row.Silent(h, b)
			early, eok, eerr := row.Silent(h, slices.Clone(front))
			if ok == (err != nil) || eok && (!ok || early != silent) || eerr != nil && err == nil {
				t.Fatalf("%d bytes: %v %v %v, all %d: %v %v %v", len(front), early, eok, eerr, len(b), silent, ok, err)
			}
		}
		if row.Check != nil {
			ok, err := row.Check(h, b)
			eok, eerr := row.Check(h, slices.Clone(front))
			if ok == (err != nil) || eok && !ok || eerr != nil && err == nil {
				t.Fatalf("%d bytes: %v %v, all %d: %v %v", len(front), eok, eerr, len(b), ok, err)
			}
		}
	})
}

// FuzzResponseWhole: any frame, given to any row, ends in an error or in a frame.
func FuzzResponseWhole(f *testing.F) {
	eachGolden(f, func(h Head, frame []byte) { f.Add(uint8(h.Key), uint8(h.Version), frame) })
	f.Fuzz(func(t *testing.T, key, version uint8, b []byte) {
		row := Lookup(int16(key))
		if row == nil || row.Whole == nil || len(b) < responseHeadLen || len(b) > 1<<16 {
			return
		}
		h := Head{Key: int16(key), Version: int16(version) % (row.Max + 1)}
		if !row.Patched(h.Version) {
			return
		}
		frame := slices.Clone(b)
		binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
		keep := slices.Clone(frame)
		var p Patch
		checkHostile(t, &p, row, h, frame)
		if !slices.Equal(frame, keep) {
			t.Fatal("the frame given was written to")
		}
	})
}

// FuzzSkim: a walk in pieces ends like a walk in one.
func FuzzSkim(f *testing.F) {
	eachGolden(f, func(h Head, frame []byte) { f.Add(uint8(h.Key), uint8(h.Version), uint8(3), frame) })
	f.Fuzz(func(t *testing.T, key, version, step uint8, b []byte) {
		row := Lookup(int16(key))
		if row == nil || row.body == nil || len(b) < responseHeadLen {
			return
		}
		h := Head{Key: int16(key), Version: int16(version) % (row.Max + 1), Size: len(b)}
		var whole, parts Skim
		whole.Start(h)
		want, tail, err := whole.Feed(b)
		parts.Start(h)
		at, ptail, perr := 0, false, error(nil)
		for at < len(b) && !ptail && perr == nil {
			var n int
			n, ptail, perr = parts.Feed(slices.Clone(b[at:min(len(b), at+1+int(step))]))
			at += n
		}
		if err == nil && perr == nil && !ptail { // only the end of the frame tells
			_, ptail, perr = parts.Feed(nil)
		}
		if tail != ptail || (err == nil) != (perr == nil) || tail && at != want {
			t.Fatalf("in one: %d %v %v; by %d: %d %v %v", want, tail, err, int(step)+1, at, ptail, perr)
		}
	})
}

func eachGolden(f *testing.F, add func(h Head, frame []byte)) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.hex"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		h, frame := readVector(f, file)
		add(h, frame)
	}
}
