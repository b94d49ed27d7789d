package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/VictoriaMetrics/metrics"

	"github.com/postern-kafka/postern/session"
)

// dialogue is what a client and its session say to each other before a broker is
// dialled, on a socket that blocks. It computes in its turn, as handshakes do.
type dialogue struct {
	engine *Engine
	p      *pair
	conn   *net.TCPConn
	place  *permit
	ctx    context.Context
	hs     *handshake
	paced  *turnConn
	unwind func() bool // ctx's end does not end the waits for the socket any more
	out    *session.Effects
	held   []byte // plaintext that the session has not consumed
}

// dialogueBuffer is how much is read at once.
const dialogueBuffer = 4 << 10

// talking reports that a session has to hear its client before a broker is dialled.
func talking(s *session.Session) bool {
	return s.Phase() == session.Login || s.Phase() == session.Refuse
}

// converse carries a session through Login and Refuse. out is that of the last input
// afterwards; what was sent for it is on its way, the dial is not made.
func (e *Engine) converse(p *pair, conn *net.TCPConn, place *permit, out *session.Effects) {
	timed, cancel := context.WithTimeout(e.ctx, e.o.LoginTimeout)
	defer cancel()
	ctx, cut := context.WithCancelCause(timed)
	defer cut(nil)
	hs := &handshake{from: p.from, cut: cut}
	e.halfOpen.add(hs)
	defer e.halfOpen.remove(hs)
	c := &dialogue{engine: e, p: p, conn: conn, place: place, ctx: ctx, hs: hs, out: out}
	if err := c.run(); err != nil && p.session.Phase() != session.Closed {
		c.fail(err)
	}
	if p.session.Phase() != session.Closed && len(c.held) > 0 {
		p.client.held = append(getBuffer(), c.held...)
	}
}

func (c *dialogue) run() error {
	e := c.engine
	if e.o.Versions != nil && e.o.Versions() == nil && e.o.Refresh != nil {
		if err := e.o.Refresh(c.ctx); err != nil {
			e.o.Log.Warn("the cluster does not say what versions it speaks", "err", err)
		}
	}
	var err error
	if c.paced, err = newTurnConn(c.ctx, c.conn, e.turns, c.p.from); err != nil {
		return err
	}
	defer c.paced.release()
	c.paced.kind, c.paced.silence = goingOn, &c.hs.silence
	deadline, _ := c.ctx.Deadline()
	if err := c.conn.SetDeadline(deadline); err != nil {
		return err
	}
	// A deadline in the past ends every wait for the socket.
	c.unwind = context.AfterFunc(c.ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	defer c.unwind()
	buf := make([]byte, dialogueBuffer)
	for talking(c.p.session) {
		n, err := c.paced.Read(buf)
		if err == nil {
			err = c.feed(buf[:n])
		}
		if err != nil {
			return err
		}
	}
	if c.p.session.Phase() == session.Closed {
		return nil
	}
	if !c.unwind() {
		return c.ctx.Err()
	}
	return c.conn.SetDeadline(time.Time{})
}

// feed takes what the socket received. Its error is about the bytes or the socket.
func (c *dialogue) feed(b []byte) error {
	sealed := c.p.client.tls
	if sealed == nil {
		c.held = append(c.held, b...)
		return c.talk()
	}
	// The session gets it afterwards: what it answers must not be sealed while a
	// record is being opened.
	err := sealed.Feed(b, func(plain []byte) { c.held = append(c.held, plain...) })
	if said := c.talk(); said != nil {
		return said
	}
	if pending := sealed.Pending(nil); len(pending) > 0 {
		if _, err := c.conn.Write(pending); err != nil {
			return err
		}
	}
	return err
}

// talk gives the session what there is, and performs what it asks for but the dial.
func (c *dialogue) talk() error {
	s := c.p.session
	for len(c.held) > 0 && talking(s) {
		c.prepare()
		c.out.Now = time.Now()
		n := s.FromClient(c.held, c.out)
		c.held = c.held[n:]
		if s.Phase() == session.Closed && !c.repent() {
			return nil
		}
		if err := c.send(); err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// prepare lets the mechanism fetch what it needs for the message to come, without a
// turn: it may take a while.
func (c *dialogue) prepare() {
	if c.engine.o.Prepare == nil {
		return
	}
	if mechanism, message := c.p.session.Pending(c.held); message != nil {
		c.paced.release()
		c.engine.o.Prepare(c.ctx, mechanism, message)
	}
}

// send writes what the session wants sent.
func (c *dialogue) send() error {
	var wire []byte
	for _, fx := range c.out.List() {
		if fx.Kind != session.Send {
			continue
		}
		for _, b := range fx.Segments {
			c.p.sentBytes[session.Client] += uint64(len(b))
			if c.p.client.tls == nil {
				wire = append(wire, b...)
				continue
			}
			var err error
			if wire, err = c.p.client.tls.Seal(wire, b); err != nil {
				return err
			}
		}
	}
	if len(wire) == 0 {
		return nil
	}
	_, err := c.conn.Write(wire)
	return err
}

// fail ends the session for what went wrong around it.
func (c *dialogue) fail(err error) {
	s := c.p.session
	cause := context.Cause(c.ctx)
	switch {
	case c.engine.stopping.Load():
		s.StartDrain(c.out)
	case errors.Is(cause, errCut):
		s.Fail(session.Gateway, session.Overload, errCut, c.out)
	case c.paced != nil && c.paced.starved:
		s.Fail(session.Gateway, session.Overload, errNoTurn, c.out)
	case errors.Is(cause, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		s.Fail(session.Client, session.LoginTime, fmt.Errorf("engine: no login within %v", c.engine.o.LoginTimeout), c.out)
	case errors.Is(err, io.EOF) && c.p.client.tls != nil && !c.p.client.tls.Closed():
		s.Fail(session.Client, session.Truncated, nil, c.out)
	case errors.Is(err, io.EOF):
		s.Ended(session.Client, nil, c.out)
	case errors.As(err, new(*net.OpError)), errors.As(err, new(*os.SyscallError)):
		s.Ended(session.Client, err, c.out)
	default:
		s.Fail(session.Client, session.TLS, err, c.out)
	}
}

// repent waits before a failed login is answered, without a turn and without a place.
// It reports false if it is not to be answered, because too many others of the same
// address wait.
func (c *dialogue) repent() bool {
	if !errors.As(c.p.session.Reason().Cause, new(*session.LoginError)) {
		return true
	}
	e := c.engine
	c.paced.release()
	c.place.release()
	e.halfOpen.remove(c.hs)
	c.unwind() // the login's time does not count any more
	if !e.penance.enter(c.p.from) {
		return false
	}
	defer e.penance.leave(c.p.from)
	select {
	case <-time.After(jittered(e.o.LoginFailureDelay)):
	case <-e.stop:
	}
	_ = c.conn.SetDeadline(time.Now().Add(hangUpTime)) // for the answer; Write tells
	return true
}

// jittered is d, a fifth more or less, so that those who failed together do not come
// again together.
func jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// penance counts the clients that wait for the answer to a failed login.
type penance struct {
	most    int // of one origin
	mu      sync.Mutex
	waiting map[origin]int
	dropped atomic.Uint64
}

func (q *penance) enter(from origin) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting[from] >= q.most {
		q.dropped.Add(1)
		return false
	}
	if q.waiting == nil {
		q.waiting = make(map[origin]int)
	}
	q.waiting[from]++
	return true
}

func (q *penance) leave(from origin) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting[from]--; q.waiting[from] == 0 {
		delete(q.waiting, from)
	}
}

func (q *penance) count() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, k := range q.waiting {
		n += k
	}
	return n
}

// awaitRelay ends a session whose login a broker has not accepted in time. It is
// called on the loop.
func (p *pair) awaitRelay() {
	if p.session.Phase() != session.Relay {
		return
	}
	lp := p.loop
	limit := lp.engine.o.LoginTimeout
	p.relaying = time.AfterFunc(limit, func() {
		lp.do(func() {
			defer p.guard()
			if !p.finished && p.session.Phase() == session.Relay {
				p.fail(session.Client, session.LoginTime, fmt.Errorf("engine: no login within %v", limit))
				p.flush()
			}
		})
	})
}

const (
	// maxFailedUsers is how many names of users the metrics tell apart; the rest is
	// one. Anybody can make names up.
	maxFailedUsers = 1000
	// maxFailedUser is how much of a name is a label.
	maxFailedUser = 64
	otherUsers    = "other"
)

// failedLogins counts failed logins of clients.
type failedLogins struct {
	mu     sync.Mutex
	users  map[string]uint64
	causes map[failedLogin]uint64
}

type failedLogin struct{ mechanism, cause string }

// note counts the end of a session, if it is for a login.
func (f *failedLogins) note(r session.Reason) {
	var e *session.LoginError
	if !errors.As(r.Cause, &e) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users == nil {
		f.users, f.causes = make(map[string]uint64), make(map[failedLogin]uint64)
	}
	user := userLabel(e.User)
	if _, known := f.users[user]; !known && len(f.users) >= maxFailedUsers {
		user = otherUsers
	}
	f.users[user]++
	f.causes[failedLogin{e.Mechanism, e.Cause}]++
}

func userLabel(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '"' || r == '\\' || r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
	for i := range clean {
		if i > maxFailedUser {
			return clean[:i]
		}
	}
	return clean
}

// writeAuthentications writes the figures of the clients' logins.
func (e *Engine) writeAuthentications(w io.Writer) {
	var logins, anew uint64
	logins, anew = e.stats.Logins.Load(), e.stats.LoginsAnew.Load()
	for _, lp := range e.loops {
		logins, anew = logins+lp.stats.Logins.Load(), anew+lp.stats.LoginsAnew.Load()
	}
	metrics.WriteCounterUint64(w, `gateway_authentications_total`, logins)
	metrics.WriteCounterUint64(w, `gateway_reauthentications_total`, anew)
	metrics.WriteGaugeUint64(w, `gateway_failed_authentications_waiting`, uint64(e.penance.count()))
	metrics.WriteCounterUint64(w, `gateway_failed_authentications_unanswered_total`, e.penance.dropped.Load())
	f := &e.failedLogins
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, user := range slices.Sorted(maps.Keys(f.users)) {
		metrics.WriteCounterUint64(w, `gateway_failed_authentications_total{user="`+user+`"}`, f.users[user])
	}
	causes := slices.SortedFunc(maps.Keys(f.causes), func(a, b failedLogin) int {
		return cmp.Or(strings.Compare(a.mechanism, b.mechanism), strings.Compare(a.cause, b.cause))
	})
	for _, c := range causes {
		metrics.WriteCounterUint64(w, fmt.Sprintf(`gateway_authentication_failures_total{mechanism=%q,cause=%q}`, c.mechanism, c.cause), f.causes[c])
	}
}
