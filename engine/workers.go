package engine

import (
	"sync"
	"sync/atomic"
)

// maxIdleWorkers is how many goroutines wait for the next admission.
const maxIdleWorkers = 32

// workers runs admissions on goroutines that are used again. A handshake and a dial
// go deep, and a new goroutine's stack is copied four times before it is large enough.
type workers struct {
	work    chan func() // taken by an idle one
	stop    chan struct{}
	idle    atomic.Int32
	running sync.WaitGroup
}

// run has f done by a goroutine that nobody waits for.
func (w *workers) run(f func()) {
	select {
	case w.work <- f:
	default:
		w.running.Go(func() { w.serve(f) })
	}
}

func (w *workers) serve(f func()) {
	for {
		f()
		if w.idle.Add(1) > maxIdleWorkers {
			w.idle.Add(-1)
			return
		}
		select {
		case f = <-w.work:
			w.idle.Add(-1)
		case <-w.stop:
			return
		}
	}
}

// owe says that an admission goes on which a loop may have, and wait waits for. What
// accepts calls it, or a worker.
func (w *workers) owe() { w.running.Add(1) }

// settle says that it is over.
func (w *workers) settle() { w.running.Done() }

// wait returns when all is done that was begun. It is called after stop, and when
// nobody calls run any more.
func (w *workers) wait() { w.running.Wait() }
