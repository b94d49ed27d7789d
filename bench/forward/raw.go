package forward

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls of a loop go to the kernel past Go's scheduler. An ordinary blocking
// call gives the thread's processor back and takes it again, which wakes another
// thread of the runtime: at a thousand small requests a second that alone was as
// much as all the rest.

// await waits for events.
func await(epoll int, events []unix.EpollEvent) (int, error) {
	const forEver = ^uintptr(0)
	n, _, err := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), forEver, 0, 0)
	return result(n, err)
}

// read reads into b, which is not empty.
func read(fd int, b []byte) (int, error) {
	n, _, err := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return result(n, err)
}

// write writes b, which is not empty.
func write(fd int, b []byte) (int, error) {
	n, _, err := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return result(n, err)
}

// result makes Go's results of the kernel's.
func result(n uintptr, err unix.Errno) (int, error) {
	if err != 0 {
		return 0, err
	}
	return int(n), nil
}
