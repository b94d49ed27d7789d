package admin_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/admin"
)

var update = flag.Bool("update", false, "write the answers that were given into docs/admin-api.md")

const document = "../docs/admin-api.md"

// needCurl leaves a test out where there is no curl; where the build says CI=true that is a failure.
func needCurl(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("curl is not installed")
	}
	t.Skip("curl is not installed: the document's command lines cannot be run as they stand")
}

// shell runs a line of a shell as somebody would who read it, but with the gateway of this test on port 8888.
func (g *gateway) shell(dir, line string) string {
	g.t.Helper()
	c := exec.CommandContext(g.t.Context(), "sh", "-c", strings.ReplaceAll(line, "localhost:8888", g.addr))
	c.Dir = dir
	c.Env = append(os.Environ(), "no_proxy=*", "CURL_HOME="+dir)
	out, err := c.Output()
	if err != nil {
		g.t.Errorf("%s: %v", line, err)
	}
	return string(out)
}

var noon = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

// signer makes the tokens that the gateway makes, at one instant and with a key that is known.
type signer struct{}

func (signer) Issue(username, vcluster string, life time.Duration) (string, error) {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	signed := part(`{"alg":"HS256"}`) + "." +
		part(fmt.Sprintf(`{"username":%q,"vcluster":%q,"exp":%d}`, username, vcluster, noon.Add(life).Unix()))
	mac := hmac.New(sha256.New, make([]byte, 32))
	_, _ = mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), nil
}

// Every command line of the document is run, in order, and must be answered as the document says.
func TestTheDocumentIsTrue(t *testing.T) {
	needCurl(t)
	g := start(t, func(o *admin.Options) {
		o.Users = []admin.Credentials{{"admin", "conduktor", true}, {"reader", "reads", false}}
		o.Version, o.Commit, o.BuildTime = "0.1.0", "0a1b2c3", "2026-11-22T00:00:00Z"
		o.Now = func() time.Time { return noon }
		whole(o)
		o.Tokens, o.ClientProperties = signer{}, nil
	})
	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	dir := t.TempDir()
	part := regexp.MustCompile("(?s)```console\n(.*?)```|<!-- the store is (not )?ready -->")
	ran := 0
	fresh := part.ReplaceAllStringFunc(text, func(p string) string {
		switch p {
		case "<!-- the store is not ready -->":
			g.store.set(errors.New("user mappings: no broker of kafka1:9092 answers"), nil)
			return p
		case "<!-- the store is ready -->":
			g.store.set(nil, nil)
			return p
		}
		var out strings.Builder
		for _, command := range commands(p) {
			if out.Len() > 0 {
				out.WriteString("\n")
			}
			ran++
			out.WriteString("$ " + command + "\n" + printed(g.shell(dir, command)))
		}
		return "```console\n" + out.String() + "```"
	})
	if ran == 0 {
		t.Fatal("the document has no example")
	}
	if fresh == text {
		return
	}
	if *update {
		if err := os.WriteFile(filepath.Clean(document), []byte(fresh), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	was, is := strings.Split(text, "\n"), strings.Split(fresh, "\n")
	for i := range min(len(was), len(is)) {
		if was[i] != is[i] {
			t.Fatalf("%s: line %d: the document says\n\t%s\nthe gateway says\n\t%s\n(-update accepts)", document, i+1, was[i], is[i])
		}
	}
	t.Fatalf("%s: the gateway says more or less than the document (-update accepts)", document)
}

// commands takes the command lines out of a console block; a backslash or an open quote continues one.
func commands(block string) []string {
	var all []string
	going := false
	for _, line := range strings.Split(block, "\n") {
		command, is := strings.CutPrefix(line, "$ ")
		switch {
		case is:
			all = append(all, command)
		case going:
			all[len(all)-1] += "\n" + line
		default:
			continue
		}
		going = strings.HasSuffix(line, `\`) || strings.Count(all[len(all)-1], "'")%2 == 1
	}
	return all
}

// printed is an answer as the document shows it: without the Date header, and with a line's end at its end.
func printed(answer string) string {
	var out strings.Builder
	for line := range strings.Lines(answer) {
		line = strings.TrimRight(line, "\r\n")
		if !strings.HasPrefix(line, "Date: ") {
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}

// The founding demo's own lines: its container health check and its mapping.
func TestFoundingDemo(t *testing.T) {
	needCurl(t)
	g := start(t, nil)
	dir := t.TempDir()
	if out := g.shell(dir, "curl -s localhost:8888/health"); !strings.Contains(out, `"status":"UP"`) {
		t.Errorf("health check: %s", out)
	}
	body := "{\n  \"username\" : \"CN=username\"\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "step-06-user-mapping.json"), []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	out := g.shell(dir, `curl \
    --silent \
    --request POST 'http://localhost:8888/admin/userMappings/v1' \
    --header "Content-Type: application/json" \
    --user "admin:conduktor" \
    --data "@step-06-user-mapping.json"`)
	if out != made {
		t.Errorf("got %q, want %q", out, made)
	}
	if u, ok := g.store.Users().Lookup("CN=username"); !ok || u.Username != "CN=username" || u.VCluster != "passthrough" {
		t.Errorf("the principal resolves to %+v, %t", u, ok)
	}
}
