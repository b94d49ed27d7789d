package session

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/postern-kafka/postern/codec"
	"github.com/postern-kafka/postern/mapping"
)

// before takes what a client sends before its requests are forwarded.
func (s *Session) before(b []byte, out *Effects) (n int) {
	for {
		k := 0
		switch s.phase {
		case Login:
			k = s.loginStep(b[n:], out)
		case Refuse:
			k = s.refuseStep(b[n:], out)
		case Relay:
			k = s.relayStep(b[n:], out)
		default:
			return n
		}
		if k == 0 {
			return n
		}
		n += k
	}
}

// loginStep takes one request, or one message without a header, of a login.
func (s *Session) loginStep(b []byte, out *Effects) int {
	if s.login.raw {
		return s.rawStep(b, out)
	}
	h, frame, ok := s.early(b, out)
	if !ok {
		return 0
	}
	out.Stats.counted(h.Key)
	switch {
	case h.Size > loginFrame:
		s.loginTooLarge(h, frame, out)
	case h.Key == keyApiVersions && s.login.exchange == nil:
		s.answerVersions(h, out)
	case h.Key == keySaslHandshake && s.login.exchange == nil:
		s.handshake(h, frame, out)
	case h.Key == keySaslAuthenticate && s.login.exchange != nil && codec.Lookup(h.Key).Audited(h.Version):
		message, err := codec.SaslAuthenticateBytes(h, frame)
		if err != nil {
			s.closeCodec(Client, err, out)
			return 0
		}
		s.prove(h, message, out)
	default:
		s.illegal(h, frame, out)
	}
	return len(frame)
}

// early reads a request that comes before it is known who the client is. frame is all
// of it, unless it is larger than loginFrame.
func (s *Session) early(b []byte, out *Effects) (h codec.Head, frame []byte, ok bool) {
	h, ok, err := codec.RequestHead(b, s.cfg.MaxFrame)
	if err != nil {
		s.closeCodec(Client, err, out)
		return h, nil, false
	}
	if !ok || h.Size <= loginFrame && len(b) < h.Size {
		return h, nil, false
	}
	return h, b[:min(len(b), h.Size)], true
}

// answerVersions answers ApiVersions for brokers that are not dialled yet.
func (s *Session) answerVersions(h codec.Head, out *Effects) {
	at := len(out.arena)
	switch v := s.versions(); {
	case h.Version > codec.Lookup(h.Key).Max:
		out.arena = codec.AppendUnsupportedApiVersions(out.arena, h.Corr)
	case v == nil:
		s.close(Broker, Dial, errNoVersions, out)
		return
	default:
		out.arena = v.Append(out.arena, h)
	}
	out.send(Client, out.arena[at:len(out.arena):len(out.arena)])
}

// errNoVersions: without the brokers' versions a client cannot be told any.
var errNoVersions = errors.New("session: no broker has said yet what versions it speaks")

func (s *Session) versions() *codec.Versions {
	if s.cfg.Versions == nil {
		return nil
	}
	return s.cfg.Versions()
}

// handshake chooses the mechanism.
func (s *Session) handshake(h codec.Head, frame []byte, out *Effects) {
	l := s.login
	names := l.sasl.Mechanisms.Names()
	if !codec.Lookup(h.Key).Audited(h.Version) {
		s.part(codec.AppendSaslHandshake(nil, h, codec.ErrCodeUnsupportedVersion, names),
			Unsupported, l.failed(causeState, fmt.Sprintf("SaslHandshake version %d is not supported", h.Version)), out)
		return
	}
	mechanism, err := codec.SaslHandshakeMechanism(h, frame)
	if err != nil {
		s.closeCodec(Client, err, out)
		return
	}
	if failure := l.begin(mechanism); failure != nil {
		s.part(codec.AppendSaslHandshake(nil, h, codec.ErrCodeMechanism, names), BadLogin, failure, out)
		return
	}
	l.raw = h.Version == 0
	at := len(out.arena)
	out.arena = codec.AppendSaslHandshake(out.arena, h, 0, names)
	out.send(Client, out.arena[at:len(out.arena):len(out.arena)])
}

// rawStep takes one message of a login that goes without Kafka headers.
func (s *Session) rawStep(b []byte, out *Effects) int {
	if len(b) < 4 {
		return 0
	}
	size := int64(int32(binary.BigEndian.Uint32(b))) + 4
	if size < 4 || size > loginFrame {
		s.close(Client, TooLarge, s.login.failed(causeTooLarge, fmt.Sprintf("a SASL message of %d bytes", size-4)), out)
		return 0
	}
	if int64(len(b)) < size {
		return 0
	}
	s.prove(codec.Head{}, b[4:size], out)
	return int(size)
}

// prove takes a message of the mechanism. h is that of its SaslAuthenticate; the zero
// Head if it came without.
func (s *Session) prove(h codec.Head, message []byte, out *Effects) {
	l := s.login
	l.observe(message)
	reply, done, err := l.exchange.Step(message, out.Now)
	if err != nil {
		s.failed(h, reply, BadLogin, l.failedBy(err), out)
		return
	}
	if !done {
		s.reply(h, reply, 0, out)
		return
	}
	proven := l.exchange.Proven()
	proven.Mechanism = l.mechanism
	user, err := s.resolve(proven)
	if err != nil {
		s.failed(h, nil, NoVCluster, l.failed(causeVCluster, noVClusterText(proven.Principal)), out)
		return
	}
	millis := int64(0)
	l.expires, millis = l.lifetime(proven, out.Now)
	l.exchange, l.observer, l.raw, l.proven = nil, nil, false, proven
	s.reply(h, reply, millis, out)
	out.Stats.Logins.Add(1)
	s.enter(Identify)
	s.identified(user, out)
}

func (s *Session) resolve(p Proven) (*mapping.User, error) {
	return s.cfg.Users.Resolve(mapping.Auth{Principal: p.Principal, VCluster: p.VCluster, Groups: p.Groups}, s.cfg.MandatoryVCluster)
}

func noVClusterText(principal string) string {
	return "Authentication failed: no virtual cluster for " + principal +
		": neither a mapping nor the credentials name one, and this gateway requires one (GATEWAY_FEATURE_FLAGS_MANDATORY_VCLUSTER)"
}

// reply sends a message of the mechanism as the client's own came.
func (s *Session) reply(h codec.Head, message []byte, lifetime int64, out *Effects) {
	at := len(out.arena)
	if h.Size == 0 {
		out.arena = binary.BigEndian.AppendUint32(out.arena, uint32(len(message)))
		out.arena = append(out.arena, message...)
	} else {
		out.arena = codec.AppendSaslAuthenticate(out.arena, h, 0, "", message, lifetime)
	}
	out.send(Client, out.arena[at:len(out.arena):len(out.arena)])
}

// failed ends the session for a login that failed. Without headers there is no way to
// say so but the end.
func (s *Session) failed(h codec.Head, reply []byte, kind Kind, cause *LoginError, out *Effects) {
	var answer []byte
	if h.Size > 0 && cause.Passing != Passes {
		answer = codec.AppendSaslAuthenticate(nil, h, codec.ErrCodeAuthentication, cause.Text, reply, 0)
	}
	s.part(answer, kind, cause, out)
}

// loginTooLarge ends the session for a frame that is too large for a login, of which
// no more is read than is here.
func (s *Session) loginTooLarge(h codec.Head, frame []byte, out *Effects) {
	text := fmt.Sprintf("a %s request of %d bytes before authentication; at most %d are allowed", nameOf(h.Key), h.Size-4, loginFrame-4)
	cause := s.loginState().failed(causeTooLarge, text)
	if h.Key == keySaslAuthenticate && codec.Lookup(h.Key).Audited(h.Version) {
		s.failed(h, nil, TooLarge, cause, out)
		return
	}
	s.part(codec.AppendRefusal(nil, h, frame, codec.ErrCodeSaslState, text), TooLarge, cause, out)
}

// illegal ends the session for a request that has no place in a login.
func (s *Session) illegal(h codec.Head, frame []byte, out *Effects) {
	cause := s.loginState().failed(causeState, illegalText(h))
	if h.Key == keySaslAuthenticate && codec.Lookup(h.Key).Audited(h.Version) {
		s.part(codec.AppendSaslAuthenticate(nil, h, codec.ErrCodeSaslState, cause.Text, nil, 0), IllegalState, cause, out)
		return
	}
	s.part(codec.AppendRefusal(nil, h, frame, codec.ErrCodeSaslState, cause.Text), IllegalState, cause, out)
}

func illegalText(h codec.Head) string {
	if h.Key == keySaslAuthenticate {
		return "SaslAuthenticate without a SaslHandshake before it"
	}
	return fmt.Sprintf("%s version %d is not allowed before the SASL authentication is complete", nameOf(h.Key), h.Version)
}

// loginState is the login, also of a session that has none.
func (s *Session) loginState() *login {
	if s.login == nil {
		return &login{}
	}
	return s.login
}

// part ends the session with a last word, which may be none.
func (s *Session) part(answer []byte, kind Kind, cause error, out *Effects) {
	out.send(Client, answer)
	s.close(Client, kind, cause, out)
}

// refuseStep answers the first request that needs a right with the error of its API.
// ApiVersions needs none, and without it many clients could not read the error.
func (s *Session) refuseStep(b []byte, out *Effects) int {
	h, frame, ok := s.early(b, out)
	if !ok {
		return 0
	}
	out.Stats.counted(h.Key)
	if h.Key == keyApiVersions && h.Size <= loginFrame && s.versions() != nil {
		s.answerVersions(h, out)
		return len(frame)
	}
	out.Stats.Refused.Add(1)
	s.part(codec.AppendRefusal(nil, h, frame, codec.Unauthorized(h.Key), s.refused.Error()), NoVCluster, s.refused, out)
	return len(frame)
}
