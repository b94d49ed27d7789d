package config

import (
	"maps"
	"slices"
	"testing"
)

// demoEnvironment is the environment the founding demo gives its first gateway; the second differs in the types.
func demoEnvironment() map[string]string {
	return map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS":          "kafka1:29092,kafka2:29092,kafka3:29092",
		"GATEWAY_ADVERTISED_HOST":          "localhost",
		"GATEWAY_SECURITY_PROTOCOL":        "SSL",
		"GATEWAY_FEATURE_FLAGS_ANALYTICS":  "false",
		"GATEWAY_SSL_KEY_STORE_PATH":       "/config/keystore.jks",
		"GATEWAY_SSL_KEY_STORE_PASSWORD":   "123456",
		"GATEWAY_SSL_KEY_PASSWORD":         "123456",
		"GATEWAY_SSL_KEY_TYPE":             "pkcs12",
		"GATEWAY_SSL_TRUST_STORE_PATH":     "/config/truststore.jks",
		"GATEWAY_SSL_TRUST_STORE_PASSWORD": "123456",
		"GATEWAY_SSL_TRUST_STORE_TYPE":     "pkcs12",
		"GATEWAY_SSL_CLIENT_AUTH":          "REQUIRE",
	}
}

// entries turns an environment into what os.Environ would give, in one order.
func entries(env map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}

func TestTheDemosGateways(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"pkcs12", "jks"} {
		env := demoEnvironment()
		env["GATEWAY_SSL_KEY_TYPE"], env["GATEWAY_SSL_TRUST_STORE_TYPE"] = kind, kind
		c, report := Load(entries(env), Options{Hostname: "gateway1"})
		if err := report.Err(); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		l := c.Listeners[0]
		if l.Protocol != ProtocolSSL || l.ClientAuth != ClientAuthRequire || l.PortStart != 6969 || l.AdvertisedHost != "localhost" {
			t.Errorf("%s: listener %+v", kind, l)
		}
		if l.KeyStore.Type != kind || l.TrustStore.Type != kind || l.KeyPassword.Reveal() != "123456" {
			t.Errorf("%s: stores %+v %+v", kind, l.KeyStore, l.TrustStore)
		}
		if c.Kafka.Protocol != ProtocolPlaintext || len(c.Kafka.BootstrapServers) != 3 {
			t.Errorf("%s: backend %+v", kind, c.Kafka)
		}
	}
}
