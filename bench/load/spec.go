package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"
)

// The workloads there are.
const (
	Produce  = "produce"  // a fixed volume in large batches, as fast as it goes
	Fetch    = "fetch"    // a fixed volume read back from its beginning
	PingPong = "pingpong" // one small request at a time on each connection
	OpenLoop = "openloop" // single records at a fixed rate, latency from the intended time
	Idle     = "idle"     // connections that did one request and then stay
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

	Topic       string `json:"topic"`        // all but Idle; it exists, with Connections partitions or more
	Connections int    `json:"connections"`  // one client each; client i uses partition i
	Records     int64  `json:"records"`      // Produce, Fetch: in all; a multiple of Connections
	RecordBytes int    `json:"record_bytes"` // Produce, Fetch, OpenLoop: size of each value
	BatchBytes  int32  `json:"batch_bytes"`  // Produce: size limit of one batch
	Requests    int64  `json:"requests"`     // PingPong: in all; a multiple of Connections

	PerSecond int           `json:"per_second"` // OpenLoop: records a second over all connections
	Warm      time.Duration `json:"warm"`       // OpenLoop: sent first, counted, but not in the latencies
	Duration  time.Duration `json:"duration"`   // OpenLoop: after Warm
}

// Outcome says what was done. Counts are of the measured part only.
type Outcome struct {
	Seconds     float64  `json:"seconds"`
	Records     int64    `json:"records,omitempty"`
	Bytes       int64    `json:"bytes,omitempty"`    // of record values
	Requests    int64    `json:"requests,omitempty"` // frames sent of the API the workload is about
	Connections int      `json:"connections,omitempty"`
	Cipher      string   `json:"cipher,omitempty"`
	Latency     *Latency `json:"latency,omitempty"`
}

// Latency is a distribution in microseconds.
type Latency struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_us"`
	P99   float64 `json:"p99_us"`
	P999  float64 `json:"p999_us"`
	Max   float64 `json:"max_us"`
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
	switch s.Workload {
	case Produce:
		return &producing{spec: s, tls: config}, nil
	case Fetch:
		return &fetching{spec: s, tls: config}, nil
	case PingPong:
		return &pingPong{spec: s, tls: config}, nil
	case OpenLoop:
		return &openLoop{spec: s, tls: config}, nil
	default:
		return &idling{spec: s, tls: config}, nil
	}
}

// check refuses what would not end or could not be accounted for.
func (s Spec) check() error {
	if s.Addr == "" || s.Timeout <= 0 || s.Connections <= 0 {
		return errors.New("addr, timeout and connections must be set")
	}
	shared := func(name string, n int64) error {
		if n <= 0 || n%int64(s.Connections) != 0 {
			return fmt.Errorf("%s: %d is not a positive multiple of %d connections", name, n, s.Connections)
		}
		return nil
	}
	needsTopic := s.Workload != Idle
	if needsTopic && s.Topic == "" {
		return errors.New("topic must be set")
	}
	switch s.Workload {
	case Produce, Fetch:
		if s.RecordBytes <= 0 {
			return errors.New("record bytes must be set")
		}
		return shared("records", s.Records)
	case PingPong:
		return shared("requests", s.Requests)
	case OpenLoop:
		if s.PerSecond <= 0 || s.Duration <= 0 || s.RecordBytes <= 0 {
			return errors.New("per second, duration and record bytes must be set")
		}
		return nil
	case Idle:
		return nil
	default:
		return fmt.Errorf("no such workload; there are %s, %s, %s, %s and %s", Produce, Fetch, PingPong, OpenLoop, Idle)
	}
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
	return &tls.Config{
		RootCAs:                roots,
		Certificates:           []tls.Certificate{own},
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
	}, nil
}
