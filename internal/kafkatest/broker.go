package kafkatest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// Broker is one node of a cluster; it keeps its ports and data when it is
// stopped.
type Broker struct {
	ID      int
	cluster *Cluster
	ports   brokerPorts
	dir     string
	process *Process
	log     *os.File
}

// Addr is the plaintext address.
func (b *Broker) Addr() string { return b.ports.addr(plaintextListener) }

// AddrTLS is the address of the mutual-TLS listener, by host name.
func (b *Broker) AddrTLS() string {
	return strings.Replace(b.ports.addr(tlsListener), loopback, "localhost", 1)
}

// ListenerAddr is the address that a listener of Options.Listeners binds.
func (b *Broker) ListenerAddr(name string) string { return b.ports.addr(name) }

// LogPath is the broker's log, over all its starts.
func (b *Broker) LogPath() string { return filepath.Join(b.dir, "server.log") }

// DataDir holds the broker's partitions.
func (b *Broker) DataDir() string { return filepath.Join(b.dir, "data") }

// Pid is the process id of the running broker, 0 when it is not running.
func (b *Broker) Pid() int {
	if b.process == nil {
		return 0
	}
	return b.process.Pid()
}

// Start runs the broker again after Stop or Kill and returns when it answers
// that it is part of the cluster.
func (b *Broker) Start(ctx context.Context) error {
	if b.process != nil {
		return fmt.Errorf("kafkatest: broker %d: runs already", b.ID)
	}
	if err := b.launch(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return b.awaitReady(ctx, 0)
}

// Launch runs the broker again and returns at once.
func (b *Broker) Launch() error {
	if b.process != nil {
		return fmt.Errorf("kafkatest: broker %d: runs already", b.ID)
	}
	return b.launch()
}

// Stop ends the broker in good order: its leaderships move first.
func (b *Broker) Stop(ctx context.Context) error {
	if b.process == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	err := b.process.Stop(ctx)
	b.ended()
	return err
}

// Kill ends the broker as a power cut would.
func (b *Broker) Kill() {
	if b.process == nil {
		return
	}
	b.process.Kill()
	b.ended()
}

func (b *Broker) ended() {
	b.process = nil
	_ = b.log.Close()
}

// write makes the broker's folder with its certificate and settings.
func (b *Broker) write(ports []brokerPorts) error {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	o := b.cluster.options
	leaf, err := b.cluster.authority.Server(fmt.Sprintf("broker-%d", b.ID), o.CertAlgorithm)
	if err != nil {
		return err
	}
	store, err := leaf.Write(b.dir, "broker", o.StoreFormat)
	if err != nil {
		return err
	}
	return os.WriteFile(b.settings(), []byte(o.properties(b.ID, b.DataDir(), ports, store)), 0o600)
}

func (b *Broker) settings() string { return filepath.Join(b.dir, "server.properties") }

// format runs the storage tool over the empty data folder.
func (b *Broker) format(ctx context.Context) error {
	args := append(b.jvm(), "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", b.settings())
	out, err := exec.CommandContext(ctx, "java", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kafkatest: broker %d: format: %w\n%s", b.ID, err, tail(out, 2000))
	}
	return nil
}

func (b *Broker) launch() error {
	log, err := os.OpenFile(b.LogPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("kafkatest: broker %d: %w", b.ID, err)
	}
	b.log = log
	args := append(b.jvm(), "kafka.Kafka", b.settings())
	b.process, err = StartProcess(log, b.dir, nil, "java", args...)
	if err != nil {
		_ = log.Close()
		return fmt.Errorf("kafkatest: broker %d: %w", b.ID, err)
	}
	return nil
}

func (b *Broker) jvm() []string {
	o := b.cluster.options
	args := append([]string{fmt.Sprintf("-Xmx%dm", o.HeapMB), fmt.Sprintf("-Xms%dm", o.HeapMB/2)}, b.cluster.java...)
	if urls := o.allowedURLs(); urls != "" {
		args = append(args, "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls="+urls)
	}
	args = append(args, o.JVM...)
	classpath := append([]string{filepath.Join(b.cluster.jars, "*")}, o.ClassPath...)
	return append(args, "-cp", strings.Join(classpath, string(filepath.ListSeparator)))
}

// jvmFlags make a JVM start fast and stay small; peak speed is not wanted.
func jvmFlags(version, jars string) []string {
	flags := []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Djava.awt.headless=true"}
	for _, f := range releases[version].jvm {
		flags = append(flags, strings.ReplaceAll(f, log4jPlaceholder, filepath.Join(jars, "log4j.properties")))
	}
	return flags
}

// Certificates returns a client's certificate in files, signed by the
// cluster's authority, with a client.config for the Java tools.
func (c *Cluster) Certificates(dir, name string, format certs.Format) (files certs.Files, clientConfig string, err error) {
	pair, err := c.authority.Client(name)
	if err != nil {
		return certs.Files{}, "", err
	}
	if files, err = pair.Write(dir, name, format); err != nil {
		return certs.Files{}, "", err
	}
	clientConfig = filepath.Join(dir, name+".config")
	if err := os.WriteFile(clientConfig, []byte(files.ClientConfig()), 0o600); err != nil {
		return certs.Files{}, "", fmt.Errorf("kafkatest: %w", err)
	}
	return files, clientConfig, nil
}
