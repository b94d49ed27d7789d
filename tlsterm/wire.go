package tlsterm

import (
	"fmt"
	"net"
	"time"
)

// recordHeaderLen is the length of a TLS record's header: type, version, length
// of what follows (RFC 8446 section 5.1).
const recordHeaderLen = 5

// wire is the net.Conn that crypto/tls sees. During the handshake it passes
// reads and writes to the socket; afterwards it serves slices.
//
// In both lives a Read never crosses the end of a record. During the handshake
// that keeps what follows in the kernel; afterwards it keeps crypto/tls's own
// input buffer empty between records, so that it need not move bytes about.
type wire struct {
	conn  net.Conn // nil once the handshake is done
	limit int      // bytes the handshake may still read
	tap   *tap     // sees what passes during the handshake; nil if nobody wants to

	head [recordHeaderLen]byte
	have int // bytes of head that have been read
	left int // bytes of the record's body still to be read

	onWrite func() // see beforeWrite

	in  []byte // ciphertext of the current Feed not yet read
	out []byte // ciphertext not yet given to the caller
}

// Read returns at most the rest of the current record's header or body, or of
// both if a slice already holds the header.
func (w *wire) Read(p []byte) (int, error) {
	if w.conn == nil && len(w.in) == 0 {
		return 0, errDry
	}
	want := w.left
	if want == 0 {
		want = recordHeaderLen - w.have
		if w.conn == nil && w.have == 0 && len(w.in) >= recordHeaderLen {
			want += int(w.in[3])<<8 | int(w.in[4])
		}
	}
	p = p[:min(len(p), want)]
	var n int
	var err error
	if w.conn == nil {
		n = copy(p, w.in)
		w.in = w.in[n:]
	} else {
		n, err = w.readSocket(p)
		w.tap.read(p[:n])
	}
	w.advance(p[:n])
	return n, err
}

func (w *wire) readSocket(p []byte) (int, error) {
	if w.limit <= 0 {
		return 0, errHandshakeTooLarge
	}
	n, err := w.conn.Read(p[:min(len(p), w.limit)])
	w.limit -= n
	return n, err
}

// advance follows the record framing over the bytes b that were just read, which
// do not cross the end of a record.
func (w *wire) advance(b []byte) {
	if w.left == 0 {
		n := copy(w.head[w.have:], b)
		b = b[n:]
		if w.have += n; w.have < recordHeaderLen {
			return
		}
		w.have = 0
		w.left = int(w.head[3])<<8 | int(w.head[4])
	}
	w.left -= len(b)
}

func (w *wire) Write(p []byte) (int, error) {
	if f := w.onWrite; f != nil {
		w.onWrite = nil
		f()
	}
	if w.conn != nil {
		w.tap.wrote(p)
		return w.conn.Write(p)
	}
	w.out = append(w.out, p...)
	return len(p), nil
}

// beforeWrite has f called once, before whatever is written next.
func (w *wire) beforeWrite(f func()) { w.onWrite = f }

// Close does nothing: the socket is the caller's.
func (w *wire) Close() error { return nil }

func (w *wire) LocalAddr() net.Addr {
	if w.conn == nil {
		return nil
	}
	return w.conn.LocalAddr()
}

func (w *wire) RemoteAddr() net.Addr {
	if w.conn == nil {
		return nil
	}
	return w.conn.RemoteAddr()
}

// The deadlines are set by the handshake on the socket itself; crypto/tls's
// wish for one on the closing alert means nothing to a slice.
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// dryError says that the slices hold no more bytes. crypto/tls keeps its state
// over an error whose Temporary is true and takes any other for final.
type dryError struct{}

func (dryError) Error() string   { return "tlsterm: no more ciphertext" }
func (dryError) Timeout() bool   { return true }
func (dryError) Temporary() bool { return true }

// errDry is one value for all, so that running dry does not allocate.
var errDry net.Error = dryError{}

var errHandshakeTooLarge = fmt.Errorf("%w: the peer's handshake is larger than allowed", ErrTLS)
