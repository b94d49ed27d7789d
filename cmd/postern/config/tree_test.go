package config

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

var update = flag.Bool("update", false, "write the golden files, docs/variables.md and the table in README.md again")

func treeOf(t *testing.T, c *Config) string {
	t.Helper()
	var out strings.Builder
	if err := c.WriteTree(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// golden compares with a file, or writes it again.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of step with the code (-update writes it again); it should be:\n%s", path, got)
	}
}

func TestTreeOfTheDemo(t *testing.T) {
	t.Parallel()
	c, report := Load(entries(demoEnvironment()), Options{Hostname: "gateway1"})
	if report.Failed() {
		t.Fatal(report.Err())
	}
	golden(t, filepath.Join("testdata", "demo_tree.yaml"), []byte(treeOf(t, c)))
}

// The original's users look for their values at these paths.
func TestTreeHasTheKnownPaths(t *testing.T) {
	t.Parallel()
	c, report := Load(entries(demoEnvironment()), Options{})
	if report.Failed() {
		t.Fatal(report.Err())
	}
	tree := treeOf(t, c)
	for path, want := range map[string]string{
		"$.gatewayClusterId":                                         "gateway",
		"$.routing":                                                  "port",
		"$.hostPortConfiguration.advertisedHost":                     "localhost",
		"$.hostPortConfiguration.portStart":                          "6969",
		"$.authenticationConfig.securityProtocol":                    "SSL",
		"$.authenticationConfig.sslConfig.keyStore.keyStorePath":     "/config/keystore.jks",
		"$.authenticationConfig.sslConfig.keyStore.keyStorePassword": Mask,
		"$.authenticationConfig.sslConfig.keyStore.keyPassword":      Mask,
		"$.authenticationConfig.sslConfig.keyStore.keyStoreType":     "pkcs12",
	} {
		at, err := yaml.PathString(path)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := at.Read(strings.NewReader(tree), &got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", path, got, err, want)
		}
	}
	for name, row := range table {
		leaf := row.Path[strings.LastIndexByte(row.Path, '.')+1:]
		if strings.HasPrefix(row.Path, "authenticationConfig.") && !strings.Contains(tree, leaf+":") {
			t.Errorf("%s: an error would point at %s, which the tree does not have", name, row.Path)
		}
	}
}

// Whatever stands in a value, the tree is YAML that gives it back.
func TestTreeQuotesValues(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"a: b", "- x", "# no", "'q\"", "{", "~", "true", "0123", "tab\there", "\x01\x7f", "é", "x\ny: z", "%TAG", "@a", "`b`"} {
		env := demoEnvironment()
		env["KAFKA_CLIENT_RACK"], env["GATEWAY_SSL_KEY_STORE_PATH"] = value, "/"+value+"/"
		c, report := Load(entries(env), Options{})
		if report.Failed() {
			t.Fatal(report.Err())
		}
		var tree struct {
			Authentication struct {
				SSL struct {
					KeyStore struct {
						Path string `yaml:"keyStorePath"`
					} `yaml:"keyStore"`
				} `yaml:"sslConfig"`
			} `yaml:"authenticationConfig"`
			Kafka struct {
				Properties map[string]string `yaml:"properties"`
			} `yaml:"kafka"`
		}
		if err := yaml.Unmarshal([]byte(treeOf(t, c)), &tree); err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		if got := tree.Kafka.Properties["client.rack"]; got != value {
			t.Errorf("%q came back as %q", value, got)
		}
		if got := tree.Authentication.SSL.KeyStore.Path; got != "/"+value+"/" {
			t.Errorf("a path with %q came back as %q", value, got)
		}
	}
}
