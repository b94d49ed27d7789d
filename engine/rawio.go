package engine

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The loops read and write with system calls that the runtime does not hear of. One that
// it hears of may block for all it knows: when a write of 100 KiB takes its 20 to
// 100 µs, the runtime takes the loop's processor away, starts a thread that finds
// nothing to do with it, and gives it back. These writes do not block, so nothing
// has to be made ready for the case. What it costs is that a collection that wants
// to begin waits for the end of the call.
//
// recv and send know that it is a socket, and do less on the way to it than read and write.

// readRaw is recv(2) on a socket that does not block.
func readRaw(fd int, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// writeRaw is send(2) on a socket that does not block.
func writeRaw(fd int, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// writevRaw is writev(2) on a socket that does not block. vector is scratch of at
// least as many elements as there are pieces, none of which is empty.
func writevRaw(fd int, pieces [][]byte, vector []unix.Iovec) (int, error) {
	for i, b := range pieces {
		vector[i].Base = unsafe.SliceData(b)
		vector[i].SetLen(len(b))
	}
	n, _, errno := unix.RawSyscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(vector))), uintptr(len(pieces)))
	clear(vector[:len(pieces)]) // they must not keep memory alive
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
