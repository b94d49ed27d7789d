package session

// Pause has the session take no further request, or take them again. One that
// is passing through is taken to its end. What a paused session leaves must be
// presented again when it is not paused any more.
func (s *Session) Pause(on bool) { s.paused = on }

// Quiet reports that nothing is under way in either direction: the next bytes
// on the broker's side may be the engine's own, and so may their answer.
func (s *Session) Quiet() bool {
	return s.phase == Forward && s.ring.len() == 0 && s.reqLeft == 0 && s.resLeft == 0
}
