package clients

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// Many ask at once, and again: it is built once; a new list is a new folder.
func TestInstallationIsBuiltOncePerList(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	list := filepath.Join(t.TempDir(), "list.txt")
	write(t, list, "one")
	var built atomic.Int32
	i := installation{name: "thing", lists: []string{list}, build: func(_ context.Context, dir string) error {
		built.Add(1)
		return os.WriteFile(filepath.Join(dir, "made"), nil, 0o600)
	}}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			dir, err := i.path(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := os.Stat(filepath.Join(dir, "made")); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := built.Load(); n != 1 {
		t.Errorf("built %d times, want once", n)
	}
	write(t, list, "two")
	if _, err := i.path(t.Context()); err != nil || built.Load() != 2 {
		t.Errorf("a changed list: built %d times, error %v", built.Load(), err)
	}
}

// What a failed installation left behind is not taken for one.
func TestFailedInstallationIsMadeAnew(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	list := filepath.Join(t.TempDir(), "list.txt")
	write(t, list, "one")
	broken := errors.New("broken")
	i := installation{name: "thing", lists: []string{list}, build: func(_ context.Context, dir string) error {
		write(t, filepath.Join(dir, "half"), "")
		return broken
	}}
	if _, err := i.path(t.Context()); !errors.Is(err, broken) {
		t.Fatalf("error %v, want %v", err, broken)
	}
	i.build = func(context.Context, string) error { return nil }
	dir, err := i.path(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "half")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half of the failed installation is still there: %v", err)
	}
}

func TestMissingProgramIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for name, get := range map[string]func() (Program, error){
		"kcat":         Kcat,
		"kafkajs":      func() (Program, error) { return KafkaJS(t.Context(), ".") },
		"confluent":    func() (Program, error) { return Confluent(t.Context(), ".") },
		"kafka-python": func() (Program, error) { return KafkaPython(t.Context(), ".") },
	} {
		if _, err := get(); !errors.Is(err, ErrMissing) {
			t.Errorf("%s: error %v, want %v", name, err, ErrMissing)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
