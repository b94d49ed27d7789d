package engine

import (
	"errors"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
)

// splice(2) moves bytes from one socket to the other without copying them into the
// gateway: where both sides are plaintext and a long frame passes unseen. The frame's
// beginning is read, for somebody has to see its head; what comes after that is moved as
// it comes.

const (
	// pipeSize is what is asked for, and the most that is moved in one event; the kernel
	// may give less.
	pipeSize = 256 << 10
	// sparePipes is how many a loop keeps.
	sparePipes = 4
	// lentPipes is how many a loop has in use at most: receivers that stall keep theirs. One
	// more session would be read as ever. Few enough that a user who may have 64 MiB in pipes
	// (/proc/sys/fs/pipe-user-pages-soft) has four loops' worth.
	lentPipes = 64
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

// trySplice moves a byte from a socket to a socket: a sandbox may lack splice or forbid it.
func trySplice() error {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	defer func() { _, _ = unix.Close(ends[0]), unix.Close(ends[1]) }()
	through, err := newPipe()
	if err != nil {
		return err
	}
	defer through.close()
	if _, err := unix.Write(ends[0], []byte{0}); err != nil {
		return os.NewSyscallError("write", err)
	}
	if _, err := through.fill(ends[1], 1); err != nil {
		return err
	}
	if err := through.drain(ends[1]); err != nil {
		return err
	}
	_, err = unix.Read(ends[0], make([]byte, 1)) // has nothing if nothing was moved
	return os.NewSyscallError("read", err)
}

// spliceIf turns splice off where try fails: an error in the middle of a frame would be the
// session's end.
func (s *Sockets) spliceIf(try func() error, log *slog.Logger) {
	if s.Splice == 0 {
		return
	}
	if err := try(); err != nil {
		log.Warn("this system does not splice: plaintext is read and written", "err", err)
		s.Splice = 0
	}
}

// borrowPipe returns an empty one; nil if there is none to be had, for want of descriptors
// or because too many are in use.
func (lp *loop) borrowPipe() *pipe {
	if lp.lent == lentPipes {
		return nil
	}
	var p *pipe
	if n := len(lp.pipes); n > 0 {
		p, lp.pipes = lp.pipes[n-1], lp.pipes[:n-1]
	} else if made, err := newPipe(); err == nil {
		p = made
	} else {
		return nil
	}
	lp.lent++
	return p
}

// returnPipe takes one back; what is in it is lost.
func (lp *loop) returnPipe(p *pipe) {
	lp.lent--
	if p.held > 0 || len(lp.pipes) >= sparePipes {
		p.close()
		return
	}
	lp.pipes = append(lp.pipes, p)
}

// splice moves what has come from l, if it is a part of a long frame, and reports whether
// it did: if not, l is to be read.
func (p *pair) splice(l *link) bool {
	lp, peer := p.loop, p.peer(l)
	if lp.engine.o.Sockets.Splice == 0 || l.tls != nil || peer.tls != nil || p.finished || peer.waiting() > 0 || len(l.held) > 0 {
		return false
	}
	least, left := lp.engine.o.Sockets.Splice, p.session.Passing(l.side)
	if l.moving {
		least = min(least, smallSegment)
	}
	if l.moving = left >= least; !l.moving {
		return false
	}
	through := lp.borrowPipe()
	if through == nil {
		return false
	}
	l.long = true
	moved, failed, err := through.move(l, peer, min(left, pipeSize))
	p.session.Passed(l.side, moved)
	p.sentBytes[peer.side] += uint64(moved)
	lp.placed.note(int(l.side), moved)
	lp.spliced.Add(uint64(moved))
	switch {
	case err != nil:
		lp.returnPipe(through)
		failed.broken(err)
		return true
	case through.held > 0:
		peer.pipe = through
		peer.watch()
		p.balance()
	default:
		lp.returnPipe(through)
	}
	return moved > 0
}

// move moves at most n bytes from one socket into the other, and says how many
// have left the first: none if it has none now, or has ended. What the second does not take
// stays in the pipe. With an error it says whose it is.
func (p *pipe) move(l, peer *link, n int) (moved int, failed *link, err error) {
	if moved, err = p.fill(l.fd, n); err != nil {
		return moved, l, err
	}
	return moved, peer, p.drain(peer.fd)
}
