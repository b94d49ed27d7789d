package session

import (
	"errors"
	"fmt"

	"github.com/postern-kafka/postern/codec"
)

// errOutOfStep: I6 does not hold, so no later answer can be trusted either.
var errOutOfStep = errors.New("session: out of step")

// FromBroker takes plaintext that the broker sent and returns how much of it
// was consumed. The rest must be presented again with more behind it; it stops
// after a frame that was patched, because the patch is scratch memory.
func (s *Session) FromBroker(b []byte, out *Effects) (n int) {
	out.reset()
	from := 0 // b[from:n] is the run of bytes to be sent as they are
	for s.phase == Forward || s.phase == Drain || s.phase == Relay {
		k, patched, err := s.stepAnswer(b[n:], out)
		if err != nil {
			out.send(Client, b[from:n])
			s.closeAnswer(err, out)
			return n
		}
		if patched {
			out.send(Client, b[from:n])
			s.learn(out)
			out.sendPatched(Client, b[n:n+k])
			from = n + k
		}
		n += k
		s.answerAfter(b[from:n], &from, n, out)
		if k == 0 || patched {
			break
		}
	}
	out.send(Client, b[from:n])
	s.drained(out)
	return n
}

// answerAfter puts answers of our own behind the run b, where it is their turn.
func (s *Session) answerAfter(run []byte, from *int, n int, out *Effects) {
	if s.ring.len() == 0 || s.resLeft > 0 || s.ring.front().from == remote {
		return
	}
	out.send(Client, run)
	*from = n
	s.answerLocally(out)
}

// answerLocally gives the gateway's own answers that have come to the head of
// the ring.
func (s *Session) answerLocally(out *Effects) {
	for s.phase != Closed && s.resLeft == 0 && s.ring.len() > 0 && s.ring.front().from != remote {
		if s.ring.front().from == localReady {
			answer := s.ready[0]
			s.ready = s.ready[1:]
			s.pop(out)
			out.send(Client, answer)
			if len(s.ready) == 0 && s.parting != nil {
				s.close(s.parting.Side, s.parting.Kind, s.parting.Cause, out)
			}
			continue
		}
		at := len(out.arena)
		out.arena = codec.AppendUnsupportedApiVersions(out.arena, s.ring.front().corr)
		s.pop(out)
		out.send(Client, out.arena[at:len(out.arena):len(out.arena)])
	}
	if len(s.ready) == 0 {
		s.ready = nil
	}
}

func (s *Session) pop(out *Effects) {
	s.ring.pop()
	out.Stats.InFlight.Add(-1)
}

// stepAnswer consumes k bytes of the answer at the start of b; patched means
// that they go out with out.patch applied. k == 0 waits for more bytes.
func (s *Session) stepAnswer(b []byte, out *Effects) (k int, patched bool, err error) {
	if s.skimming {
		return s.skimAnswer(b, out)
	}
	if s.resLeft > 0 {
		k = min(s.resLeft, len(b))
		s.resLeft -= k
		return k, false, nil
	}
	if s.phase == Relay && s.login.raw {
		k, err = s.relayToken(b, out)
		return k, false, err
	}
	size, corr, ok, err := codec.ResponseHead(b, s.cfg.MaxFrame)
	if err != nil || !ok {
		return 0, false, err
	}
	if s.ring.len() == 0 {
		return 0, false, fmt.Errorf("%w: an answer with correlation id %d to no request", errOutOfStep, corr)
	}
	asked := s.ring.front()
	if asked.corr != corr {
		return 0, false, fmt.Errorf("%w: an answer with correlation id %d to the request %d", errOutOfStep, corr, asked.corr)
	}
	return s.takeAnswer(codec.Head{Size: size, Key: asked.key, Version: asked.version, Corr: corr}, b, out)
}

// takeAnswer begins with the answer h at the start of b. How it is rewritten
// depends on its size alone, so the way the stream was cut never shows.
func (s *Session) takeAnswer(h codec.Head, b []byte, out *Effects) (k int, patched bool, err error) {
	rule := codec.Lookup(h.Key)
	frame := b[:min(h.Size, len(b))]
	if s.phase == Relay && rule.Do == codec.Login {
		if k, err = s.relayAnswer(h, frame, out); k > 0 {
			s.pop(out)
		}
		return k, false, err
	}
	switch {
	case !rule.Patched(h.Version):
	case h.Size <= codec.GatherLimit || (rule.Prefix == nil && !rule.Tailed):
		if h.Size > codec.DecodeLimit {
			return 0, false, fmt.Errorf("session: %s v%d response of %d bytes: %w", rule.Name, h.Version, h.Size, codec.ErrTooLarge)
		}
		if len(frame) < h.Size {
			return 0, false, nil
		}
		out.patch.Reset()
		if err := rule.Whole(&out.patch, s.cfg.View, h, frame); err != nil {
			return 0, false, err
		}
		patched = true
	case rule.Prefix != nil:
		out.patch.Reset()
		ok, err := rule.Prefix(&out.patch, s.cfg.View, h, frame)
		if err != nil || !ok {
			return 0, false, err
		}
		patched = true
	default:
		s.pop(out)
		s.skim = codec.Skim{}
		s.skim.Start(h)
		s.skimming, s.atTail, s.answer, s.resLeft = true, false, h, h.Size
		return s.skimAnswer(b, out)
	}
	s.pop(out)
	s.resLeft = h.Size - len(frame)
	return len(frame), patched && s.changed(h, out), nil
}

// changed accounts for a patch and reports whether it says anything.
func (s *Session) changed(h codec.Head, out *Effects) bool {
	if lost := out.patch.Unroutable(); len(lost) > 0 {
		out.Stats.Unroutable.Add(uint64(len(lost)))
		out.Stats.LastLost.Store(lost[0])
	}
	if out.patch.Empty() {
		return len(out.patch.Nodes()) > 0
	}
	out.Stats.Patched[h.Key].Add(1)
	return true
}

// skimAnswer streams a large answer up to its tail and patches the tail
// without changing its size: the size prefix has gone out long ago.
func (s *Session) skimAnswer(b []byte, out *Effects) (k int, patched bool, err error) {
	b = b[:min(s.resLeft, len(b))]
	if !s.atTail {
		k, s.atTail, err = s.skim.Feed(b)
		s.resLeft -= k
		s.skimming = s.resLeft > 0
		return k, false, err
	}
	rule := codec.Lookup(s.answer.Key)
	if s.resLeft > codec.TailLimit {
		return 0, false, fmt.Errorf("session: %s v%d response: tail of %d bytes: %w", rule.Name, s.answer.Version, s.resLeft, codec.ErrTooLarge)
	}
	if len(b) < s.resLeft {
		return 0, false, nil
	}
	out.patch.Reset()
	if err := rule.Tail(&out.patch, s.cfg.View, s.answer, b); err != nil {
		return 0, false, err
	}
	s.resLeft, s.skimming = 0, false
	return len(b), s.changed(s.answer, out), nil
}

// learn asks the engine to make nodes routable before the client hears of
// them.
func (s *Session) learn(out *Effects) {
	for _, n := range out.patch.Nodes() {
		if !s.cfg.Book.Known(n.ID, n.Host, n.Port) {
			out.list = append(out.list, Effect{Kind: Learn, Nodes: out.patch.Nodes()})
			return
		}
	}
}

// closeAnswer closes for an answer that cannot be trusted.
func (s *Session) closeAnswer(err error, out *Effects) {
	if errors.Is(err, errOutOfStep) {
		s.close(Broker, OutOfStep, err, out)
		return
	}
	s.closeCodec(Broker, err, out)
}
