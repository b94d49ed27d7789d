package config

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestSecretIsNeverShown(t *testing.T) {
	t.Parallel()
	type hidden struct{ inner Secret }
	s := NewSecret("hunter2")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p", "%T"} {
		for _, value := range []any{s, &s, hidden{s}, &hidden{s}, []Secret{s}, map[string]Secret{"k": s}} {
			if out := fmt.Sprintf(verb, value); leaks(out, "hunter2") {
				t.Errorf("%s of %T: %s", verb, value, out)
			}
		}
	}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("x", "secret", s, "in a group", slog.GroupValue(slog.Any("s", &s)))
	}
	if leaks(log.String(), "hunter2") || strings.Count(log.String(), Mask) != 4 {
		t.Error(log.String())
	}
	if s.Reveal() != "hunter2" || !s.IsSet() || (Secret{}).IsSet() || (Secret{}).Reveal() != "" || (Secret{}).String() != "" {
		t.Error("a secret does not give back what it holds")
	}
}

// leaks looks for a text as it is and as hexadecimal digits.
func leaks(out, secret string) bool {
	return strings.Contains(out, secret) || strings.Contains(strings.ToLower(out), fmt.Sprintf("%x", secret))
}

// Every secret variable gets a value of its own, in environments that work and that do not; none shows anywhere.
func TestNoOutputHoldsASecret(t *testing.T) {
	t.Parallel()
	env := demoEnvironment()
	env["KAFKA_SASL_JAAS_CONFIG"] = "sEcReT-jaas"
	env["KAFKA_SASL_OAUTHBEARER_CLIENT_CREDENTIALS_CLIENT_SECRET"] = "sEcReT-client"
	env["KAFKA_SASL_JAS_CONFIG"] = "sEcReT-misspelt"
	env["KAFKA_FAILOVER_SSL_KEY_PASSWORD"] = "sEcReT-failover"
	env["GATEWAY_SSL_KEY_PASWORD"] = "sEcReT-misspelt-too"
	env["KAFKA_SECURITY_PROTOCOL"] = "SSL"
	env["KAFKA_SSL_KEYSTORE_LOCATION"] = "/k"
	for name, row := range table {
		if row.Secret && row.Status != refused {
			env[name] = "sEcReT-" + name
		}
	}
	env["GATEWAY_USER_POOL_SECRET_KEY"] = base64.StdEncoding.EncodeToString([]byte("sEcReT-of-the-users-tokens, 32 bytes and more"))
	env["KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL"] = "https://user:sEcReT-endpoint@issuer/token"
	env["GATEWAY_OAUTH_JWKS_URL"] = "https://user:sEcReT-url@issuer/keys"
	env["GATEWAY_SSL_EXTRA_KEY_STORES"] = "[{path: /k2, password: sEcReT-store, keyPassword: sEcReT-key}, {path: /k3, password: sEcReT-both}]"
	for label, users := range map[string]string{
		"good":          `[{username: u, password: sEcReT-admin}]`,
		"broken flow":   `[{username: u, password: sEcReT-admin`,
		"lost colon":    `[{username: u, sEcReT-admin}]`,
		"lost colon 2":  "- username: u\n  password sEcReT-admin",
		"wrong type":    `[{username: u, password: [sEcReT-admin]}]`,
		"wrong bool":    `[{username: u, password: p, admin: sEcReT-admin}]`,
		"plain text":    `sEcReT-admin`,
		"control":       "[{username: \"sEcReT-admin\x01\", password: x}]",
		"bad indent":    "- username: u\n   password: sEcReT-admin\n  x",
		"anchors":       `[{username: u, password: &sEcReT-admin x}]`,
		"tag":           `[{username: u, password: !sEcReT-admin x}]`,
		"twice":         `[{username: u, password: sEcReT-admin, password: sEcReT-admin}]`,
		"two documents": "sEcReT-admin\n---\nsEcReT-admin",
	} {
		env["GATEWAY_ADMIN_API_USERS"] = users
		c, report := Load(entries(env), Options{})
		if (c != nil) != (label == "good") {
			t.Errorf("%s: %v", label, report.Err())
		}
		scan(t, label, c, report)
	}
	env["GATEWAY_ADMIN_API_USERS"] = `[{username: u, password: sEcReT-admin}]`
	for _, stores := range []string{
		"sEcReT-store", "[{path: /k2, sEcReT-store}]", "[{path: /k2, password: [sEcReT-store]}]", "[{path: /k2, sEcReT-store: x}]", "[{path: /k2, type: sEcReT-store}]",
		"[{path: /k2, password: sEcReT-store, password: sEcReT-store}]", "[{path: /k2, password: sEcReT-store", "[{password: sEcReT-store}]",
	} {
		env["GATEWAY_USER_POOL_SECRET_KEY"] = base64.StdEncoding.EncodeToString([]byte("sEcReT-of-the-users-tokens, 32 bytes and more"))
		env["KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL"] = "https://user:sEcReT-endpoint@issuer/token"
		env["GATEWAY_OAUTH_JWKS_URL"] = "https://user:sEcReT-url@issuer/keys"
		env["GATEWAY_SSL_EXTRA_KEY_STORES"] = stores
		c, report := Load(entries(env), Options{})
		if c != nil {
			t.Errorf("%s is accepted", stores)
		}
		scan(t, stores, c, report)
	}
	env["GATEWAY_USER_POOL_SECRET_KEY"] = base64.StdEncoding.EncodeToString([]byte("sEcReT-of-the-users-tokens, 32 bytes and more"))
	env["KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL"] = "https://user:sEcReT-endpoint@issuer/token"
	env["GATEWAY_OAUTH_JWKS_URL"] = "https://user:sEcReT-url@issuer/keys"
	env["GATEWAY_SSL_EXTRA_KEY_STORES"] = "[{path: /k2, password: sEcReT-store}]"
	for name, row := range table {
		if row.Secret && row.Status == refused {
			env[name] = "sEcReT-" + name
		}
	}
	c, report := Load(entries(env), Options{})
	scan(t, "refused", c, report)
	for _, file := range []string{"GATEWAY_SSL_KEY_PASSWORD=sEcReT-`x`", "GATEWAY_SSL_KEY_PASSWORD=x sEcReT", "sEcReT", "a='sEcReT", "a=b sEcReT=x|y"} {
		env["GATEWAY_ENV_FILE"] = "/env"
		c, report := Load(entries(env), Options{ReadFile: func(string) ([]byte, error) { return []byte(file), nil }})
		scan(t, file, c, report)
	}
}

// scan writes a configuration and a report in every way there is and looks for secrets.
func scan(t *testing.T, label string, c *Config, report *Report) {
	t.Helper()
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v\n%+v\n%#v\n%s\n", report, report, report, report.NotApplicableLine())
	for _, err := range report.Errors {
		fmt.Fprintf(&out, "%v %+v %#v\n", err, err, err)
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("x", "config", c, "report", report)
	}
	if c != nil {
		fmt.Fprintf(&out, "%v\n%+v\n%#v\n%s\n", *c, *c, *c, treeOf(t, c))
		for _, marshal := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal} {
			text, err := marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(text)
		}
		if got := c.Listeners[0].KeyPassword.Reveal(); !strings.HasPrefix(got, "sEcReT-") {
			t.Errorf("%s: the secrets were not read, so that nothing was looked for", label)
		}
	}
	if leaks(out.String(), "sEcReT") {
		at := strings.Index(out.String(), "sEcReT")
		t.Errorf("%s: a secret shows: …%s", label, out.String()[max(0, at-80):min(out.Len(), at+40)])
	}
}
