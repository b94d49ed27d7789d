package session

// Phase is where in its life a session stands.
type Phase uint8

// The phases in the order of the drawing in doc.go.
const (
	Login    Phase = iota // SASL, answered here
	Identify              // who is it: principal → user
	Refuse                // nobody that may do anything: the next request is told so
	Route                 // the broker is being dialled
	Relay                 // SASL between the client and a broker that decides
	Forward               // frames flow both ways
	Drain                 // answers in flight are finished, nothing new is taken
	Closed                // over; Reason says why
	numPhases
)

var phaseNames = [numPhases]string{"login", "identify", "refuse", "route", "relay", "forward", "drain", "closed"}

func (p Phase) String() string { return phaseNames[p] }

// moves holds the arrows of the drawing in doc.go: from, to.
var moves = [numPhases][numPhases]bool{
	Login:    {Identify: true, Closed: true},
	Identify: {Refuse: true, Route: true, Closed: true},
	Refuse:   {Closed: true},
	Route:    {Relay: true, Forward: true, Closed: true},
	Relay:    {Forward: true, Closed: true},
	Forward:  {Drain: true, Closed: true},
	Drain:    {Closed: true},
}

// enter is the only place where the phase changes.
func (s *Session) enter(next Phase) {
	if !moves[s.phase][next] {
		//nolint:forbidigo // an arrow that is not drawn is our defect, whatever the input was; the engine recovers
		panic("session: illegal move " + s.phase.String() + " → " + next.String())
	}
	s.phase = next
}
