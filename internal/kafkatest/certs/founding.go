package certs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// opensslConfig is what the command below calls openssl.config: one section
// that puts the names of this machine into the certificate.
const opensslConfig = `[req]
distinguished_name = dn
[dn]
[san]
subjectAltName = DNS:localhost,DNS:host.docker.internal
`

// foundingCommands are the demo's, character for character but for the shell's
// line breaks; RSA 4096 included.
const foundingCommands = `
rm -f *jks *key *p12 *crt

openssl req \
  -x509 \
  -newkey rsa:4096 \
  -sha256 \
  -days 3560 \
  -nodes \
  -keyout san.key \
  -out san.crt \
  -subj '/CN=username' \
  -extensions san \
  -config openssl.config

  openssl pkcs12 \
    -export \
    -in san.crt \
    -inkey san.key \
    -name brokers \
    -out san.p12 \
    -password "pass:123456"

  keytool \
    -noprompt \
    -alias brokers \
    -importkeystore \
    -deststorepass 123456 \
    -destkeystore keystore.jks \
    -srckeystore san.p12 \
    -srcstoretype PKCS12 \
    -srcstorepass 123456

  keytool \
    -noprompt \
    -import \
    -alias brokers \
    -file san.crt \
    -keypass 123456 \
    -destkeystore truststore.jks \
    -storepass 123456
`

// FoundingDemo fills dir with what the mTLS demo generates: san.crt, san.key,
// san.p12, keystore.jks and truststore.jks (both PKCS12 inside, as a modern
// keytool writes them), and client.config for bootstrap. The one self-signed
// certificate, CN=username, serves both ends. It needs openssl, keytool and sh.
func FoundingDemo(ctx context.Context, dir, bootstrap string) error {
	for _, tool := range []string{"openssl", "keytool", "sh"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("certs: founding demo: %w", err)
		}
	}
	config := filepath.Join(dir, "openssl.config")
	if _, err := os.Stat(config); os.IsNotExist(err) {
		if err := os.WriteFile(config, []byte(opensslConfig), 0o600); err != nil {
			return fmt.Errorf("certs: founding demo: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, "sh", "-e", "-c", foundingCommands)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("certs: founding demo: %w\n%s", err, out)
	}
	text := fmt.Sprintf(`
bootstrap.servers=%s
security.protocol=SSL
ssl.truststore.location=%[2]s/truststore.jks
ssl.truststore.password=123456
ssl.keystore.location=%[2]s/keystore.jks
ssl.keystore.password=123456
`, bootstrap, dir)
	if err := os.WriteFile(filepath.Join(dir, "client.config"), []byte(text), 0o600); err != nil {
		return fmt.Errorf("certs: founding demo: %w", err)
	}
	return nil
}
