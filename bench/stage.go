package main

import (
	"context"
	"crypto/x509/pkix"
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
	loopback = "127.0.0.1"
	// askAgain is how soon the admin client looks again for a topic that was just
	// made; its default is seconds.
	askAgain = 50 * time.Millisecond
)

// The ports of a run, counted from the first one reserved: one for each peer, the
// gateway's three (one broker, and two more by its default) and its HTTP port,
// Kroxylicious's bootstrap port and its brokers', and the scripted broker's.
const (
	portNginx = iota
	portHAProxy
	portFloor
	portKafkaProxy
	portScripted
	portGateway
	_
	_
	portHTTP
	portKroxylicious
	_
	_
	_
	portDocker // the broker's, when it runs in a container: one for each listener
	portCount  = portDocker + 8
)

// stage is everything a run is played on: one broker, the certificates, the
// peers in front of it.
type stage struct {
	options  options
	dir      string
	ports    *kafkatest.Ports
	broker   broker
	admin    *kadm.Client
	certs    map[certAlgorithm]certificates
	accounts *accounts
	peers    []*peer
	compiled map[string]bool // the mechanisms by which the broker's JVM has seen many logins
	ends     []func()        // what to do at the end, the last one first
}

// certificates are what the peers present and what the load presents.
type certificates struct{ server, client certs.Files }

// setUp starts the broker and writes the certificates; no peer runs yet. The
// caller must tearDown what is returned, also with an error.
func setUp(ctx context.Context, o options) (*stage, error) {
	s := &stage{options: o, compiled: map[string]bool{}}
	if err := os.Setenv("_JAVA_OPTIONS", jvmOptions); err != nil {
		return s, fmt.Errorf("bench: environment: %w", err)
	}
	var err error
	if s.dir, err = os.MkdirTemp("", "postern-bench-"); err != nil {
		return s, fmt.Errorf("bench: folder: %w", err)
	}
	s.ends = append(s.ends, func() { _ = os.RemoveAll(s.dir) })
	if s.ports, err = kafkatest.ReservePorts(portCount); err != nil {
		return s, err
	}
	s.ends = append(s.ends, s.ports.Release)
	authority, err := certs.NewAuthority("bench CA", certs.RSA2048)
	if err != nil {
		return s, err
	}
	if err := s.writeCertificates(authority); err != nil {
		return s, err
	}
	if s.accounts, err = newAccounts(s.dir); err != nil {
		return s, err
	}
	raise := s.raiseBroker
	if o.Docker {
		raise = s.raiseDocker
	}
	if err := raise(ctx, authority); err != nil {
		return s, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker.Addr()), kgo.MetadataMinAge(askAgain))
	if err != nil {
		return s, fmt.Errorf("bench: admin client: %w", err)
	}
	s.admin = kadm.NewClient(client)
	s.ends = append(s.ends, s.admin.Close)
	return s, nil
}

// tearDown ends everything and removes the folder.
func (s *stage) tearDown() {
	for _, p := range s.peers {
		p.stop()
	}
	for i := len(s.ends) - 1; i >= 0; i-- {
		s.ends[i]()
	}
	s.ends = nil
}

// addr is the address of one of the run's own ports.
func (s *stage) addr(port int) string {
	return net.JoinHostPort(loopback, strconv.Itoa(s.ports.First+port))
}

// behind is what stands behind a peer: the broker's listener that names it, or
// what the front says.
func (s *stage) behind(f front, listener string) string {
	if f.backend != "" {
		return f.backend
	}
	return s.broker.ListenerAddr(listener)
}

// writeCertificates writes the peers' and the client's certificates and keys, of
// each kind. The broker's authority makes the usual ones.
func (s *stage) writeCertificates(rsa *certs.Authority) error {
	if err := os.Mkdir(filepath.Join(s.dir, "kafka"), 0o700); err != nil {
		return fmt.Errorf("bench: folder: %w", err)
	}
	other, err := certs.NewAuthority("bench CA", certs.ECDSAP256)
	if err != nil {
		return err
	}
	s.certs = make(map[certAlgorithm]certificates)
	for kind, by := range map[certAlgorithm]*certs.Authority{!ecdsa: rsa, ecdsa: other} {
		if s.certs[kind], err = issue(by, kind.algorithm(), filepath.Join(s.dir, "certificates-"+kind.String())); err != nil {
			return err
		}
	}
	if err := os.WriteFile(s.clientConfig(), []byte(s.certs[!ecdsa].client.ClientConfig()), 0o600); err != nil {
		return fmt.Errorf("bench: client.config: %w", err)
	}
	return nil
}

// issue writes a server's and a client's certificate of one kind into a folder.
func issue(authority *certs.Authority, kind certs.Algorithm, dir string) (c certificates, err error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return c, fmt.Errorf("bench: folder: %w", err)
	}
	server, err := authority.Server("localhost", kind)
	if err != nil {
		return c, err
	}
	if c.server, err = server.Write(dir, "server", certs.PKCS12); err != nil {
		return c, err
	}
	client, err := authority.Issue(certs.Request{Subject: pkix.Name{CommonName: "bench"}, Algorithm: kind})
	if err != nil {
		return c, err
	}
	c.client, err = client.Write(dir, "client", certs.PKCS12)
	return c, err
}

// clientConfig is the properties file of the Java tools.
func (s *stage) clientConfig() string { return filepath.Join(s.dir, "client.config") }
