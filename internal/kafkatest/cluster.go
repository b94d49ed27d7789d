package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

const (
	loopback = "127.0.0.1"
	// clusterID is any 16 bytes in Kafka's base64; the founding demo's.
	clusterID = "p0KPFA_mQb2ixdPbQXPblw"
	// startTimeout bounds a start, jars not included, on a busy machine.
	startTimeout = 3 * time.Minute
)

// Cluster is a running Kafka. Its methods may be called from several
// goroutines, those of one Broker from one at a time.
type Cluster struct {
	options Options
	dir     string
	brokers []*Broker
	ports   *Ports
	jars    string
	java    []string // flags before the class path

	authority *certs.Authority
	ownDir    bool
	closeOnce sync.Once
}

// brokerPorts are the addresses of one broker's listeners.
type brokerPorts struct {
	first int
	names []string
}

func (b brokerPorts) addr(listener string) string {
	for i, name := range b.names {
		if name == listener {
			return net.JoinHostPort(loopback, strconv.Itoa(b.first+i))
		}
	}
	return ""
}

// Start launches a cluster for the length of a test. When the test fails, the
// ends of the brokers' logs are printed.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	Require(t, o.Version)
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	c, err := Launch(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.LogTails())
		}
		c.Close()
	})
	return c
}

// Launch starts a cluster and returns when every broker has answered that it
// knows all of them and a controller. The caller must Close it. ctx bounds the
// start only.
func Launch(ctx context.Context, o Options) (*Cluster, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Cluster{options: o, dir: o.Dir, authority: o.Authority}
	if err := c.prepare(ctx); err != nil {
		c.Close()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.format(ctx); err != nil {
		c.Close()
		return nil, err
	}
	for _, b := range c.brokers {
		if err := b.launch(); err != nil {
			c.Close()
			return nil, err
		}
	}
	if err := c.AwaitReady(ctx); err != nil {
		err = fmt.Errorf("%w\n%s", err, c.LogTails())
		c.Close()
		return nil, err
	}
	return c, nil
}

// prepare resolves jars, takes ports and writes certificates and settings.
func (c *Cluster) prepare(ctx context.Context) (err error) {
	if c.jars, err = Jars(ctx, c.options.Version); err != nil {
		return err
	}
	if c.dir == "" {
		c.ownDir = true
		if c.dir, err = os.MkdirTemp("", "postern-kafka-"); err != nil {
			return fmt.Errorf("kafkatest: cluster: %w", err)
		}
	}
	names := c.options.listenerNames()
	if c.ports, err = ReservePorts(len(names) * c.options.Brokers); err != nil {
		return err
	}
	if c.authority == nil {
		if c.authority, err = certs.NewAuthority("kafkatest CA", c.options.CertAlgorithm); err != nil {
			return err
		}
	}
	c.java = jvmFlags(c.options.Version, c.jars)
	ports := make([]brokerPorts, c.options.Brokers)
	for i := range ports {
		ports[i] = brokerPorts{first: c.ports.First + i*len(names), names: names}
	}
	for i := range ports {
		b := &Broker{ID: i + 1, cluster: c, ports: ports[i], dir: filepath.Join(c.dir, fmt.Sprintf("broker-%d", i+1))}
		if err := b.write(ports); err != nil {
			return fmt.Errorf("kafkatest: broker %d: %w", b.ID, err)
		}
		c.brokers = append(c.brokers, b)
	}
	return nil
}

// format prepares the brokers' data folders, side by side: most of it is the
// start of a JVM.
func (c *Cluster) format(ctx context.Context) error {
	errs := make([]error, len(c.brokers))
	var wg sync.WaitGroup
	for i, b := range c.brokers {
		wg.Go(func() { errs[i] = b.format(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Version is the brokers' release.
func (c *Cluster) Version() string { return c.options.Version }

// Dir is where everything of this cluster lies.
func (c *Cluster) Dir() string { return c.dir }

// Authority signs for the cluster's TLS listener.
func (c *Cluster) Authority() *certs.Authority { return c.authority }

// Brokers are all brokers, running or not, by id.
func (c *Cluster) Brokers() []*Broker { return c.brokers }

// Broker returns the broker with an id from 1.
func (c *Cluster) Broker(id int) *Broker { return c.brokers[id-1] }

// Bootstrap lists the plaintext addresses, separated by commas.
func (c *Cluster) Bootstrap() string { return strings.Join(c.Seeds(), ",") }

// Seeds are the plaintext addresses.
func (c *Cluster) Seeds() []string {
	seeds := make([]string, 0, len(c.brokers))
	for _, b := range c.brokers {
		seeds = append(seeds, b.Addr())
	}
	return seeds
}

// BootstrapTLS lists the addresses of the mutual-TLS listener, by host name.
func (c *Cluster) BootstrapTLS() string {
	seeds := make([]string, 0, len(c.brokers))
	for _, b := range c.brokers {
		seeds = append(seeds, b.AddrTLS())
	}
	return strings.Join(seeds, ",")
}

// LogTails is the end of every broker's log, for a failed test.
func (c *Cluster) LogTails() string {
	var s strings.Builder
	for _, b := range c.brokers {
		content, err := os.ReadFile(b.LogPath())
		if err != nil {
			content = []byte(err.Error())
		}
		fmt.Fprintf(&s, "--- broker %d of Kafka %s (%s)\n%s\n", b.ID, c.options.Version, b.LogPath(), tail(content, 4000))
	}
	return s.String()
}

// Close ends the brokers and removes the folder if it was not the caller's.
// The data is not worth an orderly end: they are killed.
func (c *Cluster) Close() {
	c.closeOnce.Do(func() {
		for _, b := range c.brokers {
			b.Kill()
		}
		if c.ports != nil {
			c.ports.Release()
		}
		if c.ownDir {
			_ = os.RemoveAll(c.dir)
		}
	})
}
