package interop

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

// iamClient is Amazon's library for clients of MSK.
var iamClient = mavenJars("aws-msk-iam-auth-2.3.5", "software.amazon.msk:aws-msk-iam-auth:2.3.5")

// iamClasses is the broker's side, which is the test's own.
var iamClasses = javaClasses("Iam", kafkaJars(kafkatest.Kafka352))

// iamServer is the folder with the broker's side.
func iamServer(t *testing.T) string {
	t.Helper()
	return javaClasspath(t, iamClasses)
}

// iamSecrets are the secrets that the broker knows, by the access key's id.
var iamSecrets = map[string]string{"AKIAALICE": "alice's/secret+key", "AKIABOB": "bob's"}

// iamModule is the broker's login module.
func iamModule() string {
	var b strings.Builder
	b.WriteString("Iam required")
	for _, key := range slices.Sorted(maps.Keys(iamSecrets)) {
		fmt.Fprintf(&b, " key_%s=%s", key, kafkatest.QuoteJAAS(iamSecrets[key]))
	}
	return b.String() + ";"
}

// testIAM logs Amazon's library in at a broker that verifies its signatures.
func testIAM(t *testing.T, s *saslStage) {
	profiles := map[string]struct{ key, secret string }{
		"alice":    {"AKIAALICE", iamSecrets["AKIAALICE"]},
		"bob":      {"AKIABOB", iamSecrets["AKIABOB"]},
		"impostor": {"AKIAALICE", iamSecrets["AKIABOB"]},
		"nobody":   {"AKIANOBODY", "x"},
	}
	dir := t.TempDir()
	var credentials strings.Builder
	for name, p := range profiles {
		fmt.Fprintf(&credentials, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", name, p.key, p.secret)
	}
	file := filepath.Join(dir, "credentials")
	writeFile(t, file, credentials.String())
	flags := []string{"-Daws.region=eu-west-1", "-Daws.sharedCredentialsFile=" + file, "-Daws.configFile=" + filepath.Join(dir, "none")}
	settings := func(profile string, d loginDoor) string {
		l := login{Mechanism: "AWS_MSK_IAM", Module: "software.amazon.msk.auth.iam.IAMLoginModule required awsProfileName=" + kafkatest.QuoteJAAS(profile) + ";"}
		return s.settings(t, dir, profile+"-"+d.name, d, l, "sasl.client.callback.handler.class", "software.amazon.msk.auth.iam.IAMClientCallbackHandler")
	}
	s.permit(t, "AKIAALICE", "alice-")
	s.topic(t, "alice-iam")
	for _, what := range []string{"walk", "write"} {
		var files []string
		for _, d := range s.relayDoors() {
			if what == "walk" {
				files = append(files, settings("alice", d))
				continue
			}
			files = append(files, settings("bob", d), settings("impostor", d), settings("nobody", d))
		}
		for name, saw := range s.javaOn(t, flags, []jars{iamClient}, what, "alice-iam", files...) {
			profile, _, _ := strings.Cut(name, "-")
			want := map[string]string{
				"alice":    "20 records",
				"bob":      "TopicAuthorizationException: Not authorized to access topics: [alice-iam]",
				"impostor": "SaslAuthenticationException: [1]: Access denied to AKIAALICE",
				"nobody":   "SaslAuthenticationException: [1]: Access denied to AKIANOBODY",
			}[profile]
			if saw != want {
				t.Errorf("%s: %s, want %s", name, saw, want)
			}
		}
	}
	for _, d := range s.relayDoors() {
		if d.gateway != nil {
			d.gateway.awaitLog(t, " user=AKIAALICE ")
			d.gateway.awaitLog(t, " user=AKIABOB ")
		}
	}
}
