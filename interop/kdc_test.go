package interop

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

// realm is that of all principals, and everybody's default.
const realm = "POSTERN.TEST"

// kerby is Apache's key distribution centre.
var kerby = mavenJars("kerby-2.1.0", "org.apache.kerby:kerb-simplekdc:2.1.0", "org.slf4j:slf4j-simple:1.7.36")

var kdcClasses = javaClasses("Kdc", kerby)

// kdc is a key distribution centre that runs, and the keytabs of its principals.
type kdc struct {
	dir    string
	config string // krb5.conf
}

// startKDC runs one until the test ends and returns when it listens.
func startKDC(t *testing.T, principals ...string) *kdc {
	t.Helper()
	ports, err := kafkatest.ReservePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	k := &kdc{dir: t.TempDir()}
	k.config = filepath.Join(k.dir, "krb5.conf")
	address := net.JoinHostPort("127.0.0.1", port(ports.First))
	// By TCP alone: a datagram that is lost would be a pause of many seconds.
	writeFile(t, k.config, fmt.Sprintf(`[libdefaults]
default_realm = %[1]s
udp_preference_limit = 1
dns_lookup_kdc = false
[realms]
%[1]s = { kdc = %[2]s }
`, realm, address))
	log, err := os.Create(filepath.Join(k.dir, "kdc.log"))
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{
		"-XX:TieredStopAtLevel=1", "-Xmx64m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-cp", javaClasspath(t, kdcClasses, kerby), "Kdc", k.dir, port(ports.First), realm,
	}, principals...)
	process, err := kafkatest.StartProcess(log, k.dir, nil, "java", args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Kill()
		_ = log.Close()
		if said, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("--- the key distribution centre\n%s", said)
		}
	})
	await(t, "the key distribution centre listens", patience, func(context.Context) error {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
	return k
}

// module is the login module of a principal with one of its keytabs.
func (k *kdc) module(principal, keytab string) string {
	path := filepath.Join(k.dir, strings.ReplaceAll(principal, "/", "-")+keytab)
	return fmt.Sprintf(`com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true keyTab=%q principal=%q;`,
		path, principal+"@"+realm)
}
