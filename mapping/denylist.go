package mapping

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/puzpuzpuz/xsync/v3"
)

// Limits of the deny-list.
const (
	MaxDenials = 100_000 // certificates on it
	MaxReason  = 1024    // bytes of Denial.Reason
)

// Fingerprint is the SHA-256 of a certificate's DER form.
type Fingerprint [sha256.Size]byte

var errFingerprint = errors.New("must be the SHA-256 of a certificate: 64 hexadecimal digits, colons between them or not")

// ParseFingerprint reads 64 hexadecimal digits in either case, as String writes
// them or with a colon between every two, as openssl x509 -fingerprint does.
func ParseFingerprint(s string) (Fingerprint, error) {
	var f Fingerprint
	if len(s) == 3*sha256.Size-1 {
		digits := make([]byte, 0, 2*sha256.Size)
		for i := range len(s) {
			if colon := i%3 == 2; colon != (s[i] == ':') {
				return f, errFingerprint
			} else if !colon {
				digits = append(digits, s[i])
			}
		}
		s = string(digits)
	}
	if len(s) != 2*sha256.Size {
		return f, errFingerprint
	}
	if _, err := hex.Decode(f[:], []byte(s)); err != nil {
		return Fingerprint{}, errFingerprint
	}
	return f, nil
}

// String returns 64 lower-case hexadecimal digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// Denial is one certificate that may no longer connect, and what was noted of
// it.
type Denial struct {
	Fingerprint Fingerprint
	Reason      string    // free text; may be empty
	By          string    // who put it on the list; may be empty
	Since       time.Time // UTC, whole seconds
}

// Validate returns d as it is stored, or a *FieldError.
func (d Denial) Validate() (Denial, error) {
	if d.Reason != "" {
		if err := checkName("reason", d.Reason, MaxReason); err != nil {
			return Denial{}, err
		}
	}
	d.Since = d.Since.UTC().Truncate(time.Second)
	return d, nil
}

// DenyList is the set of denied certificates in memory. Contains takes no lock;
// the writing methods are for the one store that owns the list.
type DenyList struct {
	set *xsync.MapOf[Fingerprint, Denial]

	mu      sync.Mutex // writes, and watcher
	watcher func()
}

// NewDenyList returns an empty list.
func NewDenyList() *DenyList {
	return &DenyList{set: xsync.NewMapOf[Fingerprint, Denial]()}
}

// Contains reports whether a certificate is denied.
func (l *DenyList) Contains(f Fingerprint) bool {
	_, denied := l.set.Load(f)
	return denied
}

// Get returns what was noted of a denied certificate.
func (l *DenyList) Get(f Fingerprint) (Denial, bool) { return l.set.Load(f) }

// Len returns how many certificates are denied.
func (l *DenyList) Len() int { return l.set.Size() }

// All returns the whole list, sorted by fingerprint.
func (l *DenyList) All() []Denial {
	return sorted(l.set, func(a, b Denial) int { return bytes.Compare(a.Fingerprint[:], b.Fingerprint[:]) })
}

// Watch has denied called after certificates came onto the list, from the
// goroutine that writes it: denied must not wait for anything. There is one
// watcher; it is told once at the start if the list is not empty.
func (l *DenyList) Watch(denied func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watcher = denied
	if l.set.Size() > 0 {
		denied()
	}
}

// Put adds a certificate or replaces what is noted of it, and reports whether
// it is new.
func (l *DenyList) Put(d Denial) (created bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, known := l.set.LoadAndStore(d.Fingerprint, d)
	if !known {
		l.tell()
	}
	return !known
}

// Remove takes a certificate off the list and reports whether it was there.
func (l *DenyList) Remove(f Fingerprint) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, known := l.set.LoadAndDelete(f)
	return known
}

// Replace makes the list equal to all. A certificate that stays is never
// missing in between.
func (l *DenyList) Replace(all []Denial) {
	l.mu.Lock()
	defer l.mu.Unlock()
	stay := make(map[Fingerprint]bool, len(all))
	fresh := false
	for _, d := range all {
		stay[d.Fingerprint] = true
		if _, known := l.set.LoadAndStore(d.Fingerprint, d); !known {
			fresh = true
		}
	}
	dropOthers(l.set, stay, l.set.Delete)
	if fresh {
		l.tell()
	}
}

func (l *DenyList) tell() {
	if l.watcher != nil {
		l.watcher()
	}
}

// Admit validates d and says whether l may take it, as every Store must: the
// list must not be full (ErrListFull).
func (l *DenyList) Admit(d Denial) (valid Denial, created bool, err error) {
	if d, err = d.Validate(); err != nil {
		return Denial{}, false, err
	}
	known := l.Contains(d.Fingerprint)
	if n := l.Len(); !known && n >= MaxDenials {
		return Denial{}, false, fmt.Errorf("mapping: %d certificates denied: %w", n, ErrListFull)
	}
	return d, !known, nil
}
