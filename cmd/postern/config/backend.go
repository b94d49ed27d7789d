package config

import (
	"math"
	"slices"
	"strings"
	"time"
)

// maxBootstrapServers bounds the list of addresses to start from.
const maxBootstrapServers = 1000

// backend reads the KAFKA_* properties the gateway acts on.
func (r *reader) backend(o Options) Backend {
	b := Backend{
		BootstrapServers: r.bootstrap(),
		Protocol:         Protocol(r.choice("KAFKA_SECURITY_PROTOCOL", protocols...)),
		KeyStore:         r.store("KAFKA_SSL_KEYSTORE_LOCATION", "KAFKA_SSL_KEYSTORE_PASSWORD", "KAFKA_SSL_KEYSTORE_TYPE"),
		TrustStore:       r.store("KAFKA_SSL_TRUSTSTORE_LOCATION", "KAFKA_SSL_TRUSTSTORE_PASSWORD", "KAFKA_SSL_TRUSTSTORE_TYPE"),
		KeyPassword:      r.secret("KAFKA_SSL_KEY_PASSWORD"),
		KeyPasswordVar:   "KAFKA_SSL_KEY_PASSWORD",
		ClientID:         r.label("KAFKA_CLIENT_ID"),
		RequestTimeout:   r.millis("KAFKA_REQUEST_TIMEOUT_MS", time.Millisecond, math.MaxInt32*time.Millisecond),
		MetadataMaxAge:   r.millis("KAFKA_METADATA_MAX_AGE_MS", time.Second, math.MaxInt32*time.Millisecond),
		DialTimeout:      r.millis("KAFKA_SOCKET_CONNECTION_SETUP_TIMEOUT_MS", time.Millisecond, 10*time.Minute),
	}
	if _, ok := r.given("GATEWAY_KAFKA_DIAL_TIMEOUT_MS"); ok {
		b.DialTimeout = r.millis("GATEWAY_KAFKA_DIAL_TIMEOUT_MS", time.Millisecond, 10*time.Minute)
	}
	if !b.KeyPassword.IsSet() && b.KeyStore.Password.IsSet() {
		b.KeyPassword, b.KeyPasswordVar = b.KeyStore.Password, b.KeyStore.PasswordVar
	}
	b.TLS = r.backendTLS()
	b.EndpointIdentification = r.endpointIdentification()
	r.backendSASL(&b, o)
	if b.Protocol != "" && !b.Protocol.TLS() {
		r.unusedStores("KAFKA_SECURITY_PROTOCOL", b.KeyStore, b.TrustStore)
	}
	return b
}

// endpointIdentification is on unless the variable is set to nothing: here, as in the Java client, an empty text is a value.
func (r *reader) endpointIdentification() bool {
	const name = "KAFKA_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM"
	r.asked[name] = true
	text, set := r.env[name]
	text = strings.TrimSpace(text)
	switch {
	case !set, strings.EqualFold(text, "https"):
		return true
	case text == "":
		return false
	}
	r.invalid(name, text, "https, or set to nothing")
	return true
}

func (r *reader) bootstrap() []string {
	const name = "KAFKA_BOOTSTRAP_SERVERS"
	text, ok := r.given(name)
	if !ok {
		r.missing(name, "the addresses of the Kafka brokers, host:port separated by commas")
		return nil
	}
	var servers []string
	for server := range strings.SplitSeq(text, ",") {
		server = strings.TrimSpace(server)
		if server == "" || slices.Contains(servers, server) {
			continue
		}
		if !isHostPort(server) || len(servers) == maxBootstrapServers {
			r.invalid(name, server, "host:port separated by commas, an IPv6 address in square brackets")
			continue
		}
		servers = append(servers, server)
	}
	if len(servers) == 0 && strings.Trim(text, ", ") == "" {
		r.invalid(name, text, "at least one host:port")
	}
	return servers
}
