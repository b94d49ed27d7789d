package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postern-kafka/postern/codec"
	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/session"
	"github.com/postern-kafka/postern/tlsterm"
)

// Listener is one way in: a run of ports with one protocol.
type Listener struct {
	Name  string
	Bind  string         // address without a port
	Ports *mapping.Ports // which ports, and which node each is for
	Grow  bool           // open further ports when the cluster has higher broker ids
	// TLS returns the configuration for the next handshake; nil for PLAINTEXT.
	TLS func() *tls.Config
	// Principal makes a principal of a verified identity.
	Principal func(tlsterm.Identity) (string, error)
	// SASL says how clients log in; nil: they do not. With it, who they are does not
	// come from their certificates.
	SASL *session.SASL
}

// Options is everything the engine is told. Durations of zero mean the
// default given.
type Options struct {
	Listeners         []Listener
	Users             *mapping.Users
	Book              *mapping.Book
	MandatoryVCluster bool
	// BrokerTLS returns the configuration for a connection to host; nil for
	// brokers that speak PLAINTEXT.
	BrokerTLS func(host string) *tls.Config
	// BrokerLogin, if given, begins a login at a broker for a client; it may
	// block until ctx ends. It is not asked for clients whose own login is
	// relayed.
	BrokerLogin func(ctx context.Context, user *mapping.User) (Login, error)
	// TLSEngine says who makes the records after the handshakes.
	TLSEngine tlsterm.Engine
	// Revoked, if given, is asked about a client with a certificate when its
	// connection comes to a loop, so that none slips through between its
	// handshake and Revoke. The handshake itself asks what TLS holds.
	Revoked func(tlsterm.Identity) bool
	// Refresh asks the cluster for its brokers and their versions, for a port whose
	// broker is not known yet, and for a client when Versions returns nil.
	Refresh func(ctx context.Context) error
	// Versions is what the brokers speak; nil while that is not known. It is needed
	// where clients log in at the gateway, or a virtual cluster is mandatory.
	Versions func() *codec.Versions
	// Slow, if given, tells of which messages it may take longer to judge them than a
	// request takes to forward. That is not done on a loop.
	Slow func(mechanism string, message []byte) bool
	// Prepare, if given, may wait for what is needed to judge such a message.
	Prepare func(ctx context.Context, mechanism string, message []byte)

	Loops          int // default GOMAXPROCS
	MaxConnections int // default 20,000
	MaxAdmissions  int // connections in handshake or dial at once; default 1,024
	// MaxAdmissionsPerAddress is how many of them one address (IPv6: one /64)
	// may have; further ones of it wait. Default half of MaxAdmissions.
	MaxAdmissionsPerAddress int
	MaxFrame                int           // bytes; default codec.MaxFrame
	MaxInFlight             int           // per connection; default 1,024
	HandshakeTimeout        time.Duration // default 10 s
	DialTimeout             time.Duration // default 10 s
	LoginTimeout            time.Duration // from the end of the handshake; default 10 s
	// LoginFailureDelay is how long a failed login waits for its answer, a fifth more
	// or less; default 100 ms.
	LoginFailureDelay time.Duration
	// MaxLoginFailuresPerAddress is how many connections of one address wait for that
	// at once; the answer to further ones is the end. Default a sixteenth of
	// MaxConnections, but 64 at least.
	MaxLoginFailuresPerAddress int
	Sockets                    Sockets
	Log                        *slog.Logger
}

func (o *Options) defaults() {
	setDefault(&o.Loops, runtime.GOMAXPROCS(0))
	setDefault(&o.MaxConnections, 20_000)
	setDefault(&o.MaxAdmissions, 1_024)
	setDefault(&o.MaxAdmissionsPerAddress, (o.MaxAdmissions+1)/2)
	setDefault(&o.MaxFrame, codec.MaxFrame)
	setDefault(&o.MaxInFlight, 1_024)
	setDefault(&o.HandshakeTimeout, 10*time.Second)
	setDefault(&o.DialTimeout, 10*time.Second)
	setDefault(&o.LoginTimeout, 10*time.Second)
	setDefault(&o.LoginFailureDelay, 100*time.Millisecond)
	setDefault(&o.MaxLoginFailuresPerAddress, max(64, o.MaxConnections/16))
	o.Sockets.defaults()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

func setDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Engine owns every socket, goroutine and clock of the data plane.
type Engine struct {
	o         Options
	loops     []*loop
	weights   []*placement  // of the loops
	placing   sync.Mutex    // two at once would choose the same loop
	window    atomic.Uint32 // one of watch's, in which the loops count who works
	listeners []*listener

	places       *fairQueue // a permit per connection in handshake or dial
	turns        *fairQueue // a permit per processor that handshakes may use
	halfOpen     halfOpen
	penance      penance
	names        names // of brokers
	accepting    sync.WaitGroup
	looping      sync.WaitGroup
	admissions   workers
	scratch      sync.Pool // *session.Effects for admissions
	stats        session.Stats
	counters     counters
	failedLogins failedLogins
	endings      chan ending
	stop         chan struct{}
	ctx          context.Context // of handshakes and dials; ends with stop
	cancel       context.CancelFunc
	stopping     atomic.Bool
	background   sync.WaitGroup
}

// waitingPerPlace is how many connections wait for each place of MaxAdmissions
// before further ones are refused. A waiting one costs a descriptor and a
// goroutine, but no handshake.
const waitingPerPlace = 16

// Start opens the ports and serves until Close. On error nothing is left open.
func Start(o Options) (*Engine, error) {
	o.defaults()
	o.Sockets.spliceIf(trySplice, o.Log)
	e := &Engine{
		o:       o,
		places:  newFairQueue(o.MaxAdmissions, o.MaxAdmissionsPerAddress, min(waitingPerPlace*o.MaxAdmissions, o.MaxConnections)),
		turns:   newFairQueue(handshakeProcessors(o.Loops), math.MaxInt, math.MaxInt),
		endings: make(chan ending, 4096),
		stop:    make(chan struct{}),
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.admissions = workers{work: make(chan func()), stop: e.stop}
	e.penance.most = o.MaxLoginFailuresPerAddress
	e.counters.init()
	e.scratch.New = func() any { return &session.Effects{Stats: &e.stats} }
	e.background.Go(e.logEndings)
	if err := e.open(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	e.background.Go(e.watch)
	return e, nil
}

func (e *Engine) open() error {
	stays := mayStay(runtime.GOMAXPROCS(0), e.o.Loops, os.Getenv("GODEBUG"))
	for range e.o.Loops {
		lp, err := newLoop(e, stays)
		if err != nil {
			return err
		}
		e.loops, e.weights = append(e.loops, lp), append(e.weights, &lp.placed)
		e.looping.Go(lp.run)
	}
	for i := range e.o.Listeners {
		ln := newListener(e, &e.o.Listeners[i])
		e.listeners = append(e.listeners, ln)
		if err := ln.openPorts(ln.o.Ports.Count()); err != nil {
			return err
		}
	}
	return nil
}

// learn makes brokers routable: their addresses are known and their ports are
// open when it returns.
func (e *Engine) learn(nodes []codec.Node) {
	brokers := make([]mapping.Broker, len(nodes))
	for i, n := range nodes {
		brokers[i] = mapping.Broker{ID: n.ID, Host: string(n.Host), Port: n.Port}
	}
	if e.o.Book.Learn(brokers) {
		e.o.Log.Info("brokers changed", "brokers", e.o.Book.IDs())
		e.FollowBrokers()
	}
}

// FollowBrokers opens the ports that the brokers known to the book need, on
// the listeners that follow the cluster. It is called after the book changed.
func (e *Engine) FollowBrokers() {
	ids := e.o.Book.IDs()
	for _, ln := range e.listeners {
		ln.follow(ids)
	}
}

// Drain stops accepting and lets every session finish what is in flight:
// broker by broker with a pause between them, so that clients see something
// like a rolling restart. It returns when no session is left or ctx ends.
func (e *Engine) Drain(ctx context.Context, pause time.Duration) error {
	e.stopAccepting()
	e.admissions.wait()
	nodes := append(e.o.Book.IDs(), session.Anywhere)
	for i, node := range nodes {
		last := i == len(nodes)-1
		for _, lp := range e.loops {
			lp.do(func() { lp.drain(node, last) })
		}
		if pause > 0 && !last {
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	}
	return e.counters.wait(ctx)
}

// drain drains the sessions of one node, or all that are left.
func (lp *loop) drain(node int32, all bool) {
	for p := range lp.pairs {
		if all || p.session.Node() == node {
			func() {
				defer p.guard()
				p.drain()
			}()
		}
	}
}

func (e *Engine) stopAccepting() {
	if e.stopping.CompareAndSwap(false, true) {
		close(e.stop)
		e.cancel()
	}
	for _, ln := range e.listeners {
		ln.close()
	}
	e.accepting.Wait()
	for _, lp := range e.loops {
		lp.do(lp.cutDials)
	}
	e.settle()
}

// Close ends everything at once; call Drain before for a graceful end.
func (e *Engine) Close() error {
	e.stopAccepting()
	e.admissions.wait()
	for _, lp := range e.loops {
		lp.end()
	}
	e.looping.Wait()
	var err error
	for _, lp := range e.loops {
		err = errors.Join(err, lp.close())
	}
	close(e.endings)
	e.background.Wait()
	if err != nil {
		return fmt.Errorf("engine: closing: %w", err)
	}
	return nil
}
