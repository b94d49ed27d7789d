package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/postern-kafka/postern/bench/load"
	"github.com/postern-kafka/postern/internal/kafkatest"
)

// startWithin bounds the start of a peer.
const startWithin = 30 * time.Second

// errAbsent says that a peer is not installed on this machine.
var errAbsent = errors.New("not installed")

// peer is one address that is measured, and the process behind it.
type peer struct {
	name    string
	addr    string // host:port that clients connect to with TLS
	version string
	brokers func() int // process id of the broker; the peer itself for direct
	// launch starts the process; nil for direct.
	launch func(log io.Writer) (*kafkatest.Process, error)
	// ready asks what only this peer can be asked, before its first client; nil
	// when being able to connect is all there is.
	ready   func(ctx context.Context) error
	process *kafkatest.Process
	log     *os.File
}

// pid is the process under test.
func (p *peer) pid() int {
	if p.process == nil {
		return p.brokers()
	}
	return p.process.Pid()
}

// between says whether the peer stands in front of the broker.
func (p *peer) between() bool { return p.launch != nil }

// start runs the peer and returns when a client got an answer through it.
func (p *peer) start(ctx context.Context, s *stage) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	if p.between() {
		log, err := os.OpenFile(p.logPath(s), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("bench: %s: log: %w", p.name, err)
		}
		p.log = log
		if p.process, err = p.launch(log); err != nil {
			return fmt.Errorf("bench: %s: %w", p.name, err)
		}
	}
	err := kafkatest.Await(ctx, "bench: "+p.name+" answers", func(ctx context.Context) error { return p.probe(ctx, s) })
	if err != nil {
		return fmt.Errorf("%w\n%s", err, p.lastWords(s))
	}
	return nil
}

// probe asks once whether the peer serves.
func (p *peer) probe(ctx context.Context, s *stage) error {
	if p.process != nil {
		select {
		case <-p.process.Done():
			return fmt.Errorf("%s ended: %w", p.name, errors.Join(kafkatest.ErrGivenUp, p.process.Err()))
		default:
		}
	}
	if p.ready != nil {
		if err := p.ready(ctx); err != nil {
			return err
		}
	}
	spec := s.spec(p, load.Idle)
	spec.Connections = 1
	w, err := load.New(spec)
	if err != nil {
		return err
	}
	defer w.Close()
	return w.Prepare(ctx)
}

// stop ends the peer's process, if it runs.
func (p *peer) stop() {
	if p.process == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = p.process.Stop(ctx) // it is killed when it does not stop
	p.process = nil
	_ = p.log.Close()
}

// logPath is where the process's output goes.
func (p *peer) logPath(s *stage) string { return filepath.Join(s.dir, p.name+".log") }

// lastWords is the end of the process's output.
func (p *peer) lastWords(s *stage) string {
	const most = 2000
	text, err := os.ReadFile(p.logPath(s))
	if err != nil {
		return ""
	}
	return string(text[max(0, len(text)-most):])
}

// raise starts the peers that were asked for. One that is not installed is left
// out, with a line to notes, unless it was asked for by name.
func (s *stage) raise(ctx context.Context, notes io.Writer) error {
	makers := map[string]func() (*peer, error){direct: s.newDirect, nginx: s.newNginx, postern: s.newPostern}
	for _, name := range s.options.Peers {
		p, err := makers[name]()
		if errors.Is(err, errAbsent) && !s.options.named {
			if _, err := fmt.Fprintf(notes, "left out: %v\n", err); err != nil {
				return fmt.Errorf("bench: notes: %w", err)
			}
			continue
		}
		if err != nil {
			return err
		}
		s.peers = append(s.peers, p)
		if err := p.start(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// newDirect is the broker's own TLS listener.
func (s *stage) newDirect() (*peer, error) {
	return &peer{name: direct, addr: s.broker().AddrTLS(), version: "Apache Kafka " + kafkaVersion, brokers: s.broker().Pid}, nil
}
