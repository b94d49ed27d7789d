package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/postern-kafka/postern/auth/upstream"
	"github.com/postern-kafka/postern/engine"
	"github.com/postern-kafka/postern/mapping"
)

// Upstream says how the gateway logs in at the brokers. With an empty Mechanism
// it does not.
type Upstream struct {
	Mechanism string // as on the wire: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER
	JAAS      string // the text of sasl.jaas.config
	// TokenEndpoint is the URL that OAUTHBEARER's tokens come from.
	TokenEndpoint string
	// PerUser logs every client in as its user by delegation tokens; otherwise
	// all of them are the gateway to the brokers.
	PerUser bool
	// TokenLifetime is how long a delegation token is good; 0 for as long as
	// the brokers say.
	TokenLifetime time.Duration
}

// upstreamLogin makes logins at the brokers. A nil one makes none.
type upstreamLogin struct {
	own      upstream.Credentials
	clientID string
	bearer   *kept[upstream.Credentials] // of OAUTHBEARER, else nil
	tokens   *userTokens                 // nil unless each user logs in
	hand     *background
}

// newUpstreamLogin returns nil when there is nothing to log in with.
func newUpstreamLogin(u Upstream, clientID string, log *slog.Logger) (*upstreamLogin, error) {
	if u.Mechanism == "" {
		if u.PerUser {
			return nil, errors.New("gateway: users cannot log in at brokers that the gateway itself does not log in at")
		}
		return nil, nil
	}
	own, err := upstream.ParseJAAS(u.Mechanism, u.JAAS)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	l := &upstreamLogin{own: own, clientID: clientID, hand: newBackground()}
	if u.Mechanism == upstream.OAuthBearer {
		endpoint, err := newTokenEndpoint(u.TokenEndpoint, own, log)
		if err != nil {
			return nil, err
		}
		l.bearer = newKept(l.hand, endpoint.fetch)
	}
	if u.PerUser {
		l.tokens = newUserTokens(u.TokenLifetime, own, l.hand, log)
	}
	return l, nil
}

// clientOptions are how the gateway's own clients log in. They log in anew by
// themselves when a broker wants it.
func (l *upstreamLogin) clientOptions() []kgo.Opt {
	if l == nil {
		return nil
	}
	return []kgo.Opt{kgo.SASL(l.mechanism())}
}

func (l *upstreamLogin) mechanism() sasl.Mechanism {
	switch l.own.Mechanism {
	case upstream.Plain:
		return plain.Auth{User: l.own.Username, Pass: l.own.Password()}.AsMechanism()
	case upstream.OAuthBearer:
		return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			c, err := l.bearer.take(ctx)
			return oauth.Auth{Token: c.Bearer(), Extensions: c.Extensions}, err
		})
	}
	account := scram.Auth{User: l.own.Username, Pass: l.own.Password(), IsToken: l.own.Token}
	if l.own.Mechanism == upstream.ScramSHA256 {
		return account.AsSha256Mechanism()
	}
	return account.AsSha512Mechanism()
}

// warnInClear tells when a secret that can be used again is sent in clear.
func (l *upstreamLogin) warnInClear(log *slog.Logger) {
	if l != nil && (l.own.Mechanism == upstream.Plain || l.own.Mechanism == upstream.OAuthBearer) {
		log.Warn("the gateway logs in at the brokers in clear: its secret can be read on the way; SASL_SSL hides it", "mechanism", l.own.Mechanism)
	}
}

// issueBy gives the client that asks for users' tokens.
func (l *upstreamLogin) issueBy(client *kgo.Client) {
	if l != nil && l.tokens != nil {
		l.tokens.issueBy(client)
	}
}

// begin begins a login for a client; see engine.Options.
func (l *upstreamLogin) begin(ctx context.Context, user *mapping.User) (engine.Login, error) {
	if l.tokens != nil {
		return l.tokens.begin(ctx, user.Username, l.clientID)
	}
	c := l.own
	if l.bearer != nil {
		var err error
		if c, err = l.bearer.take(ctx); err != nil {
			return nil, err
		}
	}
	return c.Begin(l.clientID)
}

// engineLogin is begin, or nil when nobody logs in.
func (l *upstreamLogin) engineLogin() func(context.Context, *mapping.User) (engine.Login, error) {
	if l == nil {
		return nil
	}
	return l.begin
}

func (l *upstreamLogin) writeMetrics(w io.Writer) {
	if l != nil && l.bearer != nil {
		l.bearer.writeMetrics(w, "bearer")
	}
	if l != nil && l.tokens != nil {
		l.tokens.writeMetrics(w)
	}
}

// close ends the work in the background. Nobody logs in any more.
func (l *upstreamLogin) close() {
	if l != nil {
		l.hand.close()
	}
}
