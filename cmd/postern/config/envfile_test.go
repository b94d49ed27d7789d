package config

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sourced are files a shell sources without running anything, and what they set.
var sourced = map[string]map[string]string{
	"":                                       {},
	"A=1\nB=two\n":                           {"A": "1", "B": "two"},
	"A=1":                                    {"A": "1"},
	"export A=1\nexport B=2 C=3\n":           {"A": "1", "B": "2", "C": "3"},
	"export A\n A=1\n\texport\tB=2\n":        {"A": "1", "B": "2"},
	"A=1; B=2;C=3\n":                         {"A": "1", "B": "2", "C": "3"},
	"A=1 B=2\n":                              {"A": "1", "B": "2"},
	"# comment\nA=1 # more\n#B=2\n":          {"A": "1"},
	"A=#1\nB=2#3\nC= # none\n":               {"A": "#1", "B": "2#3", "C": ""},
	"A=\nB=''\nC=\"\"\n":                     {"A": "", "B": "", "C": ""},
	"A='a b'\"c d\"e\\ f\n":                  {"A": "a bc de f"},
	"A='$1 $B `x` \\n \"'\n":                 {"A": "$1 $B `x` \\n \""},
	"A=\"\\$1 \\\" \\\\ \\` \\n '\"\n":       {"A": "$1 \" \\ ` \\n '"},
	"A='two\nlines'\nB=\"three\n\nlines\"\n": {"A": "two\nlines", "B": "three\n\nlines"},
	"A=one\\\ntwo\nB=\"one\\\ntwo\"\n":       {"A": "onetwo", "B": "onetwo"},
	"A=1\\\n\\\nB=2\n":                       {"A": "1B=2"},
	"A=1\nB=$A-${A}x\nC='$A'\nD=\"$A\"\nE=$NONE-\n": {"A": "1", "B": "1-1x", "C": "$A", "D": "1", "E": "-"},
	"A=a$\nB=$/\nC=\"x$\"\nD=\"$'x'\"\nE=$.\n":      {"A": "a$", "B": "$/", "C": "x$", "D": "$'x'", "E": "$."},
	"A=1\nA=2\n": {"A": "2"},
	"A={username:x,y}\nB=[*?]\nC=a=b=c\nD=!x\n":  {"A": "{username:x,y}", "B": "[*?]", "C": "a=b=c", "D": "!x"},
	"A='RULE:^CN=([a-z]*).*$/$1/, DEFAULT'\n":    {"A": "RULE:^CN=([a-z]*).*$/$1/, DEFAULT"},
	"A='[{username: admin, password: \"x\"}]'\n": {"A": "[{username: admin, password: \"x\"}]"},
	"_a1=x\n":                               {"_a1": "x"},
	"A=é\\é\n":                              {"A": "éé"},
	"HOST=h\nA=$HOST:1,$HOST:2\n":           {"HOST": "h", "A": "h:1,h:2"},
	"export A=1 # B=2\nexport B # C\nB=3\n": {"A": "1", "B": "3"},
	"A=\\'\\\"\\#\\\\\n":                    {"A": "'\"#\\"},
	"A=a\\\n":                               {"A": "a"},
}

func TestSource(t *testing.T) {
	t.Parallel()
	for file, want := range sourced {
		got := map[string]string{}
		if err := source(got, []byte(file)); err != nil {
			t.Errorf("%q: %v", file, err)
		} else if !maps.Equal(got, want) {
			t.Errorf("%q gives %q, want %q", file, got, want)
		}
	}
}

// The expectations are those of a real shell.
func TestSourceAsAShellDoes(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no POSIX shell on this machine to compare with")
	}
	for file, want := range sourced {
		path := filepath.Join(t.TempDir(), "env")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, value := range want {
			cmd := exec.CommandContext(t.Context(), shell, "-c", `. "$0" >/dev/null && eval "printf '%s.' \"\$$1\""`, path, name)
			cmd.Env = []string{}
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("%q: %v", file, err)
			} else if got := strings.TrimSuffix(string(out), "."); got != value {
				t.Errorf("%q: a shell gives %s=%q, the table says %q", file, name, got, value)
			}
		}
	}
}

func TestSourceRefusesWhatNeedsAShell(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"A=1\nB=$(id)\n":                  "line 2: a command in the value: nothing is run",
		"GATEWAY_CLUSTER_ID=$(id)\n":      "line 1: GATEWAY_CLUSTER_ID: a command in the value: nothing is run",
		"A=`id`\n":                        "line 1: a command in the value",
		"A=\"x\n`id`\"\n":                 "line 2: a command in the value",
		"A=\"$(id)\"":                     "line 1: a command in the value",
		"A=$((1+1))\n":                    "line 1: a command in the value",
		"\n\nset -a\n":                    "line 3: only NAME=VALUE",
		"echo x\n":                        "line 1: only NAME=VALUE",
		"A=1 echo x\n":                    "line 1: only NAME=VALUE",
		"A = 1\n":                         "line 1: only NAME=VALUE",
		"1A=1\n":                          "line 1: only NAME=VALUE",
		"A+=1\n":                          "line 1: only NAME=VALUE",
		"A-B=1\n":                         "line 1: only NAME=VALUE",
		"export -n A\n":                   "line 1: only NAME=VALUE",
		"exportA\n":                       "line 1: only NAME=VALUE",
		"é=1\n":                           "line 1: only NAME=VALUE",
		"A=a|b\n":                         "line 1: an unquoted |",
		"A=a&\n":                          "line 1: an unquoted &",
		"A=(a b)\n":                       "line 1: an unquoted (",
		"A=<x\n":                          "line 1: an unquoted <",
		"A='x\n\n":                        "line 1: a ' that is never closed",
		"B=1\nA=\"x\n\n":                  "line 2: a \" that is never closed",
		"A=\"x\\\"\n":                     "line 1: a \" that is never closed",
		"A=$'x'\n":                        "line 1: a $ before a quote",
		"A=~/x\n":                         "line 1: a shell would replace ~",
		"A=\"RULE:^CN=(.*)$/$1/\"\n":      "line 1: a shell would replace $1",
		"A=$$\n":                          "line 1: a shell would replace $$",
		"A=${B:-x}\n":                     "line 1: of ${…} only ${NAME}",
		"A=${B\n":                         "line 1: of ${…} only ${NAME}",
		"A=x\x00\n":                       "line 1: a NUL byte",
		"A=1\nB=\x00":                     "line 2: a NUL byte",
		"export A=1\nB\n":                 "line 2: only NAME=VALUE",
		"export A=1;B\n":                  "line 1: only NAME=VALUE",
		strings.Repeat("#", maxEnvFile+1): "1048577 bytes; allowed: 1048576",
		"A=" + strings.Repeat("x", 1<<19) + "\nB=$A$A$A\n": "line 2: more than 1048576 bytes put in for $NAME",
	} {
		err := source(map[string]string{}, []byte(file))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", file, err, want)
		}
	}
}

func TestEnvFileIsStrongerThanTheEnvironment(t *testing.T) {
	t.Parallel()
	env := demoEnvironment()
	env["GATEWAY_ENV_FILE"] = "/etc/postern.env"
	env["GATEWAY_PORT_START"] = "1000"
	read := func(text string, err error) func(string) ([]byte, error) {
		return func(path string) ([]byte, error) {
			if path != "/etc/postern.env" {
				t.Errorf("reads %s", path)
			}
			return []byte(text), err
		}
	}
	c, report := Load(entries(env), Options{ReadFile: read("\ufeffexport GATEWAY_PORT_START=2000\r\nGATEWAY_HTTP_PORT=$GATEWAY_PORT_START'3'\r\n", nil)})
	if c == nil || c.Listeners[0].PortStart != 2000 || c.Admin.Port != 20003 {
		t.Errorf("%v", report.Err())
	}
	if want := "Sourcing environment variables from /etc/postern.env"; len(report.Notes) != 1 || report.Notes[0] != want {
		t.Errorf("notes %q", report.Notes)
	}
	for _, unreadable := range []func(string) ([]byte, error){nil, read("", errors.New("no such file"))} {
		c, report = Load(entries(env), Options{ReadFile: unreadable})
		if c == nil || c.Listeners[0].PortStart != 1000 {
			t.Errorf("%v", report.Err())
		}
		want := "Warning: GATEWAY_ENV_FILE is set but the file does not exist or is not readable."
		if len(report.Notes) != 1 || report.Notes[0] != want {
			t.Errorf("notes %q", report.Notes)
		}
	}
	c, report = Load(entries(env), Options{ReadFile: read("\nGATEWAY_PORT_START=$(id)", nil)})
	want := "config: GATEWAY_ENV_FILE: /etc/postern.env: line 2: GATEWAY_PORT_START: a command in the value: nothing is run"
	if c != nil || len(report.Errors) != 1 || report.Errors[0].Error() != want {
		t.Errorf("%v", report.Err())
	}
}

// FuzzSource: no file panics, hangs or grows; what was read can be written as single-quoted text and read again.
func FuzzSource(f *testing.F) {
	for file := range sourced {
		f.Add([]byte(file))
	}
	f.Add([]byte("A=$(id)"))
	f.Add([]byte("A='"))
	f.Fuzz(func(t *testing.T, file []byte) {
		env := map[string]string{}
		if err := source(env, file); err != nil {
			if !strings.Contains(err.Error(), "line ") && len(file) <= maxEnvFile {
				t.Fatalf("an error without its line: %v", err)
			}
			return
		}
		var quoted strings.Builder
		for name, value := range env {
			if !isName(name) || len(value) > 2*maxEnvFile {
				t.Fatalf("name %q, %d bytes", name, len(value))
			}
			if strings.Contains(value, "\r\n") {
				// Line ends are made those of a shell.
				return
			}
			quoted.WriteString("export " + name + "='" + strings.ReplaceAll(value, "'", `'\''`) + "'\n")
		}
		if quoted.Len() > maxEnvFile {
			return
		}
		again := map[string]string{}
		if err := source(again, []byte(quoted.String())); err != nil || !maps.Equal(env, again) {
			t.Fatalf("%q became %q (%v)", env, again, err)
		}
	})
}
