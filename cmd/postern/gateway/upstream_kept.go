package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/postern-kafka/postern/engine"
)

// good is a value and for how long it is good.
type good[T any] struct {
	value T
	// From renew on another one is asked for, at end it is over.
	renew, end time.Time
	// settle is how long it is not used yet as long as an earlier one serves:
	// it may not be known everywhere.
	settle time.Duration
}

// goodFor is a value whose life is known. It is renewed early: logins are renewed
// after 70 % of their lives and more, and are to find a new one then.
func goodFor[T any](value T, now time.Time, life time.Duration) good[T] {
	return good[T]{value: value, renew: now.Add(life / 2), end: now.Add(life)}
}

const (
	// getLimit bounds one attempt to get a value.
	getLimit = 15 * time.Second
	// getPause is how long a failure stands for an answer: a storm of clients
	// is not to become one of questions.
	getPause = time.Second
)

// kept gets a value by get, keeps it while it is good and renews it before it
// ends. One attempt is made at a time, whoever waits for it. get must return
// when its context ends.
type kept[T any] struct {
	get  func(context.Context) (good[T], error)
	now  func() time.Time
	hand *background

	gets, failures atomic.Uint64

	mu      sync.Mutex
	current good[T]
	pending *attempt[T]
	failed  error     // of the last attempt
	since   time.Time // of failed
}

// background is what attempts run in.
type background struct {
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
}

func newBackground() *background {
	b := new(background)
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// close ends the attempts under way and waits for them. Nobody may take
// anything any more.
func (b *background) close() {
	b.cancel()
	b.work.Wait()
}

// attempt is one call of get; its fields are read after done.
type attempt[T any] struct {
	done  chan struct{}
	value T
	err   error
}

func newKept[T any](hand *background, get func(context.Context) (good[T], error)) *kept[T] {
	return &kept[T]{get: get, now: time.Now, hand: hand}
}

// take returns the value. It waits when there is none that serves; to renew a
// login it waits for the next, too, once it is time for that.
func (k *kept[T]) take(ctx context.Context) (T, error) {
	k.mu.Lock()
	now := k.now()
	if now.Before(k.current.renew) {
		defer k.mu.Unlock()
		return k.current.value, nil
	}
	a, err := k.attempt(now)
	present := k.current
	k.mu.Unlock()
	serves := now.Before(present.end)
	if err == nil && (!serves || engine.Renewing(ctx)) {
		select {
		case <-a.done:
			if a.err == nil {
				return a.value, nil
			}
			err = a.err
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	if serves {
		return present.value, nil
	}
	var none T
	return none, err
}

// attempt returns the one that is under way, or begins one; or it returns why
// there is none.
func (k *kept[T]) attempt(now time.Time) (*attempt[T], error) {
	switch {
	case k.hand.ctx.Err() != nil:
		return nil, errors.New("gateway: it is closed")
	case k.pending != nil:
		return k.pending, nil
	case k.failed != nil && now.Sub(k.since) < getPause:
		return nil, k.failed
	}
	a := &attempt[T]{done: make(chan struct{})}
	k.pending = a
	k.hand.work.Go(func() { k.run(a) })
	return a, nil
}

func (k *kept[T]) run(a *attempt[T]) {
	ctx, cancel := context.WithTimeout(k.hand.ctx, getLimit)
	defer cancel()
	got, err := k.get(ctx)
	k.gets.Add(1)
	if err == nil && got.settle > 0 && k.serves().After(k.now().Add(got.settle)) {
		select {
		case <-time.After(got.settle):
		case <-ctx.Done(): // whoever waits is gone
		}
	}
	k.mu.Lock()
	if err == nil {
		k.current = got
	} else {
		k.failures.Add(1)
	}
	k.failed, k.since = err, k.now()
	k.pending = nil
	k.mu.Unlock()
	a.value, a.err = got.value, err
	close(a.done)
}

// serves reports until when the current value does.
func (k *kept[T]) serves() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current.end
}

// writeMetrics writes how often a value was got.
func (k *kept[T]) writeMetrics(w io.Writer, kind string) {
	metrics.WriteCounterUint64(w, fmt.Sprintf(`gateway_upstream_tokens_total{kind=%q}`, kind), k.gets.Load()-k.failures.Load())
	metrics.WriteCounterUint64(w, fmt.Sprintf(`gateway_upstream_token_failures_total{kind=%q}`, kind), k.failures.Load())
}
