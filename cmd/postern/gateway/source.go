package gateway

import (
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/postern-kafka/postern/tlsterm"
)

// source is one file and what is in force of it.
type source[T any] struct {
	spec  tlsterm.StoreSpec
	log   *slog.Logger
	parse func(data []byte) (T, error)

	value  T
	digest [sha256.Size]byte // of the bytes last looked at, good or bad
	fault  string            // why they are not in force; "" if they are

	figures figures
}

// figures are what the metrics say of a file; any goroutine may read them.
type figures struct {
	file     string
	reloads  atomic.Uint64
	failures atomic.Uint64
	stale    atomic.Bool // what is in force is not what the file holds
}

// newSource loads a file for the first time. The error is parse's, or that of
// reading.
func newSource[T any](spec tlsterm.StoreSpec, log *slog.Logger, parse func(data []byte) (T, error)) (*source[T], error) {
	s := &source[T]{spec: spec, log: log, parse: parse}
	s.figures.file = spec.Path
	data, err := spec.Read()
	if err != nil {
		return nil, err
	}
	s.digest = sha256.Sum256(data)
	s.value, err = parse(data)
	return s, err
}

// look reads the file and, if it holds something new and accept does not object,
// puts that in force. Otherwise what was in force stays, and the reason is told
// once.
func (s *source[T]) look(accept func(T) error) (changed bool) {
	data, err := s.spec.Read()
	digest := sha256.Sum256(data)
	// What was refused is asked about again: time, or another file, may have made
	// it good.
	if err == nil && digest == s.digest && s.fault == "" {
		return false
	}
	s.digest = digest
	var value T
	if err == nil {
		value, err = s.parse(data)
	}
	if err == nil {
		err = accept(value)
	}
	if err != nil {
		s.refuse(err)
		return false
	}
	s.value, s.fault = value, ""
	s.figures.reloads.Add(1)
	s.figures.stale.Store(false)
	s.log.Info("TLS file reloaded", "variable", s.spec.PathVar, "file", s.spec.Path)
	return true
}

func (s *source[T]) refuse(err error) {
	s.figures.stale.Store(true)
	if s.fault == err.Error() {
		return
	}
	s.fault = err.Error()
	s.figures.failures.Add(1)
	blamed := s.spec.PathVar
	if errors.Is(err, tlsterm.ErrStore) { // it names the variable to change, which may be that of a password
		blamed = "named in err"
	}
	s.log.Error("a TLS file cannot be used: what was loaded before stays in force",
		"variable", blamed, "file", s.spec.Path, "err", err)
}
