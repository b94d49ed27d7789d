package engine

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Both sockets of a session are set up as was asked for.
func TestSockets(t *testing.T) {
	e, addr := startEngine(t, serveBroker(t, echo), func(o *Options) {
		o.Loops = 1
		o.Sockets = Sockets{KeepAlive: 77 * time.Second, SendBuffer: 100_000, ReceiveBuffer: 50_000}
	})
	c := dial(t, addr)
	roundTrips(t, c, 10)
	onLoopAndWait(t, e, func() {
		for p := range e.loops[0].pairs {
			for _, l := range []*link{&p.client, &p.broker} {
				for _, o := range []struct {
					name                string
					level, option, want int
				}{
					// The kernel doubles what is asked for, socket(7).
					{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, 200_000},
					{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, 100_000},
					{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
					{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 77},
					{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
					{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 4},
					{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
				} {
					if got, err := unix.GetsockoptInt(l.fd, o.level, o.option); err != nil || got != o.want {
						t.Errorf("%s: %s is %d, %v; want %d", l.side, o.name, got, err, o.want)
					}
				}
			}
		}
	})
}
