package session

import (
	"errors"
	"fmt"

	"github.com/postern-kafka/postern/codec"
	"github.com/postern-kafka/postern/mapping"
)

// Config is what the sessions of one listener share; it is only read.
type Config struct {
	View              codec.View     // what clients are told of the brokers' addresses
	Users             *mapping.Users // principal → user
	Book              *mapping.Book  // the brokers' real addresses
	MandatoryVCluster bool           // refuse instead of falling back to passthrough
	MaxFrame          int            // bytes, size prefix included
	MaxInFlight       int            // requests taken and not yet answered
	SASL              *SASL          // how clients log in; nil: they do not
	// Versions is what the brokers speak, for clients for which none is dialled yet;
	// it returns nil while that is not known.
	Versions func() *codec.Versions
}

// Session is one client's life; see the package comment.
type Session struct {
	cfg    *Config
	phase  Phase
	node   int32
	user   *mapping.User
	reason Reason
	ring   ring

	login   *login   // nil without SASL
	refused error    // why the client may do nothing
	ready   [][]byte // answers of our own that await their turn
	parting *Reason  // why the session ends when the last of ready is given; nil if it goes on

	// reqLeft bytes of the request that is passing through are still to come.
	reqLeft int
	// resLeft bytes of the answer that is passing through are still to come.
	resLeft int
	// held: a whole request waits because the ring is full, or for the end of a pause.
	held   bool
	paused bool
	// skimming: the answer passing through is searched for its tail.
	skimming bool
	atTail   bool // what is left of it is the tail
	skim     codec.Skim
	answer   codec.Head // the answer being skimmed
}

// New makes a session for a connection that came in on the port of node
// (Anywhere if that port belongs to no known broker).
func New(cfg *Config, node int32) *Session {
	s := &Session{cfg: cfg, node: node, phase: Identify}
	if cfg.SASL != nil {
		s.login = &login{sasl: cfg.SASL}
		if !cfg.SASL.delegated() {
			s.phase = Login
		}
	}
	return s
}

// Phase returns where in its life the session stands.
func (s *Session) Phase() Phase { return s.phase }

// Reason says why the session ended; meaningful once Phase is Closed.
func (s *Session) Reason() Reason { return s.reason }

// User returns who the client is; nil while that is not known.
func (s *Session) User() *mapping.User { return s.user }

// Node returns the broker id that the connection is for, or Anywhere.
func (s *Session) Node() int32 { return s.node }

// Held reports whether requests wait unread because too many are in flight, or
// because of a pause.
// The engine then stops reading from the client.
func (s *Session) Held() bool { return s.held }

// InFlight returns the number of requests whose answer has not begun.
func (s *Session) InFlight() int { return s.ring.len() }

// Timed reports that the session looks at Effects.Now.
func (s *Session) Timed() bool { return s.login != nil && !s.cfg.SASL.delegated() }

// Start identifies the client: authErr is why no principal could be made of
// what it proved. A session that begins with Login starts by itself; where a broker
// decides who the client is, what is given here does not count.
func (s *Session) Start(auth mapping.Auth, authErr error, out *Effects) {
	out.reset()
	if s.cfg.SASL.delegated() {
		s.enter(Route)
		out.list = append(out.list, Effect{Kind: DialBroker, Node: s.node})
		return
	}
	if authErr != nil {
		s.close(Client, BadPrincipal, authErr, out)
		return
	}
	user, err := s.cfg.Users.Resolve(auth, s.cfg.MandatoryVCluster)
	if err != nil {
		s.refused = err
		s.enter(Refuse)
		return
	}
	s.identified(user, out)
}

// identified goes on with a user.
func (s *Session) identified(user *mapping.User, out *Effects) {
	s.user = user
	s.enter(Route)
	out.list = append(out.list, Effect{Kind: DialBroker, Node: s.node})
}

// Dialed reports how the dial that was asked for went.
func (s *Session) Dialed(err error, out *Effects) {
	out.reset()
	if s.phase != Route {
		return
	}
	if err != nil {
		s.close(Broker, Dial, err, out)
		return
	}
	if s.cfg.SASL.delegated() {
		s.enter(Relay)
		return
	}
	s.enter(Forward)
}

// Ended reports that a socket is gone. A nil err is an orderly end.
func (s *Session) Ended(side Side, err error, out *Effects) {
	out.reset()
	if s.phase == Closed {
		return
	}
	if err != nil {
		s.close(side, Reset, err, out)
		return
	}
	s.close(side, Ended, nil, out)
}

// Fail ends the session for a cause found outside of it: a broken TLS record,
// a limit of the engine.
func (s *Session) Fail(side Side, kind Kind, err error, out *Effects) {
	out.reset()
	if s.phase != Closed {
		s.close(side, kind, err, out)
	}
}

// StartDrain takes no further request; the session closes when the last
// answer has passed.
func (s *Session) StartDrain(out *Effects) {
	out.reset()
	switch s.phase {
	case Forward:
		s.enter(Drain)
		s.drained(out)
	case Login, Identify, Refuse, Route, Relay:
		s.close(Gateway, Drained, nil, out)
	case Drain, Closed, numPhases:
	}
}

// drained closes a draining session once nothing is under way any more.
func (s *Session) drained(out *Effects) {
	if s.phase == Drain && s.ring.len() == 0 && s.reqLeft == 0 && s.resLeft == 0 {
		s.close(Gateway, Drained, nil, out)
	}
}

// close is the only way to the end.
func (s *Session) close(side Side, kind Kind, cause error, out *Effects) {
	s.enter(Closed)
	out.Stats.InFlight.Add(-int64(s.ring.len()))
	s.reason = Reason{Side: side, Kind: kind, Cause: cause}
	out.list = append(out.list, Effect{Kind: Close})
}

// closeCodec closes for bytes that side sent and the codec refused.
func (s *Session) closeCodec(side Side, err error, out *Effects) {
	var end *ending
	if errors.As(err, &end) {
		out.send(Client, end.answer)
		s.close(end.Side, end.Kind, end.Cause, out)
		return
	}
	kind := Malformed
	switch {
	case errors.Is(err, codec.ErrNotKafka):
		kind = NotKafka
	case errors.Is(err, codec.ErrTooLarge):
		kind = TooLarge
	case errors.Is(err, errRefused), errors.Is(err, codec.ErrReplica):
		kind = RefusedAPI
	}
	s.close(side, kind, err, out)
}

var errExpired = errors.New("session: the login has expired and was not renewed")

var errRefused = errors.New("session: refused")

func refused(h codec.Head, why string) error {
	return fmt.Errorf("%w: API key %d version %d: %s", errRefused, h.Key, h.Version, why)
}
