package kafkastore

// StopFollowing leaves s with what it has read so far: a gateway that lags.
func (s *Store) StopFollowing() {
	s.stop()
	for _, f := range s.followers() {
		<-f.stopped
	}
}
