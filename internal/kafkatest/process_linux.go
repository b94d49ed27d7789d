package kafkatest

import "syscall"

// ownGroup puts the child into its own process group, so that it can be ended
// with what it started, and binds its life to the starting thread's.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
