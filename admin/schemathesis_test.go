package admin_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The version is pinned: a new one may find more, and is to do so when somebody asks it to.
const schemathesis = "4.32.5"

// tester finds schemathesis in the user's cache, or installs it there. Only a machine without Python is excused.
func tester(t *testing.T) string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.CommandContext(t.Context(), python, "-c", "import venv, ensurepip").Run() // Debian packs them apart
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("python3 with venv and ensurepip is not installed: %v", err)
		}
		t.Skip("python3 WITH venv AND ensurepip IS NOT INSTALLED: the server was not held against its OpenAPI document by schemathesis")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(cache, "postern-tools", "schemathesis-"+schemathesis)
	program := filepath.Join(home, "bin", "schemathesis")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	for _, c := range [][]string{
		{python, "-m", "venv", "--clear", home},
		{filepath.Join(home, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "schemathesis==" + schemathesis},
	} {
		if out, err := exec.CommandContext(t.Context(), c[0], c[1:]...).CombinedOutput(); err != nil {
			_ = os.RemoveAll(home) // half of an installation must not pass for one the next time
			t.Fatalf("%v: %v\n%s", c, err, out)
		}
	}
	return program
}

// The document is true: schemathesis makes requests of it, good and bad, and finds every answer in it.
func TestSchemathesis(t *testing.T) {
	program := tester(t)
	g := start(t, whole)
	for _, c := range [][2]string{
		{"/gateway/v2/virtual-cluster", resource("VirtualCluster", `{"name":"teamA"}`, `{}`)},
		{"/gateway/v2/service-account", resource("GatewayServiceAccount", `{"name":"orders"}`, `{"type":"LOCAL"}`)},
		{"/gateway/v2/service-account", resource("GatewayServiceAccount", `{"name":"bills","vCluster":"teamA"}`, `{"type":"EXTERNAL","externalNames":["CN=bills"]}`)},
		{"/gateway/v2/group", resource("GatewayGroup", `{"name":"writers"}`, `{"members":[{"name":"orders"}]}`)},
	} {
		if r := g.ask("PUT", c[0], boss, c[1]); r.status != 200 {
			t.Fatalf("%v: %d %s", c, r.status, r.body)
		}
	}
	config, err := filepath.Abs("testdata/schemathesis.toml")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, program, "--config-file", config, "run", "http://"+g.addr+"/gateway/v2/docs",
		"--auth", boss, "--checks", "all", "--no-color")
	c.Dir = t.TempDir() // it leaves files where it runs
	c.Env = append(os.Environ(), "no_proxy=*", "SCHEMATHESIS_HOOKS=")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out[max(0, len(out)-600):])
}
