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

// pollerDescriptor finds the epoll descriptor of a gnet event loop. gnet
// offers no way to stop reading from a connection, so the loop's private
// fields are read by name; a release that renames them fails here, loudly,
// before any client is served.
func pollerDescriptor(el gnet.EventLoop) (int, error) {
	v := reflect.ValueOf(el)
	for _, field := range []string{"", "poller"} {
		if field != "" {
			v = v.FieldByName(field)
		}
		if v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return 0, fmt.Errorf("engine: this release of gnet has no eventloop.poller (found %s)", v.Kind())
		}
	}
	fd := v.FieldByName("fd")
	if fd.Kind() != reflect.Int {
		return 0, errors.New("engine: this release of gnet has no netpoll.Poller.fd")
	}
	return int(fd.Int()), nil
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
