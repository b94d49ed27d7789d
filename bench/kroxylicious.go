package main

import "fmt"

func (s *stage) newKroxylicious() (*peer, error) {
	return nil, fmt.Errorf("bench: kroxylicious: %w", errAbsent)
}
