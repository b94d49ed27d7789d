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

// maxAnswer is the largest answer a bare connection takes, in bytes.
const maxAnswer = 1 << 20

// wire is a bare connection that sends one request at a time: it costs this
// process as little as may be and puts exactly one frame on the network.
type wire struct {
	conn    net.Conn
	format  *kmsg.RequestFormatter
	next    int32 // correlation id of the next request
	request []byte
	answer  []byte
}

// dialWire connects to the peer of s. The deadline of ctx becomes that of the
// connection.
func dialWire(ctx context.Context, s Spec, config *tls.Config) (*wire, error) {
	var (
		conn net.Conn
		err  error
	)
	if config == nil {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", s.Addr)
	} else {
		conn, err = (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", s.Addr)
	}
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	return &wire{conn: conn, format: kmsg.NewRequestFormatter(kmsg.FormatterClientID("postern-bench"))}, nil
}

// cipher names the cipher suite of the connection, "none" without TLS.
func (w *wire) cipher() string {
	if c, ok := w.conn.(*tls.Conn); ok {
		return tls.CipherSuiteName(c.ConnectionState().CipherSuite)
	}
	return "none"
}

// roundTrip sends r and returns the answer after its correlation id: header tags,
// if the version has them, and body. The slice is valid until the next call.
func (w *wire) roundTrip(r kmsg.Request) ([]byte, error) {
	w.request = w.format.AppendRequest(w.request[:0], r, w.next)
	if _, err := w.conn.Write(w.request); err != nil {
		return nil, err
	}
	var head [8]byte
	if _, err := io.ReadFull(w.conn, head[:]); err != nil {
		return nil, err
	}
	size := int32(binary.BigEndian.Uint32(head[:4]))
	if size < 4 || size > maxAnswer {
		return nil, fmt.Errorf("an answer of %d bytes: %w", size, ErrWrong)
	}
	if id := int32(binary.BigEndian.Uint32(head[4:])); id != w.next {
		return nil, fmt.Errorf("correlation id %d, want %d: %w", id, w.next, ErrWrong)
	}
	w.next++
	if cap(w.answer) < int(size)-4 {
		w.answer = make([]byte, size-4)
	}
	w.answer = w.answer[:size-4]
	_, err := io.ReadFull(w.conn, w.answer)
	return w.answer, err
}

// repeat sends r n times; every answer must be the same as first.
func (w *wire) repeat(r kmsg.Request, n int64, first []byte) error {
	for range n {
		answer, err := w.roundTrip(r)
		if err != nil {
			return err
		}
		if !bytes.Equal(answer, first) {
			return fmt.Errorf("an answer differs from the first: %w", ErrWrong)
		}
	}
	return nil
}
