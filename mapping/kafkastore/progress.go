package kafkastore

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// errRewound ends the waiting for a record when the log it was in has gone.
var errRewound = errors.New("kafkastore: the log was cut back or replaced meanwhile, outcome unknown")

// progress is how far Users follows the log, and who waits for it.
type progress struct {
	mu       sync.Mutex
	position int64 // offset of the first record not in Users
	epoch    int   // how often the log was found to be another one
	closed   error
	waiters  map[*waiter]struct{}
}

type waiter struct {
	position int64
	done     chan error // buffered: reach and fail never block
}

// reach says that Users holds every record below position.
func (p *progress) reach(position int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.position = position
	for w := range p.waiters {
		if w.position <= position {
			w.done <- nil
			delete(p.waiters, w)
		}
	}
}

// rewind says that the log is another one: positions of before mean nothing.
func (p *progress) rewind() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.position = 0
	p.epoch++
	p.release(errRewound)
}

// close fails everybody who waits now or later.
func (p *progress) close(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = err
	p.release(err)
}

func (p *progress) release(err error) {
	for w := range p.waiters {
		w.done <- err
		delete(p.waiters, w)
	}
}

// now returns the position and the epoch it belongs to.
func (p *progress) now() (position int64, epoch int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.position, p.epoch
}

// wait returns when Users holds every record below position of the log that
// epoch stands for, or with the reason why that will not be.
func (p *progress) wait(ctx context.Context, epoch int, position int64) error {
	w := &waiter{position, make(chan error, 1)}
	if done, err := p.enlist(w, epoch); done {
		return err
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		p.mu.Lock()
		delete(p.waiters, w)
		p.mu.Unlock()
		return fmt.Errorf("kafkastore: wait for offset %d to be read back: %w", position-1, ctx.Err())
	}
}

func (p *progress) enlist(w *waiter, epoch int) (done bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed != nil:
		return true, p.closed
	case p.epoch != epoch:
		return true, errRewound
	case p.position >= w.position:
		return true, nil
	}
	if p.waiters == nil {
		p.waiters = make(map[*waiter]struct{})
	}
	p.waiters[w] = struct{}{}
	return false, nil
}
