package filewatch

import (
	"errors"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// maxInbox is how many events are kept apart; of more it is only known that
// there were some.
const maxInbox = 1024

// inbox is what has come and was not looked at yet. fsnotify may hold the lock
// that adding a folder needs while it waits for a reader, so the reader is never
// the one who adds.
type inbox struct {
	news chan struct{} // holds one token when there is something

	mu     sync.Mutex
	events []fsnotify.Event
	faults []error
	lost   bool // events that nobody will ever see
}

// pump runs until events is closed.
func (in *inbox) pump(from *fsnotify.Watcher) {
	for {
		select {
		case e, ok := <-from.Events:
			if !ok {
				return
			}
			in.put(e, nil)
		case err, ok := <-from.Errors:
			if !ok {
				return
			}
			in.put(fsnotify.Event{}, err)
		}
	}
}

func (in *inbox) put(e fsnotify.Event, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case len(in.events)+len(in.faults) >= maxInbox, errors.Is(err, fsnotify.ErrEventOverflow):
		in.lost = true
	case err != nil:
		in.faults = append(in.faults, err)
	default:
		in.events = append(in.events, e)
	}
	select {
	case in.news <- struct{}{}:
	default:
	}
}

func (in *inbox) take() (events []fsnotify.Event, faults []error, lost bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	events, faults, lost = in.events, in.faults, in.lost
	in.events, in.faults, in.lost = nil, nil, false
	return events, faults, lost
}
