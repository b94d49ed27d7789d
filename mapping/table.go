package mapping

import (
	"hash/maphash"
	"sync/atomic"
)

// table finds entries by one of their names, at about thirteen bytes a slot: half
// of what a general map takes for a key that the entry holds anyway. load takes no
// lock; the other methods are for one goroutine at a time.
//
// It probes one slot after the other. A slot belongs to a name for as long as
// its slots live: an entry never moves, it is replaced in place or removed in
// place, so a reader finds a name that stays in the table whatever is written
// meanwhile. Growing makes new slots and puts them in force at once.
type table struct {
	slots atomic.Pointer[slots]
	named func(*entry) (vcluster, name string)
	used  int // slots with a hash, those of removed entries included
	live  int
}

// slots are a table's memory, in lines of the cache. A hash of 0 is a free slot,
// which ends a search; a hash without an entry is one whose entry was removed.
type slots struct {
	seed  maphash.Seed
	lines []line
}

const perLine = 5

type line struct {
	hashes  [perLine]atomic.Uint32
	_       uint32
	entries [perLine]atomic.Pointer[entry]
}

const leastLines = 4

func newTable(named func(*entry) (vcluster, name string)) *table {
	t := &table{named: named}
	t.slots.Store(newSlots(maphash.MakeSeed(), leastLines))
	return t
}

func newSlots(seed maphash.Seed, lines int) *slots { return &slots{seed, make([]line, lines)} }

// slot is where a search stands: the at-th of a line.
type slot struct {
	of   *slots
	line int
	at   int
}

// start is where a search for a hash begins, and next where it goes on.
func (s *slots) start(hash uint32) slot {
	return slot{s, int(uint64(hash) * uint64(len(s.lines)) >> 32), 0}
}

func (p slot) next() slot {
	if p.at++; p.at == perLine {
		p.at = 0
		if p.line++; p.line == len(p.of.lines) {
			p.line = 0
		}
	}
	return p
}

func (p slot) hash() uint32 { return p.of.lines[p.line].hashes[p.at].Load() }

func (p slot) entry() *entry { return p.of.lines[p.line].entries[p.at].Load() }

// fill puts an entry into a slot. The entry comes before its hash: a reader that
// sees the hash sees the entry.
func (p slot) fill(hash uint32, e *entry) {
	p.put(e)
	p.of.lines[p.line].hashes[p.at].Store(hash)
}

func (p slot) put(e *entry) { p.of.lines[p.line].entries[p.at].Store(e) }

func (s *slots) hash(vcluster, name string) uint32 {
	h := maphash.String(s.seed, name)
	if vcluster != "" {
		h ^= maphash.String(s.seed, vcluster) * 31
	}
	return max(1, uint32(h^h>>32))
}

// load returns the entry of a name, or nil.
func (t *table) load(vcluster, name string) *entry {
	s := t.slots.Load()
	hash := s.hash(vcluster, name)
	for p := s.start(hash); ; p = p.next() {
		switch p.hash() {
		case 0:
			return nil
		case hash:
			if e := p.entry(); t.is(e, vcluster, name) {
				return e
			}
		}
	}
}

// is reports whether an entry, if it is one, has a name.
func (t *table) is(e *entry, vcluster, name string) bool {
	if e == nil {
		return false
	}
	v, n := t.named(e)
	return n == name && v == vcluster
}

// store puts e under its name, in the place of what was there; a new name gets the
// first slot of a removed one that the search passes, or else the free one where
// it ends.
func (t *table) store(e *entry) {
	vcluster, name := t.named(e)
	s := t.slots.Load()
	hash := s.hash(vcluster, name)
	var dead slot
	for p := s.start(hash); ; p = p.next() {
		h, old := p.hash(), p.entry()
		switch {
		case h == 0 && dead.of != nil:
			t.live++
			dead.fill(hash, e)
			return
		case h == 0:
			t.live++
			p.fill(hash, e)
			if t.used++; t.used > len(s.lines)*4 {
				t.rebuild()
			}
			return
		case old == nil:
			if dead.of == nil {
				dead = p
			}
		case h == hash && t.is(old, vcluster, name):
			p.put(e)
			return
		}
	}
}

// remove takes away the entry of a name.
func (t *table) remove(vcluster, name string) {
	s := t.slots.Load()
	hash := s.hash(vcluster, name)
	for p := s.start(hash); ; p = p.next() {
		h := p.hash()
		if h == 0 {
			return
		}
		if h != hash || !t.is(p.entry(), vcluster, name) {
			continue
		}
		p.put(nil)
		t.live--
		if t.used > leastLines*perLine && t.live < t.used/2 {
			t.rebuild()
		}
		return
	}
}

// rebuild makes the slots fit the entries: three of five are taken.
func (t *table) rebuild() {
	old := t.slots.Load()
	s := newSlots(old.seed, max(leastLines, t.live/3+1))
	for i := range old.lines {
		for at := range perLine {
			from := slot{old, i, at}
			e, h := from.entry(), from.hash()
			if e == nil {
				continue
			}
			to := s.start(h)
			for to.hash() != 0 {
				to = to.next()
			}
			to.fill(h, e)
		}
	}
	t.used = t.live
	t.slots.Store(s)
}

// all calls yield with every entry until it returns false.
func (t *table) all(yield func(*entry) bool) {
	s := t.slots.Load()
	for i := range s.lines {
		for at := range perLine {
			if e := (slot{s, i, at}).entry(); e != nil && !yield(e) {
				return
			}
		}
	}
}

// adopt puts the content of other in force, all at once. other must not be used
// afterwards.
func (t *table) adopt(other *table) {
	t.used, t.live = other.used, other.live
	t.slots.Store(other.slots.Load())
}
