package engine

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// splice(2) moves bytes from one socket to the other without copying them into the
// gateway: where both sides are plaintext and a long frame passes unseen. A
// buffer full has been read before anybody asks, so only what comes behind that, and
// is there already, can be moved.

const (
	// pipeSize is what is asked for; the kernel may give less.
	pipeSize = 1 << 20
	// spliceAtOnce is how much is moved in one event, for the sake of the loop's
	// other sessions.
	spliceAtOnce = 1 << 20
	// sparePipes is how many a loop keeps.
	sparePipes = 16
)

// pipe is a kernel buffer between two sockets.
type pipe struct {
	from, into int // descriptors: it is read from from and written into into
	held       int // bytes in it
}

func newPipe() (*pipe, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	// If it stays at its 64 KiB, more calls are needed, no more.
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, pipeSize)
	return &pipe{from: fds[0], into: fds[1]}, nil
}

func (p *pipe) close() {
	// The descriptors are gone whatever Close says.
	_, _ = unix.Close(p.from), unix.Close(p.into)
}

// fill takes at most n bytes from a socket; 0 when it has none now, or has ended.
func (p *pipe) fill(fd, n int) (int, error) {
	k, err := spliceOnce(fd, p.into, n)
	p.held += k
	return k, err
}

// drain gives what the socket takes.
func (p *pipe) drain(fd int) error {
	for p.held > 0 {
		k, err := spliceOnce(p.from, fd, p.held)
		if p.held -= k; err != nil || k == 0 {
			return err
		}
	}
	return nil
}

func spliceOnce(from, into, n int) (int, error) {
	for {
		k, err := unix.Splice(from, nil, into, nil, n, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		switch {
		case err == nil:
			return int(k), nil
		case errors.Is(err, unix.EAGAIN):
			return 0, nil
		case !errors.Is(err, unix.EINTR):
			return 0, os.NewSyscallError("splice", err)
		}
	}
}

// borrowPipe returns an empty one.
func (lp *loop) borrowPipe() (*pipe, error) {
	if n := len(lp.pipes); n > 0 {
		p := lp.pipes[n-1]
		lp.pipes = lp.pipes[:n-1]
		return p, nil
	}
	return newPipe()
}

// returnPipe takes one back; what is in it is lost.
func (lp *loop) returnPipe(p *pipe) {
	if p.held > 0 || len(lp.pipes) >= sparePipes {
		p.close()
		return
	}
	lp.pipes = append(lp.pipes, p)
}

// splice moves what has come from l behind what was just read, if it is a part of
// a long frame.
func (p *pair) splice(l *link) {
	lp, peer := p.loop, p.peer(l)
	least := lp.engine.o.Sockets.Splice
	if least == 0 || p.finished || l.tls != nil || peer.tls != nil || peer.waiting() > 0 || len(l.held) > 0 {
		return
	}
	left := p.session.Passing(l.side)
	if left < least {
		return
	}
	through, err := lp.borrowPipe()
	if err != nil {
		return // out of descriptors: it is read as ever
	}
	moved, failed, err := through.move(l, peer, min(left, spliceAtOnce))
	p.session.Passed(l.side, moved)
	p.sentBytes[peer.side] += uint64(moved)
	lp.placed.note(int(l.side), moved)
	lp.spliced.Add(uint64(moved))
	if err != nil {
		lp.returnPipe(through)
		failed.broken(err)
		return
	}
	if through.held > 0 {
		peer.pipe = through
		peer.watch()
		p.balance()
		return
	}
	lp.returnPipe(through)
}

// move moves at most n bytes from one socket into the other, and says how many
// have left the first. What the second does not take stays in the pipe. With an
// error it says whose it is.
func (p *pipe) move(l, peer *link, n int) (moved int, failed *link, err error) {
	for moved < n && p.held == 0 {
		k, err := p.fill(l.fd, n-moved)
		if err != nil {
			return moved, l, err
		}
		if k == 0 { // the next read will see the end, if it is one
			return moved, nil, nil
		}
		moved += k
		if err := p.drain(peer.fd); err != nil {
			return moved, peer, err
		}
	}
	return moved, nil, nil
}
