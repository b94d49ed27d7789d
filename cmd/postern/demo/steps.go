package demo

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	topicName         = "foo"
	topicPartitions   = 10
	topicReplication  = 1
	recordCount       = 100
	groupName         = "postern-demo"
	mappingsPath      = "/admin/userMappings/v1"
	adminUser         = "admin"
	adminPassword     = "conduktor"
	stateTopicPrefix  = "_conduktor_gateway_"
	stateTopicCount   = 11
	maxAnswerBytes    = 64 << 10
	handshakeDeadline = 10 * time.Second
	// fetchWait is how long a broker may hold a fetch it has nothing for; the
	// group is left only after the last one.
	fetchWait = 250 * time.Millisecond
)

// steps returns the demo. What is run and what is printed to be repeated by
// hand stand side by side.
func (w *walk) steps() []step {
	config := shellQuote(w.dir.path(fileClientConfig))
	kcat := "kcat -F " + shellQuote(w.dir.path(fileKcatConfig))
	java := func(tool string, args ...string) string {
		return strings.Join(append([]string{tool, "--bootstrap-server", w.bootstrap()}, args...), " ")
	}
	return []step{
		{"A client without a certificate is refused", w.refused, []string{
			"kcat -b " + w.bootstrap() + " -X security.protocol=ssl -X ssl.ca.location=" + shellQuote(w.dir.path(fileCertificate)) + " -L",
			"curl --tls-max 1.2 --cacert " + shellQuote(w.dir.path(fileCertificate)) + " https://" + w.bootstrap(),
		}},
		{"The certificate's subject is mapped to a user", w.mapUser, []string{
			"curl --silent --request DELETE --user \"" + adminUser + ":" + adminPassword + "\" '" + w.admin() + mappingsPath + "/username/" + principal + "'",
			"curl --silent --request POST '" + w.admin() + mappingsPath + "' \\\n" +
				"    --header \"Content-Type: application/json\" --user \"" + adminUser + ":" + adminPassword + "\" \\\n" +
				"    --data \"@" + w.dir.path(fileMapping) + "\"",
			"curl --silent --user \"" + adminUser + ":" + adminPassword + "\" '" + w.admin() + mappingsPath + "'",
		}},
		{"The gateway stands for every broker", w.brokersSeen, []string{
			kcat + " -L",
			java("kafka-broker-api-versions", "--command-config", config),
		}},
		{"Topic foo is created through the gateway", w.create, []string{
			java("kafka-topics", "--command-config", config, "--replication-factor 1 --partitions 10 \\\n    --create --if-not-exists --topic foo"),
			java("kafka-topics", "--command-config", config, "--describe --topic foo"),
		}},
		{"Records are produced through the gateway", w.produce, []string{
			"echo hello | " + kcat + " -P -t foo",
			"echo hello | " + java("kafka-console-producer", "--producer.config", config, "--topic foo"),
		}},
		{"Records are consumed through the gateway, by a consumer group", w.consume, []string{
			kcat + " -C -t foo -o beginning -e",
			java("kafka-console-consumer", "--consumer.config", config, "--topic foo --from-beginning --max-messages 100"),
			java("kafka-consumer-groups", "--command-config", config, "--describe --group "+groupName),
		}},
		{"Topics listed through the gateway and directly are the same", w.list, []string{
			java("kafka-topics", "--command-config", config, "--list"),
			"kafka-topics --bootstrap-server " + w.brokers() + " --list",
		}},
	}
}

// refused opens TLS without a client certificate. With TLS 1.3 the client's
// handshake is over before the server has looked, so the alert comes with the
// first read. The request is there to be answered by a gateway that lets the
// client in.
func (w *walk) refused(ctx context.Context) (string, error) {
	const want = "a TLS alert from the gateway"
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: handshakeDeadline}, Config: w.id.clientTLS(false)}
	conn, err := dialer.DialContext(ctx, "tcp", w.bootstrap())
	if err == nil {
		defer conn.Close()
		if deadline, ok := ctx.Deadline(); ok {
			err = conn.SetDeadline(deadline)
		}
		if err == nil {
			// Whether it still gets out does not matter; what comes back does.
			_, _ = conn.Write(anyRequest)
			_, err = conn.Read(make([]byte, 1))
		}
	}
	var op *net.OpError
	switch {
	case err == nil:
		return "", &Unexpected{Want: want, Got: "an answer to a Kafka request"}
	case errors.As(err, &op) && op.Op == "remote error":
		return err.Error(), nil
	default:
		return "", &Unexpected{Want: want, Err: err}
	}
}

// anyRequest is an ApiVersions v0 request, size prefix included: correlation id
// 1, no client id.
var anyRequest = []byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff}

// mapUser posts the founding demo's mapping and reads the list back.
func (w *walk) mapUser(ctx context.Context) (string, error) {
	const want = `201 {"message":"User mapping is created"}`
	status, body, err := w.call(ctx, http.MethodPost, mappingBody)
	if err != nil {
		return "", orUnexpected(want, err)
	}
	if got := fmt.Sprintf("%d %s", status, body); got != want {
		return "", &Unexpected{Want: want, Got: got}
	}
	seen := body

	status, body, err = w.call(ctx, http.MethodGet, "")
	if err != nil {
		return "", orUnexpected("a list of usernames", err)
	}
	var names []string
	if err := json.Unmarshal([]byte(body), &names); err != nil || status != http.StatusOK || len(names) != 1 || names[0] != principal {
		return "", &Unexpected{Want: `200 ["` + principal + `"]`, Got: fmt.Sprintf("%d %s", status, body)}
	}
	return seen + "\nusers: " + strings.Join(names, ", "), nil
}

// call sends one request to the mappings and returns status and body.
func (w *walk) call(ctx context.Context, method, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, w.admin()+mappingsPath, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.SetBasicAuth(adminUser, adminPassword)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	return resp.StatusCode, strings.TrimSpace(string(answer)), err
}

// brokersSeen asks for the brokers and compares their addresses.
func (w *walk) brokersSeen(ctx context.Context) (string, error) {
	var want []string
	for _, id := range brokerIDs {
		want = append(want, fmt.Sprintf("broker %d at localhost:%d", id, w.o.GatewayPort+int(id)))
	}
	expected := strings.Join(want, ", ")
	cl, err := w.through()
	if err != nil {
		return "", err
	}
	defer cl.Close()
	brokers, err := kadm.NewClient(cl).ListBrokers(ctx)
	if err != nil {
		return "", orUnexpected(expected, err)
	}
	var got []string
	for _, b := range brokers {
		got = append(got, fmt.Sprintf("broker %d at %s:%d", b.NodeID, b.Host, b.Port))
	}
	if seen := strings.Join(got, ", "); seen != expected {
		return "", &Unexpected{Want: expected, Got: seen}
	}
	return expected, nil
}

// create makes topic foo.
func (w *walk) create(ctx context.Context) (string, error) {
	cl, err := w.through()
	if err != nil {
		return "", err
	}
	defer cl.Close()
	got, err := kadm.NewClient(cl).CreateTopic(ctx, topicPartitions, topicReplication, nil, topicName)
	want := fmt.Sprintf("topic %s with %d partitions", topicName, topicPartitions)
	if err != nil {
		return "", orUnexpected(want, err)
	}
	if got.NumPartitions != topicPartitions {
		return "", &Unexpected{Want: want, Got: fmt.Sprintf("%d partitions", got.NumPartitions)}
	}
	return fmt.Sprintf("created topic %s: %d partitions, replication factor %d", topicName, got.NumPartitions, got.ReplicationFactor), nil
}

// produce writes records to all partitions, so that every broker has some.
func (w *walk) produce(ctx context.Context) (string, error) {
	cl, err := w.through(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return "", err
	}
	defer cl.Close()
	records := make([]*kgo.Record, recordCount)
	for i := range records {
		records[i] = &kgo.Record{Topic: topicName, Partition: int32(i % topicPartitions), Value: []byte(message(i))}
	}
	want := fmt.Sprintf("%d records acknowledged by all replicas", recordCount)
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return "", orUnexpected(want, err)
	}
	return want, nil
}

// consume reads them back as a group and commits.
func (w *walk) consume(ctx context.Context) (string, error) {
	cl, err := w.through(kgo.ConsumerGroup(groupName), kgo.ConsumeTopics(topicName),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(),
		kgo.FetchMaxWait(fetchWait))
	if err != nil {
		return "", err
	}
	defer cl.Close()
	want := fmt.Sprintf("the %d records that were produced, each once", recordCount)
	seen := make(map[string]int, recordCount)
	for n := 0; n < recordCount; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return "", &Unexpected{Want: want, Got: fmt.Sprintf("%d records", n), Err: err}
		}
		fetches.EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++; n++ })
	}
	for i := range recordCount {
		if got := seen[message(i)]; got != 1 {
			return "", &Unexpected{Want: want, Got: fmt.Sprintf("%q %d times", message(i), got)}
		}
	}
	if err := cl.CommitUncommittedOffsets(ctx); err != nil {
		return "", orUnexpected("the group's offsets committed", err)
	}
	return want + "; offsets committed", nil
}

// message is the value of record i.
func message(i int) string { return fmt.Sprintf("message %d", i) }

// list compares the topics of both sides.
func (w *walk) list(ctx context.Context) (string, error) {
	cl, err := w.through()
	if err != nil {
		return "", err
	}
	defer cl.Close()
	through, err := topicNames(ctx, cl)
	if err != nil {
		return "", orUnexpected("topics through the gateway", err)
	}
	direct, err := kgo.NewClient(kgo.SeedBrokers(brokerAddresses(w.o.BrokerPort)...))
	if err != nil {
		return "", err
	}
	defer direct.Close()
	directly, err := topicNames(ctx, direct)
	if err != nil {
		return "", orUnexpected("topics at the brokers", err)
	}
	if a, b := strings.Join(through, " "), strings.Join(directly, " "); a != b {
		return "", &Unexpected{Want: "the list of the brokers: " + b, Got: a}
	}
	return fmt.Sprintf("the same %d topics on both sides:\n%s", len(through), strings.Join(through, "\n")), w.expectTopics(through)
}

// expectTopics wants foo and the gateway's own topics among names.
func (w *walk) expectTopics(names []string) error {
	own, foo := 0, false
	for _, n := range names {
		foo = foo || n == topicName
		if strings.HasPrefix(n, stateTopicPrefix) {
			own++
		}
	}
	if !foo || own != stateTopicCount {
		return &Unexpected{
			Want: fmt.Sprintf("topic %s and %d topics called %s…", topicName, stateTopicCount, stateTopicPrefix),
			Got:  strings.Join(names, " "),
		}
	}
	return nil
}

// topicNames lists every topic, sorted.
func topicNames(ctx context.Context, cl *kgo.Client) ([]string, error) {
	details, err := kadm.NewClient(cl).ListTopicsWithInternal(ctx)
	if err != nil {
		return nil, err
	}
	return details.Names(), details.Error()
}

// through returns a client of the gateway that shows the certificate.
func (w *walk) through(more ...kgo.Opt) (*kgo.Client, error) {
	opts := []kgo.Opt{kgo.SeedBrokers(w.bootstrap()), kgo.DialTLSConfig(w.id.clientTLS(true)), kgo.ClientID("postern-demo")}
	cl, err := kgo.NewClient(append(opts, more...)...)
	if err != nil {
		return nil, fmt.Errorf("demo: client: %w", err)
	}
	return cl, nil
}
