package kafkatest

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// resolveTimeout bounds one Maven run, download included.
const resolveTimeout = 8 * time.Minute

// completeMarker is written last: a folder without it does not count.
const completeMarker = ".complete"

// Jars returns the folder that holds every jar of a release, resolving them
// with Maven the first time. Several processes may call it at once: one
// resolves, the others wait for it.
func Jars(ctx context.Context, version string) (string, error) {
	r, err := lookup(version)
	if err != nil {
		return "", err
	}
	return r.fetch(ctx, version)
}

// MavenJars is Jars for something else that runs on Java: a name for its folder,
// and Maven coordinates, group:name:version each.
func MavenJars(ctx context.Context, name string, coordinates ...string) (string, error) {
	var r release
	for _, c := range coordinates {
		parts := strings.Split(c, ":")
		if len(parts) != 3 {
			return "", fmt.Errorf("kafkatest: jars of %s: %q is not group:name:version", name, c)
		}
		r.artifacts = append(r.artifacts, artifact{group: parts[0], name: parts[1], version: parts[2]})
	}
	return r.fetch(ctx, name)
}

// fetch returns the folder of r's jars.
func (r release) fetch(ctx context.Context, version string) (string, error) {
	dir, err := jarsDir(version, r)
	if err != nil {
		return "", err
	}
	if complete(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("kafkatest: jars of %s: cache folder: %w", version, err)
	}
	unlock, err := lockFile(dir + ".lock")
	if err != nil {
		return "", fmt.Errorf("kafkatest: jars of %s: lock: %w", version, err)
	}
	defer unlock()
	if complete(dir) {
		return dir, nil
	}
	if err := resolve(ctx, r, dir); err != nil {
		return "", fmt.Errorf("kafkatest: jars of %s: %w", version, err)
	}
	return dir, nil
}

// jarsDir names the cache folder: by version for the reader, by the pom's hash
// so that a changed list of jars is a new folder.
func jarsDir(version string, r release) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("kafkatest: jars of %s: %w", version, err)
	}
	sum := sha256.Sum256([]byte(r.pom() + log4jProperties))
	return filepath.Join(cache, "postern", "kafka", version+"-"+hex.EncodeToString(sum[:4])), nil
}

func complete(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, completeMarker))
	return err == nil
}

// resolve fills a folder beside dir and renames it into place.
func resolve(ctx context.Context, r release, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	work, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".part-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), []byte(r.pom()), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(work, "log4j.properties"), []byte(log4jProperties), 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy-dependencies",
		"-DoutputDirectory="+work, "-DincludeScope=runtime")
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mvn dependency:copy-dependencies: %w\n%s", err, tail(out, 2000))
	}
	if err := os.WriteFile(filepath.Join(work, completeMarker), nil, 0o644); err != nil {
		return err
	}
	// A folder without the marker can only be the leftover of a killed run.
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(work, dir)
}

// Classpath returns the class path of a release, for java and javac.
func Classpath(ctx context.Context, version string) (string, error) {
	dir, err := Jars(ctx, version)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "*"), nil
}

// hasClass tells whether one of the Kafka jars in dir defines a class.
func hasClass(dir, class string) (bool, error) {
	jars, err := filepath.Glob(filepath.Join(dir, "kafka*.jar"))
	if err != nil {
		return false, err
	}
	want := strings.ReplaceAll(class, ".", "/") + ".class"
	for _, jar := range jars {
		found, err := zipHolds(jar, want)
		if err != nil {
			return false, err
		}
		if found {
			return true, nil
		}
	}
	return false, nil
}

func zipHolds(path, name string) (bool, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	defer func() { _ = z.Close() }()
	for _, f := range z.File {
		if f.Name == name {
			return true, nil
		}
	}
	return false, nil
}

// tail returns the last n bytes, cut at a line where there is one.
func tail(b []byte, n int) string {
	if len(b) <= n {
		return string(b)
	}
	s := string(b[len(b)-n:])
	if _, rest, ok := strings.Cut(s, "\n"); ok {
		s = rest
	}
	return "...\n" + s
}
