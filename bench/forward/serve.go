package forward

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// backlog is how many connections wait to be accepted.
const backlog = 4096

// Serve forwards connections to listen, an IPv4 address and port, to backend until
// ctx ends. It returns nil then. It takes the whole process: see the package
// comment.
func Serve(ctx context.Context, listen, backend string, loops int) error {
	if loops < 1 {
		return fmt.Errorf("forward: %d loops", loops)
	}
	from, err := address(listen)
	if err != nil {
		return err
	}
	to, err := address(backend)
	if err != nil {
		return err
	}
	fd, err := bind(from)
	if err != nil {
		return fmt.Errorf("forward: %s: %w", listen, err)
	}
	defer unix.Close(fd)
	// The loops' threads are lost to Go for as long as they wait for the kernel: the
	// collector must not wait for them, and what else there is needs its own.
	debug.SetGCPercent(-1)
	runtime.GOMAXPROCS(loops + 2)
	s := &server{listener: fd, backend: to}
	for range loops {
		l, err := newLoop(s)
		if err != nil {
			return errors.Join(err, s.close())
		}
		s.loops = append(s.loops, l)
	}
	ended := make(chan error, loops)
	for _, l := range s.loops {
		go func() { ended <- l.run() }()
	}
	// The first loop accepts for all of them.
	if err := s.loops[0].add(fd, unix.EPOLLIN); err != nil {
		return errors.Join(err, s.close())
	}
	left := loops
	select {
	case <-ctx.Done():
	case err = <-ended: // a loop ends by itself only when something is wrong
		left--
	}
	for _, l := range s.loops {
		err = errors.Join(err, l.wake())
	}
	for range left {
		err = errors.Join(err, <-ended)
	}
	return errors.Join(err, s.close())
}

// address reads an IPv4 address and port.
func address(text string) (*unix.SockaddrInet4, error) {
	a, err := netip.ParseAddrPort(text)
	if err != nil {
		return nil, fmt.Errorf("forward: %w", err)
	}
	if !a.Addr().Is4() {
		return nil, fmt.Errorf("forward: %s is not an IPv4 address and port", text)
	}
	return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}, nil
}

// bind opens the listening socket.
func bind(at *unix.SockaddrInet4) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	if err := unix.Bind(fd, at); err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// server is what the loops share.
type server struct {
	listener int
	backend  *unix.SockaddrInet4
	loops    []*loop
	next     int // whose turn it is; the first loop's
}

// close gives back the loops' descriptors, once they have ended.
func (s *server) close() error {
	var err error
	for _, l := range s.loops {
		err = errors.Join(err, l.close())
	}
	return err
}

// accept takes all connections that wait, and gives them to the loops in turn.
func (s *server) accept() error {
	for {
		client, _, err := unix.Accept4(s.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
			continue
		case err != nil:
			return fmt.Errorf("forward: accept: %w", err)
		}
		l := s.loops[s.next]
		s.next = (s.next + 1) % len(s.loops)
		if err := s.join(l, client); err != nil {
			_ = unix.Close(client) // the client sees that its connection ends
		}
	}
}

// join dials the broker for a client and gives both to a loop.
func (s *server) join(l *loop, client int) error {
	broker, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	err = unix.Connect(broker, s.backend)
	if err == nil {
		err = unix.SetNonblock(broker, true)
	}
	for _, fd := range []int{client, broker} {
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		}
	}
	if err == nil {
		err = l.adopt(client, broker)
	}
	if err != nil {
		return errors.Join(err, unix.Close(broker))
	}
	return nil
}
