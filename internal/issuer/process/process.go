// Package process builds and runs the test issuer as a process of its own.
//
// It owns the issuer's life: Start has the go command build it (and keep it in its
// cache), gives it its configuration, waits until it listens, and ends it with the test. It never
// talks to anything but the loopback interface. The caller gives a Config and
// uses the URLs of the Issuer that comes back.
package process

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Config is what an issuer is started with.
type Config struct {
	Port            int               // 0: any that is free
	Algorithm       string            // of the signatures; "": RS256
	Clients         map[string]Client // by id
	CertificateFile string            // PEM, with KeyFile; "": plain HTTP
	KeyFile         string
}

// Client is one that may fetch tokens for itself.
type Client struct {
	Secret          string         // each client's own
	Subject         string         // "": the client's id
	Audience        []string       // the token's aud
	LifetimeSeconds int            // 0: an hour; negative: expired when it is made
	Claims          map[string]any // put into the token besides
}

// Issuer is one that runs.
type Issuer struct {
	URL  string // what iss says
	tb   testing.TB
	http *http.Client
}

// Start runs an issuer until the test ends. client reaches it; nil for plain
// HTTP.
func Start(tb testing.TB, c Config, client *http.Client) *Issuer {
	tb.Helper()
	if client == nil {
		client = http.DefaultClient
	}
	cmd := exec.Command("go", "run", "github.com/postern-kafka/postern/internal/issuer")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = in.Close() // which ends it
		_ = cmd.Wait()
	})
	if err := json.NewEncoder(in).Encode(c); err != nil {
		tb.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatal("issuer: it ended before it listened: ", err)
	}
	return &Issuer{URL: strings.TrimSpace(line), tb: tb, http: client}
}

// TokenURL is the token endpoint, KeysURL the key set.
func (i *Issuer) TokenURL() string { return i.URL + "/oauth/token" }

// KeysURL is the key set.
func (i *Issuer) KeysURL() string { return i.URL + "/keys" }

// Token fetches a token as a client does.
func (i *Issuer) Token(id, secret string, scopes ...string) string {
	i.tb.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {strings.Join(scopes, " ")}}
	request, err := http.NewRequestWithContext(i.tb.Context(), http.MethodPost, i.TokenURL(), strings.NewReader(form.Encode()))
	if err != nil {
		i.tb.Fatal(err)
	}
	request.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if body := i.do(request); json.Unmarshal(body, &answer) != nil || answer.AccessToken == "" {
		i.tb.Fatalf("issuer: no token: %s", body)
	}
	return answer.AccessToken
}

// Rotate signs by a new key from now on; the old keys stay published, or not.
func (i *Issuer) Rotate(keep bool) {
	i.tb.Helper()
	path := "/test/rotate"
	if keep {
		path += "?keep=true"
	}
	i.move(path)
}

// Outage makes the key set answer with a status and an HTML page; an empty
// status ends it.
func (i *Issuer) Outage(status string) {
	i.tb.Helper()
	if status == "" {
		status = "0"
	}
	i.move("/test/outage?status=" + status)
}

func (i *Issuer) move(path string) {
	i.tb.Helper()
	request, err := http.NewRequestWithContext(i.tb.Context(), http.MethodPost, i.URL+path, http.NoBody)
	if err != nil {
		i.tb.Fatal(err)
	}
	i.do(request)
}

func (i *Issuer) do(request *http.Request) []byte {
	i.tb.Helper()
	response, err := i.http.Do(request)
	if err != nil {
		i.tb.Fatal("issuer: ", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil || response.StatusCode != http.StatusOK {
		i.tb.Fatalf("issuer: %s answered %d: %s, %v", request.URL.Path, response.StatusCode, body, err)
	}
	return body
}
