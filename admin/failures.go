package admin

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Addresses with failures that are remembered at once. Who has more addresses than that is not held by any limit
	// per address.
	maxSuspects = 4096
	// How many remembered addresses are looked at to find the one to be forgotten for another.
	suspectSample = 16
)

// failures limits how often wrong credentials may be tried from one address: a bucket of burst tries that fills up by
// one try per period. A full bucket is not kept. An address whose bucket is empty is refused whatever its credentials
// are: would the right ones pass, guessing could go on behind the refusals. Other addresses never notice.
type failures struct {
	burst  int
	period time.Duration
	hot    atomic.Int64 // unix nanoseconds until which some bucket is less than half full

	mu       sync.Mutex
	suspects map[netip.Addr]time.Time // when the address's bucket will be full again
}

func newFailures(burst int, period time.Duration) *failures {
	return &failures{burst: burst, period: period, suspects: make(map[netip.Addr]time.Time)}
}

// judge says how long a caller has to wait who came from an address with credentials that are right or wrong; 0 means
// that it is let through. Wrong ones take a try out of the address's bucket.
func (f *failures) judge(from netip.Addr, right bool, now time.Time) time.Duration {
	from = network(from)
	f.mu.Lock()
	defer f.mu.Unlock()
	full, known := f.suspects[from]
	if known && !full.After(now) {
		delete(f.suspects, from)
		known = false
	}
	if !known {
		full = now
	}
	if over := full.Sub(now) - time.Duration(f.burst-1)*f.period; over > 0 {
		return over
	}
	if right {
		return 0
	}
	if !known {
		f.makeRoom(now)
	}
	full = full.Add(f.period)
	f.suspects[from] = full
	if half := full.Add(-time.Duration(f.burst/2) * f.period); half.UnixNano() > f.hot.Load() {
		f.hot.Store(half.UnixNano())
	}
	return 0
}

// guessing reports whether wrong credentials have come in lately, from anywhere, in more than an everyday number.
func (f *failures) guessing(now time.Time) bool { return now.UnixNano() < f.hot.Load() }

// makeRoom forgets one address when there are as many as may be: out of a few the one that has the fullest bucket.
func (f *failures) makeRoom(now time.Time) {
	if len(f.suspects) < maxSuspects {
		return
	}
	var least netip.Addr
	var soonest time.Time
	looked := 0
	for a, full := range f.suspects { // in an order that nobody can choose
		if looked == 0 || full.Before(soonest) {
			least, soonest = a, full
		}
		if looked++; looked == suspectSample || !soonest.After(now) {
			break
		}
	}
	delete(f.suspects, least)
}

// network is what counts as one address: an IPv6 customer has a /64 to choose from.
func network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}
