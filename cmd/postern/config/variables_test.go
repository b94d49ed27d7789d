package config

import (
	"crypto/tls"
	"encoding/base64"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/tlsterm"
)

func TestTableNamesAreWellFormedAndDistinct(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, s := range sections {
		for _, row := range s.Rows {
			if seen[row.Name] {
				t.Errorf("%s stands twice in the table", row.Name)
			}
			seen[row.Name] = true
			if !ours(row.Name) {
				t.Errorf("%s would never be looked up", row.Name)
			}
			if row.Meaning == "" || (row.Status != used) != (row.Reason != "") {
				t.Errorf("%s: a row needs a meaning, and a reason exactly when it is not used", row.Name)
			}
			if strings.Contains(row.Name, "PASSWORD") && !row.Secret {
				t.Errorf("%s is not marked as secret", row.Name)
			}
		}
	}
}

// What the code asks for and what the table calls used are the same.
func TestTableSaysUsedOfWhatIsRead(t *testing.T) {
	t.Parallel()
	env := demoEnvironment()
	env["GATEWAY_KAFKA_DIAL_TIMEOUT_MS"] = "1"
	env["LOG4J2_IO_CONDUKTOR_LEVEL"] = "warn"
	r := &reader{env: env, report: &Report{}, asked: make(map[string]bool)}
	if c, report := r.load(Options{}); c == nil {
		t.Fatal(report.Err())
	}
	// The group id is shown in the tree and has no other effect; the file is read before all else.
	exempt := []string{"GATEWAY_GROUP_ID", "GATEWAY_ENV_FILE", "KAFKA_MAIN_<PROP>"}
	for name, row := range table {
		if r.asked[name] != (row.Status == used) && !slices.Contains(exempt, name) {
			t.Errorf("%s: read: %v, table: %s", name, r.asked[name], row.fate())
		}
	}
	for name := range r.asked {
		if table[name] == nil {
			t.Errorf("%s is read and not in the table", name)
		}
	}
}

// Defaults are parsed like values: whatever stands in the table must be allowed.
func TestTableDefaultsAreAllowed(t *testing.T) {
	t.Parallel()
	env := map[string]string{"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"}
	plain, report := Load(entries(env), Options{Hostname: "h"})
	if report.Failed() {
		t.Fatal(report.Err())
	}
	for name, row := range table {
		if row.Default != "" && row.Status == used {
			env[name] = row.Default
		}
	}
	spelled, report := Load(entries(env), Options{Hostname: "h"})
	if report.Failed() {
		t.Fatal(report.Err())
	}
	spelled.Kafka.Properties = plain.Kafka.Properties
	if a, b := treeOf(t, plain), treeOf(t, spelled); a != b {
		t.Errorf("defaults written out differ from defaults left out:\n%s\n%s", a, b)
	}
}

func TestEveryVariableWithoutEffectIsNamed(t *testing.T) {
	t.Parallel()
	for name, row := range table {
		if row.Status != accepted {
			continue
		}
		set := strings.ReplaceAll(strings.ReplaceAll(name, "<PROP>", "LINGER_MS"), "<NAME>", "INSIDE")
		env := demoEnvironment()
		delete(env, "GATEWAY_FEATURE_FLAGS_ANALYTICS")
		env[set] = "x"
		c, report := Load(entries(env), Options{})
		if c == nil || !slices.Equal(report.NotApplicable, []string{set}) {
			t.Errorf("%s: errors %v, not applicable %v", set, report.Err(), report.NotApplicable)
		}
	}
}

func TestEveryRefusedVariableIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	for name, row := range table {
		if row.Status != refused {
			continue
		}
		set := strings.ReplaceAll(name, "<NAME>", "INSIDE")
		env := demoEnvironment()
		env[set] = "x"
		c, report := Load(entries(env), Options{})
		if c != nil || len(report.Errors) != 1 || report.Errors[0].Error() != "config: "+set+": refused: "+row.Reason {
			t.Errorf("%s: %v", set, report.Err())
		}
	}
}

// usedCase is how one variable is taken: values with what they become, and values that are refused.
type usedCase struct {
	good map[string]func(*Config) bool
	bad  []string
	// with holds what must be set beside it for the values to matter.
	with map[string]string
}

var (
	anything = func(*Config) bool { return true }
	kafkaSSL = map[string]string{"KAFKA_SECURITY_PROTOCOL": "SSL"}
	// kafkaSASL is what SASL on both sides needs.
	kafkaSASL = map[string]string{
		"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_JAAS_CONFIG": "x",
		"KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL": "https://issuer/t", "GATEWAY_USER_POOL_SECRET_KEY": testPoolKey,
	}
)

// testPoolKey is 32 bytes as base64.
const testPoolKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

func storeType(of func(*Config) string) usedCase {
	return usedCase{
		good: map[string]func(*Config) bool{
			"JKS":    func(c *Config) bool { return of(c) == "jks" },
			"PKCS12": func(c *Config) bool { return of(c) == "pkcs12" },
			"p12":    func(c *Config) bool { return of(c) == "p12" },
			"PEM":    func(c *Config) bool { return of(c) == "pem" },
		},
		bad: []string{"bcfks", "der"},
	}
}

func boolean(of func(*Config) bool) usedCase {
	return usedCase{
		good: map[string]func(*Config) bool{"true": of, "TRUE": of, "false": func(c *Config) bool { return !of(c) }},
		bad:  []string{"yes", "1", "tru"},
	}
}

func number(of func(*Config) int64, good map[string]int64, bad ...string) usedCase {
	out := usedCase{good: make(map[string]func(*Config) bool), bad: append(bad, "x", "1.5", "99999999999999999999")}
	for text, want := range good {
		out.good[text] = func(c *Config) bool { return of(c) == want }
	}
	return out
}

func text(of func(*Config) string, good []string, bad ...string) usedCase {
	out := usedCase{good: make(map[string]func(*Config) bool), bad: bad}
	for _, want := range good {
		out.good[want] = func(c *Config) bool { return of(c) == want }
	}
	return out
}

func level(of func(*Config) slog.Level) usedCase {
	out := usedCase{good: make(map[string]func(*Config) bool), bad: []string{"verbose", "3"}}
	for word, want := range map[string]slog.Level{
		"off": LevelOff, "fatal": slog.LevelError, "ERROR": slog.LevelError, "warn": slog.LevelWarn, "Info": slog.LevelInfo,
		"debug": slog.LevelDebug, "trace": LevelTrace, "all": LevelTrace,
	} {
		out.good[word] = func(c *Config) bool { return of(c) == want }
	}
	return out
}

func topic(key string) usedCase {
	return text(func(c *Config) string { return c.Storage.Topics[key] }, []string{"a.b-c_9", strings.Repeat("t", 249)},
		"..", "a b", "a/b", strings.Repeat("t", 250))
}

func tlsProtocols(of func(*Config) tlsterm.Settings) usedCase {
	return usedCase{
		good: map[string]func(*Config) bool{
			"tlsv1.3":          func(c *Config) bool { return slices.Equal(of(c).ProtocolNames(), []string{"TLSv1.3"}) },
			"TLSv1.2,TLSv1.3,": func(c *Config) bool { return slices.Equal(of(c).ProtocolNames(), []string{"TLSv1.3", "TLSv1.2"}) },
		},
		bad: []string{"TLSv1.1", "SSLv3", "TLS", ","},
	}
}

func tlsSuites(of func(*Config) tlsterm.Settings) usedCase {
	return usedCase{
		good: map[string]func(*Config) bool{
			"TLS_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": func(c *Config) bool {
				return slices.Equal(of(c).Suites, []uint16{tls.TLS_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384})
			},
		},
		bad: []string{"TLS_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-GCM-SHA256", ","},
	}
}

func usedCases() map[string]usedCase {
	listener := func(c *Config) *Listener { return &c.Listeners[0] }
	hosts := []string{"localhost", "10.0.0.1", "::1", "gw.example.com", "under_score"}
	badHosts := []string{"a:1", "http://a", "a b", "[::1]", "-a", "a..b"}
	ms := func(of func(*Config) time.Duration) func(*Config) int64 {
		return func(c *Config) int64 { return of(c).Milliseconds() }
	}
	return map[string]usedCase{
		"GATEWAY_BIND_HOST":       text(func(c *Config) string { return listener(c).BindHost }, hosts, badHosts...),
		"GATEWAY_ADVERTISED_HOST": text(func(c *Config) string { return listener(c).AdvertisedHost }, hosts, badHosts...),
		"GATEWAY_ROUTING_MECHANISM": {
			good: map[string]func(*Config) bool{"PORT": func(c *Config) bool { return listener(c).Routing == RoutingPort }},
			bad:  []string{"host", "HOST", "sni", "x"},
		},
		"GATEWAY_PORT_START": number(func(c *Config) int64 { return int64(listener(c).PortStart) },
			map[string]int64{"1": 1, "65533": 65533}, "0", "-1", "65534", "65536"),
		"GATEWAY_PORT_COUNT": number(func(c *Config) int64 { return int64(listener(c).PortCount) },
			map[string]int64{"1": 1, "1919": 1919}, "0", "-1", "65536"),
		"GATEWAY_MIN_BROKERID": number(func(c *Config) int64 { return int64(listener(c).MinBrokerID) },
			map[string]int64{"0": 0, "2147483647": 2147483647}, "-1", "2147483648"),
		"GATEWAY_SECURITY_PROTOCOL": {
			good: map[string]func(*Config) bool{
				"ssl": func(c *Config) bool { return listener(c).Protocol == ProtocolSSL && listener(c).Mode == ModeGateway },
				"sasl_ssl": func(c *Config) bool {
					return listener(c).Protocol == ProtocolSASLSSL && listener(c).Mode == ModeGateway
				},
				"DELEGATED_SASL_SSL": func(c *Config) bool {
					return listener(c).Protocol == ProtocolSASLSSL && listener(c).Mode == ModeKafka
				},
			},
			bad:  []string{"DELEGATED_SSL", "SASL", "DELEGATED_SASL", "TLS"},
			with: kafkaSASL,
		},
		"GATEWAY_SECURITY_MODE": {
			good: map[string]func(*Config) bool{"gateway_managed": func(c *Config) bool { return listener(c).Mode == ModeGateway }},
			bad:  []string{"KAFKA_MANAGED", "x"},
		},
		"GATEWAY_AUTHENTICATION_CONNECTION_MAX_REAUTH_MS": number(ms(func(c *Config) time.Duration { return c.Authentication.MaxReauth }),
			map[string]int64{"0": 0, "2147483647": 2147483647}, "-1", "2147483648"),
		"GATEWAY_AUTHENTICATION_TIMEOUT_MS": number(ms(func(c *Config) time.Duration { return c.Authentication.Timeout }),
			map[string]int64{"100": 100, "600000": 600000}, "99", "600001"),
		"GATEWAY_FAILED_AUTHENTICATION_DELAY_MS": number(ms(func(c *Config) time.Duration { return c.Authentication.FailureDelay }),
			map[string]int64{"1": 1, "60000": 60000}, "0", "60001"),
		"GATEWAY_USER_POOL_SECRET_KEY": text(func(c *Config) string {
			return base64.StdEncoding.EncodeToString([]byte(c.Authentication.UserPoolKey.Reveal()))
		},
			[]string{testPoolKey}, "x", "c2hvcnQ=", strings.TrimSuffix(testPoolKey, "=")+"!"),
		"GATEWAY_USER_POOL_SERVICE_ACCOUNT_REQUIRED": boolean(func(c *Config) bool { return c.Authentication.AccountRequired }),
		"GATEWAY_OAUTH_JWKS_URL": text(func(c *Config) string { return c.Authentication.OAuth.JWKSURL.Reveal() },
			[]string{"https://issuer/keys", "http://u:p@issuer:1/k", "file:///keys.json"}, "issuer/keys", "ftp://issuer/keys", "https:///x"),
		"GATEWAY_OAUTH_EXPECTED_ISSUER": text(func(c *Config) string { return c.Authentication.OAuth.Issuer }, []string{"https://issuer/"}, "a\x00"),
		"GATEWAY_OAUTH_EXPECTED_AUDIENCES": {good: map[string]func(*Config) bool{
			"a, b,a":          func(c *Config) bool { return slices.Equal(c.Authentication.OAuth.Audiences, []string{"a", "b"}) },
			`["a", 'b' ,"c"]`: func(c *Config) bool { return slices.Equal(c.Authentication.OAuth.Audiences, []string{"a", "b", "c"}) },
		}},
		"GATEWAY_OAUTH_JWKS_REFRESH": number(ms(func(c *Config) time.Duration { return c.Authentication.OAuth.Refresh }),
			map[string]int64{"1000": 1000}, "999"),
		"GATEWAY_OAUTH_JWKS_RETRY": number(ms(func(c *Config) time.Duration { return c.Authentication.OAuth.Retry }),
			map[string]int64{"1": 1, "10000": 10000}, "0"),
		"GATEWAY_OAUTH_JWKS_MAX_RETRY": number(ms(func(c *Config) time.Duration { return c.Authentication.OAuth.MaxRetry }),
			map[string]int64{"100": 100}, "0", "99"),
		"GATEWAY_OAUTH_SCOPE_CLAIM_NAME":  text(func(c *Config) string { return c.Authentication.OAuth.ScopeClaim }, []string{"scp"}, "a\x00"),
		"GATEWAY_OAUTH_SUB_CLAIM_NAME":    text(func(c *Config) string { return c.Authentication.OAuth.SubClaim }, []string{"azp"}, "a\x00"),
		"GATEWAY_OAUTH_GROUPS_CLAIM_NAME": text(func(c *Config) string { return c.Authentication.OAuth.GroupsClaim }, []string{"groups"}, "a\x00"),
		"GATEWAY_OAUTH_CLOCK_SKEW_SECONDS": number(func(c *Config) int64 { return int64(c.Authentication.OAuth.ClockSkew / time.Second) },
			map[string]int64{"0": 0, "3600": 3600}, "-1", "3601"),
		"GATEWAY_HTTPS_KEY_STORE_PATH":            text(func(c *Config) string { return c.Admin.KeyStore.Path }, []string{"/k"}),
		"GATEWAY_HTTPS_KEY_STORE_PASSWORD":        text(func(c *Config) string { return c.Admin.KeyStore.Password.Reveal() }, []string{" p "}),
		"GATEWAY_HTTPS_TRUST_STORE_PATH":          text(func(c *Config) string { return c.Admin.TrustStore.Path }, []string{"/t"}),
		"GATEWAY_HTTPS_TRUST_STORE_PASSWORD":      text(func(c *Config) string { return c.Admin.TrustStore.Password.Reveal() }, []string{"p"}),
		"GATEWAY_HTTPS_HEALTH_KEY_STORE_PATH":     text(func(c *Config) string { return c.Admin.HealthKeyStore.Path }, []string{"/h"}),
		"GATEWAY_HTTPS_HEALTH_KEY_STORE_PASSWORD": text(func(c *Config) string { return c.Admin.HealthKeyStore.Password.Reveal() }, []string{" p "}),
		"GATEWAY_HTTPS_CLIENT_AUTH": {
			good: map[string]func(*Config) bool{
				"none":     func(c *Config) bool { return c.Admin.ClientAuth == HTTPSNone },
				"REQUEST":  func(c *Config) bool { return c.Admin.ClientAuth == HTTPSRequest },
				"required": func(c *Config) bool { return c.Admin.ClientAuth == HTTPSRequired },
			},
			bad:  []string{"REQUIRE", "OPTIONAL"},
			with: map[string]string{"GATEWAY_HTTPS_KEY_STORE_PATH": "/k", "GATEWAY_HTTPS_TRUST_STORE_PATH": "/t"},
		},
		"KAFKA_SASL_MECHANISM": {
			good: map[string]func(*Config) bool{
				"plain":         func(c *Config) bool { return c.Kafka.Mechanism == "PLAIN" },
				"SCRAM-SHA-512": func(c *Config) bool { return c.Kafka.Mechanism == "SCRAM-SHA-512" },
				"OAUTHBEARER":   func(c *Config) bool { return c.Kafka.Mechanism == "OAUTHBEARER" },
			},
			bad:  []string{"GSSAPI", "AWS_MSK_IAM", "x"},
			with: kafkaSASL,
		},
		"KAFKA_SASL_JAAS_CONFIG": {
			good: map[string]func(*Config) bool{"module required a=\"b\";": func(c *Config) bool { return c.Kafka.JAAS.Reveal() == "module required a=\"b\";" }},
			with: kafkaSASL,
		},
		"KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL": {
			good: map[string]func(*Config) bool{"https://issuer/token": func(c *Config) bool { return c.Kafka.TokenEndpoint.Reveal() == "https://issuer/token" }},
			bad:  []string{"issuer", "file:///t"},
			with: kafkaSASL,
		},
		"GATEWAY_UPSTREAM_IDENTITY": {
			good: map[string]func(*Config) bool{
				"gateway": func(c *Config) bool { return !c.Kafka.PerUser },
				"USER":    func(c *Config) bool { return c.Kafka.PerUser },
			},
			bad:  []string{"CLIENT"},
			with: kafkaSASL,
		},
		"GATEWAY_UPSTREAM_TOKEN_LIFETIME_MS": number(ms(func(c *Config) time.Duration { return c.Kafka.TokenLifetime }),
			map[string]int64{"0": 0, "60000": 60000}, "-1"),
		"GATEWAY_FEATURE_FLAGS_MANDATORY_VCLUSTER": boolean(func(c *Config) bool { return c.MandatoryVCluster }),
		"GATEWAY_SHUTDOWN_DELAY_BETWEEN_BROKERS_MS": number(ms(func(c *Config) time.Duration { return c.ShutdownDelayBetweenBrokers }),
			map[string]int64{"0": 0, "600000": 600000}, "-1", "600001"),
		"GATEWAY_ACL_ENABLED": {good: map[string]func(*Config) bool{"false": anything}, bad: []string{"true", "x"}},

		"GATEWAY_SSL_KEY_STORE_PATH":       text(func(c *Config) string { return listener(c).KeyStore.Path }, []string{"/a b/c.jks"}),
		"GATEWAY_SSL_KEY_STORE_PASSWORD":   text(func(c *Config) string { return listener(c).KeyStore.Password.Reveal() }, []string{" p w "}),
		"GATEWAY_SSL_KEY_PASSWORD":         text(func(c *Config) string { return listener(c).KeyPassword.Reveal() }, []string{"p=w"}),
		"GATEWAY_SSL_KEY_TYPE":             storeType(func(c *Config) string { return listener(c).KeyStore.Type }),
		"GATEWAY_SSL_TRUST_STORE_PATH":     text(func(c *Config) string { return listener(c).TrustStore.Path }, []string{"/t"}),
		"GATEWAY_SSL_TRUST_STORE_PASSWORD": text(func(c *Config) string { return listener(c).TrustStore.Password.Reveal() }, []string{"p"}),
		"GATEWAY_SSL_TRUST_STORE_TYPE":     storeType(func(c *Config) string { return listener(c).TrustStore.Type }),
		"GATEWAY_SSL_CLIENT_AUTH": {
			good: map[string]func(*Config) bool{
				"none":     func(c *Config) bool { return listener(c).ClientAuth == ClientAuthNone },
				"OPTIONAL": func(c *Config) bool { return listener(c).ClientAuth == ClientAuthOptional },
				"Require":  func(c *Config) bool { return listener(c).ClientAuth == ClientAuthRequire },
			},
			bad: []string{"REQUIRED", "want"},
		},
		"GATEWAY_SSL_PRINCIPAL_MAPPING_RULES": text(func(c *Config) string { return listener(c).PrincipalRules },
			[]string{"RULE:^CN=([a-zA-Z0-9.-]*).*$/$1/, DEFAULT"}),
		"GATEWAY_SSL_UPDATE_CONTEXT_INTERVAL_MINUTES": number(func(c *Config) int64 { return int64(listener(c).UpdateInterval.Minutes()) },
			map[string]int64{"0": 0, "5": 5, "40320": 40320}, "-1", "40321"),
		"GATEWAY_SSL_EXTRA_KEY_STORES": {
			good: map[string]func(*Config) bool{
				`[{"path":"/k2","password":"007","keyPassword":"008","type":"PKCS12"},{"path":"/k3"}]`: func(c *Config) bool {
					s := listener(c).ExtraKeyStores
					return len(s) == 2 && s[0].Path == "/k2" && s[0].Password.Reveal() == "007" && s[0].KeyPassword.Reveal() == "008" && s[0].Type == "pkcs12" &&
						s[0].PathVar == "GATEWAY_SSL_EXTRA_KEY_STORES[0].path" && s[1].Path == "/k3" && s[1].Type == "jks" && !s[1].KeyPassword.IsSet()
				},
				"- path: /k2\n  password: p\n": func(c *Config) bool {
					s := listener(c).ExtraKeyStores
					return len(s) == 1 && s[0].KeyPassword.Reveal() == "p" && s[0].KeyPasswordVar == "GATEWAY_SSL_EXTRA_KEY_STORES[0].password"
				},
			},
			bad: []string{"/k2", "[]", "[{}]", "[{password: p}]", "[{path: /k, type: der}]", "[{path: /k, pasword: p}]", "[{path: /k}, {path: /k}]"},
		},
		"GATEWAY_SSL_CRL_PATHS": {
			good: map[string]func(*Config) bool{
				" /a.crl, /b c.pem ,/a.crl,": func(c *Config) bool { return slices.Equal(listener(c).CRLPaths, []string{"/a.crl", "/b c.pem"}) },
			},
		},
		"GATEWAY_SSL_OCSP_STAPLE_PATH":    text(func(c *Config) string { return listener(c).OCSPStaplePath }, []string{"/s.der"}),
		"GATEWAY_SSL_SESSION_TICKET_KEYS": text(func(c *Config) string { return listener(c).TicketKeysPath }, []string{"/keys"}),
		"GATEWAY_SSL_ENABLED_PROTOCOLS":   tlsProtocols(func(c *Config) tlsterm.Settings { return listener(c).TLS }),
		"GATEWAY_SSL_CIPHER_SUITES":       tlsSuites(func(c *Config) tlsterm.Settings { return listener(c).TLS }),
		"KAFKA_SSL_ENABLED_PROTOCOLS":     tlsProtocols(func(c *Config) tlsterm.Settings { return c.Kafka.TLS }),
		"KAFKA_SSL_CIPHER_SUITES":         tlsSuites(func(c *Config) tlsterm.Settings { return c.Kafka.TLS }),
		"GATEWAY_SSL_NAMED_GROUPS": {
			good: map[string]func(*Config) bool{
				"X25519, secp256r1": func(c *Config) bool {
					want := []tls.CurveID{tls.X25519, tls.CurveP256}
					return slices.Equal(listener(c).TLS.Groups, want) && slices.Equal(c.Kafka.TLS.Groups, want)
				},
			},
			bad: []string{"ffdhe2048", "secp256k1", ","},
		},
		"GATEWAY_TLS_ENGINE": {
			good: map[string]func(*Config) bool{
				"OWN": func(c *Config) bool { return c.TLSEngine == TLSEngineOwn },
				"std": func(c *Config) bool { return c.TLSEngine == TLSEngineStd },
			},
			bad: []string{"openssl", "true"},
		},

		"GATEWAY_HTTP_PORT": number(func(c *Config) int64 { return int64(c.Admin.Port) },
			map[string]int64{"1": 1, "65535": 65535}, "0", "65536", "6969", "6971"),
		"GATEWAY_HTTP_BIND_HOST":  text(func(c *Config) string { return c.Admin.BindHost }, hosts, badHosts...),
		"GATEWAY_SECURED_METRICS": boolean(func(c *Config) bool { return c.Admin.SecuredMetrics }),
		"GATEWAY_ADMIN_API_USERS": {
			good: map[string]func(*Config) bool{
				`[{"username":"u","password":"007","admin":false}]`: func(c *Config) bool {
					u := c.Admin.Users[0]
					return len(c.Admin.Users) == 1 && u.Username == "u" && u.Password.Reveal() == "007" && !u.Admin
				},
			},
			bad: []string{"x", "[]"},
		},

		"KAFKA_BOOTSTRAP_SERVERS": {
			good: map[string]func(*Config) bool{
				" a:1, [::1]:65535 ,a:1,": func(c *Config) bool {
					return slices.Equal(c.Kafka.BootstrapServers, []string{"a:1", "[::1]:65535"})
				},
			},
			bad: []string{"a", "a:0", "a:65536", "a:x", "PLAINTEXT://a:1", "::1:9092", ",", ":9092"},
		},
		"KAFKA_SECURITY_PROTOCOL": {
			good: map[string]func(*Config) bool{
				"ssl":            func(c *Config) bool { return c.Kafka.Protocol == ProtocolSSL },
				"Sasl_Plaintext": func(c *Config) bool { return c.Kafka.Protocol == ProtocolSASLPlaintext },
			},
			bad:  []string{"DELEGATED_SASL_SSL", "TLS"},
			with: kafkaSASL,
		},
		"KAFKA_SSL_KEYSTORE_LOCATION":   text(func(c *Config) string { return c.Kafka.KeyStore.Path }, []string{"/k"}),
		"KAFKA_SSL_KEYSTORE_PASSWORD":   text(func(c *Config) string { return c.Kafka.KeyPassword.Reveal() }, []string{"p"}),
		"KAFKA_SSL_KEYSTORE_TYPE":       storeType(func(c *Config) string { return c.Kafka.KeyStore.Type }),
		"KAFKA_SSL_KEY_PASSWORD":        text(func(c *Config) string { return c.Kafka.KeyPassword.Reveal() }, []string{"p"}),
		"KAFKA_SSL_TRUSTSTORE_LOCATION": text(func(c *Config) string { return c.Kafka.TrustStore.Path }, []string{"/t"}),
		"KAFKA_SSL_TRUSTSTORE_PASSWORD": text(func(c *Config) string { return c.Kafka.TrustStore.Password.Reveal() }, []string{"p"}),
		"KAFKA_SSL_TRUSTSTORE_TYPE":     storeType(func(c *Config) string { return c.Kafka.TrustStore.Type }),
		"KAFKA_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM": {
			good: map[string]func(*Config) bool{
				"HTTPS": func(c *Config) bool { return c.Kafka.EndpointIdentification },
				"":      func(c *Config) bool { return !c.Kafka.EndpointIdentification },
			},
			bad:  []string{"none"},
			with: kafkaSSL,
		},
		"KAFKA_CLIENT_ID": text(func(c *Config) string { return c.Kafka.ClientID }, []string{"gw-1", "é: x"},
			"a\xff", strings.Repeat("x", 256)),
		"KAFKA_REQUEST_TIMEOUT_MS": number(ms(func(c *Config) time.Duration { return c.Kafka.RequestTimeout }),
			map[string]int64{"1": 1, "2147483647": 2147483647}, "0"),
		"KAFKA_METADATA_MAX_AGE_MS": number(ms(func(c *Config) time.Duration { return c.Kafka.MetadataMaxAge }),
			map[string]int64{"1000": 1000}, "0", "999"),
		"KAFKA_SOCKET_CONNECTION_SETUP_TIMEOUT_MS": number(ms(func(c *Config) time.Duration { return c.Kafka.DialTimeout }),
			map[string]int64{"1": 1, "600000": 600000}, "0", "600001"),
		"GATEWAY_KAFKA_DIAL_TIMEOUT_MS": number(ms(func(c *Config) time.Duration { return c.Kafka.DialTimeout }),
			map[string]int64{"7": 7}, "0", "600001"),
		"GATEWAY_DOWNSTREAM_THREAD": number(func(c *Config) int64 { return int64(c.Threads) },
			map[string]int64{"0": 0, "1024": 1024}, "-1", "1025"),

		"GATEWAY_CLUSTER_ID": {
			good: map[string]func(*Config) bool{
				"private": func(c *Config) bool { return c.ClusterID == "private" && c.GroupID == "conduktor_private" },
			},
			bad: []string{"a b", "é", strings.Repeat("x", 201)},
		},
		"GATEWAY_STORAGE_TYPE": {
			good: map[string]func(*Config) bool{
				"in_memory": func(c *Config) bool { return c.Storage.Type == StorageInMemory },
				"KAFKA":     func(c *Config) bool { return c.Storage.Type == StorageKafka },
			},
			bad: []string{"FILE"},
		},
		"GATEWAY_TOPIC_STORE_KCACHE_REPLICATION_FACTOR": number(func(c *Config) int64 { return int64(c.Storage.ReplicationFactor) },
			map[string]int64{"-1": -1, "3": 3, "32767": 32767}, "0", "-2", "32768"),
		"GATEWAY_LICENSE_TOPIC":                topic("license"),
		"GATEWAY_TOPIC_MAPPINGS_TOPIC":         topic("topicmappings"),
		"GATEWAY_USER_MAPPINGS_TOPIC":          topic("usermappings"),
		"GATEWAY_CONSUMER_OFFSETS_TOPIC":       topic("consumer_offsets"),
		"GATEWAY_CONSUMER_SUBSCRIPTIONS_TOPIC": topic("consumer_subscriptions"),
		"GATEWAY_INTERCEPTOR_CONFIGS_TOPIC":    topic("interceptor_configs"),
		"GATEWAY_ENCRYPTION_CONFIGS_TOPIC":     topic("encryption_configs"),
		"GATEWAY_ACLS_TOPIC":                   topic("acls"),
		"GATEWAY_AUDIT_LOG_TOPIC":              topic("auditlogs"),
		"GATEWAY_VCLUSTERS_TOPIC":              topic("vclusters"),
		"GATEWAY_GROUPS_TOPIC":                 topic("groups"),

		"LOG4J2_APPENDER_LAYOUT": {
			good: map[string]func(*Config) bool{
				"JSON":    func(c *Config) bool { return c.Log.JSON },
				"pattern": func(c *Config) bool { return !c.Log.JSON },
			},
			bad: []string{"xml"},
		},
		"LOG4J2_ROOT_LEVEL":         level(func(c *Config) slog.Level { return c.Log.Level }),
		"LOG4J2_IO_CONDUKTOR_LEVEL": level(func(c *Config) slog.Level { return c.Log.Level }),

		"GATEWAY_SOCKET_KEEPALIVE_SECONDS": number(func(c *Config) int64 { return int64(c.Sockets.KeepAlive.Seconds()) },
			map[string]int64{"1": 1, "7200": 7200}, "0", "7201"),
		"GATEWAY_SOCKET_SEND_BUFFER_BYTES": number(func(c *Config) int64 { return int64(c.Sockets.SendBuffer) },
			map[string]int64{"0": 0, "1073741824": 1 << 30}, "-1", "1073741825"),
		"GATEWAY_SOCKET_RECEIVE_BUFFER_BYTES": number(func(c *Config) int64 { return int64(c.Sockets.ReceiveBuffer) },
			map[string]int64{"0": 0, "1073741824": 1 << 30}, "-1", "1073741825"),
		"GATEWAY_SPLICE_BYTES": number(func(c *Config) int64 { return int64(c.Sockets.Splice) },
			map[string]int64{"0": 0, "1073741824": 1 << 30}, "-1", "1073741825"),
		"GATEWAY_READ_BUFFER_BYTES": number(func(c *Config) int64 { return int64(c.Sockets.Read) },
			map[string]int64{"16384": 16384, "1048576": 1 << 20}, "16383", "1048577"),

		"GATEWAY_HANDSHAKE_TIMEOUT_MS": number(ms(func(c *Config) time.Duration { return c.Limits.HandshakeTimeout }),
			map[string]int64{"100": 100, "600000": 600000}, "99", "600001"),
		"GATEWAY_MAX_HANDSHAKES": number(func(c *Config) int64 { return int64(c.Limits.MaxHandshakes) },
			map[string]int64{"1": 1, "100000": 100000}, "0", "100001"),
		"GATEWAY_MAX_HANDSHAKES_PER_ADDRESS": number(func(c *Config) int64 { return int64(c.Limits.MaxHandshakesPerAddress) },
			map[string]int64{"1": 1, "100000": 100000}, "0", "100001"),
		"GATEWAY_MAX_CONNECTIONS": number(func(c *Config) int64 { return int64(c.Limits.MaxConnections) },
			map[string]int64{"1": 1, "10000000": 10000000}, "0", "10000001"),
		"GATEWAY_MAX_FRAME_BYTES": number(func(c *Config) int64 { return int64(c.Limits.MaxFrameBytes) },
			map[string]int64{"65536": 65536, "2147483643": 2147483643}, "65535", "2147483644"),
		"GATEWAY_DRAIN_TIMEOUT_MS": number(ms(func(c *Config) time.Duration { return c.Limits.DrainTimeout }),
			map[string]int64{"0": 0, "3600000": 3600000}, "-1", "3600001"),
	}
}

func TestEveryUsedVariable(t *testing.T) {
	t.Parallel()
	cases := usedCases()
	for name, row := range table {
		if _, ok := cases[name]; !ok && row.Status == used && name != "GATEWAY_ENV_FILE" && name != "KAFKA_MAIN_<PROP>" {
			t.Errorf("%s is used and has no case", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cases[name].run(t, name)
		})
	}
}

func (u usedCase) run(t *testing.T, name string) {
	env := demoEnvironment()
	maps.Copy(env, u.with)
	for value, check := range u.good {
		env[name] = value
		c, report := Load(entries(env), Options{})
		if c == nil {
			t.Errorf("%q: %v", value, report.Err())
		} else if !check(c) {
			t.Errorf("%q was read as something else: %+v", value, c)
		}
	}
	for _, value := range u.bad {
		env[name] = value
		c, report := Load(entries(env), Options{})
		if c != nil || len(report.Errors) != 1 {
			t.Errorf("%q: %v; want one error", value, report.Err())
			continue
		}
		problem := report.Errors[0].Error()
		if !strings.HasPrefix(problem, "config: "+name+": ") {
			t.Errorf("%q: the error does not name the variable: %s", value, problem)
		}
		if short := strings.ToLower(strings.Trim(strconv.Quote(value[:min(len(value), maxShown)]), `"`)); !table[name].Secret && !strings.Contains(strings.ToLower(problem), short) {
			t.Errorf("%q: the error does not show the value: %s", value, problem)
		}
	}
}
