package engine

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Sockets says how the sockets of both sides are set up. All have TCP_NODELAY.
type Sockets struct {
	// KeepAlive is how long a connection is idle before it is probed; default
	// 120 s. Load balancers forget connections that are silent for longer (AWS's
	// after 350 s).
	KeepAlive time.Duration
	// SendBuffer and ReceiveBuffer are SO_SNDBUF and SO_RCVBUF in bytes; 0 leaves
	// them to the kernel, which fits them to each connection.
	SendBuffer, ReceiveBuffer int
	// Splice is from how many bytes on what is to come of a frame is moved by
	// splice(2), between sides that are both plaintext; 0 never does.
	Splice int
	// Read is how many bytes a loop reads at once; default 128 KiB.
	Read int
}

const (
	probeInterval = 15 * time.Second
	probes        = 4 // unanswered ones end a connection
)

func (s *Sockets) defaults() {
	setDefault(&s.KeepAlive, 120*time.Second)
	setDefault(&s.Read, 128<<10)
}

func (s Sockets) keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: s.KeepAlive, Interval: probeInterval, Count: probes}
}

// prepare sets the buffers of a socket before it connects: only then does the
// receive buffer decide about the window that is offered.
func (s Sockets) prepare(_, _ string, raw syscall.RawConn) error {
	return setOptions(raw, s.buffers())
}

// prepareListener sets up a socket before it listens. What it has, those that it accepts
// have too, without calls of their own.
func (s Sockets) prepareListener(_, _ string, raw syscall.RawConn) error {
	idle := (s.KeepAlive + time.Second - 1) / time.Second
	return setOptions(raw, append(s.buffers(),
		socketOption{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		socketOption{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(idle)},
		socketOption{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(probeInterval / time.Second)},
		socketOption{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, probes}))
}

// socketOption is one of setsockopt(2) with its value.
type socketOption struct{ level, name, value int }

func (s Sockets) buffers() (options []socketOption) {
	if s.SendBuffer > 0 {
		options = append(options, socketOption{unix.SOL_SOCKET, unix.SO_SNDBUF, s.SendBuffer})
	}
	if s.ReceiveBuffer > 0 {
		options = append(options, socketOption{unix.SOL_SOCKET, unix.SO_RCVBUF, s.ReceiveBuffer})
	}
	return options
}

func setOptions(raw syscall.RawConn, options []socketOption) error {
	var errs error
	err := raw.Control(func(fd uintptr) {
		for _, o := range options {
			errs = errors.Join(errs, os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), o.level, o.name, o.value)))
		}
	})
	return errors.Join(err, errs)
}
