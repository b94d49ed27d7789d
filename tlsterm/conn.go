package tlsterm

import (
	"errors"
	"fmt"
)

const (
	// maxPlaintext is the most plaintext a record carries (RFC 8446 section 5.1).
	maxPlaintext = 16 << 10
	// maxPending is what may wait to be sent before Feed takes the caller's not
	// sending for a fault. Each record fed gives rise to less than its own size.
	maxPending = 64 << 10
)

// ErrNotSent is wrapped by Feed's error if the caller has let alerts and key
// updates pile up instead of sending what Pending gives.
var ErrNotSent = errors.New("pending records were not sent")

// A Conn is one TLS connection after its handshake, over slices. It is not safe
// for concurrent use: one loop owns it.
type Conn struct {
	records records
	version uint16
	suite   uint16
}

// records is what is done with records: by us or by crypto/tls. All errors are
// final for their direction, and wrap ErrTLS unless they are io.EOF.
type records interface {
	feed(b []byte, data func(plain []byte)) error
	seal(dst, plain []byte, lent bool) ([]byte, error)
	pending(dst []byte) []byte
	closeNotify(dst []byte) []byte
	closed() bool
	release()
	engine() Engine
}

// Feed takes ciphertext and calls data, zero or more times, with plaintext that
// is valid during the call only. b is Feed's until it returns and may hold
// anything afterwards, for it is decrypted where it lies; nothing of b is kept
// except by copy. data may use the Conn except for Feed, and may change and
// extend the slice it gets: its capacity reaches no further than its record.
//
// It returns io.EOF after the peer's close_notify (what follows it in b is
// dropped) and an error that wraps ErrTLS otherwise; both are final. The end of
// the socket without a close_notify is for the caller to see: Closed tells.
// Bytes to be sent may be waiting in Pending afterwards, with or without an
// error.
func (c *Conn) Feed(b []byte, data func(plain []byte)) error { return c.records.feed(b, data) }

// Seal appends to dst the records that carry plain, after whatever is pending,
// and returns the extended slice. An empty plain makes no record. The error
// wraps ErrTLS; dst is then returned with what was pending only. The capacity
// of dst must not overlap plain.
func (c *Conn) Seal(dst, plain []byte) ([]byte, error) { return c.records.seal(dst, plain, false) }

// SealLent is Seal without its copy of plain, for a caller who owns the memory:
// while it runs, bytes of plain and the byte behind it, if its capacity has
// one, are changed and put back. So nobody else may look at them meanwhile,
// and they must be writable; plain[:len(plain):len(plain)] keeps the byte
// behind out of it, at the price of copying the last record.
func (c *Conn) SealLent(dst, plain []byte) ([]byte, error) { return c.records.seal(dst, plain, true) }

// Pending appends to dst what the connection itself wants sent: an alert, the
// answer to a KeyUpdate. Usually there is nothing.
func (c *Conn) Pending(dst []byte) []byte { return c.records.pending(dst) }

// CloseNotify appends to dst what is pending and the alert that says we send no
// more. After it Seal fails; Feed still works. A second call adds nothing.
func (c *Conn) CloseNotify(dst []byte) []byte { return c.records.closeNotify(dst) }

// Closed reports whether the peer has sent its close_notify. A socket that ends
// before that was truncated, by the peer or by somebody between.
func (c *Conn) Closed() bool { return c.records.closed() }

// Release ends the use of c and overwrites its keys: afterwards Feed and Seal
// fail and the other methods add nothing. Call it when the socket is closed; a
// second call does nothing.
func (c *Conn) Release() { c.records.release() }

// Version returns the protocol version, such as tls.VersionTLS13.
func (c *Conn) Version() uint16 { return c.version }

// CipherSuite returns the cipher suite, such as tls.TLS_AES_128_GCM_SHA256.
func (c *Conn) CipherSuite() uint16 { return c.suite }

// Engine returns which engine serves c: Own falls back to Std for a connection
// that its record layer does not know.
func (c *Conn) Engine() Engine { return c.records.engine() }

func errNotSent(n int) error {
	return fmt.Errorf("%w: %w: %d bytes", ErrTLS, ErrNotSent, n)
}
