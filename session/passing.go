package session

// Passing returns how many further bytes from side go on without being looked at:
// what is to come of a frame that is neither gathered nor searched, or of a field of one
// that is searched, except for the last byte, with which the next thing begins. The caller
// may carry them from one socket to the other itself, and then says so with Passed.
func (s *Session) Passing(side Side) int {
	if s.phase != Forward && s.phase != Drain {
		return 0
	}
	left := s.reqLeft
	if side == Broker {
		if left = s.resLeft; s.skimming {
			left = s.skim.Skipping()
		}
	}
	return max(0, left-1)
}

// Passed reports that n bytes from side, no more than Passing said, were carried
// past the session.
func (s *Session) Passed(side Side, n int) {
	if side == Client {
		s.reqLeft -= n
		return
	}
	s.resLeft -= n
	if s.skimming {
		s.skim.Skipped(n)
	}
}
