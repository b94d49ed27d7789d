package filewatch

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Options say what is watched and who is told.
type Options struct {
	// Paths are the files; they need not exist.
	Paths []string
	// Every is how often Changed is called without an event; 0 is never.
	Every time.Duration
	// Quiet is how long no event may come before Changed is called; 0 is 100 ms.
	// After ten times that it is called in any case.
	Quiet time.Duration
	// Changed is told that files may have changed.
	Changed func()
	// Failed is told that events cannot be had, or were lost, and why; nil is
	// nobody. The interval is left then.
	Failed func(error)
}

// Watcher calls Options.Changed until Close.
type Watcher struct {
	o       Options
	events  *fsnotify.Watcher // nil where there are none
	inbox   inbox
	way     way
	stale   map[string]bool   // folders that may have become others
	refused map[string]string // folders that cannot be watched, and why
	stop    chan struct{}
	done    chan struct{}
	pumping sync.WaitGroup
}

// Start begins to watch. What changes after it has returned is noticed; read the
// files after it. A machine without events is no error: Failed is told.
func Start(o Options) *Watcher {
	if o.Quiet <= 0 {
		o.Quiet = 100 * time.Millisecond
	}
	if o.Failed == nil {
		o.Failed = func(error) {}
	}
	w := &Watcher{o: o, stale: make(map[string]bool), refused: make(map[string]string), stop: make(chan struct{}), done: make(chan struct{})}
	if len(o.Paths) > 0 {
		var err error
		if w.events, err = fsnotify.NewWatcher(); err != nil {
			o.Failed(fmt.Errorf("filewatch: %w", err))
		}
	}
	w.inbox.news = make(chan struct{}, 1)
	if w.events != nil {
		w.pumping.Go(func() { w.inbox.pump(w.events) })
	}
	w.rewatch()
	go w.run()
	return w
}

// Close ends the watching and waits for a call of Changed that is under way.
func (w *Watcher) Close() error {
	close(w.stop)
	<-w.done
	if w.events == nil {
		return nil
	}
	err := w.events.Close()
	w.pumping.Wait()
	if err != nil {
		return fmt.Errorf("filewatch: %w", err)
	}
	return nil
}

func (w *Watcher) run() {
	defer close(w.done)
	var tick <-chan time.Time
	if w.o.Every > 0 {
		ticker := time.NewTicker(w.o.Every)
		defer ticker.Stop()
		tick = ticker.C
	}
	var quiet, latest <-chan time.Time // nil while there is nothing to tell
	for {
		select {
		case <-w.stop:
			return
		case <-w.inbox.news:
			if !w.news() {
				continue
			}
			quiet = time.After(w.o.Quiet)
			if latest == nil {
				latest = time.After(10 * w.o.Quiet)
			}
			continue
		case <-tick:
		case <-quiet:
		case <-latest:
		}
		quiet, latest = nil, nil
		// The way first, the files after it: what changes in between is an event.
		w.rewatch()
		w.o.Changed()
	}
}

// news empties the inbox and reports whether anything in it counts.
func (w *Watcher) news() (any bool) {
	events, faults, lost := w.inbox.take()
	for _, e := range events {
		if w.counts(e) {
			any = true
		}
	}
	for _, err := range faults {
		w.o.Failed(fmt.Errorf("filewatch: %w", err))
	}
	return any || lost
}

// counts reports whether an event is about something on the way.
func (w *Watcher) counts(e fsnotify.Event) bool {
	if w.way[e.Name] != nil {
		// A folder was removed, moved away or put in another's place: the watch
		// may be on one that bears the name no more.
		w.stale[e.Name] = true
		return true
	}
	return w.way[filepath.Dir(e.Name)][filepath.Base(e.Name)]
}

// rewatch follows the ways anew and watches the folders on them. A folder that
// appears while it does so may lead further: it goes on until nothing is new.
func (w *Watcher) rewatch() {
	for range maxLinks {
		w.way = make(way)
		for _, p := range w.o.Paths {
			w.way.follow(p)
		}
		if w.events == nil || !w.adjust() {
			return
		}
	}
}

// adjust watches what is on the way and not watched yet, and lets go of the
// rest. It reports whether a folder was added.
func (w *Watcher) adjust() (added bool) {
	for folder := range w.stale {
		// There is none if it is gone.
		_ = w.events.Remove(folder)
	}
	clear(w.stale)
	watched := w.events.WatchList()
	for folder := range w.way {
		if slices.Contains(watched, folder) {
			continue
		}
		if err := w.events.Add(folder); err == nil {
			added = true
			delete(w.refused, folder)
		} else if w.refused[folder] != err.Error() { // told once
			w.refused[folder] = err.Error()
			w.o.Failed(fmt.Errorf("filewatch: %s: %w", folder, err))
		}
	}
	for _, folder := range watched {
		if w.way[folder] == nil {
			// It may be gone already, and its watch with it.
			_ = w.events.Remove(folder)
		}
	}
	return added
}
