package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// newPostern is the gateway, configured by its environment alone, as its users
// do.
func (s *stage) newPostern() (*peer, error) {
	binary, err := filepath.Abs(s.options.posternPath)
	if err != nil {
		return nil, fmt.Errorf("bench: postern: %w", err)
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("bench: postern: %w: %w", errAbsent, err)
	}
	version, err := posternVersion(binary)
	if err != nil {
		return nil, err
	}
	api := "http://" + s.addr(portHTTP)
	p := &peer{
		name:    postern,
		version: version,
		addr:    func(front) string { return s.addr(portGateway) },
		fit:     same,
		launch: func(f front, log io.Writer) (*kafkatest.Process, error) {
			return kafkatest.StartProcess(log, s.dir, s.posternEnv(f), binary)
		},
	}
	p.ready = func(ctx context.Context) error {
		if err := askReady(ctx, api+"/health/ready"); err != nil || !p.front.sasl {
			return err
		}
		return s.accounts.putAccount(ctx, api)
	}
	return p, nil
}

// posternEnv is the gateway's whole environment.
func (s *stage) posternEnv(f front) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"),
		"KAFKA_SECURITY_PROTOCOL=PLAINTEXT",
		"GATEWAY_BIND_HOST=" + loopback,
		"GATEWAY_ADVERTISED_HOST=" + loopback,
		"GATEWAY_PORT_START=" + strconv.Itoa(s.ports.First+portGateway),
		"GATEWAY_MIN_BROKERID=1",
		"GATEWAY_HTTP_PORT=" + strconv.Itoa(s.ports.First+portHTTP),
		"GATEWAY_SECURED_METRICS=false",
		"GATEWAY_DOWNSTREAM_THREAD=" + strconv.Itoa(s.options.Threads),
		"GATEWAY_MAX_CONNECTIONS=" + strconv.Itoa(maxConnections()),
	}
	return append(env, append(s.posternBackend(f), s.posternTLS(f)...)...)
}

// posternBackend says where Kafka and the gateway's state are. A scripted broker
// stores nothing.
func (s *stage) posternBackend(f front) []string {
	if f.backend != "" {
		return []string{"KAFKA_BOOTSTRAP_SERVERS=" + f.backend, "GATEWAY_STORAGE_TYPE=IN_MEMORY"}
	}
	env := []string{"KAFKA_BOOTSTRAP_SERVERS=" + s.broker.Addr(), "GATEWAY_TOPIC_STORE_KCACHE_REPLICATION_FACTOR=1"}
	if f.cluster != "" {
		env = append(env, "GATEWAY_CLUSTER_ID="+f.cluster)
	}
	return env
}

// posternTLS says how clients are met. The gateway gives tickets to whoever asks
// for them; the load asks only where they are wanted.
func (s *stage) posternTLS(f front) []string {
	if f.sasl {
		return s.accounts.gatewayEnv()
	}
	if f.plain {
		return []string{"GATEWAY_SECURITY_PROTOCOL=PLAINTEXT"}
	}
	server := s.certs[f.key].server
	return []string{
		"GATEWAY_SECURITY_PROTOCOL=SSL",
		"GATEWAY_SSL_CLIENT_AUTH=REQUIRE",
		"GATEWAY_SSL_KEY_TYPE=pkcs12",
		"GATEWAY_SSL_KEY_STORE_PATH=" + server.KeyStore,
		"GATEWAY_SSL_KEY_STORE_PASSWORD=" + certs.Password,
		"GATEWAY_SSL_KEY_PASSWORD=" + certs.Password,
		"GATEWAY_SSL_TRUST_STORE_TYPE=pkcs12",
		"GATEWAY_SSL_TRUST_STORE_PATH=" + server.TrustStore,
		"GATEWAY_SSL_TRUST_STORE_PASSWORD=" + certs.Password,
	}
}

// posternVersion is what the binary says of itself.
func posternVersion(binary string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return "", fmt.Errorf("bench: postern: version: %w", err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return first, nil
}

// askReady wants status 200.
func askReady(ctx context.Context, url string) error {
	_, err := ask(ctx, url)
	return err
}

// ask is the answer to a GET, whose status is 200.
func ask(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	return answerOf(request)
}

// answerOf is the answer to a request, whose status is 200.
func answerOf(request *http.Request) (string, error) {
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s: %s", request.URL, answer.Status, text)
	}
	return string(text), nil
}

// metrics are all that the gateway has.
func (s *stage) metrics(ctx context.Context) (string, error) {
	text, err := ask(ctx, "http://"+s.addr(portHTTP)+"/metrics")
	if err != nil {
		return "", fmt.Errorf("bench: postern: %w", err)
	}
	return text, nil
}

// sample is one of the gateway's metrics by its name, labels and all.
func (s *stage) sample(ctx context.Context, name string) (float64, error) {
	text, err := s.metrics(ctx)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("bench: postern: there is no %s among its metrics", name)
}
