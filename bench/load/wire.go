package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// clientID is what every client of this package calls itself.
	clientID = "postern-bench"
	// maxAnswer is the largest answer a bare connection takes, in bytes.
	maxAnswer = 64 << 20
)

// wire is a bare connection: it costs this process as little as may be and puts
// exactly the frames on the network that it was asked for. One goroutine may send
// while another one receives.
type wire struct {
	conn    net.Conn
	format  *kmsg.RequestFormatter
	sent    int32 // correlation id of the next request
	due     int32 // correlation id of the next answer
	request []byte
	answer  []byte
}

// wrapping puts something between a connection's TLS and its socket.
type wrapping func(net.Conn) net.Conn

// dialWire connects to the peer of s and logs in, if s says as whom. The deadline of
// ctx becomes that of the connection.
func dialWire(ctx context.Context, s Spec, config *tls.Config, wrap wrapping) (*wire, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return nil, err
	}
	w, err := newWire(ctx, conn, config, wrap)
	if err != nil || s.good == nil {
		return w, err
	}
	if err := w.logIn(*s.good); err != nil {
		return nil, fmt.Errorf("%w (closing: %v)", err, w.conn.Close()) //nolint:errorlint // the second one is only told
	}
	return w, nil
}

// newWire makes a wire of a connection, which it closes where that fails.
func newWire(ctx context.Context, conn net.Conn, config *tls.Config, wrap wrapping) (*wire, error) {
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	if wrap != nil {
		conn = wrap(conn)
	}
	if config != nil {
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("%w (closing: %v)", err, conn.Close()) //nolint:errorlint // the second one is only told
		}
		conn = secure
	}
	return &wire{conn: conn, format: kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID))}, nil
}

// state is what was agreed on the connection; its zero value without TLS.
func (w *wire) state() tls.ConnectionState {
	if c, ok := w.conn.(*tls.Conn); ok {
		return c.ConnectionState()
	}
	return tls.ConnectionState{}
}

// cipher names the cipher suite of the connection, "none" without TLS.
func (w *wire) cipher() string {
	if s := w.state(); s.CipherSuite != 0 {
		return tls.CipherSuiteName(s.CipherSuite)
	}
	return "none"
}

// send sends r.
func (w *wire) send(r kmsg.Request) error {
	w.request = w.format.AppendRequest(w.request[:0], r, w.sent)
	w.sent++
	_, err := w.conn.Write(w.request)
	return err
}

// receive returns the next answer after its correlation id: header tags, if the
// version has them, and body. The slice is valid until the next call.
func (w *wire) receive() ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(w.conn, head[:]); err != nil {
		return nil, err
	}
	size := int32(binary.BigEndian.Uint32(head[:4]))
	if size < 4 || size > maxAnswer {
		return nil, fmt.Errorf("an answer of %d bytes: %w", size, ErrWrong)
	}
	if id := int32(binary.BigEndian.Uint32(head[4:])); id != w.due {
		return nil, fmt.Errorf("correlation id %d, want %d: %w", id, w.due, ErrWrong)
	}
	w.due++
	if cap(w.answer) < int(size)-4 {
		w.answer = make([]byte, size-4)
	}
	w.answer = w.answer[:size-4]
	_, err := io.ReadFull(w.conn, w.answer)
	return w.answer, err
}

// receiveSame wants an answer that is the same as first.
func (w *wire) receiveSame(first []byte) error {
	answer, err := w.receive()
	if err == nil && !bytes.Equal(answer, first) {
		err = fmt.Errorf("an answer differs from the first: %w", ErrWrong)
	}
	return err
}

// roundTrip sends r and returns its answer as receive does.
func (w *wire) roundTrip(r kmsg.Request) ([]byte, error) {
	if err := w.send(r); err != nil {
		return nil, err
	}
	return w.receive()
}

// repeat sends r n times, each when the last was answered; every answer must be
// the same as first.
func (w *wire) repeat(r kmsg.Request, n int64, first []byte) error {
	for range n {
		if err := w.send(r); err != nil {
			return err
		}
		if err := w.receiveSame(first); err != nil {
			return err
		}
	}
	return nil
}
