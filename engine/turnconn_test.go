package engine

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// sockets is both ends of a connection.
func sockets(t *testing.T) (ours, peer *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	peer = dial(t, ln.Addr().String())
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn), peer
}

// pacedPair is a turnConn that shares its only turn with the test.
func pacedPair(t *testing.T, ctx context.Context) (c *turnConn, peer *net.TCPConn) {
	t.Helper()
	ours, peer := sockets(t)
	c, err := newTurnConn(ctx, ours, newFairQueue(1, math.MaxInt, math.MaxInt), anOrigin(1))
	if err != nil {
		t.Fatal(err)
	}
	c.silence = new(silence)
	return c, peer
}

// TestTurnOnlyToCompute: who waits for bytes holds no turn; whoever gets bytes
// returns with one, and keeps it as long as there are more.
func TestTurnOnlyToCompute(t *testing.T) {
	c, peer := pacedPair(t, t.Context())
	if err := c.take(); err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	buf := make([]byte, 2)
	go func() {
		_, err := c.Read(buf)
		read <- err
	}()
	other := mustAsk(t, c.turns, anOrigin(2), beginning)
	if err := other.wait(t.Context()); err != nil { // as soon as Read waits
		t.Fatal(err)
	}
	until(t, "a silent peer", func() bool { return c.silence.length() > 0 })
	if _, err := peer.Write([]byte("abcd")); err != nil {
		t.Fatal(err)
	}
	until(t, "a read that waits for its turn", func() bool {
		waiting, _, _ := c.turns.figures()
		return waiting == 1
	})
	if c.silence.length() != 0 {
		t.Error("the peer is taken for silent while we let it wait")
	}
	select {
	case err := <-read:
		t.Fatal("Read returned without a turn", err)
	default:
	}
	other.release()
	if err := <-read; err != nil || string(buf) != "ab" {
		t.Fatalf("%q, %v", buf, err)
	}
	turn := c.turn
	if turn == nil {
		t.Fatal("Read returned without a turn")
	}
	if _, err := c.Read(buf); err != nil || string(buf) != "cd" {
		t.Fatalf("%q, %v", buf, err)
	}
	if _, err := c.Write([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	if c.turn != turn {
		t.Error("the turn was given up though nothing was waited for")
	}
	c.release()
	if q := c.turns; q.free != 1 {
		t.Errorf("%d turns are left", q.free)
	}
}

// TestTurnFullSocket: a write that has to wait gives the turn up, too, and
// everything arrives.
func TestTurnFullSocket(t *testing.T) {
	c, peer := pacedPair(t, t.Context())
	if err := c.take(); err != nil {
		t.Fatal(err)
	}
	const size = 32 << 20
	written := make(chan error, 1)
	go func() {
		n, err := c.Write(make([]byte, size))
		if err == nil && n != size {
			err = io.ErrShortWrite
		}
		written <- err
	}()
	other := mustAsk(t, c.turns, anOrigin(2), beginning)
	if err := other.wait(t.Context()); err != nil { // as soon as Write waits
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, peer, size); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-written:
		t.Fatal("Write returned without the turn it had before", err)
	default:
	}
	other.release()
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if c.turn == nil {
		t.Error("Write returned without the turn it had before")
	}
}

// TestTurnNone: the time-out ends the wait for a turn, and that is told apart
// from a peer that says nothing.
func TestTurnNone(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	c, peer := pacedPair(t, ctx)
	other := mustAsk(t, c.turns, anOrigin(2), beginning)
	defer other.release()
	if _, err := peer.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, context.DeadlineExceeded) || !c.starved {
		t.Errorf("%v, starved %v", err, c.starved)
	}
	if waiting, _, _ := c.turns.figures(); waiting != 0 {
		t.Errorf("%d wait", waiting)
	}
}

func TestTurnConnErrors(t *testing.T) {
	for name, test := range map[string]struct {
		peer func(t *testing.T, c *turnConn, peer *net.TCPConn)
		want error
	}{
		"end":      {func(_ *testing.T, _ *turnConn, peer *net.TCPConn) { peer.Close() }, io.EOF},
		"reset":    {func(_ *testing.T, _ *turnConn, peer *net.TCPConn) { _ = peer.SetLinger(0); peer.Close() }, syscall.ECONNRESET},
		"deadline": {func(_ *testing.T, c *turnConn, _ *net.TCPConn) { _ = c.SetDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		"closed":   {func(_ *testing.T, c *turnConn, _ *net.TCPConn) { c.Close() }, net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			c, peer := pacedPair(t, t.Context())
			read := make(chan error, 1)
			go func() {
				_, err := c.Read(make([]byte, 1))
				read <- err
			}()
			test.peer(t, c, peer)
			if err := <-read; !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if c.turns.free != 1 {
				t.Error("a turn was taken for an error")
			}
		})
	}
}
