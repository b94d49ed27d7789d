package engine

import (
	"fmt"

	"github.com/postern-kafka/postern/session"
	"github.com/postern-kafka/postern/tlsterm"
)

// Revoke ends the connections of all clients that match says so of, at once:
// what waits to be sent to them is dropped. It does not wait for that; it may be
// called at any time, from any goroutine. match is called on all loops at the
// same time, and not for clients without a certificate.
//
// A connection whose handshake is over but which has not come to its loop is not
// seen here: Options.Revoked is asked about it when it does.
func (e *Engine) Revoke(match func(tlsterm.Identity) bool) {
	for _, lp := range e.loops {
		lp.do(func() {
			for p := range lp.pairs {
				if !p.identity.Anonymous() && match(p.identity) {
					p.revoke()
				}
			}
		})
	}
}

// revoked asks about a pair that has just come to its loop.
func (p *pair) revoked() bool {
	ask := p.loop.engine.o.Revoked
	return ask != nil && !p.identity.Anonymous() && ask(p.identity)
}

// revoke ends a session now: a client that takes its time to read what is left
// must not be served any longer for that.
func (p *pair) revoke() {
	defer p.guard()
	p.fail(session.Gateway, session.Revoked, fmt.Errorf("engine: the certificate of %s (serial %s) was revoked",
		p.identity.DN(), p.identity.Serial()))
	p.broker.closeNow()
	p.client.closeNow()
}
