package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// demoFolder holds what a reader of the demo downloads.
const demoFolder = "../docs/demo"

// composeService is what the test needs to know of a service.
type composeService struct {
	Image       string            `yaml:"image"`
	Environment map[string]string `yaml:"environment"`
	Ports       []string          `yaml:"ports"`
	Volumes     []struct {
		Type, Source, Target string
	} `yaml:"volumes"`
}

// readCompose reads the demo's compose file.
func readCompose(t *testing.T) map[string]composeService {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(demoFolder, "docker-compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]composeService `yaml:"services"`
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	return file.Services
}

// composeEnvironment is the environment that the compose file gives a gateway,
// with what Docker stands for translated and nothing else: the mounted folder
// is dir, the names of the brokers are addresses of this machine. (The
// published ports are the third; newGateway sets them.)
func composeEnvironment(t *testing.T, s *stage, service, dir string) map[string]string {
	t.Helper()
	gateway, ok := readCompose(t)[service]
	if !ok {
		t.Fatalf("docker-compose.yaml has no service %s", service)
	}
	var pairs []string
	for _, v := range gateway.Volumes {
		if v.Type == "bind" && v.Source == "." {
			pairs = append(pairs, v.Target+"/", dir+"/")
		}
	}
	for _, b := range s.cluster.Brokers() {
		pairs = append(pairs, fmt.Sprintf("kafka%d:29092", b.ID), b.Addr())
	}
	translate := strings.NewReplacer(pairs...)
	env := map[string]string{}
	for key, value := range gateway.Environment {
		env[key] = translate.Replace(value)
		if strings.Contains(env[key], "kafka1") || strings.HasPrefix(env[key], "/config") {
			t.Errorf("%s: %s=%s names what only exists in Docker", service, key, value)
		}
	}
	return env
}

// The published ports are the ones that the demo's command lines name, and the
// defaults of the program open them: the file names no port variable.
func TestComposePublishesTheDefaultPorts(t *testing.T) {
	services := readCompose(t)
	for name, published := range map[string][]string{
		"gateway1": {"6969:6969", "6970:6970", "6971:6971", "6972:6972", "8888:8888"},
		"gateway2": {"7969:6969", "7970:6970", "7971:6971", "7972:6972", "8889:8888"},
	} {
		service := services[name]
		if !slices.Equal(service.Ports, published) {
			t.Errorf("%s publishes %v, want %v", name, service.Ports, published)
		}
		for _, variable := range []string{"GATEWAY_PORT_START", "GATEWAY_PORT_COUNT", "GATEWAY_HTTP_PORT"} {
			if value, ok := service.Environment[variable]; ok {
				t.Errorf("%s sets %s=%s; the demo relies on the default", name, variable, value)
			}
		}
	}
}
