package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/admin"
	"github.com/postern-kafka/postern/cmd/postern/config"
	"github.com/postern-kafka/postern/engine"
	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/mapping/kafkastore"
	"github.com/postern-kafka/postern/mapping/memstore"
	"github.com/postern-kafka/postern/tlsterm"
)

// Options is what Start needs beside the configuration.
type Options struct {
	// Loops is how many event loops there are, 0 for the configuration's number.
	Loops     int
	Log       *slog.Logger
	Version   string
	Commit    string
	BuildTime string
	// Upstream says how to log in at the brokers; without a Mechanism, the
	// configuration says it.
	Upstream Upstream
}

// Gateway is a running gateway.
type Gateway struct {
	cfg      *config.Config
	log      *slog.Logger
	security *security
	logins   *authentication
	login    *upstreamLogin
	store    mapping.Store
	cluster  *cluster
	engine   *engine.Engine
	admin    *admin.Server
	ctx      context.Context // of the work in the background
	stop     context.CancelFunc
	work     sync.WaitGroup
}

// Start brings a gateway up and returns when its listeners and the admin API
// are bound. The state and the brokers may still be out of reach then: Ready
// says when they are not. On error nothing is left running.
func Start(ctx context.Context, cfg *config.Config, o Options) (*Gateway, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{cfg: cfg, log: o.Log}
	g.ctx, g.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := g.start(ctx, o); err != nil {
		return nil, errors.Join(err, g.Close(context.WithoutCancel(ctx)))
	}
	return g, nil
}

func (g *Gateway) start(ctx context.Context, o Options) error {
	cfg := g.cfg
	var err error
	tlsEngine := chooseTLSEngine(cfg, tlsterm.SelfTest, o.Log)
	// The store is open long before anybody's handshake asks it.
	if g.security, err = newSecurity(cfg, tlsEngine, func(f [sha256.Size]byte) bool { return g.store.DenyList().Contains(f) }, o.Log); err != nil {
		return err
	}
	listeners, err := g.security.engineListeners()
	if err != nil {
		return err
	}
	upstream := g.security.upstream()
	if g.login, err = newUpstreamLogin(upstreamOf(o, cfg), cfg.Kafka.ClientID, o.Log); err != nil {
		return err
	}
	if upstream == nil {
		g.login.warnInClear(o.Log)
	}
	client := slices.Clip(append(clientOptions(cfg, upstream), g.login.clientOptions()...)) // several append to it
	if g.store, err = openStore(ctx, cfg, client, o.Log); err != nil {
		return err
	}
	if g.logins, err = newAuthentication(cfg, g.store.Users(), o.Log); err != nil {
		return err
	}
	book := mapping.NewBook(cfg.Kafka.BootstrapServers)
	if g.cluster, err = newCluster(client, book, cfg.Kafka.MetadataMaxAge, o.Log); err != nil {
		return err
	}
	g.cluster.asksVersions = g.logins.decides() || cfg.MandatoryVCluster
	g.login.issueBy(g.cluster.client)
	g.cluster.lookFirst(ctx)
	engineOptions := engine.Options{
		Listeners:               listeners,
		Users:                   g.store.Users(),
		Book:                    book,
		MandatoryVCluster:       cfg.MandatoryVCluster,
		BrokerTLS:               upstream,
		BrokerLogin:             g.login.engineLogin(),
		TLSEngine:               tlsEngine,
		Revoked:                 g.denied,
		Refresh:                 g.cluster.refresh,
		Versions:                g.cluster.versions.Load,
		Loops:                   cmp.Or(o.Loops, cfg.Threads),
		MaxConnections:          cfg.Limits.MaxConnections,
		MaxAdmissions:           cfg.Limits.MaxHandshakes,
		MaxAdmissionsPerAddress: cfg.Limits.MaxHandshakesPerAddress,
		MaxFrame:                cfg.Limits.MaxFrameBytes + 4, // the size prefix
		HandshakeTimeout:        cfg.Limits.HandshakeTimeout,
		DialTimeout:             cfg.Kafka.DialTimeout,
		Sockets:                 engine.Sockets(cfg.Sockets),
		Log:                     o.Log,
	}
	g.logins.logsIn(&engineOptions)
	g.work.Go(func() { g.logins.run(g.ctx) })
	if g.engine, err = engine.Start(engineOptions); err != nil {
		return err
	}
	g.security.follow()
	g.work.Go(func() { g.security.upkeep(g.ctx) })
	g.store.DenyList().Watch(func() { g.engine.Revoke(g.denied) })
	g.engine.FollowBrokers()
	g.work.Go(func() { g.cluster.watch(g.engine.FollowBrokers) })
	return g.startAdmin(o)
}

// upstreamOf is how to log in at the brokers.
func upstreamOf(o Options, cfg *config.Config) Upstream {
	if o.Upstream.Mechanism != "" || !cfg.Kafka.Protocol.SASL() {
		return o.Upstream
	}
	k := &cfg.Kafka
	return Upstream{
		Mechanism: k.Mechanism, JAAS: k.JAAS.Reveal(), TokenEndpoint: k.TokenEndpoint.Reveal(),
		PerUser: k.PerUser, TokenLifetime: k.TokenLifetime,
	}
}

// denied reports whether a client's certificate is on the deny-list.
func (g *Gateway) denied(id tlsterm.Identity) bool {
	return g.store.DenyList().Contains(id.Fingerprint())
}

func (g *Gateway) startAdmin(o Options) error {
	users := make([]admin.Credentials, len(g.cfg.Admin.Users))
	for i, u := range g.cfg.Admin.Users {
		users[i] = admin.Credentials{Username: u.Username, Password: u.Password.Reveal(), Admin: u.Admin}
	}
	g.admin = admin.New(admin.Options{
		Bind:           net.JoinHostPort(g.cfg.Admin.BindHost, strconv.Itoa(g.cfg.Admin.Port)),
		Users:          users,
		SecuredMetrics: g.cfg.Admin.SecuredMetrics,
		Store:          g.store,
		TLS:            g.security.admin(),
		Tokens:         g.logins.tokens(),
		Protocols:      g.logins.protocols(),
		Scram:          scramRecord,

		BootstrapServers: g.logins.bootstrap(),
		ClientProperties: g.logins.clientProperties(),

		Ready:        g.ready,
		WriteMetrics: g.writeMetrics,
		Version:      o.Version,
		Commit:       o.Commit,
		BuildTime:    o.BuildTime,
		Log:          o.Log,
	})
	for _, w := range g.admin.Warnings() {
		g.log.Warn(w)
	}
	if err := g.admin.Listen(); err != nil {
		g.admin = nil
		return err
	}
	g.work.Go(func() {
		if err := g.admin.Serve(); err != nil {
			g.log.Error("the admin API ended", "err", err)
		}
	})
	return nil
}

// openStore opens the state where the configuration says.
func openStore(ctx context.Context, cfg *config.Config, client []kgo.Opt, log *slog.Logger) (mapping.Store, error) {
	if cfg.Storage.Type == config.StorageInMemory {
		log.Warn("GATEWAY_STORAGE_TYPE is IN_MEMORY: mappings are lost at the end and not shared")
		return memstore.New(), nil
	}
	store, err := kafkastore.Open(ctx, kafkastore.Options{
		Client:            client,
		ClusterID:         cfg.ClusterID,
		Topics:            cfg.Storage.Topics,
		ReplicationFactor: cfg.Storage.ReplicationFactor,
		Log:               log,
	})
	if err != nil {
		return nil, err
	}
	return store, nil
}

// ready is what /health/ready asks.
func (g *Gateway) ready() error {
	return errors.Join(g.store.Ready(), g.cluster.ready(), g.logins.ready())
}

// Ready waits until the gateway can serve, or ctx ends.
func (g *Gateway) Ready(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := g.ready()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gateway: not ready: %w", errors.Join(err, ctx.Err()))
		case <-tick.C:
		}
	}
}

func (g *Gateway) writeMetrics(w io.Writer) {
	g.engine.WriteMetrics(w)
	g.security.writeMetrics(w)
	g.logins.writeMetrics(w)
	g.login.writeMetrics(w)
	s := g.store.Stats()
	metrics.WriteGaugeUint64(w, `gateway_tls_denied_certificates`, uint64(s.Denied))
	metrics.WriteGaugeUint64(w, `gateway_kcache_size{type="usermappings"}`, uint64(s.Mappings))
	metrics.WriteGaugeUint64(w, `gateway_kcache_size{type="groups"}`, uint64(s.Groups))
	metrics.WriteGaugeUint64(w, `gateway_kcache_size{type="vclusters"}`, uint64(s.VClusters))
	metrics.WriteGaugeUint64(w, `gateway_store_local_accounts`, uint64(s.Locals))
	metrics.WriteGaugeUint64(w, `gateway_store_shadowed_mappings`, uint64(s.Shadowed))
	metrics.WriteGaugeUint64(w, `gateway_store_lag_records`, uint64(max(0, s.Lag)))
	metrics.WriteGaugeUint64(w, `gateway_topic_current_offset`, uint64(max(0, s.Position)))
	metrics.WriteCounterUint64(w, `gateway_store_records_total`, s.Records)
	metrics.WriteCounterUint64(w, `gateway_store_skipped_records_total`, s.Skipped)
	metrics.WriteCounterUint64(w, `gateway_store_conflicts_total`, s.Conflicts)
	metrics.WriteCounterUint64(w, `gateway_store_rereads_total`, s.Rereads)
	metrics.WriteCounterUint64(w, `gateway_store_failures_total`, s.Failures)
	metrics.WriteCounterUint64(w, `gateway_store_fenced_writes_total`, s.Fenced)
	metrics.WriteProcessMetrics(w)
}

// Close drains the client connections within the configured time, then ends
// everything. It is safe on a gateway that did not start whole.
func (g *Gateway) Close(ctx context.Context) error {
	var errs []error
	g.stop()
	if g.security != nil {
		errs = append(errs, g.security.close())
	}
	if g.engine != nil {
		drain, cancel := context.WithTimeout(ctx, g.cfg.Limits.DrainTimeout)
		if err := g.engine.Drain(drain, g.cfg.ShutdownDelayBetweenBrokers); err != nil {
			g.log.Warn("connections were cut", "err", err)
		}
		cancel()
		g.store.DenyList().Watch(func() {}) // the store outlives the engine
		errs = append(errs, g.engine.Close())
	}
	if g.cluster != nil {
		g.cluster.close()
	}
	if g.admin != nil {
		errs = append(errs, g.admin.Shutdown(ctx))
	}
	g.work.Wait()
	if g.store != nil {
		errs = append(errs, g.store.Close())
	}
	g.login.close()
	return errors.Join(errs...)
}
