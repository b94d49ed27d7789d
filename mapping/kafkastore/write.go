package kafkastore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/mapping"
)

const (
	// maxTries bounds how often a write begins again because other gateways came
	// in between, and brokenTries because a connection broke or the leader moved.
	maxTries     = 20
	brokenTries  = 8
	longestRetry = 500 * time.Millisecond
	// commitTimeout bounds a commit whose caller may have gone.
	commitTimeout = 30 * time.Second
)

// draft is a record to be written; the zero value is none.
type draft struct {
	to         *follower
	key, value []byte
}

// draft makes a record for a log; without a value it deletes.
func (f *follower) draft(key any, value func() ([]byte, error)) (d draft, err error) {
	d.to = f
	if d.key, err = encode(key); err != nil || value == nil {
		return d, err
	}
	d.value, err = value()
	return d, err
}

// admitted is what follows from what the state's rules say of a write: a record,
// unless they refuse it or it would change nothing.
func (f *follower) admitted(outcome mapping.Outcome, err error, key any, value func() ([]byte, error)) (draft, mapping.Outcome, error) {
	if err != nil || outcome == mapping.NotChanged {
		return draft{}, outcome, err
	}
	d, err := f.draft(key, value)
	return d, outcome, err
}

// decide says what is to be written, given the state that it is called upon, and
// what will have been done then. It may be called several times.
type decide func() (draft, mapping.Outcome, error)

// answer is what inTurn returns.
type answer struct {
	outcome mapping.Outcome
	err     error
}

// inTurn calls act when no other write of this gateway is under way and the state
// holds everything that any gateway had written when inTurn was called. What act
// wants is written only if no gateway has written since; else act is asked again.
// With dry, nothing is written.
func (s *Store) inTurn(ctx context.Context, dry bool, act decide) (mapping.Outcome, error) {
	select {
	case s.writing <- struct{}{}:
	case <-ctx.Done():
		return mapping.NotChanged, fmt.Errorf("kafkastore: wait for other writes: %w", ctx.Err())
	}
	// A commit on its way cannot be called back: the turn ends with it, even when
	// the caller has gone.
	done := make(chan answer, 1)
	go func() {
		defer func() { <-s.writing }()
		outcome, err := s.persist(ctx, dry, act)
		if errors.Is(err, kgo.ErrClientClosed) || err != nil && s.life.Err() != nil && ctx.Err() == nil {
			err = mapping.ErrClosed
		}
		done <- answer{outcome, err}
	}()
	select {
	case v := <-done:
		return v.outcome, v.err
	case <-ctx.Done():
		return mapping.NotChanged, fmt.Errorf("kafkastore: write: %w", ctx.Err())
	}
}

// persist tries until it was written, or was refused, or too often.
func (s *Store) persist(ctx context.Context, dry bool, act decide) (mapping.Outcome, error) {
	if err := s.Ready(); err != nil {
		if errors.Is(err, mapping.ErrClosed) {
			return mapping.NotChanged, err
		}
		return mapping.NotChanged, fmt.Errorf("%w: %w", mapping.ErrNotReady, err)
	}
	var last error
	breaks := 0
	for try := range maxTries {
		outcome, err := s.attempt(ctx, dry, act)
		switch {
		case errors.Is(err, errFenced):
			s.mu.Lock()
			s.stats.Fenced++
			s.mu.Unlock()
		case errors.Is(err, errBroken) && breaks < brokenTries:
			breaks++
		default:
			return outcome, err
		}
		last = err
		wait(ctx, rand.N(min(longestRetry, 4*time.Millisecond<<try)))
		if err := ctx.Err(); err != nil {
			return mapping.NotChanged, fmt.Errorf("kafkastore: write: %w", err)
		}
	}
	return mapping.NotChanged, fmt.Errorf("%w: %w", mapping.ErrBusy, last)
}

// errBroken says that a broker was not reached or is not what it was, before
// anything could come into effect.
var errBroken = errors.New("kafkastore: nothing was written")

// attempt is one try of a write. What is refused or changes nothing is found out
// before the right to write is taken from another gateway.
func (s *Store) attempt(ctx context.Context, dry bool, act decide) (mapping.Outcome, error) {
	if dry || !s.scribe.ready {
		if err := s.catchUp(ctx); err != nil {
			return mapping.NotChanged, err
		}
		d, outcome, err := act()
		if err != nil || dry || d.to == nil {
			return outcome, err
		}
		if err := s.scribe.begin(ctx); err != nil {
			return mapping.NotChanged, err
		}
	}
	if err := s.catchUp(ctx); err != nil {
		return mapping.NotChanged, err
	}
	d, outcome, err := act()
	if err != nil || d.to == nil {
		return outcome, err
	}
	return outcome, s.commit(ctx, d)
}

// catchUp returns when the state holds everything that is committed by now.
func (s *Store) catchUp(ctx context.Context) error {
	for _, f := range s.followers() {
		_, epoch := f.progress.now()
		end, err := listOffset(ctx, f.client, f.topic, toEnd)
		if broken(err) {
			return fmt.Errorf("%w: %w", errBroken, err)
		}
		if err != nil {
			return err
		}
		if err := f.await(ctx, epoch, end); err != nil {
			return err
		}
	}
	return nil
}

// commit writes a record and returns when the state holds it. Its caller's
// patience no longer counts once it has begun.
func (s *Store) commit(ctx context.Context, d draft) error {
	_, epoch := d.to.progress.now()
	at, err := locate(ctx, s.client, d.to.topic)
	if err != nil {
		return err
	}
	life, cancel := context.WithTimeout(s.life, commitTimeout)
	defer cancel()
	offset, err := s.scribe.write(life, at, d.key, d.value)
	var unsettled *unsettledError
	if errors.As(err, &unsettled) {
		err = s.settle(life, d.to, offset, err)
	} else if broken(err) {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	if err != nil {
		return err
	}
	return d.to.await(life, epoch, offset+1)
}

// broken tells errors of connections, and of a leader that is none any more.
// Before a commit nothing can have come into effect.
func broken(err error) bool {
	if err == nil || errors.Is(err, errFenced) || errors.Is(err, kgo.ErrClientClosed) {
		return false
	}
	return kerr.IsRetriable(err) || !isKafkaError(err)
}

// settle finds out what became of a commit without an answer: when the right to
// write is ours again, the transaction has ended one way or the other, and its
// record stands in the log or does not.
func (s *Store) settle(ctx context.Context, f *follower, offset int64, cause error) error {
	if err := s.scribe.begin(ctx); err != nil {
		return fmt.Errorf("%w, outcome unknown: %w", cause, err)
	}
	at, err := locate(ctx, s.client, f.topic)
	if err != nil {
		return fmt.Errorf("%w, outcome unknown: %w", cause, err)
	}
	got, err := fetch(ctx, s.client.Broker(int(at.leader)), at, offset)
	if err != nil {
		return fmt.Errorf("%w, outcome unknown: %w", cause, err)
	}
	if len(got.records) > 0 && got.records[0].Offset == offset {
		return nil
	}
	return fmt.Errorf("%w: %w", errFenced, cause)
}

// Put implements mapping.Store.
func (s *Store) Put(ctx context.Context, m mapping.Mapping) (created bool, err error) {
	return s.putMapping(ctx, m, false)
}

// Create implements mapping.Store.
func (s *Store) Create(ctx context.Context, m mapping.Mapping) error {
	_, err := s.putMapping(ctx, m, true)
	return err
}

func (s *Store) putMapping(ctx context.Context, m mapping.Mapping, fresh bool) (created bool, err error) {
	if m, err = m.Validate(); err != nil {
		return false, err // before anything is asked of the brokers
	}
	outcome, err := s.inTurn(ctx, false, func() (draft, mapping.Outcome, error) {
		return s.draftAccount(s.state.AdmitMapping(m, fresh))
	})
	return outcome == mapping.Created && err == nil, err
}

// PutAccount implements mapping.Store.
func (s *Store) PutAccount(ctx context.Context, a mapping.Account, w mapping.Write) (mapping.Outcome, error) {
	if _, err := a.Validate(); err != nil {
		return mapping.NotChanged, err
	}
	return s.inTurn(ctx, w.Dry, func() (draft, mapping.Outcome, error) {
		return s.draftAccount(s.state.AdmitAccount(a, w))
	})
}

func (s *Store) draftAccount(a mapping.Account, outcome mapping.Outcome, err error) (draft, mapping.Outcome, error) {
	return s.accounts.admitted(outcome, err, name{a.VCluster, a.Username}, func() ([]byte, error) { return encodeAccount(a, s.options.Now()) })
}

// Delete implements mapping.Store.
func (s *Store) Delete(ctx context.Context, vcluster, username string) error {
	return s.deleteAccount(ctx, vcluster, username, true, mapping.Write{})
}

// DeleteAccount implements mapping.Store.
func (s *Store) DeleteAccount(ctx context.Context, vcluster, username string, w mapping.Write) error {
	return s.deleteAccount(ctx, vcluster, username, false, w)
}

func (s *Store) deleteAccount(ctx context.Context, vcluster, username string, external bool, w mapping.Write) error {
	if vcluster == "" {
		vcluster = mapping.Passthrough
	}
	return s.delete(ctx, w, s.accounts, name{vcluster, username}, func() error {
		return s.state.AdmitDeletion(vcluster, username, external)
	})
}

// delete writes a record without a value, if may lets it.
func (s *Store) delete(ctx context.Context, w mapping.Write, f *follower, key any, may func() error) error {
	_, err := s.inTurn(ctx, w.Dry, func() (draft, mapping.Outcome, error) {
		if err := may(); err != nil {
			return draft{}, mapping.NotChanged, err
		}
		d, err := f.draft(key, nil)
		return d, mapping.Updated, err
	})
	return err
}

// PutGroup implements mapping.Store.
func (s *Store) PutGroup(ctx context.Context, g mapping.Group, w mapping.Write) (mapping.Outcome, error) {
	if _, err := g.Validate(); err != nil {
		return mapping.NotChanged, err
	}
	return s.inTurn(ctx, w.Dry, func() (draft, mapping.Outcome, error) {
		g, outcome, err := s.state.AdmitGroup(g, w)
		return s.groups.admitted(outcome, err, groupKey{g.Name}, func() ([]byte, error) { return encodeGroup(g, s.options.Now()) })
	})
}

// DeleteGroup implements mapping.Store.
func (s *Store) DeleteGroup(ctx context.Context, name string, w mapping.Write) error {
	return s.delete(ctx, w, s.groups, groupKey{name}, func() error { return s.state.AdmitGroupDeletion(name) })
}

// PutVCluster implements mapping.Store.
func (s *Store) PutVCluster(ctx context.Context, v mapping.VCluster, w mapping.Write) (mapping.Outcome, error) {
	if _, err := v.Validate(); err != nil {
		return mapping.NotChanged, err
	}
	return s.inTurn(ctx, w.Dry, func() (draft, mapping.Outcome, error) {
		v, outcome, err := s.state.AdmitVCluster(v, w)
		return s.vclusters.admitted(outcome, err, vclusterKey{v.Name}, func() ([]byte, error) { return encodeVCluster(v, s.options.Now()) })
	})
}

// DeleteVCluster implements mapping.Store.
func (s *Store) DeleteVCluster(ctx context.Context, name string, w mapping.Write) error {
	return s.delete(ctx, w, s.vclusters, vclusterKey{name}, func() error { return s.state.AdmitVClusterDeletion(name) })
}
