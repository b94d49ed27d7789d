package kafkatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
)

// toolTimeout bounds one run of a tool.
const toolTimeout = 2 * time.Minute

// toolClasses names the main class behind each script of Kafka's bin folder,
// newest home first: the classes moved from the core jar to the tools jar over
// the releases.
var toolClasses = map[string][]string{
	"kafka-acls":                     {"org.apache.kafka.tools.AclCommand", "kafka.admin.AclCommand"},
	"kafka-broker-api-versions":      {"org.apache.kafka.tools.BrokerApiVersionsCommand", "kafka.admin.BrokerApiVersionsCommand"},
	"kafka-cluster":                  {"org.apache.kafka.tools.ClusterTool", "kafka.tools.ClusterTool"},
	"kafka-configs":                  {"org.apache.kafka.tools.ConfigCommand", "kafka.admin.ConfigCommand"},
	"kafka-console-consumer":         {"org.apache.kafka.tools.consumer.ConsoleConsumer", "kafka.tools.ConsoleConsumer"},
	"kafka-console-producer":         {"org.apache.kafka.tools.ConsoleProducer", "kafka.tools.ConsoleProducer"},
	"kafka-console-share-consumer":   {"org.apache.kafka.tools.consumer.ConsoleShareConsumer"},
	"kafka-consumer-groups":          {"org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "kafka.admin.ConsumerGroupCommand"},
	"kafka-consumer-perf-test":       {"org.apache.kafka.tools.ConsumerPerformance", "kafka.tools.ConsumerPerformance"},
	"kafka-delete-records":           {"org.apache.kafka.tools.DeleteRecordsCommand", "kafka.admin.DeleteRecordsCommand"},
	"kafka-features":                 {"org.apache.kafka.tools.FeatureCommand", "kafka.admin.FeatureCommand"},
	"kafka-get-offsets":              {"org.apache.kafka.tools.GetOffsetShell", "kafka.tools.GetOffsetShell"},
	"kafka-groups":                   {"org.apache.kafka.tools.GroupsCommand"},
	"kafka-leader-election":          {"org.apache.kafka.tools.LeaderElectionCommand", "kafka.admin.LeaderElectionCommand"},
	"kafka-log-dirs":                 {"org.apache.kafka.tools.LogDirsCommand", "kafka.admin.LogDirsCommand"},
	"kafka-metadata-quorum":          {"org.apache.kafka.tools.MetadataQuorumCommand", "kafka.admin.MetadataQuorumCommand"},
	"kafka-producer-perf-test":       {"org.apache.kafka.tools.ProducerPerformance"},
	"kafka-reassign-partitions":      {"org.apache.kafka.tools.reassign.ReassignPartitionsCommand", "kafka.admin.ReassignPartitionsCommand"},
	"kafka-share-consumer-perf-test": {"org.apache.kafka.tools.ShareConsumerPerformance"},
	"kafka-share-groups":             {"org.apache.kafka.tools.consumer.group.ShareGroupCommand"},
	"kafka-topics":                   {"org.apache.kafka.tools.TopicCommand", "kafka.admin.TopicCommand"},
	"kafka-transactions":             {"org.apache.kafka.tools.TransactionsCommand"},
	"kafka-verifiable-consumer":      {"org.apache.kafka.tools.VerifiableConsumer"},
	"kafka-verifiable-producer":      {"org.apache.kafka.tools.VerifiableProducer"},
}

// ErrNoTool says that a release does not have the tool that was asked for.
var ErrNoTool = errors.New("the release does not have this tool")

// Tool runs one of Kafka's command-line tools, named as its script without the
// ".sh", and returns what it printed. Release tells which one, not the brokers'.
func Tool(t testing.TB, release, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return ToolInput(t, release, nil, name, args...)
}

// ToolInput is Tool with a standard input.
func ToolInput(t testing.TB, release string, stdin io.Reader, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), toolTimeout)
	defer cancel()
	return RunTool(ctx, release, stdin, name, args...)
}

// RunTool is Tool outside a test. The error of a tool that ended with another
// status than 0 is an *exec.ExitError with the end of its standard error.
func RunTool(ctx context.Context, release string, stdin io.Reader, name string, args ...string) (stdout, stderr string, err error) {
	command, err := ToolCommand(ctx, release, name, args...)
	if err != nil {
		return "", "", err
	}
	return RunJava(ctx, stdin, command...)
}

// ToolCommand returns the arguments that run a tool with "java", for a caller
// that starts the process itself.
func ToolCommand(ctx context.Context, version, name string, args ...string) ([]string, error) {
	jars, err := Jars(ctx, version)
	if err != nil {
		return nil, err
	}
	class, err := toolClass(jars, name)
	if err != nil {
		return nil, fmt.Errorf("kafkatest: tool %s of %s: %w", name, version, err)
	}
	command := append([]string{"-Xmx256m"}, jvmFlags(version, jars)...)
	command = append(command, "-cp", filepath.Join(jars, "*"), class)
	return append(command, args...), nil
}

func toolClass(jars, name string) (string, error) {
	classes, ok := toolClasses[name]
	if !ok {
		return "", fmt.Errorf("unknown, one of %s is meant", strings.Join(toolNames(), ", "))
	}
	for _, class := range classes {
		found, err := hasClass(jars, class)
		if err != nil {
			return "", err
		}
		if found {
			return class, nil
		}
	}
	return "", ErrNoTool
}

func toolNames() []string {
	names := make([]string, 0, len(toolClasses))
	for name := range toolClasses {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// RunJava runs "java" with arguments, ends it with ctx, and returns both
// outputs.
func RunJava(ctx context.Context, stdin io.Reader, args ...string) (stdout, stderr string, err error) {
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(ctx, "java", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errOut
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return out.String(), errOut.String(), fmt.Errorf("kafkatest: java: %w: %s", err, tail(errOut.Bytes(), 1500))
	}
	return out.String(), errOut.String(), nil
}
