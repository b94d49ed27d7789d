package demo

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

// TestByHand runs every line the demo prints under "by hand", as it is
// printed, in a shell, while the demo stays up: with the Java tools of 4.3.0,
// kcat and curl. The folder's name has a space in it.
func TestByHand(t *testing.T) {
	kafkatest.Require(t, kafkatest.Tools430)
	for _, tool := range []string{"sh", "curl", "kcat"} {
		if _, err := exec.LookPath(tool); err != nil {
			kafkatest.LeaveOut(t, "the lines printed by the demo need "+tool+" to be repeated")
		}
	}
	bin := t.TempDir()
	if err := kafkatest.WriteScripts(t.Context(), kafkatest.Tools430, bin); err != nil {
		t.Fatal(err)
	}
	transcript := stayUp(t)
	lines := byHand(transcript)
	if len(lines) < 7 {
		t.Fatalf("%d steps with lines:\n%s", len(lines), transcript)
	}
	for i, step := range lines {
		var outputs []string
		for _, line := range step {
			out, err := shell(t.Context(), bin, line)
			outputs = append(outputs, out)
			refused := err != nil && strings.Contains(out, "alert")
			if first := i == 0; first != refused || !first && err != nil {
				t.Errorf("step %d: %v\n$ %s\n%s", i+1, err, line, out)
			}
		}
		if last := i == len(lines)-1; last && (len(outputs) != 2 || outputs[0] != outputs[1]) {
			t.Errorf("the lists differ:\n%s", strings.Join(outputs, "\n"))
		}
	}
	sayings(t, bin, lines)
}

// sayings wants what the tools print for some commands, besides success.
func sayings(t *testing.T, bin string, lines [][]string) {
	create := strings.ReplaceAll(lines[3][0], "--topic foo", "--topic another")
	groups := strings.ReplaceAll(lines[5][2], "--describe --group "+groupName, "--list")
	for _, c := range []struct{ line, want string }{
		{create, "Created topic another."},
		{strings.ReplaceAll(create, fileClientConfig, fileClientJKS), ""},
		{lines[3][1], "PartitionCount: 10"},
		{groups, groupName},
		{lines[1][2], `["` + principal + `"]`},
	} {
		if out, err := shell(t.Context(), bin, c.line); err != nil || !strings.Contains(out, c.want) {
			t.Errorf("want %q: %v\n$ %s\n%s", c.want, err, c.line, out)
		}
	}
}

// stayUp starts the demo, waits until it stays, and returns the transcript;
// the demo is ended with the test and has to end well.
func stayUp(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	up, done := make(chan struct{}), make(chan error, 1)
	out := &endAt{text: "Everything stays up until Ctrl-C.", end: func() { close(up) }}
	o := freeOptions(t, nil)
	o.Once, o.Out = false, out
	go func() { done <- Run(ctx, o) }()
	select {
	case <-up:
	case err := <-done:
		cancel()
		t.Fatalf("%v\n%s", err, &out.Buffer)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return out.String()
}

// byHand returns the printed commands by step; a line that ends with a
// backslash goes on.
func byHand(transcript string) [][]string {
	var steps [][]string
	inside, goesOn := false, false
	for line := range strings.SplitSeq(transcript, "\n") {
		switch {
		case strings.TrimSpace(line) == "by hand:":
			inside, steps = true, append(steps, nil)
		case !strings.HasPrefix(line, "        "):
			inside = false
		case inside:
			last := len(steps) - 1
			if goesOn {
				steps[last][len(steps[last])-1] += "\n" + line
			} else {
				steps[last] = append(steps[last], strings.TrimSpace(line))
			}
			goesOn = strings.HasSuffix(line, `\`)
		}
	}
	return steps
}

// shell runs one line with the Kafka scripts on the PATH and returns both
// outputs.
func shell(ctx context.Context, bin, line string) (string, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}
