package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/postern-kafka/postern/auth/upstream"
)

// The workloads there are.
const (
	Produce  = "produce"  // a fixed volume in large batches, as fast as it goes
	Fetch    = "fetch"    // a fixed volume read back from its beginning
	PingPong = "pingpong" // one small request at a time in each lane
	OpenLoop = "openloop" // single records at a fixed rate, latency from the intended time
	Paced    = "paced"    // small requests at a fixed rate on bare connections, likewise
	Idle     = "idle"     // connections that did one request and then stay
	Connect  = "connect"  // connections that do one request and end
	Hostile  = "hostile"  // one connection that behaves badly
	Failing  = "failing"  // clients that log in by what is wrong, again and again
	Metadata = "metadata" // all topics of a large cluster, asked again and again
	Scripted = "scripted" // not a client: the broker that Metadata needs
)

// ErrWrong is wrapped by every error that means that what came back was not what
// was asked for, as opposed to a connection that failed.
var ErrWrong = errors.New("wrong answer")

// Spec says what to do. Fields a workload does not name are not used by it.
type Spec struct {
	Workload string        `json:"workload"`
	Addr     string        `json:"addr"`              // host:port of the peer
	CAFile   string        `json:"ca_file,omitempty"` // PEM; empty for a peer without TLS
	CertFile string        `json:"cert_file,omitempty"`
	KeyFile  string        `json:"key_file,omitempty"`
	Timeout  time.Duration `json:"timeout"` // for the whole workload

	// DefaultGroups offers Go's groups for the key exchange instead of X25519
	// alone, which every peer has.
	DefaultGroups bool `json:"default_groups,omitempty"`

	Login *Login                 `json:"login,omitempty"` // bare connections: who they are by SASL; nil for none
	Bad   []Login                `json:"bad,omitempty"`   // Failing: client i has the one at i modulo their number
	good  *upstream.Credentials  // Login's, made by New
	bad   []upstream.Credentials // Bad's, likewise

	Topic       string `json:"topic,omitempty"`        // it exists, with Connections partitions or more
	Connections int    `json:"connections,omitempty"`  // of clients, client i uses partition i; Failing: clients
	Lanes       int    `json:"lanes,omitempty"`        // PingPong: requests at once; 0 is one on each connection
	Before      int    `json:"before,omitempty"`       // PingPong: requests on each connection before those that count; 0 is one
	Records     int64  `json:"records,omitempty"`      // Produce, Fetch: in all; a multiple of Connections
	RecordBytes int    `json:"record_bytes,omitempty"` // Produce, Fetch, OpenLoop: size of each value
	BatchBytes  int32  `json:"batch_bytes,omitempty"`  // Produce: size limit of one batch
	Requests    int64  `json:"requests,omitempty"`     // PingPong, Metadata, Connect: in all; a multiple of what runs at once

	PerSecond int           `json:"per_second,omitempty"` // OpenLoop, Paced, Connect: at fixed times, over all connections
	Warm      time.Duration `json:"warm,omitempty"`       // OpenLoop, Paced: first, counted, but not in the latencies
	Duration  time.Duration `json:"duration,omitempty"`   // OpenLoop, Paced, Connect: after Warm; Hostile, Failing: in all
	Pause     time.Duration `json:"pause,omitempty"`      // Failing: of a client between two tries, a fifth more or less

	Resume     bool   `json:"resume,omitempty"`     // Connect: sessions are resumed by ticket
	Trick      string `json:"trick,omitempty"`      // Hostile: one of Tricks
	Topics     int    `json:"topics,omitempty"`     // Metadata, Scripted: of the cluster
	Partitions int    `json:"partitions,omitempty"` // Metadata, Scripted: of each topic
}

// Outcome says what was done. Counts are of the measured part only.
type Outcome struct {
	Seconds     float64  `json:"seconds"`
	Records     int64    `json:"records,omitempty"`
	Bytes       int64    `json:"bytes,omitempty"`    // of record values
	Requests    int64    `json:"requests,omitempty"` // frames sent of the API the workload is about
	Connections int      `json:"connections,omitempty"`
	Unanswered  int64    `json:"unanswered,omitempty"` // of Requests; Failing: the connection ended without a word
	Resumed     int64    `json:"resumed,omitempty"`    // TLS sessions
	Refused     string   `json:"refused,omitempty"`    // how the peer ended a hostile connection
	Cipher      string   `json:"cipher,omitempty"`
	Latency     *Latency `json:"latency,omitempty"`
}

// Workload is one kind of work; its methods are called once each, in this order,
// by one goroutine.
type Workload interface {
	Prepare(ctx context.Context) error
	Run(ctx context.Context) (Outcome, error)
	Close()
}

// New returns the workload s names, or says what in s is wrong.
func New(s Spec) (Workload, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("load: %s: %w", s.Workload, err)
	}
	config, err := s.tlsConfig()
	if err != nil {
		return nil, fmt.Errorf("load: %s: %w", s.Workload, err)
	}
	if err := s.readLogins(); err != nil {
		return nil, fmt.Errorf("load: %s: %w", s.Workload, err)
	}
	return makers[s.Workload](s, config), nil
}

// readLogins makes credentials of what s says.
func (s *Spec) readLogins() error {
	if s.Login != nil {
		c, err := s.Login.credentials()
		if err != nil {
			return err
		}
		s.good = &c
	}
	for _, l := range s.Bad {
		c, err := l.credentials()
		if err != nil {
			return err
		}
		s.bad = append(s.bad, c)
	}
	return nil
}

// makers makes each workload.
var makers = map[string]func(s Spec, config *tls.Config) Workload{
	Produce: func(s Spec, c *tls.Config) Workload { return &producing{newFranz(s, c, int16(kmsg.Produce))} },
	Fetch:   func(s Spec, c *tls.Config) Workload { return &fetching{newFranz(s, c, int16(kmsg.Fetch))} },
	PingPong: func(s Spec, c *tls.Config) Workload {
		return &pingPong{wires{spec: s, tls: c}, endOffset(s.Topic)}
	},
	OpenLoop: func(s Spec, c *tls.Config) Workload { return &openLoop{newFranz(s, c, int16(kmsg.Produce))} },
	Paced:    func(s Spec, c *tls.Config) Workload { return &paced{wires{spec: s, tls: c}, endOffset(s.Topic)} },
	Idle:     func(s Spec, c *tls.Config) Workload { return &idling{wires{spec: s, tls: c}} },
	Connect:  func(s Spec, c *tls.Config) Workload { return &connecting{spec: s, tls: c} },
	Hostile:  func(s Spec, c *tls.Config) Workload { return &hostile{spec: s, tls: c} },
	Failing:  func(s Spec, c *tls.Config) Workload { return &failing{spec: s, tls: c} },
	Metadata: func(s Spec, c *tls.Config) Workload { return newMetadata(wires{spec: s, tls: c}) },
	Scripted: func(s Spec, _ *tls.Config) Workload { return &scripted{spec: s} },
}

// check refuses what would not end or could not be accounted for.
func (s Spec) check() error {
	if _, ok := makers[s.Workload]; !ok {
		return fmt.Errorf("no such workload; there are %s", strings.Join(slices.Sorted(maps.Keys(makers)), ", "))
	}
	if s.Addr == "" || s.Timeout <= 0 {
		return errors.New("addr and timeout must be set")
	}
	for _, n := range s.needs() {
		if n.value <= 0 {
			return fmt.Errorf("%s must be set", n.name)
		}
	}
	switch s.Workload {
	case Produce, Fetch, OpenLoop:
		if s.Login != nil {
			return errors.New("login: these clients are not bare connections")
		}
	}
	switch s.Workload {
	case Produce, Fetch:
		return divides("records", s.Records, s.Connections)
	case PingPong:
		if s.Lanes == 0 {
			return divides("requests", s.Requests, s.Connections)
		}
		if s.Lanes > s.Connections {
			return fmt.Errorf("%d lanes on %d connections", s.Lanes, s.Connections)
		}
		return divides("requests", s.Requests, s.Lanes)
	case Metadata:
		return divides("requests", s.Requests, s.Connections)
	case Hostile:
		if _, ok := tricks[s.Trick]; !ok {
			return fmt.Errorf("trick %q: there are %s", s.Trick, strings.Join(Tricks, ", "))
		}
	}
	return nil
}

// need is a field that must be positive.
type need struct {
	name  string
	value int64
}

// needs are the fields that the workload of s cannot do without.
func (s Spec) needs() []need {
	var (
		topic       = need{"topic", int64(len(s.Topic))}
		connections = need{"connections", int64(s.Connections)}
		size        = need{"record bytes", int64(s.RecordBytes)}
		rate        = need{"per second", int64(s.PerSecond)}
		duration    = need{"duration", int64(s.Duration)}
		topics      = need{"topics", int64(s.Topics)}
		partitions  = need{"partitions", int64(s.Partitions)}
	)
	switch s.Workload {
	case Produce, Fetch:
		return []need{topic, connections, size}
	case PingPong:
		return []need{topic, connections}
	case OpenLoop:
		return []need{topic, connections, size, rate, duration}
	case Paced:
		return []need{topic, connections, rate, duration}
	case Idle:
		return []need{connections}
	case Connect:
		if s.PerSecond > 0 {
			return []need{duration}
		}
		return []need{{"requests or per second", s.Requests}}
	case Hostile:
		return []need{topic, duration}
	case Failing:
		return []need{connections, {"bad", int64(len(s.Bad))}, {"pause", int64(s.Pause)}, duration}
	case Metadata:
		return []need{connections, topics, partitions}
	default: // Scripted
		return []need{topics, partitions}
	}
}

// divides says whether n things can be shared out evenly.
func divides(name string, n int64, among int) error {
	if n <= 0 || n%int64(among) != 0 {
		return fmt.Errorf("%s: %d is not a positive multiple of %d", name, n, among)
	}
	return nil
}

// tlsConfig loads the client's certificate and what it trusts; nil without TLS.
// Session tickets are off: each connection is a full handshake.
func (s Spec) tlsConfig() (*tls.Config, error) {
	if s.CAFile == "" {
		return nil, nil
	}
	authority, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("ca: %s: no certificate in it", s.CAFile)
	}
	own, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	config := &tls.Config{
		RootCAs:                roots,
		Certificates:           []tls.Certificate{own},
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
	}
	if !s.DefaultGroups {
		config.CurvePreferences = []tls.CurveID{tls.X25519}
	}
	host, _, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return nil, fmt.Errorf("addr: %w", err)
	}
	config.ServerName = host
	return config, nil
}
