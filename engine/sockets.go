package engine

import (
	"errors"
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
	// splice(2), between sides that are both plaintext; 0 never does, nor does a system
	// that does not splice.
	Splice int
	// Read is how many bytes a loop reads at once, from a broker no more than
	// brokerRead; default 128 KiB.
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

// prepare sets up a socket before it connects or listens: only then does the receive
// buffer decide about the window that is offered, and what a listening socket has,
// those that it accepts have too, without calls of their own.
func (s Sockets) prepare(fd int) error {
	idle := (s.KeepAlive + time.Second - 1) / time.Second
	for _, o := range []struct{ level, name, value int }{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(idle)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(probeInterval / time.Second)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, probes},
		{unix.SOL_SOCKET, unix.SO_SNDBUF, s.SendBuffer},
		{unix.SOL_SOCKET, unix.SO_RCVBUF, s.ReceiveBuffer},
	} {
		if o.value == 0 {
			continue
		}
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}

// control is prepare as net.ListenConfig wants it.
func (s Sockets) control(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) { failed = s.prepare(int(fd)) })
	return errors.Join(err, failed)
}
