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

// streamModule is where distributions keep nginx's stream module; nothing is
// loaded when it is compiled in.
const streamModule = "/usr/lib/nginx/modules/ngx_stream_module.so"

// newNginx is nginx as a bare TLS stream proxy with client certificates, in
// front of the plaintext listener that names it.
func (s *stage) newNginx() (*peer, error) {
	binary, version, err := findNginx(s.options.nginxPath)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.dir, "nginx")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("bench: nginx: %w", err)
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(s.nginxConf()), 0o600); err != nil {
		return nil, fmt.Errorf("bench: nginx: %w", err)
	}
	return &peer{
		name:    nginx,
		addr:    s.addr(portNginx),
		version: version,
		brokers: s.broker().Pid,
		launch: func(log io.Writer) (*kafkatest.Process, error) {
			return kafkatest.StartProcess(log, dir, nil, binary, "-p", dir, "-c", conf)
		},
	}, nil
}

// findNginx finds a binary that can proxy streams, and its version.
func findNginx(path string) (binary, version string, err error) {
	candidates := []string{"nginx", "/usr/sbin/nginx"}
	if path != "" {
		candidates = []string{path}
	}
	for _, c := range candidates {
		if binary, err = exec.LookPath(c); err == nil {
			break
		}
	}
	if err != nil {
		return "", "", fmt.Errorf("bench: nginx: %w: %w", errAbsent, err)
	}
	out, err := exec.Command(binary, "-V").CombinedOutput()
	if err != nil {
		return "", "", fmt.Errorf("bench: nginx: -V: %w", err)
	}
	text := string(out)
	if !strings.Contains(text, "--with-stream") {
		return "", "", fmt.Errorf("bench: nginx: built without the stream module: %w", errAbsent)
	}
	if _, err := os.Stat(streamModule); strings.Contains(text, "--with-stream=dynamic") && err != nil {
		return "", "", fmt.Errorf("bench: nginx: the stream module (Debian: libnginx-mod-stream): %w: %w", errAbsent, err)
	}
	first, _, _ := strings.Cut(text, "\n")
	return binary, strings.TrimPrefix(first, "nginx version: "), nil
}

// nginxConf is the whole of nginx's configuration: no log line per connection,
// TLS 1.3 with the cipher Go and OpenSSL are both best at, full handshakes only.
// The buffers are nginx's default size unless told otherwise.
func (s *stage) nginxConf() string {
	var b strings.Builder
	if _, err := os.Stat(streamModule); err == nil {
		fmt.Fprintf(&b, "load_module %s;\n", streamModule)
	}
	fmt.Fprintf(&b, `daemon off;
pid nginx.pid;
error_log stderr warn;
worker_processes %d;
worker_rlimit_nofile 65536;
events { worker_connections 32768; }
stream {
    access_log off;
    server {
        listen %s ssl backlog=4096;
        ssl_certificate %s;
        ssl_certificate_key %s;
        ssl_client_certificate %s;
        ssl_verify_client on;
        ssl_protocols TLSv1.3;
        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
        ssl_session_cache off;
        ssl_session_tickets off;
        tcp_nodelay on;
        proxy_buffer_size %d;
        proxy_timeout 1h;
        proxy_pass %s;
    }
}
`, s.options.Threads, s.addr(portNginx), s.server.CertPEM, s.server.KeyPEM, s.server.CAPEM,
		s.options.Buffer, s.broker().ListenerAddr(behindNginx))
	return b.String()
}
