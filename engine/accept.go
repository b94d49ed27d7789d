package engine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/postern-kafka/postern/session"
)

// listener is a Listener with its open ports.
type listener struct {
	engine *Engine
	o      *Listener
	shared *session.Config

	mu     sync.Mutex
	ports  map[int]io.Closer
	closed bool
}

func newListener(e *Engine, o *Listener) *listener {
	return &listener{
		engine: e,
		o:      o,
		ports:  make(map[int]io.Closer),
		shared: &session.Config{
			View:              o.Ports,
			Users:             e.o.Users,
			Book:              e.o.Book,
			MandatoryVCluster: e.o.MandatoryVCluster,
			MaxFrame:          e.o.MaxFrame,
			MaxInFlight:       e.o.MaxInFlight,
			SASL:              o.SASL,
			Versions:          e.o.Versions,
		},
	}
}

// follow grows the run of ports to (highest id − MinID) + 3, the original's
// arithmetic, so that every broker has a port and two are to spare.
func (ln *listener) follow(ids []int32) {
	if !ln.o.Grow || len(ids) == 0 {
		return
	}
	highest := ids[0]
	for _, id := range ids {
		highest = max(highest, id)
	}
	if want := int(highest-ln.o.Ports.MinID) + 3; want > ln.o.Ports.Count() {
		if err := ln.openPorts(want); err != nil {
			ln.engine.o.Log.Error("a broker has no port", "listener", ln.o.Name, "err", err)
		}
	}
}

// maxPorts bounds a run of ports that follows the cluster: broker ids may be
// any 31-bit number.
const maxPorts = 1024

// openPorts opens the first n ports of the run and lets clients know of them.
func (ln *listener) openPorts(n int) error {
	if n > maxPorts {
		return fmt.Errorf("engine: listener %s: %d ports are needed for the broker ids, %d is the most that are opened by themselves; set GATEWAY_MIN_BROKERID or GATEWAY_PORT_COUNT", ln.o.Name, n, maxPorts)
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	for port := ln.o.Ports.Start; port < ln.o.Ports.Start+n; port++ {
		if ln.ports[port] != nil || ln.closed {
			continue
		}
		sockets := ln.engine.o.Sockets
		config := net.ListenConfig{KeepAlive: -1, Control: sockets.control}
		l, err := config.Listen(ln.engine.ctx, "tcp", net.JoinHostPort(ln.o.Bind, strconv.Itoa(port)))
		if err != nil {
			return fmt.Errorf("engine: listener %s: %w", ln.o.Name, err)
		}
		if err := ln.attend(l.(*net.TCPListener), port); err != nil {
			return fmt.Errorf("engine: listener %s: %w", ln.o.Name, err)
		}
	}
	ln.o.Ports.Grow(n)
	return nil
}

// attend has the connections of a port accepted: by the loops, or by a goroutine of
// its own where handshakes come first, which are not for loops.
func (ln *listener) attend(l *net.TCPListener, port int) error {
	if ln.o.TLS == nil {
		d, err := openDoor(ln, l, port)
		if err == nil {
			ln.ports[port] = d
		}
		return err
	}
	ln.ports[port] = l
	ln.engine.accepting.Go(func() { ln.accept(l, port) })
	return nil
}

// close closes the ports. No loop calls it: a loop that opens ports waits for mu.
func (ln *listener) close() {
	ln.mu.Lock()
	ports := ln.ports
	ln.ports, ln.closed = nil, true
	ln.mu.Unlock()
	for _, l := range ports {
		// The descriptor is gone whatever Close says.
		_ = l.Close()
	}
}

// acceptPause is how long a port waits after accept failed, for example for
// want of descriptors: the waiting connections stay in the kernel's queue.
const acceptPause = 50 * time.Millisecond

// accept hands new connections to admissions until the port is closed.
func (ln *listener) accept(l *net.TCPListener, port int) {
	e := ln.engine
	for {
		conn, err := l.AcceptTCP()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			ln.acceptFailed(port, err)
			select {
			case <-time.After(acceptPause):
			case <-e.stop:
				return
			}
			continue
		}
		place, err := e.places.ask(originOf(conn.RemoteAddr()), beginning)
		if err != nil {
			e.refused(conn.RemoteAddr())
			_ = conn.Close()
			continue
		}
		e.admissions.run(func() { ln.admit(conn, port, place) })
	}
}

func (ln *listener) acceptFailed(port int, err error) {
	ln.engine.counters.acceptFailed.Add(1)
	ln.engine.o.Log.Error("accept failed", "listener", ln.o.Name, "port", port, "err", err)
}

// enter counts a connection in, unless there are too many.
func (ln *listener) enter(remote net.Addr) bool {
	e := ln.engine
	if !e.counters.enter(e.o.MaxConnections) {
		e.counters.refusedConnections.Add(1)
		e.o.Log.Warn("too many connections", "listener", ln.o.Name, "remote", remote.String(), "limit", e.o.MaxConnections)
		return false
	}
	e.counters.accepted.Add(1)
	return true
}

// nodeOf is the broker that a port is for. It reports false if the cluster has to be
// asked whether there is such a broker.
func (ln *listener) nodeOf(port int) (node int32, known bool) {
	id, ok := ln.o.Ports.Node(port)
	if !ok {
		return session.Anywhere, true
	}
	if _, ok := ln.engine.o.Book.Address(id); ok {
		return id, true
	}
	return session.Anywhere, ln.engine.o.Refresh == nil
}
