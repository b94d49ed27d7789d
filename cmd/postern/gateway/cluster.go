package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/postern-kafka/postern/cmd/postern/config"
	"github.com/postern-kafka/postern/codec"
	"github.com/postern-kafka/postern/mapping"
)

// clientOptions is how the gateway's own clients reach the brokers.
func clientOptions(cfg *config.Config, upstream func(host string) *tls.Config) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(cfg.Kafka.BootstrapServers...),
		kgo.ClientID(cfg.Kafka.ClientID),
		kgo.DialTimeout(cfg.Kafka.DialTimeout),
		kgo.RequestTimeoutOverhead(cfg.Kafka.RequestTimeout),
	}
	if upstream != nil {
		opts = append(opts, kgo.Dialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			d := tls.Dialer{Config: upstream(host)}
			return d.DialContext(ctx, network, addr)
		}))
	}
	return opts
}

// cluster keeps the book of brokers in step with the cluster, also when no
// client asks for Metadata.
type cluster struct {
	book   *mapping.Book
	client *kgo.Client
	log    *slog.Logger
	every  time.Duration
	ctx    context.Context
	stop   context.CancelFunc

	asksVersions bool // before the first look
	versions     atomic.Pointer[codec.Versions]

	asking sync.Mutex // one question at a time
	mu     sync.Mutex
	asked  time.Time // when the cluster last answered
	reason error     // why the brokers are not known; nil once they are
}

const (
	// unknownPause: connections to ports without a broker cause no more than
	// one question in this time.
	unknownPause = time.Second
	// firstLook bounds how long the start waits for the cluster.
	firstLook = 3 * time.Second
	// retryMost is the longest pause between two questions that went unanswered.
	retryMost = 5 * time.Second
)

func newCluster(opts []kgo.Opt, book *mapping.Book, every time.Duration, log *slog.Logger) (*cluster, error) {
	client, err := kgo.NewClient(append(opts, kgo.RequestRetries(1))...)
	if err != nil {
		return nil, fmt.Errorf("gateway: client of the cluster: %w", err)
	}
	c := &cluster{
		book: book, client: client, log: log, every: every,
		reason: errors.New("gateway: the brokers are not known yet"),
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c, nil
}

// lookFirst asks once before the ports open, so that a first client finds its
// broker. A cluster that is down is no error.
func (c *cluster) lookFirst(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firstLook)
	defer cancel()
	if err := c.look(ctx); err != nil {
		c.log.Warn("no broker answers yet", "err", err)
	}
}

// look asks the cluster for its brokers and writes them into the book.
func (c *cluster) look(ctx context.Context) error {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{} // none; nil would be all
	meta, err := req.RequestWith(ctx, c.client)
	if err == nil && len(meta.Brokers) == 0 {
		err = errors.New("the cluster names no broker")
	}
	if err == nil && c.asksVersions {
		c.lookAtVersions(ctx, meta.Brokers)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		err = fmt.Errorf("gateway: brokers of %v: %w", c.book.Seeds(), err)
		if len(c.book.IDs()) == 0 {
			c.reason = err
		}
		return err
	}
	brokers := make([]mapping.Broker, len(meta.Brokers))
	for i, b := range meta.Brokers {
		brokers[i] = mapping.Broker{ID: b.NodeID, Host: b.Host, Port: b.Port}
	}
	if c.book.Replace(brokers) {
		c.log.Info("brokers", "ids", c.book.IDs())
	}
	c.asked, c.reason = time.Now(), nil
	return nil
}

// softwareVersion is what the gateway calls its own version in ApiVersions.
const softwareVersion = "1"

// lookAtVersions asks all brokers what they speak, for clients for which none is
// dialled yet. Those that do not answer are left out: no client will reach them.
func (c *cluster) lookAtVersions(ctx context.Context, brokers []kmsg.MetadataResponseBroker) {
	answers := make([]*kmsg.ApiVersionsResponse, len(brokers))
	var all sync.WaitGroup
	for i := range brokers {
		all.Go(func() {
			req := kmsg.NewPtrApiVersionsRequest()
			req.ClientSoftwareName, req.ClientSoftwareVersion = "postern", softwareVersion
			answer, err := c.client.Broker(int(brokers[i].NodeID)).RetriableRequest(ctx, req)
			if err != nil {
				c.log.Warn("a broker does not say what versions it speaks", "broker", brokers[i].NodeID, "err", err)
				return
			}
			if versions, ok := answer.(*kmsg.ApiVersionsResponse); ok && versions.ErrorCode == 0 {
				answers[i] = versions
			}
		})
	}
	all.Wait()
	answers = slices.DeleteFunc(answers, func(a *kmsg.ApiVersionsResponse) bool { return a == nil })
	if versions := codec.NewVersions(answers); versions != nil {
		c.versions.Store(versions)
	}
}

// refresh is asked for when a connection comes to a port whose broker is not
// known. It asks the cluster unless it did so a moment ago.
func (c *cluster) refresh(ctx context.Context) error {
	c.asking.Lock()
	defer c.asking.Unlock()
	c.mu.Lock()
	recent := time.Since(c.asked) < unknownPause
	c.mu.Unlock()
	if recent {
		return nil
	}
	return c.look(ctx)
}

// watch looks again and again until close; changed is called after each look.
func (c *cluster) watch(changed func()) {
	pause := 100 * time.Millisecond
	for {
		if c.ready() == nil {
			pause = c.every
		} else {
			pause = min(2*pause, retryMost)
		}
		select {
		case <-c.ctx.Done():
			return
		case <-time.After(pause):
		}
		ctx, cancel := context.WithTimeout(c.ctx, max(firstLook, retryMost))
		if err := c.look(ctx); err != nil && c.ctx.Err() == nil {
			c.log.Warn("no broker answers", "err", err)
		} else if err == nil {
			changed()
		}
		cancel()
	}
}

func (c *cluster) ready() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

func (c *cluster) close() {
	c.stop()
	c.client.Close()
}
