package kafkatest_test

import (
	"strings"
	"testing"

	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// Each broker release, each store format: the tools reach it in clear and over
// mutual TLS, and see the same.
func TestClusterServesBothListeners(t *testing.T) {
	for _, c := range []struct {
		version, tools string
		format         certs.Format
		brokers        int
	}{
		{kafkatest.Kafka352, kafkatest.Kafka352, certs.JKS, 1},
		{kafkatest.Kafka440, kafkatest.Tools430, certs.PKCS12, 3},
	} {
		t.Run(c.version, func(t *testing.T) {
			kafkatest.Require(t, c.version, c.tools)
			cluster := kafkatest.Start(t, kafkatest.Options{Version: c.version, Brokers: c.brokers, StoreFormat: c.format})
			_, config, err := cluster.Certificates(t.TempDir(), "alice", c.format)
			if err != nil {
				t.Fatal(err)
			}
			out, _, err := kafkatest.Tool(t, c.tools, "kafka-topics", "--bootstrap-server", cluster.BootstrapTLS(),
				"--command-config", config, "--create", "--topic", "foo", "--partitions", "2")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out, "Created topic foo.") {
				t.Errorf("create over TLS printed %q", out)
			}
			out, _, err = kafkatest.Tool(t, c.tools, "kafka-topics", "--bootstrap-server", cluster.Bootstrap(), "--list")
			if err != nil {
				t.Fatal(err)
			}
			if out != "foo\n" {
				t.Errorf("list in clear printed %q, want foo alone", out)
			}
		})
	}
}
