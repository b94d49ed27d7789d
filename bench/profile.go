package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

// perfStops bounds how long perf may take to write what it has recorded.
const perfStops = 20 * time.Second

// profile is a running perf(1) on the gateway. It watches from outside: the
// product needs no door for it.
type profile struct {
	process *kafkatest.Process
	log     *os.File
	data    string
}

// startProfile records where the CPU time of a process goes until stop.
func startProfile(dir, name string, pid int) (*profile, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("bench: -profile: %w", err)
	}
	p := &profile{data: filepath.Join(dir, name+".data")}
	var err error
	if p.log, err = os.Create(filepath.Join(dir, name+".log")); err != nil {
		return nil, fmt.Errorf("bench: -profile: %w", err)
	}
	p.process, err = kafkatest.StartProcess(p.log, "", nil, "perf", "record", "-F", "499", "-g",
		"-o", p.data, "-p", fmt.Sprint(pid))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bench: -profile: %w", err), p.log.Close())
	}
	return p, nil
}

// stop ends the recording and writes beside it, as text, which functions took
// how much. ctx bounds the report.
func (p *profile) stop(ctx context.Context) error {
	defer func() { _ = p.log.Close() }()
	if err := p.process.Signal(os.Interrupt); err != nil {
		return fmt.Errorf("bench: -profile: %w (see %s)", err, p.log.Name())
	}
	select {
	case <-p.process.Done():
	case <-time.After(perfStops):
		p.process.Kill()
		return fmt.Errorf("bench: -profile: perf did not end within %s", perfStops)
	}
	text, err := os.Create(p.data + ".txt")
	if err != nil {
		return fmt.Errorf("bench: -profile: %w", err)
	}
	report := exec.CommandContext(ctx, "perf", "report", "--stdio", "--no-children", "-g", "none",
		"--percent-limit", "0.3", "--sort", "symbol,dso", "-i", p.data)
	report.Stdout, report.Stderr = text, p.log
	if err := errors.Join(report.Run(), text.Close()); err != nil {
		return fmt.Errorf("bench: -profile: report: %w", err)
	}
	return nil
}
