package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// TestHealthByCertificate: the check passes the handshake of a gateway that asks for
// client certificates, and says what to set where it cannot. It is told NOTREADY, for
// there is no broker.
func TestHealthByCertificate(t *testing.T) {
	own, clients := filesOf(t, "gateway"), filesOf(t, "monitor")
	for name, c := range map[string]struct {
		auth  string
		trust certs.Files
		more  []string
		want  string
	}{
		"its own, of the clients' authority": {"REQUIRED", own, nil, "NOTREADY"},
		"its own, of another authority":      {"REQUIRED", clients, nil, "GATEWAY_HTTPS_HEALTH_KEY_STORE_PATH names another one"},
		"one for it":                         {"REQUIRED", clients, health(clients), "NOTREADY"},
		"one for it, not trusted":            {"REQUIRED", own, health(clients), "the certificate of GATEWAY_HTTPS_HEALTH_KEY_STORE_PATH must be"},
		"none where none is needed":          {"REQUEST", clients, nil, "NOTREADY"},
		"one where none is needed":           {"REQUEST", clients, health(clients), "NOTREADY"},
		"a wrong password":                   {"REQUIRED", clients, append(health(clients)[:1], "GATEWAY_HTTPS_HEALTH_KEY_STORE_PASSWORD=no"), "GATEWAY_HTTPS_HEALTH_KEY_STORE_PASSWORD"},
	} {
		t.Run(name, func(t *testing.T) {
			ports := freePorts(t, 4)
			environ := slices.Concat(plain, []string{
				"GATEWAY_BIND_HOST=127.0.0.1",
				fmt.Sprintf("GATEWAY_PORT_START=%d", ports), fmt.Sprintf("GATEWAY_HTTP_PORT=%d", ports+3),
				"GATEWAY_HTTPS_KEY_STORE_PATH=" + own.KeyStore, "GATEWAY_HTTPS_KEY_STORE_PASSWORD=" + certs.Password,
				"GATEWAY_HTTPS_TRUST_STORE_PATH=" + c.trust.TrustStore, "GATEWAY_HTTPS_TRUST_STORE_PASSWORD=" + certs.Password,
				"GATEWAY_HTTPS_CLIENT_AUTH=" + c.auth,
			}, c.more)
			serveUntilEnd(t, environ, ports+3)
			code, out, errs := call(t, environ, "health")
			if code != exitFailed || !strings.Contains(out+errs, c.want) {
				t.Errorf("exit code %d, no %q in\n%s%s", code, c.want, out, errs)
			}
		})
	}
}

// filesOf is a certificate of an authority of its own.
func filesOf(t *testing.T, name string) certs.Files {
	t.Helper()
	authority, err := certs.NewAuthority(name+"'s authority", certs.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Server(name, certs.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	files, err := pair.Write(t.TempDir(), name, certs.PKCS12)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func health(f certs.Files) []string {
	return []string{"GATEWAY_HTTPS_HEALTH_KEY_STORE_PATH=" + f.KeyStore, "GATEWAY_HTTPS_HEALTH_KEY_STORE_PASSWORD=" + certs.Password}
}

// serveUntilEnd starts a gateway, returns when its admin port takes connections, and
// ends it with the test.
func serveUntilEnd(t *testing.T, environ []string, admin int) {
	t.Helper()
	ctx, signal := context.WithCancel(t.Context())
	var out bytes.Buffer
	code, ended := 0, make(chan struct{})
	go func() {
		defer close(ended)
		code = run(world{ctx: ctx, environ: environ, stdout: &out, stderr: &out}, nil)
	}()
	t.Cleanup(func() {
		signal()
		if <-ended; code != 0 {
			t.Errorf("exit code %d:\n%s", code, out.String())
		}
	})
	for {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(admin)))
		if err == nil {
			_ = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).Handshake() // so that it has begun to serve
			conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatal("it ended before it was told to")
		default:
		}
	}
}
