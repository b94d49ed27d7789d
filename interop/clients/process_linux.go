package clients

import "syscall"

// ownGroup puts a child into a process group of its own that the kernel ends
// when this process dies.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
