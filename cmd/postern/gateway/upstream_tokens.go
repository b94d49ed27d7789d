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
	most      int // users at once
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

// newUserTokens: mechanism is the gateway's own; the brokers surely offer it, and
// a token can be used with either SCRAM.
func newUserTokens(life time.Duration, mechanism string, hand *background, log *slog.Logger) *userTokens {
	if mechanism != upstream.ScramSHA512 {
		mechanism = upstream.ScramSHA256
	}
	return &userTokens{life: life, most: maxUserTokens, mechanism: mechanism, hand: hand, log: log, users: map[string]*kept[userToken]{}}
}

// issueBy gives the client that asks for tokens.
func (u *userTokens) issueBy(r kmsg.Requestor) {
	u.mu.Lock()
	u.issuer = r
	u.mu.Unlock()
}

// begin begins a login as a user.
func (u *userTokens) begin(ctx context.Context, username, clientID string) (engine.Login, error) {
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
	return goodFor(token, token.made, life), nil
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
