package interop

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// stateTopics are the topics that a gateway with cluster id "gateway" keeps.
var stateTopics = []string{
	"_conduktor_gateway_acls",
	"_conduktor_gateway_auditlogs",
	"_conduktor_gateway_consumer_offsets",
	"_conduktor_gateway_consumer_subscriptions",
	"_conduktor_gateway_encryption_configs",
	"_conduktor_gateway_groups",
	"_conduktor_gateway_interceptor_configs",
	"_conduktor_gateway_license",
	"_conduktor_gateway_topicmappings",
	"_conduktor_gateway_usermappings",
	"_conduktor_gateway_vclusters",
}

// The demo's command lines as they are written, port numbers apart.
const (
	demoMapping = `
curl \
    --silent \
    --request POST 'http://localhost:8888/admin/userMappings/v1' \
    --header "Content-Type: application/json" \
    --user "admin:conduktor" \
    --data "@step-06-user-mapping.json"
`
	demoCreate = `
kafka-topics \
    --bootstrap-server localhost:6969 \
    --command-config client.config \
    --replication-factor 1 \
    --partitions 10 \
    --create --if-not-exists \
    --topic foo
`
	demoList = `
kafka-topics \
    --bootstrap-server localhost:6969 \
    --command-config client.config \
    --list
`
	demoListDirectly = `
kafka-topics \
    --bootstrap-server localhost:9092,localhost:9093,localhost:9094 \
    --list
`
)

// foundingDemo is the demo's folder, its gateways and a shell in it.
type foundingDemo struct {
	dir      string
	path     string // PATH of the shell
	one, two *gateway
	ports    *strings.Replacer // the demo's ports to the real ones
}

// testFoundingDemo walks the demo, then what its reader would try next.
func testFoundingDemo(t *testing.T, s *stage) {
	d := newFoundingDemo(t, s)
	if out := d.shell(t, demoMapping); strings.TrimSpace(out) != `{"message":"User mapping is created"}` {
		t.Errorf("the mapping was answered with %q", out)
	}
	d.mappingShowsAt(t, d.two, time.Second)
	if out := d.shell(t, demoCreate); strings.TrimSpace(out) != "Created topic foo." {
		t.Errorf("create printed %q", out)
	}
	through, directly := lines(d.shell(t, demoList)), lines(d.shell(t, demoListDirectly))
	if !slices.Equal(through, directly) {
		t.Errorf("the gateway lists\n%q\nthe brokers list\n%q", through, directly)
	}
	for _, topic := range append([]string{"foo"}, stateTopics...) {
		if !slices.Contains(through, topic) {
			t.Errorf("topic %s is not listed", topic)
		}
	}
	if !slices.IsSorted(through) {
		t.Errorf("the list is out of order: %q", through)
	}
	d.one.stop(t)
	d.one.start(t)
	d.one.awaitReady(t)
	d.mappingShowsAt(t, d.one, patience)
	d.refusesWithoutCertificate(t, s)
	d.one.stop(t)
	d.two.stop(t)
}

// newFoundingDemo makes the certificates as the demo's text says and starts the
// two gateways of its compose file, which differ by the declared type of the
// same stores.
func newFoundingDemo(t *testing.T, s *stage) *foundingDemo {
	t.Helper()
	d := &foundingDemo{dir: t.TempDir()}
	for _, name := range []string{"step-06-user-mapping.json", "openssl.config"} {
		content, err := os.ReadFile(filepath.Join(demoFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(d.dir, name), string(content))
	}
	bin := filepath.Join(d.dir, "bin")
	if err := kafkatest.WriteScripts(t.Context(), s.tools, bin); err != nil {
		t.Fatal(err)
	}
	d.path = bin + string(os.PathListSeparator) + os.Getenv("PATH")
	d.one = newGateway(t, "demo-one", composeEnvironment(t, s, "gateway1", d.dir))
	d.two = newGateway(t, "demo-two", composeEnvironment(t, s, "gateway2", d.dir))
	if err := certs.FoundingDemo(t.Context(), d.dir, d.one.bootstrap()); err != nil {
		t.Fatal(err)
	}
	d.ports = strings.NewReplacer("localhost:6969", d.one.bootstrap(), "localhost:8888", "localhost:"+port(d.one.admin),
		"localhost:9092,localhost:9093,localhost:9094", s.cluster.Bootstrap())
	for _, g := range []*gateway{d.one, d.two} {
		g.start(t)
		g.awaitReady(t)
	}
	return d
}

// shell runs a command line of the demo and returns its standard output.
func (d *foundingDemo) shell(t *testing.T, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-e", "-c", d.ports.Replace(line))
	cmd.Dir = d.dir
	cmd.Env = append(os.Environ(), "PATH="+d.path)
	var errOut strings.Builder
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s\n%v\n%s%s", line, err, out, errOut.String())
	}
	return string(out)
}

// mappingShowsAt waits until a gateway lists the demo's mapping.
func (d *foundingDemo) mappingShowsAt(t *testing.T, g *gateway, limit time.Duration) {
	t.Helper()
	await(t, "the mapping is visible at "+g.name, limit, func(ctx context.Context) error {
		status, body, err := g.call(ctx, http.MethodGet, "/admin/userMappings/v1", nil)
		if err != nil {
			return err
		}
		if status != http.StatusOK || strings.TrimSpace(string(body)) != `["CN=username"]` {
			return fmt.Errorf("status %d: %s", status, body)
		}
		return nil
	})
}

// refusesWithoutCertificate runs the demo's list with a client.config that
// trusts the gateway but presents nothing.
func (d *foundingDemo) refusesWithoutCertificate(t *testing.T, s *stage) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(d.dir, "client.config"))
	if err != nil {
		t.Fatal(err)
	}
	kept := slices.DeleteFunc(lines(string(content)), func(line string) bool { return strings.HasPrefix(line, "ssl.keystore.") })
	path := filepath.Join(d.dir, "nobody.config")
	writeFile(t, path, strings.Join(append(kept, "request.timeout.ms=8000", "default.api.timeout.ms=8000"), "\n"))
	out, errOut, err := kafkatest.Tool(t, s.tools, "kafka-topics", "--bootstrap-server", d.one.bootstrap(), "--command-config", path, "--list")
	if err == nil {
		t.Errorf("a client without a certificate was served: %q", out)
	} else if !strings.Contains(out+errOut, "SslAuthenticationException") && !strings.Contains(out+errOut, "SSL handshake failed") {
		t.Errorf("the refusal does not read as one of the handshake:\n%s%s", out, errOut)
	}
}

func lines(s string) []string {
	var kept []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			kept = append(kept, line)
		}
	}
	return kept
}
