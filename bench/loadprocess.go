package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/postern-kafka/postern/auth"
	"github.com/postern-kafka/postern/bench/load"
)

// loadTimeout bounds one workload, connections included.
const loadTimeout = 10 * time.Minute

// spec is what every workload on a peer has in common.
func (s *stage) spec(p *peer, workload string) load.Spec {
	spec := load.Spec{
		Workload:    workload,
		Addr:        p.addr(p.front),
		Timeout:     loadTimeout,
		Connections: s.options.Clients,
		RecordBytes: s.options.RecordBytes,
		BatchBytes:  s.options.BatchBytes,
	}
	if !p.front.plain {
		c := s.certs[p.front.key].client
		spec.CAFile, spec.CertFile, spec.KeyFile = c.CAPEM, c.CertPEM, c.KeyPEM
	}
	if p.front.sasl {
		login := s.accounts.good(p, auth.Plain)
		spec.Login = &login
	}
	return spec
}

// loadProcess is a child that does one workload.
type loadProcess struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Reader
}

// startLoad starts a child and returns when it is prepared: connected, and
// waiting to be told to go. It ends with ctx. by is a command that runs another, which is
// to become the child; without it, nothing stands between.
func startLoad(ctx context.Context, spec load.Spec, by ...string) (*loadProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("bench: load process: %w", err)
	}
	command := slices.Concat(by, []string{self, loadCommand})
	l := &loadProcess{cmd: exec.CommandContext(ctx, command[0], command[1:]...)}
	l.cmd.Stderr = os.Stderr
	if l.in, err = l.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("bench: load process: %w", err)
	}
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("bench: load process: %w", err)
	}
	l.lines = bufio.NewReader(out)
	if err := l.cmd.Start(); err != nil {
		return nil, fmt.Errorf("bench: load process: %w", err)
	}
	if err := l.prepare(spec); err != nil {
		return nil, errors.Join(err, l.end())
	}
	return l, nil
}

// prepare sends the spec and waits for the word that it can begin.
func (l *loadProcess) prepare(spec load.Spec) error {
	if err := json.NewEncoder(l.in).Encode(spec); err != nil {
		return fmt.Errorf("bench: load process: spec: %w", err)
	}
	line, err := l.lines.ReadString('\n')
	if err != nil {
		return fmt.Errorf("bench: load process: ready: %w", err)
	}
	if strings.TrimSpace(line) == load.Ready {
		return nil
	}
	_, err = readReply(line)
	return err
}

// run lets it go and returns what it did. Its connections stay until end.
func (l *loadProcess) run() (load.Outcome, error) {
	if _, err := fmt.Fprintln(l.in); err != nil {
		return load.Outcome{}, fmt.Errorf("bench: load process: go: %w", err)
	}
	line, err := l.lines.ReadString('\n')
	if err != nil {
		return load.Outcome{}, fmt.Errorf("bench: load process: outcome: %w", err)
	}
	return readReply(line)
}

// do runs a workload from beginning to end, uncounted.
func do(ctx context.Context, spec load.Spec) error {
	l, err := startLoad(ctx, spec)
	if err != nil {
		return err
	}
	_, err = l.run()
	return errors.Join(err, l.end())
}

// readReply reads the last line of a load process.
func readReply(line string) (load.Outcome, error) {
	var r load.Reply
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		return load.Outcome{}, fmt.Errorf("bench: load process: reply %q: %w", line, err)
	}
	if r.Error != "" {
		return load.Outcome{}, errors.New(r.Error)
	}
	return r.Outcome, nil
}

// end closes the connections of a load process and waits until it is gone.
func (l *loadProcess) end() error {
	if err := l.in.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("bench: load process: end: %w", err)
	}
	if err := l.cmd.Wait(); err != nil {
		return fmt.Errorf("bench: load process: %w", err)
	}
	return nil
}
