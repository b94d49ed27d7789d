package engine

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/postern-kafka/postern/codec"
	"github.com/postern-kafka/postern/session"
)

// counters are the engine's own figures; those of the loops stand in loop.
type counters struct {
	active             atomic.Int64 // connections admitted and not yet ended
	accepted           atomic.Uint64
	refusedConnections atomic.Uint64
	refusedAdmissions  atomic.Uint64
	lastRefused        atomic.Pointer[string] // the remote address
	acceptFailed       atomic.Uint64
	lostLogLines       atomic.Uint64
	loggedIn           atomic.Uint64 // at brokers
	renewed            atomic.Uint64 // logins that took the place of earlier ones
	moved              atomic.Uint64 // sessions, to another loop
	ended              [3][session.NumKinds]atomic.Uint64

	mu            sync.Mutex
	failures      map[string]uint64 // handshakes, by cause
	loginFailures map[string]uint64 // at brokers, by cause
	idle          *sync.Cond        // active became 0
}

func (c *counters) init() {
	c.failures = make(map[string]uint64)
	c.loginFailures = make(map[string]uint64)
	c.idle = sync.NewCond(&c.mu)
}

// enter takes a connection in, unless limit are there already.
func (c *counters) enter(limit int) bool {
	if c.active.Add(1) > int64(limit) {
		c.leave()
		return false
	}
	return true
}

func (c *counters) leave() {
	if c.active.Add(-1) == 0 {
		c.mu.Lock()
		c.idle.Broadcast()
		c.mu.Unlock()
	}
}

// wait returns when no connection is left or ctx ends.
func (c *counters) wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		c.idle.Broadcast()
		c.mu.Unlock()
	})
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.active.Load() > 0 {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("engine: %d connections did not finish in time: %w", c.active.Load(), err)
		}
		c.idle.Wait()
	}
	return nil
}

// handshakeFailed counts a failure under its cause, one of a closed set.
func (c *counters) handshakeFailed(cause string) {
	c.mu.Lock()
	c.failures[cause]++
	c.mu.Unlock()
}

// ending is the one log line of a connection.
type ending struct {
	reason   session.Reason
	listener string
	remote   string
	node     int32
	user     string
	lasted   time.Duration
	toBroker uint64
	toClient uint64
}

// report accounts for the end of a session. The line is written elsewhere,
// because a loop must not wait for whoever reads the log.
func (e *Engine) report(p *pair) {
	r := p.session.Reason()
	e.counters.ended[r.Side][r.Kind].Add(1)
	e.failedLogins.note(r)
	line := ending{
		reason:   r,
		listener: p.listener.o.Name,
		remote:   p.remote.String(),
		node:     p.session.Node(),
		lasted:   time.Since(p.started),
		toBroker: p.sentBytes[session.Broker],
		toClient: p.sentBytes[session.Client],
	}
	if u := p.session.User(); u != nil {
		line.user = u.Username
	}
	select {
	case e.endings <- line:
	default:
		e.counters.lostLogLines.Add(1)
	}
}

// endingsPause is how late the line of a connection's end may be. Waking somebody
// for each costs more than writing it.
const endingsPause = 20 * time.Millisecond

func (e *Engine) logEndings() {
	for line := range e.endings {
		e.logEnding(line)
		if len(e.endings) == 0 {
			time.Sleep(endingsPause)
		}
	}
}

func (e *Engine) logEnding(line ending) {
	attrs := []any{
		"side", line.reason.Side.String(), "reason", line.reason.Kind.String(),
		"listener", line.listener, "remote", line.remote, "user", line.user, "node", line.node,
		"lasted", line.lasted.Round(time.Millisecond), "to_broker", line.toBroker, "to_client", line.toClient,
	}
	if line.reason.Cause != nil {
		attrs = append(attrs, "err", line.reason.Cause)
	}
	e.o.Log.Info("connection ended", attrs...)
}

// WriteMetrics writes the engine's figures in Prometheus' text format.
func (e *Engine) WriteMetrics(w io.Writer) {
	c := &e.counters
	metrics.WriteGaugeUint64(w, `gateway_upstream_connections_downstream`, uint64(max(0, c.active.Load())))
	metrics.WriteGaugeUint64(w, `gateway_active_connections_vcluster{vcluster="passthrough"}`, uint64(max(0, c.active.Load())))
	metrics.WriteCounterUint64(w, `gateway_connections_accepted_total`, c.accepted.Load())
	metrics.WriteCounterUint64(w, `gateway_connections_refused_total`, c.refusedConnections.Load())
	metrics.WriteCounterUint64(w, `gateway_admissions_refused_total`, c.refusedAdmissions.Load())
	metrics.WriteCounterUint64(w, `gateway_accept_failures_total`, c.acceptFailed.Load())
	metrics.WriteCounterUint64(w, `gateway_log_lines_lost_total`, c.lostLogLines.Load())
	metrics.WriteCounterUint64(w, `gateway_sessions_moved_total`, c.moved.Load())
	for side := range c.ended {
		for kind := range c.ended[side] {
			if n := c.ended[side][kind].Load(); n > 0 {
				metrics.WriteCounterUint64(w, fmt.Sprintf(`gateway_connections_ended_total{side=%q,reason=%q}`, session.Side(side), session.Kind(kind)), n)
			}
		}
	}
	e.writeHandshakes(w)
	e.writeAuthentications(w)
	e.writeLogins(w)
	e.writeLoops(w)
	e.writeAPIs(w)
}

func (e *Engine) writeHandshakes(w io.Writer) {
	metrics.WriteGaugeUint64(w, `gateway_handshakes_in_progress`, uint64(e.halfOpen.count()))
	for _, q := range []struct {
		what string
		*fairQueue
	}{{"place", e.places}, {"processor", e.turns}} {
		waiting, waits, waited := q.figures()
		metrics.WriteGaugeUint64(w, fmt.Sprintf(`gateway_handshakes_waiting{for=%q}`, q.what), uint64(waiting))
		metrics.WriteCounterUint64(w, fmt.Sprintf(`gateway_handshake_waits_total{for=%q}`, q.what), waits)
		metrics.WriteCounterFloat64(w, fmt.Sprintf(`gateway_handshake_wait_seconds_total{for=%q}`, q.what), waited.Seconds())
	}
	e.counters.mu.Lock()
	defer e.counters.mu.Unlock()
	writeByCause(w, `gateway_handshake_failures_total`, e.counters.failures)
}

// writeByCause writes a counter for each cause, in the order of their names.
func writeByCause(w io.Writer, name string, counts map[string]uint64) {
	for _, cause := range slices.Sorted(maps.Keys(counts)) {
		metrics.WriteCounterUint64(w, fmt.Sprintf(`%s{cause=%q}`, name, cause), counts[cause])
	}
}

func (e *Engine) writeLoops(w io.Writer) {
	var fromClient, fromBroker, spliced uint64
	inFlight := e.stats.InFlight.Load()
	unroutable := e.stats.Unroutable.Load()
	refused := e.stats.Refused.Load()
	for i, lp := range e.loops {
		fromClient += lp.placed.received[session.Client].Load()
		fromBroker += lp.placed.received[session.Broker].Load()
		spliced += lp.spliced.Load()
		inFlight += lp.stats.InFlight.Load()
		unroutable += lp.stats.Unroutable.Load()
		refused += lp.stats.Refused.Load()
		metrics.WriteGaugeFloat64(w, fmt.Sprintf(`gateway_loop_lag_seconds{loop="%d"}`, i), lp.lag.highest().Seconds())
		metrics.WriteGaugeUint64(w, fmt.Sprintf(`gateway_loop_sessions{loop="%d"}`, i), uint64(max(0, lp.placed.sessions.Load())))
		metrics.WriteGaugeFloat64(w, fmt.Sprintf(`gateway_loop_busy_ratio{loop="%d"}`, i), lp.placed.share())
	}
	metrics.WriteCounterUint64(w, `gateway_bytes_exchanged_total{direction="from_client"}`, fromClient)
	metrics.WriteCounterUint64(w, `gateway_bytes_exchanged_total{direction="from_broker"}`, fromBroker)
	metrics.WriteCounterUint64(w, `gateway_bytes_spliced_total`, spliced)
	metrics.WriteGaugeUint64(w, `gateway_current_inflight_requests`, uint64(max(0, inFlight)))
	metrics.WriteCounterUint64(w, `gateway_unroutable_addresses_total`, unroutable)
	metrics.WriteCounterUint64(w, `gateway_refused_requests_total`, refused)
	metrics.WriteGaugeUint64(w, `gateway_upstream_io_nodes`, uint64(len(e.o.Book.IDs())))
}

func (e *Engine) writeAPIs(w io.Writer) {
	for key := range codec.NumKeys {
		rule := codec.Lookup(int16(key))
		if rule == nil {
			continue
		}
		var requests, patched uint64
		for _, lp := range e.loops {
			requests += lp.stats.Requests[key].Load()
			patched += lp.stats.Patched[key].Load()
		}
		if requests > 0 {
			metrics.WriteCounterUint64(w, fmt.Sprintf(`gateway_requests_total{api=%q}`, rule.Name), requests)
		}
		if patched > 0 {
			metrics.WriteCounterUint64(w, fmt.Sprintf(`gateway_thread_request_rebuild_total{vcluster="passthrough",api_key=%q}`, rule.Name), patched)
		}
	}
}
