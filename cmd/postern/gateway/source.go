package gateway

import (
	"crypto/sha256"
	"log/slog"

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

	figures *figures
}

// figures are what the metrics say of a file. Whoever holds the lock of its
// source may touch them.
type figures struct {
	variable, file string
	swapped        bool // taken, but not in force yet
	reloads        uint64
	failures       uint64
	stale          bool // what is in force is not what the file holds
}

// announce tells that what was taken is in force: handshakes get it by now.
func (f *figures) announce(log *slog.Logger) {
	if !f.swapped {
		return
	}
	f.swapped, f.stale = false, false
	f.reloads++
	log.Info("TLS file reloaded", "variable", f.variable, "file", f.file)
}

// newSource loads a file for the first time. The error is parse's, or that of
// reading.
func newSource[T any](spec tlsterm.StoreSpec, log *slog.Logger, parse func(data []byte) (T, error)) (*source[T], error) {
	s := &source[T]{spec: spec, log: log, parse: parse, figures: &figures{variable: spec.PathVar, file: spec.Path}}
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
	s.figures.swapped = true
	return true
}

func (s *source[T]) refuse(err error) {
	s.figures.stale = true
	if s.fault == err.Error() {
		return
	}
	s.fault = err.Error()
	s.figures.failures++
	s.log.Error("a TLS file cannot be used: what was loaded before stays in force",
		"variable", s.spec.PathVar, "file", s.spec.Path, "err", err)
}
