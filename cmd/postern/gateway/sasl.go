package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/postern-kafka/postern/admin"
	"github.com/postern-kafka/postern/auth"
	"github.com/postern-kafka/postern/auth/jwks"
	"github.com/postern-kafka/postern/cmd/postern/config"
	"github.com/postern-kafka/postern/engine"
	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/session"
)

// authentication is how clients log in, made of what is configured. The fields of what
// is not are nil.
type authentication struct {
	cfg        *config.Config
	mechanisms *auth.Mechanisms // of listeners on which the gateway decides
	keys       *jwks.Set        // of OAuth's issuer
}

func newAuthentication(cfg *config.Config, users *mapping.Users, log *slog.Logger) (*authentication, error) {
	a := &authentication{cfg: cfg}
	if !a.decides() {
		return a, nil
	}
	o := auth.Options{
		AccountRequired: cfg.Authentication.AccountRequired,
		Accounts:        accounts{users},
		Scram:           true,
	}
	if key := cfg.Authentication.UserPoolKey; key.IsSet() {
		o.UserPoolKey = []byte(key.Reveal())
	}
	var err error
	if c := cfg.Authentication.OAuth; c.JWKSURL.IsSet() {
		if a.keys, err = issuerKeys(&c, log); err != nil {
			return nil, err
		}
		o.OAuth = &auth.OAuth{
			Keys: a.keys, Issuer: c.Issuer, Audiences: c.Audiences,
			SubClaim: c.SubClaim, ScopeClaim: c.ScopeClaim, GroupsClaim: c.GroupsClaim, Skew: c.ClockSkew,
		}
	}
	if a.mechanisms, err = auth.New(o); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	log.Info("clients log in", "mechanisms", a.mechanisms.Names())
	return a, nil
}

func issuerKeys(c *config.OAuth, log *slog.Logger) (*jwks.Set, error) {
	keys, err := jwks.New(jwks.Options{
		URL: c.JWKSURL.Reveal(), Refresh: c.Refresh, Retry: c.Retry, MaxRetry: c.MaxRetry,
		Report: func(err error) {
			if err != nil {
				log.Warn("the issuer's keys cannot be fetched; those that are known go on to count", "err", err)
			} else {
				log.Info("the issuer's keys are fetched again")
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("GATEWAY_OAUTH_JWKS_URL: %w", err)
	}
	return keys, nil
}

// decides reports whether there is a listener on which the gateway decides by SASL who a
// client is.
func (a *authentication) decides() bool {
	for i := range a.cfg.Listeners {
		if l := &a.cfg.Listeners[i]; l.Protocol.SASL() && l.Mode == config.ModeGateway {
			return true
		}
	}
	return false
}

// ofListener says how clients of a listener log in; nil if they do not.
func (a *authentication) ofListener(l *config.Listener) *session.SASL {
	if !l.Protocol.SASL() {
		return nil
	}
	s := &session.SASL{Observe: a.observe, MaxLifetime: a.cfg.Authentication.MaxReauth}
	if l.Mode == config.ModeGateway {
		s.Mechanisms = mechanisms{a.mechanisms}
	}
	return s
}

func (a *authentication) observe(mechanism string) session.Observer {
	return auth.Observe(mechanism).WithSubject(a.cfg.Authentication.OAuth.SubClaim)
}

// prepare is what the engine may wait for before a message of a login; see
// auth.Mechanisms.Prepare.
func (a *authentication) prepare() func(ctx context.Context, mechanism string, message []byte) {
	if a.keys == nil {
		return nil
	}
	return a.mechanisms.Prepare
}

// run fetches the issuer's keys until ctx ends.
func (a *authentication) run(ctx context.Context) {
	if a.keys != nil {
		a.keys.Run(ctx)
	}
}

func (a *authentication) ready() error {
	if a == nil || a.keys == nil {
		return nil
	}
	return a.keys.Ready()
}

func (a *authentication) writeMetrics(w io.Writer) {
	if a.keys != nil {
		a.keys.WriteMetrics(w)
	}
}

// protocols are what the admin API asks which accounts are of use.
func (a *authentication) protocols() admin.Protocols {
	l := &a.cfg.Listeners[0]
	decides := a.decides()
	return admin.Protocols{
		Name:      string(l.Protocol),
		SASL:      decides,
		OAuth:     decides && a.keys != nil,
		MTLS:      l.Protocol == config.ProtocolSSL && l.ClientAuth != config.ClientAuthNone,
		Delegated: l.Mode == config.ModeKafka,
	}
}

// bootstrap is where clients connect first.
func (a *authentication) bootstrap() string {
	l := &a.cfg.Listeners[0]
	return net.JoinHostPort(l.AdvertisedHost, strconv.Itoa(l.PortStart))
}

// clientProperties are what clients need to be told, by kind of authentication, with
// the original's placeholders for what is each one's own.
func (a *authentication) clientProperties() map[string]map[string]string {
	l := &a.cfg.Listeners[0]
	all := make(map[string]map[string]string)
	with := func(kind, mechanism, jaas string) {
		all[kind] = map[string]string{"security.protocol": string(l.Protocol)}
		if mechanism != "" {
			all[kind]["sasl.mechanism"], all[kind]["sasl.jaas.config"] = mechanism, jaas
		}
	}
	if a.decides() {
		if a.cfg.Authentication.UserPoolKey.IsSet() {
			with("PLAIN", auth.Plain, `org.apache.kafka.common.security.plain.PlainLoginModule required username="{{username}}" password="{{password}}";`)
		}
		if a.keys != nil {
			with("OAUTHBEARER", auth.OAuthBearer, `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId="{{username}}" clientSecret="{{password}}";`)
			all["OAUTHBEARER"]["sasl.login.callback.handler.class"] = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"
		}
	}
	if a.protocols().MTLS {
		with("MTLS", "", "")
	}
	return all
}

// tokens make users' passwords, nil without a key.
func (a *authentication) tokens() admin.Tokens {
	key := a.cfg.Authentication.UserPoolKey
	if !key.IsSet() {
		return nil
	}
	return userPool{[]byte(key.Reveal())}
}

type userPool struct{ key []byte }

func (p userPool) Issue(username, vcluster string, life time.Duration) (string, error) {
	return auth.IssueToken(p.key, username, vcluster, time.Now().Add(life))
}

// scramRecord derives what is stored of a password.
func scramRecord(mechanism, password string, salt []byte, iterations int) (mapping.ScramRecord, error) {
	c, err := auth.NewScramCredential(mechanism, password, salt, iterations)
	if err != nil {
		return mapping.ScramRecord{}, err
	}
	return mapping.ScramRecord{Mechanism: mechanism, Iterations: c.Iterations, Salt: c.Salt, StoredKey: c.StoredKey, ServerKey: c.ServerKey}, nil
}

// accounts shows the state to auth.
type accounts struct{ users *mapping.Users }

func (a accounts) HasLocal(vcluster, username string) bool {
	return a.users.HasLocal(vcluster, username)
}

func (a accounts) Scram(username, mechanism string) (auth.ScramCredential, string, bool) {
	r, vcluster, ok := a.users.Scram(username, mechanism)
	return auth.ScramCredential{Salt: r.Salt, Iterations: r.Iterations, StoredKey: r.StoredKey, ServerKey: r.ServerKey}, vcluster, ok
}

// mechanisms shows auth to sessions.
type mechanisms struct{ *auth.Mechanisms }

func (m mechanisms) Begin(name string) (session.Exchange, bool) {
	x, ok := m.Mechanisms.Begin(name)
	return exchange{x}, ok
}

type exchange struct{ auth.Exchange }

func (x exchange) Step(message []byte, now time.Time) ([]byte, bool, error) {
	reply, done, err := x.Exchange.Step(message, now)
	var f *auth.Failure
	if errors.As(err, &f) {
		err = &session.Failure{Cause: f.Cause.String(), Text: f.Text, Passing: passing(f)}
	}
	return reply, done, err
}

// passing: a login on a new connection has waited for the keys to be fetched again
// when one is not known, so that is final there.
func passing(f *auth.Failure) session.Passing {
	switch {
	case f.Cause == auth.NoKeys:
		return session.Passes
	case f.Transient():
		return session.PassesAnew
	}
	return session.Lasting
}

func (x exchange) Proven() session.Proven { return session.Proven(x.Exchange.Proven()) }

// logsIn puts the logins into the engine's listeners and options.
func (a *authentication) logsIn(o *engine.Options) {
	for i := range o.Listeners {
		o.Listeners[i].SASL = a.ofListener(&a.cfg.Listeners[i])
	}
	if a.mechanisms != nil {
		o.Slow = a.mechanisms.Slow
	}
	o.Prepare = a.prepare()
	o.LoginTimeout = a.cfg.Authentication.Timeout
	o.LoginFailureDelay = a.cfg.Authentication.FailureDelay
}
