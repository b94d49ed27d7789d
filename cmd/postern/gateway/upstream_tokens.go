package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/postern-kafka/postern/auth/upstream"
	"github.com/postern-kafka/postern/engine"
	"github.com/postern-kafka/postern/mapping"
)

const (
	// maxUserTokens is how many users' tokens are kept at once.
	maxUserTokens = 100_000
	// settling is how long a new token may be unknown to some brokers: they hear
	// of it from the controller.
	settling = 10 * time.Second
	// userPrincipal is the type of the principals that tokens are for.
	userPrincipal = "User"
)

// userTokens logs users in by delegation tokens of their own (KIP-373), so that
// the brokers' access control lists, quotas and logs are about them. A user is
// never logged in as anybody else: without a token there is no login.
type userTokens struct {
	life      time.Duration
	most      int    // users at once
	own       string // the gateway's own name at the brokers, as far as it is known
	mechanism string
	hand      *background
	log       *slog.Logger

	created, failed, evicted atomic.Uint64

	mu     sync.Mutex
	issuer kmsg.Requestor // nil before the cluster's client is there
	users  map[string]*kept[userToken]
}

// userToken is a token as it is used to log in.
type userToken struct {
	credentials upstream.Credentials
	made        time.Time
}

// newUserTokens is for a gateway that logs in as own. Tokens can be used with
// either SCRAM: if own uses one, the brokers surely offer that.
func newUserTokens(life time.Duration, own upstream.Credentials, hand *background, log *slog.Logger) *userTokens {
	mechanism := own.Mechanism
	if mechanism != upstream.ScramSHA512 {
		mechanism = upstream.ScramSHA256
	}
	name := own.Username
	if own.Mechanism == upstream.OAuthBearer {
		name = own.ClientID // the subject of most issuers' tokens
	}
	return &userTokens{life: life, own: name, most: maxUserTokens, mechanism: mechanism, hand: hand, log: log, users: map[string]*kept[userToken]{}}
}

// issueBy gives the client that asks for tokens.
func (u *userTokens) issueBy(r kmsg.Requestor) {
	u.mu.Lock()
	u.issuer = r
	u.mu.Unlock()
}

// begin begins a login as a user.
func (u *userTokens) begin(ctx context.Context, username, clientID string) (engine.Login, error) {
	if err := u.mayBe(username); err != nil {
		return nil, err
	}
	k := u.of(username)
	token, err := k.take(ctx)
	if err != nil {
		return nil, err
	}
	login, err := token.credentials.Begin(clientID)
	if err != nil {
		return nil, err
	}
	return &tokenLogin{Login: login, fresh: time.Since(token.made) < settling, forget: func() { u.forget(username, k) }}, nil
}

// mayBe refuses names that would give a client rights that nobody gave it: the
// gateway's own, which may make tokens for everybody, and ANONYMOUS, which often
// is a super user because brokers talk to each other in clear.
func (u *userTokens) mayBe(username string) error {
	switch username {
	case "", mapping.Anonymous:
		return errors.New("gateway: an anonymous client cannot be logged in at the brokers as a user of its own")
	case u.own:
		return fmt.Errorf("gateway: %q is the gateway's own account at the brokers; no client may be it", username)
	}
	return nil
}

// of returns the place of a user's token.
func (u *userTokens) of(username string) *kept[userToken] {
	u.mu.Lock()
	defer u.mu.Unlock()
	k, ok := u.users[username]
	if !ok {
		if len(u.users) >= u.most {
			u.evict()
		}
		k = newKept(u.hand, func(ctx context.Context) (good[userToken], error) { return u.create(ctx, username) })
		u.users[username] = k
	}
	return k
}

// evict makes room: what has ended goes, else anybody's.
func (u *userTokens) evict() {
	now, before := time.Now(), len(u.users)
	for name, k := range u.users {
		if k.serves().Before(now) {
			delete(u.users, name)
		}
	}
	for name := range u.users {
		if len(u.users) < u.most {
			break
		}
		delete(u.users, name)
	}
	u.evicted.Add(uint64(before - len(u.users)))
}

// forget drops a token that the brokers do not take any more.
func (u *userTokens) forget(username string, k *kept[userToken]) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.users[username] == k {
		delete(u.users, username)
	}
}

// create has the cluster make a token for a user.
func (u *userTokens) create(ctx context.Context, username string) (good[userToken], error) {
	token, life, err := u.request(ctx, username)
	if err != nil {
		u.failed.Add(1)
		err = fmt.Errorf("gateway: delegation token for User:%s: %w", username, err)
		u.log.Warn("a user cannot log in at the brokers", "err", err)
		return good[userToken]{}, err
	}
	u.created.Add(1)
	g := goodFor(token, token.made, life)
	g.settle = min(life/10, settling/2)
	return g, nil
}

func (u *userTokens) request(ctx context.Context, username string) (userToken, time.Duration, error) {
	u.mu.Lock()
	issuer := u.issuer
	u.mu.Unlock()
	if issuer == nil {
		return userToken{}, 0, errors.New("the cluster is not known yet")
	}
	kind := userPrincipal
	q := kmsg.NewPtrCreateDelegationTokenRequest()
	q.OwnerPrincipalType, q.OwnerPrincipalName = &kind, &username
	q.MaxLifetimeMillis = -1
	if u.life > 0 {
		q.MaxLifetimeMillis = u.life.Milliseconds()
	}
	p, err := q.RequestWith(ctx, issuer)
	if err != nil {
		return userToken{}, 0, err
	}
	if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
		return userToken{}, 0, fmt.Errorf("%w%s", err, tokenHint(err))
	}
	// A broker before 3.3 does not know of owners and makes a token for us.
	if p.PrincipalType != userPrincipal || p.PrincipalName != username || p.TokenID == "" || len(p.HMAC) == 0 {
		return userToken{}, 0, fmt.Errorf("the cluster made one for %s:%s instead; Kafka 3.3 or later is needed", p.PrincipalType, p.PrincipalName)
	}
	// The broker's clock is not ours: what counts is how long it is good.
	life := time.Duration(p.ExpiryTimestamp-p.IssueTimestamp) * time.Millisecond
	if life <= 0 {
		return userToken{}, 0, errors.New("the cluster made one that has ended already")
	}
	return userToken{upstream.ForToken(u.mechanism, p.TokenID, p.HMAC), time.Now()}, life, nil
}

// tokenHint says what to do about the usual mistakes.
func tokenHint(err error) string {
	switch {
	case errors.Is(err, kerr.DelegationTokenAuthDisabled):
		return "; the brokers need delegation.token.secret.key (with KRaft Kafka 3.6 or later)"
	case errors.Is(err, kerr.DelegationTokenAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return "; the gateway's account needs CreateTokens on the user, or to be a super user"
	case errors.Is(err, kerr.DelegationTokenRequestNotAllowed):
		return "; the gateway itself must log in by SASL, and not by a delegation token"
	}
	return ""
}

func (u *userTokens) writeMetrics(w io.Writer) {
	u.mu.Lock()
	n := len(u.users)
	u.mu.Unlock()
	metrics.WriteGaugeUint64(w, `gateway_upstream_users`, uint64(n))
	metrics.WriteCounterUint64(w, `gateway_upstream_users_evicted_total`, u.evicted.Load())
	metrics.WriteCounterUint64(w, `gateway_upstream_tokens_total{kind="delegation"}`, u.created.Load())
	metrics.WriteCounterUint64(w, `gateway_upstream_token_failures_total{kind="delegation"}`, u.failed.Load())
}

// tokenLogin is a login by a delegation token. A broker that refuses it may not
// have heard of it yet, or not know it any more: both are worth another try.
type tokenLogin struct {
	*upstream.Login
	fresh  bool
	forget func()
}

// Next is upstream.Login's.
func (l *tokenLogin) Next(b []byte) (send []byte, done bool, err error) {
	send, done, err = l.Login.Next(b)
	var e *upstream.Error
	if !errors.As(err, &e) || e.Cause != upstream.Refused {
		return send, done, err
	}
	if !l.fresh {
		l.forget()
	}
	return send, done, engine.TryAgain(err)
}
