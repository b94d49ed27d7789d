package interop

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/postern-kafka/postern/codec"
	"github.com/postern-kafka/postern/internal/kafkatest"
)

// The frames of real brokers, raw, held against the codec that rewrites them.
// This is the one test of the folder that knows a package of the product: it
// proves that what the codec's own tests assume about frames is what brokers
// send. With -record-golden the answers become the codec's golden vectors.

var recordGolden = flag.Bool("record-golden", false, "write the brokers' answers into the codec's golden vectors")

const (
	goldenDir     = "../codec/testdata/golden"
	brokerHost    = "127.0.0.1" // what all brokers of these clusters advertise
	doorHost      = "gateway.example.com"
	doorPort      = 20000
	goldenCorr    = 0x01020304
	goldenTopic   = "orders"
	goldenValue   = "hello"
	goldenPatches = "go test ./codec -run TestGolden -update"
)

func TestFrames352(t *testing.T) { testFrames(t, kafkatest.Kafka352) }

func TestFrames440(t *testing.T) { testFrames(t, kafkatest.Kafka440) }

// testFrames asks every patched API in every version that the brokers offer.
func testFrames(t *testing.T, version string) {
	kafkatest.Require(t, version)
	t.Parallel()
	w := &wire{cluster: kafkatest.Start(t, kafkatest.Options{
		Version: version, Brokers: 3, Properties: map[string]string{"broker.rack": "rack-{id}"},
	})}
	w.offered = w.versions(t)
	t.Run("Audited", func(t *testing.T) { testAudited(t, w) })
	w.prepare(t)
	for _, q := range w.questions() {
		t.Run(q.name(), func(t *testing.T) { w.testQuestion(t, q) })
	}
	t.Run("ApiVersions", func(t *testing.T) { testApiVersions(t, w) })
	if *recordGolden {
		t.Logf("the expected patches are written by: %s", goldenPatches)
	}
}

// wire is a cluster that is asked in raw frames. Broker 1 is the one asked; of
// the partitions of goldenTopic it leads the first and has no replica of others.
type wire struct {
	cluster *kafkatest.Cluster
	offered map[int16]kmsg.ApiVersionsResponseApiKey
	id      [16]byte // of goldenTopic
}

// vectors says which versions become golden vectors.
type vectors int

const (
	edges vectors = iota // lowest, first flexible, first patched, highest
	all
	none
)

// question is one request in all its versions and what must come of it.
type question struct {
	key   int16
	note  string
	asks  string // for the reader of a vector
	from  int16  // versions below cannot ask this
	nodes int    // addresses in the answer, at least; -1: none may be in it
	holds bool   // the record is in the answer, in front of the addresses
	keep  vectors
	fill  func(kmsg.Request)
	// first happens before on the same connection.
	first func(*testing.T, *link, int16)
	to    string // the address asked; broker 1 when empty
}

func (q question) name() string { return codec.Lookup(q.key).Name + "/" + q.note }

// questions are all that brokers answer with addresses, and the same APIs where
// there are none to give.
func (w *wire) questions() []question {
	return slices.Concat(w.aboutCluster(), w.aboutCoordinators(), w.aboutRecords(), w.aboutShares())
}

func (w *wire) aboutCluster() []question {
	return []question{
		{key: 3, note: "topics", asks: "a topic of three partitions", nodes: 3, keep: all, fill: topics(goldenTopic)},
		{key: 3, note: "unknown", asks: "a topic that does not exist", nodes: 3, fill: topics("nowhere")},
		{key: 3, note: "foreign-id", asks: "a topic id that does not exist", from: 12, nodes: 3, fill: func(r kmsg.Request) {
			r.(*kmsg.MetadataRequest).Topics = []kmsg.MetadataRequestTopic{{TopicID: [16]byte{1}}}
		}},
		{key: 60, note: "brokers", asks: "the brokers", nodes: 3, keep: all, fill: endpoints(1, false)},
		{key: 60, note: "fenced", asks: "the brokers, fenced ones too", from: 2, nodes: 3, fill: endpoints(1, true)},
		{key: 60, note: "mismatch", asks: "a broker for the controllers", from: 1, nodes: -1, fill: endpoints(2, false)},
		{
			// Not through a gateway: in front of controllers there is none.
			key: 60, note: "controllers", asks: "a controller for the controllers", from: 1, nodes: 3, keep: none,
			fill: endpoints(2, false), to: w.cluster.Broker(1).ListenerAddr("CONTROLLER"),
		},
		{key: 55, note: "quorum", asks: "the metadata quorum", nodes: -1, keep: all, fill: func(r kmsg.Request) {
			r.(*kmsg.DescribeQuorumRequest).Topics = []kmsg.DescribeQuorumRequestTopic{{
				Topic: "__cluster_metadata", Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{Partition: 0}},
			}}
		}},
	}
}

func topics(name string) func(kmsg.Request) {
	return func(r kmsg.Request) {
		x := r.(*kmsg.MetadataRequest)
		x.Topics, x.AllowAutoTopicCreation = []kmsg.MetadataRequestTopic{{Topic: &name}}, false
	}
}

func endpoints(kind int8, fenced bool) func(kmsg.Request) {
	return func(r kmsg.Request) {
		x := r.(*kmsg.DescribeClusterRequest)
		x.EndpointType, x.IncludeFencedBrokers = kind, fenced
	}
}

func (w *wire) aboutCoordinators() []question {
	return []question{
		{key: 10, note: "group", asks: "the coordinator of a group", nodes: 1, keep: all, fill: coordinators(0, "group")},
		{key: 10, note: "transaction", asks: "the coordinator of a transactional id", from: 1, nodes: 1, keep: all, fill: coordinators(1, "transaction")},
		{key: 10, note: "several", asks: "the coordinators of five groups", from: 4, nodes: 5, keep: all, fill: coordinators(0, "a", "b", "c", "d", "e")},
		{key: 10, note: "nobody", asks: "a coordinator of a kind that takes other keys", from: 1, nodes: -1, fill: coordinators(2, "x", "y")},
	}
}

func coordinators(kind int8, keys ...string) func(kmsg.Request) {
	return func(r kmsg.Request) {
		x := r.(*kmsg.FindCoordinatorRequest)
		x.CoordinatorKey, x.CoordinatorKeys, x.CoordinatorType = keys[0], keys, kind
	}
}

// aboutRecords asks broker 1 for its own partition, others', and all. Left
// out are the versions in front of record batches; brokers since 4.0 offer the
// oldest of Produce without serving them.
func (w *wire) aboutRecords() []question {
	return []question{
		{key: 0, note: "led", asks: "a broker that leads the partition", from: 3, nodes: -1, fill: w.produce(0)},
		{key: 0, note: "moved", asks: "a broker that does not lead the partition", from: 3, nodes: 1, keep: all, fill: w.produce(1)},
		{key: 0, note: "mixed", asks: "a broker that leads one of three partitions", from: 3, nodes: 2, fill: w.produce(0, 1, 2)},
		{key: 1, note: "records", asks: "a broker that leads the partition", from: 4, nodes: -1, holds: true, fill: w.fetch(0)},
		{key: 1, note: "moved", asks: "a broker that does not lead the partition", from: 4, nodes: 1, keep: all, fill: w.fetch(1)},
		{key: 1, note: "mixed", asks: "a broker that leads one of three partitions", from: 4, nodes: 2, holds: true, keep: all, fill: w.fetch(0, 1, 2)},
	}
}

func (w *wire) produce(partitions ...int32) func(kmsg.Request) {
	return func(r kmsg.Request) {
		x := r.(*kmsg.ProduceRequest)
		x.Acks, x.TimeoutMillis = 1, 10_000
		topic := kmsg.ProduceRequestTopic{Topic: goldenTopic, TopicID: w.id}
		for _, p := range partitions {
			topic.Partitions = append(topic.Partitions, kmsg.ProduceRequestTopicPartition{Partition: p, Records: oneRecord()})
		}
		x.Topics = []kmsg.ProduceRequestTopic{topic}
	}
}

// oneRecord is a batch of one record.
func oneRecord() []byte {
	const written = 1_700_000_000_000
	batch := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, FirstTimestamp: written, MaxTimestamp: written,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 1,
		// Length, attributes, two deltas, no key, the value, no headers.
		Records: append([]byte{11 << 1, 0, 0, 0, 1, 5 << 1}, goldenValue+"\x00"...),
	}
	b := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// fetch asks for one batch of each partition.
func (w *wire) fetch(partitions ...int32) func(kmsg.Request) {
	return func(r kmsg.Request) {
		x := r.(*kmsg.FetchRequest)
		x.MaxWaitMillis, x.MinBytes, x.MaxBytes, x.SessionEpoch = 10_000, 1, 1<<20, -1
		topic := kmsg.FetchRequestTopic{Topic: goldenTopic, TopicID: w.id}
		for _, p := range partitions {
			part := kmsg.NewFetchRequestTopicPartition()
			part.Partition, part.PartitionMaxBytes = p, 1
			topic.Partitions = append(topic.Partitions, part)
		}
		x.Topics = []kmsg.FetchRequestTopic{topic}
	}
}

// aboutShares has a group of its own for every answer, because what one member
// has acquired is not there for the next.
func (w *wire) aboutShares() []question {
	return []question{
		{
			key: 78, note: "moved", asks: "a broker that does not lead the partition", nodes: 1, keep: all,
			fill: w.shareFetch("moved", 1),
		},
		{
			key: 78, note: "mixed", asks: "a broker that leads one of three partitions", nodes: 2, holds: true, keep: all,
			first: func(t *testing.T, _ *link, version int16) { w.beginShare(t, shareGroup("mixed", version)) },
			fill:  w.shareFetch("mixed", 0, 1, 2),
		},
		{
			key: 79, note: "unknown", asks: "a broker that does not lead the partition", nodes: -1,
			first: func(t *testing.T, c *link, version int16) { w.openShare(t, c, "unknown", version, 1) },
			fill:  w.acknowledge("unknown", 1),
		},
		{
			key: 79, note: "fenced", asks: "a broker whose leadership was overtaken since the fetch", nodes: 1, keep: all,
			first: w.overtakeShare,
			fill:  w.acknowledge("fenced", 0),
		},
	}
}

func shareGroup(note string, version int16) string {
	return fmt.Sprintf("golden-%s-v%d", note, version)
}

// shareMember is the one member of every share group.
var shareMember = kmsg.StringPtr("AAAAAAAAAAAAAAAAAAAAAA")

func (w *wire) shareFetch(note string, partitions ...int32) func(kmsg.Request) {
	return func(r kmsg.Request) {
		x := r.(*kmsg.ShareFetchRequest)
		x.GroupID, x.MemberID = kmsg.StringPtr(shareGroup(note, x.Version)), shareMember
		x.MaxWaitMillis, x.MinBytes, x.MaxBytes, x.MaxRecords, x.BatchSize = 30_000, 1, 1<<20, 1, 1
		topic := kmsg.ShareFetchRequestTopic{TopicID: w.id}
		for _, p := range partitions {
			topic.Partitions = append(topic.Partitions, kmsg.ShareFetchRequestTopicPartition{Partition: p, PartitionMaxBytes: 1})
		}
		x.Topics = []kmsg.ShareFetchRequestTopic{topic}
	}
}

// acknowledge accepts the first record, as the second request of a session.
func (w *wire) acknowledge(note string, partition int32) func(kmsg.Request) {
	return func(r kmsg.Request) {
		x := r.(*kmsg.ShareAcknowledgeRequest)
		x.GroupID, x.MemberID, x.ShareSessionEpoch = kmsg.StringPtr(shareGroup(note, x.Version)), shareMember, 1
		x.Topics = []kmsg.ShareAcknowledgeRequestTopic{{
			TopicID: w.id,
			Partitions: []kmsg.ShareAcknowledgeRequestTopicPartition{{
				Partition: partition,
				AcknowledgementBatches: []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{
					{AcknowledgeTypes: []int8{1}},
				},
			}},
		}}
	}
}

// openShare opens a session with a fetch, which an acknowledgement needs.
func (w *wire) openShare(t *testing.T, c *link, note string, version int16, partition int32) *kmsg.ShareFetchResponse {
	t.Helper()
	fetch := kmsg.NewPtrShareFetchRequest()
	fetch.SetVersion(version)
	w.shareFetch(note, partition)(fetch)
	h, frame := c.ask(t, fetch)
	return read(t, h, frame).(*kmsg.ShareFetchResponse)
}

// overtakeShare acquires the first record and then tells the share coordinator
// of a newer leader, so that it refuses what broker 1 writes from now on.
func (w *wire) overtakeShare(t *testing.T, c *link, version int16) {
	t.Helper()
	group := shareGroup("fenced", version)
	w.beginShare(t, group)
	got := w.openShare(t, c, "fenced", version, 0)
	if len(got.Topics) != 1 || len(got.Topics[0].Partitions[0].AcquiredRecords) == 0 {
		t.Fatalf("no record was acquired: %+v", got)
	}
	newer := kmsg.NewPtrReadShareGroupStateRequest()
	newer.GroupID = group
	newer.Topics = []kmsg.ReadShareGroupStateRequestTopic{{
		TopicID: w.id, Partitions: []kmsg.ReadShareGroupStateRequestTopicPartition{{LeaderEpoch: 100}},
	}}
	w.askShareCoordinator(t, group, newer, func(r kmsg.Response) int16 {
		return r.(*kmsg.ReadShareGroupStateResponse).Topics[0].Partitions[0].ErrorCode
	})
}

// beginShare makes the state of a share group that begins with the first record
// of the first partition, as the group's coordinator does for its first member.
func (w *wire) beginShare(t *testing.T, group string) {
	t.Helper()
	begin := kmsg.NewPtrInitializeShareGroupStateRequest()
	begin.GroupID = group
	begin.Topics = []kmsg.InitializeShareGroupStateRequestTopic{{
		TopicID: w.id, Partitions: []kmsg.InitializeShareGroupStateRequestTopicPartition{{}},
	}}
	w.askShareCoordinator(t, group, begin, func(r kmsg.Response) int16 {
		return r.(*kmsg.InitializeShareGroupStateResponse).Topics[0].Partitions[0].ErrorCode
	})
}

// askShareCoordinator is what brokers do among themselves. It asks until there
// is no error.
func (w *wire) askShareCoordinator(t *testing.T, group string, request kmsg.Request, code func(kmsg.Response) int16) {
	t.Helper()
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.SetVersion(6)
	coordinators(2, group+":"+base64.RawURLEncoding.EncodeToString(w.id[:])+":0")(find)
	await(t, "the share coordinator of "+group+" answers", patience, func(context.Context) error {
		c := w.ask(t, find).(*kmsg.FindCoordinatorResponse).Coordinators[0]
		if c.ErrorCode != 0 {
			return fmt.Errorf("looking for it: error %d", c.ErrorCode)
		}
		h, frame := w.exchange(t, w.cluster.Broker(int(c.NodeID)).Addr(), request)
		if n := code(read(t, h, frame)); n != 0 {
			return fmt.Errorf("error %d", n)
		}
		return nil
	})
}

// prepare makes the topic, one partition on each broker, and waits until broker
// 1 knows who leads, has a record, and knows coordinators.
func (w *wire) prepare(t *testing.T) {
	t.Helper()
	create := kmsg.NewPtrCreateTopicsRequest()
	create.SetVersion(7)
	create.TimeoutMillis = int32(patience / time.Millisecond)
	topic := kmsg.CreateTopicsRequestTopic{Topic: goldenTopic, NumPartitions: -1, ReplicationFactor: -1}
	for p := range int32(3) {
		topic.ReplicaAssignment = append(topic.ReplicaAssignment,
			kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: p, Replicas: []int32{p + 1}})
	}
	// The record's time is long ago.
	forever := "-1"
	topic.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms", Value: &forever}}
	create.Topics = []kmsg.CreateTopicsRequestTopic{topic}
	made := w.ask(t, create).(*kmsg.CreateTopicsResponse).Topics[0]
	if made.ErrorCode != 0 {
		t.Fatalf("topic %s: error %d", goldenTopic, made.ErrorCode)
	}
	w.id = made.TopicID
	await(t, "the cluster has what is asked for", patience, func(context.Context) error { return w.ready(t) })
}

// ready says what broker 1 lacks before it can answer as the questions expect.
func (w *wire) ready(t *testing.T) error {
	t.Helper()
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.SetVersion(9)
	topics(goldenTopic)(metadata)
	known := w.ask(t, metadata).(*kmsg.MetadataResponse).Topics[0]
	if known.ErrorCode != 0 || len(known.Partitions) != 3 {
		return fmt.Errorf("topic: error %d, %d partitions", known.ErrorCode, len(known.Partitions))
	}
	for _, p := range known.Partitions {
		if p.ErrorCode != 0 || p.Leader != p.Partition+1 {
			return fmt.Errorf("partition %d: error %d, leader %d", p.Partition, p.ErrorCode, p.Leader)
		}
	}
	write := kmsg.NewPtrProduceRequest()
	write.SetVersion(9)
	w.produce(0)(write)
	if p := w.ask(t, write).(*kmsg.ProduceResponse).Topics[0].Partitions[0]; p.ErrorCode != 0 {
		return fmt.Errorf("produce: error %d", p.ErrorCode)
	}
	for _, q := range w.aboutCoordinators()[:3] {
		find := kmsg.NewPtrFindCoordinatorRequest()
		find.SetVersion(4)
		q.fill(find)
		for _, c := range w.ask(t, find).(*kmsg.FindCoordinatorResponse).Coordinators {
			if c.ErrorCode != 0 {
				return fmt.Errorf("coordinator of %s %s: error %d", q.note, c.Key, c.ErrorCode)
			}
		}
	}
	return nil
}

// ask is one round trip with broker 1, decoded.
func (w *wire) ask(t *testing.T, request kmsg.Request) kmsg.Response {
	t.Helper()
	h, frame := w.exchange(t, w.cluster.Broker(1).Addr(), request)
	return read(t, h, frame)
}

// exchange is one round trip over a connection of its own.
func (w *wire) exchange(t *testing.T, address string, request kmsg.Request) (h codec.Head, frame []byte) {
	t.Helper()
	c := dial(t, address)
	defer c.close()
	return c.ask(t, request)
}

// link is one connection to a broker.
type link struct{ conn net.Conn }

func dial(t *testing.T, address string) *link {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &link{conn: conn}
}

func (c *link) close() { _ = c.conn.Close() }

// ask sends one request and returns the whole frame that comes back.
func (c *link) ask(t *testing.T, request kmsg.Request) (h codec.Head, frame []byte) {
	t.Helper()
	h = codec.Head{Key: request.Key(), Version: request.GetVersion(), Corr: goldenCorr}
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID("postern"))
	if _, err := c.conn.Write(formatter.AppendRequest(nil, request, h.Corr)); err != nil {
		t.Fatal(err)
	}
	frame = make([]byte, 8)
	if _, err := io.ReadFull(c.conn, frame); err != nil {
		t.Fatalf("key %d v%d: %v", h.Key, h.Version, err)
	}
	size, corr, ok, err := codec.ResponseHead(frame, codec.MaxFrame)
	if !ok || err != nil || corr != goldenCorr {
		t.Fatalf("key %d v%d: head %x: %v", h.Key, h.Version, frame, err)
	}
	h.Size, frame = size, append(frame, make([]byte, size-len(frame))...)
	if _, err := io.ReadFull(c.conn, frame[8:]); err != nil {
		t.Fatalf("key %d v%d: %v", h.Key, h.Version, err)
	}
	return h, frame
}

// read decodes a frame with kmsg alone. All of a real broker's headers are
// without tags, and that of ApiVersions never has any (KIP-511).
func read(t *testing.T, h codec.Head, frame []byte) kmsg.Response {
	t.Helper()
	response := kmsg.ResponseForKey(h.Key)
	response.SetVersion(h.Version)
	body := frame[8:]
	if response.IsFlexible() && h.Key != 18 {
		if body[0] != 0 {
			t.Fatalf("key %d v%d: tags in the header: %x", h.Key, h.Version, frame)
		}
		body = body[1:]
	}
	if err := response.ReadFrom(body); err != nil {
		t.Fatalf("key %d v%d: kmsg cannot read: %v\n%x", h.Key, h.Version, err, frame)
	}
	return response
}

// testQuestion asks in every version that both sides know.
func (w *wire) testQuestion(t *testing.T, q question) {
	offered, ok := w.offered[q.key]
	row := codec.Lookup(q.key)
	lowest, highest := max(offered.MinVersion, q.from), min(offered.MaxVersion, row.Max)
	if !ok || lowest > highest {
		t.Logf("Kafka %s cannot be asked this", w.cluster.Version())
		return
	}
	address := q.to
	if address == "" {
		address = w.cluster.Broker(1).Addr()
	}
	for version := lowest; version <= highest; version++ {
		h, frame := w.answer(t, q, address, version)
		judge(t, q, h, frame)
		edge := version == max(lowest, row.PatchFrom) || version == row.Flex || version == highest
		if *recordGolden && (row.Patched(version) || q.key == 55) && (q.keep == all || q.keep == edges && edge) {
			w.record(t, h, frame, q.note, q.asks)
		}
	}
}

// answer asks one question in one version.
func (w *wire) answer(t *testing.T, q question, address string, version int16) (h codec.Head, frame []byte) {
	t.Helper()
	c := dial(t, address)
	defer c.close()
	if q.first != nil {
		q.first(t, c, version)
	}
	request := kmsg.RequestForKey(q.key)
	request.SetVersion(version)
	q.fill(request)
	return c.ask(t, request)
}

// door is a view in which every broker is at the gateway.
type door struct{}

func (door) Address(id int32) (host string, port int32, ok bool) {
	return doorHost, doorPort + id, true
}

// judge holds one real answer to what the codec promises: in versions that are
// not patched there is no address; in the others all are replaced and nothing
// else is changed, as kmsg reads it.
func judge(t *testing.T, q question, h codec.Head, frame []byte) {
	t.Helper()
	if q.holds && !bytes.Contains(frame, []byte(goldenValue)) {
		t.Errorf("v%d: without the record: %x", h.Version, frame)
	}
	row := codec.Lookup(h.Key)
	if !row.Patched(h.Version) {
		if bytes.Contains(frame, []byte(brokerHost)) {
			t.Errorf("v%d: not patched, and has an address: %x", h.Version, frame)
		}
		return
	}
	out := whole(t, h, frame)
	want, seen := read(t, h, frame), 0
	eachAddress(reflect.ValueOf(want), func(id int32, host *string, port *int32) {
		if *host == "" && id < 0 && *port == -1 {
			return
		}
		if *host != brokerHost {
			t.Errorf("v%d: node %d is at %q, want %s", h.Version, id, *host, brokerHost)
		}
		seen++
		*host, *port = doorHost, doorPort+id
		if x, ok := want.(*kmsg.DescribeClusterResponse); ok && x.EndpointType == 2 {
			*port = 0 // controllers are not behind the gateway
		}
	})
	if q.nodes < 0 && seen > 0 || seen < q.nodes {
		t.Errorf("v%d: %d addresses, expected %d: %x", h.Version, seen, q.nodes, frame)
	}
	if got := read(t, h, out); !reflect.DeepEqual(got, want) {
		t.Errorf("v%d: frame %x\nbecame %x\nwhich is %+v\nwant %+v", h.Version, frame, out, got, want)
	}
	if bytes.Contains(out, []byte(brokerHost)) {
		t.Errorf("v%d: a broker's address is left: %x", h.Version, out)
	}
}

// whole is the frame as the gateway would send it.
func whole(t *testing.T, h codec.Head, frame []byte) []byte {
	t.Helper()
	var p codec.Patch
	if err := codec.Lookup(h.Key).Whole(&p, door{}, h, frame); err != nil {
		t.Fatalf("v%d: %v\n%x", h.Version, err, frame)
	}
	if lost := p.Unroutable(); len(lost) > 0 {
		t.Errorf("v%d: unroutable: %v", h.Version, lost)
	}
	out := bytes.Join(p.Segments(nil, frame), nil)
	if size, corr, ok, err := codec.ResponseHead(out, codec.MaxFrame); err != nil || !ok || size != len(out) || corr != goldenCorr {
		t.Fatalf("v%d: %d bytes with the head %x: %v", h.Version, len(out), out[:8], err)
	}
	return out
}

// eachAddress calls f for whatever in an answer has a NodeID, a Host and a Port,
// so that no list of such places can be incomplete.
func eachAddress(v reflect.Value, f func(id int32, host *string, port *int32)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			eachAddress(v.Elem(), f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachAddress(v.Index(i), f)
		}
	case reflect.Struct:
		id, host, port := v.FieldByName("NodeID"), v.FieldByName("Host"), v.FieldByName("Port")
		if id.IsValid() && host.IsValid() && port.IsValid() {
			h, isText := host.Addr().Interface().(*string)
			p, isNumber := port.Addr().Interface().(*int32)
			if isText && isNumber && (*h != "" || *p != 0) {
				f(int32(id.Int()), h, p)
			}
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				eachAddress(v.Field(i), f)
			}
		}
	default:
	}
}

// versions is what broker 1 offers.
func (w *wire) versions(t *testing.T) map[int16]kmsg.ApiVersionsResponseApiKey {
	t.Helper()
	request := kmsg.NewPtrApiVersionsRequest()
	offered := map[int16]kmsg.ApiVersionsResponseApiKey{}
	for _, k := range w.ask(t, request).(*kmsg.ApiVersionsResponse).ApiKeys {
		offered[k.ApiKey] = k
	}
	return offered
}

// testAudited compares the table with what the brokers offer: none of their
// versions is beyond what was audited, but for the API that is capped on purpose.
func testAudited(t *testing.T, w *wire) {
	for _, key := range slices.Sorted(maps.Keys(w.offered)) {
		row := codec.Lookup(key)
		switch offered := w.offered[key]; {
		case row == nil:
			t.Errorf("key %d is not in the table", key)
		case row.Do != codec.Refuse && offered.MaxVersion > row.Max && key != 55:
			t.Errorf("key %d (%s): offered up to v%d, audited up to v%d", key, row.Name, offered.MaxVersion, row.Max)
		}
	}
}

// brokersOnly are the keys that a client is never to see, from the design and
// not from the table.
var brokersOnly = []int16{
	4, 5, 6, 7, 52, 53, 54, 56, 58, 59, 62, 63, 67, 70, 73, 82, 83, 84, 85, 86, 87,
}

// testApiVersions asks in every version and in one that the brokers do not know.
func testApiVersions(t *testing.T, w *wire) {
	address, row := w.cluster.Broker(1).Addr(), codec.Lookup(18)
	highest := w.offered[18].MaxVersion
	for version := int16(0); version <= highest+1; version++ {
		request := kmsg.NewPtrApiVersionsRequest()
		request.ClientSoftwareName, request.ClientSoftwareVersion, request.NodeID = "postern", "0", -1
		request.SetVersion(version)
		h, frame := w.exchange(t, address, request)
		note, asks := "offered", "what the broker offers"
		body := h // as it is on the wire
		if version > highest {
			note, asks, body.Version = "unsupported", "a version that the broker does not know", 0
			if highest == row.Max && !bytes.Equal(frame, codec.AppendUnsupportedApiVersions(nil, goldenCorr)) {
				t.Errorf("v%d: the broker refuses otherwise than the gateway: %x", version, frame)
			}
		}
		want := read(t, body, frame).(*kmsg.ApiVersionsResponse)
		if (want.ErrorCode == 35) != (version > highest) || (want.ErrorCode != 0) != (version > highest) {
			t.Errorf("v%d: error %d", version, want.ErrorCode)
		}
		want.ApiKeys = slices.DeleteFunc(want.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool {
			return slices.Contains(brokersOnly, k.ApiKey)
		})
		for i := range want.ApiKeys {
			switch k := &want.ApiKeys[i]; k.ApiKey {
			case 0:
				k.MinVersion = 0
			case 55:
				k.MaxVersion = min(k.MaxVersion, 1)
			}
		}
		if got := read(t, body, whole(t, h, frame)); !reflect.DeepEqual(got, want) {
			t.Errorf("v%d: frame %x\nbecame %+v\nwant %+v", version, frame, got, want)
		}
		if *recordGolden {
			w.record(t, h, frame, note, asks)
		}
	}
}

// record writes one frame as a golden vector.
func (w *wire) record(t *testing.T, h codec.Head, frame []byte, note, asks string) {
	t.Helper()
	row := codec.Lookup(h.Key)
	var b bytes.Buffer
	fmt.Fprintf(&b, "# captured from Apache Kafka %s, three brokers: %s v%d, asked: %s\n\n", w.cluster.Version(), row.Name, h.Version, asks)
	for line := range slices.Chunk(frame, 32) {
		b.WriteString(hex.EncodeToString(line) + "\n")
	}
	name := fmt.Sprintf("%02d_%s_v%d_kafka-%s-%s.hex", h.Key, row.Name, h.Version, w.cluster.Version(), note)
	if err := os.WriteFile(filepath.Join(goldenDir, name), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
