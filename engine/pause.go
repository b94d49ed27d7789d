package engine

import (
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"golang.org/x/sys/unix"
)

// newPoller finds the descriptors of a gnet event loop. gnet offers no way to stop
// reading from a connection nor to wait for events otherwise than it does, so
// the loop's private fields are read by name; a release that renames them fails
// here, loudly, before any client is served.
func newPoller(el gnet.EventLoop, stays bool, read int) (poller, error) {
	v := reflect.ValueOf(el)
	for _, field := range []string{"", "poller"} {
		if field != "" {
			v = v.FieldByName(field)
		}
		if v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return poller{}, fmt.Errorf("engine: this release of gnet has no eventloop.poller (found %s)", v.Kind())
		}
	}
	epoll, doorbell := v.FieldByName("fd"), v.FieldByName("efd")
	if epoll.Kind() != reflect.Int || doorbell.Kind() != reflect.Int {
		return poller{}, errors.New("engine: this release of gnet has no netpoll.Poller.fd and efd")
	}
	p := poller{epoll: int(epoll.Int()), doorbell: int(doorbell.Int()), stays: stays, links: make(map[int32]*link)}
	if stays {
		p.events, p.buffer = make([]unix.EpollEvent, eventsAtOnce), make([]byte, read)
	}
	return p, nil
}

// setReading turns the interest of a loop's poller in fd's incoming bytes on
// or off. The engine writes past gnet's own buffer (link.go), so gnet itself
// never changes the interest. Errors and hang-ups are reported either way.
func setReading(epoll, fd int, on bool) error {
	ev := unix.EpollEvent{Fd: int32(fd)}
	if on {
		ev.Events = netpoll.ReadEvents
	}
	return os.NewSyscallError("epoll_ctl mod", unix.EpollCtl(epoll, unix.EPOLL_CTL_MOD, fd, &ev))
}
