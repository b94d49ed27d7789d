package mapping

import (
	"context"
	"errors"
	"fmt"
)

// Errors of a Store; errors.Is finds them in what its methods return.
var (
	ErrConflict = errors.New("mapping: principal belongs to another username") // see ConflictError
	ErrExists   = errors.New("mapping: username exists")
	ErrNotFound = errors.New("mapping: username not found")
	ErrFull     = errors.New("mapping: too many mappings")
	ErrNotReady = errors.New("mapping: store not ready")
	ErrClosed   = errors.New("mapping: store closed")

	ErrNotDenied = errors.New("mapping: certificate is not on the deny-list")
	ErrListFull  = errors.New("mapping: too many denied certificates")
)

// ConflictError names the mapping that holds the principal of a refused one.
// It is an ErrConflict.
type ConflictError struct{ Holder Mapping }

// Error names the principal and its holder.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("mapping: principal %q belongs to username %q of vcluster %q",
		e.Holder.Principal, e.Holder.Username, e.Holder.VCluster)
}

// Unwrap returns ErrConflict.
func (e *ConflictError) Unwrap() error { return ErrConflict }

// Store keeps mappings and the deny-list durably, and Users and DenyList in step
// with them. Its methods may be called by any number of goroutines.
//
// Put, Create, Delete, Deny and Allow return nil only after the write has been
// read back and is visible in Users or DenyList. An error that wraps ctx's own says nothing about
// the write: it may still come into effect. Validation errors are *FieldError.
type Store interface {
	// Put writes m and reports whether its username is new in its virtual
	// cluster. ErrConflict (a *ConflictError) when another username holds the
	// principal; ErrFull; ErrNotReady.
	Put(ctx context.Context, m Mapping) (created bool, err error)
	// Create is Put for a username that must be new: else ErrExists.
	Create(ctx context.Context, m Mapping) error
	// Delete removes a mapping; ErrNotFound when there is none. An empty
	// vcluster means Passthrough.
	Delete(ctx context.Context, vcluster, username string) error
	// Deny puts a certificate on the deny-list, or replaces what is noted of it,
	// and reports whether it is new there. ErrListFull; ErrNotReady.
	Deny(ctx context.Context, d Denial) (created bool, err error)
	// Allow takes a certificate off the deny-list; ErrNotDenied when it is not on it.
	Allow(ctx context.Context, f Fingerprint) error
	// Users is the set that the store keeps; the same one for life.
	Users() *Users
	// DenyList is the list that the store keeps; the same one for life.
	DenyList() *DenyList
	// Ready returns nil once the store has been read to its end, else the
	// reason why not, for the health endpoint.
	Ready() error
	// Stats returns the store's counters.
	Stats() StoreStats
	// Close ends the store's work; writes then fail with ErrClosed. Users
	// stays readable.
	Close() error
}

// StoreStats are the counters of a store. Those of a log stay zero in a store
// that has none.
type StoreStats struct {
	Mappings int // in Users, shadowed ones included
	Shadowed int // without effect: a later mapping of another username holds the principal
	Denied   int // certificates on the deny-list

	Position  int64  // offset of the next record to be read
	Lag       int64  // records between Position and the end of the log as last seen
	Records   uint64 // records read since the start, re-reads included
	Skipped   uint64 // of those: corrupt or of a future version
	Conflicts uint64 // of those: took a principal from another username
	Rereads   uint64 // times that the log was read again from its start
	Failures  uint64 // failed attempts to reach the log
}

// Admit validates m and says whether u may take it, as every Store must: with
// fresh, the username must not exist yet (ErrExists); the principal must not
// belong to another username (*ConflictError); the set must not be full
// (ErrFull). It returns m with its defaults written out.
func (u *Users) Admit(m Mapping, fresh bool) (valid Mapping, created bool, err error) {
	m, err = m.Validate()
	if err != nil {
		return Mapping{}, false, err
	}
	_, exists := u.ByUsername(m.VCluster, m.Username)
	if exists && fresh {
		return Mapping{}, false, fmt.Errorf("mapping: username %q of vcluster %q: %w", m.Username, m.VCluster, ErrExists)
	}
	if holder, conflict := u.Conflict(m); conflict {
		return Mapping{}, false, &ConflictError{Holder: holder}
	}
	if n := u.Len(); !exists && n >= MaxMappings {
		return Mapping{}, false, fmt.Errorf("mapping: %d mappings: %w", n, ErrFull)
	}
	return m, !exists, nil
}

// Admit validates d and says whether l may take it, as every Store must: the
// list must not be full (ErrListFull).
func (l *DenyList) Admit(d Denial) (valid Denial, created bool, err error) {
	if d, err = d.Validate(); err != nil {
		return Denial{}, false, err
	}
	known := l.Contains(d.Fingerprint)
	if n := l.Len(); !known && n >= MaxDenials {
		return Denial{}, false, fmt.Errorf("mapping: %d certificates denied: %w", n, ErrListFull)
	}
	return d, !known, nil
}
