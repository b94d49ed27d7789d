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
	ErrNotFound = errors.New("mapping: not found")
	ErrFull     = errors.New("mapping: too many mappings")
	ErrNotReady = errors.New("mapping: store not ready")
	ErrClosed   = errors.New("mapping: store closed")

	ErrChanged   = errors.New("mapping: account was changed meanwhile")
	ErrBusy      = errors.New("mapping: other gateways write all the time, try again")
	ErrForbidden = errors.New("mapping: the brokers do not allow it to the gateway's account")

	ErrNoVClusterResource = errors.New("mapping: references a non-existing virtual cluster")
	ErrNoMember           = errors.New("mapping: group contains an account that does not exist")
	ErrAccountInUse       = errors.New("mapping: account is used by a group")
	ErrVClusterInUse      = errors.New("mapping: virtual cluster has accounts")
	ErrReserved           = errors.New("mapping: name is reserved")
	ErrPrefix             = errors.New("mapping: name is the beginning of another virtual cluster's, or the reverse")
	ErrACLMode            = errors.New("mapping: aclMode cannot be changed once ACLs are enabled")

	// ErrScramTaken is an ErrConflict too: SCRAM knows no virtual clusters.
	ErrScramTaken = fmt.Errorf("%w: credentials of that name exist in another virtual cluster", ErrConflict)

	ErrNotDenied = errors.New("mapping: certificate is not on the deny-list")
	ErrListFull  = errors.New("mapping: too many denied certificates")
)

// fullError is an ErrFull about something else than mappings.
type fullError string

func (e fullError) Error() string { return "mapping: too many " + string(e) }

func (fullError) Unwrap() error { return ErrFull }

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

// Write says how a write is meant. Dry: everything is checked and answered as it
// would be, and nothing is written. Fresh: the name must be new, else ErrExists.
// Over: the account must still be as it was when Users.Account returned it, else
// ErrChanged; for who reads an account, changes a part of it and writes it: nobody
// else's change is lost, at whichever gateway it was made. Deletions look at Dry only,
// and Over is for accounts.
type Write struct {
	Dry, Fresh bool
	Over       *Account
}

// Outcome is what a write did, or would do.
type Outcome uint8

// Outcomes. NotChanged: all was there already, and nothing was written.
const (
	NotChanged Outcome = iota
	Created
	Updated
)

// String returns the word that the API answers with.
func (o Outcome) String() string {
	switch o {
	case NotChanged:
	case Created:
		return "Created"
	case Updated:
		return "Updated"
	}
	return "NotChanged"
}

// Store keeps accounts, groups, virtual clusters and the deny-list durably, and
// Users, Groups, VClusters and DenyList in step with them. Its methods may be
// called by any number of goroutines.
//
// Writes are one after the other over all gateways that share a store: what a
// write was checked against is what it is written upon. Methods that write
// return nil only after the write has been read back and is visible. An error
// that wraps ctx's own says nothing about the write: it may still come into
// effect. Validation errors are *FieldError. Any write may fail with
// ErrNotReady, ErrClosed, ErrForbidden, and with ErrBusy when other gateways
// came in between each time.
type Store interface {
	// Put writes m and reports whether its username is new in its virtual
	// cluster, which need not be declared. ErrConflict (a *ConflictError) when
	// another username holds the principal; ErrExists when the username is a local
	// account's, or has several principals, of which a mapping would leave one; ErrFull.
	Put(ctx context.Context, m Mapping) (created bool, err error)
	// Create is Put for a username that must be new: else ErrExists.
	Create(ctx context.Context, m Mapping) error
	// Delete removes a mapping; ErrNotFound when there is none, ErrAccountInUse
	// when a group names it. An empty vcluster means Passthrough.
	Delete(ctx context.Context, vcluster, username string) error

	// PutAccount writes an account. ErrNoVClusterResource; ErrConflict as Put, or
	// ErrScramTaken; ErrExists with Fresh; ErrChanged with Over; ErrFull.
	PutAccount(ctx context.Context, a Account, w Write) (Outcome, error)
	// DeleteAccount removes an account of either type; errors as Delete's.
	DeleteAccount(ctx context.Context, vcluster, username string, w Write) error
	// PutGroup writes a group. ErrNoMember; ErrExists with Fresh; ErrFull.
	PutGroup(ctx context.Context, g Group, w Write) (Outcome, error)
	// DeleteGroup removes a group; ErrNotFound.
	DeleteGroup(ctx context.Context, name string, w Write) error
	// PutVCluster declares a virtual cluster or changes one. ErrReserved;
	// ErrPrefix; ErrACLMode; ErrExists with Fresh; ErrFull.
	PutVCluster(ctx context.Context, v VCluster, w Write) (Outcome, error)
	// DeleteVCluster removes a declaration. ErrReserved; ErrNotFound;
	// ErrVClusterInUse when it has accounts, those of mappings included.
	DeleteVCluster(ctx context.Context, name string, w Write) error

	// Deny puts a certificate on the deny-list, or replaces what is noted of it,
	// and reports whether it is new there. ErrListFull.
	Deny(ctx context.Context, d Denial) (created bool, err error)
	// Allow takes a certificate off the deny-list; ErrNotDenied when it is not on it.
	Allow(ctx context.Context, f Fingerprint) error
	// Users is the set that the store keeps; the same one for life.
	Users() *Users
	// Groups is the set of groups, which Users asks too; the same one for life.
	Groups() *Groups
	// VClusters is the set of declared virtual clusters; the same one for life.
	VClusters() *VClusters
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
	Mappings  int // accounts in Users, local and shadowed ones included
	Locals    int // of those: local
	Shadowed  int // claims without effect: a later account holds the principal
	Groups    int
	VClusters int // declared
	Denied    int // certificates on the deny-list

	Position  int64  // offset of the next record to be read of the accounts' log
	Lag       int64  // records not read yet up to the end of every log as last seen
	Records   uint64 // records read since the start, re-reads included
	Skipped   uint64 // of those: corrupt or of a future version
	Conflicts uint64 // of those: took a principal from another username
	Rereads   uint64 // times that a log was read again from its start
	Failures  uint64 // failed attempts to reach a log
	Fenced    uint64 // writes that began again because another gateway wrote meanwhile
}
