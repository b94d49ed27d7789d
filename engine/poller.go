package engine

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"golang.org/x/sys/unix"
)

// poller is gnet's poller of a loop, and what the loop needs to wait by itself.
type poller struct {
	gnet     *netpoll.Poller
	epoll    int // gnet's
	doorbell int // gnet's: the descriptor that tells of tasks
	recall   int // ours: armed, it has gnet call the loop without waiting

	stays   bool      // it may wait by itself
	yielded time.Time // when it last let others have its processor

	links  []*link // by descriptor: the sockets of sessions
	events []unix.EpollEvent
	buffer []byte // what is read from sockets
	served uint64 // reads for events that gnet did not see
}

// newPoller opens one. gnet offers no way to wait for events otherwise than it
// does, nor to stop reading without forgetting the socket, so the private fields
// of its poller are read by name; a release that renames them fails here, loudly,
// before any client is served.
func newPoller(stays bool, read int) (poller, error) {
	p := poller{stays: stays, events: make([]unix.EpollEvent, eventsAtOnce), buffer: make([]byte, read)}
	var err error
	if p.gnet, err = netpoll.OpenPoller(); err != nil {
		return p, fmt.Errorf("engine: an event loop: %w", err)
	}
	v := reflect.ValueOf(p.gnet).Elem()
	epoll, doorbell := v.FieldByName("fd"), v.FieldByName("efd")
	if epoll.Kind() != reflect.Int || doorbell.Kind() != reflect.Int {
		return p, errors.Join(errors.New("engine: this release of gnet has no netpoll.Poller.fd and efd"), p.gnet.Close())
	}
	p.epoll, p.doorbell = int(epoll.Int()), int(doorbell.Int())
	if p.recall, err = unix.Eventfd(1, unix.EFD_CLOEXEC); err != nil {
		return p, errors.Join(os.NewSyscallError("eventfd", err), p.gnet.Close())
	}
	if err := p.control(unix.EPOLL_CTL_ADD, p.recall, unix.EPOLLONESHOT); err != nil {
		return p, errors.Join(err, p.close())
	}
	return p, nil
}

// close closes what newPoller has opened.
func (p *poller) close() error {
	return errors.Join(os.NewSyscallError("close", unix.Close(p.recall)), p.gnet.Close())
}

// add watches a socket for what its link waits for.
func (p *poller) add(l *link) error {
	return p.await(l, l.interest())
}

// await watches a socket, or goes on to watch it, for what interest says.
func (p *poller) await(l *link, interest uint32) error {
	if p.link(l.fd) == l {
		return p.control(unix.EPOLL_CTL_MOD, l.fd, interest)
	}
	if err := p.control(unix.EPOLL_CTL_ADD, l.fd, interest); err != nil {
		return err
	}
	if more := l.fd + 1 - len(p.links); more > 0 {
		p.links = append(p.links, make([]*link, more)...)
	}
	p.links[l.fd] = l
	return nil
}

// link returns whose socket a descriptor is, nil if it is no session's.
func (p *poller) link(fd int) *link {
	if fd < 0 || fd >= len(p.links) {
		return nil
	}
	return p.links[fd]
}

// remove drops a socket that is about to be closed, which ends the watch.
func (p *poller) remove(l *link) {
	if p.link(l.fd) == l {
		p.links[l.fd] = nil
	}
}

// release does not watch a socket any more, which stays open.
func (p *poller) release(l *link) {
	if p.link(l.fd) == l {
		p.links[l.fd] = nil
		_ = p.control(unix.EPOLL_CTL_DEL, l.fd, 0) // it is watched, so it can be done
	}
}

// control is epoll_ctl(2).
func (p *poller) control(op, fd int, interest uint32) error {
	ev := unix.EpollEvent{Fd: int32(fd), Events: interest}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epoll, op, fd, &ev))
}
