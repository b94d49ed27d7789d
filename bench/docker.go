package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// composeFile runs the broker in a container.
//
//go:embed compose.yaml
var composeFile []byte

const (
	// dockerKafka is the release of the image.
	dockerKafka = "4.1.0"
	// composeWithin bounds one docker command, the pull of an image included.
	composeWithin = 10 * time.Minute
	// mountedAt is where the container finds its settings and certificates.
	mountedAt = "/mnt/shared/config"
)

// dockerBroker is a broker in a container that uses the host's network.
type dockerBroker struct {
	stage *stage
	dir   string // holds the compose file, and config/ with what is mounted
	pid   int
}

// dockerListeners are the broker's listeners, in the order of their ports.
func dockerListeners() []string {
	return append([]string{"PLAINTEXT", "TLS", "CONTROLLER"}, slices.Sorted(maps.Keys(behind))...)
}

// raiseDocker starts the broker by compose.yaml.
func (s *stage) raiseDocker(ctx context.Context, authority *certs.Authority) error {
	b := &dockerBroker{stage: s, dir: filepath.Join(s.dir, "docker")}
	if err := b.write(authority); err != nil {
		return fmt.Errorf("bench: docker: %w", err)
	}
	// Also what has started by half is taken down; the run's own context may have
	// ended by then.
	s.ends = append(s.ends, func() { _, _ = b.compose(context.Background(), "down", "--volumes", "--timeout", "5") })
	if _, err := b.compose(ctx, "up", "--detach"); err != nil {
		return err
	}
	id, err := b.compose(ctx, "ps", "--quiet", "broker")
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "docker", "inspect", "--format", "{{.State.Pid}}", strings.TrimSpace(id)).Output()
	if err != nil {
		return fmt.Errorf("bench: docker: inspect: %w", err)
	}
	if b.pid, err = strconv.Atoi(strings.TrimSpace(string(out))); err != nil || b.pid == 0 {
		return fmt.Errorf("bench: docker: the broker does not run: %w", errors.Join(err, errAbsent))
	}
	s.broker = b
	return b.await(ctx)
}

// write lays out the folder of the project: the container's user may be anybody.
func (b *dockerBroker) write(authority *certs.Authority) error {
	config := filepath.Join(b.dir, "config")
	if err := os.MkdirAll(config, 0o755); err != nil {
		return err
	}
	leaf, err := authority.Server("localhost", certs.RSA2048)
	if err != nil {
		return err
	}
	store, err := leaf.Write(config, "broker", certs.PKCS12)
	if err != nil {
		return err
	}
	for _, file := range []string{store.KeyStore, store.TrustStore} {
		if err := os.Chmod(file, 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(config, "server.properties"), []byte(b.properties(store)), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.dir, "compose.yaml"), composeFile, 0o644)
}

// properties are the broker's settings: those of the jars' broker that matter here.
func (b *dockerBroker) properties(store certs.Files) string {
	p := map[string]string{
		"process.roles": "broker,controller", "node.id": "1",
		"controller.listener.names": "CONTROLLER", "inter.broker.listener.name": "PLAINTEXT",
		"controller.quorum.voters": "1@" + b.ListenerAddr("CONTROLLER"),
		"log.dirs":                 "/tmp/kraft-combined-logs",
		"num.network.threads":      "2", "num.io.threads": "4",
		"auto.create.topics.enable":        "false",
		"offsets.topic.num.partitions":     "3",
		"offsets.topic.replication.factor": "1", "default.replication.factor": "1",
		"transaction.state.log.replication.factor": "1", "transaction.state.log.min.isr": "1",
		"group.initial.rebalance.delay.ms": "0",
	}
	maps.Copy(p, properties)
	for k, v := range store.BrokerProperties() {
		p[k] = strings.ReplaceAll(v, filepath.Join(b.dir, "config"), mountedAt)
	}
	var listeners, advertised, protocols []string
	for _, name := range dockerListeners() {
		at, protocol := b.ListenerAddr(name), "PLAINTEXT"
		listeners = append(listeners, name+"://"+at)
		if port, ok := behind[name]; ok {
			at = b.stage.addr(port)
		}
		if name == "TLS" {
			at, protocol = b.AddrTLS(), "SSL"
		}
		if name != "CONTROLLER" {
			advertised = append(advertised, name+"://"+at)
		}
		protocols = append(protocols, name+":"+protocol)
	}
	p["listeners"], p["advertised.listeners"] = strings.Join(listeners, ","), strings.Join(advertised, ",")
	p["listener.security.protocol.map"] = strings.Join(protocols, ",")
	var text strings.Builder
	for _, k := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&text, "%s=%s\n", k, p[k])
	}
	return text.String()
}

// environment fills in the compose file's variables.
func (b *dockerBroker) environment() map[string]string {
	return map[string]string{
		"BENCH_KAFKA_VERSION": dockerKafka,
		"BENCH_HEAP_MB":       strconv.Itoa(heapMB),
		"BENCH_CONFIG":        filepath.Join(b.dir, "config"),
	}
}

// compose runs a docker compose command on the project and returns its output.
func (b *dockerBroker) compose(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, composeWithin)
	defer cancel()
	args = append([]string{"compose", "--project-name", filepath.Base(b.stage.dir), "--file", filepath.Join(b.dir, "compose.yaml")}, args...)
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = os.Environ()
	for k, v := range b.environment() {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	var trouble strings.Builder
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("bench: docker %v: %w\n%s", args, err, trouble.String())
	}
	return string(out), nil
}

// await returns when the broker answers.
func (b *dockerBroker) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.RequestRetries(0))
	if err != nil {
		return fmt.Errorf("bench: docker: %w", err)
	}
	defer client.Close()
	return kafkatest.Await(ctx, "bench: the broker in the container answers", client.Ping)
}

// Addr is the plaintext address.
func (b *dockerBroker) Addr() string { return b.ListenerAddr("PLAINTEXT") }

// AddrTLS is the address of the mutual-TLS listener, by host name.
func (b *dockerBroker) AddrTLS() string {
	return strings.Replace(b.ListenerAddr("TLS"), loopback, "localhost", 1)
}

// ListenerAddr is the address that a listener binds. There is none with SASL.
func (b *dockerBroker) ListenerAddr(name string) string {
	if name == saslListener {
		return ""
	}
	return net.JoinHostPort(loopback, strconv.Itoa(b.stage.ports.First+portDocker+slices.Index(dockerListeners(), name)))
}

// Pid is the container's first process on this machine.
func (b *dockerBroker) Pid() int { return b.pid }
