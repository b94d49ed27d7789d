package main

import (
	"crypto/tls"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	// runnerVariable names the runner: its package's directory or a test binary.
	runnerVariable = "POSTERN_BOGO_RUNNER"
	// onlyVariable may hold the runner's -test patterns, to look at a few cases.
	onlyVariable = "POSTERN_BOGO_ONLY"
	// shimVariable makes this test binary the shim.
	shimVariable = "POSTERN_BOGO_SHIM"
	// fewestPassed is well below the number of cases that pass, and far above
	// what a shim that calls everything unimplemented would reach.
	fewestPassed = 1000
)

func TestMain(m *testing.M) {
	if os.Getenv(shimVariable) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// results is the part that is needed of the runner's -json-output.
type results struct {
	Tests map[string]struct {
		Actual string `json:"actual"`
		Error  string `json:"error"`
	} `json:"tests"`
}

// Every case that is not explained in bogo_config.json passes with both
// engines, or is unimplemented; and every case explained there fails, with both.
// Those of bogo_std.json fail with std and pass with own.
func TestBogo(t *testing.T) {
	runner := runnerBinary(t)
	for _, engine := range []string{"std", "own"} {
		t.Run(engine, func(t *testing.T) {
			excused := exceptions(t, "bogo_config.json")
			if engine == "std" {
				maps.Copy(excused, exceptions(t, "bogo_std.json"))
			}
			judge(t, runSuite(t, runner, engine), excused)
		})
	}
}

// runnerBinary returns the runner, made of its package if need be.
func runnerBinary(t *testing.T) string {
	named := os.Getenv(runnerVariable)
	if named == "" {
		t.Skipf("the BoGo suite is left out: %s does not name the directory boringssl/ssl/test/runner", runnerVariable)
	}
	info, err := os.Stat(named)
	if err != nil {
		t.Fatalf("%s: %v", runnerVariable, err)
	}
	if !info.IsDir() {
		return named
	}
	binary := filepath.Join(t.TempDir(), "runner")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Dir = named
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	return binary
}

// runSuite runs all cases, the excused ones too.
func runSuite(t *testing.T, runner, engine string) results {
	shim, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	config, err := filepath.Abs("bogo_config.json")
	if err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(t.TempDir(), "results.json")
	args := []string{
		"-shim-path", shim, "-shim-config", config, "-include-disabled",
		"-allow-unimplemented", "-loose-errors", "-pipe", "-json-output", output,
	}
	if only := os.Getenv(onlyVariable); only != "" {
		args = append(args, "-test", only)
	}
	command := exec.Command(runner, args...)
	command.Dir = t.TempDir()
	command.Env = append(os.Environ(), shimVariable+"=1", engineVariable+"="+engine)
	out, err := command.CombinedOutput() // fails if a case does: the results tell which
	text, readErr := os.ReadFile(output)
	if readErr != nil {
		t.Fatalf("the runner has no results: %v, %v\n%s", err, readErr, out)
	}
	var r results
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func judge(t *testing.T, r results, excused map[string]string) {
	count := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(r.Tests)) {
		result := r.Tests[name]
		count[result.Actual]++
		reason, ok := excuse(excused, name)
		switch {
		case result.Actual == "PASS" && ok:
			t.Errorf("%s passes, but is excused: %s", name, reason)
		case result.Actual != "PASS" && result.Actual != "SKIP" && !ok:
			t.Errorf("%s: %s\n%s", name, result.Actual, result.Error)
		}
	}
	t.Logf("%v, %d excused patterns", count, len(excused))
	if os.Getenv(onlyVariable) == "" && count["PASS"] < fewestPassed {
		t.Errorf("%d cases passed, expected at least %d", count["PASS"], fewestPassed)
	}
}

// excuse finds the reason for which the case need not pass.
func excuse(excused map[string]string, name string) (reason string, ok bool) {
	if reason, ok = excused[name]; ok {
		return reason, true
	}
	for pattern, reason := range excused {
		if ok, _ := filepath.Match(pattern, name); ok { // TestExceptions checks the patterns
			return reason, true
		}
	}
	return "", false
}

// exceptions reads the DisabledTests of a configuration in the runner's form.
func exceptions(t *testing.T, file string) map[string]string {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var config struct{ DisabledTests map[string]string }
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return config.DisabledTests
}

// Every exception is a good pattern with a sentence of reason.
func TestExceptions(t *testing.T) {
	for _, file := range []string{"bogo_config.json", "bogo_std.json"} {
		for pattern, reason := range exceptions(t, file) {
			if _, err := filepath.Match(pattern, ""); err != nil {
				t.Errorf("%s: %s: %v", file, pattern, err)
			}
			if len(strings.Fields(reason)) < 4 {
				t.Errorf("%s: %s: %q explains nothing", file, pattern, reason)
			}
		}
	}
}

// What the shim does not know it leaves to the runner to count.
func TestUnknownFlag(t *testing.T) {
	for _, test := range []struct {
		args string
		code int
	}{
		{"-port 1 -dtls", exitUnimplemented},
		{"-port 1 -server -max-version 769", exitUnimplemented},
		{"-port 1 -on-retry-expect-alpn x", exitUnimplemented},
		{"-port 1 -curves 21", exitUnimplemented},
		{"-port 1 -advertise-alpn \x05abc", exitFailed},
		{"-port", exitFailed},
		{"-is-handshaker-supported", 0},
	} {
		var out, errs strings.Builder
		if code := run(strings.Fields(test.args), "std", &out, &errs); code != test.code {
			t.Errorf("%s: exit %d: %s", test.args, code, &errs)
		}
	}
}

// A flag may be given for the first or for the resumed connections alone.
func TestFlagsPerConnection(t *testing.T) {
	f, err := parseFlags(strings.Fields("-port 7 -shim-id 9 -resume-count 2 -expect-alpn all -on-initial-expect-curve-id 29 -on-resume-expect-alpn again -no-tls13"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*per{&f.initial, &f.resumed} {
		p.minVersion = 0
	}
	want := flags{
		port: "7", shimID: 9, resumeCount: 2,
		initial: per{expectALPN: "all", expectCurve: tls.X25519, maxVersion: tls.VersionTLS12},
		resumed: per{expectALPN: "again", maxVersion: tls.VersionTLS12},
	}
	if !reflect.DeepEqual(*f, want) {
		t.Errorf("%+v", *f)
	}
}
