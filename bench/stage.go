package main

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

const (
	kafkaVersion = kafkatest.Kafka440
	toolsVersion = kafkatest.Tools430
	loopback     = "127.0.0.1"
	// behindNginx is the broker's listener that sends clients to nginx: nginx
	// rewrites nothing, so the broker has to name it.
	behindNginx = "BEHINDNGINX"
	// fetchTopic is filled once and read by every peer in every round.
	fetchTopic = "bench-fetch"
	// quietTopic has one partition nobody writes to.
	quietTopic = "bench-quiet"
	// heapMB is the broker's heap: it must not collect its way into the numbers.
	heapMB = 1024
)

// The ports of a run, counted from the first one reserved: nginx, the gateway's
// three (one broker, and two more by its default) and its HTTP port.
const (
	portNginx = iota
	portGateway
	_
	_
	portHTTP
	portCount
)

// stage is everything a run is played on: one broker, the certificates, the
// peers in front of it.
type stage struct {
	options options
	dir     string
	ports   *kafkatest.Ports
	cluster *kafkatest.Cluster
	admin   *kadm.Client
	server  certs.Files // what every peer presents: RSA-2048
	client  certs.Files // what the load presents: RSA-2048
	peers   []*peer
}

// javaFlags undoes what the test harness sets for a fast start: a broker that is
// measured may compile fully. Only children read it.
const javaFlags = "-XX:TieredStopAtLevel=4 -XX:-UseSerialGC -XX:+UseG1GC"

// setUp starts the broker and writes the certificates; no peer runs yet. The
// caller must tearDown what is returned, also with an error.
func setUp(ctx context.Context, o options) (*stage, error) {
	s := &stage{options: o}
	if err := os.Setenv("_JAVA_OPTIONS", javaFlags); err != nil {
		return s, fmt.Errorf("bench: environment: %w", err)
	}
	var err error
	if s.dir, err = os.MkdirTemp("", "postern-bench-"); err != nil {
		return s, fmt.Errorf("bench: folder: %w", err)
	}
	if s.ports, err = kafkatest.ReservePorts(portCount); err != nil {
		return s, err
	}
	authority, err := certs.NewAuthority("bench CA", certs.RSA2048)
	if err != nil {
		return s, err
	}
	if err := s.certificates(authority); err != nil {
		return s, err
	}
	s.cluster, err = kafkatest.Launch(ctx, kafkatest.Options{
		Version:       kafkaVersion,
		Dir:           filepath.Join(s.dir, "kafka"),
		HeapMB:        heapMB,
		Authority:     authority,
		CertAlgorithm: certs.RSA2048,
		Listeners:     []kafkatest.Listener{{Name: behindNginx, Advertise: func(int) string { return s.addr(portNginx) }}},
		Properties: map[string]string{
			// Topics of finished measurements leave the disk and its cache soon.
			"log.segment.delete.delay.ms":     "500",
			"log.retention.check.interval.ms": "1000",
		},
	})
	if err != nil {
		return s, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.Seeds()...))
	if err != nil {
		return s, fmt.Errorf("bench: admin client: %w", err)
	}
	s.admin = kadm.NewClient(client)
	return s, nil
}

// addr is the address of one of the run's own ports.
func (s *stage) addr(port int) string {
	return net.JoinHostPort(loopback, strconv.Itoa(s.ports.First+port))
}

// certificates writes the peers' and the client's certificate and key.
func (s *stage) certificates(authority *certs.Authority) error {
	if err := os.Mkdir(filepath.Join(s.dir, "kafka"), 0o700); err != nil {
		return fmt.Errorf("bench: folder: %w", err)
	}
	server, err := authority.Server("localhost", certs.RSA2048)
	if err != nil {
		return err
	}
	if s.server, err = server.Write(s.dir, "server", certs.PKCS12); err != nil {
		return err
	}
	client, err := authority.Issue(certs.Request{Subject: pkix.Name{CommonName: "bench"}, Algorithm: certs.RSA2048})
	if err != nil {
		return err
	}
	if s.client, err = client.Write(s.dir, "client", certs.PKCS12); err != nil {
		return err
	}
	if err := os.WriteFile(s.clientConfig(), []byte(s.client.ClientConfig()), 0o600); err != nil {
		return fmt.Errorf("bench: client.config: %w", err)
	}
	return nil
}

// clientConfig is the properties file of the Java tools.
func (s *stage) clientConfig() string { return filepath.Join(s.dir, "client.config") }

// broker is the one broker.
func (s *stage) broker() *kafkatest.Broker { return s.cluster.Broker(1) }

// tearDown ends everything and removes the folder.
func (s *stage) tearDown() {
	for _, p := range s.peers {
		p.stop()
	}
	if s.admin != nil {
		s.admin.Close()
	}
	if s.cluster != nil {
		s.cluster.Close()
	}
	if s.ports != nil {
		s.ports.Release()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// makeTopic creates a topic that lives on the one broker.
func (s *stage) makeTopic(ctx context.Context, topic string, partitions int) error {
	if _, err := s.admin.CreateTopic(ctx, int32(partitions), 1, nil, topic); err != nil {
		return fmt.Errorf("bench: topic %s: %w", topic, err)
	}
	// A topic is created before its leader has heard of it: wait until the leader
	// answers for every partition.
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return kafkatest.Await(ctx, "bench: topic "+topic+" has leaders", func(ctx context.Context) error {
		stored, err := s.stored(ctx, topic)
		if err == nil && stored != 0 {
			return fmt.Errorf("%d records in a new topic: %w", stored, kafkatest.ErrGivenUp)
		}
		return err
	})
}

// dropTopic deletes a topic; that it was there is the caller's business.
func (s *stage) dropTopic(ctx context.Context, topic string) error {
	answers, err := s.admin.DeleteTopics(ctx, topic)
	if err = errors.Join(err, answers.Error()); err != nil {
		return fmt.Errorf("bench: topic %s: delete: %w", topic, err)
	}
	return nil
}

// stored is how many records the broker holds of a topic.
func (s *stage) stored(ctx context.Context, topic string) (int64, error) {
	ends, err := s.admin.ListEndOffsets(ctx, topic)
	if err = errors.Join(err, ends.Error()); err != nil {
		return 0, fmt.Errorf("bench: topic %s: end offsets: %w", topic, err)
	}
	var sum int64
	ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	return sum, nil
}
