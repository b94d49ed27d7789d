package kafkastore

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

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

func encodeDeniedKey(f mapping.Fingerprint) ([]byte, error) {
	return encode(deniedKey{Denied: f.String()})
}

// decodeDeniedKey returns which certificate it is, or errCorrupt.
func decodeDeniedKey(key []byte) (mapping.Fingerprint, error) {
	var k deniedKey
	if len(key) > maxKey {
		return mapping.Fingerprint{}, fmt.Errorf("%w: key: %d bytes long, at most %d allowed", errCorrupt, len(key), maxKey)
	}
	if err := json.Unmarshal(key, &k); err != nil {
		return mapping.Fingerprint{}, fmt.Errorf("%w: key: %w", errCorrupt, err)
	}
	f, err := mapping.ParseFingerprint(k.Denied)
	if err != nil {
		return mapping.Fingerprint{}, fmt.Errorf("%w: key: denied: %w", errCorrupt, err)
	}
	canonical, err := encodeDeniedKey(f)
	if err != nil || !bytes.Equal(canonical, key) {
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
	if len(b) > maxValue {
		return bare, fmt.Errorf("%w: value: %d bytes long, at most %d allowed", errCorrupt, len(b), maxValue)
	}
	if !utf8.Valid(b) {
		return bare, fmt.Errorf("%w: value: not UTF-8", errCorrupt)
	}
	var head struct {
		Version int `json:"v"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return bare, fmt.Errorf("%w: value: %w", errCorrupt, err)
	}
	if head.Version > version {
		return bare, fmt.Errorf("%w: v %d, this gateway reads up to %d", errFuture, head.Version, version)
	}
	if head.Version < 1 {
		return bare, fmt.Errorf("%w: value: v: missing or below 1", errCorrupt)
	}
	var v deniedValue
	if err := json.Unmarshal(b, &v); err != nil {
		return bare, fmt.Errorf("%w: value: %w", errCorrupt, err)
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

// takeDenial works through one record of the deny-list. An error does not mean
// that it had no effect: see doc.go.
func (s *Store) takeDenial(r *reader, record *kgo.Record) error {
	f, err := decodeDeniedKey(record.Key)
	if err != nil {
		return err
	}
	if record.Value == nil {
		if r.aside != nil {
			delete(r.denials, f)
		} else {
			s.denied.Remove(f)
		}
		return nil
	}
	d, err := decodeDeniedValue(f, record.Value)
	if r.aside != nil {
		r.denials[f] = d
	} else {
		s.denied.Put(d)
	}
	return err
}

// Deny implements mapping.Store.
func (s *Store) Deny(ctx context.Context, d mapping.Denial) (created bool, err error) {
	if d, err = d.Validate(); err != nil {
		return false, err // before anything is asked of the brokers
	}
	key, err := encodeDeniedKey(d.Fingerprint)
	if err != nil {
		return false, err
	}
	value, err := encodeDeniedValue(d)
	if err != nil {
		return false, err
	}
	err = s.inTurn(ctx, func(epoch int) error {
		if _, created, err = s.denied.Admit(d); err != nil {
			return err
		}
		return s.write(ctx, epoch, key, value)
	})
	return created && err == nil, err
}

// Allow implements mapping.Store.
func (s *Store) Allow(ctx context.Context, f mapping.Fingerprint) error {
	key, err := encodeDeniedKey(f)
	if err != nil {
		return err
	}
	return s.inTurn(ctx, func(epoch int) error {
		if !s.denied.Contains(f) {
			return fmt.Errorf("kafkastore: certificate %s: %w", f, mapping.ErrNotDenied)
		}
		return s.write(ctx, epoch, key, nil)
	})
}

// DenyList implements mapping.Store.
func (s *Store) DenyList() *mapping.DenyList { return s.denied }
