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
const startWithin = 60 * time.Second

// errAbsent says that a peer is not installed on this machine.
var errAbsent = errors.New("not installed")

// peer is one of those that are measured, and the process behind it. It stands
// with one front at a time.
type peer struct {
	name    string
	version string
	addr    func(f front) string // host:port that clients connect to
	// fit says which front the peer has when one is asked for, and whether
	// measuring that means anything.
	fit func(f front) (front, bool)
	// launch starts the process; nil for direct, which has none of its own.
	launch func(f front, log io.Writer) (*kafkatest.Process, error)
	// ready asks what only this peer can be asked, before its first client; nil
	// when being able to connect is all there is.
	ready func(ctx context.Context) error
	// compiles says that a fresh process is not yet what it will be: it works
	// once uncounted.
	compiles bool

	standing bool
	warmed   bool // has worked since it was started
	front    front
	process  *kafkatest.Process
	log      *os.File
}

// pid is the process under test: the peer's, or the broker's for direct.
func (p *peer) pid(s *stage) int {
	if p.process == nil {
		return s.broker.Pid()
	}
	return p.process.Pid()
}

// between says whether the peer stands in front of the broker.
func (p *peer) between() bool { return p.launch != nil }

// endsTLS reports whether the peer stands between and ends TLS as f asks for.
func (p *peer) endsTLS(f front) bool {
	got, ok := p.fit(f)
	return ok && !got.plain && p.between()
}

// stand makes the peer stand with a front, and returns errNotMeasured when that
// would mean nothing. A peer that stands so already is left as it is.
func (s *stage) stand(ctx context.Context, p *peer, f front) error {
	f, ok := p.fit(f)
	if !ok {
		return errNotMeasured
	}
	if p.standing && p.front == f {
		return nil
	}
	return s.restart(ctx, p, f)
}

// warm writes and reads through a peer without counting it.
func (s *stage) warm(ctx context.Context, p *peer, f front) error {
	p.warmed = true
	_, err := measureWriting(load.Produce, f)(s, ctx, p, warmRound)
	if err == nil {
		_, err = measureReading(load.Fetch, f)(s, ctx, p, warmRound)
	}
	if err != nil {
		return fmt.Errorf("bench: warming up: %s: %w", p.name, err)
	}
	return nil
}

// standFresh is stand with a process that has done nothing yet. There is none to
// start for a peer that is the broker itself.
func (s *stage) standFresh(ctx context.Context, p *peer, f front) error {
	f, ok := p.fit(f)
	if !ok || !p.between() {
		return errNotMeasured
	}
	return s.restart(ctx, p, f)
}

// restart ends the peer's process and starts it with another front. It returns
// when a client got an answer through it.
func (s *stage) restart(ctx context.Context, p *peer, f front) error {
	p.stop()
	p.front = f
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	if p.between() {
		log, err := os.OpenFile(s.logPath(p), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("bench: %s: log: %w", p.name, err)
		}
		p.log = log
		if p.process, err = p.launch(f, log); err != nil {
			return errors.Join(fmt.Errorf("bench: %s: %w", p.name, err), log.Close())
		}
	}
	err := kafkatest.Await(ctx, "bench: "+p.name+" answers", func(ctx context.Context) error { return s.probe(ctx, p) })
	if err != nil {
		return fmt.Errorf("%w\n%s", err, s.lastWords(p))
	}
	p.standing = true
	return nil
}

// probe asks once whether the peer serves.
func (s *stage) probe(ctx context.Context, p *peer) error {
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
	w, err := load.New(s.spec(p, load.Idle))
	if err != nil {
		return errors.Join(err, kafkatest.ErrGivenUp)
	}
	defer w.Close()
	return w.Prepare(ctx)
}

// stop ends the peer's process, if it runs.
func (p *peer) stop() {
	p.standing, p.warmed = false, false
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
func (s *stage) logPath(p *peer) string { return filepath.Join(s.dir, p.name+".log") }

// lastWords is the end of the process's output.
func (s *stage) lastWords(p *peer) string {
	const most = 2000
	text, err := os.ReadFile(s.logPath(p))
	if err != nil {
		return ""
	}
	return string(text[max(0, len(text)-most):])
}
