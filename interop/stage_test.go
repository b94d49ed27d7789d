package interop

import (
	"crypto/tls"
	"maps"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// stage is what the tests of one release share.
type stage struct {
	version string // of the brokers
	tools   string // release of the tools that belong to them
	cluster *kafkatest.Cluster
	brokers string      // their addresses in clear
	server  certs.Files // the gateways' certificate
	config  string      // client.config of CN=alice
	tls     *tls.Config // the same for Go
	files   certs.Files // the same in files, PEM included

	one, two *gateway // nil when the tests go to the brokers
}

// newStage brings up three brokers and two gateways that share their state.
func newStage(t *testing.T, version, tools string) *stage {
	t.Helper()
	cluster := kafkatest.Start(t, kafkatest.Options{
		Version: version, Brokers: 3, CertAlgorithm: certs.RSA2048,
		// The tests send messages of ten megabytes.
		Properties: map[string]string{"message.max.bytes": "15728640", "replica.fetch.max.bytes": "15728640"},
	})
	s := &stage{version: version, tools: tools, cluster: cluster, brokers: cluster.Bootstrap()}
	dir := t.TempDir()
	server, err := cluster.Authority().Server("gateway", certs.RSA2048)
	if err != nil {
		t.Fatal(err)
	}
	if s.server, err = server.Write(dir, "gateway", certs.PKCS12); err != nil {
		t.Fatal(err)
	}
	alice, err := cluster.Authority().Client("alice")
	if err != nil {
		t.Fatal(err)
	}
	s.tls = alice.ClientTLS("localhost")
	if s.files, err = alice.Write(dir, "alice", certs.PKCS12); err != nil {
		t.Fatal(err)
	}
	s.config = filepath.Join(dir, "alice.config")
	writeFile(t, s.config, s.files.ClientConfig())
	if !direct {
		s.one = startGateway(t, "one", s.environment(nil))
		s.two = startGateway(t, "two", s.environment(nil))
	}
	return s
}

// environment is what a gateway of this stage is started with.
func (s *stage) environment(more map[string]string) map[string]string {
	env := map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS":         s.brokers,
		"GATEWAY_CLUSTER_ID":              "interop",
		"GATEWAY_ADVERTISED_HOST":         "localhost",
		"GATEWAY_SECURITY_PROTOCOL":       "SSL",
		"GATEWAY_FEATURE_FLAGS_ANALYTICS": "false",
		"GATEWAY_SSL_CLIENT_AUTH":         "REQUIRE",
	}
	maps.Copy(env, stores(s.server))
	maps.Copy(env, more)
	return env
}

// stores are the variables of a gateway's key and trust store.
func stores(files certs.Files) map[string]string {
	return map[string]string{
		"GATEWAY_SSL_KEY_STORE_PATH":       files.KeyStore,
		"GATEWAY_SSL_KEY_STORE_PASSWORD":   certs.Password,
		"GATEWAY_SSL_KEY_PASSWORD":         certs.Password,
		"GATEWAY_SSL_KEY_TYPE":             "pkcs12",
		"GATEWAY_SSL_TRUST_STORE_PATH":     files.TrustStore,
		"GATEWAY_SSL_TRUST_STORE_PASSWORD": certs.Password,
		"GATEWAY_SSL_TRUST_STORE_TYPE":     "pkcs12",
	}
}

// bootstrap is where the clients under test begin.
func (s *stage) bootstrap() string {
	if direct {
		return s.cluster.BootstrapTLS()
	}
	return s.one.bootstrap()
}

// client is a franz-go client that goes through the door with CN=alice.
func (s *stage) client(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	return newClient(t, append([]kgo.Opt{kgo.SeedBrokers(splitComma(s.bootstrap())...), kgo.DialTLSConfig(s.tls)}, options...)...)
}

// direct is a franz-go client that goes to the brokers in clear.
func (s *stage) direct(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	return newClient(t, append([]kgo.Opt{kgo.SeedBrokers(s.cluster.Seeds()...)}, options...)...)
}

func newClient(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// tool runs a command-line tool of a release through the door with CN=alice.
func (s *stage) tool(t *testing.T, release, name string, args ...string) string {
	t.Helper()
	return s.toolInput(t, release, "", name, args...)
}

// is440 is true where the brokers have what came after 3.5.
func (s *stage) is440() bool { return s.version == kafkatest.Kafka440 }

// port renders a port for an environment.
func port(n int) string { return strconv.Itoa(n) }
