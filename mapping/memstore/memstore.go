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
	users  *mapping.Users
	denied *mapping.DenyList
}

var _ mapping.Store = (*Store)(nil)

// New returns an empty store that is ready.
func New() *Store { return &Store{users: mapping.NewUsers(), denied: mapping.NewDenyList()} }

// Put implements mapping.Store.
func (s *Store) Put(ctx context.Context, m mapping.Mapping) (created bool, err error) {
	return s.write(ctx, m, false)
}

// Create implements mapping.Store.
func (s *Store) Create(ctx context.Context, m mapping.Mapping) error {
	_, err := s.write(ctx, m, true)
	return err
}

func (s *Store) write(ctx context.Context, m mapping.Mapping, fresh bool) (created bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(ctx); err != nil {
		return false, err
	}
	m, created, err = s.users.Admit(m, fresh)
	if err != nil {
		return false, err
	}
	s.users.Put(m)
	return created, nil
}

// Delete implements mapping.Store.
func (s *Store) Delete(ctx context.Context, vcluster, username string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(ctx); err != nil {
		return err
	}
	if vcluster == "" {
		vcluster = mapping.Passthrough
	}
	if !s.users.Remove(vcluster, username) {
		return fmt.Errorf("memstore: username %q of vcluster %q: %w", username, vcluster, mapping.ErrNotFound)
	}
	return nil
}

// Deny implements mapping.Store.
func (s *Store) Deny(ctx context.Context, d mapping.Denial) (created bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(ctx); err != nil {
		return false, err
	}
	if d, created, err = s.denied.Admit(d); err != nil {
		return false, err
	}
	s.denied.Put(d)
	return created, nil
}

// Allow implements mapping.Store.
func (s *Store) Allow(ctx context.Context, f mapping.Fingerprint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(ctx); err != nil {
		return err
	}
	if !s.denied.Remove(f) {
		return fmt.Errorf("memstore: certificate %s: %w", f, mapping.ErrNotDenied)
	}
	return nil
}

func (s *Store) open(ctx context.Context) error {
	if s.closed {
		return mapping.ErrClosed
	}
	return ctx.Err()
}

// Users implements mapping.Store.
func (s *Store) Users() *mapping.Users { return s.users }

// DenyList implements mapping.Store.
func (s *Store) DenyList() *mapping.DenyList { return s.denied }

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
func (s *Store) Stats() mapping.StoreStats {
	return mapping.StoreStats{Mappings: s.users.Len(), Shadowed: s.users.Shadowed(), Denied: s.denied.Len()}
}

// Close implements mapping.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
