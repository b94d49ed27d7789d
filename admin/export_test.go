package admin

// Document is what GET /gateway/v2/docs answers.
func (s *Server) Document() []byte { return s.document }
