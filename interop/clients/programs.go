package clients

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
)

// Kcat is the command line over librdkafka that the system has. It takes
// arguments of its own, not those of a walk.
func Kcat() (Program, error) {
	path, err := find("kcat", "kcat")
	if err != nil {
		return Program{}, err
	}
	return Program{Name: "kcat", Command: []string{path}}, nil
}

// KafkaJS is the walk of kafkajs. root is the folder of this package.
func KafkaJS(ctx context.Context, root string) (Program, error) {
	node, err := find("kafkajs", "node")
	if err != nil {
		return Program{}, err
	}
	npm, err := find("kafkajs", "npm")
	if err != nil {
		return Program{}, err
	}
	source := filepath.Join(root, "kafkajs")
	dir, err := installation{
		name:  "kafkajs",
		lists: []string{filepath.Join(source, "package.json"), filepath.Join(source, "package-lock.json")},
		build: func(ctx context.Context, dir string) error {
			return step(ctx, dir, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		},
	}.path(ctx)
	if err != nil {
		return Program{}, err
	}
	return Program{
		Name:    "kafkajs",
		Command: []string{node, filepath.Join(source, "walk.js")},
		Env:     []string{"NODE_PATH=" + filepath.Join(dir, "node_modules")},
	}, nil
}

// Confluent is the walk of confluent-kafka for Python, which brings the newest
// librdkafka along. root is the folder of this package.
func Confluent(ctx context.Context, root string) (Program, error) {
	return python(ctx, root, "confluent-kafka", "walk_confluent.py")
}

// KafkaPython is the walk of kafka-python. root is the folder of this package.
func KafkaPython(ctx context.Context, root string) (Program, error) {
	return python(ctx, root, "kafka-python", "walk_kafka_python.py")
}

// python returns a walk in the environment that all Python clients share.
func python(ctx context.Context, root, client, walk string) (Program, error) {
	interpreter, err := find(client, "python3")
	if err != nil {
		return Program{}, err
	}
	// Debian splits this off into a package of its own.
	if err := exec.CommandContext(ctx, interpreter, "-c", "import venv, ensurepip").Run(); err != nil {
		missing := fmt.Errorf("python3 without venv or ensurepip: %w", ErrMissing)
		return Program{}, fmt.Errorf("clients: %s: %w", client, errors.Join(missing, err))
	}
	source := filepath.Join(root, "python")
	dir, err := installation{
		name:  "python",
		lists: []string{filepath.Join(source, "requirements.txt")},
		build: func(ctx context.Context, dir string) error {
			if err := step(ctx, dir, interpreter, "-m", "venv", "venv"); err != nil {
				return err
			}
			return step(ctx, dir, filepath.Join(dir, "venv", "bin", "pip"), "install", "--quiet",
				"--disable-pip-version-check", "--only-binary", ":all:", "-r", "requirements.txt")
		},
	}.path(ctx)
	if err != nil {
		return Program{}, err
	}
	return Program{
		Name:    client,
		Command: []string{filepath.Join(dir, "venv", "bin", "python"), filepath.Join(source, walk)},
		Env:     []string{"PYTHONDONTWRITEBYTECODE=1"},
	}, nil
}
