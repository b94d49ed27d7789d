package engine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/postern-kafka/postern/codec"
	"github.com/postern-kafka/postern/session"
	"github.com/postern-kafka/postern/tlsterm"
)

// heldLimit bounds what one side may leave unconsumed: a whole frame that is
// decoded, and what was on its way when reading was paused.
const heldLimit = codec.DecodeLimit + 1<<20

// joinStep is how much is put behind unconsumed bytes at first, so that a few
// bytes of a frame's head do not cause a whole read to be copied.
const joinStep = 4 << 10

// pair is the two sockets of a session and the session, on one loop.
type pair struct {
	loop      *loop
	listener  *listener
	session   *session.Session
	client    link
	broker    link
	entered   bool // both sockets are watched by the loop
	finished  bool
	forgotten bool

	window uint32 // the loop's, when it last had an event
	events uint32 // on this loop, up to known
	stays  uint32 // it is not given to another loop again before that window
	named  bool   // a timer that could not be stopped may still call its loop

	place   *permit     // until it has entered
	node    int32       // that the session asked for
	talk    *dialogue   // before a broker is dialled; nil afterwards
	dialing *time.Timer // ends the wait for the broker's socket

	started   time.Time
	remote    net.Addr
	from      origin // of remote; its handshakes take turns with others'
	identity  tlsterm.Identity
	sentBytes [2]uint64   // plaintext sent to each side
	renewal   time.Time   // when the login at the broker must be renewed; zero: never
	renewing  *time.Timer // has a renewal begin; nil if none is due
	renewed   *relogin    // under way
	relaying  *time.Timer // ends a session whose login a broker decides
}

func newPair(ln *listener, s *session.Session, remote net.Addr, now time.Time) *pair {
	p := &pair{listener: ln, session: s, remote: remote, started: now}
	p.client = link{pair: p, side: session.Client, fd: unheld}
	p.broker = link{pair: p, side: session.Broker, fd: unheld}
	for _, l := range []*link{&p.client, &p.broker} {
		l.feed = func(plain []byte) { p.input(l, plain) }
	}
	return p
}

func (p *pair) peer(l *link) *link {
	if l.side == session.Client {
		return &p.broker
	}
	return &p.client
}

// enter is the first that happens to a session on its loop. err is why its sockets
// could not be taken over.
func (p *pair) enter(err error) {
	defer p.guard()
	for _, l := range []*link{&p.client, &p.broker} {
		if err == nil {
			err = p.loop.add(l)
		}
	}
	if err != nil {
		p.fail(session.Gateway, session.Overload, fmt.Errorf("engine: taking the sockets over: %w", err))
		p.broker.closeNow()
		p.client.closeNow()
		return
	}
	p.entered = true
	p.admitted()
	p.loop.pairs[p] = struct{}{}
	if p.revoked() { // since its handshake; from here on Revoke sees it
		p.revoke()
		return
	}
	p.renew()
	p.awaitRelay()
	p.resume(&p.client)
	p.resume(&p.broker)
	p.flush()
}

// traffic takes what a socket received. b may be decrypted in place.
func (p *pair) traffic(l *link, b []byte) {
	if p.finished {
		return
	}
	p.stir()
	p.loop.placed.note(int(l.side), len(b))
	if l.tls == nil {
		p.input(l, b)
	} else if err := l.tls.Feed(b, l.feed); err != nil {
		p.flush()
		if errors.Is(err, io.EOF) {
			l.eof = true
			p.ended(l.side, nil)
		} else {
			p.fail(l.side, session.TLS, err)
		}
	}
	p.flush()
}

// flush sends what the event produced and adjusts who is read from.
func (p *pair) flush() {
	p.broker.flush()
	p.client.flush()
	p.balance()
}

// input gives plaintext to the session and keeps what it does not consume.
func (p *pair) input(l *link, plain []byte) {
	if p.finished {
		return
	}
	if l.side == session.Broker && p.renewed != nil && p.renewed.asked {
		p.renewed.take(p, plain)
		return
	}
	if len(l.held) > 0 {
		before := len(l.held)
		step := min(joinStep, len(plain))
		l.held = append(l.held, plain[:step]...)
		n := p.pump(l, l.held)
		if n < before {
			l.keep(l.held[n:])
			p.hold(l, plain[step:])
			if len(plain) > step {
				p.resume(l)
			}
			return
		}
		l.keep(nil)
		plain = plain[n-before:]
	}
	n := p.pump(l, plain)
	l.keep(plain[n:])
}

// hold keeps plaintext for later.
func (p *pair) hold(l *link, plain []byte) {
	if len(l.held)+len(plain) > heldLimit {
		p.fail(l.side, session.Overload, errHeldLimit)
		return
	}
	if l.held == nil {
		l.held = getBuffer()
	}
	l.held = append(l.held, plain...)
}

var errHeldLimit = errors.New("engine: too many bytes of one side wait to be taken")

// resume offers the session again what it did not consume before.
func (p *pair) resume(l *link) {
	if len(l.held) > 0 && !p.finished {
		n := p.pump(l, l.held)
		l.keep(l.held[n:])
	}
}

// pump feeds the session until it consumes no more, and performs what it asks
// for.
func (p *pair) pump(l *link, b []byte) (n int) {
	out := &p.loop.effects
	if p.session.Timed() {
		out.Now = time.Now()
	}
	for n < len(b) && !p.finished {
		var k int
		if l.side == session.Client {
			k = p.session.FromClient(b[n:], out)
		} else {
			k = p.session.FromBroker(b[n:], out)
		}
		n += k
		p.perform(out)
		if k == 0 {
			break
		}
	}
	return n
}

// perform is the only switch over the kinds of effect.
func (p *pair) perform(out *session.Effects) {
	for _, fx := range out.List() {
		if p.finished { // a write failed, and its end took the place of out
			return
		}
		switch fx.Kind {
		case session.Send:
			if fx.Side == session.Client {
				p.client.send(fx.Segments)
			} else {
				p.broker.send(fx.Segments)
			}
		case session.Learn:
			p.loop.engine.learn(fx.Nodes)
		case session.Close:
			p.finish()
		case session.DialBroker: // performed in admission.go, before the loop
		}
	}
}

// balance pauses the side whose bytes have nowhere to go, and takes up what
// was held back.
func (p *pair) balance() {
	if p.finished || !p.entered {
		return
	}
	p.renewWhenQuiet()
	if p.session.Held() && p.session.InFlight() <= p.loop.engine.o.MaxInFlight/2 {
		p.resume(&p.client)
		p.broker.flush()
		if p.finished {
			return
		}
	}
	p.pauseFor(&p.client, p.session.Held())
	p.pauseFor(&p.broker, false)
}

func (p *pair) pauseFor(l *link, held bool) {
	waiting := p.peer(l).waiting()
	switch {
	case held || waiting > highMark:
		l.read(false)
	case waiting <= lowMark:
		l.read(true)
	}
}

// ended tells the session that a socket is gone.
func (p *pair) ended(side session.Side, err error) {
	if p.finished {
		return
	}
	p.session.Ended(side, err, &p.loop.effects)
	p.perform(&p.loop.effects)
}

// fail ends the session for a cause that the engine found.
func (p *pair) fail(side session.Side, kind session.Kind, err error) {
	if p.finished {
		return
	}
	p.session.Fail(side, kind, err, &p.loop.effects)
	p.perform(&p.loop.effects)
}

// drain asks the session to take nothing new.
func (p *pair) drain() {
	if p.finished {
		return
	}
	p.session.StartDrain(&p.loop.effects)
	p.perform(&p.loop.effects)
	p.flush()
}

// finish closes both sockets after what was sent before is flushed.
func (p *pair) finish() {
	if p.finished {
		return
	}
	p.broker.flush()
	p.client.flush()
	p.finished = true
	p.loop.engine.report(p) // before the last socket closes, so that nobody sees it gone and not accounted for
	p.broker.end()
	p.client.end()
}

// unanswered reports that the broker ended before the client had a first
// answer. An orderly end there makes franz-go believe in a wrong configuration
// and give records up (its ErrFirstReadEOF); a reset is tried again.
func (p *pair) unanswered() bool {
	return p.session.Reason().Side == session.Broker && p.sentBytes[session.Client] == 0
}

// closed is the last event of each socket.
func (p *pair) closed(l *link, err error) {
	l.closed, l.eof = true, true
	switch {
	case !errors.Is(err, io.EOF):
		p.ended(l.side, err)
	case l.tls != nil && !l.tls.Closed():
		p.fail(l.side, session.Truncated, nil)
	default:
		p.ended(l.side, nil)
	}
	l.dropOut()
	l.keep(nil)
	if l.tls != nil {
		l.tls.Release()
		l.tls = nil
	}
	if p.client.closed && p.broker.closed {
		p.loop.forget(p)
	}
}
