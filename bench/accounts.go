package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/postern-kafka/postern/auth"
	"github.com/postern-kafka/postern/bench/load"
	"github.com/postern-kafka/postern/internal/kafkatest"
)

const (
	loginUser     = "bench"
	loginIssuer   = "https://bench.invalid"
	loginAudience = "bench"
	loginKey      = "bench" // the id of the key that tokens are signed with
	// loginLife is longer than any run.
	loginLife = 7 * 24 * time.Hour
)

// mechanisms are the ways to log in, in the order of the table.
var mechanisms = []string{auth.Plain, auth.ScramSHA256, auth.ScramSHA512, auth.OAuthBearer}

// accounts are a run's one user, what it logs in with, and what that is checked
// against: by the gateway and by the broker's own listener the same, but for PLAIN,
// where the gateway wants a token that it has signed and the broker a password.
type accounts struct {
	pool  []byte // signs the gateway's tokens
	right secrets
	wrong secrets
	jwks  string // file URL of the issuer's keys
}

// secrets are what somebody logs in with who is the user, or only looks like it.
type secrets struct {
	password string // SCRAM; at the broker PLAIN, too
	token    string // the gateway's PLAIN: HS256, by the key of the user pool
	bearer   string // OAUTHBEARER: RS256, by the issuer's key
}

// newAccounts makes keys and tokens, and writes the issuer's keys into dir.
func newAccounts(dir string) (*accounts, error) {
	a := &accounts{pool: secretKey()}
	issuer, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("bench: issuer: %w", err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("bench: issuer: %w", err)
	}
	if a.right, err = newSecrets(a.pool, issuer); err != nil {
		return nil, err
	}
	if a.wrong, err = newSecrets(secretKey(), other); err != nil {
		return nil, err
	}
	text, err := keySet(&issuer.PublicKey)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "jwks.json")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return nil, fmt.Errorf("bench: issuer: %w", err)
	}
	a.jwks = "file://" + path
	return a, nil
}

// secretKey is a key for a user pool.
func secretKey() []byte {
	key := make([]byte, auth.MinUserPoolKey)
	_, _ = rand.Read(key) // never fails
	return key
}

// newSecrets makes them by the keys they are checked with, or by others.
func newSecrets(pool []byte, issuer *rsa.PrivateKey) (s secrets, err error) {
	now := time.Now()
	s.password = rand.Text()
	if s.token, err = auth.IssueToken(pool, loginUser, "", now.Add(loginLife)); err != nil {
		return s, err
	}
	s.bearer, err = bearerToken(issuer, now)
	return s, err
}

// bearerToken is a token for the user, as an issuer makes it.
func bearerToken(key *rsa.PrivateKey, now time.Time) (string, error) {
	var parts []string
	for _, part := range []any{
		map[string]any{"alg": "RS256", "kid": loginKey, "typ": "JWT"},
		map[string]any{
			"iss": loginIssuer, "aud": loginAudience, "sub": loginUser, "scope": "kafka",
			"iat": now.Unix(), "exp": now.Add(loginLife).Unix(),
		},
	} {
		text, err := json.Marshal(part)
		if err != nil {
			return "", fmt.Errorf("bench: token: %w", err)
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(text))
	}
	covered := strings.Join(parts, ".")
	sum := sha256.Sum256([]byte(covered))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("bench: token: %w", err)
	}
	return covered + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// keySet is a JWKS document (RFC 7517) with one key.
func keySet(key *rsa.PublicKey) ([]byte, error) {
	text, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": loginKey,
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}}})
	if err != nil {
		return nil, fmt.Errorf("bench: issuer: %w", err)
	}
	return text, nil
}

// good is what the user logs in with at a peer.
func (a *accounts) good(p *peer, mechanism string) load.Login { return a.right.login(p, mechanism) }

// bad are credentials that look right and are not, one for each mechanism.
func (a *accounts) bad(p *peer) []load.Login {
	list := make([]load.Login, 0, len(mechanisms))
	for _, mechanism := range mechanisms {
		list = append(list, a.wrong.login(p, mechanism))
	}
	return list
}

// login is what is said at a peer.
func (s secrets) login(p *peer, mechanism string) load.Login {
	l := load.Login{Mechanism: mechanism, User: loginUser, Secret: s.password}
	switch {
	case mechanism == auth.OAuthBearer:
		l.Secret = s.bearer
	case mechanism == auth.Plain && p.between():
		l.Secret = s.token
	}
	return l
}

// brokerListener is the broker's own listener with SASL, in clear.
func (a *accounts) brokerListener() kafkatest.Listener {
	return kafkatest.Listener{Name: saslListener, SASL: &kafkatest.SASL{
		Mechanisms: mechanisms,
		Plain:      map[string]string{loginUser: a.right.password},
		OAuth:      &kafkatest.OAuth{JWKS: a.jwks, Issuer: loginIssuer, Audience: loginAudience},
	}}
}

// gatewayEnv is the same for the gateway. Its local account is made by putAccount.
func (a *accounts) gatewayEnv() []string {
	return []string{
		"GATEWAY_SECURITY_PROTOCOL=SASL_PLAINTEXT",
		"GATEWAY_USER_POOL_SECRET_KEY=" + base64.StdEncoding.EncodeToString(a.pool),
		"GATEWAY_OAUTH_JWKS_URL=" + a.jwks,
		"GATEWAY_OAUTH_EXPECTED_ISSUER=" + loginIssuer,
		"GATEWAY_OAUTH_EXPECTED_AUDIENCES=" + loginAudience,
	}
}

// putAccount declares the user at the gateway's API: its tokens count then, and its
// password for SCRAM. Doing it again changes nothing.
func (a *accounts) putAccount(ctx context.Context, api string) error {
	var scram []any
	for _, mechanism := range []string{auth.ScramSHA256, auth.ScramSHA512} {
		scram = append(scram, map[string]any{"mechanism": mechanism, "password": a.right.password, "iterations": 4096})
	}
	text, err := json.Marshal(map[string]any{
		"kind": "GatewayServiceAccount", "apiVersion": "gateway/v2",
		"metadata": map[string]string{"name": loginUser},
		"spec":     map[string]any{"type": "LOCAL", "scram": scram},
	})
	if err != nil {
		return fmt.Errorf("bench: account: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, api+"/gateway/v2/service-account", strings.NewReader(string(text)))
	if err != nil {
		return fmt.Errorf("bench: account: %w", err)
	}
	request.SetBasicAuth("admin", "conduktor")
	if _, err := answerOf(request); err != nil {
		return fmt.Errorf("bench: account: %w", err)
	}
	return nil
}
