package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// errCut is the cause of a handshake that was ended for somebody else's sake.
var errCut = errors.New("engine: the peer was silent while others waited for a place")

// silence adds up how long a peer let its handshake wait. It counts the whole
// of a handshake, so that a byte now and then does not make a peer lively.
type silence struct {
	past  atomic.Int64 // the waits that are over, together
	since atomic.Int64 // when the present wait began, after birth; 0 without one
}

// birth is what since counts from: unlike the time of day it never jumps.
var birth = time.Now().Add(-time.Second)

func (s *silence) begin() {
	if s != nil && s.since.Load() == 0 {
		s.since.Store(int64(time.Since(birth)))
	}
}

func (s *silence) end() {
	if s == nil {
		return
	}
	if since := s.since.Load(); since != 0 {
		s.past.Add(int64(time.Since(birth)) - since)
		s.since.Store(0)
	}
}

// length is how long the peer has been silent, 0 if it is not so now.
func (s *silence) length() time.Duration {
	since := s.since.Load()
	if since == 0 {
		return 0
	}
	return time.Duration(s.past.Load()) + time.Since(birth) - time.Duration(since)
}

// halfOpen is the clients' handshakes that are under way.
type halfOpen struct {
	mu  sync.Mutex
	all map[*handshake]struct{}
}

// handshake is one of them.
type handshake struct {
	from    origin
	silence silence // of the peer
	cut     context.CancelCauseFunc
}

func (h *halfOpen) add(hs *handshake) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all == nil {
		h.all = make(map[*handshake]struct{})
	}
	h.all[hs] = struct{}{}
}

func (h *halfOpen) remove(hs *handshake) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.all, hs)
}

func (h *halfOpen) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.all)
}

// maxCuts bounds how many handshakes one call of shed ends.
const maxCuts = 256

// shed ends up to n handshakes whose peers have been silent for longer than
// patience, always one of the origin that has the most handshakes left, there
// the one that was silent longest. While the silent ones of an origin with
// more are not due yet, others are given twice the patience. With own not nil,
// only as many of each origin end as own says. It returns how many did.
func (h *halfOpen) shed(n int, own map[origin]int, patience time.Duration) (cut int) {
	spared := 0 // the highest rank among those that are not due yet
	for _, c := range h.candidates() {
		due := patience
		if c.rank < spared {
			due = 2 * patience
		}
		switch {
		case cut == min(n, maxCuts):
			return cut
		case own != nil && own[c.from] == 0:
		case c.silent <= due:
			spared = max(spared, c.rank)
		default:
			if own != nil {
				own[c.from]--
			}
			c.cut(errCut)
			cut++
		}
	}
	return cut
}

// candidate is a handshake that waits for its peer.
type candidate struct {
	*handshake
	silent time.Duration
	rank   int // handshakes that its origin has left if those before it end
}

// candidates returns them in the order in which they should end.
func (h *halfOpen) candidates() []candidate {
	h.mu.Lock()
	counts := make(map[origin]int)
	var found []candidate
	for hs := range h.all {
		counts[hs.from]++
		if silent := hs.silence.length(); silent > 0 {
			found = append(found, candidate{handshake: hs, silent: silent})
		}
	}
	h.mu.Unlock()
	slices.SortFunc(found, func(a, b candidate) int { return cmp.Compare(b.silent, a.silent) })
	for i := range found {
		c := &found[i]
		c.rank = counts[c.from]
		counts[c.from]--
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(b.rank, a.rank) })
	return found
}
