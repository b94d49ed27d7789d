package main

import "golang.org/x/sys/unix"

const (
	// mostConnections is how many connections a peer is set up for.
	mostConnections = 32768
	// spareFiles are descriptors that a process has beside its connections.
	spareFiles = 1000
)

// maxConnections is how many connections, each with two sockets, a peer can have
// on this machine. Every peer raises its own limit of open files as far as the
// machine allows; this process and the load processes are raised by Go.
func maxConnections() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return spareFiles
	}
	return int(min(mostConnections, (l.Max-spareFiles)/2))
}
