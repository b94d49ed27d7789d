package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// connect opens a TCP connection to address, a host and a port, and returns its
// descriptor, which does not block. The addresses of a name are tried one after the
// other, each for its share of the time that ctx has left.
func (e *Engine) connect(ctx context.Context, address string) (int, error) {
	host, port, err := splitAddress(address)
	if err != nil {
		return unheld, err
	}
	addrs, err := e.names.lookup(ctx, host)
	if err != nil {
		return unheld, fmt.Errorf("engine: %w", err)
	}
	var errs []error
	for i, addr := range addrs {
		to := netip.AddrPortFrom(addr, port)
		fd, err := e.connectOne(ctx, to, len(addrs)-i)
		if err == nil {
			e.names.prefer(host, addr)
			return fd, nil
		}
		errs = append(errs, fmt.Errorf("dial tcp %s: %w", to, err))
	}
	e.names.forget(host)
	return unheld, errors.Join(errs...)
}

func splitAddress(address string) (host string, port uint16, err error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("engine: %w", err)
	}
	n, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("engine: address %s: %w", address, err)
	}
	return host, uint16(n), nil
}

// connectOne connects to one address, of so many that are left.
func (e *Engine) connectOne(ctx context.Context, to netip.AddrPort, left int) (int, error) {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
	}
	// Linux may give the socket the very port that it connects to, if nobody
	// listens there: then it is connected to itself.
	for range 3 {
		fd, err := e.openSocket(ctx, to)
		switch {
		case errors.Is(err, unix.EADDRNOTAVAIL): // the port chosen was taken meanwhile
		case err != nil || !toItself(fd, to):
			return fd, err
		default:
			_ = unix.Close(fd)
		}
	}
	return unheld, os.NewSyscallError("connect", unix.ECONNREFUSED)
}

func (e *Engine) openSocket(ctx context.Context, to netip.AddrPort) (int, error) {
	fd, pending, err := e.startConnect(to)
	if err == nil && pending {
		if err = awaitWritable(ctx, fd); err == nil {
			err = connectFailure(fd)
		}
		if err != nil {
			_ = unix.Close(fd)
		}
	}
	if err != nil {
		return unheld, err
	}
	return fd, nil
}

// beginConnect is startConnect for who does not wait; a socket that is connected to itself
// counts as an error.
func (e *Engine) beginConnect(to netip.AddrPort) (fd int, pending bool, err error) {
	fd, pending, err = e.startConnect(to)
	if err == nil && !pending && toItself(fd, to) {
		_ = unix.Close(fd)
		return unheld, false, os.NewSyscallError("connect", unix.ECONNREFUSED)
	}
	return fd, pending, err
}

// startConnect begins to connect. When pending, it is not known yet how that goes; on the
// same host it is known at once.
func (e *Engine) startConnect(to netip.AddrPort) (fd int, pending bool, err error) {
	family, sockaddr := sockaddrOf(to)
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return unheld, false, os.NewSyscallError("socket", err)
	}
	if err = e.o.Sockets.prepare(fd); err == nil {
		err = unix.Connect(fd, sockaddr)
		switch {
		case errors.Is(err, unix.EINPROGRESS), errors.Is(err, unix.EINTR):
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
			n, polled := unix.Poll(fds, 0)
			if polled != nil || n == 0 {
				return fd, true, nil
			}
			err = connectFailure(fd)
		default:
			err = os.NewSyscallError("connect", err)
		}
	}
	if err != nil {
		_ = unix.Close(fd)
		return unheld, false, err
	}
	return fd, false, nil
}

func sockaddrOf(to netip.AddrPort) (family int, sa unix.Sockaddr) {
	addr := to.Addr().Unmap()
	if addr.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(to.Port()), Addr: addr.As4()}
	}
	v6 := &unix.SockaddrInet6{Port: int(to.Port()), Addr: addr.As16()}
	if zone := addr.Zone(); zone != "" {
		if i, err := net.InterfaceByName(zone); err == nil {
			v6.ZoneId = uint32(i.Index)
		} else if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
			v6.ZoneId = uint32(n)
		}
	}
	return unix.AF_INET6, v6
}

// connectFailure is how a connect went.
func connectFailure(fd int) error {
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if errno != 0 {
		return os.NewSyscallError("connect", unix.Errno(errno))
	}
	return nil
}

// zoneOf is the name of an interface.
func zoneOf(index uint32) string {
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		return i.Name
	}
	return strconv.FormatUint(uint64(index), 10)
}

// awaitWritable waits by the runtime's poller, which wants a descriptor of its own.
func awaitWritable(ctx context.Context, fd int) error {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(dup), "broker")
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	// A deadline in the past ends the wait.
	stop := context.AfterFunc(ctx, func() { _ = f.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	asked := false
	err = raw.Write(func(uintptr) bool {
		defer func() { asked = true }()
		return asked
	})
	if ctx.Err() != nil {
		return fmt.Errorf("connect: %w", context.Cause(ctx))
	}
	return err
}

// toItself reports whether a socket is connected to itself.
func toItself(fd int, to netip.AddrPort) bool {
	switch local, _ := unix.Getsockname(fd); sa := local.(type) {
	case *unix.SockaddrInet4:
		return sa.Port == int(to.Port()) && netip.AddrFrom4(sa.Addr) == to.Addr().Unmap()
	case *unix.SockaddrInet6:
		return sa.Port == int(to.Port()) && netip.AddrFrom16(sa.Addr) == to.Addr().WithZone("")
	}
	return false
}

// connOf makes a connection of Go's of a descriptor, which is closed.
func (e *Engine) connOf(fd int) (*net.TCPConn, error) {
	f := os.NewFile(uintptr(fd), "broker")
	conn, err := net.FileConn(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	tcp := conn.(*net.TCPConn)
	raw, err := tcp.SyscallConn()
	if err == nil {
		err = e.o.Sockets.control("", "", raw) // Go has set what it sets by default
	}
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	return tcp, nil
}
