package kafkastore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	shortestPause = 100 * time.Millisecond
	longestPause  = 5 * time.Second
	skipLines     = 20 // log lines about skipped records per reading from the start
)

// follower keeps one topic's content in step with its log.
type follower struct {
	store    *Store
	client   *kgo.Client
	topic    string
	what     string // for log lines
	content  content
	progress progress
	stopped  chan struct{}
	woken    chan struct{} // holds one token when somebody waits for what is in the log

	// Of the store's lock.
	reason error // why it has not been read to its end; nil once it has
	end    int64 // of the log, as last seen
}

// reader is what the following goroutine alone knows.
type reader struct {
	id       [16]byte
	position int64     // offset of the next record; -1: from the start
	epoch    int32     // leader epoch of the last record read; -1: none
	aside    bool      // reading from the start: the content is not in force yet
	target   int64     // where reading from the start is complete
	skipped  int       // records skipped since the start of the log
	began    time.Time // of reading from the start
	moved    bool      // progress since the last failure
}

func (f *follower) fromStart(r *reader) {
	r.position, r.epoch, r.skipped, r.aside = -1, -1, 0, true
	f.content.begin()
}

// follow reads the log until life ends. What settles the start goes to first:
// nil when the log has been read to its end, or a *TopicError.
func (f *follower) follow(life context.Context, first chan<- error) {
	defer close(f.stopped)
	r := &reader{}
	f.fromStart(r)
	report := func(err error) {
		if first != nil {
			first <- err
			first = nil
		}
	}
	pause := shortestPause
	for life.Err() == nil {
		err := f.attach(life, r, func() { report(nil) })
		if life.Err() != nil || err == nil {
			continue
		}
		f.failed(r, err)
		if errors.Is(err, ErrTopic) {
			report(err)
		}
		if r.moved {
			r.moved, pause = false, shortestPause
		}
		rest(life, pause, f.woken)
		pause = min(2*pause, longestPause)
	}
}

// await is progress.wait for what is known to stand in the log: if its brokers failed a
// moment ago, they do not now, and the log is tried again at once.
func (f *follower) await(ctx context.Context, epoch int, position int64) error {
	select {
	case f.woken <- struct{}{}:
	default:
	}
	return f.progress.wait(ctx, epoch, position)
}

func wait(ctx context.Context, d time.Duration) { rest(ctx, d, nil) }

// rest waits, unless it is woken.
func rest(ctx context.Context, d time.Duration, woken <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-woken:
	case <-ctx.Done():
	}
}

// failed notes why the log is out of reach, and what that says about it.
func (f *follower) failed(r *reader, err error) {
	s := f.store
	s.mu.Lock()
	if f.reason != nil {
		f.reason = err
	}
	s.stats.Failures++
	s.mu.Unlock()
	s.log.Warn(f.what+" out of reach, trying again", "topic", f.topic, "error", err, "offset", r.position)
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID):
		s.topicsMissing() // deleted under our feet: looked at, and created, anew
	case errors.Is(err, kerr.OffsetOutOfRange):
		f.rewind(r, "offset out of range")
	}
}

// rewind starts again from the start of what has become another log: nobody
// may go on waiting for a place in the old one.
func (f *follower) rewind(r *reader, why string) {
	if r.position < 0 {
		return
	}
	f.store.log.Error("log of the "+f.what+" is not what it was, reading it again",
		"topic", f.topic, "cause", why, "offset", r.position)
	f.progress.rewind()
	f.reread(r)
}

// reread starts again from the start of the same log.
func (f *follower) reread(r *reader) {
	f.fromStart(r)
	f.store.mu.Lock()
	f.store.stats.Rereads++
	f.store.mu.Unlock()
}

// attach finds the log, makes sure that it is the one read so far, and reads
// on until something fails; nil means that the next attach may come at once.
// complete is called when the log has been read from the start to its end.
func (f *follower) attach(ctx context.Context, r *reader, complete func()) error {
	if err := f.store.ensureTopics(ctx); err != nil {
		return err
	}
	at, err := locate(ctx, f.client, f.topic)
	if err != nil {
		return err
	}
	if err := f.read(ctx, r, at, complete); err != nil {
		return fmt.Errorf("%w (from broker %d, leader in epoch %d)", err, at.leader, at.epoch)
	}
	return nil
}

// read reads the log on at its leader, as attach says.
func (f *follower) read(ctx context.Context, r *reader, at place, complete func()) error {
	s, leader := f.store, f.client.Broker(int(at.leader))
	if err := f.verify(ctx, leader, r, at); err != nil {
		return err
	}
	for {
		if r.aside && r.position >= r.target {
			f.handOver(r)
		}
		if !r.aside {
			complete()
			if d := s.options.Refresh; d > 0 && s.options.Now().Sub(r.began) >= d {
				f.reread(r)
				return nil
			}
		}
		got, err := fetch(ctx, leader, at, r.position)
		if err != nil {
			return err
		}
		r.moved = true
		f.take(r, got)
	}
}

// verify compares the log at hand with the one read so far, and finds out
// where to begin when it is to be read from the start.
func (f *follower) verify(ctx context.Context, leader requester, r *reader, at place) error {
	if r.id != at.id {
		if r.id != ([16]byte{}) {
			f.rewind(r, "topic was recreated")
		}
		r.id = at.id
	}
	end, err := listOffset(ctx, leader, at.topic, toEnd)
	if err != nil {
		return err
	}
	if r.position >= 0 {
		judged, err := compare(ctx, leader, at, r.epoch, r.position)
		if err != nil {
			return err
		}
		switch {
		case judged == lost || end < r.position:
			f.rewind(r, "log was cut back")
		case judged == unknown:
			f.store.log.Warn("end of the leader epoch unknown to the broker, reading the "+f.what+" again", "epoch", r.epoch)
			f.reread(r)
		}
	}
	if r.position < 0 {
		start, err := listOffset(ctx, leader, at.topic, fromStart)
		if err != nil {
			return err
		}
		r.position, r.began = start, f.store.options.Now()
	}
	r.target = end
	return nil
}

// take works through what a fetch brought.
func (f *follower) take(r *reader, got chunk) {
	var skipped uint64
	for _, record := range got.records {
		r.epoch = record.LeaderEpoch
		if err := f.content.take(record); err != nil {
			skipped++
			f.tellSkipped(r, record, err)
		}
	}
	r.position = got.next
	s := f.store
	s.mu.Lock()
	f.end = got.end
	s.stats.Records += uint64(len(got.records))
	s.stats.Skipped += skipped
	s.mu.Unlock()
	if !r.aside {
		f.progress.reach(got.next) // last: a writer who awaits its record finds it counted
	}
}

// handOver puts what was read from the start in force, all at once.
func (f *follower) handOver(r *reader) {
	counts := f.content.handOver()
	r.aside = false
	if before, _ := f.progress.now(); r.position < before {
		f.progress.rewind() // cut back while it was being refreshed
	}
	s := f.store
	s.mu.Lock()
	f.reason = nil
	s.mu.Unlock()
	f.progress.reach(r.position)
	s.log.Info(f.what+" read", append(counts,
		"skipped", r.skipped, "offset", r.position, "took", s.options.Now().Sub(r.began))...)
}

func (f *follower) tellSkipped(r *reader, record *kgo.Record, err error) {
	r.skipped++
	if r.skipped <= skipLines {
		f.store.log.Warn("record skipped", "topic", f.topic, "offset", record.Offset, "error", err)
	}
}
