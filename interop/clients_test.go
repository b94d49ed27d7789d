package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/interop/clients"
)

const (
	// clientsFolder is where the walks and the lists of packages lie.
	clientsFolder = "clients"
	// clientPatience bounds one run of a client program.
	clientPatience = 90 * time.Second
	// walkRecords and walkLarge are what the walks write per codec and at once.
	walkRecords, walkLarge = 100, 5_000_000
)

// codecs are the names that all clients have for what is in the three lowest
// bits of a batch's attributes.
var codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// Clients in other languages have a stage of their own: they are many short
// runs that need no second look at a release's other tests.
func TestClients352(t *testing.T) { testClientsOf(t, kafkatest.Kafka352) }

func TestClients440(t *testing.T) { testClientsOf(t, kafkatest.Kafka440) }

func testClientsOf(t *testing.T, version string) {
	kafkatest.Require(t, version)
	t.Parallel()
	testClients(t, newStage(t, version, version))
}

// testClients runs every client that this machine has; the newest brokers see
// all, the oldest the oldest client.
func testClients(t *testing.T, s *stage) {
	t.Run("kcat", func(t *testing.T) { testKcat(t, s) })
	if !s.is440() {
		return
	}
	both := []string{"cluster", "topics", "none", "gzip"}
	for _, w := range []struct {
		name    string
		program func(context.Context, string) (clients.Program, error)
		steps   []string
	}{
		{"kafkajs", clients.KafkaJS, append(both[:4:4], "large", "classic", "transaction")},
		{"kafka-python", clients.KafkaPython, append(both[:4:4], "snappy", "lz4", "large", "classic", "transaction")},
		{"confluent-kafka", clients.Confluent, append(both[:4:4], "snappy", "lz4", "zstd", "large", "classic", "consumer", "transaction")},
	} {
		t.Run(w.name, func(t *testing.T) {
			program := present(t)(w.program(t.Context(), clientsFolder))
			testWalk(t, s, program, w.steps)
			testWalkRefused(t, s, program)
		})
	}
	t.Run("LeaderChange", func(t *testing.T) {
		testLeaderChange(t, s, present(t)(clients.Confluent(t.Context(), clientsFolder)))
	})
}

// present leaves the test out when the machine lacks the client.
func present(t *testing.T) func(clients.Program, error) clients.Program {
	return func(p clients.Program, err error) clients.Program {
		t.Helper()
		if errors.Is(err, clients.ErrMissing) {
			kafkatest.LeaveOut(t, err.Error())
		}
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// testWalk runs a walk with CN=alice and looks at what it left on the brokers.
func testWalk(t *testing.T, s *stage, program clients.Program, steps []string) {
	topic := "walk-" + program.Name
	written := 0
	var want []string
	for _, step := range steps {
		saw := fmt.Sprintf("%d records", walkRecords)
		switch step {
		case "cluster":
			saw = s.javaNodes()
		case "topics":
			saw = topic + " with 3 partitions"
		case "large":
			saw = fmt.Sprintf("%d bytes", walkLarge)
			written++
		case "classic", "consumer":
			saw = fmt.Sprintf("%d records, %d committed", written, written)
		case "transaction":
			saw = "10 committed records"
		default:
			written += walkRecords
		}
		want = append(want, step+": "+saw)
	}
	ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
	defer cancel()
	out, errOut, err := program.Run(ctx, nil, s.walkArguments(topic, strings.Join(steps, ","))...)
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, errOut)
	}
	if got := lines(out); !slices.Equal(got, want) {
		t.Errorf("printed\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s.wantsCommitted(t, topic+"-classic", written)
	for _, r := range s.stored(t, topic, written) {
		of := "none"
		for _, h := range r.Headers {
			of = string(h.Value)
		}
		if got := codecs[r.Attrs.CompressionType()]; got != of && string(r.Key) != "large" {
			t.Fatalf("record %s is stored with %s, want %s", r.Key, got, of)
		}
	}
}

// walkArguments are those of every walk, with the certificate of CN=alice.
func (s *stage) walkArguments(topic, steps string) []string {
	return []string{s.bootstrap(), s.files.CAPEM, s.files.CertPEM, s.files.KeyPEM, topic, steps}
}

// refusal is what a TLS library says of an alert, whatever its language. The
// brokers' alert has another number than the gateway's.
var refusal = regexp.MustCompile(`(?i)alert (certificate required|bad certificate)`)

// testWalkRefused comes without a certificate and must be told so.
func testWalkRefused(t *testing.T, s *stage, program clients.Program) {
	ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
	defer cancel()
	out, errOut, err := program.Run(ctx, nil, s.bootstrap(), s.files.CAPEM, "", "", "refused", "cluster")
	wantsRefusal(t, out, errOut, err)
}

func wantsRefusal(t *testing.T, out, errOut string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("without a certificate: answered\n%s%s", out, errOut)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a certificate: neither answered nor refused in %v\n%s%s", clientPatience, out, errOut)
	}
	if !refusal.MatchString(errOut) {
		t.Errorf("without a certificate: nothing matches %q in\n%s%s", refusal, out, errOut)
	}
}

// stored reads all n records of a topic from the brokers, as they lie there:
// a record's attributes are those of its batch.
func (s *stage) stored(t *testing.T, topic string, n int) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client := s.direct(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var records []*kgo.Record
	for len(records) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d records of %d in %s: %v", len(records), n, topic, err)
		}
		records = append(records, fetches.Records()...)
	}
	if len(records) != n {
		t.Fatalf("%d records in %s, want %d", len(records), topic, n)
	}
	return records
}

// wantsCommitted asks the brokers how many records a group has committed.
func (s *stage) wantsCommitted(t *testing.T, group string, n int) {
	t.Helper()
	offsets, err := kadm.NewClient(s.direct(t)).FetchOffsets(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	offsets.Each(func(o kadm.OffsetResponse) { sum += o.At })
	if sum != int64(n) {
		t.Errorf("group %s has committed %d records, want %d", group, sum, n)
	}
}

// kcat runs kcat with CN=alice and fails the test when it fails.
func (s *stage) kcat(t *testing.T, kcat clients.Program, input string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
	defer cancel()
	args = append([]string{
		"-b", s.bootstrap(), "-X", "security.protocol=ssl", "-X", "ssl.ca.location=" + s.files.CAPEM,
		"-X", "ssl.certificate.location=" + s.files.CertPEM, "-X", "ssl.key.location=" + s.files.KeyPEM,
	}, args...)
	out, errOut, err := kcat.Run(ctx, strings.NewReader(input), args...)
	if err != nil {
		t.Fatalf("kcat %s: %v\n%s%s", strings.Join(args, " "), err, out, errOut)
	}
	return out
}

// testKcat drives the oldest librdkafka that people have: a gateway that
// offers Produce from version 3 only would have it send uncompressed batches.
func testKcat(t *testing.T, s *stage) {
	kcat := present(t)(clients.Kcat())
	topic := "kcat"
	s.makeTopic(t, topic, int32(len(codecs)), "max.message.bytes", "12000000")
	t.Run("Metadata", func(t *testing.T) { testKcatMetadata(t, s, kcat, topic) })
	t.Run("Codecs", func(t *testing.T) { testKcatCodecs(t, s, kcat, topic) })
	t.Run("Group", func(t *testing.T) { testKcatGroup(t, s, kcat, topic) })
	t.Run("Large", func(t *testing.T) { testKcatLarge(t, s, kcat, topic) })
	t.Run("Transaction", func(t *testing.T) { testKcatTransaction(t, s, kcat, topic) })
	t.Run("Refused", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
		defer cancel()
		out, errOut, err := kcat.Run(ctx, nil, "-b", s.bootstrap(), "-X", "security.protocol=ssl",
			"-X", "ssl.ca.location="+s.files.CAPEM, "-m", "3", "-L")
		wantsRefusal(t, out, errOut, err)
	})
}

func testKcatMetadata(t *testing.T, s *stage, kcat clients.Program, topic string) {
	var listed struct {
		Brokers []struct {
			ID   int    `json:"id"`
			Name string `json:"name"`
		} `json:"brokers"`
		Topics []struct {
			Topic      string            `json:"topic"`
			Partitions []json.RawMessage `json:"partitions"`
		} `json:"topics"`
	}
	if err := json.Unmarshal([]byte(s.kcat(t, kcat, "", "-L", "-J")), &listed); err != nil {
		t.Fatal(err)
	}
	var nodes []string
	for _, b := range listed.Brokers {
		nodes = append(nodes, fmt.Sprintf("%d@%s", b.ID, b.Name))
	}
	slices.Sort(nodes)
	if got := strings.Join(nodes, " "); got != s.javaNodes() {
		t.Errorf("brokers %s, want %s", got, s.javaNodes())
	}
	for _, known := range listed.Topics {
		if known.Topic == topic && len(known.Partitions) == len(codecs) {
			return
		}
	}
	t.Errorf("topic %s with %d partitions is not among %v", topic, len(codecs), listed.Topics)
}

// testKcatCodecs writes with each codec to a partition of its own, reads it
// back, and looks at how it lies on the brokers.
func testKcatCodecs(t *testing.T, s *stage, kcat clients.Program, topic string) {
	for partition, codec := range codecs {
		var input strings.Builder
		for i := range walkRecords {
			fmt.Fprintf(&input, "key-%d:value-%d %s\n", i, i, strings.Repeat("x", 200))
		}
		p := strconv.Itoa(partition)
		s.kcat(t, kcat, input.String(), "-P", "-t", topic, "-p", p, "-K:", "-z", codec,
			"-H", "of="+codec, "-X", "enable.idempotence=true")
		out := s.kcat(t, kcat, "", "-C", "-t", topic, "-p", p, "-K:", "-o", "beginning", "-e", "-q")
		if out != input.String() {
			t.Errorf("%s: read %d bytes that are not the %d written", codec, len(out), input.Len())
		}
		out = s.kcat(t, kcat, "", "-Q", "-t", topic+":"+p+":-1")
		if want := fmt.Sprintf("%s [%s] offset %d", topic, p, walkRecords); strings.TrimSpace(out) != want {
			t.Errorf("%s: offsets %q, want %q", codec, out, want)
		}
	}
	for _, r := range s.stored(t, topic, len(codecs)*walkRecords) {
		if got, want := codecs[r.Attrs.CompressionType()], codecs[r.Partition]; got != want {
			t.Fatalf("record %s of partition %d is stored with %s, want %s", r.Key, r.Partition, got, want)
		}
	}
}

// testKcatGroup reads everything in a group that commits, then nothing more.
func testKcatGroup(t *testing.T, s *stage, kcat clients.Program, topic string) {
	written := len(codecs) * walkRecords
	read := func() []string {
		return lines(s.kcat(t, kcat, "", "-G", "kcat-group", "-X", "auto.offset.reset=earliest",
			"-f", "%h %k\n", "-e", "-q", topic))
	}
	got := map[string]int{}
	for _, line := range read() {
		got[line]++
	}
	if len(got) != written || got["of=zstd key-99"] != 1 {
		t.Errorf("%d different records, want %d", len(got), written)
	}
	s.wantsCommitted(t, "kcat-group", written)
	if again := strings.TrimSpace(strings.Join(read(), "\n")); again != "" {
		t.Errorf("read again after the commit: %q", again)
	}
}

// testKcatLarge sends a file as one record.
func testKcatLarge(t *testing.T, s *stage, kcat clients.Program, topic string) {
	content := bytes.Repeat([]byte("0123456789"), walkLarge/10)
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s.kcat(t, kcat, "", "-P", "-t", topic, "-p", "0", "-X", "message.max.bytes=10000000", path)
	out := s.kcat(t, kcat, "", "-C", "-t", topic, "-p", "0", "-o", "-1", "-c", "1", "-e", "-q",
		"-X", "fetch.message.max.bytes=10000000", "-D", "")
	if out != string(content) {
		t.Errorf("read %d bytes that are not the %d written", len(out), len(content))
	}
}

// testKcatTransaction writes in a transaction, for the coordinator's address.
func testKcatTransaction(t *testing.T, s *stage, kcat clients.Program, topic string) {
	s.kcat(t, kcat, "in a transaction\n", "-P", "-t", topic, "-p", "1", "-X", "transactional.id=kcat")
	out := s.kcat(t, kcat, "", "-C", "-t", topic, "-p", "1", "-o", strconv.Itoa(walkRecords), "-e", "-q",
		"-X", "isolation.level=read_committed")
	if out != "in a transaction\n" {
		t.Errorf("read %q", out)
	}
}

// testLeaderChange moves the leader of a partition between the turns of a
// client that hears of it from the answer to its next request (KIP-951): the
// new leader's address must be one it can reach.
func testLeaderChange(t *testing.T, s *stage, program clients.Program) {
	topic := "walk-" + program.Name
	s.makeTopic(t, topic+"-leader", 1)
	ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
	defer cancel()
	answers, asks := io.Pipe()
	said, says := io.Pipe()
	ended := make(chan error, 1)
	var errOut string
	go func() {
		var err error
		errOut, err = program.Talk(ctx, answers, says, s.walkArguments(topic, "leader")...)
		_ = answers.Close() // so that nobody writes to the dead
		_ = says.Close()
		ended <- err
	}()
	scanner := bufio.NewScanner(said)
	for turn := 0; scanner.Scan(); turn++ {
		if line := scanner.Text(); line != fmt.Sprintf("turn %d", turn) {
			if line != "leader: 3 turns" {
				t.Errorf("said %q", line)
			}
			break
		}
		s.moveLeader(t, topic+"-leader")
		if _, err := io.WriteString(asks, "on\n"); err != nil {
			t.Error(err)
			break
		}
	}
	_ = asks.Close()
	_, _ = io.Copy(io.Discard, said)
	if err := <-ended; err != nil {
		t.Errorf("%v\n%s", err, errOut)
	}
	for _, who := range []string{"producer", "consumer"} {
		if told := "METADATAUPDATE.*#" + who + ".*updated with leader"; !regexp.MustCompile(told).MatchString(errOut) {
			heard := regexp.MustCompile(".*(REQERR|METADATAUPDATE| Leader ).*").FindAllString(errOut, -1)
			t.Errorf("the %s was not told of a new leader: nothing matches %q in\n%s", who, told, strings.Join(heard, "\n"))
		}
	}
	if !direct {
		s.wantsNoBrokerIn(t, errOut)
	}
}

// wantsNoBrokerIn looks for the brokers' own ports in what a client logged.
func (s *stage) wantsNoBrokerIn(t *testing.T, log string) {
	t.Helper()
	for _, b := range s.cluster.Brokers() {
		for _, address := range []string{b.Addr(), b.AddrTLS()} {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				t.Fatal(err)
			}
			if line := regexp.MustCompile(".*:" + port + `\b.*`).FindString(log); line != "" {
				t.Errorf("the client was told of broker %d at its own port:\n%s", b.ID, line)
			}
		}
	}
}

// moveLeader makes the next replica of partition 0 its leader.
func (s *stage) moveLeader(t *testing.T, topic string) {
	t.Helper()
	client := kadm.NewClient(s.direct(t))
	now := s.partition(t.Context(), t, topic)
	if now.Err != nil {
		t.Fatal(now.Err)
	}
	at := slices.Index(now.Replicas, now.Leader)
	order := append(slices.Clone(now.Replicas[at+1:]), now.Replicas[:at+1]...)
	var moved kadm.AlterPartitionAssignmentsReq
	moved.Assign(topic, 0, order)
	answers, err := client.AlterPartitionAssignments(t.Context(), moved)
	if err := errors.Join(err, answers.Error()); err != nil {
		t.Fatal(err)
	}
	await(t, fmt.Sprintf("broker %d is elected for %s", order[0], topic), patience, func(ctx context.Context) error {
		if p := s.partition(ctx, t, topic); p.Leader == order[0] {
			return nil
		}
		_, err := client.ElectLeaders(ctx, kadm.ElectPreferredReplica, kadm.TopicsSet{topic: {0: {}}})
		return errors.Join(errors.New("not yet"), err)
	})
	for _, b := range s.cluster.Brokers() {
		await(t, fmt.Sprintf("broker %d knows the new leader of %s", b.ID, topic), patience, func(ctx context.Context) error {
			if leader, err := s.leaderAt(ctx, t, b, topic); err != nil || leader != order[0] {
				return fmt.Errorf("it says %d, %w", leader, err)
			}
			return nil
		})
	}
}

// leaderAt asks one broker who leads partition 0.
func (s *stage) leaderAt(ctx context.Context, t *testing.T, b *kafkatest.Broker, topic string) (int32, error) {
	t.Helper()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{{Topic: &topic}}
	answer, err := s.direct(t).Broker(b.ID).RetriableRequest(ctx, request)
	if err != nil {
		return -1, err
	}
	partitions := answer.(*kmsg.MetadataResponse).Topics[0].Partitions
	if len(partitions) == 0 {
		return -1, nil
	}
	return partitions[0].Leader, nil
}
