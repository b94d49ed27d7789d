package engine

import (
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"github.com/postern-kafka/postern/session"
)

// door is a port of a listener without TLS. Its connections have nothing to compute
// before they say what they want, so the loops accept them, and no goroutine has to
// wake for one: every loop watches the port, and the kernel tells one of those that
// have nothing else to do.
type door struct {
	listener *listener
	port     int
	fd       int
}

// openDoor takes a listening socket over, which is closed if it cannot.
func openDoor(ln *listener, l *net.TCPListener, port int) (*door, error) {
	fd, err := takeOver(l)
	if err != nil {
		return nil, err
	}
	d := &door{listener: ln, port: port, fd: fd}
	for _, lp := range ln.engine.loops {
		lp.do(func() { lp.open(d) })
	}
	return d, nil
}

// Close returns when no loop accepts any more. No loop calls it.
func (d *door) Close() error {
	for _, lp := range d.listener.engine.loops {
		lp.call(func() { lp.shut(d) })
	}
	return unix.Close(d.fd)
}

// open has the loop accept at a door.
func (lp *loop) open(d *door) {
	lp.doors[d.fd] = d
	lp.attend(d)
}

func (lp *loop) attend(d *door) {
	if err := lp.control(unix.EPOLL_CTL_ADD, d.fd, unix.EPOLLIN|unix.EPOLLEXCLUSIVE); err != nil {
		lp.engine.o.Log.Error("a loop cannot accept", "listener", d.listener.o.Name, "port", d.port, "err", err)
	}
}

// shut is the end of that.
func (lp *loop) shut(d *door) {
	if lp.doors[d.fd] == d {
		delete(lp.doors, d.fd)
		_ = lp.control(unix.EPOLL_CTL_DEL, d.fd, 0) // it may be resting
	}
}

// rest leaves connections in the kernel's queue for a while.
func (lp *loop) rest(d *door) {
	_ = lp.control(unix.EPOLL_CTL_DEL, d.fd, 0) // it is attended, so it can be done
	time.AfterFunc(acceptPause, func() {
		lp.do(func() {
			if lp.doors[d.fd] == d {
				lp.attend(d)
			}
		})
	})
}

// accept takes one connection. Should there be more, the loops are told again.
func (d *door) accept(lp *loop) {
	fd, from, err := unix.Accept4(d.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	switch {
	case err == nil:
		d.receive(lp, fd, addressOf(from))
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
		// Another loop was faster, or the client has thought better of it.
	default:
		d.listener.acceptFailed(d.port, err)
		lp.rest(d)
	}
}

// receive admits a connection, on whichever loop is to have it.
func (d *door) receive(lp *loop, fd int, remote *net.TCPAddr) {
	ln, e := d.listener, d.listener.engine
	place, err := e.places.ask(originOf(remote), beginning)
	if err != nil {
		e.refused(remote)
		_ = unix.Close(fd)
		return
	}
	e.admissions.owe()
	node, known := ln.nodeOf(d.port)
	if place.ready != nil || !known { // somebody has to wait
		e.admissions.run(func() {
			defer e.admissions.settle()
			conn, err := e.connOf(fd)
			if err != nil {
				place.release()
				e.o.Log.Error("an accepted connection cannot be used", "listener", ln.o.Name, "port", d.port, "err", err)
				return
			}
			ln.admit(conn, d.port, place)
		})
		return
	}
	if !ln.enter(remote) {
		_ = unix.Close(fd)
		place.release()
		e.admissions.settle()
		return
	}
	p := newPair(ln, session.New(ln.shared, node), remote, time.Now())
	p.from, p.place, p.client.fd = place.claim.from, place, fd
	if e.place(p, lp); p.loop == lp {
		p.begin(nil)
	} else {
		p.loop.do(func() { p.begin(nil) })
	}
}

// addressOf is the address of an accepted socket.
func addressOf(sa unix.Sockaddr) *net.TCPAddr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
	case *unix.SockaddrInet6:
		zone := ""
		if sa.ZoneId != 0 {
			zone = zoneOf(sa.ZoneId)
		}
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port, Zone: zone}
	}
	return &net.TCPAddr{}
}
