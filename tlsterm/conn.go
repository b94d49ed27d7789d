package tlsterm

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

const (
	// maxPlaintext is the most plaintext a record carries (RFC 8446 section 5.1).
	maxPlaintext = 16 << 10
	// recordOverhead is the most a record adds to it with our suites: header,
	// explicit nonce (TLS 1.2) or content type (1.3), tag.
	recordOverhead = recordHeaderLen + 8 + 16 + 1
	// maxPending is what may wait to be sent before Feed takes the caller's not
	// sending for a fault. Each record fed gives rise to less than its own size.
	maxPending = 64 << 10
)

// ErrNotSent is wrapped by Feed's error if the caller has let alerts and key
// updates pile up instead of sending what Pending gives.
var ErrNotSent = errors.New("pending records were not sent")

// scratch lends Feed a place for one record's plaintext. It is shared by all
// connections: an idle one holds none.
var scratch = sync.Pool{New: func() any { return new([maxPlaintext]byte) }}

// A Conn is one TLS connection after its handshake, over slices. It is not safe
// for concurrent use: one loop owns it.
type Conn struct {
	tls  *tls.Conn
	wire wire
	err  error // what Feed returns from now on
}

// Feed takes ciphertext and calls data, zero or more times, with plaintext that
// is valid during the call only. b is Feed's until it returns; nothing of b is
// kept except by copy. data must not call back into the same Conn's Feed.
//
// It returns io.EOF after the peer's close_notify (what follows it in b is
// dropped) and an error that wraps ErrTLS otherwise; both are final. The end of
// the socket without a close_notify is for the caller to see. Bytes to be sent
// may be waiting in Pending afterwards, with or without an error.
func (c *Conn) Feed(b []byte, data func(plain []byte)) error {
	if c.err != nil {
		return c.err
	}
	if len(c.wire.out) > maxPending {
		c.err = fmt.Errorf("%w: %w: %d bytes", ErrTLS, ErrNotSent, len(c.wire.out))
		return c.err
	}
	plain, _ := scratch.Get().(*[maxPlaintext]byte)
	defer scratch.Put(plain)
	c.wire.in = b
	// crypto/tls keeps no plaintext back, for plain holds a record, and no whole
	// record, for wire gives it one at a time: without ciphertext there is nothing.
	for len(c.wire.in) > 0 && c.err == nil {
		n, err := c.tls.Read(plain[:])
		if n > 0 {
			data(plain[:n])
		}
		switch {
		case err == nil, err == errDry: //nolint:errorlint // a value of our own that crypto/tls hands back as it is
		case errors.Is(err, io.EOF):
			c.err = io.EOF
		default:
			c.err = fmt.Errorf("%w: %w", ErrTLS, err)
		}
	}
	c.wire.in = nil
	return c.err
}

// Seal appends to dst the records that carry plain, after whatever is pending,
// and returns the extended slice. An empty plain makes no record. The error
// wraps ErrTLS; dst is then returned with what was pending only.
func (c *Conn) Seal(dst, plain []byte) ([]byte, error) {
	records := (len(plain) + maxPlaintext - 1) / maxPlaintext
	dst = slices.Grow(dst, len(c.wire.out)+len(plain)+records*recordOverhead)
	dst = c.Pending(dst)
	kept := len(dst)
	pending := c.wire.out // empty, but its memory is worth keeping
	c.wire.out = dst
	_, err := c.tls.Write(plain)
	dst, c.wire.out = c.wire.out, pending
	if err != nil {
		return dst[:kept], fmt.Errorf("%w: %w", ErrTLS, err)
	}
	return dst, nil
}

// Pending appends to dst what the connection itself wants sent: an alert, the
// answer to a KeyUpdate. Usually there is nothing.
func (c *Conn) Pending(dst []byte) []byte {
	if len(c.wire.out) == 0 {
		return dst
	}
	dst = append(dst, c.wire.out...)
	c.wire.out = nil
	return dst
}

// CloseNotify appends to dst what is pending and the alert that says we send no
// more. After it Seal fails; Feed still works. A second call adds nothing.
func (c *Conn) CloseNotify(dst []byte) []byte {
	// The only possible error is that an alert has already ended our direction,
	// and then there is nothing to add.
	_ = c.tls.CloseWrite()
	return c.Pending(dst)
}

// Version returns the protocol version, such as tls.VersionTLS13.
func (c *Conn) Version() uint16 { return c.tls.ConnectionState().Version }

// CipherSuite returns the cipher suite, such as tls.TLS_AES_128_GCM_SHA256.
func (c *Conn) CipherSuite() uint16 { return c.tls.ConnectionState().CipherSuite }
