package engine

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/postern-kafka/postern/session"
)

// unheld is the descriptor of a link without a socket.
const unheld = -1

// hold takes a socket over: conn is closed, and the descriptor the link's.
func (l *link) hold(conn *net.TCPConn) (err error) {
	l.fd, err = takeOver(conn)
	return err
}

// takeOver makes a socket of Go's, which is closed, a descriptor. It does not block,
// for Go's sockets do not.
func takeOver(socket interface {
	syscall.Conn
	io.Closer
},
) (fd int, err error) {
	fd = unheld
	raw, err := socket.SyscallConn()
	if err == nil {
		var failed error
		err = raw.Control(func(theirs uintptr) {
			var dup int
			if dup, failed = unix.FcntlInt(theirs, unix.F_DUPFD_CLOEXEC, 0); failed == nil {
				fd = dup
			}
		})
		err = errors.Join(err, os.NewSyscallError("fcntl", failed))
	}
	if err = errors.Join(err, socket.Close()); err != nil && fd != unheld {
		_ = unix.Close(fd)
		fd = unheld
	}
	return fd, err
}

// letGo is the reverse of hold.
func (l *link) letGo() (*net.TCPConn, error) {
	fd := l.fd
	l.fd = unheld
	return l.pair.listener.engine.connOf(fd)
}

// discard closes a socket that no loop watches.
func (l *link) discard() {
	if l.fd != unheld {
		// The descriptor is gone whatever Close says.
		_ = unix.Close(l.fd)
		l.fd = unheld
	}
}

// brokerRead is how much is read from a broker at once, in bytes. What is read there is
// copied or sealed, and written; while it is no more than this, it stays in the first-level
// cache until it is gone. With 128 KiB a consumer's bytes cost a quarter more. From clients,
// who send less at once, more is better.
const brokerRead = 32 << 10

// headRead is how much is read at once after a frame of which the rest was moved by splice:
// the next one's head, and as little of its body as can be.
const headRead = 16 << 10

// receive reads once from the socket into the loop's buffer; io.EOF at its end, and
// nothing when somebody has read it already.
func (l *link) receive() ([]byte, error) {
	b := l.pair.loop.buffer
	switch {
	case l.long:
		b = b[:min(len(b), headRead)]
	case l.side == session.Broker:
		b = b[:min(len(b), brokerRead)]
	}
	n, err := readRaw(l.fd, b)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil, nil
	case err != nil:
		return nil, os.NewSyscallError("read", err)
	case n == 0:
		return nil, io.EOF
	}
	return b[:n], nil
}

// readable takes what has come, and the end of the socket.
func (l *link) readable() {
	if l.pair.talk != nil {
		l.pair.talk.readable()
		return
	}
	if l.pair.splice(l) {
		return
	}
	b, err := l.receive()
	switch {
	case err != nil:
		l.close(err)
	case len(b) > 0:
		l.pair.loop.read = b
		l.pair.traffic(l, b)
		if l.long && len(b) == headRead {
			l.long = l.pair.session.Passing(l.side) >= l.pair.loop.engine.o.Sockets.Splice
		}
	}
}

// failure is why a socket that nobody reads from has an end; io.EOF if it is an
// orderly one.
func (l *link) failure() error {
	errno, err := unix.GetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil || errno == 0 {
		return io.EOF
	}
	return unix.Errno(errno)
}

// read turns reading from the socket on or off.
func (l *link) read(on bool) {
	if l.paused == !on {
		return
	}
	l.paused = !on
	l.setInterest()
}

// watch asks to be told when the socket can be written again.
func (l *link) watch() {
	if l.full {
		return
	}
	l.full = true
	l.setInterest()
}

// setInterest tells the poller what the link waits for.
func (l *link) setInterest() {
	if l.closed || l.fd == unheld {
		return
	}
	if err := l.pair.loop.control(unix.EPOLL_CTL_MOD, l.fd, l.interest()); err != nil {
		l.broken(err)
	}
}

// interest is what the link waits for. Errors and hang-ups are reported unasked. Urgent
// bytes (EPOLLPRI) are not: nobody reads them, and they would be told of again and again.
func (l *link) interest() (events uint32) {
	if !l.paused {
		events |= unix.EPOLLIN
	}
	if l.full {
		events |= unix.EPOLLOUT
	}
	return events
}

// broken ends the session because of this socket.
func (l *link) broken(err error) {
	l.dropOut()
	l.pair.ended(l.side, err)
	l.closeNow()
}

// end closes the socket once what waits for it is written, and at the latest
// after lingerTime.
func (l *link) end() {
	if l.closed || l.ending {
		return
	}
	l.ending = true
	if l.side == session.Client && l.pair.unanswered() {
		l.reset()
		return
	}
	lp := l.pair.loop
	lp.lend(l.pair)
	if l.tls != nil && !l.eof {
		lp.wire[l.side] = l.tls.CloseNotify(lp.wire[l.side])
	}
	l.write(lp.wire[l.side])
	lp.wire[l.side] = lp.wire[l.side][:0]
	if l.waiting() == 0 {
		l.finish()
	}
	if !l.closed {
		l.read(true) // the peer's end must be seen
		l.linger = time.AfterFunc(lingerTime, func() { lp.do(l.closeNow) })
	}
}

// reset closes the socket with a reset instead of an orderly end.
func (l *link) reset() {
	// If it cannot be set, the end is an orderly one.
	_ = unix.SetsockoptLinger(l.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	l.closeNow()
}

// finish says that nothing more will come. The socket itself stays until the
// peer ends too: closing it with unread bytes would send a reset, and a reset
// overtakes what was written before.
func (l *link) finish() {
	if l.eof || l.side == session.Broker {
		l.closeNow()
		return
	}
	if err := unix.Shutdown(l.fd, unix.SHUT_WR); err != nil {
		l.closeNow()
		return
	}
	l.shutOff = true
}

func (l *link) closeNow() { l.close(nil) }

// close closes the socket and tells the session: io.EOF if the peer has ended,
// another error if it broke, nil if neither is the cause.
func (l *link) close(err error) {
	if l.closed {
		return
	}
	// The session's last words to others must not find it.
	l.pair.loop.remove(l)
	l.pair.closed(l, err)
	if l.linger != nil {
		l.linger.Stop()
	}
	if l.fd != unheld {
		// The descriptor is gone whatever Close says, and the poller forgets it.
		_ = unix.Close(l.fd)
	}
}
