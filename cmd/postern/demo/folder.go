package demo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The files of the folder. The first six carry the founding demo's names; as
// with today's keytool, the two called .jks are PKCS12 inside.
const (
	fileKey           = "san.key"
	fileCertificate   = "san.crt"
	filePKCS12        = "san.p12"
	fileKeyStore      = "keystore.jks"
	fileTrustStore    = "truststore.jks"
	fileClientConfig  = "client.config"
	fileRealJKSKeys   = "keystore-format-jks.jks"
	fileRealJKSTrust  = "truststore-format-jks.jks"
	fileClientJKS     = "client-format-jks.config"
	fileKcatConfig    = "kcat.config"
	fileOpenSSLConfig = "openssl.config"
	fileMapping       = "step-06-user-mapping.json"
	fileGatewayEnv    = "gateway.env"
	fileGatewayLog    = "gateway.log"
)

// mappingBody is the founding demo's step-06-user-mapping.json.
const mappingBody = "{\n  \"username\" : \"" + principal + "\"\n}\n"

// openSSLConfig is the file the founding demo gives to `openssl req`; it is
// here so that its certificate commands work in the folder.
const openSSLConfig = `[req]
distinguished_name = req

[san]
subjectAltName = DNS:localhost,DNS:host.docker.internal,IP:127.0.0.1
`

// folder is where the demo keeps its files; an absolute path.
type folder string

// path returns the absolute path of one of the files.
func (f folder) path(name string) string { return filepath.Join(string(f), name) }

// fill makes the folder and writes every file of the demo into it, over those
// of an earlier run: id in all its formats, the clients' configuration for a
// gateway at bootstrap (host:port), and the gateway's environment.
func (f folder) fill(id *identity, now time.Time, bootstrap string, environ []string) error {
	files, err := certificateFiles(id, now)
	if err != nil {
		return err
	}
	files[fileClientConfig] = []byte(f.javaConfig(bootstrap, fileTrustStore, fileKeyStore))
	files[fileClientJKS] = []byte(f.javaConfig(bootstrap, fileRealJKSTrust, fileRealJKSKeys))
	files[fileKcatConfig] = []byte(f.kcatConfig(bootstrap))
	files[fileOpenSSLConfig] = []byte(openSSLConfig)
	files[fileMapping] = []byte(mappingBody)
	files[fileGatewayEnv] = []byte(envFile(environ))

	if err := os.MkdirAll(string(f), 0o755); err != nil {
		return fmt.Errorf("demo: folder (--dir): %w", err)
	}
	for name, content := range files {
		// The files that hold the key are for their owner; an earlier run's
		// file keeps its mode, so it is removed first.
		if err := os.Remove(f.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("demo: folder (--dir): %w", err)
		}
		if err := os.WriteFile(f.path(name), content, 0o600); err != nil {
			return fmt.Errorf("demo: folder (--dir): %w", err)
		}
	}
	return nil
}

// certificateFiles returns id in every format, by file name.
func certificateFiles(id *identity, now time.Time) (map[string][]byte, error) {
	key, err := id.pemKey()
	if err != nil {
		return nil, err
	}
	p12, err := id.pkcs12KeyStore()
	if err != nil {
		return nil, err
	}
	trust, err := id.pkcs12TrustStore()
	if err != nil {
		return nil, err
	}
	jks, err := id.jksKeyStore(now)
	if err != nil {
		return nil, err
	}
	jksTrust, err := id.jksTrustStore(now)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		fileKey:          key,
		fileCertificate:  id.pemCertificate(),
		filePKCS12:       p12,
		fileKeyStore:     p12,
		fileTrustStore:   trust,
		fileRealJKSKeys:  jks,
		fileRealJKSTrust: jksTrust,
	}, nil
}

// javaConfig returns the founding demo's client.config for two of the stores.
func (f folder) javaConfig(bootstrap, trustStore, keyStore string) string {
	return properties([][2]string{
		{"bootstrap.servers", bootstrap},
		{"security.protocol", "SSL"},
		{"ssl.truststore.location", f.path(trustStore)},
		{"ssl.truststore.password", storePassword},
		{"ssl.keystore.location", f.path(keyStore)},
		{"ssl.keystore.password", storePassword},
	})
}

// kcatConfig returns the same for kcat and everything else on librdkafka.
func (f folder) kcatConfig(bootstrap string) string {
	return properties([][2]string{
		{"bootstrap.servers", bootstrap},
		{"security.protocol", "ssl"},
		{"ssl.ca.location", f.path(fileCertificate)},
		{"ssl.certificate.location", f.path(fileCertificate)},
		{"ssl.key.location", f.path(fileKey)},
	})
}

func properties(pairs [][2]string) string {
	var b strings.Builder
	for _, p := range pairs {
		b.WriteString(p[0] + "=" + p[1] + "\n")
	}
	return b.String()
}
