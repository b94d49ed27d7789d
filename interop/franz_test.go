package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// testFranzGo drives the franz-go client in this process.
func testFranzGo(t *testing.T, s *stage) {
	t.Run("Acks", func(t *testing.T) { testAcks(t, s) })
	t.Run("SilentProduce", func(t *testing.T) { testSilentProduce(t, s) })
	t.Run("ClassicGroup", func(t *testing.T) { testGroup(t, s, false) })
	t.Run("Transaction", func(t *testing.T) { testTransaction(t, s) })
	t.Run("BigMessages", func(t *testing.T) { testBigMessages(t, s) })
	t.Run("ManyTopics", func(t *testing.T) { testManyTopics(t, s) })
	if s.is440() {
		t.Run("ConsumerGroup848", func(t *testing.T) { testGroup(t, s, true) })
		t.Run("ShareGroup", func(t *testing.T) { testShareGroup(t, s) })
	}
}

// makeTopic creates a topic with three replicas through the door and returns
// when every broker knows it. config are names and values in turn.
func (s *stage) makeTopic(t *testing.T, name string, partitions int32, config ...string) {
	t.Helper()
	client := s.client(t)
	configs := map[string]*string{}
	for i := 0; i < len(config); i += 2 {
		configs[config[i]] = &config[i+1]
	}
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), partitions, 3, configs, name); err != nil {
		t.Fatal(err)
	}
	for _, b := range s.cluster.Brokers() {
		await(t, fmt.Sprintf("broker %d knows topic %s", b.ID, name), patience, func(ctx context.Context) error {
			request := kmsg.NewPtrMetadataRequest()
			request.Topics = []kmsg.MetadataRequestTopic{{Topic: &name}}
			response, err := client.Broker(b.ID).RetriableRequest(ctx, request)
			if err != nil {
				return err
			}
			topic := response.(*kmsg.MetadataResponse).Topics[0]
			if topic.ErrorCode != 0 || len(topic.Partitions) != int(partitions) {
				return fmt.Errorf("%d partitions, error %d", len(topic.Partitions), topic.ErrorCode)
			}
			return nil
		})
	}
}

// produce writes records "0" to "n-1" and waits for every answer.
func produce(t *testing.T, client *kgo.Client, topic string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Topic: topic, Value: []byte(strconv.Itoa(i))}
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// consume polls until every number below n was seen, and returns how often each
// was.
func consume(t *testing.T, client *kgo.Client, n int) map[string]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen := map[string]int{}
	for len(seen) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("saw %d of %d records in %v", len(seen), n, patience)
		}
		fetches.EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++ })
	}
	return seen
}

// testAcks writes with each meaning of acks; with 0 no answer comes, and what
// follows on the connection must still be paired with its own.
func testAcks(t *testing.T, s *stage) {
	s.makeTopic(t, "acks", 3)
	for name, acks := range map[string]kgo.Acks{"all": kgo.AllISRAcks(), "leader": kgo.LeaderAck(), "none": kgo.NoAck()} {
		t.Run(name, func(t *testing.T) {
			client := s.client(t, kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite(), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
			before := s.endOffsets(t, "acks")
			for range 10 {
				produce(t, client, "acks", 100)
				// The same connections carry requests that are answered.
				if err := client.Ping(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			await(t, "1000 records are written", patience, func(context.Context) error {
				if n := s.endOffsets(t, "acks") - before; n != 1000 {
					return fmt.Errorf("%d are", n)
				}
				return nil
			})
		})
	}
}

// endOffsets sums the end offsets of a topic's partitions, asked directly.
func (s *stage) endOffsets(t *testing.T, topic string) int64 {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.Seeds()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	offsets, err := kadm.NewClient(client).ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	offsets.Each(func(o kadm.ListedOffset) { sum += max(o.Offset, 0) })
	return sum
}

// testGroup lets two members share a topic, one leave, and the other go on.
func testGroup(t *testing.T, s *stage, next bool) {
	topic := fmt.Sprintf("group-%t", next)
	s.makeTopic(t, topic, 4)
	options := []kgo.Opt{
		kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}
	if next {
		options = append(options, kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer()))
	}
	producer := s.client(t, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	first, second := s.client(t, options...), s.client(t, options...)
	produce(t, producer, topic, 400)
	seen := map[string]int{}
	deadline, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	shared := false // both had partitions at the same time
	for len(seen) < 400 || !shared {
		for _, member := range []*kgo.Client{first, second} {
			ctx, stop := context.WithTimeout(deadline, 200*time.Millisecond)
			member.PollFetches(ctx).EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++ })
			stop()
		}
		shared = s.members(t, topic, next) == 2
		if deadline.Err() != nil {
			t.Fatalf("saw %d of 400 records, two members %t", len(seen), shared)
		}
	}
	if err := first.CommitUncommittedOffsets(t.Context()); err != nil {
		t.Error(err)
	}
	first.LeaveGroup()
	if err := second.CommitUncommittedOffsets(t.Context()); err != nil {
		t.Error(err)
	}
	more := make([]*kgo.Record, 40)
	for i := range more {
		more[i] = &kgo.Record{Topic: topic, Value: []byte("more-" + strconv.Itoa(i))}
	}
	if err := producer.ProduceSync(t.Context(), more...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	late := map[string]bool{}
	for len(late) < len(more) {
		second.PollFetches(deadline).EachRecord(func(r *kgo.Record) {
			if len(r.Value) > 5 && string(r.Value[:5]) == "more-" {
				late[string(r.Value)] = true
			}
		})
		if deadline.Err() != nil {
			t.Fatalf("the member that stayed saw %d of %d records", len(late), len(more))
		}
	}
}

// members counts a group's members with assigned partitions, asked directly.
func (s *stage) members(t *testing.T, group string, next bool) int {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.Seeds()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if next {
		request := kmsg.NewPtrConsumerGroupDescribeRequest()
		request.Groups = []string{group}
		response, err := request.RequestWith(t.Context(), client)
		if err != nil || len(response.Groups) == 0 {
			return 0
		}
		n := 0
		for _, m := range response.Groups[0].Members {
			if len(m.Assignment.TopicPartitions) > 0 {
				n++
			}
		}
		return n
	}
	described, err := kadm.NewClient(client).DescribeGroups(t.Context(), group)
	if err != nil || described[group].State != "Stable" {
		return 0
	}
	return len(described[group].Members)
}

// testTransaction commits one transaction and aborts another; a reader of
// committed records sees the first alone.
func testTransaction(t *testing.T, s *stage) {
	s.makeTopic(t, "transaction", 2)
	producer := s.client(t, kgo.TransactionalID("interop-"+s.version), kgo.DefaultProduceTopic("transaction"))
	for _, commit := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			r := &kgo.Record{Value: fmt.Appendf(nil, "%t-%d", bool(commit), i)}
			if err := producer.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := producer.EndTransaction(t.Context(), commit); err != nil {
			t.Fatal(err)
		}
	}
	reader := s.client(t, kgo.ConsumeTopics("transaction"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	for value, times := range consume(t, reader, 20) {
		if value[0] != 't' {
			t.Errorf("an aborted record was read %d times: %s", times, value)
		}
	}
}

// testBigMessages moves records of ten megabytes both ways, byte for byte.
func testBigMessages(t *testing.T, s *stage) {
	s.makeTopic(t, "big", 1)
	const size, count = 10 << 20, 3
	value := make([]byte, size)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(value) // never fails
	client := s.client(t, kgo.ProducerBatchMaxBytes(12<<20), kgo.BrokerMaxWriteBytes(64<<20), kgo.BrokerMaxReadBytes(128<<20),
		kgo.FetchMaxBytes(32<<20), kgo.FetchMaxPartitionBytes(32<<20), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ConsumeTopics("big"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for range count {
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: "big", Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	got := 0
	for got < count {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("read %d of %d records", got, count)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			got++
			if !bytes.Equal(r.Value, value) {
				t.Errorf("record %d of %d bytes is not the one that was written", r.Offset, len(r.Value))
			}
		})
	}
}

// testManyTopics asks for a Metadata answer of hundreds of kilobytes.
func testManyTopics(t *testing.T, s *stage) {
	const topics, partitions = 150, 20
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprintf("one-of-very-many-topics-with-a-long-name-%04d", i)
	}
	directly := kadm.NewClient(s.direct(t))
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	created, err := directly.CreateTopics(ctx, partitions, 1, nil, names...)
	if err != nil {
		t.Fatal(err)
	}
	if err := created.Error(); err != nil {
		t.Fatal(err)
	}
	through := kadm.NewClient(s.client(t))
	await(t, "every topic is listed with every partition", patience, func(ctx context.Context) error {
		listed, err := through.ListTopics(ctx, names...)
		if err != nil {
			return err
		}
		n := 0
		listed.EachPartition(func(kadm.PartitionDetail) { n++ })
		if n != topics*partitions {
			return fmt.Errorf("%d partitions", n)
		}
		return nil
	})
	if _, err := directly.DeleteTopics(ctx, names...); err != nil {
		t.Error(err)
	}
}

// testShareGroup reads a topic by a share group and accepts every record.
func testShareGroup(t *testing.T, s *stage) {
	s.makeTopic(t, "share", 2)
	s.shareFromStart(t, "share-group")
	produce(t, s.client(t, kgo.RecordPartitioner(kgo.RoundRobinPartitioner())), "share", 200)
	member := s.client(t, kgo.ShareGroup("share-group"), kgo.ConsumeTopics("share"))
	consume(t, member, 200)
}

// shareFromStart lets a share group begin with the oldest record, which is a
// setting of the group and not of its members.
func (s *stage) shareFromStart(t *testing.T, group string) {
	t.Helper()
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	value := "earliest"
	request.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{
		ResourceType: kmsg.ConfigResourceTypeGroupConfig,
		ResourceName: group,
		Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{
			Name: "share.auto.offset.reset", Op: kmsg.IncrementalAlterConfigOpSet, Value: &value,
		}},
	}}
	response, err := request.RequestWith(t.Context(), s.client(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range response.Resources {
		if r.ErrorCode != 0 {
			t.Fatalf("settings of share group %s: error %d", group, r.ErrorCode)
		}
	}
}
