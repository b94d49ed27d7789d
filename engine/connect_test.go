package engine

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func connecting() *Engine {
	e := &Engine{}
	e.o.defaults()
	return e
}

// deaf returns a port at which connections are never taken: its queue is full.
func deaf(t *testing.T, addr string) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	sa := &unix.SockaddrInet4{Addr: netip.MustParseAddr(addr).As4()}
	if err := errors.Join(unix.Bind(fd, sa), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := bound.(*unix.SockaddrInet4).Port
	for range 3 { // more than the queue takes
		filler, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(filler) })
		if err := unix.Connect(filler, &unix.SockaddrInet4{Addr: sa.Addr, Port: port}); err != nil && !errors.Is(err, unix.EINPROGRESS) {
			t.Fatal(err)
		}
	}
	return port
}

func TestConnectRefused(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	before := descriptors(t)
	_, err = connecting().connect(t.Context(), addr)
	if !errors.Is(err, unix.ECONNREFUSED) || !strings.Contains(err.Error(), addr) {
		t.Errorf("%v; want a refusal that names %s", err, addr)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

func TestConnectNowhere(t *testing.T) {
	for _, addr := range []string{"", "kafka", "127.0.0.1:http", "127.0.0.1:65536", "[::1"} {
		if fd, err := connecting().connect(t.Context(), addr); err == nil || fd != unheld {
			t.Errorf("%q: %d, %v", addr, fd, err)
		}
	}
}

// A broker that does not answer costs the time that there is, and no longer; so does
// the end of the gateway.
func TestConnectEnds(t *testing.T) {
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(deaf(t, "127.0.0.1")))
	before := descriptors(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := connecting().connect(ctx, addr); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the time-out", err)
	}
	stopped := errors.New("the gateway ends")
	ctx2, stop := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { stop(stopped) })
	if _, err := connecting().connect(ctx2, addr); !errors.Is(err, stopped) {
		t.Errorf("%v, want %v", err, stopped)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// Of a name's addresses the next is tried when one does not answer or refuses, and
// who answered is asked first the next time.
func TestConnectToTheNextAddress(t *testing.T) {
	port, ln := deaf(t, "127.0.0.3"), net.Listener(nil)
	for try := 0; ln == nil; try++ {
		var err error
		if ln, err = net.Listen("tcp", net.JoinHostPort("127.0.0.4", strconv.Itoa(port))); err == nil {
			continue
		} else if try == 10 {
			t.Fatal(err)
		}
		port = deaf(t, "127.0.0.3") // that one is somebody's at the other address
	}
	defer ln.Close()
	e := connecting()
	r := &resolver{addrs: addrs("127.0.0.2", "127.0.0.3", "127.0.0.4")} // refuses, is silent, answers
	e.names.resolve = r.resolve
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	fd, err := e.connect(ctx, net.JoinHostPort("kafka", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	peer, err := unix.Getpeername(fd)
	if sa, ok := peer.(*unix.SockaddrInet4); err != nil || !ok || netip.AddrFrom4(sa.Addr) != r.addrs[2] {
		t.Errorf("connected to %v, %v", peer, err)
	}
	wantAddrs(t, &e.names, "kafka", "127.0.0.4", "127.0.0.2", "127.0.0.3")
}

// A socket that is given the port which it connects to is connected to itself; no
// broker is there.
func TestConnectedToItself(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	lo := [4]byte{127, 0, 0, 1}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: lo}); err != nil {
		t.Fatal(err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := bound.(*unix.SockaddrInet4).Port
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: lo, Port: port}); err != nil {
		t.Fatal(err)
	}
	to := netip.AddrPortFrom(netip.AddrFrom4(lo), uint16(port))
	if !toItself(fd, to) {
		t.Error("it is not seen")
	}
	if toItself(fd, netip.AddrPortFrom(to.Addr(), to.Port()+1)) {
		t.Error("another port is taken for the same")
	}
}
