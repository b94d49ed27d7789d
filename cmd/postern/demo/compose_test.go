package demo

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/postern-kafka/postern/cmd/postern/config"
)

const composeFolder = "../../../docs/demo"

// composeFile is what of a compose file concerns the gateways.
type composeFile struct {
	Services map[string]struct {
		Image       string         `yaml:"image"`
		Environment map[string]any `yaml:"environment"`
		Ports       []string       `yaml:"ports"`
		HealthCheck struct {
			Test any `yaml:"test"`
		} `yaml:"healthcheck"`
		Volumes []struct {
			Source   string `yaml:"source"`
			Target   string `yaml:"target"`
			ReadOnly bool   `yaml:"read_only"`
		} `yaml:"volumes"`
	} `yaml:"services"`
}

func readCompose(t *testing.T) composeFile {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(composeFolder, "docker-compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var c composeFile
	if err := yaml.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// environ is the environment of a service as Docker hands it to the process.
func (c composeFile) environ(service string) []string {
	var env []string
	for name, value := range c.Services[service].Environment {
		env = append(env, fmt.Sprintf("%s=%v", name, value))
	}
	slices.Sort(env)
	return env
}

// TestComposeGateways wants the gateways of docs/demo as the founding demo has
// them: ports, mounts, our image, and a check that needs no shell.
func TestComposeGateways(t *testing.T) {
	c := readCompose(t)
	services := slices.Sorted(maps.Keys(c.Services))
	if got := strings.Join(services, " "); got != "gateway1 gateway2 kafka-client kafka1 kafka2 kafka3 schema-registry" {
		t.Errorf("services: %s", got)
	}
	for name, ports := range map[string]string{
		"gateway1": "6969:6969 6970:6970 6971:6971 6972:6972 8888:8888",
		"gateway2": "7969:6969 7970:6970 7971:6971 7972:6972 8889:8888",
	} {
		g := c.Services[name]
		if got := strings.Join(g.Ports, " "); got != ports {
			t.Errorf("%s: ports %s, want %s", name, got, ports)
		}
		if g.Image != "postern/postern:latest" {
			t.Errorf("%s: image %s", name, g.Image)
		}
		if got := fmt.Sprint(g.HealthCheck.Test); got != "[CMD /postern health]" {
			t.Errorf("%s: health check %s", name, got)
		}
		if len(g.Volumes) != 1 || g.Volumes[0].Source != "." || g.Volumes[0].Target != "/config" || !g.Volumes[0].ReadOnly {
			t.Errorf("%s: volumes %+v", name, g.Volumes)
		}
	}
}

// TestComposeEnvironments wants both environments of the compose file to be
// read without an error or a warning about a name, and the demo's to have the
// same variables with the same values, where these are not this machine's.
func TestComposeEnvironments(t *testing.T) {
	c := readCompose(t)
	for _, service := range []string{"gateway1", "gateway2"} {
		cfg, report := config.Load(c.environ(service), config.Options{Hostname: service})
		if report.Failed() {
			t.Fatalf("%s: %v", service, report.Err())
		}
		for _, w := range report.Warnings {
			if !strings.Contains(w, "GATEWAY_ADMIN_API_USERS") {
				t.Errorf("%s: %s", service, w)
			}
		}
		if l := cfg.Listeners[0]; len(cfg.Listeners) != 1 || l.PortStart != 6969 || l.ClientAuth != config.ClientAuthRequire || l.AdvertisedHost != "localhost" {
			t.Errorf("%s: listeners %+v", service, cfg.Listeners)
		}
	}

	local := map[string]bool{"KAFKA_BOOTSTRAP_SERVERS": true, "GATEWAY_SSL_KEY_STORE_PATH": true, "GATEWAY_SSL_TRUST_STORE_PATH": true}
	ours := make(map[string]string)
	for _, e := range gatewayEnviron(Options{}.withDefaults(), folder("/demo")) {
		name, value, _ := strings.Cut(e, "=")
		ours[name] = value
	}
	for name, value := range c.Services["gateway1"].Environment {
		got, there := ours[name]
		if !there || !local[name] && got != fmt.Sprint(value) {
			t.Errorf("%s is %q in the demo, %v in the compose file", name, got, value)
		}
		delete(ours, name)
	}
	delete(ours, "GATEWAY_BIND_HOST")
	if len(ours) > 0 {
		t.Errorf("the demo sets more than the compose file and GATEWAY_BIND_HOST: %v", ours)
	}
}

// TestComposeFilesOfTheFolder wants the two files beside the compose file to
// be those `postern demo` writes.
func TestComposeFilesOfTheFolder(t *testing.T) {
	for name, want := range map[string]string{fileOpenSSLConfig: openSSLConfig, fileMapping: mappingBody} {
		if got, err := os.ReadFile(filepath.Join(composeFolder, name)); err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
}

// TestComposeConfig asks Docker Compose itself; `config` needs no engine.
func TestComposeConfig(t *testing.T) {
	docker, err := exec.LookPath("docker")
	if err == nil {
		err = exec.CommandContext(t.Context(), docker, "compose", "version").Run()
	}
	if err != nil {
		t.Skipf("left out: Docker Compose is not installed, so only our own reading of the file was tested (%v)", err)
	}
	cmd := exec.CommandContext(t.Context(), docker, "compose", "config", "--quiet")
	cmd.Dir = composeFolder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
