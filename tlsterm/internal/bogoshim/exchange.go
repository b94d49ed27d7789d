package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/postern-kafka/postern/tlsterm"
)

const (
	// patience is for a runner that has died: the cases have their own limits.
	patience = time.Minute
	// readSize is the engine's.
	readSize = 64 << 10
)

var errTruncated = errors.New("the peer's stream ended without close_notify")

// converse makes all connections of the case, one after the other.
func converse(f *flags, engine string) error {
	s := &shared{sessions: tls.NewLRUClientSessionCache(0)}
	_, _ = rand.Read(s.ticket[:]) // never fails, says crypto/rand
	for i := range 1 + f.resumeCount {
		p := &f.initial
		if i > 0 {
			p = &f.resumed
		}
		if err := f.connect(p, s, engine); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
	}
	return nil
}

func (f *flags) connect(p *per, s *shared, engine string) error {
	var seen tls.ConnectionState
	cfg, err := p.configuration(f.server, s, &seen)
	if err != nil {
		return err
	}
	conn, err := f.dial()
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // all has been said

	var socket net.Conn = conn
	if p.async {
		socket = dribble{conn}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := handshake(ctx, engine, f.server, socket, cfg)
	if err != nil {
		linger(conn)
		return err
	}
	e := &echo{per: p, conn: c, socket: socket}
	if err := e.run(); err != nil {
		linger(conn)
		return err
	}
	return p.check(&seen, c)
}

func (f *flags) dial() (*net.TCPConn, error) {
	host := "127.0.0.1"
	if f.ipv6 {
		host = "::1"
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, f.port), patience)
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("a %T", conn)
	}
	_, err = tcp.Write(binary.LittleEndian.AppendUint64(nil, f.shimID))
	return tcp, err
}

// linger lets the runner read the alert before the socket is closed: bytes
// that nobody has read would have the kernel answer with a reset.
func linger(conn *net.TCPConn) {
	_ = conn.CloseWrite()
	_ = conn.SetReadDeadline(time.Now().Add(patience)) //nolint:forbidigo // a test's program has its own clock
	_, _ = io.Copy(io.Discard, conn)
}

// echo is one connection after its handshake.
type echo struct {
	*per
	conn   *tlsterm.Conn
	socket net.Conn
	text   []byte // inverted, of one piece of plaintext
	answer []byte // sealed and not yet written
	failed error  // of the Seal in the midst of a Feed
}

// run answers until the peer's close_notify.
func (e *echo) run() error {
	if e.writesFirst {
		// The runner knows the word.
		if err := e.say([]byte("hello")); err != nil {
			return err
		}
	}
	if e.shutsDown {
		if err := e.write(e.conn.CloseNotify(nil)); err != nil {
			return err
		}
	}
	b := make([]byte, readSize)
	for {
		n, err := e.socket.Read(b)
		if n > 0 {
			ended, err := e.feed(b[:n])
			if ended || err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF) && !e.checkCloseNotify:
			return nil
		case errors.Is(err, io.EOF):
			return errTruncated
		case err != nil:
			return err
		}
	}
}

// feed takes what the socket gave and writes what there is to say to it. ended
// is true after the peer's close_notify.
func (e *echo) feed(b []byte) (ended bool, err error) {
	e.answer = e.answer[:0]
	err = e.conn.Feed(b, e.plain)
	ended = errors.Is(err, io.EOF)
	if ended {
		err = e.failed
		e.answer = e.conn.CloseNotify(e.answer)
	} else {
		err = errors.Join(err, e.failed)
		e.answer = e.conn.Pending(e.answer)
	}
	if werr := e.write(e.answer); err == nil && !ended {
		err = werr
	}
	return ended, err
}

// plain is given plaintext by Feed.
func (e *echo) plain(b []byte) {
	if e.shutsDown || e.failed != nil {
		return
	}
	e.text = append(e.text[:0], b...)
	for i := range e.text {
		e.text[i] ^= 0xff
	}
	if e.async {
		e.answer, e.failed = e.conn.Seal(e.answer, e.text)
	} else {
		e.answer, e.failed = e.conn.SealLent(e.answer, e.text)
	}
}

func (e *echo) say(b []byte) error {
	out, err := e.conn.Seal(nil, b)
	if err != nil {
		return err
	}
	return e.write(out)
}

func (e *echo) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	_, err := e.socket.Write(b)
	return err
}

// dribble is a socket that gives single bytes. Writing needs no such test: the
// peer's kernel joins what is written.
type dribble struct{ net.Conn }

func (d dribble) Read(p []byte) (int, error) { return d.Conn.Read(p[:min(1, len(p))]) }
