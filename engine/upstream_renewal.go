package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/session"
)

// A broker may want to see another login after a time (KIP-368). Then the
// session is paused, and when nothing is under way any more, a login takes the
// place of the earlier one on the same connection; the session goes on and its
// client has noticed a pause. What a client asked before was taken before, and
// until the login is done the broker gets nothing else.

// relogin is a login that takes the place of an earlier one. It is owned by the
// loop, but for login, which is used by one goroutine after the other.
type relogin struct {
	login Login
	first []byte // what it begins with
	asked bool   // it has begun: what the broker sends is for it
	began time.Time
	limit *time.Timer
	in    []byte // from the broker, not given to login yet
	busy  bool   // login is at work elsewhere
}

// renewalOf is when a login that began at began must be renewed; zero for never.
// Clients of Kafka renew after 85 to 95 %. Here it is earlier, for the session
// must fall quiet first, and connections that were made together are not to be
// paused together.
func renewalOf(login Login, began time.Time) time.Time {
	life := login.Lifetime()
	if life <= 0 {
		return time.Time{}
	}
	return began.Add(time.Duration(float64(life) * (0.70 + 0.15*rand.Float64())))
}

// renew sees to it that the login is renewed in time. It is called on the loop.
func (p *pair) renew() {
	if p.renewal.IsZero() {
		return
	}
	user := p.session.User()
	p.renewing = time.AfterFunc(time.Until(p.renewal), func() {
		login, first, err := p.loop.engine.beginAgain(user)
		p.loop.do(func() { p.pauseForLogin(login, first, err) })
	})
}

// Renewing reports whether what BrokerLogin is asked for with ctx is to take the
// place of an earlier login. Nobody waits for that, and it should live long.
func Renewing(ctx context.Context) bool {
	renewing, _ := ctx.Value(renewingKey{}).(bool)
	return renewing
}

type renewingKey struct{}

// beginAgain begins a login that renews another.
func (e *Engine) beginAgain(user *mapping.User) (login Login, first []byte, err error) {
	ctx, cancel := context.WithTimeout(context.WithValue(e.ctx, renewingKey{}, true), e.o.DialTimeout)
	defer cancel()
	defer e.defective(&err)
	if login, err = e.o.BrokerLogin(ctx, user); err != nil {
		e.counters.loginFailed(loginCause(ctx, err))
		return nil, nil, err
	}
	login.Again()
	first, _, err = login.Next(nil)
	return login, first, err
}

// defective makes a defect of a login an error; it is deferred.
func (e *Engine) defective(err *error) {
	if cause := recover(); cause != nil {
		e.o.Log.Error("a defect ended a login", "panic", cause, "stack", string(debug.Stack()))
		*err = fmt.Errorf("engine: panic: %v", cause)
	}
}

// pauseForLogin waits for the session to fall quiet. When there is nothing to log
// in with, the session ends in good order: its client connects again, and hears
// then what is wrong.
func (p *pair) pauseForLogin(login Login, first []byte, err error) {
	defer p.guard()
	if p.finished || p.session.Phase() != session.Forward {
		return
	}
	if err != nil {
		p.loop.engine.o.Log.Warn("a login at a broker cannot be renewed", "err", err)
		p.drain()
		return
	}
	p.renewed = &relogin{login: login, first: first}
	p.session.Pause(true)
	p.flush()
}

// renewWhenQuiet begins the login that waits, when nothing is under way.
func (p *pair) renewWhenQuiet() {
	r := p.renewed
	if r == nil || r.asked || !p.session.Quiet() || len(p.broker.held) > 0 {
		return
	}
	r.asked, r.began = true, time.Now()
	r.limit = time.AfterFunc(p.loop.engine.o.DialTimeout, func() {
		p.loop.do(func() { r.step(p, nil, false, errLoginTime) })
	})
	p.broker.send([][]byte{r.first})
	p.broker.flush()
}

var errLoginTime = fmt.Errorf("engine: the broker does not answer a login: %w", context.DeadlineExceeded)

// take takes what the broker sent.
func (r *relogin) take(p *pair, plain []byte) {
	if len(r.in)+len(plain) > heldLimit {
		p.fail(session.Broker, session.Overload, errHeldLimit)
		return
	}
	r.in = append(r.in, plain...)
	r.think(p)
}

// think gives the login what has come. Keys may have to be derived, for
// milliseconds, which is no work for a loop.
func (r *relogin) think(p *pair) {
	if r.busy || len(r.in) == 0 {
		return
	}
	b := r.in
	r.in, r.busy = nil, true
	go func() {
		send, done, err := r.next(p.loop.engine, b)
		p.loop.do(func() {
			r.busy = false
			r.step(p, send, done, err)
		})
	}()
}

// next is the login's, with a defect of it made an error.
func (r *relogin) next(e *Engine, b []byte) (send []byte, done bool, err error) {
	defer e.defective(&err)
	return r.login.Next(b)
}

// step is what came of the login's thoughts.
func (r *relogin) step(p *pair, send []byte, done bool, err error) {
	defer p.guard()
	if p.finished || p.renewed != r {
		return
	}
	if done && len(r.in) > 0 {
		err = errors.New("engine: the broker sent more than a login needs")
	}
	switch {
	case err != nil:
		p.loop.engine.counters.loginFailed(loginCause(context.Background(), err))
		p.fail(session.Broker, session.Dial, fmt.Errorf("engine: renewing the login: %w", err))
	case done:
		r.finish(p)
	default:
		if len(send) > 0 {
			p.broker.send([][]byte{send})
		}
		r.think(p)
	}
	p.flush()
}

// finish lets the session go on.
func (r *relogin) finish(p *pair) {
	p.named = p.named || !r.limit.Stop()
	p.renewed, p.renewing = nil, nil
	p.loop.engine.counters.renewed.Add(1)
	p.renewal = renewalOf(r.login, r.began)
	p.renew()
	p.session.Pause(false)
	p.resume(&p.client)
}

// stopRenewal is for a session that is over.
func (p *pair) stopRenewal() {
	if p.renewing != nil {
		p.renewing.Stop()
	}
	if p.renewed != nil && p.renewed.limit != nil {
		p.renewed.limit.Stop()
	}
}
