package mapping

import (
	"hash/maphash"
	"sync/atomic"
)

// table finds entries by one of their names, at twelve bytes a slot: half of
// what a general map takes for a key that the entry holds anyway. load takes no
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

// slots are a table's memory. A hash of 0 is a free slot, which ends a search;
// a hash without an entry is one whose entry was removed.
type slots struct {
	seed    maphash.Seed
	hashes  []atomic.Uint32
	entries []atomic.Pointer[entry]
}

const leastSlots = 16

func newTable(named func(*entry) (vcluster, name string)) *table {
	t := &table{named: named}
	t.slots.Store(newSlots(maphash.MakeSeed(), leastSlots))
	return t
}

func newSlots(seed maphash.Seed, n int) *slots {
	return &slots{seed: seed, hashes: make([]atomic.Uint32, n), entries: make([]atomic.Pointer[entry], n)}
}

// start is where a search for a hash begins, and next where it goes on.
func (s *slots) start(hash uint32) int { return int(uint64(hash) * uint64(len(s.hashes)) >> 32) }

func (s *slots) next(i int) int {
	if i++; i < len(s.hashes) {
		return i
	}
	return 0
}

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
	for i := s.start(hash); ; i = s.next(i) {
		switch s.hashes[i].Load() {
		case 0:
			return nil
		case hash:
			if e := s.entries[i].Load(); e != nil {
				if v, n := t.named(e); n == name && v == vcluster {
					return e
				}
			}
		}
	}
}

// store puts e under its name, in the place of what was there.
func (t *table) store(e *entry) {
	vcluster, name := t.named(e)
	s := t.slots.Load()
	hash := s.hash(vcluster, name)
	dead := -1
	for i := s.start(hash); ; i = s.next(i) {
		h, old := s.hashes[i].Load(), s.entries[i].Load()
		if h == 0 {
			t.fill(s, hash, e, i, dead)
			return
		}
		if old == nil {
			if dead < 0 {
				dead = i
			}
		} else if h == hash {
			if v, n := t.named(old); n == name && v == vcluster {
				s.entries[i].Store(e)
				return
			}
		}
	}
}

// fill puts a new name into the dead slot that the search passed, or else into
// the free one where it ended. The entry comes before its hash: a reader that
// sees the hash sees the entry.
func (t *table) fill(s *slots, hash uint32, e *entry, free, dead int) {
	t.live++
	if dead >= 0 {
		s.entries[dead].Store(e)
		s.hashes[dead].Store(hash)
		return
	}
	s.entries[free].Store(e)
	s.hashes[free].Store(hash)
	if t.used++; t.used > len(s.hashes)/5*4 {
		t.rebuild()
	}
}

// remove takes away the entry of a name.
func (t *table) remove(vcluster, name string) {
	s := t.slots.Load()
	hash := s.hash(vcluster, name)
	for i := s.start(hash); ; i = s.next(i) {
		h, e := s.hashes[i].Load(), s.entries[i].Load()
		if h == 0 {
			return
		}
		if h != hash || e == nil {
			continue
		}
		if v, n := t.named(e); n != name || v != vcluster {
			continue
		}
		s.entries[i].Store(nil)
		t.live--
		if t.used > 4*leastSlots && t.live < t.used/2 {
			t.rebuild()
		}
		return
	}
}

// rebuild makes the slots fit the entries.
func (t *table) rebuild() {
	old := t.slots.Load()
	s := newSlots(old.seed, max(leastSlots, t.live/3*5+1))
	for i := range old.hashes {
		e := old.entries[i].Load()
		if e == nil {
			continue
		}
		h := old.hashes[i].Load()
		at := s.start(h)
		for s.hashes[at].Load() != 0 {
			at = s.next(at)
		}
		s.entries[at].Store(e)
		s.hashes[at].Store(h)
	}
	t.used = t.live
	t.slots.Store(s)
}

// all calls yield with every entry until it returns false.
func (t *table) all(yield func(*entry) bool) {
	s := t.slots.Load()
	for i := range s.entries {
		if e := s.entries[i].Load(); e != nil && !yield(e) {
			return
		}
	}
}

// adopt puts the content of other in force, all at once. other must not be used
// afterwards.
func (t *table) adopt(other *table) {
	t.used, t.live = other.used, other.live
	t.slots.Store(other.slots.Load())
}
