package engine

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/postern-kafka/postern/session"
	"github.com/postern-kafka/postern/tlsterm"
)

const (
	// highMark is how many bytes may wait for a socket before nothing more is
	// read from the other side; lowMark is where reading goes on.
	highMark = 64 << 10
	lowMark  = 16 << 10
	// outLimit bounds what waits for one socket, whatever happens: one event's
	// worth of bytes may come on top of highMark, and local answers.
	outLimit = 16 << 20
	// smallSegment: shorter pieces are copied together, longer ones are worth
	// a record or a system call of their own.
	smallSegment = 4 << 10
	// batch is how much is put together before it is written.
	batch = 128 << 10
	// pooledCap: larger buffers are left to the collector, so that one large
	// answer does not stay in the pool for ever.
	pooledCap = 256 << 10
	// lingerTime is how long a closing side may take to accept what is left.
	lingerTime = 5 * time.Second
)

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 16<<10); return &b }}

func getBuffer() []byte { return (*buffers.Get().(*[]byte))[:0] }

func putBuffer(b []byte) {
	if cap(b) > 0 && cap(b) <= pooledCap {
		buffers.Put(&b)
	}
}

// link is one socket of a session, owned by the session's loop.
type link struct {
	pair *pair
	side session.Side
	fd   int           // unheld until the socket is the link's own
	tls  *tlsterm.Conn // nil on a plaintext side
	feed func([]byte)  // takes plaintext from tls

	held []byte // plaintext that the session has not consumed yet
	pipe *pipe  // bytes the socket did not take yet, before those of out
	out  []byte // bytes the socket did not take yet; out[sent:] is left
	sent int

	linger *time.Timer // closes it, should the peer not take what is left

	connecting bool // to a broker; the pair waits for that

	moving  bool // the rest of a long frame is moved by splice
	long    bool // the last frame was such a one, and the next one is expected to be
	paused  bool // nothing is read
	full    bool // the poller is to tell when it can be written
	closed  bool
	ending  bool // closes when out is empty
	eof     bool // the peer has ended; nothing will be read any more
	shutOff bool // our FIN is sent
}

func (l *link) waiting() int {
	n := len(l.out) - l.sent
	if l.pipe != nil {
		n += l.pipe.held
	}
	return n
}

// send queues segments for the socket; flush sends them. The segments are not
// kept.
func (l *link) send(segments [][]byte) {
	lp := l.pair.loop
	lp.lend(l.pair)
	for _, seg := range segments {
		l.pair.sentBytes[l.side] += uint64(len(seg))
		if l.tls == nil {
			l.sendPlain(lp, seg)
		} else {
			l.sendSealed(lp, seg)
		}
	}
}

// sendPlain queues a segment of a plaintext side. Large pieces of what was
// just read stay where they are until the event ends; the rest is copied
// together.
func (l *link) sendPlain(lp *loop, seg []byte) {
	if len(seg) < smallSegment || !lp.justRead(seg) {
		wire := &lp.wire[l.side]
		at := len(*wire)
		*wire = append(*wire, seg...)
		seg = (*wire)[at:]
	}
	lp.pieces[l.side] = append(lp.pieces[l.side], seg)
	if lp.queued[l.side] += len(seg); lp.queued[l.side] >= batch || len(lp.pieces[l.side]) >= maxPieces {
		l.flushPlain(lp)
	}
}

// maxPieces is below what one writev takes (IOV_MAX is 1,024).
const maxPieces = 256

func (l *link) flushPlain(lp *loop) {
	pieces := lp.pieces[l.side]
	l.writePieces(pieces)
	clear(pieces) // they must not keep memory alive
	lp.pieces[l.side], lp.queued[l.side] = pieces[:0], 0
	lp.wire[l.side] = lp.wire[l.side][:0]
}

func (l *link) sendSealed(lp *loop, seg []byte) {
	plain := &lp.plain[l.side]
	if len(seg) < smallSegment && len(*plain)+len(seg) <= 16<<10 {
		*plain = append(*plain, seg...)
		return
	}
	l.seal(lp, *plain)
	*plain = (*plain)[:0]
	l.seal(lp, seg)
}

func (l *link) seal(lp *loop, plain []byte) {
	if len(plain) == 0 || l.closed {
		return
	}
	wire := &lp.wire[l.side]
	var err error
	// What is sealed lies in memory of this loop, so it may be borrowed.
	if *wire, err = l.tls.SealLent(*wire, plain); err != nil {
		l.pair.fail(l.side, session.TLS, err)
		return
	}
	if len(*wire) >= batch {
		l.write(*wire)
		*wire = (*wire)[:0]
	}
}

// flush hands everything queued in this event to the socket.
func (l *link) flush() {
	lp := l.pair.loop
	lp.lend(l.pair)
	if len(lp.pieces[l.side]) > 0 {
		l.flushPlain(lp)
	}
	if l.tls != nil {
		l.seal(lp, lp.plain[l.side])
		lp.plain[l.side] = lp.plain[l.side][:0]
		if !l.closed {
			lp.wire[l.side] = l.tls.Pending(lp.wire[l.side])
		}
	}
	l.write(lp.wire[l.side])
	lp.wire[l.side] = lp.wire[l.side][:0]
}

// write gives b to the socket and keeps a copy of what it does not take.
func (l *link) write(b []byte) {
	if len(b) == 0 || l.closed || l.shutOff {
		return
	}
	n := 0
	if l.waiting() == 0 {
		var err error
		if n, err = writeOnce(l.fd, b); err != nil {
			l.broken(err)
			return
		}
	}
	l.putOff(b[n:])
}

// writePieces is write for bytes that lie in several places.
func (l *link) writePieces(pieces [][]byte) {
	if len(pieces) == 0 || l.closed || l.shutOff {
		return
	}
	n := 0
	if l.waiting() == 0 {
		var err error
		if n, err = l.pair.loop.writevOnce(l.fd, pieces); err != nil {
			l.broken(err)
			return
		}
	}
	for _, b := range pieces {
		if n >= len(b) {
			n -= len(b)
			continue
		}
		l.putOff(b[n:])
		n = 0
	}
}

// putOff keeps what the socket did not take.
func (l *link) putOff(b []byte) {
	if len(b) == 0 || l.closed {
		return
	}
	if l.out == nil {
		l.out = getBuffer()
	}
	if l.waiting()+len(b) > outLimit {
		l.pair.fail(l.side, session.TooSlow, errOutLimit)
		return
	}
	first := l.waiting() == 0
	l.out = append(l.out, b...)
	if first {
		l.watch()
	}
}

var errOutLimit = errors.New("engine: too many bytes wait for the socket")

// writeOnce writes what the socket takes now; 0 when it is full.
func writeOnce(fd int, b []byte) (int, error) {
	for {
		if n, again, err := took(writeRaw(fd, b)); !again {
			return n, err
		}
	}
}

// writevOnce is writeOnce for bytes that lie in several places.
func (lp *loop) writevOnce(fd int, pieces [][]byte) (int, error) {
	if len(pieces) == 1 {
		return writeOnce(fd, pieces[0])
	}
	for {
		if n, again, err := took(writevRaw(fd, pieces, lp.vector[:])); !again {
			return n, err
		}
	}
}

// took reads the result of a write that does not block.
func took(n int, err error) (taken int, again bool, failed error) {
	switch {
	case err == nil:
		return n, false, nil
	case errors.Is(err, unix.EINTR):
		return 0, true, nil
	case errors.Is(err, unix.EAGAIN):
		return 0, false, nil
	}
	return 0, false, os.NewSyscallError("write", err)
}

// writable continues with out; it runs on the loop.
func (l *link) writable() {
	if l.closed {
		return
	}
	if err := l.drain(); err != nil {
		l.broken(err)
		return
	}
	if l.waiting() == 0 {
		l.full = false
		l.setInterest()
		l.dropOut()
		if l.ending {
			l.finish()
		}
	}
	l.pair.balance()
}

// drain gives the socket what it takes of what waits.
func (l *link) drain() error {
	if l.pipe != nil {
		if err := l.pipe.drain(l.fd); err != nil || l.pipe.held > 0 {
			return err
		}
		l.pair.loop.returnPipe(l.pipe)
		l.pipe = nil
	}
	if l.sent == len(l.out) {
		return nil
	}
	n, err := writeOnce(l.fd, l.out[l.sent:])
	l.sent += n
	return err
}

func (l *link) dropOut() {
	if l.pipe != nil {
		l.pair.loop.returnPipe(l.pipe)
		l.pipe = nil
	}
	putBuffer(l.out)
	l.out, l.sent = nil, 0
}

// keep stores what the session did not consume of b, which may lie in held.
func (l *link) keep(b []byte) {
	switch {
	case len(b) == 0 && l.held != nil:
		putBuffer(l.held)
		l.held = nil
	case len(b) == 0:
	case len(b) == len(l.held) && &b[0] == &l.held[0]: // nothing was consumed
	case l.held == nil:
		l.held = append(getBuffer(), b...)
	default:
		l.held = l.held[:copy(l.held[:len(b)], b)]
	}
}
