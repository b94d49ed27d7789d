package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// The peers there are, in the order of the table's columns.
const (
	postern      = "postern"      // the gateway: what every ratio is of
	direct       = "direct"       // the broker's own listener, nothing in between
	nginx        = "nginx"        // a bare TLS stream proxy
	haproxy      = "haproxy"      // another one
	kafkaProxy   = "kafka-proxy"  // grepplabs': Go, reads Kafka's answers
	kroxylicious = "kroxylicious" // Java, decodes Kafka
	floor        = "floor"        // reads and writes and does nothing else, without TLS
)

// makers makes each peer, or says with errAbsent what this machine lacks for it.
var makers = []struct {
	name string
	make func(s *stage) (*peer, error)
}{
	{postern, (*stage).newPostern},
	{direct, (*stage).newDirect},
	{nginx, (*stage).newNginx},
	{haproxy, (*stage).newHAProxy},
	{kafkaProxy, (*stage).newKafkaProxy},
	{kroxylicious, (*stage).newKroxylicious},
	{floor, (*stage).newFloor},
}

// allPeers are the names of all peers.
func allPeers() []string {
	names := make([]string, 0, len(makers))
	for _, m := range makers {
		names = append(names, m.name)
	}
	return names
}

// raise finds the peers that were asked for and starts each once. One that is not
// installed is left out, with a line to notes, unless it was asked for by name.
func (s *stage) raise(ctx context.Context, notes io.Writer) error {
	for _, m := range makers {
		if !s.options.wants(m.name) {
			continue
		}
		p, err := m.make(s)
		if errors.Is(err, errAbsent) && !s.options.named {
			if _, err := fmt.Fprintf(notes, "left out: %v\n", err); err != nil {
				return fmt.Errorf("bench: notes: %w", err)
			}
			continue
		}
		if err != nil {
			return err
		}
		s.peers = append(s.peers, p)
		f, _ := p.fit(front{})
		if err := s.restart(ctx, p, f); err != nil {
			return err
		}
	}
	if len(s.peers) == 0 {
		return errors.New("bench: no peer to measure is installed")
	}
	return nil
}

// newDirect is the broker's own listeners.
func (s *stage) newDirect() (*peer, error) {
	version := kafkaVersion
	if s.options.Docker {
		version = dockerKafka + " in a container"
	}
	return &peer{
		name:    direct,
		version: "Apache Kafka " + version,
		fit:     onlyUsual,
		addr: func(f front) string {
			if f.sasl {
				return s.broker.ListenerAddr(saslListener)
			}
			if f.plain {
				return s.broker.Addr()
			}
			return s.broker.AddrTLS()
		},
	}, nil
}
