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
	binary, err := s.find(nginx, s.options.nginxPath, "/usr/sbin/nginx")
	if err != nil {
		return nil, err
	}
	version, err := nginxVersion(binary)
	if err != nil {
		return nil, err
	}
	return &peer{
		name:    nginx,
		version: version,
		addr:    func(front) string { return s.addr(portNginx) },
		fit:     same,
		launch: func(f front, log io.Writer) (*kafkatest.Process, error) {
			dir := filepath.Join(s.dir, nginx)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return nil, err
			}
			conf := filepath.Join(dir, "nginx.conf")
			if err := os.WriteFile(conf, []byte(s.nginxConf(f)), 0o600); err != nil {
				return nil, err
			}
			return kafkatest.StartProcess(log, dir, nil, binary, "-p", dir, "-c", conf)
		},
	}, nil
}

// nginxVersion wants a binary that can proxy streams.
func nginxVersion(binary string) (string, error) {
	out, err := exec.Command(binary, "-V").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("bench: nginx: -V: %w", err)
	}
	text := string(out)
	if !strings.Contains(text, "--with-stream") {
		return "", fmt.Errorf("bench: nginx: built without the stream module: %w", errAbsent)
	}
	if _, err := os.Stat(streamModule); strings.Contains(text, "--with-stream=dynamic") && err != nil {
		return "", fmt.Errorf("bench: nginx: the stream module (Debian: libnginx-mod-stream): %w: %w", errAbsent, err)
	}
	first, _, _ := strings.Cut(text, "\n")
	return strings.TrimPrefix(first, "nginx version: "), nil
}

// nginxConf is the whole of nginx's configuration: no log line per connection,
// and the server below.
func (s *stage) nginxConf(f front) string {
	var b strings.Builder
	if _, err := os.Stat(streamModule); err == nil {
		fmt.Fprintf(&b, "load_module %s;\n", streamModule)
	}
	fmt.Fprintf(&b, `daemon off;
pid nginx.pid;
error_log stderr error;
worker_processes %d;
worker_rlimit_nofile %d;
events { worker_connections %d; }
stream {
    access_log off;
    server {
%s        tcp_nodelay on;
        proxy_buffer_size %d;
        proxy_timeout 1h;
        proxy_pass %s;
    }
}
`, s.options.Threads, 2*maxConnections(), 2*maxConnections(), s.nginxListen(f), s.options.Buffer, s.behind(f, "BEHINDNGINX"))
	return b.String()
}

// nginxListen is how clients are met: TLS 1.3 with the cipher Go and OpenSSL are
// both best at. The buffers are nginx's default size unless told otherwise.
func (s *stage) nginxListen(f front) string {
	if f.plain {
		return fmt.Sprintf("        listen %s backlog=4096;\n", s.addr(portNginx))
	}
	tickets := "off"
	if f.tickets {
		tickets = "on"
	}
	c := s.certs[f.key].server
	return fmt.Sprintf(`        listen %s ssl backlog=4096;
        ssl_certificate %s;
        ssl_certificate_key %s;
        ssl_client_certificate %s;
        ssl_verify_client on;
        ssl_protocols TLSv1.3;
        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
        ssl_ecdh_curve X25519;
        ssl_session_cache off;
        ssl_session_tickets %s;
`, s.addr(portNginx), c.CertPEM, c.KeyPEM, c.CAPEM, tickets)
}
