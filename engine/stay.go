package engine

import (
	"errors"
	"strings"
	"unsafe"

	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"golang.org/x/sys/unix"
)

// gnet waits for events by a system call that Go's scheduler hears of, and asks
// once more without waiting before each wait. At a thousand small requests a
// second, that is a third of the gateway's CPU time: the scheduler takes the
// loop's processor away, its watchman wakes up, and both are undone a moment later. So
// a loop that gnet has called for an event stays: it waits for the next one
// itself, by a call that the scheduler does not hear of, and serves it. It goes back
// to gnet when there has been nothing for long, and for tasks, which are gnet's.
//
// The loop's processor is not free for others meanwhile. That is only done
// when there are more processors than loops.
//
// To go back and to be called again is dear as well: the watchman wakes up, finds
// the processor handed over, and for some milliseconds looks every 20 µs whether
// it happens again. That takes as much CPU time as to stay for a quarter of a
// second.

// The wait has no end of its own, which saves a timer of the kernel's for each. What ends it
// besides an event is a signal: the runtime sends one every 10 to 20 ms to whoever has kept a
// processor for that long, and for a collection. A loop that has had nothing but signals for
// long leaves; who has events hardly gets any (yield.go).

const (
	// patience is how many signals without an event between them send a loop back to gnet:
	// some 200 to 400 ms.
	patience = 20
	// eventsAtOnce is how many events one wait brings.
	eventsAtOnce = 128
)

// stay serves events until gnet is needed.
//
// gnet hands over the events of one wait one by one. If its doorbell is among those
// to come, nobody will ring for a task again before gnet has seen it: pending is
// then not zero. The other events to come are found here once more, because sockets
// are watched level-triggered, and for gnet, which comes too late, there is nothing
// left to read.
func (lp *loop) stay() {
	for signals := 0; lp.stays && signals < patience && lp.pending.Load() == 0; {
		lp.yield()
		n, err := waitRaw(lp.epoll, lp.events)
		if errors.Is(err, unix.EINTR) {
			signals++
			continue
		}
		if err != nil {
			return
		}
		lp.work.begin()
		all := lp.serveAll(lp.events[:n])
		lp.work.end()
		if !all {
			return
		}
		signals = 0
	}
}

// mayStay reports whether loops may wait by themselves: where a processor is left for others, and
// the runtime's signals end the waits, which the variable GODEBUG can switch off.
func mayStay(processors, loops int, godebug string) bool {
	signals := true
	for setting := range strings.SplitSeq(godebug, ",") {
		if off, is := strings.CutPrefix(setting, "asyncpreemptoff="); is {
			signals = off == "0"
		}
	}
	return signals && processors > loops
}

// returnToStay has gnet call the loop once it has done its tasks. It would wait for the
// next event itself otherwise.
func (lp *loop) returnToStay() {
	if lp.stays {
		lp.rearm(lp.recall, unix.EPOLLIN|unix.EPOLLONESHOT)
	}
}

// serveAll serves what are events of sockets, and reports whether that was all.
func (lp *loop) serveAll(events []unix.EpollEvent) bool {
	all := true
	for _, ev := range events {
		if int(ev.Fd) == lp.doorbell {
			lp.ringAgain()
			all = false
			continue
		}
		lp.served++
		lp.serve(int(ev.Fd), ev.Events)
	}
	return all
}

// ringAgain has gnet told of its tasks, for its doorbell is told of but once.
func (lp *loop) ringAgain() {
	lp.rearm(lp.doorbell, netpoll.ReadEvents|unix.EPOLLET|unix.EPOLLRDHUP)
}

// rearm has the poller tell of a descriptor again.
func (lp *loop) rearm(fd int, interest uint32) {
	if err := lp.control(unix.EPOLL_CTL_MOD, fd, interest); err != nil {
		// It would be another poller than the one that was made and examined at the start.
		lp.stays = false
		lp.engine.o.Log.Error("a loop cannot wait by itself", "err", err)
	}
}

// waitRaw is epoll_wait(2), until there is an event or a signal.
func waitRaw(epoll int, events []unix.EpollEvent) (int, error) {
	const endless = ^uintptr(0)
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), endless, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
