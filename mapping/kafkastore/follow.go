package kafkastore

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/mapping"
)

const (
	shortestPause = 100 * time.Millisecond
	longestPause  = 5 * time.Second
	skipLines     = 20 // log lines about skipped records per reading from the start
)

// reader is what the following goroutine alone knows.
type reader struct {
	prepared bool // the topics have been looked at
	id       [16]byte
	position int64          // offset of the next record; -1: from the start
	epoch    int32          // leader epoch of the last record read; -1: none
	aside    *mapping.Users // while reading from the start: not in force yet
	denials  denials        // likewise, for the deny-list
	target   int64          // where reading from the start is complete
	skipped  int            // records skipped since the start of the log
	began    time.Time      // of reading from the start
	moved    bool           // progress since the last failure
}

func (r *reader) fromStart() {
	r.position, r.epoch, r.skipped = -1, -1, 0
	r.aside, r.denials = mapping.NewUsers(), make(denials)
}

// follow reads the log until life ends. What settles the start goes to first:
// nil when the log has been read to its end, or a *TopicError.
func (s *Store) follow(life context.Context, first chan<- error) {
	defer close(s.stopped)
	r := &reader{}
	r.fromStart()
	report := func(err error) {
		if first != nil {
			first <- err
			first = nil
		}
	}
	pause := shortestPause
	for life.Err() == nil {
		err := s.attach(life, r, func() { report(nil) })
		if life.Err() != nil || err == nil {
			continue
		}
		s.failed(r, err)
		if errors.Is(err, ErrTopic) {
			report(err)
		}
		if r.moved {
			r.moved, pause = false, shortestPause
		}
		wait(life, pause)
		pause = min(2*pause, longestPause)
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// failed notes why the log is out of reach, and what that says about it.
func (s *Store) failed(r *reader, err error) {
	s.mu.Lock()
	if s.reason != nil {
		s.reason = err
	}
	s.stats.Failures++
	s.mu.Unlock()
	s.log.Warn("mappings out of reach, trying again", "error", err, "offset", r.position)
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID):
		r.prepared = false // deleted under our feet: looked at, and created, anew
	case errors.Is(err, kerr.OffsetOutOfRange):
		s.rewind(r, "offset out of range")
	}
}

// rewind starts again from the start of what has become another log: nobody
// may go on waiting for a place in the old one.
func (s *Store) rewind(r *reader, why string) {
	if r.position < 0 {
		return
	}
	s.log.Error("log of the mappings is not what it was, reading it again", "cause", why, "offset", r.position)
	s.progress.rewind()
	s.reread(r)
}

// reread starts again from the start of the same log.
func (s *Store) reread(r *reader) {
	r.fromStart()
	s.mu.Lock()
	s.stats.Rereads++
	s.mu.Unlock()
}

// attach finds the log, makes sure that it is the one read so far, and reads
// on until something fails; nil means that the next attach may come at once.
// complete is called when the log has been read from the start to its end.
func (s *Store) attach(ctx context.Context, r *reader, complete func()) error {
	if !r.prepared {
		if err := s.prepareTopics(ctx); err != nil {
			return err
		}
		r.prepared = true
	}
	at, err := locate(ctx, s.client, s.topic)
	if err != nil {
		return err
	}
	leader := s.client.Broker(int(at.leader))
	if err := s.verify(ctx, leader, r, at); err != nil {
		return err
	}
	for {
		if r.aside != nil && r.position >= r.target {
			s.handOver(r)
		}
		if r.aside == nil {
			complete()
			if d := s.options.Refresh; d > 0 && s.options.Now().Sub(r.began) >= d {
				s.reread(r)
				return nil
			}
		}
		got, err := fetch(ctx, leader, at, r.position)
		if err != nil {
			return err
		}
		r.moved = true
		s.take(r, got)
	}
}

// verify compares the log at hand with the one read so far, and finds out
// where to begin when it is to be read from the start.
func (s *Store) verify(ctx context.Context, leader requester, r *reader, at place) error {
	if r.id != at.id {
		if r.id != ([16]byte{}) {
			s.rewind(r, "topic was recreated")
			s.client.PurgeTopicsFromProducing(s.topic) // it would go on writing to the old id
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
			s.rewind(r, "log was cut back")
		case judged == unknown:
			s.log.Warn("end of the leader epoch unknown to the broker, reading the mappings again", "epoch", r.epoch)
			s.reread(r)
		}
	}
	if r.position < 0 {
		start, err := listOffset(ctx, leader, at.topic, fromStart)
		if err != nil {
			return err
		}
		r.position, r.began = start, s.options.Now()
	}
	r.target = end
	return nil
}

// take works through what a fetch brought.
func (s *Store) take(r *reader, got chunk) {
	var skipped, conflicts uint64
	for _, record := range got.records {
		r.epoch = record.LeaderEpoch
		if isDenial(record.Key) {
			if err := s.takeDenial(r, record); err != nil {
				skipped++
				s.tellSkipped(r, record, err)
			}
			continue
		}
		change, err := s.decode(record)
		if err != nil {
			skipped++
			s.tellSkipped(r, record, err)
			if change.Account.Username == "" {
				continue
			}
		}
		if r.aside != nil {
			r.aside.Apply(change)
		} else if e := s.users.Apply(change); e.Contested {
			conflicts++
			s.tellConflict(change, e.Rival)
		}
	}
	r.position = got.next
	if r.aside == nil {
		s.progress.reach(got.next)
	}
	s.mu.Lock()
	s.end = got.end
	s.stats.Records += uint64(len(got.records))
	s.stats.Skipped += skipped
	s.stats.Conflicts += conflicts
	s.mu.Unlock()
}

// decode turns a record into a change. With an error the change is a deletion
// if it is known whose record it is, and empty if not: doc.go says why.
func (s *Store) decode(record *kgo.Record) (mapping.Change, error) {
	n, err := decodeKey(record.Key)
	if err != nil {
		return mapping.Change{}, err
	}
	gone := mapping.Change{
		Account: mapping.Account{VCluster: n.VCluster, Username: n.Username},
		Deleted: true,
		Order:   record.Offset,
	}
	if record.Value == nil {
		return gone, nil
	}
	m, err := decodeValue(n, record.Value)
	if err != nil {
		return gone, err
	}
	return mapping.Change{Account: m.Account(), Order: record.Offset}, nil
}

// handOver puts what was read from the start in force, all at once.
func (s *Store) handOver(r *reader) {
	s.denied.Replace(r.denials.all()) // first: whom it bars must not be let in by a mapping
	s.users.Adopt(r.aside)
	r.aside, r.denials = nil, nil
	if before, _ := s.progress.now(); r.position < before {
		s.progress.rewind() // cut back while it was being refreshed
	}
	s.progress.reach(r.position)
	s.mu.Lock()
	s.reason = nil
	s.mu.Unlock()
	s.log.Info("mappings read", "mappings", s.users.Len(), "shadowed", s.users.Shadowed(), "denied", s.denied.Len(),
		"skipped", r.skipped, "offset", r.position, "took", s.options.Now().Sub(r.began))
}

func (s *Store) tellSkipped(r *reader, record *kgo.Record, err error) {
	r.skipped++
	if r.skipped <= skipLines {
		s.log.Warn("record skipped", "offset", record.Offset, "error", err)
	}
}

func (s *Store) tellConflict(c mapping.Change, rival mapping.Mapping) {
	s.log.Warn("mapping shadowed by a later one", "principal", rival.Principal, "offset", c.Order,
		"username", c.Account.Username, "vcluster", c.Account.VCluster,
		"shadowed_username", rival.Username, "shadowed_vcluster", rival.VCluster)
}
