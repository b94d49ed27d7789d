package interop

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

// jars says in which folder some jars lie, and fetches them the first time.
type jars func(context.Context) (string, error)

func kafkaJars(release string) jars {
	return func(ctx context.Context) (string, error) { return kafkatest.Jars(ctx, release) }
}

func mavenJars(name string, coordinates ...string) jars {
	return func(ctx context.Context) (string, error) { return kafkatest.MavenJars(ctx, name, coordinates...) }
}

// javaClasses compiles a program of testdata/java against some jars, once, and
// says in which folder it then is.
func javaClasses(program string, against jars) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		folder, err := against(context.Background())
		if err != nil {
			return "", err
		}
		dir := filepath.Join(scratch, "java-"+program)
		out, err := exec.Command("javac", "-cp", filepath.Join(folder, "*"), "-d", dir, "testdata/java/"+program+".java").CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("interop: javac: %w\n%s", err, out)
		}
		return dir, nil
	})
}

// javaClasspath is what a compiled program runs with on some jars, the first
// ones first.
func javaClasspath(t *testing.T, classes func() (string, error), on ...jars) string {
	t.Helper()
	if _, err := exec.LookPath("javac"); err != nil {
		kafkatest.LeaveOut(t, "javac is not on the PATH, a JDK is needed")
	}
	dir, err := classes()
	fetched(t, err)
	classpath := []string{dir}
	for _, j := range on {
		folder, err := j(t.Context())
		fetched(t, err)
		classpath = append(classpath, filepath.Join(folder, "*"))
	}
	return strings.Join(classpath, string(filepath.ListSeparator))
}

// fetched ends the test where jars could not be had, and leaves it out where there
// is no Maven to fetch them with.
func fetched(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, exec.ErrNotFound) {
		kafkatest.LeaveOut(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// walkClasses is the folder with the compiled Java program.
var walkClasses = javaClasses("Walk", kafkaJars(kafkatest.Kafka440))

// testJavaClient walks the newest Java client library through the door: it
// speaks ApiVersions v5, which names the cluster and node it believes to talk
// to, and must not end in a loop of bootstraps.
func testJavaClient(t *testing.T, s *stage) {
	classpath := javaClasspath(t, walkClasses, kafkaJars(kafkatest.Kafka440))
	expected := [][2]string{
		{"cluster", s.javaNodes() + " cluster p0KPFA_mQb2ixdPbQXPblw"},
		{"topics", "6 partitions on 3 ports"},
		{"acks-all", "200 records, 3 partitions"},
		{"acks-1", "200 records, 3 partitions"},
		{"acks-0", "200 records, 3 partitions"},
		{"transaction", "20 committed records"},
		{"classic", "600 records, 3 commits"},
	}
	if s.is440() {
		expected = append(expected, [2]string{"consumer", "600 records, 3 commits"}, [2]string{"share", "600 records"})
	}
	var steps []string
	for _, e := range expected {
		steps = append(steps, e[0])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	out, errOut, err := kafkatest.RunJava(ctx, nil, "-XX:TieredStopAtLevel=1", "-Xmx256m",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classpath,
		"Walk", s.config, s.bootstrap(), "java-", strings.Join(steps, ","))
	if err != nil {
		t.Errorf("%v\n%s%s", err, out, errOut)
	}
	for i, line := range lines(out) {
		if want := expected[i][0] + ": " + expected[i][1]; line != want {
			t.Errorf("printed %q, want %q", line, want)
		}
	}
	if strings.Contains(errOut, "rebootstrap") || strings.Contains(errOut, "REBOOTSTRAP") {
		t.Errorf("the client was sent back to its bootstrap addresses:\n%s", errOut)
	}
}

// javaNodes is where a client must be told the brokers are.
func (s *stage) javaNodes() string {
	var nodes []string
	for _, b := range s.cluster.Brokers() {
		if direct {
			nodes = append(nodes, fmt.Sprintf("%d@%s", b.ID, b.AddrTLS()))
		} else {
			nodes = append(nodes, fmt.Sprintf("%d@localhost:%d", b.ID, s.one.brokerPort(b.ID)))
		}
	}
	return strings.Join(nodes, " ")
}
