package session

import (
	"fmt"

	"github.com/postern-kafka/postern/codec"
)

// An established session logs in anew before its login expires (KIP-368). The gateway
// answers in the order of the ring: what is in flight is answered first.

// takeLogin takes a SaslHandshake or SaslAuthenticate of an established session.
func (s *Session) takeLogin(b []byte, h codec.Head, out *Effects) (int, bool, error) {
	if len(s.ready) >= maxReady {
		s.held = true
		return 0, false, nil
	}
	if h.Size <= loginFrame && len(b) < h.Size {
		return 0, false, nil
	}
	frame := b[:min(len(b), h.Size)]
	var answer []byte
	var last *Reason
	var err error
	switch {
	case h.Size > loginFrame || !codec.Lookup(h.Key).Audited(h.Version):
		answer, last = s.notNow(h, fmt.Sprintf("%s version %d of %d bytes is not supported", nameOf(h.Key), h.Version, h.Size-4))
	case s.login == nil:
		answer = appendNotNow(h, "this listener has no SASL")
	case h.Key == keySaslHandshake:
		answer, last, err = s.handshakeAnew(h, frame, out)
	default:
		answer, last, err = s.proveAnew(h, frame, out)
	}
	if err != nil {
		return 0, false, err
	}
	out.Stats.counted(h.Key)
	s.ready = append(s.ready, answer)
	s.parting = last
	s.push(h, localReady, out)
	return len(frame), true, nil
}

// appendNotNow is ILLEGAL_SASL_STATE in the form of h's API.
func appendNotNow(h codec.Head, text string) []byte {
	if h.Key == keySaslHandshake {
		return codec.AppendSaslHandshake(nil, h, codec.ErrCodeSaslState, nil)
	}
	return codec.AppendSaslAuthenticate(nil, codec.Head{Key: h.Key, Version: min(h.Version, codec.Lookup(h.Key).Max), Corr: h.Corr},
		codec.ErrCodeSaslState, text, nil, 0)
}

// notNow ends the session with appendNotNow.
func (s *Session) notNow(h codec.Head, text string) (answer []byte, last *Reason) {
	return appendNotNow(h, text), &Reason{Client, IllegalState, s.loginState().failed(causeState, text)}
}

func (s *Session) handshakeAnew(h codec.Head, frame []byte, out *Effects) (answer []byte, last *Reason, err error) {
	l := s.login
	names := l.sasl.Mechanisms.Names()
	mechanism, err := codec.SaslHandshakeMechanism(h, frame)
	switch {
	case err != nil:
		return nil, nil, err
	case l.exchange != nil:
		answer, last = s.notNow(h, "SaslHandshake in the midst of an authentication")
		return answer, last, nil
	case h.Version == 0:
		answer, last = s.notNow(h, "an established session authenticates anew with SaslHandshake version 1")
		return answer, last, nil
	case !l.began.IsZero() && out.Now.Sub(l.began) < reauthPause:
		return codec.AppendSaslHandshake(nil, h, codec.ErrCodeSaslState, names), nil, nil
	}
	l.began = out.Now
	if failure := l.begin(mechanism); failure != nil {
		return codec.AppendSaslHandshake(nil, h, codec.ErrCodeMechanism, names), &Reason{Client, BadLogin, failure}, nil
	}
	return codec.AppendSaslHandshake(nil, h, 0, names), nil, nil
}

func (s *Session) proveAnew(h codec.Head, frame []byte, out *Effects) (answer []byte, last *Reason, err error) {
	l := s.login
	if l.exchange == nil {
		answer, last = s.notNow(h, "SaslAuthenticate without SaslHandshake")
		return answer, last, nil
	}
	message, err := codec.SaslAuthenticateBytes(h, frame)
	if err != nil {
		return nil, nil, err
	}
	fail := func(reply []byte, kind Kind, cause *LoginError) ([]byte, *Reason, error) {
		if cause.Passing != Lasting {
			return nil, &Reason{Client, kind, cause}, nil
		}
		return codec.AppendSaslAuthenticate(nil, h, codec.ErrCodeAuthentication, cause.Text, reply, 0), &Reason{Client, kind, cause}, nil
	}
	if l.mechanism != l.proven.Mechanism {
		return fail(nil, BadLogin, l.failed(causeChanged, fmt.Sprintf("Authentication failed: the mechanism changed from %s to %s on an established session", l.proven.Mechanism, l.mechanism)))
	}
	l.observe(message)
	reply, done, err := l.exchange.Step(message, out.Now)
	if err != nil {
		return fail(reply, BadLogin, l.failedBy(err))
	}
	if !done {
		return codec.AppendSaslAuthenticate(nil, h, 0, "", reply, 0), nil, nil
	}
	proven := l.exchange.Proven()
	proven.Mechanism = l.mechanism
	user, err := s.resolve(proven)
	switch {
	case err != nil:
		return fail(nil, NoVCluster, l.failed(causeVCluster, noVClusterText(proven.Principal)))
	case proven.Principal != l.proven.Principal:
		return fail(nil, BadLogin, l.failed(causeChanged, fmt.Sprintf("Authentication failed: the principal changed from %s to %s on an established session", l.proven.Principal, proven.Principal)))
	case user.Username != s.user.Username || user.VCluster != s.user.VCluster:
		return fail(nil, BadLogin, l.failed(causeChanged, "Authentication failed: the principal is mapped to another user since this session began; connect again"))
	}
	out.Stats.LoginsAnew.Add(1)
	millis := int64(0)
	l.expires, millis = l.lifetime(proven, out.Now)
	l.exchange, l.observer, l.proven, s.user = nil, nil, proven, user
	return codec.AppendSaslAuthenticate(nil, h, 0, "", reply, millis), nil, nil
}

// takeMidLogin takes a request in the midst of a login anew, where it has no place.
func (s *Session) takeMidLogin(b []byte, h codec.Head, out *Effects) (int, bool, error) {
	if h.Size <= loginFrame && len(b) < h.Size {
		return 0, false, nil
	}
	frame := b[:min(len(b), h.Size)]
	cause := s.login.failed(causeState, illegalText(h))
	out.Stats.Refused.Add(1)
	s.ready = append(s.ready, codec.AppendRefusal(nil, h, frame, codec.ErrCodeSaslState, cause.Text))
	s.parting = &Reason{Client, IllegalState, cause}
	s.push(h, localReady, out)
	return len(frame), true, nil
}

// expired reports that the login does not hold any more.
func (l *login) expired(out *Effects) bool {
	return !l.expires.IsZero() && !out.Now.Before(l.expires)
}
