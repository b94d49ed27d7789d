package interop

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

// configFlag is the option by which a tool of a release takes client.config.
func configFlag(release, name string) string {
	switch {
	case name == "kafka-console-producer":
		return "--producer.config"
	case name == "kafka-console-consumer", name == "kafka-consumer-perf-test":
		return "--consumer.config"
	case name == "kafka-leader-election" && release == kafkatest.Kafka352:
		return "--admin.config"
	default:
		return "--command-config"
	}
}

// toolInput runs a tool through the door, its standard input given, and fails
// the test when it fails. It returns the standard output.
func (s *stage) toolInput(t *testing.T, release, input, name string, args ...string) string {
	t.Helper()
	args = append([]string{"--bootstrap-server", s.bootstrap(), configFlag(release, name), s.config}, args...)
	out, errOut, err := kafkatest.ToolInput(t, release, strings.NewReader(input), name, args...)
	if err != nil {
		t.Fatalf("%s %s of %s: %v\n%s%s", name, strings.Join(args, " "), release, err, out, errOut)
	}
	return out
}

// wants fails the test when the output lacks one of the patterns.
func wants(t *testing.T, what, output string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile("(?m)" + p).MatchString(output) {
			t.Errorf("%s: nothing matches %q in\n%s", what, p, output)
		}
	}
}

// testTools drives every published set of command-line tools.
func testTools(t *testing.T, s *stage) {
	for _, release := range []string{kafkatest.Tools282, kafkatest.Kafka352, kafkatest.Tools430} {
		t.Run(release, func(t *testing.T) {
			topic := "tools-" + release
			testToolsTopics(t, s, release, topic)
			testToolsRecords(t, s, release, topic)
			if release != kafkatest.Tools282 {
				testToolsCluster(t, s, release, topic)
			}
			out := s.tool(t, release, "kafka-topics", "--delete", "--topic", topic)
			if strings.TrimSpace(out) != "" {
				t.Errorf("delete printed %q, want nothing", out)
			}
		})
	}
}

// testToolsTopics makes and describes a topic and changes its settings.
func testToolsTopics(t *testing.T, s *stage, release, topic string) {
	out := s.tool(t, release, "kafka-topics", "--create", "--if-not-exists", "--topic", topic,
		"--partitions", "6", "--replication-factor", "2")
	wants(t, "create", out, `^Created topic `+topic+`\.$`)
	out = s.tool(t, release, "kafka-topics", "--describe", "--topic", topic)
	wants(t, "describe", out, `PartitionCount: 6`, `ReplicationFactor: 2`, `Partition: 5\s+Leader: [123]`)
	out = s.tool(t, release, "kafka-configs", "--alter", "--entity-type", "topics", "--entity-name", topic,
		"--add-config", "retention.ms=7654321")
	wants(t, "alter configuration", out, `^Completed updating config for topic `+topic+`\.$`)
	out = s.tool(t, release, "kafka-configs", "--describe", "--entity-type", "topics", "--entity-name", topic)
	wants(t, "describe configuration", out, `retention\.ms=7654321`)
}

// testToolsRecords writes and reads by the console tools and a group.
func testToolsRecords(t *testing.T, s *stage, release, topic string) {
	var input strings.Builder
	for i := range 50 {
		fmt.Fprintf(&input, "key-%d:value-%d\n", i, i)
	}
	s.toolInput(t, release, input.String(), "kafka-console-producer", "--topic", topic,
		"--property", "parse.key=true", "--property", "key.separator=:", "--compression-codec", "lz4")
	group := "group-" + topic
	out := s.tool(t, release, "kafka-console-consumer", "--topic", topic, "--from-beginning", "--group", group,
		"--max-messages", "50", "--timeout-ms", "30000")
	wants(t, "consume", out, `^value-0$`, `^value-49$`)
	if n := strings.Count(out, "value-"); n != 50 {
		t.Errorf("consumed %d records, want 50", n)
	}
	out = s.tool(t, release, "kafka-consumer-groups", "--describe", "--group", group)
	wants(t, "describe group", out, group+`\s+`+regexp.QuoteMeta(topic)+`\s+0\s+\d+\s+\d+\s+0`)
	out = s.tool(t, release, "kafka-consumer-groups", "--list")
	wants(t, "list groups", out, "^"+regexp.QuoteMeta(group)+"$")
}

// testToolsCluster asks what only tools since 3.5 can ask over TLS.
func testToolsCluster(t *testing.T, s *stage, release, topic string) {
	out := s.tool(t, release, "kafka-get-offsets", "--topic", topic)
	wants(t, "offsets", out, "^"+regexp.QuoteMeta(topic)+`:5:\d+$`)
	if release != s.tools {
		return // the rest once, with the tools that belong to the brokers
	}
	out = s.tool(t, release, "kafka-metadata-quorum", "describe", "--status")
	wants(t, "quorum", out, `^LeaderId:\s+[123]$`, `^CurrentVoters:.*1.*2.*3`)
	out = s.tool(t, release, "kafka-broker-api-versions")
	for _, id := range []int{1, 2, 3} {
		wants(t, "API versions", out, fmt.Sprintf(`^localhost:\d+ \(id: %d rack: null.*\) -> \($`, id))
		if !direct {
			wants(t, "API versions", out, fmt.Sprintf(`^localhost:%d \(id: %d `, s.one.brokerPort(id), id))
		}
	}
	out = s.tool(t, release, "kafka-features", "describe")
	wants(t, "features", out, `metadata\.version`)
	out = s.tool(t, release, "kafka-log-dirs", "--describe", "--topic-list", topic)
	wants(t, "log folders", out, `"broker":1`, `"broker":3`, regexp.QuoteMeta(topic)+`-5`)
	out = s.tool(t, release, "kafka-leader-election", "--election-type", "PREFERRED", "--topic", topic, "--partition", "0")
	wants(t, "leader election", out, `(?i)valid replica already elected|completed`)
	testToolsPerformance(t, s, release, topic)
}

// testToolsPerformance runs the load tools for a moment, for what they send
// and not for how fast.
func testToolsPerformance(t *testing.T, s *stage, release, topic string) {
	out, errOut, err := kafkatest.Tool(t, release, "kafka-producer-perf-test", "--topic", topic,
		"--num-records", "20000", "--record-size", "1000", "--throughput", "-1", "--producer.config", s.config,
		"--producer-props", "bootstrap.servers="+s.bootstrap(), "acks=all", "compression.type=zstd")
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, errOut)
	}
	wants(t, "produce", out, `^20000 records sent`)
	out = s.tool(t, release, "kafka-consumer-perf-test", "--topic", topic, "--messages", "20000", "--timeout", "30000")
	wants(t, "consume", out, `, 20\d{3}, `)
}
