package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// handshakeProcessors is how many handshakes compute at once: one for two loops,
// so that the loops find a processor free however many clients come. The loops
// are goroutines like any other, and nothing interrupts a signature.
func handshakeProcessors(loops int) int { return max(1, loops/2) }

// turnConn is the socket of a handshake that computes only in its turn: it
// gives the turn back whenever it has to wait for the peer, and returns from
// the wait when it has a turn again. One goroutine uses it.
type turnConn struct {
	net.Conn // deadlines and addresses
	raw      syscall.RawConn
	ctx      context.Context // ends the wait for a turn
	turns    *fairQueue
	from     origin
	silence  *silence // of the peer; nil if nobody asks
	turn     *permit  // nil without a turn
	kind     int
	starved  bool // ctx ended while it waited for a turn
}

func newTurnConn(ctx context.Context, conn *net.TCPConn, turns *fairQueue, from origin) (*turnConn, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &turnConn{Conn: conn, raw: raw, ctx: ctx, turns: turns, from: from, kind: beginning}, nil
}

// take waits for a turn, unless there is one.
func (c *turnConn) take() error {
	if c.turn != nil {
		return nil
	}
	turn, err := c.turns.ask(c.from, c.kind)
	if err == nil {
		err = turn.wait(c.ctx)
	}
	if err != nil {
		c.starved = errors.Is(err, context.DeadlineExceeded)
		return err
	}
	if turn.ready != nil {
		// Whoever gave us the turn made us the next to run on its processor. A
		// loop that was woken meanwhile goes first.
		runtime.Gosched()
	}
	c.turn, c.kind = turn, goingOn
	return nil
}

// release gives the turn back, if there is one.
func (c *turnConn) release() {
	if c.turn != nil {
		c.turn.release()
		c.turn = nil
	}
}

// Read returns what has arrived without giving the turn up, for a flight comes
// in many reads.
func (c *turnConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	var n int
	err := c.perform(c.raw.Read, "read", func(fd int) (err error) {
		n, err = unix.Read(fd, p)
		return err
	})
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err == nil {
		err = c.take()
	}
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Write needs no turn, and keeps one unless the socket is full.
func (c *turnConn) Write(p []byte) (int, error) {
	had := c.turn != nil
	sent := 0
	err := c.perform(c.raw.Write, "write", func(fd int) error {
		for sent < len(p) {
			n, err := unix.Write(fd, p[sent:])
			if err != nil {
				return err
			}
			sent += n
		}
		return nil
	})
	if err == nil && had {
		err = c.take()
	}
	return sent, err
}

// perform tries an operation until it need not wait for the socket any more.
// The turn is given up for the time of a wait.
func (c *turnConn) perform(ready func(func(uintptr) bool) error, name string, op func(fd int) error) error {
	var result error
	err := ready(func(fd uintptr) bool {
		for {
			result = op(int(fd))
			if !errors.Is(result, unix.EINTR) {
				break
			}
		}
		if !errors.Is(result, unix.EAGAIN) {
			return true
		}
		c.release()
		c.silence.begin()
		return false
	})
	c.silence.end()
	if err != nil {
		return err // the deadline, or the end of the socket
	}
	return os.NewSyscallError(name, result)
}
