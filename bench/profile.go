package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/postern-kafka/postern/bench/load"
	"github.com/postern-kafka/postern/internal/kafkatest"
)

// perfStops bounds how long perf may take to write what it has recorded.
const perfStops = 20 * time.Second

// profile is a running perf(1) on the gateway. It watches from outside: the
// product needs no door for it.
type profile struct {
	process *kafkatest.Process
	log     *os.File
	name    string
	data    string
}

// watch starts a profile of a load on the gateway, where one was asked for.
func (s *stage) watch(p *peer, spec load.Spec, round int) (*profile, error) {
	if s.options.profileDir == "" || p.name != postern || round == warmRound {
		return nil, nil
	}
	name := fmt.Sprintf("%s-%d", spec.Workload, round+1)
	if p.front.plain {
		name = "plain-" + name
	}
	return startProfile(s.options.profileDir, name, p.pid(s))
}

// startProfile records where the CPU time of a process goes until stop.
func startProfile(dir, name string, pid int) (*profile, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("bench: -profile: %w", err)
	}
	p := &profile{name: name, data: filepath.Join(dir, name+".data")}
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

// stop ends the recording and writes beside it which functions took how much, as
// text and as a flame graph. ctx bounds the report. Without a profile there is nothing to stop.
func (p *profile) stop(ctx context.Context) error {
	if p == nil {
		return nil
	}
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
	return drawFlame(ctx, p.data, p.name, p.log)
}
