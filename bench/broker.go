package main

import (
	"context"
	"path/filepath"

	"github.com/postern-kafka/postern/auth"
	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

const (
	kafkaVersion = kafkatest.Kafka440
	toolsVersion = kafkatest.Tools430
	// heapMB is the broker's heap: it must not collect its way into the numbers.
	heapMB = 1024
)

// broker is the one Kafka broker of a run.
type broker interface {
	Addr() string    // plaintext
	AddrTLS() string // mutual TLS
	// ListenerAddr is that of a further listener in clear: one that sends clients to
	// a peer, or the one with SASL. It is empty for one that there is not.
	ListenerAddr(name string) string
	Pid() int // of the process whose CPU time is the broker's
}

// behind are the broker's listeners that send clients to a peer: one that rewrites
// nothing has to be named by the broker itself.
var behind = map[string]int{
	"BEHINDNGINX":   portNginx,
	"BEHINDHAPROXY": portHAProxy,
	"BEHINDFLOOR":   portFloor,
}

// saslListener is the broker's own listener where clients log in.
const saslListener = "SASL"

// jvmOptions undoes what the test harness sets for a fast start: a broker that is
// measured may compile fully. Only children read it.
const jvmOptions = "-XX:TieredStopAtLevel=4 -XX:-UseSerialGC -XX:+UseG1GC"

// properties are what differs from the harness's settings.
var properties = map[string]string{
	// Topics of finished measurements leave the disk and its cache soon.
	"log.segment.delete.delay.ms":     "500",
	"log.retention.check.interval.ms": "1000",
	// One connection for each idle client of a peer, and none of them is ended.
	"connections.max.idle.ms": "3600000",
}

// raiseBroker starts a broker out of Maven's jars.
func (s *stage) raiseBroker(ctx context.Context, authority *certs.Authority) error {
	listeners := make([]kafkatest.Listener, 0, len(behind))
	for name, port := range behind {
		listeners = append(listeners, kafkatest.Listener{Name: name, Advertise: func(int) string { return s.addr(port) }})
	}
	listeners = append(listeners, s.accounts.brokerListener())
	cluster, err := kafkatest.Launch(ctx, kafkatest.Options{
		Version:       kafkaVersion,
		Dir:           filepath.Join(s.dir, "kafka"),
		HeapMB:        heapMB,
		Authority:     authority,
		CertAlgorithm: certs.RSA2048,
		Listeners:     listeners,
		Properties:    properties,
	})
	if err != nil {
		return err
	}
	s.broker = cluster.Broker(1)
	s.ends = append(s.ends, cluster.Close)
	for _, mechanism := range []string{auth.ScramSHA256, auth.ScramSHA512} {
		if err := cluster.Scram(ctx, mechanism, loginUser, s.accounts.right.password); err != nil {
			return err
		}
	}
	return nil
}
