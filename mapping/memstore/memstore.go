package memstore

import (
	"context"
	"fmt"
	"sync"

	"github.com/postern-kafka/postern/mapping"
)

// Store is a mapping.Store without durability.
type Store struct {
	mu     sync.Mutex // writes, one after the other
	closed bool
	state  mapping.State
}

var _ mapping.Store = (*Store)(nil)

// New returns an empty store that is ready.
func New() *Store { return &Store{state: mapping.NewState()} }

// inTurn calls act when no other write is under way.
func (s *Store) inTurn(ctx context.Context, act func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return mapping.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return act()
}

// Put implements mapping.Store.
func (s *Store) Put(ctx context.Context, m mapping.Mapping) (created bool, err error) {
	return s.put(ctx, m, false)
}

// Create implements mapping.Store.
func (s *Store) Create(ctx context.Context, m mapping.Mapping) error {
	_, err := s.put(ctx, m, true)
	return err
}

func (s *Store) put(ctx context.Context, m mapping.Mapping, fresh bool) (created bool, err error) {
	err = s.inTurn(ctx, func() error {
		a, outcome, err := s.state.AdmitMapping(m, fresh)
		if err == nil {
			created = outcome == mapping.Created
			s.state.Users.PutAccount(a)
		}
		return err
	})
	return created, err
}

// Delete implements mapping.Store.
func (s *Store) Delete(ctx context.Context, vcluster, username string) error {
	return s.remove(ctx, vcluster, username, true, mapping.Write{})
}

// DeleteAccount implements mapping.Store.
func (s *Store) DeleteAccount(ctx context.Context, vcluster, username string, w mapping.Write) error {
	return s.remove(ctx, vcluster, username, false, w)
}

func (s *Store) remove(ctx context.Context, vcluster, username string, external bool, w mapping.Write) error {
	if vcluster == "" {
		vcluster = mapping.Passthrough
	}
	return s.inTurn(ctx, func() error {
		if err := s.state.AdmitDeletion(vcluster, username, external); err != nil || w.Dry {
			return err
		}
		s.state.Users.Remove(vcluster, username)
		return nil
	})
}

// put checks and performs one write whose outcome is to be told.
func put[T any](ctx context.Context, s *Store, v T, w mapping.Write,
	admit func(T, mapping.Write) (T, mapping.Outcome, error), do func(T),
) (outcome mapping.Outcome, err error) {
	err = s.inTurn(ctx, func() error {
		v, outcome, err = admit(v, w)
		if err == nil && !w.Dry && outcome != mapping.NotChanged {
			do(v)
		}
		return err
	})
	return outcome, err
}

// PutAccount implements mapping.Store.
func (s *Store) PutAccount(ctx context.Context, a mapping.Account, w mapping.Write) (mapping.Outcome, error) {
	return put(ctx, s, a, w, s.state.AdmitAccount, func(a mapping.Account) { s.state.Users.PutAccount(a) })
}

// PutGroup implements mapping.Store.
func (s *Store) PutGroup(ctx context.Context, g mapping.Group, w mapping.Write) (mapping.Outcome, error) {
	return put(ctx, s, g, w, s.state.AdmitGroup, s.Groups().Put)
}

// DeleteGroup implements mapping.Store.
func (s *Store) DeleteGroup(ctx context.Context, name string, w mapping.Write) error {
	return s.inTurn(ctx, func() error {
		if err := s.state.AdmitGroupDeletion(name); err != nil || w.Dry {
			return err
		}
		s.Groups().Remove(name)
		return nil
	})
}

// PutVCluster implements mapping.Store.
func (s *Store) PutVCluster(ctx context.Context, v mapping.VCluster, w mapping.Write) (mapping.Outcome, error) {
	return put(ctx, s, v, w, s.state.AdmitVCluster, s.state.VClusters.Put)
}

// DeleteVCluster implements mapping.Store.
func (s *Store) DeleteVCluster(ctx context.Context, name string, w mapping.Write) error {
	return s.inTurn(ctx, func() error {
		if err := s.state.AdmitVClusterDeletion(name); err != nil || w.Dry {
			return err
		}
		s.state.VClusters.Remove(name)
		return nil
	})
}

// Deny implements mapping.Store.
func (s *Store) Deny(ctx context.Context, d mapping.Denial) (created bool, err error) {
	err = s.inTurn(ctx, func() error {
		if d, created, err = s.state.Denied.Admit(d); err == nil {
			s.state.Denied.Put(d)
		}
		return err
	})
	return created, err
}

// Allow implements mapping.Store.
func (s *Store) Allow(ctx context.Context, f mapping.Fingerprint) error {
	return s.inTurn(ctx, func() error {
		if !s.state.Denied.Remove(f) {
			return fmt.Errorf("memstore: certificate %s: %w", f, mapping.ErrNotDenied)
		}
		return nil
	})
}

// Users implements mapping.Store.
func (s *Store) Users() *mapping.Users { return s.state.Users }

// Groups implements mapping.Store.
func (s *Store) Groups() *mapping.Groups { return s.state.Users.Groups() }

// VClusters implements mapping.Store.
func (s *Store) VClusters() *mapping.VClusters { return s.state.VClusters }

// DenyList implements mapping.Store.
func (s *Store) DenyList() *mapping.DenyList { return s.state.Denied }

// Ready implements mapping.Store: nil until Close.
func (s *Store) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return mapping.ErrClosed
	}
	return nil
}

// Stats implements mapping.Store.
func (s *Store) Stats() mapping.StoreStats { return s.state.Stats() }

// Close implements mapping.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
