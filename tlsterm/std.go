package tlsterm

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
)

// stdOverhead is the most a record adds to its plaintext with our suites:
// header, explicit nonce (TLS 1.2) or content type (1.3), tag.
const stdOverhead = recordHeaderLen + 8 + 16 + 1

// scratch lends feed a place for one record's plaintext. It is shared by all
// connections: an idle one holds none.
var scratch = sync.Pool{New: func() any { return new([maxPlaintext]byte) }}

// std is the engine that leaves the records to crypto/tls.
type std struct {
	tls  *tls.Conn
	wire wire
	err  error // what feed returns from now on
	gone error // what seal returns after release
}

func (s *std) feed(b []byte, data func(plain []byte)) error {
	if s.err != nil {
		return s.err
	}
	if len(s.wire.out) > maxPending {
		s.err = errNotSent(len(s.wire.out))
		return s.err
	}
	plain, _ := scratch.Get().(*[maxPlaintext]byte)
	defer scratch.Put(plain)
	s.wire.in = b
	// crypto/tls keeps no plaintext back, for plain holds a record, and no whole
	// record, for wire gives it one at a time: without ciphertext there is nothing.
	for len(s.wire.in) > 0 && s.err == nil {
		n, err := s.tls.Read(plain[:])
		if n > 0 {
			data(plain[:n:n])
		}
		switch {
		case s.err != nil: // data has released the connection
		case err == nil, err == errDry: //nolint:errorlint // a value of our own that crypto/tls hands back as it is
		case errors.Is(err, io.EOF):
			s.err = io.EOF
		default:
			s.err = fmt.Errorf("%w: %w", ErrTLS, err)
		}
	}
	s.wire.in = nil
	return s.err
}

func (s *std) seal(dst, plain []byte, _ bool) ([]byte, error) {
	if s.gone != nil {
		return dst, s.gone
	}
	records := (len(plain) + maxPlaintext - 1) / maxPlaintext
	dst = slices.Grow(dst, len(s.wire.out)+len(plain)+records*stdOverhead)
	dst = s.pending(dst)
	kept := len(dst)
	pending := s.wire.out // empty, but its memory is worth keeping
	s.wire.out = dst
	_, err := s.tls.Write(plain)
	dst, s.wire.out = s.wire.out, pending
	if err != nil {
		return dst[:kept], fmt.Errorf("%w: %w", ErrTLS, err)
	}
	return dst, nil
}

func (s *std) pending(dst []byte) []byte {
	if len(s.wire.out) == 0 {
		return dst
	}
	dst = append(dst, s.wire.out...)
	s.wire.out = nil
	return dst
}

func (s *std) closeNotify(dst []byte) []byte {
	if s.gone != nil {
		return dst
	}
	// The only possible error is that an alert has already ended our direction,
	// and then there is nothing to add.
	_ = s.tls.CloseWrite()
	return s.pending(dst)
}

func (s *std) closed() bool { return s.err == io.EOF } //nolint:errorlint // feed stores it bare

// release drops the keys for the collector: crypto/tls lets nobody overwrite
// them.
func (s *std) release() {
	if s.gone != nil {
		return
	}
	s.gone = fmt.Errorf("%w: %w", ErrTLS, net.ErrClosed)
	if s.err == nil {
		s.err = s.gone
	}
	s.tls, s.wire.in, s.wire.out = nil, nil, nil
}

func (s *std) engine() Engine { return Std }
