package admin

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// listener adds three things to a TCP listener that fasthttp lacks: it survives a lack of file descriptors (fasthttp
// would stop serving for good), it knows its open connections so that they can be cut, and its connections can linger.
type listener struct {
	net.Listener
	linger time.Duration
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	open map[*conn]struct{}
}

func newListener(l net.Listener, linger time.Duration) *listener {
	return &listener{Listener: l, linger: linger, closed: make(chan struct{}), open: make(map[*conn]struct{})}
}

// Accept returns the next connection. It waits and tries again when the machine is short of something or when a
// client has gone before it was accepted.
func (l *listener) Accept() (net.Conn, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		c, err := l.Listener.Accept()
		if err == nil {
			return l.remember(c), nil
		}
		if !passing(err) {
			return nil, err
		}
		select {
		case <-l.closed:
			return nil, net.ErrClosed
		case <-time.After(pause):
		}
	}
}

// passing says whether a failed accept(2) may succeed later.
func passing(err error) bool {
	for _, e := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Close stops accepting; connections stay open.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

func (l *listener) remember(c net.Conn) *conn {
	wrapped := &conn{Conn: c, from: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[wrapped] = struct{}{}
	return wrapped
}

func (l *listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

func (l *listener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// cut closes every open connection at once, whatever it is doing.
func (l *listener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		_ = c.Conn.Close() // its reader or writer is told, and closes it again
	}
}

// conn is an accepted TCP connection.
type conn struct {
	net.Conn
	from  *listener
	abide atomic.Bool
}

// lingerBytes bounds what a lingering connection reads away, besides the time.
const lingerBytes = 8 << 20

// Close closes the connection. When it was told to linger, it first ends its own sending side and reads what the
// client is still sending: closing with unread bytes makes the kernel send a reset, which may destroy the answer
// (the 413 of a body that is too large) before the client has read it.
func (c *conn) Close() error {
	defer c.from.forget(c)
	if half, ok := c.Conn.(*net.TCPConn); ok && c.abide.Swap(false) {
		if half.CloseWrite() == nil && half.SetReadDeadline(time.Now().Add(c.from.linger)) == nil {
			_, _ = io.CopyN(io.Discard, half, lingerBytes) // it ends by EOF, time or amount, and all are well
		}
	}
	return c.Conn.Close()
}

// lingerOn makes the connection under c, which may be TLS, linger when it is closed.
func lingerOn(c net.Conn) {
	if over, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = over.NetConn()
	}
	if own, ok := c.(*conn); ok {
		own.abide.Store(true)
	}
}
