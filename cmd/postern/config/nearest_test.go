package config

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestSlips(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ab", 1}, {"abc", "acb", 1}, {"abcd", "badc", 2}, {"ca", "abc", 3},
	} {
		if got := slips(c.a, c.b); got != c.want {
			t.Errorf("slips(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestSlipsIsADistance(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, random.IntN(8))
		for i := range b {
			b[i] = 'A' + byte(random.IntN(3))
		}
		return string(b)
	}
	for range 2000 {
		a, b := word(), word()
		d := slips(a, b)
		if d != slips(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < len(a)-len(b) {
			t.Fatalf("slips(%q, %q) = %d, the other way %d", a, b, d, slips(b, a))
		}
	}
}

// One slip in the name of any variable is put right.
func TestOneSlipIsPutRight(t *testing.T) {
	t.Parallel()
	for name := range table {
		if strings.Contains(name, "<") || len(name) < 12 {
			continue
		}
		wrong := name[:10] + name[11:]
		if lookup(wrong) != nil && !strings.HasPrefix(wrong, propertyPrefix) {
			continue
		}
		_, report := Load([]string{"KAFKA_BOOTSTRAP_SERVERS=k:1", wrong + "=x"}, Options{Hostname: "h"})
		found := false
		for _, warning := range report.Warnings {
			found = found || strings.HasPrefix(warning, wrong+" is not known") && strings.HasSuffix(warning, "did you mean "+name+"?")
		}
		if !found {
			t.Errorf("%s for %s: %q", wrong, name, report.Warnings)
		}
	}
}

func TestWhatIsNotNearGetsNoName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("X", maxNameLength+1)
	if near, ok := nearest(long, []string{long}); ok {
		t.Errorf("%s was compared, at the cost of its length", near)
	}
	for _, name := range []string{"GATEWAY_BANANA", "GATEWAY_" + strings.Repeat("X", 4096), "KAFKA_HOME", "GATEWAY_AUDIT_LOG_KAFKA_"} {
		_, report := Load([]string{"KAFKA_BOOTSTRAP_SERVERS=k:1", "GATEWAY_ADMIN_API_USERS=[{username: u, password: p}]", name + "=x"}, Options{Hostname: "h"})
		if report.Failed() || len(report.Warnings) != 1 || report.Warnings[0] != name+" is not known and has no effect" {
			t.Errorf("%v %q", report.Err(), report.Warnings)
		}
	}
}
