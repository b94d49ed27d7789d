package main

import (
	"io"
	"os"
	"strconv"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

// newKafkaProxy is grepplabs/kafka-proxy, in front of the plaintext listener: it
// rewrites the addresses in answers itself.
func (s *stage) newKafkaProxy() (*peer, error) {
	binary, err := s.find(kafkaProxy, s.options.kafkaProxyPath)
	if err != nil {
		return nil, err
	}
	return &peer{
		name:    kafkaProxy,
		version: "kafka-proxy " + goVersionOf(binary),
		addr:    func(front) string { return s.addr(portKafkaProxy) },
		fit:     same,
		launch: func(f front, log io.Writer) (*kafkatest.Process, error) {
			env := append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(s.options.Threads))
			return kafkatest.StartProcess(log, s.dir, env, binary, s.kafkaProxyArgs(f)...)
		},
	}, nil
}

// kafkaProxyArgs are its whole configuration. Go chooses cipher, group and tickets
// with the client.
func (s *stage) kafkaProxyArgs(f front) []string {
	at := s.addr(portKafkaProxy)
	backend := f.backend
	if backend == "" {
		backend = s.broker.Addr()
	}
	args := []string{
		"server", "--bootstrap-server-mapping", backend + "," + at + "," + at,
		"--dynamic-listeners-disable", "--http-disable", "--log-level", "warn",
	}
	if f.plain {
		return args
	}
	c := s.certs[f.key].server
	return append(args, "--proxy-listener-tls-enable", "--proxy-listener-cert-file", c.CertPEM,
		"--proxy-listener-key-file", c.KeyPEM, "--proxy-listener-ca-chain-cert-file", c.CAPEM)
}
