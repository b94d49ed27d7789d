package config

import (
	"errors"
	"maps"
	"slices"
	"strings"
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

// with is the demo's environment with changes; a value of "-" takes the variable away.
func with(changes map[string]string) []string {
	env := demoEnvironment()
	for name, value := range changes {
		if value == "-" {
			delete(env, name)
		} else {
			env[name] = value
		}
	}
	return entries(env)
}

func TestAllErrorsAtOnce(t *testing.T) {
	t.Parallel()
	c, report := Load([]string{
		"GATEWAY_SECURITY_PROTOCOL=SSL", "GATEWAY_SSL_CLIENT_AUTH=REQUIRE", "GATEWAY_PORT_START=x", "GATEWAY_HTTP_PORT=70000",
		"GATEWAY_ROUTING_MECHANISM=host", "GATEWAY_SECURITY_MODE=KAFKA_MANAGED", "GATEWAY_LISTENER_NAMES=A,B", "GATEWAY_STORAGE_TYPE=DISK",
		"GATEWAY_ADMIN_API_USERS=[]", "KAFKA_SECURITY_PROTOCOL=SASL_SSL", "GATEWAY_CLUSTER_ID=a b",
	}, Options{})
	if c != nil || !report.Failed() || report.Err() == nil {
		t.Fatal("a configuration came out of it")
	}
	var got []string
	for _, err := range report.Errors {
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%v is no *Error", err)
		}
		got = append(got, e.Variable)
	}
	want := []string{
		"GATEWAY_ADMIN_API_USERS", "GATEWAY_ADVERTISED_HOST", "GATEWAY_CLUSTER_ID", "GATEWAY_HTTP_PORT", "GATEWAY_LISTENER_NAMES",
		"GATEWAY_PORT_START", "GATEWAY_ROUTING_MECHANISM", "GATEWAY_SECURITY_MODE", "GATEWAY_SSL_KEY_PASSWORD",
		"GATEWAY_SSL_KEY_STORE_PASSWORD", "GATEWAY_SSL_KEY_STORE_PATH", "GATEWAY_SSL_TRUST_STORE_PATH", "GATEWAY_STORAGE_TYPE",
		"KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SASL_JAAS_CONFIG", "KAFKA_SASL_MECHANISM",
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("errors about\n%q, want\n%q", got, want)
	}
}

// The words are those operators of the original search for.
func TestMissingKeyPassword(t *testing.T) {
	t.Parallel()
	_, report := Load(with(map[string]string{"GATEWAY_SSL_KEY_PASSWORD": "-"}), Options{})
	want := "Invalid value at 'authenticationConfig.sslConfig.keyStore.keyPassword. Should not be null. Have you checked environment variable GATEWAY_SSL_KEY_PASSWORD is set?"
	if len(report.Errors) != 1 || !strings.Contains(report.Errors[0].Error(), want) {
		t.Errorf("%v", report.Err())
	}
}

// Each change of the demo's environment leaves exactly these variables in error.
func TestWhatBelongsTogether(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		changes map[string]string
		errors  []string
	}{
		{"required, no trust store", map[string]string{"GATEWAY_SSL_TRUST_STORE_PATH": "-"}, []string{"GATEWAY_SSL_TRUST_STORE_PATH"}},
		{"optional, no trust store", map[string]string{"GATEWAY_SSL_CLIENT_AUTH": "OPTIONAL", "GATEWAY_SSL_TRUST_STORE_PATH": "-"}, []string{"GATEWAY_SSL_TRUST_STORE_PATH"}},
		{"1.2 with suites of 1.3", map[string]string{"GATEWAY_SSL_ENABLED_PROTOCOLS": "TLSv1.2", "GATEWAY_SSL_CIPHER_SUITES": "TLS_AES_128_GCM_SHA256"}, []string{"GATEWAY_SSL_ENABLED_PROTOCOLS"}},
		{"1.2 with groups of 1.3", map[string]string{"KAFKA_SSL_ENABLED_PROTOCOLS": "TLSv1.2", "GATEWAY_SSL_NAMED_GROUPS": "X25519MLKEM768"}, []string{"KAFKA_SSL_ENABLED_PROTOCOLS"}},
		{"both bad", map[string]string{"GATEWAY_SSL_ENABLED_PROTOCOLS": "SSLv3", "GATEWAY_SSL_CIPHER_SUITES": "x"}, []string{"GATEWAY_SSL_ENABLED_PROTOCOLS", "GATEWAY_SSL_CIPHER_SUITES"}},
		{"revocation, no trust store", map[string]string{"GATEWAY_SSL_CLIENT_AUTH": "NONE", "GATEWAY_SSL_TRUST_STORE_PATH": "-", "GATEWAY_SSL_CRL_PATHS": "/c"}, []string{"GATEWAY_SSL_CRL_PATHS"}},
		{"none, no trust store", map[string]string{"GATEWAY_SSL_CLIENT_AUTH": "NONE", "GATEWAY_SSL_TRUST_STORE_PATH": "-"}, nil},
		{"plaintext", map[string]string{"GATEWAY_SECURITY_PROTOCOL": "PLAINTEXT", "GATEWAY_SSL_CLIENT_AUTH": "NONE"}, nil},
		{"plaintext cannot require", map[string]string{"GATEWAY_SECURITY_PROTOCOL": "PLAINTEXT"}, []string{"GATEWAY_SSL_CLIENT_AUTH"}},
		{"nothing set is nothing given", map[string]string{"GATEWAY_SSL_KEY_STORE_PATH": " ", "GATEWAY_SSL_KEY_PASSWORD": ""}, []string{"GATEWAY_SSL_KEY_STORE_PATH", "GATEWAY_SSL_KEY_PASSWORD"}},
		{"PEM needs no passwords", map[string]string{"GATEWAY_SSL_KEY_TYPE": "pem", "GATEWAY_SSL_KEY_STORE_PASSWORD": "-", "GATEWAY_SSL_KEY_PASSWORD": "-"}, nil},
		{"last port", map[string]string{"GATEWAY_PORT_START": "65530", "GATEWAY_PORT_COUNT": "6"}, nil},
		{"beyond the last port", map[string]string{"GATEWAY_PORT_START": "65530", "GATEWAY_PORT_COUNT": "7"}, []string{"GATEWAY_PORT_COUNT"}},
		{"too few ports left for any cluster", map[string]string{"GATEWAY_PORT_START": "65534"}, []string{"GATEWAY_PORT_START"}},
		{"admin port before", map[string]string{"GATEWAY_HTTP_PORT": "6968"}, nil},
		{"admin port among them", map[string]string{"GATEWAY_HTTP_PORT": "6978", "GATEWAY_PORT_COUNT": "10"}, []string{"GATEWAY_HTTP_PORT"}},
		{"admin port behind", map[string]string{"GATEWAY_HTTP_PORT": "6979", "GATEWAY_PORT_COUNT": "10"}, nil},
		{"other interface", map[string]string{"GATEWAY_HTTP_PORT": "6969", "GATEWAY_HTTP_BIND_HOST": "127.0.0.1", "GATEWAY_BIND_HOST": "10.0.0.1"}, nil},
		{"every interface", map[string]string{"GATEWAY_HTTP_PORT": "6969", "GATEWAY_HTTP_BIND_HOST": "127.0.0.1", "GATEWAY_BIND_HOST": "::"}, []string{"GATEWAY_HTTP_PORT"}},
		{"two topics with one name", map[string]string{"GATEWAY_ACLS_TOPIC": "t", "GATEWAY_GROUPS_TOPIC": "t"}, []string{"GATEWAY_GROUPS_TOPIC"}},
		{"another topic's default", map[string]string{"GATEWAY_ACLS_TOPIC": "_conduktor_gateway_groups"}, []string{"GATEWAY_ACLS_TOPIC"}},
		{"its own default", map[string]string{"GATEWAY_ACLS_TOPIC": "_conduktor_gateway_acls"}, nil},
		{"main contradicts", map[string]string{"KAFKA_MAIN_BOOTSTRAP_SERVERS": "other:1"}, []string{"KAFKA_MAIN_BOOTSTRAP_SERVERS"}},
		{"trust store of the system", map[string]string{"KAFKA_SECURITY_PROTOCOL": "SSL"}, nil},
		{"SASL towards brokers without credentials", map[string]string{"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, []string{"KAFKA_SASL_MECHANISM", "KAFKA_SASL_JAAS_CONFIG"}},
		{"OAuth towards brokers without an endpoint", map[string]string{"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "OAUTHBEARER", "KAFKA_SASL_JAAS_CONFIG": "x"}, []string{"KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL"}},
		{"SASL without a way to log in", map[string]string{"GATEWAY_SECURITY_PROTOCOL": "SASL_SSL"}, []string{"GATEWAY_USER_POOL_SECRET_KEY"}},
		{"SASL by OAuth alone", map[string]string{"GATEWAY_SECURITY_PROTOCOL": "SASL_SSL", "GATEWAY_OAUTH_JWKS_URL": "https://i/k"}, nil},
		{"SASL in clear cannot require", map[string]string{"GATEWAY_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "GATEWAY_USER_POOL_SECRET_KEY": testPoolKey}, []string{"GATEWAY_SSL_CLIENT_AUTH"}},
		{"users of brokers without SASL", map[string]string{"GATEWAY_UPSTREAM_IDENTITY": "USER"}, []string{"GATEWAY_UPSTREAM_IDENTITY"}},
		{"certificates without HTTPS", map[string]string{"GATEWAY_HTTPS_CLIENT_AUTH": "REQUIRED"}, []string{"GATEWAY_HTTPS_CLIENT_AUTH"}},
		{"certificates without authorities", map[string]string{"GATEWAY_HTTPS_CLIENT_AUTH": "REQUEST", "GATEWAY_HTTPS_KEY_STORE_PATH": "/k"}, []string{"GATEWAY_HTTPS_TRUST_STORE_PATH"}},
	} {
		_, report := Load(with(c.changes), Options{})
		var got []string
		for _, err := range report.Errors {
			got = append(got, strings.SplitN(err.Error(), ": ", 3)[1])
		}
		if !slices.Equal(got, c.errors) {
			t.Errorf("%s: %v, want errors about %q", c.name, report.Err(), c.errors)
		}
	}
}

// Every line of the table by which protocol and mode follow from what is set.
func TestProtocolAndMode(t *testing.T) {
	t.Parallel()
	const mode, jaas = "GATEWAY_SECURITY_MODE", "KAFKA_SASL_JAAS_CONFIG"
	for _, c := range []struct {
		kafka, protocol, mode string // "" is not set
		want                  string // protocol and mode, or the variable at fault
	}{
		{"PLAINTEXT", "", "", "PLAINTEXT GATEWAY_MANAGED"},
		{"SSL", "", "", "SSL GATEWAY_MANAGED"},
		{"SASL_PLAINTEXT", "", "", "SASL_PLAINTEXT KAFKA_MANAGED"},
		{"SASL_SSL", "", "", "SASL_SSL KAFKA_MANAGED"},
		{"SASL_SSL", "PLAINTEXT", "", "PLAINTEXT GATEWAY_MANAGED"},
		{"SASL_SSL", "SSL", "", "SSL GATEWAY_MANAGED"},
		{"SASL_SSL", "SASL_PLAINTEXT", "", "SASL_PLAINTEXT GATEWAY_MANAGED"},
		{"PLAINTEXT", "SASL_SSL", "", "SASL_SSL GATEWAY_MANAGED"},
		{"SASL_SSL", "DELEGATED_SASL_PLAINTEXT", "", "SASL_PLAINTEXT KAFKA_MANAGED"},
		{"SASL_PLAINTEXT", "delegated_sasl_ssl", "", "SASL_SSL KAFKA_MANAGED"},
		{"SASL_SSL", "", "KAFKA_MANAGED", "SASL_SSL KAFKA_MANAGED"},
		{"SASL_PLAINTEXT", "", "KAFKA_MANAGED", "SASL_PLAINTEXT KAFKA_MANAGED"},
		{"SSL", "", "GATEWAY_MANAGED", "SSL GATEWAY_MANAGED"},
		{"PLAINTEXT", "", "GATEWAY_MANAGED", "PLAINTEXT GATEWAY_MANAGED"},
		{"SASL_SSL", "", "GATEWAY_MANAGED", mode},
		{"PLAINTEXT", "", "KAFKA_MANAGED", mode},
		{"SASL_SSL", "SASL_SSL", "KAFKA_MANAGED", "SASL_SSL KAFKA_MANAGED"},
		{"SASL_SSL", "SASL_SSL", "GATEWAY_MANAGED", "SASL_SSL GATEWAY_MANAGED"},
		{"SASL_SSL", "DELEGATED_SASL_SSL", "KAFKA_MANAGED", "SASL_SSL KAFKA_MANAGED"},
		{"SASL_SSL", "DELEGATED_SASL_SSL", "GATEWAY_MANAGED", mode},
		{"SASL_SSL", "SSL", "KAFKA_MANAGED", mode},
		{"SASL_SSL", "PLAINTEXT", "KAFKA_MANAGED", mode},
		{"PLAINTEXT", "SASL_SSL", "KAFKA_MANAGED", "KAFKA_SECURITY_PROTOCOL"},
		{"SSL", "DELEGATED_SASL_SSL", "", "KAFKA_SECURITY_PROTOCOL"},
	} {
		changes := map[string]string{
			"KAFKA_SECURITY_PROTOCOL": c.kafka, "GATEWAY_SECURITY_PROTOCOL": c.protocol, mode: c.mode, "GATEWAY_SSL_CLIENT_AUTH": "NONE",
			"KAFKA_SASL_MECHANISM": "PLAIN", jaas: "x", "GATEWAY_USER_POOL_SECRET_KEY": testPoolKey,
		}
		cfg, report := Load(with(changes), Options{})
		got := ""
		if cfg != nil {
			got = string(cfg.Listeners[0].Protocol) + " " + string(cfg.Listeners[0].Mode)
		} else if len(report.Errors) == 1 {
			got = strings.SplitN(report.Errors[0].Error(), ": ", 3)[1]
		}
		if got != c.want {
			t.Errorf("Kafka %q, protocol %q, mode %q: %s (%v), want %s", c.kafka, c.protocol, c.mode, got, report.Err(), c.want)
		}
	}
}

// What is wrong with the login module is told by whoever knows, and only where it matters.
func TestJAASIsChecked(t *testing.T) {
	t.Parallel()
	wrong := errors.New("no such module")
	asked := ""
	check := Options{CheckJAAS: func(mechanism, text string) error {
		asked = mechanism + " " + text
		return wrong
	}}
	if _, report := Load(with(kafkaSASL), check); !errors.Is(report.Err(), wrong) || asked != "PLAIN x" {
		t.Errorf("%v, asked %q", report.Err(), asked)
	}
	if _, report := Load(with(map[string]string{"KAFKA_SASL_JAAS_CONFIG": "x"}), check); report.Failed() || len(report.Warnings) != 2 {
		t.Errorf("%v, %q", report.Err(), report.Warnings)
	}
}

func TestProtocolIsTakenOverFromKafka(t *testing.T) {
	t.Parallel()
	c, report := Load(with(map[string]string{"GATEWAY_SECURITY_PROTOCOL": "-", "KAFKA_SECURITY_PROTOCOL": "SSL"}), Options{})
	if c == nil || c.Listeners[0].Protocol != ProtocolSSL {
		t.Errorf("%v", report.Err())
	}
	c, report = Load([]string{"KAFKA_BOOTSTRAP_SERVERS=k:1"}, Options{Hostname: "gateway1"})
	if c == nil || c.Listeners[0].Protocol != ProtocolPlaintext || c.Listeners[0].AdvertisedHost != "gateway1" {
		t.Errorf("%v", report.Err())
	}
	_, report = Load([]string{"KAFKA_BOOTSTRAP_SERVERS=k:1", "KAFKA_SECURITY_PROTOCOL=SSL"}, Options{Hostname: "h"})
	if len(report.Errors) != 3 || !strings.Contains(report.Errors[0].Error(), "taken over from KAFKA_SECURITY_PROTOCOL") {
		t.Errorf("%v", report.Err())
	}
}

func TestKafkaProperties(t *testing.T) {
	t.Parallel()
	c, report := Load(entries(map[string]string{
		"KAFKA_MAIN_BOOTSTRAP_SERVERS":      "k:1",
		"KAFKA_MAIN_GATEWAY_ROLES":          "upstream",
		"KAFKA_MAIN_LINGER_MS":              "5",
		"KAFKA_FAILOVER_BOOTSTRAP_SERVERS":  "k:2",
		"KAFKA_FAILOVER_GATEWAY_ROLES":      "failover",
		"KAFKA_CLUSTERA_BOOTSTRAP_SERVERS":  "k:3",
		"KAFKA_CLUSTERA_SECURITY_PROTOCOL":  "SSL",
		"KAFKA_CLUSTER_B_GATEWAY_ROLES":     "upstream",
		"KAFKA_CLUSTER_B_SSL_KEY_PASSWORD":  "p",
		"KAFKA_MAX_POLL_RECORDS":            "1",
		"KAFKA_SASL_LOGIN_CLASS":            "x",
		"KAFKA_REQEUST_TIMEOUT_MS":          "1",
		"KAFKA_SSL_KEYSTORE_PASSWORD":       "p",
		"KAFKA_CLIENT_ID":                   "gw",
		"KAFKA_SERVICE_HOST":                "10.0.0.1",
		"KAFKA_SERVICE_PORT":                "9092",
		"KAFKA_SERVICE_PORT_BROKER":         "9092",
		"KAFKA_PORT":                        "tcp://10.0.0.1:9092",
		"KAFKA_PORT_9092_TCP":               "tcp://10.0.0.1:9092",
		"KAFKA_PORT_9092_TCP_ADDR":          "10.0.0.1",
		"GATEWAY_PORT":                      "tcp://10.0.0.2:6969",
		"GATEWAY_PORT_6969_TCP_PROTO":       "tcp",
		"GATEWAY_SERVICE_PORT_HTTP":         "8888",
		"GATEWAY_ADMIN_API_USERS":           "[{username: u, password: p}]",
		"PATH":                              "/bin",
		"NOT_OURS":                          "x",
		"KAFKA_METADATA_RECOVERY_STRATEGY":  "",
		"GATEWAY_SSL_UPDATE_CONTEXT_MINUTE": "",
	}), Options{Hostname: "h"})
	if c == nil {
		t.Fatal(report.Err())
	}
	properties := map[string]string{
		"bootstrap.servers": "k:1", "linger.ms": "5", "max.poll.records": "1", "client.id": "gw", "sasl.login.class": "x", "metadata.recovery.strategy": "",
	}
	if !maps.Equal(c.Kafka.Properties, properties) {
		t.Errorf("properties %q, want %q", c.Kafka.Properties, properties)
	}
	idle := []string{
		"KAFKA_CLUSTERA_BOOTSTRAP_SERVERS", "KAFKA_CLUSTERA_SECURITY_PROTOCOL", "KAFKA_CLUSTER_B_GATEWAY_ROLES", "KAFKA_CLUSTER_B_SSL_KEY_PASSWORD",
		"KAFKA_FAILOVER_BOOTSTRAP_SERVERS", "KAFKA_FAILOVER_GATEWAY_ROLES", "KAFKA_LINGER_MS", "KAFKA_MAX_POLL_RECORDS", "KAFKA_SASL_LOGIN_CLASS",
	}
	if !slices.Equal(report.NotApplicable, idle) {
		t.Errorf("not applicable %q, want %q", report.NotApplicable, idle)
	}
	warnings := []string{"KAFKA_REQEUST_TIMEOUT_MS is not known and has no effect; did you mean KAFKA_REQUEST_TIMEOUT_MS?"}
	if !slices.Equal(report.Warnings, warnings) {
		t.Errorf("warnings %q, want %q", report.Warnings, warnings)
	}
	if c.Kafka.KeyPassword.Reveal() != "p" || c.Kafka.KeyPasswordVar != "KAFKA_SSL_KEYSTORE_PASSWORD" {
		t.Error("the key's password does not fall back to the store's")
	}
}

func TestOneLineNamesWhatHasNoEffect(t *testing.T) {
	t.Parallel()
	_, report := Load(with(map[string]string{"GATEWAY_LICENSE_KEY": "x"}), Options{})
	want := "accepted, not applicable to this gateway: GATEWAY_FEATURE_FLAGS_ANALYTICS, GATEWAY_LICENSE_KEY"
	if got := report.NotApplicableLine(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := (&Report{}).NotApplicableLine(); got != "" {
		t.Errorf("%q of nothing", got)
	}
}

func TestANameOfVersion2IsPutRight(t *testing.T) {
	t.Parallel()
	_, report := Load(with(map[string]string{"GATEWAY_START_PORT": "6969"}), Options{})
	if !slices.Contains(report.Warnings, "GATEWAY_START_PORT has no effect: set GATEWAY_PORT_START") {
		t.Errorf("warnings %q", report.Warnings)
	}
}

func TestUnusedStoresAndTheWellKnownAccountAreWarnedAbout(t *testing.T) {
	t.Parallel()
	_, report := Load(with(map[string]string{
		"GATEWAY_SECURITY_PROTOCOL": "PLAINTEXT", "GATEWAY_SSL_CLIENT_AUTH": "-", "KAFKA_SSL_TRUSTSTORE_LOCATION": "/t",
	}), Options{})
	want := []string{
		"KAFKA_SSL_TRUSTSTORE_LOCATION is set and has no effect: the protocol has no TLS (KAFKA_SECURITY_PROTOCOL)",
		"GATEWAY_SSL_KEY_STORE_PATH is set and has no effect: the protocol has no TLS (GATEWAY_SECURITY_PROTOCOL)",
		"GATEWAY_SSL_TRUST_STORE_PATH is set and has no effect: the protocol has no TLS (GATEWAY_SECURITY_PROTOCOL)",
		"GATEWAY_ADMIN_API_USERS is not set: the admin API has the well-known account and password; set it",
	}
	if !slices.Equal(report.Warnings, want) {
		t.Errorf("warnings %q, want %q", report.Warnings, want)
	}
}

// A version that was named and cannot come about is said to; one that was not named is left out in silence.
func TestAProtocolThatIsLeftOutIsWarnedAbout(t *testing.T) {
	t.Parallel()
	changes := map[string]string{"GATEWAY_ADMIN_API_USERS": "[{username: u, password: p}]", "GATEWAY_SSL_CIPHER_SUITES": "TLS_AES_128_GCM_SHA256"}
	c, report := Load(with(changes), Options{})
	if c == nil || len(report.Warnings) > 0 || !slices.Equal(c.Listeners[0].TLS.ProtocolNames(), []string{"TLSv1.3"}) {
		t.Errorf("%v, warnings %q", report.Err(), report.Warnings)
	}
	changes["GATEWAY_SSL_ENABLED_PROTOCOLS"] = "TLSv1.2,TLSv1.3"
	want := []string{"GATEWAY_SSL_ENABLED_PROTOCOLS comes to TLSv1.3: none of GATEWAY_SSL_CIPHER_SUITES and GATEWAY_SSL_NAMED_GROUPS is for the rest"}
	if _, report = Load(with(changes), Options{}); !slices.Equal(report.Warnings, want) {
		t.Errorf("warnings %q, want %q", report.Warnings, want)
	}
}

// An error names the variable, what was set and everything that may be.
func TestTLSNamesAreRefusedInWords(t *testing.T) {
	t.Parallel()
	_, report := Load(with(map[string]string{"GATEWAY_SSL_ENABLED_PROTOCOLS": "TLSv1.2,TLSv1.1"}), Options{})
	want := `config: GATEWAY_SSL_ENABLED_PROTOCOLS: protocol "TLSv1.1" is not supported; allowed: TLSv1.3, TLSv1.2`
	if err := report.Err(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestPrincipalRulesAreCheckedWithAllElse(t *testing.T) {
	t.Parallel()
	bad := errors.New("rule 1: look-around")
	options := Options{CheckPrincipalRules: func(rules string) error {
		if rules != "RULE:(?=x)/y/" {
			t.Errorf("checks %q", rules)
		}
		return bad
	}}
	_, report := Load(with(map[string]string{"GATEWAY_SSL_PRINCIPAL_MAPPING_RULES": "RULE:(?=x)/y/"}), options)
	if err := report.Err(); !errors.Is(err, bad) || err.Error() != "config: GATEWAY_SSL_PRINCIPAL_MAPPING_RULES: rule 1: look-around" {
		t.Errorf("%v", err)
	}
	for _, whole := range []string{"-", "DEFAULT", " "} {
		c, report := Load(with(map[string]string{"GATEWAY_SSL_PRINCIPAL_MAPPING_RULES": whole}), options)
		if c == nil || c.Listeners[0].PrincipalRules != "" {
			t.Errorf("%q: %v", whole, report.Err())
		}
	}
}

func TestTheLaterEntryCounts(t *testing.T) {
	t.Parallel()
	c, report := Load([]string{"KAFKA_BOOTSTRAP_SERVERS=a:1", "GATEWAY_CLUSTER_ID=a", "GATEWAY_CLUSTER_ID=b", "=x", "no equals sign"}, Options{Hostname: "h"})
	if c == nil || c.ClusterID != "b" {
		t.Errorf("%v", report.Err())
	}
}
