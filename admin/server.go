package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/valyala/fasthttp"

	"github.com/postern-kafka/postern/mapping"
)

// Credentials is one row of GATEWAY_ADMIN_API_USERS. Without Admin the user may read and is answered 403 on writes.
type Credentials struct {
	Username, Password string
	Admin              bool
}

// Options is everything a Server needs. Store is required; the zero value of every other field has the meaning
// written beside it.
type Options struct {
	Bind           string            // host:port to listen on; port 0 picks a free one
	TLS            *tls.Config       // nil serves plain HTTP; see Listen
	Users          []Credentials     // nobody: every secured path answers 401
	SecuredMetrics bool              // whether /metrics asks for credentials (GATEWAY_SECURED_METRICS)
	Store          mapping.Store     // where mappings are read and written
	Ready          func() error      // nil result = READY, else the reason; nil asks Store.Ready
	WriteMetrics   func(w io.Writer) // writes the process's metrics in Prometheus text form; nil: only admin's own
	Version        string            // as /versions and /health show it
	Commit         string            // as /health shows it
	BuildTime      string            // as /health shows it
	Log            *slog.Logger      // nil discards

	Tokens    Tokens    // makes the passwords of local users; nil: no user pool, answered 409
	Protocols Protocols // what listeners let clients prove; the zero value allows no service accounts
	// Scram derives what is stored of a password; a nil salt is made at random. Its errors are told to the caller of
	// the API and must not quote the password. nil: no credentials can be made, answered 409.
	Scram func(mechanism, password string, salt []byte, iterations int) (mapping.ScramRecord, error)
	// What virtual clusters are shown with: where clients connect first, and per kind of authentication (PLAIN, MTLS,
	// OAUTHBEARER) the client properties they need. Both may be empty; they are shared, not copied.
	BootstrapServers string
	ClientProperties map[string]map[string]string

	Now func() time.Time // nil is time.Now

	ReadTimeout  time.Duration // to receive a whole request; 0 is 10 s
	WriteTimeout time.Duration // to send a whole answer; 0 is 30 s
	IdleTimeout  time.Duration // between two requests of a connection; 0 is 60 s
	StoreTimeout time.Duration // for one write of the store; 0 is 10 s
	LingerTime   time.Duration // for a refused client to read its answer before the connection is closed; 0 is 500 ms
	MaxConns     int           // open connections; the next is answered 503; 0 is 256
	MaxBody      int           // bytes of a request body; 0 is 1 MiB

	// Wrong credentials are answered at once, but only so many per address (of IPv6: per /64): FailureBurst in a row,
	// then one per FailurePeriod. What comes over that is 429, right credentials too. 0 is 20, and 1 s.
	FailureBurst  int
	FailurePeriod time.Duration
}

const (
	// A username of 4096 bytes may take 12288 in a path when every byte is escaped; the line and the other headers
	// need room beside it.
	maxHeaderBytes = 32 << 10
	// What is read as a body from a caller whose credentials have not been accepted.
	maxStrangerBody = 16 << 10
)

func (o Options) withDefaults() Options {
	orDuration := func(d *time.Duration, byDefault time.Duration) {
		if *d <= 0 {
			*d = byDefault
		}
	}
	orDuration(&o.ReadTimeout, 10*time.Second)
	orDuration(&o.WriteTimeout, 30*time.Second)
	orDuration(&o.IdleTimeout, 60*time.Second)
	orDuration(&o.StoreTimeout, 10*time.Second)
	orDuration(&o.LingerTime, 500*time.Millisecond)
	orDuration(&o.FailurePeriod, time.Second)
	if o.FailureBurst <= 0 {
		o.FailureBurst = 20
	}
	if o.MaxConns <= 0 {
		o.MaxConns = 256
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	if o.Ready == nil {
		o.Ready = o.Store.Ready
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Server is the admin HTTP server. Its methods may be called from any goroutine; Listen before Serve, and each once.
type Server struct {
	o        Options
	users    roster
	failures *failures
	wrong    *metrics.Counter // requests with wrong credentials
	routes   []route
	document []byte // OpenAPI, of routes
	counters *metrics.Set
	http     *fasthttp.Server
	tcp      *listener    // nil before Listen
	accept   net.Listener // tcp, or TLS over it
	base     context.Context
	cancel   context.CancelFunc
}

// New makes a server that does not listen yet. It panics when Options.Store is nil, which is a caller's bug.
func New(o Options) *Server {
	if o.Store == nil {
		panic("admin: Options.Store is nil")
	}
	s := &Server{o: o.withDefaults(), users: newRoster(o.Users, exposed(o.Bind)), counters: metrics.NewSet()}
	s.failures = newFailures(s.o.FailureBurst, s.o.FailurePeriod)
	s.wrong = s.counters.NewCounter("gateway_admin_wrong_credentials_total")
	s.counters.NewGauge("gateway_admin_default_password", func() float64 { return s.users.defaults })
	s.routes = table(o.SecuredMetrics)
	var err error
	if s.document, err = document(s.routes, o.Version); err != nil {
		panic(err) // the table is ours
	}
	s.counters.NewGauge("gateway_admin_connections", s.connections)
	s.base, s.cancel = context.WithCancel(context.Background())
	s.http = &fasthttp.Server{
		Name:                         "postern",
		Handler:                      s.serve,
		ErrorHandler:                 s.refuse,
		HeaderReceived:               s.limitBody,
		Logger:                       httpLog{s.o.Log},
		Concurrency:                  s.o.MaxConns,
		ReadBufferSize:               maxHeaderBytes,
		ReadTimeout:                  s.o.ReadTimeout,
		WriteTimeout:                 s.o.WriteTimeout,
		IdleTimeout:                  s.o.IdleTimeout,
		MaxRequestBodySize:           s.o.MaxBody,
		DisablePreParseMultipartForm: true,
		NoDefaultContentType:         true,
		CloseOnShutdown:              true,
		// Without it errors quote the request that could not be read, Authorization header included.
		SecureErrorLogMessage: true,
	}
	return s
}

// Listen binds Options.Bind. The error names GATEWAY_HTTP_PORT, where the port comes from.
//
// Options.TLS is cloned and taken as it is, client certificates included: its ClientAuth and ClientCAs, or what its
// GetConfigForClient returns, say who gets through the handshake. A certificate is an additional condition: the
// request still needs its credentials. Only HTTP/1.1 is spoken: GetConfigForClient must offer nothing else.
func (s *Server) Listen() error {
	l, err := net.Listen("tcp", s.o.Bind)
	if err != nil {
		return fmt.Errorf("admin: GATEWAY_HTTP_PORT: %w", err)
	}
	s.tcp = newListener(l, s.o.LingerTime)
	s.accept = s.tcp
	if s.o.TLS != nil {
		c := s.o.TLS.Clone()
		c.NextProtos = []string{"http/1.1"}
		s.accept = tls.NewListener(s.tcp, c)
	}
	return nil
}

// Addr is the address that is listened on, nil before Listen.
func (s *Server) Addr() net.Addr {
	if s.tcp == nil {
		return nil
	}
	return s.tcp.Addr()
}

func (s *Server) connections() float64 {
	if s.tcp == nil {
		return 0
	}
	return float64(s.tcp.count())
}

// ErrNotListening is what Serve returns when Listen has not succeeded before it.
var ErrNotListening = errors.New("admin: Serve: not listening")

// Serve answers requests until Shutdown, after which it returns nil.
func (s *Server) Serve() error {
	if s.accept == nil {
		return ErrNotListening
	}
	if err := s.http.Serve(s.accept); err != nil {
		return fmt.Errorf("admin: %s: %w", s.tcp.Addr(), err)
	}
	return nil
}

// Shutdown stops accepting, lets running requests finish and closes their connections. When ctx ends first, the
// writes still waiting for the store are cancelled, every connection is cut and ctx's error is returned.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.cancel()
	if s.tcp == nil {
		return nil
	}
	err := s.http.ShutdownWithContext(ctx)
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	// fasthttp does not know the listener before Serve.
	if cerr := s.tcp.Close(); err == nil && !errors.Is(cerr, net.ErrClosed) {
		err = cerr
	}
	if ctx.Err() != nil {
		s.cancel()
		s.tcp.cut()
	}
	if err != nil {
		return fmt.Errorf("admin: shutdown: %w", err)
	}
	return nil
}

// Warnings lists what an operator should change, one sentence each, for the caller to log at start.
func (s *Server) Warnings() []string { return s.users.warnings }
