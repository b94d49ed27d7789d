package session

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/postern-kafka/postern/codec"
	"github.com/postern-kafka/postern/mapping"
)

// While a broker decides who the client is, what the two say to each other passes
// whole frame by whole frame, and who the client says it is is read from it. The
// session goes on when the broker has accepted as many messages as the mechanism has;
// where it does not fix their number, when the client goes on: a broker that has not
// accepted it ends the connection at that.

// unseenText is what the original says.
const unseenText = "Gateway can't detect principal from your authorization exchange. Please contact your administrator"

// relayStep passes one request, or one message without a header, on to the broker.
func (s *Session) relayStep(b []byte, out *Effects) int {
	l := s.login
	if l.asked {
		s.held = len(b) > 0
		return 0
	}
	if l.raw {
		return s.relayRaw(b, out)
	}
	h, frame, ok := s.early(b, out)
	switch {
	case !ok:
		return 0
	case h.Size > loginFrame:
		s.loginTooLarge(h, frame, out)
		return len(frame)
	case h.Key == keyApiVersions && !l.mayHaveEnded():
		if h.Version > codec.Lookup(h.Key).Max {
			out.Stats.counted(h.Key)
			s.push(h, localVersions, out)
			s.answerLocally(out)
			return len(frame)
		}
	case h.Key == keySaslHandshake && codec.Lookup(h.Key).Audited(h.Version):
		mechanism, err := codec.SaslHandshakeMechanism(h, frame)
		if err != nil {
			s.closeCodec(Client, err, out)
			return 0
		}
		l.mechanism, l.observer = string(mechanism), l.sasl.Observe(string(mechanism))
		l.sent, l.accepted, l.asked = 0, 0, true
	case h.Key == keySaslAuthenticate && codec.Lookup(h.Key).Audited(h.Version):
		message, err := codec.SaslAuthenticateBytes(h, frame)
		if err != nil {
			s.closeCodec(Client, err, out)
			return 0
		}
		l.observe(message)
		l.sent++
		l.asked = true
	default:
		return s.relayEnds(h, frame, out)
	}
	out.Stats.counted(h.Key)
	s.push(h, remote, out)
	out.send(Broker, frame)
	return len(frame)
}

// relayEnds is for the first request that is not part of a login. It is not consumed
// if the session goes on with it.
func (s *Session) relayEnds(h codec.Head, frame []byte, out *Effects) int {
	if s.ring.len() > 0 {
		s.held = true
		return 0
	}
	l := s.login
	if !l.mayHaveEnded() {
		s.illegal(h, frame, out)
		return len(frame)
	}
	if cause, kind := s.accept(out); cause != nil {
		s.part(codec.AppendRefusal(nil, h, frame, codec.Unauthorized(h.Key), cause.Text), kind, cause, out)
		return len(frame)
	}
	return 0
}

// rounds is how many messages the client sends, 0 if that is not known.
func (l *login) rounds() int {
	if l.observer == nil {
		return 0
	}
	return l.observer.Rounds()
}

// mayHaveEnded reports that the exchange is one whose length is not known, and that the
// broker may have accepted the client: the client's next request tells.
func (l *login) mayHaveEnded() bool { return l.accepted > 0 && l.rounds() == 0 }

// accept goes on with the user that the broker has accepted. A mechanism that does not
// show who that is makes nobody of it: the broker knows.
func (s *Session) accept(out *Effects) (cause *LoginError, kind Kind) {
	l := s.login
	principal, ok := "", false
	if l.observer != nil {
		principal, ok = l.observer.Principal()
	}
	if !ok && l.rounds() > 0 {
		return l.failed(causeUnseen, unseenText), BadLogin
	}
	if !ok {
		principal = mapping.Anonymous
	}
	user, err := s.resolve(Proven{Principal: principal})
	if err != nil {
		return l.failed(causeVCluster, noVClusterText(principal)), NoVCluster
	}
	s.user = user
	l.proven = Proven{Mechanism: l.mechanism, Principal: principal}
	l.observer, l.raw, l.asked = nil, false, false
	out.Stats.Logins.Add(1)
	s.enter(Forward)
	return nil, 0
}

// relayRaw passes a message without a header on. After an exchange whose length is
// not known, what begins as a request of an API that there is is one.
func (s *Session) relayRaw(b []byte, out *Effects) int {
	l := s.login
	if len(b) < 4 {
		return 0
	}
	size := int64(int32(binary.BigEndian.Uint32(b))) + 4
	if l.mayHaveEnded() && size >= 12 {
		if len(b) < 12 {
			return 0
		}
		if h, ok, err := codec.RequestHead(b, s.cfg.MaxFrame); ok && err == nil && isRequest(h) {
			if h.Size <= loginFrame && len(b) < h.Size {
				return 0
			}
			return s.relayEnds(h, b[:min(len(b), h.Size)], out)
		}
	}
	if size < 4 || size > loginFrame {
		s.close(Client, TooLarge, l.failed(causeTooLarge, fmt.Sprintf("a SASL message of %d bytes", size-4)), out)
		return 0
	}
	if int64(len(b)) < size {
		return 0
	}
	l.observe(b[4:size])
	l.sent++
	l.asked = l.rounds() > 0 // else the broker may not answer the last one
	out.send(Broker, b[:size])
	return int(size)
}

// isRequest tells a request from a token of GSSAPI, whose first bytes (0x60, or 0x05
// and 0x04) are no API that there is.
func isRequest(h codec.Head) bool {
	row := codec.Lookup(h.Key)
	return row != nil && row.Do != codec.Refuse && h.Version <= row.Max
}

// relayAnswer takes the broker's answer h to a login's request.
func (s *Session) relayAnswer(h codec.Head, frame []byte, out *Effects) (k int, err error) {
	if h.Size > loginFrame {
		return 0, fmt.Errorf("session: %s answer of %d bytes: %w", nameOf(h.Key), h.Size, codec.ErrTooLarge)
	}
	if len(frame) < h.Size {
		return 0, nil
	}
	l := s.login
	if h.Key == keySaslHandshake {
		code, err := codec.SaslHandshakeCode(h, frame)
		if err != nil {
			return 0, err
		}
		l.asked, l.raw = false, h.Version == 0 && code == 0
		return h.Size, nil
	}
	code, message, err := codec.SaslAuthenticateAnswer(h, frame)
	if err != nil {
		return 0, err
	}
	l.asked = false
	if code != 0 {
		return 0, &ending{
			Reason: Reason{Broker, BadLogin, l.failed(causeBroker, fmt.Sprintf("the broker answered with error %d", code))},
			answer: frame[:h.Size],
		}
	}
	if l.refusedBy(message) {
		return h.Size, nil
	}
	l.accepted++
	if l.accepted != l.rounds() {
		return h.Size, nil
	}
	if cause, kind := s.accept(out); cause != nil {
		return 0, &ending{
			Reason: Reason{Client, kind, cause},
			answer: codec.AppendSaslAuthenticate(nil, h, codec.ErrCodeAuthentication, cause.Text, nil, 0),
		}
	}
	return h.Size, nil
}

// refusedBy reports that a message of the broker, though no error, says no: by
// OAUTHBEARER it says yes by saying nothing, and lets the client have the last word
// on a no (RFC 7628 section 3.2.3).
func (l *login) refusedBy(message []byte) bool {
	return l.mechanism == "OAUTHBEARER" && len(message) > 0
}

var errUnasked = errors.New("session: a SASL message that nobody asked for")

// relayToken takes a message of the broker without a header.
func (s *Session) relayToken(b []byte, out *Effects) (k int, err error) {
	if len(b) < 4 {
		return 0, nil
	}
	l := s.login
	size := int64(int32(binary.BigEndian.Uint32(b))) + 4
	switch {
	case size < 4 || size > loginFrame:
		return 0, fmt.Errorf("session: a SASL message of %d bytes: %w", size-4, codec.ErrTooLarge)
	case l.accepted >= l.sent:
		return 0, fmt.Errorf("%w: %w", errOutOfStep, errUnasked)
	case int64(len(b)) < size:
		return 0, nil
	}
	l.asked = false
	if l.refusedBy(b[4:size]) {
		return int(size), nil
	}
	l.accepted++
	if l.accepted == l.rounds() {
		if cause, kind := s.accept(out); cause != nil {
			return 0, &ending{Reason: Reason{Client, kind, cause}}
		}
	}
	return int(size), nil
}
