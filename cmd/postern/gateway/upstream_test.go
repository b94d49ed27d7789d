package gateway

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/postern-kafka/postern/auth/upstream"
	"github.com/postern-kafka/postern/mapping"
)

// TestKept runs on the clock of synctest: what is got, when, and who waits.
func TestKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand := newBackground()
		defer hand.close()
		gets, fails := 0, false
		release := make(chan struct{})
		k := newKept(hand, func(context.Context) (good[int], error) {
			<-release
			if gets++; fails {
				return good[int]{}, fmt.Errorf("failure %d", gets)
			}
			return goodFor(gets, time.Now(), 100*time.Second), nil
		})
		take := func(want int, wantErr string) {
			t.Helper()
			got, err := k.take(t.Context())
			if got != want || fmt.Sprint(err) != wantErr {
				t.Errorf("%d, %v; want %d, %s", got, err, want, wantErr)
			}
			synctest.Wait()
		}
		// Many ask at once; one attempt is made.
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if got, err := k.take(t.Context()); got != 1 || err != nil {
					t.Errorf("%d, %v; want 1", got, err)
				}
			})
		}
		synctest.Wait()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := k.take(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("somebody who is gone got %v", err)
		}
		close(release)
		wg.Wait()
		time.Sleep(49 * time.Second)
		take(1, "<nil>")
		time.Sleep(2 * time.Second)
		take(1, "<nil>") // and asks for the next
		take(2, "<nil>")
		fails = true
		time.Sleep(71 * time.Second)
		take(2, "<nil>") // it still serves, whatever the renewal gives
		take(2, "<nil>")
		if gets != 3 {
			t.Errorf("%d attempts, want 3", gets)
		}
		time.Sleep(time.Minute)
		take(0, "failure 4")
		take(0, "failure 4") // no new attempt so soon
		fails = false
		time.Sleep(getPause)
		take(5, "<nil>")
		if got, want := k.gets.Load(), uint64(5); got != want || k.failures.Load() != 2 {
			t.Errorf("%d gets, %d failures; want %d and 2", got, k.failures.Load(), want)
		}
	})
}

// A new value is held back while the old one serves: it may not be known
// everywhere. There is no sense in that for the first.
func TestKeptSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand := newBackground()
		defer hand.close()
		gets := 0
		k := newKept(hand, func(context.Context) (good[int], error) {
			gets++
			g := goodFor(gets, time.Now(), 100*time.Second)
			g.settle = 5 * time.Second
			return g, nil
		})
		take := func(want int, waited time.Duration) {
			t.Helper()
			from := time.Now()
			if got, err := k.take(t.Context()); got != want || err != nil || time.Since(from) != waited {
				t.Errorf("%d, %v after %v; want %d after %v", got, err, time.Since(from), want, waited)
			}
			synctest.Wait()
		}
		take(1, 0)
		time.Sleep(51 * time.Second)
		take(1, 0)
		time.Sleep(4 * time.Second)
		take(1, 0)
		time.Sleep(2 * time.Second)
		take(2, 0)
		time.Sleep(92 * time.Second)
		take(2, 0) // it ends before the next has settled: that is used at once
		take(3, 0)
	})
}

// An attempt that never ends is ended; close does not wait for its time.
func TestKeptIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand := newBackground()
		k := newKept(hand, func(ctx context.Context) (good[int], error) {
			<-ctx.Done()
			return good[int]{}, ctx.Err()
		})
		from := time.Now()
		if _, err := k.take(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(from) != getLimit {
			t.Errorf("%v after %v", err, time.Since(from))
		}
		time.Sleep(getPause)
		go func() { _, _ = k.take(t.Context()) }()
		synctest.Wait()
		from = time.Now()
		hand.close()
		if waited := time.Since(from); waited != 0 {
			t.Errorf("close took %v", waited)
		}
		if _, err := k.take(t.Context()); err == nil {
			t.Error("there is a value after the end")
		}
	})
}

func oauthCredentials(t *testing.T) upstream.Credentials {
	t.Helper()
	c, err := upstream.ParseJAAS(upstream.OAuthBearer, `x.OAuthBearerLoginModule required clientId="app" clientSecret="hush" scope="a b" extension_pool="p";`)
	must(t, err)
	return c
}

func jwtOf(claims string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part([]byte(claims)) + ".x"
}

func TestTokenEndpoint(t *testing.T) {
	inAnHour := jwtOf(fmt.Sprintf(`{"exp":%d}`, time.Now().Add(time.Hour).Unix()))
	for name, c := range map[string]struct {
		status     int
		kind, body string
		want       string // of an error
		life       time.Duration
	}{
		"good":           {200, "application/json;charset=UTF-8", `{"access_token":"tok","token_type":"bearer","expires_in":300}`, "", 5 * time.Minute},
		"no type":        {200, "", `{"access_token":"tok","expires_in":300.5}`, "", 5 * time.Minute},
		"life in itself": {200, "application/json", `{"access_token":"` + inAnHour + `"}`, "", time.Hour},
		"opaque":         {200, "application/json", `{"access_token":"tok"}`, "", tokenUnknown},
		"over":           {200, "application/json", `{"access_token":"` + jwtOf(`{"exp":1}`) + `"}`, "", time.Second},
		"absurd exp":     {200, "application/json", `{"access_token":"` + jwtOf(`{"exp":1e300}`) + `"}`, "", tokenUnknown},
		"for ever":       {200, "application/json", `{"access_token":"tok","expires_in":1e300}`, "", 1<<31*time.Second - time.Second},
		"refused":        {401, "application/json", `{"error":"invalid_client","error_description":"no such app"}`, `401 Unauthorized: "invalid_client no such app"`, 0},
		"words":          {503, "text/html", `<html>busy, hush</html>`, "503", 0},
		"a page":         {200, "text/html", `<html>log in</html>`, `"text/html", not with JSON`, 0},
		"no JSON":        {200, "application/json", `tok`, "not the JSON of a token", 0},
		"no token":       {200, "application/json", `{}`, "no access_token", 0},
		"another type":   {200, "application/json", `{"access_token":"tok","token_type":"mac"}`, `type "mac"`, 0},
		"too much":       {200, "application/json", `{"access_token":"` + strings.Repeat("a", tokenAnswer) + `"}`, "more than", 0},
		"elsewhere":      {307, "", "", "307", 0},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				id, secret, _ := r.BasicAuth()
				if id != "app" || secret != "hush" || r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("scope") != "a b" {
					t.Errorf("asked by %s, %v", id, r.PostForm)
				}
				w.Header().Set("Location", "/elsewhere")
				w.Header().Set("Content-Type", c.kind)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			e, err := newTokenEndpoint(server.URL, oauthCredentials(t), slog.New(slog.DiscardHandler))
			must(t, err)
			before := time.Now()
			got, err := e.fetch(t.Context())
			if asked != 1 {
				t.Errorf("asked %d times", asked)
			}
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
					t.Errorf("%v; want %s", err, c.want)
				}
				return
			}
			must(t, err)
			if got.value.Bearer() == "" || got.value.Extensions["pool"] != "p" {
				t.Errorf("got %v", got.value)
			}
			if life := got.end.Sub(before); life < c.life-2*time.Second || life > c.life+time.Minute {
				t.Errorf("good for %v, want %v", life, c.life)
			}
			if !got.renew.Before(got.end) || got.renew.Before(before) {
				t.Errorf("renewed at %v, ends at %v", got.renew, got.end)
			}
		})
	}
}

func TestUpstreamIsChecked(t *testing.T) {
	const plain = `x.PlainLoginModule required username="a" password="hush";`
	const oauth = `x.OAuthBearerLoginModule required clientId="a" clientSecret="hush";`
	for name, u := range map[string]Upstream{
		"another module": {Mechanism: upstream.OAuthBearer, JAAS: plain, TokenEndpoint: "https://x"},
		"mechanism":      {Mechanism: "GSSAPI", JAAS: plain},
		"no endpoint":    {Mechanism: upstream.OAuthBearer, JAAS: oauth},
		"a file":         {Mechanism: upstream.OAuthBearer, JAAS: oauth, TokenEndpoint: "file:///etc/passwd"},
		"a password":     {Mechanism: upstream.OAuthBearer, JAAS: oauth, TokenEndpoint: "https://u:hush@x/"},
		"users alone":    {PerUser: true},
	} {
		l, err := newUpstreamLogin(u, "id", slog.New(slog.DiscardHandler))
		if err == nil || l != nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, %v", name, l, err)
		}
	}
	l, err := newUpstreamLogin(Upstream{}, "id", nil)
	if l != nil || err != nil || l.engineLogin() != nil || len(l.clientOptions()) != 0 {
		t.Errorf("nothing to log in with: %v, %v", l, err)
	}
	l.issueBy(nil)
	l.writeMetrics(io.Discard)
	l.close()
	log, out := newJournal()
	if _, err := newTokenEndpoint("http://tokens.example.com/", oauthCredentials(t), out); err != nil || !strings.Contains(log.String(), "in clear") {
		t.Errorf("%v; an endpoint in clear is told of:\n%v", err, log)
	}
}

// issuer is a cluster that makes delegation tokens.
type issuer struct {
	mu     sync.Mutex
	made   []string
	change func(*kmsg.CreateDelegationTokenResponse)
}

func (i *issuer) Request(_ context.Context, r kmsg.Request) (kmsg.Response, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	q := r.(*kmsg.CreateDelegationTokenRequest)
	i.made = append(i.made, *q.OwnerPrincipalType+":"+*q.OwnerPrincipalName)
	p := kmsg.NewPtrCreateDelegationTokenResponse()
	p.PrincipalType, p.PrincipalName = *q.OwnerPrincipalType, *q.OwnerPrincipalName
	p.TokenID, p.HMAC = fmt.Sprintf("id%d", len(i.made)), []byte("hush")
	p.IssueTimestamp = 5000 // the cluster's clock is not ours
	p.ExpiryTimestamp = p.IssueTimestamp + time.Hour.Milliseconds()
	if i.change != nil {
		i.change(p)
	}
	return p, nil
}

func users(t *testing.T, by kmsg.Requestor) *userTokens {
	t.Helper()
	hand := newBackground()
	t.Cleanup(hand.close)
	u := newUserTokens(0, upstream.Credentials{Mechanism: upstream.Plain, Username: "gateway"}, hand, slog.New(slog.DiscardHandler))
	u.issueBy(by)
	return u
}

// TestUserTokens: each user has one token, of its own.
func TestUserTokens(t *testing.T) {
	cluster := new(issuer)
	u := users(t, cluster)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			name := []string{"alice", "CN=bob,O=x", "gateway2"}[i%3]
			if _, err := u.begin(t.Context(), name, "postern"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	for _, name := range cluster.made {
		seen[name]++
	}
	if len(cluster.made) != 3 || seen["User:alice"] != 1 || seen["User:CN=bob,O=x"] != 1 || seen["User:gateway2"] != 1 {
		t.Errorf("tokens were made for %v", cluster.made)
	}
	token, err := u.of("alice").take(t.Context())
	must(t, err)
	if c := token.credentials; !c.Token || c.Mechanism != upstream.ScramSHA256 || c.Password() != base64.StdEncoding.EncodeToString([]byte("hush")) {
		t.Errorf("it logs in by %v", c)
	}
	if life := time.Until(u.of("alice").serves()); life < 59*time.Minute || life > time.Hour {
		t.Errorf("it serves for %v, want an hour", life)
	}
}

// TestUserTokenRefusals: nobody ever logs in by a token that is not the user's.
func TestUserTokenRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*kmsg.CreateDelegationTokenResponse)
		want   string
	}{
		"ours instead":   {func(p *kmsg.CreateDelegationTokenResponse) { p.PrincipalName = "gateway" }, "Kafka 3.3"},
		"no owner":       {func(p *kmsg.CreateDelegationTokenResponse) { p.PrincipalType, p.PrincipalName = "", "" }, "Kafka 3.3"},
		"a group's":      {func(p *kmsg.CreateDelegationTokenResponse) { p.PrincipalType = "Group" }, "Kafka 3.3"},
		"no HMAC":        {func(p *kmsg.CreateDelegationTokenResponse) { p.HMAC = nil }, "made one"},
		"ended":          {func(p *kmsg.CreateDelegationTokenResponse) { p.ExpiryTimestamp = p.IssueTimestamp }, "ended already"},
		"disabled":       {fails(kerr.DelegationTokenAuthDisabled), "delegation.token.secret.key"},
		"not authorized": {fails(kerr.DelegationTokenAuthorizationFailed), "CreateTokens"},
		"not allowed":    {fails(kerr.DelegationTokenRequestNotAllowed), "by SASL"},
	} {
		u := users(t, &issuer{change: c.change})
		login, err := u.begin(t.Context(), "alice", "postern")
		if err == nil || login != nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "User:alice") || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v; want %s", name, err, c.want)
		}
	}
	cluster := new(issuer)
	for _, name := range []string{"", mapping.Anonymous, "gateway"} {
		if _, err := users(t, cluster).begin(t.Context(), name, "postern"); err == nil || len(cluster.made) > 0 {
			t.Errorf("%q: %v, tokens %v; nobody may be that", name, err, cluster.made)
		}
	}
	u := users(t, nil)
	u.issueBy(nil)
	if _, err := u.begin(t.Context(), "alice", "postern"); err == nil {
		t.Error("there is a login before the cluster is known")
	}
}

func fails(e *kerr.Error) func(*kmsg.CreateDelegationTokenResponse) {
	return func(p *kmsg.CreateDelegationTokenResponse) { p.ErrorCode = e.Code }
}

// TestUserTokenThatIsRefused: a new one may not be known everywhere yet; an old
// one is given up.
func TestUserTokenThatIsRefused(t *testing.T) {
	cluster := new(issuer)
	u := users(t, cluster)
	refuse := func() error {
		login, err := u.begin(t.Context(), "alice", "postern")
		must(t, err)
		return drive(t, login, 58)
	}
	var temporary interface{ Unwrap() error }
	var refused *upstream.Error
	if err := refuse(); !errors.As(err, &temporary) || !errors.As(err, &refused) {
		t.Errorf("a new token: %v, want another try", err)
	}
	if len(cluster.made) != 1 {
		t.Errorf("%d tokens, want the first kept", len(cluster.made))
	}
	k := u.of("alice")
	k.mu.Lock()
	k.current.value.made = time.Now().Add(-settling - time.Second)
	k.mu.Unlock()
	if err := refuse(); !errors.As(err, &temporary) {
		t.Errorf("an old token: %v, want another try", err)
	}
	if _, err := u.begin(t.Context(), "alice", "postern"); err != nil || len(cluster.made) != 2 {
		t.Errorf("%v, %d tokens; want another one", err, len(cluster.made))
	}
}

// drive answers a login as a broker does that refuses it.
func drive(t *testing.T, login interface {
	Next([]byte) ([]byte, bool, error)
}, code int16,
) error {
	t.Helper()
	versions := kmsg.NewPtrApiVersionsResponse()
	versions.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: 17, MaxVersion: 1}, {ApiKey: 36, MaxVersion: 1}}
	shake, auth := kmsg.NewPtrSASLHandshakeResponse(), kmsg.NewPtrSASLAuthenticateResponse()
	shake.SetVersion(1)
	auth.SetVersion(1)
	auth.ErrorCode = code
	_, _, err := login.Next(nil)
	for i, p := range []kmsg.Response{versions, shake, auth} {
		if err != nil {
			t.Fatal(err)
		}
		body := p.AppendTo(nil)
		frame := append([]byte{0, 0, byte((len(body) + 4) >> 8), byte(len(body) + 4), 0, 0, 0, byte(i + 1)}, body...)
		_, _, err = login.Next(frame)
	}
	return err
}

// TestUserTokensAreBounded: what has ended makes room, then anybody does.
func TestUserTokensAreBounded(t *testing.T) {
	u := users(t, new(issuer))
	u.most = 10
	for i := range 25 {
		if _, err := u.begin(t.Context(), fmt.Sprint(i), "postern"); err != nil {
			t.Fatal(err)
		}
		if len(u.users) > u.most {
			t.Fatalf("%d users are kept", len(u.users))
		}
	}
	if u.evicted.Load() != 15 {
		t.Errorf("%d evicted, want 15", u.evicted.Load())
	}
	var b strings.Builder
	u.writeMetrics(&b)
	if !strings.Contains(b.String(), "gateway_upstream_users 10\n") {
		t.Error(b.String())
	}
}
