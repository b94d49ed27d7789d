package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/postern-kafka/postern/auth/upstream"
)

// tokenEndpoint gets tokens by OAuth's client credentials grant (RFC 6749, 4.4),
// as Kafka's OAuthBearerLoginCallbackHandler does.
type tokenEndpoint struct {
	url    string
	c      upstream.Credentials
	client *http.Client
	log    *slog.Logger
}

const (
	// tokenAnswer bounds an answer of the endpoint, in bytes.
	tokenAnswer = 256 << 10
	// tokenUnknown is how long a token is used that does not say how long it is
	// good.
	tokenUnknown = 5 * time.Minute
	// tokenError bounds what is shown of an endpoint's words.
	tokenError = 300
)

func newTokenEndpoint(at string, c upstream.Credentials, log *slog.Logger) (*tokenEndpoint, error) {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		// Not err: it would show a password in the address.
		return nil, errors.New("gateway: KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: an https URL is needed for OAUTHBEARER")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && !ip.IsLoopback() {
		log.Warn("tokens for the brokers are asked for in clear: the client's secret can be read on the way", "endpoint", u.Host)
	}
	return &tokenEndpoint{url: at, c: c, log: log, client: &http.Client{
		// The secret is for this endpoint and no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// fetch asks for one token.
func (e *tokenEndpoint) fetch(ctx context.Context) (good[upstream.Credentials], error) {
	asked := time.Now()
	token, life, err := e.ask(ctx)
	if err != nil {
		err = fmt.Errorf("gateway: token for the brokers: %w", err)
		e.log.Warn("no token for the brokers", "err", err)
		return good[upstream.Credentials]{}, err
	}
	return goodFor(e.c.WithBearer(token), asked, life), nil
}

func (e *tokenEndpoint) ask(ctx context.Context) (token string, life time.Duration, err error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if e.c.Scope != "" {
		form.Set("scope", e.c.Scope)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Accept", "application/json")
	// Not form-encoded before, whatever the RFC says: Java does not either.
	q.SetBasicAuth(e.c.ClientID, e.c.ClientSecret())
	p, err := e.client.Do(q)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = p.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(p.Body, tokenAnswer+1))
	switch {
	case err != nil:
		return "", 0, err
	case len(body) > tokenAnswer:
		return "", 0, fmt.Errorf("the endpoint answered with more than %d bytes", tokenAnswer)
	case p.StatusCode != http.StatusOK:
		return "", 0, fmt.Errorf("the endpoint answered %s%s", p.Status, oauthError(body))
	}
	return readToken(p.Header.Get("Content-Type"), body, time.Now())
}

// readToken reads a successful answer.
func readToken(contentType string, body []byte, now time.Time) (token string, life time.Duration, err error) {
	if kind, _, err := mime.ParseMediaType(contentType); err == nil && kind != "application/json" {
		return "", 0, fmt.Errorf("the endpoint answered with %.60q, not with JSON", kind)
	}
	var answer struct {
		Token   string  `json:"access_token"`
		Type    string  `json:"token_type"`
		Expires float64 `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", 0, errors.New("the endpoint's answer is not the JSON of a token") // err would show parts of one
	}
	switch {
	case answer.Token == "":
		return "", 0, errors.New("the endpoint's answer holds no access_token")
	case answer.Type != "" && !strings.EqualFold(answer.Type, "bearer"):
		return "", 0, fmt.Errorf("the endpoint gave a token of type %.60q, not Bearer", answer.Type)
	case answer.Expires > 0:
		life = time.Duration(min(answer.Expires, math.MaxInt32) * float64(time.Second))
	default:
		life = tokenLife(answer.Token, now)
	}
	return answer.Token, life, nil
}

// tokenLife reads how long a token is good out of itself, if it is a JWT.
func tokenLife(token string, now time.Time) time.Duration {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return tokenUnknown
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	var c struct {
		Exp float64 `json:"exp"`
	}
	if err != nil || json.Unmarshal(claims, &c) != nil || c.Exp <= 0 || c.Exp > math.MaxInt32*2 {
		return tokenUnknown
	}
	if life := time.Unix(int64(c.Exp), 0).Sub(now); life > 0 {
		return life
	}
	return time.Second // it is over: the broker will say so
}

// oauthError is the part of RFC 6749's error answer that says what is wrong.
func oauthError(body []byte) string {
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(bytes.TrimSpace(body), &answer) != nil || answer.Error == "" {
		return ""
	}
	return fmt.Sprintf(": %.*q", tokenError, strings.TrimSpace(answer.Error+" "+answer.Description))
}
