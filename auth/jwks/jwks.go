package jwks

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/postern-kafka/postern/auth"
)

// The defaults of Options: Kafka's own.
const (
	DefaultRefresh  = time.Hour
	DefaultRetry    = 100 * time.Millisecond
	DefaultMaxRetry = 10 * time.Second
	DefaultTimeout  = 10 * time.Second
)

// Options says where the keys are and how often they are read.
type Options struct {
	URL      string        // https, http or file
	Client   *http.Client  // nil: one that trusts the system's authorities
	Refresh  time.Duration // between two fetches; 0: DefaultRefresh
	Retry    time.Duration // after a failure, doubling; 0: DefaultRetry
	MaxRetry time.Duration // up to which; 0: DefaultMaxRetry
	Timeout  time.Duration // of one fetch; 0: DefaultTimeout
	// Report is told when fetching begins to fail, and by nil when it works
	// again. It is called by Run and must not block. May be nil.
	Report func(error)
}

// Set is the keys of one issuer. Its methods may be called by any number of
// goroutines.
type Set struct {
	name    string // the URL, without a password
	fetch   source
	o       Options
	keys    atomic.Pointer[[]key] // nil until they were read
	unknown atomic.Uint64
	wanted  chan struct{} // holds one

	mu       sync.Mutex
	fetching bool
	done     chan struct{} // closed when the fetch that runs, or the next one, has ended
	failures int           // in a row
	err      error         // of the last fetch
	askAgain time.Time     // before this, unknown keys cause no fetch
	pause    time.Duration // between two such fetches
	figures  figures
}

// figures are what WriteMetrics shows.
type figures struct {
	fetches, failures uint64
	skipped           int
	success           time.Time
}

// New checks the options. Nothing is fetched before Run.
func New(o Options) (*Set, error) {
	o.Refresh, o.Retry = cmp.Or(o.Refresh, DefaultRefresh), cmp.Or(o.Retry, DefaultRetry)
	o.MaxRetry, o.Timeout = cmp.Or(o.MaxRetry, max(DefaultMaxRetry, o.Retry)), cmp.Or(o.Timeout, DefaultTimeout)
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, errors.New("jwks: the URL cannot be read")
	}
	if o.Refresh < 0 || o.Retry < 0 || o.MaxRetry < o.Retry || o.Timeout < 0 {
		return nil, fmt.Errorf("jwks: %s: periods must be positive, and the longest pause no shorter than the first", u.Redacted())
	}
	fetch, err := open(u, o.Client)
	if err != nil {
		return nil, fmt.Errorf("jwks: %s: %w", u.Redacted(), err)
	}
	return &Set{
		name: u.Redacted(), fetch: fetch, o: o, pause: o.Retry,
		wanted: make(chan struct{}, 1), done: make(chan struct{}),
		err: fmt.Errorf("jwks: %s: not read yet", u.Redacted()),
	}, nil
}

// Run fetches the keys until ctx ends.
func (s *Set) Run(ctx context.Context) {
	asked := false
	for ctx.Err() == nil {
		asked = s.rest(ctx, s.load(ctx, asked))
	}
}

// Key returns the key of that id that fits alg; the only key that fits when kid
// is "". A key that is not known is fetched for meanwhile.
func (s *Set) Key(kid, alg string) (crypto.PublicKey, error) {
	keys := s.keys.Load()
	if keys == nil {
		return nil, auth.ErrNoKeys
	}
	var found []key
	for _, k := range *keys {
		if (kid == "" || k.id == kid) && k.serves(alg) {
			found = append(found, k)
		}
	}
	if len(found) == 0 || kid == "" && len(found) > 1 {
		s.unknown.Add(1)
		if kid != "" {
			s.want()
		}
		return nil, auth.ErrUnknownKey
	}
	return found[0].public, nil
}

// Fetch waits for the fetch that a key which is not known causes. It returns at
// once when the key is known, or when one was asked for a moment ago in vain:
// strangers cannot hold anybody up for longer than a fetch takes.
func (s *Set) Fetch(ctx context.Context, kid, alg string) {
	if _, err := s.Key(kid, alg); err == nil || kid == "" && s.keys.Load() != nil {
		return
	}
	select {
	case <-s.next():
	case <-ctx.Done():
	}
}

// next is closed when the next fetch has ended; it is closed already when that is not
// to be waited for.
func (s *Set) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.fetching:
	case s.failures == 0 && !time.Now().Before(s.askAgain):
		// A fetch that ended a moment ago may have taken what Key asked for.
		s.want()
	default:
		return closed
	}
	return s.done
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Ready says why there are no keys; nil once there are, also when they are old.
func (s *Set) Ready() error {
	if s.keys.Load() != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// WriteMetrics writes the set's figures in Prometheus' text form.
func (s *Set) WriteMetrics(w io.Writer) {
	s.mu.Lock()
	f, stale := s.figures, s.err != nil
	s.mu.Unlock()
	count := 0
	if keys := s.keys.Load(); keys != nil {
		count = len(*keys)
	}
	metrics.WriteGaugeUint64(w, "gateway_oauth_jwks_keys", uint64(count))
	metrics.WriteGaugeUint64(w, "gateway_oauth_jwks_unusable_keys", uint64(f.skipped))
	metrics.WriteCounterUint64(w, "gateway_oauth_jwks_fetches_total", f.fetches)
	metrics.WriteCounterUint64(w, "gateway_oauth_jwks_fetch_failures_total", f.failures)
	metrics.WriteCounterUint64(w, "gateway_oauth_jwks_unknown_keys_total", s.unknown.Load())
	if stale {
		metrics.WriteGaugeUint64(w, "gateway_oauth_jwks_stale", 1)
	} else {
		metrics.WriteGaugeUint64(w, "gateway_oauth_jwks_stale", 0)
	}
	if !f.success.IsZero() {
		metrics.WriteGaugeUint64(w, "gateway_oauth_jwks_last_success_seconds", uint64(f.success.Unix()))
	}
}

// want asks Run for a fetch, unless that is asked for already.
func (s *Set) want() {
	select {
	case s.wanted <- struct{}{}:
	default:
	}
}

// rest waits until the next fetch is due, and says whether it is because of a
// key that is not known.
func (s *Set) rest(ctx context.Context, wait time.Duration) (asked bool) {
	due := time.NewTimer(wait)
	defer due.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-due.C:
		return false
	case <-s.wanted:
	}
	s.mu.Lock()
	hold := time.Until(s.askAgain)
	if s.failures > 0 { // which is tried again soon anyway
		hold = wait
	}
	s.mu.Unlock()
	allowed := time.NewTimer(hold)
	defer allowed.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-due.C:
		return false
	case <-allowed.C:
		return true
	}
}

// load fetches the set once and returns when to do so again.
func (s *Set) load(ctx context.Context, asked bool) time.Duration {
	s.mu.Lock()
	s.fetching = true
	s.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, s.o.Timeout)
	text, err := s.fetch(limited)
	cancel()
	var keys []key
	var skipped int
	if err == nil {
		keys, skipped, err = parse(text)
	}
	if ctx.Err() != nil {
		return 0 // the end, which is nobody's failure
	}
	wait, turned := s.settle(keys, skipped, err, asked)
	if turned && s.o.Report != nil {
		s.o.Report(s.lastError())
	}
	return wait
}

func (s *Set) lastError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// settle takes in what a fetch brought. turned: it failed after a success, or
// the reverse.
func (s *Set) settle(keys []key, skipped int, err error, asked bool) (wait time.Duration, turned bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wake() // when the keys are in place
	select {
	case <-s.wanted: // asked while this fetch ran
	default:
	}
	s.figures.fetches++
	if err != nil {
		turned = s.failures == 0
		wait = s.backOff()
		s.failures++
		s.figures.failures++
		s.err = fmt.Errorf("jwks: %s: %w", s.name, err)
		return wait, turned
	}
	turned = s.failures > 0
	s.failures, s.err = 0, nil
	s.figures.skipped, s.figures.success = skipped, time.Now()
	before := s.keys.Swap(&keys)
	s.pace(asked, before == nil || !slices.EqualFunc(*before, keys, func(a, b key) bool { return a.id == b.id && a.alg == b.alg }))
	return s.o.Refresh, turned
}

// wake lets those go on who wait for the fetch that has ended.
func (s *Set) wake() {
	s.fetching = false
	close(s.done)
	s.done = make(chan struct{})
}

// backOff is the pause after a failure: Retry, doubled for each before it.
func (s *Set) backOff() time.Duration {
	pause := s.o.Retry
	for i := 0; i < s.failures && pause < s.o.MaxRetry; i++ {
		pause *= 2
	}
	return min(pause, s.o.MaxRetry)
}

// pace decides when an unknown key may cause a fetch again: soon after one that
// brought something new, later and later after one that did not.
func (s *Set) pace(asked, changed bool) {
	switch {
	case changed:
		s.pause = s.o.Retry
	case asked:
		s.pause = min(2*s.pause, s.o.MaxRetry)
	}
	s.askAgain = time.Now().Add(s.pause)
}
