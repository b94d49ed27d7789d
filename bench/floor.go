package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/postern-kafka/postern/bench/forward"
	"github.com/postern-kafka/postern/internal/kafkatest"
)

// newFloor is this program in another role: package forward, in front of the
// plaintext listener that names it.
func (s *stage) newFloor() (*peer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("bench: floor: %w", err)
	}
	return &peer{
		name:    floor,
		version: "read and write only, no TLS",
		addr:    func(front) string { return s.addr(portFloor) },
		fit:     withoutTLS,
		launch: func(f front, log io.Writer) (*kafkatest.Process, error) {
			env := append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
			return kafkatest.StartProcess(log, s.dir, env, self, forwardCommand,
				s.addr(portFloor), s.behind(f, "BEHINDFLOOR"), strconv.Itoa(s.options.Threads))
		},
	}, nil
}

// runForward is the floor's process: where it listens, where it forwards to, and
// with how many loops.
func runForward(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("bench: %s: want an address, another and a number", forwardCommand)
	}
	loops, err := strconv.Atoi(args[2])
	if err != nil {
		return fmt.Errorf("bench: %s: loops: %w", forwardCommand, err)
	}
	return forward.Serve(ctx, args[0], args[1], loops)
}
