package tlsterm

import (
	"errors"
	"testing"
)

func TestSelfTest(t *testing.T) {
	if err := SelfTest(); err != nil {
		t.Fatal(err)
	}
	if len(known) != 3+len(aeadSuites) {
		t.Errorf("%d records are known", len(known))
	}
	saved := known
	defer func() { known = saved }()
	known = append([]knownRecord(nil), saved...)
	known[5].digest = known[3].digest
	if err := SelfTest(); !errors.Is(err, ErrSelfTest) {
		t.Errorf("a record that is not the known one: %v", err)
	}
}

func BenchmarkSelfTest(b *testing.B) {
	for b.Loop() {
		if err := SelfTest(); err != nil {
			b.Fatal(err)
		}
	}
}
