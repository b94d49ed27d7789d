package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// WriteScripts fills dir with one executable per tool of a release, named as
// in a Kafka distribution without the ".sh" (kafka-topics and so on), so that
// command lines out of documentation run as they stand with dir on the PATH.
func WriteScripts(ctx context.Context, release, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("kafkatest: scripts: %w", err)
	}
	for _, name := range toolNames() {
		command, err := ToolCommand(ctx, release, name)
		if errors.Is(err, ErrNoTool) {
			continue
		}
		if err != nil {
			return err
		}
		quoted := make([]string, len(command))
		for i, arg := range command {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		script := "#!/bin/sh\nexec java " + strings.Join(quoted, " ") + " \"$@\"\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			return fmt.Errorf("kafkatest: scripts: %w", err)
		}
	}
	return nil
}
