package demo

import (
	"strconv"
	"strings"
)

// The defaults of the variables the demo leaves unset when its flags are not
// used.
const (
	defaultGatewayPort = 6969
	defaultAdminPort   = 8888
	defaultBrokerPort  = 9092
	defaultBind        = "127.0.0.1"
)

// gatewayEnviron returns the environment the gateway is configured from, as
// NAME=VALUE. The first twelve are those of gateway1 in the founding demo's
// compose file, in its order, with this machine's paths and brokers; the rest
// says where to listen.
func gatewayEnviron(o Options, f folder) []string {
	env := []string{
		"KAFKA_BOOTSTRAP_SERVERS=" + bootstrapList(brokerAddresses(o.BrokerPort)),
		"GATEWAY_ADVERTISED_HOST=localhost",
		"GATEWAY_SECURITY_PROTOCOL=SSL",
		"GATEWAY_FEATURE_FLAGS_ANALYTICS=false",
		"GATEWAY_SSL_KEY_STORE_PATH=" + f.path(fileKeyStore),
		"GATEWAY_SSL_KEY_STORE_PASSWORD=" + storePassword,
		"GATEWAY_SSL_KEY_PASSWORD=" + storePassword,
		"GATEWAY_SSL_KEY_TYPE=pkcs12",
		"GATEWAY_SSL_TRUST_STORE_PATH=" + f.path(fileTrustStore),
		"GATEWAY_SSL_TRUST_STORE_PASSWORD=" + storePassword,
		"GATEWAY_SSL_TRUST_STORE_TYPE=pkcs12",
		"GATEWAY_SSL_CLIENT_AUTH=REQUIRE",
		// The passwords are in every copy of the demo, so it is for this
		// machine alone unless --bind says otherwise.
		"GATEWAY_BIND_HOST=" + o.Bind,
	}
	if o.GatewayPort != defaultGatewayPort {
		env = append(env, "GATEWAY_PORT_START="+strconv.Itoa(o.GatewayPort))
	}
	if o.AdminPort != defaultAdminPort {
		env = append(env, "GATEWAY_HTTP_PORT="+strconv.Itoa(o.AdminPort))
	}
	return env
}

// envFile writes environ as a file for GATEWAY_ENV_FILE or a shell's `source`.
func envFile(environ []string) string {
	var b strings.Builder
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		b.WriteString(name + "=" + shellQuote(value) + "\n")
	}
	return b.String()
}

// shellQuote returns s as one word of a POSIX shell.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-:,@%+=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
