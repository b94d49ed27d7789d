package main

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/postern-kafka/postern/internal/issuer/process"
)

// What the provider looks for beside op.Storage.
var (
	_ op.ClientCredentialsStorage       = (*store)(nil)
	_ op.CanGetPrivateClaimsFromRequest = (*store)(nil)
)

var errNotSupported = errors.New("not supported by the test issuer")

// store is what the provider asks: the configured clients and the keys. What
// other grants would need is left to the embedded interface, which is nil.
type store struct {
	op.Storage
	config process.Config
	keys   *keyRing
}

// ClientCredentials checks a client's secret.
func (s *store) ClientCredentials(_ context.Context, id, secret string) (op.Client, error) {
	c, ok := s.config.Clients[id]
	if !ok || c.Secret != secret {
		return nil, oidc.ErrInvalidClient()
	}
	return client{id: id}, nil
}

// ClientCredentialsTokenRequest says what the token is to hold.
func (s *store) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	c, ok := s.config.Clients[id]
	if !ok {
		return nil, oidc.ErrInvalidClient()
	}
	if c.Subject == "" {
		c.Subject = id
	}
	return request{Client: c, scopes: scopes}, nil
}

// CreateAccessToken gives the token an id and an end.
func (s *store) CreateAccessToken(_ context.Context, r op.TokenRequest) (string, time.Time, error) {
	life := time.Hour
	if c, ok := r.(request); ok && c.LifetimeSeconds != 0 {
		life = time.Duration(c.LifetimeSeconds) * time.Second
	}
	return "id-" + r.GetSubject(), time.Now().Add(life), nil
}

// GetPrivateClaimsFromRequest returns the client's own claims and its scopes.
func (s *store) GetPrivateClaimsFromRequest(_ context.Context, r op.TokenRequest, scopes []string) (map[string]any, error) {
	claims := map[string]any{}
	if len(scopes) > 0 {
		claims["scope"] = strings.Join(scopes, " ")
	}
	if r, ok := r.(request); ok {
		maps.Copy(claims, r.Claims)
	}
	return claims, nil
}

// GetClientByClientID is asked by grants that there are none of.
func (s *store) GetClientByClientID(context.Context, string) (op.Client, error) {
	return nil, errNotSupported
}

// SigningKey is the newest key.
func (s *store) SigningKey(context.Context) (op.SigningKey, error) { return s.keys.signing(), nil }

// SignatureAlgorithms is one.
func (s *store) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{s.keys.algorithm}, nil
}

// KeySet is every key that is published.
func (s *store) KeySet(context.Context) ([]op.Key, error) { return s.keys.published(), nil }

// request is a token as it is asked for.
type request struct {
	process.Client
	scopes []string
}

func (r request) GetSubject() string    { return r.Subject }
func (r request) GetAudience() []string { return r.Audience }
func (r request) GetScopes() []string   { return r.scopes }

// client is a confidential client that may ask for tokens of its own.
type client struct {
	op.Client
	id string
}

func (c client) GetID() string { return c.id }
func (c client) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeClientCredentials}
}
func (c client) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (c client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }
func (c client) ClockSkew() time.Duration            { return 0 }
func (c client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}
