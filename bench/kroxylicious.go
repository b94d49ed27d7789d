package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

const (
	kroxyliciousVersion = "0.12.0"
	// kroxyliciousHeapMB is its heap.
	kroxyliciousHeapMB = 512
	// compileWithin bounds the fetching of its jars and the compiling of its starter.
	compileWithin = 5 * time.Minute
)

// kroxyliciousStarter starts it: its distribution is not published to Maven, only
// the runtime that does everything.
//
//go:embed kroxylicious/Launch.java
var kroxyliciousStarter []byte

// newKroxylicious is Kroxylicious without filters, in front of the plaintext
// listener: it rewrites the addresses in answers itself.
func (s *stage) newKroxylicious() (*peer, error) {
	classes, err := s.compileKroxylicious()
	if err != nil {
		return nil, err
	}
	return &peer{
		name:     kroxylicious,
		version:  "Kroxylicious " + kroxyliciousVersion,
		addr:     func(front) string { return s.addr(portKroxylicious) },
		fit:      same,
		compiles: true,
		launch: func(f front, log io.Writer) (*kafkatest.Process, error) {
			conf := filepath.Join(s.dir, "kroxylicious.yaml")
			if err := os.WriteFile(conf, []byte(s.kroxyliciousConf(f)), 0o600); err != nil {
				return nil, err
			}
			return kafkatest.StartProcess(log, s.dir, nil, "java", fmt.Sprintf("-Xmx%dm", kroxyliciousHeapMB),
				"-XX:ActiveProcessorCount="+strconv.Itoa(s.options.Threads), "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
				"-cp", classes, "Launch", conf)
		},
	}, nil
}

// compileKroxylicious makes what is needed to run it and returns the class path.
func (s *stage) compileKroxylicious() (string, error) {
	for _, tool := range []string{"java", "javac"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("bench: kroxylicious: %w: %w", errAbsent, err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), compileWithin)
	defer cancel()
	jars, err := kafkatest.MavenJars(ctx, kroxylicious+"-"+kroxyliciousVersion,
		"io.kroxylicious:kroxylicious-runtime:"+kroxyliciousVersion, "org.slf4j:slf4j-simple:2.0.17")
	if err != nil {
		return "", fmt.Errorf("bench: kroxylicious: %w: %w", errAbsent, err)
	}
	dir := filepath.Join(s.dir, kroxylicious)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", fmt.Errorf("bench: kroxylicious: %w", err)
	}
	source := filepath.Join(dir, "Launch.java")
	if err := os.WriteFile(source, kroxyliciousStarter, 0o600); err != nil {
		return "", fmt.Errorf("bench: kroxylicious: %w", err)
	}
	classes := filepath.Join(jars, "*") + string(os.PathListSeparator) + dir
	if out, err := exec.CommandContext(ctx, "javac", "-cp", classes, "-d", dir, source).CombinedOutput(); err != nil {
		return "", fmt.Errorf("bench: kroxylicious: javac: %w\n%s", err, out)
	}
	return classes, nil
}

// kroxyliciousConf is its whole configuration: TLS on nginx's terms, as far as
// Java lets it be told.
func (s *stage) kroxyliciousConf(f front) string {
	backend := f.backend
	if backend == "" {
		backend = s.broker.Addr()
	}
	host, port, err := net.SplitHostPort(s.addr(portKroxylicious))
	if err != nil {
		return "" // the address is our own
	}
	conf := fmt.Sprintf(`virtualClusters:
  - name: bench
    targetCluster:
      bootstrapServers: %s
    gateways:
      - name: bench
        portIdentifiesNode:
          bootstrapAddress: %s:%s
          advertisedBrokerAddressPattern: %s
`, backend, host, port, host)
	if f.plain {
		return conf
	}
	c := s.certs[f.key].server
	return conf + fmt.Sprintf(`        tls:
          protocols: {allowed: [TLSv1.3]}
          cipherSuites: {allowed: [TLS_AES_128_GCM_SHA256]}
          key: {storeFile: %q, storeType: PKCS12, storePassword: {password: %q}}
          trust:
            storeFile: %q
            storeType: PKCS12
            storePassword: {password: %q}
            trustOptions: {clientAuth: REQUIRED}
`, c.KeyStore, certs.Password, c.TrustStore, certs.Password)
}
