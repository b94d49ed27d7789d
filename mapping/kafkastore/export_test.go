package kafkastore

// StopFollowing leaves s with what it has read so far: a gateway that lags.
func (s *Store) StopFollowing() {
	s.stop()
	<-s.stopped
}
