package engine

import (
	"testing"
)

// All that is given is done at once, whoever is idle; few stay idle, and wait returns
// when they are told to stop.
func TestWorkers(t *testing.T) {
	const many = 3 * maxIdleWorkers
	stop := make(chan struct{})
	w := workers{work: make(chan func()), stop: stop}
	for range 3 {
		begun, end := make(chan struct{}), make(chan struct{})
		for range many {
			w.run(func() {
				begun <- struct{}{}
				<-end
			})
		}
		for range many {
			<-begun // none waits for another to end
		}
		close(end)
		until(t, "the idle ones", func() bool { return w.idle.Load() == maxIdleWorkers })
	}
	close(stop)
	w.wait()
}
