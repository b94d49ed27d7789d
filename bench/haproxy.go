package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

// newHAProxy is HAProxy in TCP mode with client certificates, in front of the
// plaintext listener that names it.
func (s *stage) newHAProxy() (*peer, error) {
	binary, err := s.find(haproxy, s.options.haproxyPath, "/usr/sbin/haproxy")
	if err != nil {
		return nil, err
	}
	out, err := exec.Command(binary, "-v").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("bench: haproxy: -v: %w", err)
	}
	version := strings.Fields(string(out) + " ? ? ?")
	return &peer{
		name:    haproxy,
		version: "HAProxy " + version[2],
		addr:    func(front) string { return s.addr(portHAProxy) },
		fit:     same,
		launch: func(f front, log io.Writer) (*kafkatest.Process, error) {
			dir := filepath.Join(s.dir, haproxy)
			if err := s.writeHAProxy(dir, f); err != nil {
				return nil, err
			}
			return kafkatest.StartProcess(log, dir, nil, binary, "-db", "-f", filepath.Join(dir, "haproxy.cfg"))
		},
	}, nil
}

// writeHAProxy writes its configuration and its certificate, which it wants in
// one file with the key.
func (s *stage) writeHAProxy(dir string, f front) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	c := s.certs[f.key]
	var pem []byte
	for _, file := range []string{c.server.CertPEM, c.server.KeyPEM} {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		pem = append(pem, text...)
	}
	if err := os.WriteFile(filepath.Join(dir, "server.pem"), pem, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "haproxy.cfg"), []byte(s.haproxyConf(dir, f)), 0o600)
}

// haproxyConf is the whole of its configuration: the same terms as nginx's. Its
// buffers have their default size of 16 KiB.
func (s *stage) haproxyConf(dir string, f front) string {
	bind := s.addr(portHAProxy)
	if !f.plain {
		bind += fmt.Sprintf(" ssl crt %s ca-file %s verify required ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256 curves X25519",
			filepath.Join(dir, "server.pem"), s.certs[f.key].server.CAPEM)
		if !f.tickets {
			bind += " no-tls-tickets"
		}
	}
	cache := "0"
	if f.tickets {
		cache = "20000"
	}
	return fmt.Sprintf(`global
    nbthread %d
    maxconn %d
    tune.ssl.cachesize %s
defaults
    mode tcp
    backlog 4096
    timeout connect 10s
    timeout client 1h
    timeout server 1h
listen kafka
    bind %s
    server broker %s
`, s.options.Threads, maxConnections(), cache, bind, s.behind(f, "BEHINDHAPROXY"))
}
