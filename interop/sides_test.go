package interop

import (
	"crypto/tls"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// testSides moves records through gateways that speak otherwise than the
// demo's: TLS on both sides, TLS to the brokers alone, none at all, and stores
// in Java's own format.
func testSides(t *testing.T, s *stage) {
	dir := t.TempDir()
	pair, err := s.cluster.Authority().Client("gateway-to-broker")
	if err != nil {
		t.Fatal(err)
	}
	backend, err := pair.Write(dir, "backend", certs.PKCS12)
	if err != nil {
		t.Fatal(err)
	}
	front, err := s.cluster.Authority().Server("gateway", certs.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	jks, err := front.Write(dir, "front", certs.JKS)
	if err != nil {
		t.Fatal(err)
	}
	toBrokers := map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS":       s.cluster.BootstrapTLS(),
		"KAFKA_SECURITY_PROTOCOL":       "SSL",
		"KAFKA_SSL_KEYSTORE_LOCATION":   backend.KeyStore,
		"KAFKA_SSL_KEYSTORE_PASSWORD":   certs.Password,
		"KAFKA_SSL_KEYSTORE_TYPE":       "PKCS12",
		"KAFKA_SSL_KEY_PASSWORD":        certs.Password,
		"KAFKA_SSL_TRUSTSTORE_LOCATION": backend.TrustStore,
		"KAFKA_SSL_TRUSTSTORE_PASSWORD": certs.Password,
		"KAFKA_SSL_TRUSTSTORE_TYPE":     "PKCS12",
	}
	inClear := map[string]string{"GATEWAY_SECURITY_PROTOCOL": "PLAINTEXT", "GATEWAY_SSL_CLIENT_AUTH": "NONE"}
	s.makeTopic(t, "sides", 3)
	for _, c := range []struct {
		name   string
		change []map[string]string
		tls    *tls.Config
	}{
		{"both", []map[string]string{toBrokers}, s.tls},
		{"brokers", []map[string]string{toBrokers, inClear}, nil},
		{"none", []map[string]string{inClear}, nil},
		{"jks", []map[string]string{{
			"GATEWAY_SSL_KEY_STORE_PATH": jks.KeyStore, "GATEWAY_SSL_KEY_TYPE": "jks",
			"GATEWAY_SSL_TRUST_STORE_PATH": jks.TrustStore, "GATEWAY_SSL_TRUST_STORE_TYPE": "jks",
		}}, s.tls},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := s.environment(nil)
			for _, change := range c.change {
				for k, v := range change {
					env[k] = v
				}
			}
			g := startGateway(t, c.name, env)
			options := []kgo.Opt{
				kgo.SeedBrokers(g.bootstrap()), kgo.DefaultProduceTopic("sides"), kgo.ConsumeTopics("sides"),
				kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			}
			if c.tls != nil {
				options = append(options, kgo.DialTLSConfig(c.tls))
			}
			client := newClient(t, options...)
			produce(t, client, "sides", 300)
			consume(t, client, 300)
			client.Close() // or its long poll holds up the drain
			g.stop(t)
		})
	}
}
