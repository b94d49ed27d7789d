package kafkastore

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestAwaitEndsARest: who waits for a record that stands in the log does not wait for
// the end of a pause after a failure, before or in which he comes.
func TestAwaitEndsARest(t *testing.T) {
	f := &follower{woken: make(chan struct{}, 1)}
	life := t.Context()
	impatient, cancel := context.WithCancel(life)
	cancel()
	for range 2 { // the second finds that somebody has called already
		if err := f.await(impatient, 0, 1); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	rest(life, time.Hour, f.woken)

	rested := make(chan struct{})
	go func() {
		rest(life, time.Hour, f.woken)
		f.progress.reach(1)
		close(rested)
	}()
	if err := f.await(life, 0, 1); err != nil {
		t.Fatal(err)
	}
	<-rested
}
