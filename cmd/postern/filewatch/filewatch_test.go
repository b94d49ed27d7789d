package filewatch

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what always comes; it never decides a passing test.
const patience = 20 * time.Second

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

// content is what a file holds; "" if it is not there.
func content(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(b)
}

// following starts a watcher that hands on what the files hold whenever they
// may have changed, and returns what waits until they hold want.
func following(t *testing.T, paths ...string) (await func(want ...string)) {
	t.Helper()
	seen := make(chan []string, 1000)
	read := func() {
		now := make([]string, len(paths))
		for i, p := range paths {
			now[i] = content(p)
		}
		seen <- now
	}
	w := Start(Options{Paths: paths, Quiet: time.Millisecond, Changed: read, Failed: func(err error) { t.Error(err) }})
	t.Cleanup(func() { must(t, w.Close()) })
	return func(want ...string) {
		t.Helper()
		limit := time.After(patience)
		var last []string
		for {
			select {
			case last = <-seen:
				if slices.Equal(last, want) {
					return
				}
			case <-limit:
				t.Fatalf("last seen %q, want %q", last, want)
			}
		}
	}
}

func TestWaysOfReplacing(t *testing.T) {
	for what, change := range map[string]func(t *testing.T, file string){
		"written in place": func(t *testing.T, file string) { write(t, file, "new") },
		"renamed over": func(t *testing.T, file string) {
			write(t, file+".tmp", "new")
			must(t, os.Rename(file+".tmp", file))
		},
		"removed, then written": func(t *testing.T, file string) {
			must(t, os.Remove(file))
			write(t, file, "new")
		},
		"its folder swapped": func(t *testing.T, file string) {
			dir := filepath.Dir(file)
			must(t, os.Mkdir(dir+".new", 0o700))
			write(t, filepath.Join(dir+".new", "file"), "new")
			must(t, os.Rename(dir, dir+".old"))
			must(t, os.Rename(dir+".new", dir))
		},
		"its folder removed, then made": func(t *testing.T, file string) {
			must(t, os.RemoveAll(filepath.Dir(file)))
			must(t, os.Mkdir(filepath.Dir(file), 0o700))
			write(t, file, "new")
		},
		"turned into a link": func(t *testing.T, file string) {
			target := filepath.Join(t.TempDir(), "elsewhere")
			write(t, target, "new")
			must(t, os.Symlink(target, file+".link"))
			must(t, os.Rename(file+".link", file))
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "tls")
			must(t, os.Mkdir(dir, 0o700))
			file := filepath.Join(dir, "file")
			write(t, file, "old")
			await := following(t, file)
			change(t, file)
			await("new")
			// And again: the watch has followed.
			write(t, file+".tmp", "newer")
			must(t, os.Rename(file+".tmp", file))
			await("newer")
		})
	}
}

// TestKubernetesVolume: the files are links through ..data, which is swapped as
// the kubelet does it; the old folder goes away afterwards.
func TestKubernetesVolume(t *testing.T) {
	dir := t.TempDir()
	version := func(name, text string) {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		write(t, filepath.Join(dir, name, "tls.crt"), text+" crt")
		write(t, filepath.Join(dir, name, "tls.key"), text+" key")
		must(t, os.Symlink(name, filepath.Join(dir, "..data_tmp")))
		must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	version("..1", "first")
	crt, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	must(t, os.Symlink("..data/tls.crt", crt))
	must(t, os.Symlink("..data/tls.key", key))
	await := following(t, crt, key)
	for i, text := range []string{"second", "third", "fourth"} {
		version("..v"+text, text)
		if i == 0 {
			must(t, os.RemoveAll(filepath.Join(dir, "..1")))
		}
		await(text+" crt", text+" key")
	}
}

// TestLinksOnTheWay: a link to the folder, far from the file, is swapped.
func TestLinksOnTheWay(t *testing.T) {
	dir := t.TempDir()
	for _, v := range []string{"v1", "v2", "v3"} {
		must(t, os.MkdirAll(filepath.Join(dir, v, "deep", "down"), 0o700))
		write(t, filepath.Join(dir, v, "deep", "down", "file"), v)
	}
	point := func(to string) {
		must(t, os.Symlink(to, filepath.Join(dir, "tmp")))
		must(t, os.Rename(filepath.Join(dir, "tmp"), filepath.Join(dir, "current")))
	}
	point("v1")
	await := following(t, filepath.Join(dir, "current", "deep", "down", "file"))
	point(filepath.Join(dir, "v2")) // absolute
	await("v2")
	point("./v1/../v3")
	await("v3")
	write(t, filepath.Join(dir, "v3", "deep", "down", "file"), "in place")
	await("in place")
}

// TestAppearsLater: neither the file nor its folders exist at first.
func TestAppearsLater(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a", "b", "c", "file")
	await := following(t, file)
	must(t, os.MkdirAll(filepath.Dir(file), 0o700))
	write(t, file, "here")
	await("here")
}

// TestNeighboursAreNoNews: what else happens in the folders tells nobody.
func TestNeighboursAreNoNews(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	write(t, file, "old")
	told := make(chan string, 1000)
	w := Start(Options{Paths: []string{file}, Quiet: time.Millisecond, Changed: func() { told <- content(file) }})
	for range 50 {
		write(t, filepath.Join(dir, "neighbour"), "x")
		must(t, os.Remove(filepath.Join(dir, "neighbour")))
	}
	write(t, file+".tmp", "new")
	must(t, os.Rename(file+".tmp", file))
	select {
	case got := <-told: // events come in order: news of the neighbour would have come first
		if got != "new" {
			t.Errorf("told while the file held %q", got)
		}
	case <-time.After(patience):
		t.Error("not told")
	}
	must(t, w.Close())
}

// TestInterval: without events Changed is called all the same.
func TestInterval(t *testing.T) {
	told := make(chan struct{})
	w := Start(Options{Every: time.Millisecond, Changed: func() { told <- struct{}{} }})
	for range 3 {
		<-told
	}
	closed := make(chan error)
	go func() { closed <- w.Close() }()
	for {
		select {
		case <-told: // one may have been under way
		case err := <-closed:
			must(t, err)
			return
		}
	}
}

// TestEndlessBurst: a file that never comes to rest is looked at nevertheless.
func TestEndlessBurst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "old")
	told, done := make(chan struct{}, 1000), make(chan struct{})
	// Quiet is longer than a write takes on any machine, so that it never comes.
	w := Start(Options{Paths: []string{file}, Quiet: 50 * time.Millisecond, Changed: func() { told <- struct{}{} }})
	go func() {
		defer close(done)
		for len(told) == 0 {
			if err := os.WriteFile(file, []byte("more"), 0o600); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	<-done
	must(t, w.Close())
}

// TestUnwatchable: folders that cannot be watched are told of once each, and no more than that.
func TestUnwatchable(t *testing.T) {
	w := Start(Options{Changed: func() {}})
	must(t, w.Close())
	var faults []error
	w.o.Failed = func(err error) { faults = append(faults, err) }
	w.o.Paths = []string{"/file"}
	w.way = way{"/nowhere/at/all": {"file": true}}
	events := Start(Options{Paths: []string{t.TempDir()}, Changed: func() {}})
	defer func() { must(t, events.Close()) }()
	w.events = events.events
	w.adjust()
	w.adjust()
	if len(faults) != 1 || !errors.Is(faults[0], os.ErrNotExist) || !strings.Contains(faults[0].Error(), "/nowhere/at/all") {
		t.Errorf("%v", faults)
	}
}

func TestWay(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(dir, "real", "sub"), 0o700))
	write(t, filepath.Join(dir, "real", "sub", "file"), "")
	must(t, os.Symlink("real", filepath.Join(dir, "link")))
	must(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	for path, want := range map[string]map[string][]string{
		"real/sub/file":       {"real": {"sub"}, "real/sub": {"file"}},
		"link/sub/file":       {"": {"link"}, "real": {"sub"}, "real/sub": {"file"}},
		"real/./sub/../x":     {"real": {"x"}, "": {"real"}},
		"real/sub/missing/it": {"real/sub": {"missing"}},
		"loop/file":           {"": {"loop"}},
		"real/sub/file/below": {"real": {}, "real/sub": {"file"}},
	} {
		w := make(way)
		w.follow(filepath.Join(dir, path))
		got := map[string][]string{}
		for folder, names := range w {
			rel, err := filepath.Rel(dir, folder)
			must(t, err)
			got[strings.TrimPrefix(rel, ".")] = slices.Sorted(maps.Keys(names))
		}
		for folder, names := range want {
			if len(names) > 0 && !slices.Equal(got[folder], names) {
				t.Errorf("%s: in %q %q, want %q (all: %q)", path, folder, got[folder], names, got)
			}
		}
	}
}

// TestFloodIsBounded: what nobody looked at yet is dropped beyond a limit, and
// that it was is told.
func TestFloodIsBounded(t *testing.T) {
	in := inbox{news: make(chan struct{}, 1)}
	for range maxInbox {
		in.put(fsnotify.Event{Name: "x"}, nil)
	}
	if events, _, lost := in.take(); len(events) != maxInbox || lost {
		t.Errorf("%d events, lost: %v", len(events), lost)
	}
	for range 2 * maxInbox {
		in.put(fsnotify.Event{Name: "x"}, errors.New("x"))
	}
	if _, faults, lost := in.take(); len(faults) != maxInbox || !lost {
		t.Errorf("%d faults, lost: %v", len(faults), lost)
	}
	in.put(fsnotify.Event{}, fsnotify.ErrEventOverflow)
	if _, faults, lost := in.take(); len(faults) != 0 || !lost {
		t.Errorf("%d faults, lost: %v", len(faults), lost)
	}
}
