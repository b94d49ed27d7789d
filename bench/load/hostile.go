package load

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The tricks of a hostile connection.
const (
	SlowReader = "slow reader"     // asks for megabytes and takes a few bytes at a time
	SlowWriter = "slow writer"     // announces a request of a megabyte and sends a byte at a time
	TinyPieces = "1-byte segments" // sends every byte in a segment of its own
	Flood      = "unread flood"    // sends up to a million requests and reads no answer
)

// Tricks are all of them.
var Tricks = []string{SlowReader, SlowWriter, TinyPieces, Flood}

const (
	sipBytes    = 256 // what a slow reader takes
	sipEvery    = 50 * time.Millisecond
	dripEvery   = 10 * time.Millisecond
	dripRequest = 1 << 20 // bytes a slow writer announces
	// pieceEvery bounds the segments to 20,000 a second: on a small machine an
	// unbounded sender would be measured, not the peer.
	pieceEvery = 50 * time.Microsecond
	// floodRequests is how many requests are sent at most.
	floodRequests = 1_000_000
	// greedy is how many fetches of a megabyte a slow reader has under way.
	greedy = 64
)

// hostile is one connection that behaves badly for a while. What the peer does
// about it is its own business: being refused or cut off is no error.
type hostile struct {
	spec Spec
	tls  *tls.Config
	wire *wire
}

// tricks are what is done, until the deadline of the connection, and how many
// requests were sent whole.
var tricks = map[string]func(h *hostile) (requests int64, err error){
	SlowReader: (*hostile).sip,
	SlowWriter: (*hostile).drip,
	TinyPieces: (*hostile).splinter,
	Flood:      (*hostile).flood,
}

// Prepare connects and asks one ordinary question.
func (h *hostile) Prepare(ctx context.Context) error {
	wrap := map[string]wrapping{
		SlowReader: func(c net.Conn) net.Conn { return &sipping{Conn: c} },
		TinyPieces: func(c net.Conn) net.Conn { return &splintered{Conn: c} },
	}
	var err error
	if h.wire, err = dialWire(ctx, h.spec, h.tls, wrap[h.spec.Trick]); err != nil {
		return fmt.Errorf("load: hostile: %w", err)
	}
	if err := askVersions(h.wire); err != nil {
		return fmt.Errorf("load: hostile: %w", err)
	}
	return nil
}

// Run does the trick for the duration.
func (h *hostile) Run(ctx context.Context) (Outcome, error) {
	begin := time.Now()
	defer context.AfterFunc(ctx, func() { _ = h.wire.conn.SetDeadline(time.Now()) })()
	if err := h.wire.conn.SetDeadline(begin.Add(h.spec.Duration)); err != nil {
		return Outcome{}, fmt.Errorf("load: hostile: %w", err)
	}
	requests, err := tricks[h.spec.Trick](h)
	outcome := Outcome{Requests: requests, Connections: 1, Cipher: h.wire.cipher()}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		// The peer has ended it, or all is sent: the rest of the time is quiet.
		if err != nil {
			outcome.Refused = err.Error()
		}
		select {
		case <-ctx.Done():
			return Outcome{}, ctx.Err()
		case <-time.After(time.Until(begin.Add(h.spec.Duration))):
		}
	}
	outcome.Seconds = time.Since(begin).Seconds()
	return outcome, nil
}

// Close ends the connection with a reset: nobody waits for what is still unread.
func (h *hostile) Close() {
	if h.wire != nil {
		_ = h.wire.conn.Close()
	}
}

// sip asks for much and reads slowly.
func (h *hostile) sip() (int64, error) {
	for range greedy {
		if err := h.wire.send(h.fetch()); err != nil {
			return 0, err
		}
	}
	h.socket().(*sipping).slow = true
	for n := int64(0); ; n++ {
		if _, err := h.wire.receive(); err != nil {
			return n, err
		}
	}
}

// fetch asks for a megabyte of a topic's first partition.
func (h *hostile) fetch() kmsg.Request {
	r := kmsg.NewPtrFetchRequest()
	r.Version = 11
	r.MaxWaitMillis, r.MinBytes, r.MaxBytes = 500, 1, fetchBytes
	t := kmsg.NewFetchRequestTopic()
	t.Topic = h.spec.Topic
	p := kmsg.NewFetchRequestTopicPartition()
	p.CurrentLeaderEpoch = -1
	p.PartitionMaxBytes = fetchBytes
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	return r
}

// socket is what wrap put below the connection's TLS.
func (h *hostile) socket() net.Conn {
	if c, ok := h.wire.conn.(*tls.Conn); ok {
		return c.NetConn()
	}
	return h.wire.conn
}

// drip sends the beginning of a Produce request, byte by byte.
func (h *hostile) drip() (int64, error) {
	r := kmsg.NewPtrProduceRequest()
	r.Version = 7
	r.Acks = -1
	frame := h.wire.format.AppendRequest(nil, r, h.wire.sent)
	binary.BigEndian.PutUint32(frame, dripRequest)
	frame = append(frame, make([]byte, 4+dripRequest-len(frame))...)
	for at := range frame {
		if _, err := h.wire.conn.Write(frame[at : at+1]); err != nil {
			return 0, err
		}
		time.Sleep(dripEvery)
	}
	return 1, nil
}

// splinter sends ordinary requests in segments of one byte and reads the answers.
func (h *hostile) splinter() (int64, error) {
	h.socket().(*splintered).small = true
	for n := int64(0); ; n++ {
		if err := askVersions(h.wire); err != nil {
			return n, err
		}
	}
}

// flood sends requests and reads nothing.
func (h *hostile) flood() (int64, error) {
	const together = 256
	r := endOffset(h.spec.Topic).request
	var batch []byte
	for n := int64(0); n < floodRequests; n += together {
		batch = batch[:0]
		for range together {
			batch = append(batch, h.wire.format.AppendRequest(h.wire.request[:0], r, h.wire.sent)...)
			h.wire.sent++
		}
		if _, err := h.wire.conn.Write(batch); err != nil {
			return n, err
		}
	}
	return floodRequests, nil
}

// sipping is a socket that is read little by little once it is slow.
type sipping struct {
	net.Conn
	slow bool
}

func (s *sipping) Read(b []byte) (int, error) {
	if s.slow {
		time.Sleep(sipEvery)
		b = b[:min(len(b), sipBytes)]
	}
	return s.Conn.Read(b)
}

// splintered is a socket that sends every byte in a segment of its own once it
// is to be small: Go sets TCP_NODELAY.
type splintered struct {
	net.Conn
	small bool
}

func (s *splintered) Write(b []byte) (int, error) {
	if !s.small {
		return s.Conn.Write(b)
	}
	begin := time.Now()
	for at := range b {
		if n, err := s.Conn.Write(b[at : at+1]); err != nil {
			return at + n, err
		}
		if ahead := time.Until(begin.Add(time.Duration(at+1) * pieceEvery)); ahead > time.Millisecond {
			time.Sleep(ahead)
		}
	}
	return len(b), nil
}
