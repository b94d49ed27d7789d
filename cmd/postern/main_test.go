package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// call runs the command line with an environment.
func call(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(world{ctx: t.Context(), environ: environ, stdout: &out, stderr: &errs}, args)
	return code, out.String(), errs.String()
}

var plain = []string{"KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1", "GATEWAY_SECURITY_PROTOCOL=PLAINTEXT", "GATEWAY_STORAGE_TYPE=IN_MEMORY"}

func TestCommandLine(t *testing.T) {
	for name, c := range map[string]struct {
		environ []string
		args    []string
		code    int
		out     string // in stdout and stderr together
	}{
		"version":              {args: []string{"version"}, out: "postern dev"},
		"help":                 {args: []string{"--help"}, out: "demo"},
		"unknown command":      {args: []string{"serv"}, code: 2, out: "serv"},
		"unknown flag":         {args: []string{"demo", "--twice"}, code: 2, out: "--twice"},
		"no configuration":     {args: nil, code: 2, out: "KAFKA_BOOTSTRAP_SERVERS"},
		"all errors at once":   {environ: []string{"GATEWAY_PORT_START=x", "GATEWAY_SSL_CLIENT_AUTH=maybe"}, code: 2, out: "GATEWAY_SSL_CLIENT_AUTH"},
		"config":               {environ: plain, args: []string{"config"}, out: "gatewayClusterId: gateway"},
		"a misspelt variable":  {environ: append(plain[:3:3], "GATEWAY_ADVERTISED_HOTS=x"), args: []string{"config"}, out: "GATEWAY_ADVERTISED_HOST"},
		"not applicable":       {environ: append(plain[:3:3], "GATEWAY_LICENSE_KEY=x"), args: []string{"config"}, out: "GATEWAY_LICENSE_KEY"},
		"a missing key store":  {environ: []string{"KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1", "GATEWAY_SECURITY_PROTOCOL=SSL", "GATEWAY_SSL_KEY_STORE_PATH=/nowhere/keystore.jks", "GATEWAY_SSL_KEY_STORE_PASSWORD=x", "GATEWAY_SSL_KEY_PASSWORD=x"}, code: 1, out: "/nowhere/keystore.jks"},
		"health without a one": {environ: append(plain[:3:3], "GATEWAY_HTTP_PORT=1"), args: []string{"health"}, code: 1, out: "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := call(t, c.environ, c.args...)
			if code != c.code || !strings.Contains(out+errs, c.out) {
				t.Errorf("exit code %d, want %d; output without %q:\n%s%s", code, c.code, c.out, out, errs)
			}
		})
	}
}

// TestServe starts the gateway without a broker: it lives, is not ready and
// says why, and ends on the signal.
func TestServe(t *testing.T) {
	ports := freePorts(t, 4)
	environ := slices.Concat(plain, []string{
		"GATEWAY_BIND_HOST=127.0.0.1",
		fmt.Sprintf("GATEWAY_PORT_START=%d", ports),
		fmt.Sprintf("GATEWAY_HTTP_PORT=%d", ports+3),
	})
	ctx, signal := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(world{ctx: ctx, environ: environ, stdout: &out, stderr: &errs}, nil)
	}()
	live := fmt.Sprintf("http://127.0.0.1:%d/health/live", ports+3)
	for {
		if resp, err := http.Get(live); err == nil {
			resp.Body.Close()
			break
		}
		select {
		case code := <-ended:
			t.Fatalf("ended with %d:\n%s%s", code, out.String(), errs.String())
		default:
		}
	}
	code, said, _ := call(t, environ, "health")
	if code != exitFailed || !strings.Contains(said, "127.0.0.1:1") {
		t.Errorf("health without a broker: exit code %d, %q", code, said)
	}
	signal()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d after the signal:\n%s%s", code, out.String(), errs.String())
	}
}

// freePorts returns the first of n free ports in a row.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for first := 20000; first < 60000; first += n {
		if func() bool {
			for port := first; port < first+n; port++ {
				ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
				if err != nil {
					return false
				}
				defer ln.Close()
			}
			return true
		}() {
			return first
		}
	}
	t.Fatal("no free ports")
	return 0
}
