package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/postern-kafka/postern/session"
)

// dialogue is what a client and its session say to each other before a broker is
// dialled. A loop hears the client and answers at once: what PLAIN and SCRAM compute
// is less than waking a goroutine. A message that may take long is judged by a worker,
// in its turn, and so is everything that comes of an end. One of the two has the
// dialogue, and the session with it, at a time.
type dialogue struct {
	engine *Engine
	p      *pair
	out    *session.Effects // of the session's last input
	held   []byte           // plaintext that the session has not consumed

	ctx    context.Context // ends when the login must be over, or is cut
	cancel func()
	stop   func() bool // ctx's end does not interrupt the loop any more
	hs     *handshake

	slow bool  // the message that is held is for a worker
	err  error // about the bytes, the socket or the time
}

// talking reports that a session has to hear its client before a broker is dialled.
func talking(s *session.Session) bool {
	return s.Phase() == session.Login || s.Phase() == session.Refuse
}

// converse carries a session through Login and Refuse, and on from there. The loop calls
// it. out belongs to the dialogue.
func (e *Engine) converse(p *pair, out *session.Effects) {
	timed, cancel := context.WithTimeout(e.ctx, e.o.LoginTimeout)
	ctx, cut := context.WithCancelCause(timed)
	c := &dialogue{engine: e, p: p, out: out, ctx: ctx, hs: &handshake{from: p.from, cut: cut}}
	c.cancel = func() { cut(nil); cancel() }
	e.halfOpen.add(c.hs)
	c.stop = context.AfterFunc(ctx, func() { p.loop.do(c.interrupt) })
	if e.o.Versions == nil || e.o.Versions() != nil || e.o.Refresh == nil {
		c.listen()
		return
	}
	p.aside(func() {
		if err := e.o.Refresh(ctx); err != nil {
			e.o.Log.Warn("the cluster does not say what versions it speaks", "err", err)
		}
		p.loop.do(c.listen)
	})
}

// listen has the loop hear the client.
func (c *dialogue) listen() {
	if c.err = c.ctx.Err(); c.err == nil {
		c.err = c.p.loop.add(&c.p.client)
	}
	c.p.talk = c
	c.hs.silence.begin()
	if c.err != nil {
		c.leave()
	}
}

// interrupt ends the dialogue because ctx has ended, if it is the loop's. If a worker has
// it, the worker will see.
func (c *dialogue) interrupt() {
	if c.p.talk == c {
		c.err = c.ctx.Err()
		c.leave()
	}
}

// leave gives the dialogue to a worker. The loop calls it, and does not look at the
// session any more.
func (c *dialogue) leave() {
	c.hs.silence.end()
	c.p.talk = nil
	c.p.aside(c.proceed)
}

// readable takes what the client has sent; the loop calls it.
func (c *dialogue) readable() {
	if c.hear() {
		c.onward()
	}
}

// hear reports that the client has said all that is needed.
func (c *dialogue) hear() (done bool) {
	defer func() {
		if cause := recover(); cause != nil {
			c.err = &defect{cause, debug.Stack()}
			c.leave()
		}
	}()
	b, err := c.p.client.receive()
	if len(b) == 0 && err == nil {
		return false
	}
	c.hs.silence.end()
	if err == nil {
		err = c.feed(b)
	}
	c.err = err
	switch s := c.p.session; {
	case err != nil, c.slow, s.Phase() == session.Closed:
		c.leave()
	case talking(s):
		c.hs.silence.begin()
	case !c.stop(): // its time ran out, and interrupt is on its way
		c.err = c.ctx.Err()
		c.leave()
	default:
		return true
	}
	return false
}

// onward goes on to the broker; the loop calls it. What the client has said too early is
// for the session.
func (c *dialogue) onward() {
	defer c.p.guard() // after a worker's judgement it comes as a task, which nobody guards
	c.p.talk = nil
	c.end()
	if len(c.held) > 0 {
		c.p.client.held = append(getBuffer(), c.held...)
	}
	c.engine.toBroker(c.p, c.out)
}

// end is called when nobody has to hear the client before the dial any more.
func (c *dialogue) end() {
	c.engine.halfOpen.remove(c.hs)
	c.cancel()
}

// feed takes what the socket received. Its error is about the bytes or the socket.
func (c *dialogue) feed(b []byte) error {
	sealed := c.p.client.tls
	if sealed == nil {
		c.held = append(c.held, b...)
		return c.talk(false)
	}
	// The session gets it afterwards: what it answers must not be sealed while a
	// record is being opened.
	err := sealed.Feed(b, func(plain []byte) { c.held = append(c.held, plain...) })
	if said := c.talk(false); said != nil {
		return said
	}
	if pending := sealed.Pending(nil); len(pending) > 0 {
		if err := c.write(pending); err != nil {
			return err
		}
	}
	return err
}

// talk gives the session what there is, and performs what it asks for but the dial.
// What it says at its end is not sent here. Without patience, it leaves a message
// that may take long.
func (c *dialogue) talk(patient bool) error {
	s := c.p.session
	for len(c.held) > 0 && talking(s) {
		mechanism, message := s.Pending(c.held)
		if c.slow = !patient && message != nil && c.engine.o.Slow != nil && c.engine.o.Slow(mechanism, message); c.slow {
			return nil
		}
		c.out.Now = time.Now()
		n := s.FromClient(firstFrame(c.held), c.out)
		c.held = c.held[n:]
		if s.Phase() == session.Closed {
			return nil
		}
		if err := c.send(); err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// firstFrame is b without what follows its first frame: the next message may be a slow
// one, which is not seen before this one is taken.
func firstFrame(b []byte) []byte {
	if len(b) >= 4 {
		if size := int64(int32(binary.BigEndian.Uint32(b))) + 4; size >= 4 && size < int64(len(b)) {
			return b[:size]
		}
	}
	return b
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
	return c.write(wire)
}

// errDeaf: what a login is answered fits any socket's buffer many times.
var errDeaf = errors.New("engine: the client does not take the answers to its login")

func (c *dialogue) write(wire []byte) error {
	if len(wire) == 0 {
		return nil
	}
	n, err := writeOnce(c.p.client.fd, wire)
	if err == nil && n < len(wire) {
		err = errDeaf
	}
	return err
}

// defect is what a panic on the loop left.
type defect struct {
	cause any
	stack []byte
}

func (d *defect) Error() string { return fmt.Sprint("engine: panic: ", d.cause) }

// proceed is what a worker does with a dialogue that its loop has left.
func (c *dialogue) proceed() {
	over := true
	defer func() {
		if over {
			c.end()
		}
	}()
	if c.slow && c.err == nil {
		if c.err = c.judge(); c.err == nil && talking(c.p.session) {
			over = false
			c.p.loop.do(c.listen)
			return
		}
	}
	c.stop()
	// Who waits for ctx may hear of its end before what it starts is begun.
	if c.err == nil {
		c.err = c.ctx.Err()
	}
	if c.err != nil && c.p.session.Phase() != session.Closed {
		c.fail(c.err)
	}
	if c.p.session.Phase() == session.Closed {
		c.part()
		return
	}
	over = false
	c.p.loop.do(c.onward)
}

// judge has the session take a message that may take long, in its turn, after what the
// mechanism may wait for.
func (c *dialogue) judge() error {
	e := c.engine
	if mechanism, message := c.p.session.Pending(c.held); message != nil && e.o.Prepare != nil {
		e.o.Prepare(c.ctx, mechanism, message)
	}
	if err := c.ctx.Err(); err != nil {
		return err
	}
	turn, err := e.turns.ask(c.p.from, goingOn)
	if err == nil {
		err = turn.wait(c.ctx)
	}
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return errNoTurn
		}
		return err
	}
	defer turn.release()
	c.slow = false
	return c.talk(true)
}

// fail ends the session for what went wrong around it.
func (c *dialogue) fail(err error) {
	s := c.p.session
	cause := context.Cause(c.ctx)
	var broken *defect
	switch {
	case errors.As(err, &broken):
		c.engine.o.Log.Error("a defect ended a login", "panic", broken.cause, "stack", string(broken.stack))
		s.Fail(session.Gateway, session.Bug, err, c.out)
	case c.engine.stopping.Load():
		s.StartDrain(c.out)
	case errors.Is(cause, errCut):
		s.Fail(session.Gateway, session.Overload, errCut, c.out)
	case errors.Is(err, errNoTurn):
		s.Fail(session.Gateway, session.Overload, errNoTurn, c.out)
	case errors.Is(cause, context.DeadlineExceeded):
		s.Fail(session.Client, session.LoginTime, fmt.Errorf("engine: no login within %v", c.engine.o.LoginTimeout), c.out)
	case errors.Is(err, errDeaf):
		s.Fail(session.Client, session.TooSlow, err, c.out)
	case errors.Is(err, io.EOF) && c.p.client.tls != nil && !c.p.client.tls.Closed():
		s.Fail(session.Client, session.Truncated, nil, c.out)
	case errors.Is(err, io.EOF):
		s.Ended(session.Client, nil, c.out)
	case errors.As(err, new(*os.SyscallError)):
		s.Ended(session.Client, err, c.out)
	default:
		s.Fail(session.Client, session.TLS, err, c.out)
	}
}

// part says the last words, if there are any, and ends the connection.
func (c *dialogue) part() {
	if c.repent() {
		_ = c.send() // whoever is gone need not hear it
	}
	c.engine.scratch.Put(c.out)
	c.engine.farewell(c.p)
}

// repent waits before a failed login is answered, without a turn and without a place.
// It reports false if it is not to be answered, because too many others of the same
// address wait.
func (c *dialogue) repent() bool {
	if !errors.As(c.p.session.Reason().Cause, new(*session.LoginError)) {
		return true
	}
	e := c.engine
	c.p.place.release()
	e.halfOpen.remove(c.hs)
	if !e.penance.enter(c.p.from) {
		return false
	}
	defer e.penance.leave(c.p.from)
	select {
	case <-time.After(jittered(e.o.LoginFailureDelay)):
	case <-e.stop:
	}
	return true
}
