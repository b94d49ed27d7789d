//go:build unix && !linux

package kafkatest

import "syscall"

// ownGroup puts the child into its own process group, so that it can be ended
// with what it started.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
