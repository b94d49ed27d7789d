package forward

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// readBuffer is what is read at once.
	readBuffer = 128 << 10
	// maxEvents is how many events one wait brings.
	maxEvents = 256
)

// loop is one thread with its epoll.
type loop struct {
	server *server
	epoll  int
	waker  int // an eventfd: readable when the loop is to end
	buffer [readBuffer]byte

	mu     sync.Mutex      // the accepting loop adds, this one looks up
	halves map[int32]*half // by descriptor
}

// half is one socket of a connection.
type half struct {
	fd     int
	peer   *half
	out    []byte // what the socket did not take
	paused bool   // not read from: the peer is full
	ended  bool   // nothing more comes from it
	closed bool
}

// newLoop makes a loop that does not run yet.
func newLoop(s *server) (*loop, error) {
	l := &loop{server: s, halves: make(map[int32]*half)}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("forward: epoll: %w", err)
	}
	if l.waker, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, errors.Join(fmt.Errorf("forward: eventfd: %w", err), unix.Close(l.epoll))
	}
	if err := l.add(l.waker, unix.EPOLLIN); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// add watches a descriptor.
func (l *loop) add(fd int, events uint32) error {
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("forward: epoll: %w", err)
	}
	return nil
}

// wake ends a running loop.
func (l *loop) wake() error {
	if _, err := unix.Write(l.waker, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		return fmt.Errorf("forward: wake: %w", err)
	}
	return nil
}

// close gives back the descriptors of a loop that does not run.
func (l *loop) close() error {
	for fd := range l.halves {
		_ = unix.Close(int(fd))
	}
	return errors.Join(unix.Close(l.epoll), unix.Close(l.waker))
}

// adopt takes the two sockets of a connection.
func (l *loop) adopt(client, broker int) error {
	a, b := &half{fd: client}, &half{fd: broker}
	a.peer, b.peer = b, a
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range []*half{a, b} {
		if err := l.add(h.fd, unix.EPOLLIN); err != nil {
			delete(l.halves, int32(client))
			return err
		}
		l.halves[int32(h.fd)] = h
	}
	return nil
}

// run serves until it is woken.
func (l *loop) run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	events := make([]unix.EpollEvent, maxEvents)
	for {
		n, err := await(l.epoll, events)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("forward: wait: %w", err)
		}
		for _, e := range events[:n] {
			switch int(e.Fd) {
			case l.waker:
				return nil
			case l.server.listener:
				if err := l.server.accept(); err != nil {
					return err
				}
			default:
				l.serve(e)
			}
		}
	}
}

// serve does what an event of a socket allows.
func (l *loop) serve(e unix.EpollEvent) {
	l.mu.Lock()
	h := l.halves[e.Fd]
	l.mu.Unlock()
	if h == nil {
		return // it ended in this round
	}
	if e.Events&unix.EPOLLOUT != 0 {
		l.drain(h)
	}
	if !h.closed && !h.paused && !h.ended && e.Events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		l.forward(h)
	}
}

// forward moves one buffer.
func (l *loop) forward(h *half) {
	n, err := read(h.fd, l.buffer[:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return
	case err != nil:
		l.end(h)
		return
	case n == 0:
		h.ended = true
		l.watch(h)
		l.pass(h.peer)
		return
	}
	l.write(h.peer, l.buffer[:n])
}

// write gives b to a socket and keeps what it does not take.
func (l *loop) write(h *half, b []byte) {
	n, err := write(h.fd, b)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		n, err = 0, nil
	}
	if err != nil {
		l.end(h)
		return
	}
	if n == len(b) {
		return
	}
	h.out = append(h.out, b[n:]...)
	h.peer.paused = true
	l.watch(h)
	l.watch(h.peer)
}

// drain writes what was kept.
func (l *loop) drain(h *half) {
	b := h.out
	h.out = nil
	l.write(h, b)
	if h.closed || len(h.out) > 0 {
		return
	}
	h.peer.paused = false
	l.watch(h)
	l.watch(h.peer)
	l.pass(h)
}

// pass tells a socket that the other side has ended, once everything is written.
// When both have, the connection is over.
func (l *loop) pass(h *half) {
	if !h.peer.ended || len(h.out) > 0 {
		return
	}
	if h.ended || unix.Shutdown(h.fd, unix.SHUT_WR) != nil {
		l.end(h)
	}
}

// watch asks for the events a socket is now waiting for.
func (l *loop) watch(h *half) {
	if h.closed {
		return
	}
	e := unix.EpollEvent{Fd: int32(h.fd)}
	if !h.paused && !h.ended {
		e.Events |= unix.EPOLLIN
	}
	if len(h.out) > 0 {
		e.Events |= unix.EPOLLOUT
	}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, h.fd, &e); err != nil {
		l.end(h)
	}
}

// end closes both sockets of a connection.
func (l *loop) end(h *half) {
	for _, s := range []*half{h, h.peer} {
		if s.closed {
			continue
		}
		s.closed = true
		l.mu.Lock()
		delete(l.halves, int32(s.fd))
		l.mu.Unlock()
		_ = unix.Close(s.fd)
	}
}
