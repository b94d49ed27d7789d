package kafkatest

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"
)

// dockerTimeout bounds one docker command, the pull of images included.
const dockerTimeout = 10 * time.Minute

// Docker is a cluster out of a compose file: the way for a machine that has a
// Docker engine and no Java. Its brokers are reached in clear only, on the
// ports that the file publishes.
type Docker struct {
	file string
	// Seeds are the brokers' published addresses.
	Seeds []string
}

// MissingDocker tells why compose files cannot be run here; "" when they can.
func MissingDocker(ctx context.Context) string {
	if _, err := exec.LookPath("docker"); err != nil {
		return "no docker on the PATH"
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "docker", "info", "--format", "{{.ServerVersion}}").CombinedOutput(); err != nil {
		return "no Docker engine answers: " + tail(out, 300)
	}
	return ""
}

// StartDocker brings up the named services of a compose file, waits until they
// are healthy, and takes them and their volumes down at the end of the test.
// seeds are the addresses that the file publishes for them.
func StartDocker(t testing.TB, file string, seeds []string, services ...string) *Docker {
	t.Helper()
	d := &Docker{file: file, Seeds: seeds}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		if err := d.compose(context.Background(), "down", "--volumes"); err != nil {
			t.Error(err)
		}
	})
	if err := d.compose(t.Context(), append([]string{"up", "--detach", "--wait"}, services...)...); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *Docker) compose(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, dockerTimeout)
	defer cancel()
	args = append([]string{"compose", "--file", d.file}, args...)
	if out, err := exec.CommandContext(ctx, "docker", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("kafkatest: docker %v: %w\n%s", args, err, tail(out, 2000))
	}
	return nil
}
