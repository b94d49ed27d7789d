package engine

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// drainWatch waits until sockets that were full can be written again. gnet has
// no event for that outside of its own buffers, so it is an epoll set of ours,
// read by one goroutine that parks in Go's own poller.
type drainWatch struct {
	epoll int
	file  *os.File // the same descriptor, for the runtime's poller
	done  chan struct{}
}

func newDrainWatch(wake func(id uint64)) (*drainWatch, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("engine: drain watch: %w", os.NewSyscallError("epoll_create1", err))
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(fmt.Errorf("engine: drain watch: %w", err), unix.Close(fd))
	}
	w := &drainWatch{epoll: fd, file: os.NewFile(uintptr(fd), "drain watch"), done: make(chan struct{})}
	raw, err := w.file.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("engine: drain watch: %w", err), w.file.Close())
	}
	go func() {
		defer close(w.done)
		events := make([]unix.EpollEvent, 256)
		for {
			n := 0
			err := raw.Read(func(fd uintptr) bool {
				n, _ = unix.EpollWait(int(fd), events, 0)
				return n > 0
			})
			if err != nil {
				return // closed
			}
			for _, ev := range events[:max(n, 0)] {
				wake(uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32)
			}
		}
	}()
	return w, nil
}

// arm asks for one wake(id) when fd can be written. armed says whether fd was
// watched before.
func (w *drainWatch) arm(fd int, id uint64, armed bool) error {
	op := unix.EPOLL_CTL_ADD
	if armed {
		op = unix.EPOLL_CTL_MOD
	}
	ev := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLONESHOT, Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(w.epoll, op, fd, &ev))
}

func (w *drainWatch) close() error {
	err := w.file.Close()
	<-w.done
	return err
}

// do runs f on the loop, unless the engine is gone.
func (lp *loop) do(f func()) {
	lp.pending.Add(1)
	err := lp.el.Execute(context.Background(), gnet.RunnableFunc(func(context.Context) error {
		lp.pending.Add(-1)
		f()
		return nil
	}))
	if err != nil { // the engine is shut down; its sockets are gone
		lp.pending.Add(-1)
	}
}
