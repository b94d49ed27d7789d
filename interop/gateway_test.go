package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

const (
	// patience bounds every wait for a gateway.
	patience = 60 * time.Second
	// portsPerGateway is enough for broker ids 0 to 5 and the admin API.
	portsPerGateway = 8
)

// gateway is one process of the program under test; it keeps its ports and its
// log over restarts.
type gateway struct {
	name    string
	env     map[string]string
	first   int // port of broker 0, bootstrap for everybody
	admin   int
	log     string
	process *kafkatest.Process
}

// startGateway starts a gateway on free ports and waits until it is ready.
func startGateway(t *testing.T, name string, env map[string]string) *gateway {
	t.Helper()
	g := newGateway(t, name, env)
	g.start(t)
	g.awaitReady(t)
	return g
}

// newGateway takes ports for a gateway without starting it. Ports that env
// names are left to it.
func newGateway(t *testing.T, name string, env map[string]string) *gateway {
	t.Helper()
	ports, err := kafkatest.ReservePorts(portsPerGateway)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	g := &gateway{
		name: name, env: maps.Clone(env), first: ports.First, admin: ports.First + portsPerGateway - 1,
		log: filepath.Join(t.TempDir(), name+".log"),
	}
	g.env["GATEWAY_PORT_START"] = port(g.first)
	g.env["GATEWAY_HTTP_PORT"] = port(g.admin)
	t.Cleanup(func() {
		g.process.Kill()
		if t.Failed() {
			t.Log(g.logTail())
		}
	})
	return g
}

// start runs the program with the environment alone.
func (g *gateway) start(t *testing.T) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(g.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	env := make([]string, 0, len(g.env))
	for _, key := range slices.Sorted(maps.Keys(g.env)) {
		env = append(env, key+"="+g.env[key])
	}
	if g.process, err = kafkatest.StartProcess(log, filepath.Dir(g.log), env, path); err != nil {
		t.Fatal(err)
	}
}

// stop ends the gateway as an orchestrator does and expects a clean end.
func (g *gateway) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := g.process.Stop(ctx); err != nil {
		t.Error(err)
	}
	if code := g.process.ExitCode(); code != 0 {
		t.Errorf("gateway %s: SIGTERM ended it with status %d, want 0", g.name, code)
	}
}

func (g *gateway) bootstrap() string { return net.JoinHostPort("localhost", port(g.first)) }

// brokerPort is where the gateway advertises a broker.
func (g *gateway) brokerPort(id int) int { return g.first + id }

func (g *gateway) url(path string) string {
	return "http://" + net.JoinHostPort("localhost", port(g.admin)) + path
}

// awaitReady waits until the gateway says it is ready.
func (g *gateway) awaitReady(t *testing.T) {
	t.Helper()
	await(t, "gateway "+g.name+" is ready", patience, func(ctx context.Context) error {
		if err := g.alive(); err != nil {
			return err
		}
		status, body, err := g.call(ctx, http.MethodGet, "/health/ready", nil)
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("status %d: %s", status, body)
		}
		return nil
	})
}

// alive is an error that ends a wait when the process has ended.
func (g *gateway) alive() error {
	select {
	case <-g.process.Done():
		return fmt.Errorf("gateway %s ended: %w\n%s", g.name, errors.Join(kafkatest.ErrGivenUp, g.process.Err()), g.logTail())
	default:
		return nil
	}
}

// call sends a request to the admin API as admin.
func (g *gateway) call(ctx context.Context, method, path string, body any) (status int, answer []byte, err error) {
	var content []byte
	if body != nil {
		if content, err = json.Marshal(body); err != nil {
			return 0, nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, g.url(path), bytes.NewReader(content))
	if err != nil {
		return 0, nil, err
	}
	request.SetBasicAuth("admin", "conduktor")
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

func (g *gateway) logTail() string {
	content, err := os.ReadFile(g.log)
	if err != nil {
		return err.Error()
	}
	if len(content) > 6000 {
		content = content[len(content)-6000:]
	}
	return fmt.Sprintf("--- gateway %s\n%s", g.name, content)
}

// await fails the test when the condition does not come to hold.
func await(t *testing.T, what string, limit time.Duration, condition func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := kafkatest.Await(ctx, what, condition); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func splitComma(s string) []string { return strings.Split(s, ",") }
