package kafkastore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/postern-kafka/postern/mapping"
)

// deniedKey says whose record of the deny-list it is.
type deniedKey struct {
	Denied string `json:"denied"`
}

// deniedValue is what a record notes of it.
type deniedValue struct {
	Version int    `json:"v"`
	Reason  string `json:"reason"`
	By      string `json:"by"`
	Since   string `json:"since"`
}

// denials are the denied certificates while the log is read from its start.
type denials map[mapping.Fingerprint]mapping.Denial

func (d denials) all() []mapping.Denial {
	all := make([]mapping.Denial, 0, len(d))
	for _, denial := range d {
		all = append(all, denial)
	}
	return all
}

var deniedPrefix = []byte(`{"denied":`)

// isDenial tells a key of the deny-list from one of a mapping.
func isDenial(key []byte) bool { return bytes.HasPrefix(key, deniedPrefix) }

// decodeDeniedKey returns which certificate it is, or errCorrupt.
func decodeDeniedKey(key []byte) (mapping.Fingerprint, error) {
	var k deniedKey
	if err := openKey(key, &k); err != nil {
		return mapping.Fingerprint{}, err
	}
	f, err := mapping.ParseFingerprint(k.Denied)
	if err != nil {
		return mapping.Fingerprint{}, fmt.Errorf("%w: key: denied: %w", errCorrupt, err)
	}
	if f.String() != k.Denied {
		return mapping.Fingerprint{}, fmt.Errorf("%w: key: not in the one form that compaction relies on", errCorrupt)
	}
	return f, nil
}

func encodeDeniedValue(d mapping.Denial) ([]byte, error) {
	return encode(deniedValue{
		Version: version,
		Reason:  d.Reason,
		By:      d.By,
		Since:   d.Since.UTC().Format(time.RFC3339),
	})
}

// decodeDeniedValue returns what a record notes of f, or errCorrupt or
// errFuture. The denial is valid in any case.
func decodeDeniedValue(f mapping.Fingerprint, b []byte) (mapping.Denial, error) {
	bare := mapping.Denial{Fingerprint: f}
	var v deniedValue
	if err := openValue(b, &v); err != nil {
		return bare, err
	}
	since, err := time.Parse(time.RFC3339, v.Since)
	if err != nil {
		return bare, fmt.Errorf("%w: value: since: %w", errCorrupt, err)
	}
	d, err := mapping.Denial{Fingerprint: f, Reason: v.Reason, By: v.By, Since: since}.Validate()
	if err != nil {
		return bare, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return d, nil
}

// Deny implements mapping.Store.
func (s *Store) Deny(ctx context.Context, d mapping.Denial) (created bool, err error) {
	if d, err = d.Validate(); err != nil {
		return false, err // before anything is asked of the brokers
	}
	outcome, err := s.inTurn(ctx, false, func() (draft, mapping.Outcome, error) {
		d, created, err := s.state.Denied.Admit(d)
		if err != nil {
			return draft{}, mapping.NotChanged, err
		}
		outcome := mapping.Updated
		if created {
			outcome = mapping.Created
		}
		dr, err := s.accounts.draft(deniedKey{Denied: d.Fingerprint.String()}, func() ([]byte, error) { return encodeDeniedValue(d) })
		return dr, outcome, err
	})
	return outcome == mapping.Created, err
}

// Allow implements mapping.Store.
func (s *Store) Allow(ctx context.Context, f mapping.Fingerprint) error {
	_, err := s.inTurn(ctx, false, func() (draft, mapping.Outcome, error) {
		if !s.state.Denied.Contains(f) {
			return draft{}, mapping.NotChanged, fmt.Errorf("kafkastore: certificate %s: %w", f, mapping.ErrNotDenied)
		}
		dr, err := s.accounts.draft(deniedKey{Denied: f.String()}, nil)
		return dr, mapping.Updated, err
	})
	return err
}

// DenyList implements mapping.Store.
func (s *Store) DenyList() *mapping.DenyList { return s.state.Denied }
