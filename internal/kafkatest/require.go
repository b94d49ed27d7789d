package kafkatest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Require ends the test when this machine cannot run the named releases: it is
// skipped with the reason, and failed where CI=true promises that it can.
// Without a name only Java and Maven are asked for.
func Require(t testing.TB, versions ...string) {
	t.Helper()
	if reason := Missing(versions...); reason != "" {
		LeaveOut(t, "it needs a real Kafka: "+reason)
	}
}

// LeaveOut skips the test and says why; with CI=true it fails it, because there
// everything is to be run.
func LeaveOut(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI=true forbids to leave this out: %s", reason)
	}
	t.Skipf("left out: %s", reason)
}

// Missing tells what this machine lacks to run the named releases; "" when
// nothing. Maven is needed only until the jars are in the cache.
func Missing(versions ...string) string {
	if _, err := exec.LookPath("java"); err != nil {
		return "no java on the PATH (a JDK 17 or newer is needed)"
	}
	var uncached []string
	for _, version := range versions {
		if version == "" {
			version = Kafka440
		}
		r, err := lookup(version)
		if err != nil {
			return err.Error()
		}
		dir, err := jarsDir(version, r)
		if err != nil {
			return err.Error()
		}
		if !complete(dir) {
			uncached = append(uncached, version)
		}
	}
	if len(uncached) == 0 && len(versions) > 0 {
		return ""
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		return "no mvn on the PATH to fetch the jars of Kafka " + strings.Join(uncached, ", ")
	}
	return ""
}
