package session

import (
	"fmt"

	"github.com/postern-kafka/postern/codec"
)

// FromClient takes plaintext that the client sent and returns how much of it
// was consumed. The rest must be presented again with more behind it.
func (s *Session) FromClient(b []byte, out *Effects) (n int) {
	out.reset()
	s.held = false
	if s.phase < Forward {
		if n = s.before(b, out); s.phase != Forward {
			return n
		}
	}
	from := n // b[from:n] is the run of bytes to be sent
	for s.phase == Forward || (s.phase == Drain && s.reqLeft > 0) {
		if s.reqLeft > 0 {
			k := min(s.reqLeft, len(b)-n)
			s.reqLeft -= k
			n += k
			if s.reqLeft > 0 {
				break
			}
			continue
		}
		k, local, err := s.takeRequest(b[n:], out)
		if err != nil {
			out.send(Broker, b[from:n])
			s.closeCodec(Client, err, out)
			return n
		}
		if local {
			out.send(Broker, b[from:n])
			from = n + k
		}
		if k == 0 {
			break
		}
		n += k
	}
	out.send(Broker, b[from:n])
	s.answerLocally(out)
	s.drained(out)
	return n
}

// takeRequest looks at the request at the start of b and returns how many
// bytes of it may go out now; 0 means that it waits for more bytes or for room
// in the ring. A local request is consumed, but goes nowhere.
func (s *Session) takeRequest(b []byte, out *Effects) (n int, local bool, err error) {
	h, ok, err := codec.RequestHead(b, s.cfg.MaxFrame)
	if err != nil || !ok {
		return 0, false, err
	}
	if s.paused {
		s.held = true
		return 0, false, nil
	}
	rule := codec.Lookup(h.Key)
	if rule == nil || rule.Do == codec.Refuse {
		out.Stats.Refused.Add(1)
		return 0, false, refusal(rule, h)
	}
	if s.ring.len() >= s.cfg.MaxInFlight || s.parting != nil {
		s.held = true
		return 0, false, nil
	}
	if rule.Do == codec.Login {
		if !s.cfg.SASL.delegated() {
			return s.takeLogin(b, h, out)
		}
		if h.Key == keySaslHandshake && h.Version == 0 {
			out.Stats.Refused.Add(1)
			return 0, false, refused(h, "its messages have no headers: not on an established session")
		}
	}
	if s.login != nil {
		switch {
		case s.login.exchange != nil:
			return s.takeMidLogin(b, h, out)
		case s.login.expired(out):
			return 0, false, &ending{Reason: Reason{Client, Expired, errExpired}}
		}
	}
	if !rule.Audited(h.Version) {
		if h.Key == keyApiVersions {
			return s.takeApiVersions(b, h, out)
		}
		out.Stats.Refused.Add(1)
		return 0, false, refused(h, fmt.Sprintf("%s above version %d is not rewritten", rule.Name, rule.Max))
	}
	silent, ok, err := inspect(rule, h, b)
	if err != nil || !ok {
		return 0, false, err
	}
	out.Stats.Requests[h.Key].Add(1)
	if !silent {
		s.push(h, remote, out)
	}
	k := min(h.Size, len(b))
	s.reqLeft = h.Size - k
	return k, false, nil
}

// inspect asks the row's two questions about a request; ok=false means that
// they need more of the frame.
func inspect(rule *codec.Rule, h codec.Head, b []byte) (silent, ok bool, err error) {
	frame := b[:min(h.Size, len(b))]
	if rule.Check != nil {
		if ok, err := rule.Check(h, frame); err != nil || !ok {
			return false, false, err
		}
	}
	if rule.Silent == nil {
		return false, true, nil
	}
	return rule.Silent(h, frame)
}

func refusal(rule *codec.Rule, h codec.Head) error {
	if rule == nil {
		return refused(h, "unknown API")
	}
	return refused(h, rule.Name+" is not for clients")
}

// push awaits the answer to a request.
func (s *Session) push(h codec.Head, from source, out *Effects) {
	s.ring.push(entry{corr: h.Corr, key: h.Key, version: h.Version, from: from})
	out.Stats.InFlight.Add(1)
}

// takeApiVersions takes a version of ApiVersions that is newer than the
// gateway. No broker's answer to it could be rewritten, so the gateway says
// what an older broker would (KIP-511) and the client falls back.
func (s *Session) takeApiVersions(b []byte, h codec.Head, out *Effects) (int, bool, error) {
	if h.Size > codec.GatherLimit {
		return 0, false, fmt.Errorf("session: ApiVersions request of %d bytes: %w", h.Size, codec.ErrTooLarge)
	}
	if len(b) < h.Size {
		return 0, false, nil
	}
	out.Stats.Requests[h.Key].Add(1)
	s.push(h, localVersions, out)
	return h.Size, true, nil
}
