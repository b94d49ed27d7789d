package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/postern-kafka/postern/bench/procstat"
)

// machine says where a run was made.
type machine struct {
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	MemoryKB string `json:"memory_kb"`
	Kernel   string `json:"kernel"`
	Go       string `json:"go"`
	Java     string `json:"java"`
	Load     string `json:"load_before"` // /proc/loadavg
	// Congestion is the kernel's congestion control. All sockets of a run have it, and what a
	// byte costs on loopback depends on it.
	Congestion string `json:"tcp_congestion_control"`
}

const congestionControl = "sys/net/ipv4/tcp_congestion_control"

// describeMachine reads what this machine says about itself.
func describeMachine() (machine, error) {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	files := map[string]string{}
	for _, name := range []string{"cpuinfo", "meminfo", "loadavg", "sys/kernel/osrelease", congestionControl} {
		text, err := os.ReadFile(procstat.Live + "/" + name)
		if err != nil {
			return m, fmt.Errorf("bench: machine: %w", err)
		}
		files[name] = strings.TrimSpace(string(text))
	}
	m.CPU = valueOf(files["cpuinfo"], "model name")
	m.MemoryKB = strings.TrimSuffix(valueOf(files["meminfo"], "MemTotal"), " kB")
	m.Load = files["loadavg"]
	m.Kernel = files["sys/kernel/osrelease"]
	m.Congestion = files[congestionControl]
	out, err := exec.Command("java", "-version").CombinedOutput()
	if err != nil {
		return m, fmt.Errorf("bench: machine: java: %w", err)
	}
	m.Java, _, _ = strings.Cut(string(out), "\n")
	return m, nil
}

// valueOf finds the first "name : value" line of a text.
func valueOf(text, name string) string {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
