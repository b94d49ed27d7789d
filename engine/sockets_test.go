package engine

import (
	"context"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/postern-kafka/postern/mapping"
)

// Both sockets of a session are set up as was asked for, whether or not something had
// to be said to the broker first.
func TestSockets(t *testing.T) {
	t.Run("straight", func(t *testing.T) { testSockets(t, serveBroker(t, echo), nil) })
	t.Run("logged in", func(t *testing.T) {
		broker := serveBroker(t, func(c *net.TCPConn) {
			takeGreeting(c)
			_, _ = c.Write([]byte("friend"))
			echo(c)
		})
		testSockets(t, broker, func(context.Context, *mapping.User) (Login, error) { return friend(0), nil })
	})
}

func testSockets(t *testing.T, broker *fakeBroker, login func(context.Context, *mapping.User) (Login, error)) {
	e, addr := startEngine(t, broker, func(o *Options) {
		o.Loops, o.BrokerLogin = 1, login
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
