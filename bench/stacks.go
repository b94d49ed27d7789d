package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/postern-kafka/postern/bench/charts"
)

// flameSuffix is what a flame graph's file has behind its profile's name.
const flameSuffix = ".svg"

// drawFlame draws the stacks of a recording of perf's. ctx bounds the reading.
func drawFlame(ctx context.Context, data, name string, log *os.File) error {
	script := exec.CommandContext(ctx, "perf", "script", "-F", "ip,sym", "-i", data)
	script.Stderr = log
	text, err := script.Output()
	if err != nil {
		return fmt.Errorf("bench: -profile: script: %w", err)
	}
	drawing, err := charts.Flame(name+", gateway's CPU time", stacks(string(text)), charts.Colours(groupNames()))
	if err != nil {
		return fmt.Errorf("bench: -profile: %w", err)
	}
	return os.WriteFile(strings.TrimSuffix(data, filepath.Ext(data))+flameSuffix, drawing, 0o644)
}

// stacks reads samples, each of them lines of an address and a function, the
// innermost first, with an empty line behind. An address in the upper half is
// the kernel's.
func stacks(script string) []charts.Stack {
	var all []charts.Stack
	var frames []charts.Frame
	take := func() {
		if len(frames) > 0 {
			all = append(all, charts.Stack{Frames: frames, Weight: 1})
		}
		frames = nil
	}
	for line := range strings.Lines(script) {
		address, function, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			take()
			continue
		}
		group := kernel
		if len(address) < 16 {
			group = groupOf(function)
		}
		frames = append([]charts.Frame{{Function: function, Group: group}}, frames...)
	}
	take()
	return all
}
