package engine

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/postern-kafka/postern/mapping"
)

// How a side ends a conversation.
type manner string

const (
	orderly manner = "orderly"
	reset   manner = "reset"
	stalled manner = "stalled" // it does not: it says and takes no more
)

// cut ends a broker's connection after so many of its bytes.
type cut struct {
	manner manner
	sent   atomic.Int64 // bytes that the broker still sends before
	taken  atomic.Int64 // bytes that it still takes before

	over chan struct{} // closed when the cut is made
	once sync.Once
	free chan struct{} // a stalled connection stands until this is closed
}

func newCut(m manner, sent, taken int) *cut {
	f := &cut{manner: m, over: make(chan struct{}), free: make(chan struct{})}
	f.sent.Store(int64(sent))
	f.taken.Store(int64(taken))
	return f
}

// perform ends c, or holds whoever calls while it is stalled.
func (f *cut) perform(c *cutConn) error {
	f.once.Do(func() { close(f.over) })
	switch f.manner {
	case stalled:
		<-f.free
	case reset:
		_ = c.SetLinger(0)
	case orderly:
	}
	c.Close()
	return net.ErrClosed
}

// cutConn is a connection that the fake cluster has accepted.
type cutConn struct {
	*net.TCPConn
	cut *cut
}

func (c *cutConn) Read(b []byte) (int, error) {
	left := int(c.cut.taken.Load())
	if left <= 0 { // less, if a connection of the fault before is accepted late and takes part
		return 0, c.cut.perform(c)
	}
	n, err := c.TCPConn.Read(b[:min(len(b), left)])
	c.cut.taken.Add(int64(-n))
	return n, err
}

func (c *cutConn) Write(b []byte) (int, error) {
	n, err := c.TCPConn.Write(b[:min(len(b), max(0, int(c.cut.sent.Load())))])
	c.cut.sent.Add(int64(-n))
	if err == nil && n < len(b) {
		err = c.cut.perform(c)
	}
	return n, err
}

// cutListener gives every connection the cut that is due.
type cutListener struct {
	*net.TCPListener
	next *atomic.Pointer[cut]
}

func (l cutListener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return &cutConn{TCPConn: c, cut: l.next.Load()}, nil
}

// faultStage is a gateway in front of a fake cluster whose connections are cut.
type faultStage struct {
	*testing.T
	e        *Engine
	addr     string
	next     atomic.Pointer[cut]
	requests [][]byte
	answers  [][]byte // without a fault
	before   map[string]int
}

// never is more bytes than a conversation has.
const never = 1 << 30

// TestFaultsBeforeACluster ends a conversation with a fake cluster after each of
// its bytes, from each side and in each manner: the session ends with one reason,
// the side that ended is named, the client got a part of what it should have got
// and nothing else, and nothing is left.
func TestFaultsBeforeACluster(t *testing.T) {
	s := newFaultStage(t)
	asked, answered := len(bytes.Join(s.requests, nil)), len(bytes.Join(s.answers, nil))
	for _, m := range []manner{orderly, reset, stalled} {
		for n := range answered {
			s.brokerFails(fmt.Sprintf("the broker's answers %s at byte %d", m, n), newCut(m, n, never))
		}
		for n := range asked {
			s.brokerFails(fmt.Sprintf("the broker %s when it has taken %d bytes", m, n), newCut(m, never, n))
			s.clientFails(m, n)
		}
	}
}

func newFaultStage(t *testing.T) *faultStage {
	s := &faultStage{T: t}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			ln, err := net.Listen(network, address)
			if err != nil {
				return nil, err
			}
			return cutListener{ln.(*net.TCPListener), &s.next}, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	seed := cluster.ListenAddrs()
	s.e, s.addr = startEngine(t, nil, func(o *Options) { o.Loops, o.Book = 1, mapping.NewBook(seed) })
	for i, r := range conversation() {
		s.requests = append(s.requests, kmsg.NewRequestFormatter().AppendRequest(nil, r, int32(i)))
	}
	s.before = endingCounts(s.e)
	c := s.begin(newCut(orderly, never, never))
	for i, r := range s.requests {
		if _, err := c.Write(r); err != nil {
			t.Fatal(err)
		}
		frame, err := readFrame(c)
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		s.answers = append(s.answers, frame)
	}
	c.Close()
	s.oneEnding("without a fault", "client")
	return s
}

// conversation is requests whose answers are the same every time; the last, the
// only one that changes anything, but for its offset.
func conversation() []kmsg.Request {
	metadata := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr("orders")
	metadata.Topics = append(metadata.Topics, topic)

	coordinator := kmsg.NewPtrFindCoordinatorRequest()
	coordinator.CoordinatorKeys = []string{"group"}

	offsets := kmsg.NewPtrListOffsetsRequest()
	offsets.ReplicaID = -1
	earliest := kmsg.NewListOffsetsRequestTopicPartition()
	earliest.Timestamp = -2
	offsets.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "orders", Partitions: []kmsg.ListOffsetsRequestTopicPartition{earliest}}}

	requests := []kmsg.Request{kmsg.NewPtrApiVersionsRequest(), metadata, coordinator, offsets, produce()}
	for i, version := range []int16{0, 12, 4, 7, 9} {
		requests[i].SetVersion(version)
	}
	return requests
}

func produce() kmsg.Request {
	record := kmsg.Record{Value: []byte("value")}
	record.Length = int32(len(record.AppendTo(nil)) - 1)
	batch := kmsg.RecordBatch{
		Magic: 2, PartitionLeaderEpoch: -1, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		NumRecords: 1, Records: record.AppendTo(nil),
	}
	raw := batch.AppendTo(nil)
	batch.Length = int32(len(raw) - 12)
	batch.CRC = int32(crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))

	r := kmsg.NewPtrProduceRequest()
	r.Acks, r.TimeoutMillis = 1, 1000
	partition := kmsg.NewProduceRequestTopicPartition()
	partition.Records = batch.AppendTo(nil)
	r.Topics = []kmsg.ProduceRequestTopic{{Topic: "orders", Partitions: []kmsg.ProduceRequestTopicPartition{partition}}}
	return r
}

// begin connects a client whose broker's connection will be cut by f. It returns
// nil if a reset was there before connect(2) returned.
func (s *faultStage) begin(f *cut) *net.TCPConn {
	s.Helper()
	s.next.Store(f)
	c, err := net.Dial("tcp", s.addr)
	if errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	if err == nil {
		err = c.SetDeadline(time.Now().Add(time.Minute))
	}
	if err != nil {
		s.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// brokerFails has a whole conversation in which the broker fails.
func (s *faultStage) brokerFails(name string, f *cut) {
	s.Helper()
	c := s.begin(f)
	if c == nil {
		s.oneEnding(name, "broker")
		return
	}
	ends := "broker"
	if f.manner == stalled { // nobody ends before the client loses its patience
		ends = "client"
	}
	var client sync.WaitGroup
	client.Go(func() {
		for _, r := range s.requests {
			if _, err := c.Write(r); err != nil {
				return
			}
		}
		if f.manner == stalled {
			<-f.over
			_ = c.CloseWrite()
		}
	})
	got, err := io.ReadAll(c)
	if waited(err) {
		s.Fatalf("%s: the client was left waiting", name)
	}
	c.Close()
	client.Wait()
	s.isPart(name, got)
	s.oneEnding(name, ends)
	close(f.free)
}

// clientFails sends n bytes of a conversation and ends. A client that only
// stalls has the answers to all that it has asked for.
func (s *faultStage) clientFails(m manner, n int) {
	s.Helper()
	name := fmt.Sprintf("the client %s when it has sent %d bytes", m, n)
	c := s.begin(newCut(orderly, never, never))
	if _, err := c.Write(bytes.Join(s.requests, nil)[:n]); err != nil {
		s.Fatalf("%s: %v", name, err)
	}
	switch m {
	case stalled:
		for i, left := 0, n; left >= len(s.requests[i]); i++ {
			frame, err := readFrame(c)
			if err != nil {
				s.Fatalf("%s: answer %d: %v", name, i, err)
			}
			s.isAnswer(name, i, frame)
			left -= len(s.requests[i])
		}
	case reset:
		_ = c.SetLinger(0)
	case orderly:
	}
	c.Close()
	s.oneEnding(name, "client")
}

func waited(err error) bool {
	ne := net.Error(nil)
	return errors.As(err, &ne) && ne.Timeout()
}

// isPart checks what a client got, up to the middle of a frame.
func (s *faultStage) isPart(name string, got []byte) {
	s.Helper()
	for i, want := range s.answers {
		n := min(len(want), len(got))
		s.isAnswer(name, i, got[:n])
		got = got[n:]
	}
	if len(got) > 0 {
		s.Errorf("%s: the client got %x behind the last answer", name, got)
	}
}

// isAnswer checks an answer, or the beginning of one. The last tells an offset,
// which is another one each time.
func (s *faultStage) isAnswer(name string, i int, got []byte) {
	s.Helper()
	want := s.answers[i][:min(len(got), len(s.answers[i]))]
	if i == len(s.answers)-1 {
		got, want = got[:min(len(got), 8)], want[:min(len(want), 8)]
	}
	if !bytes.Equal(got, want) {
		s.Errorf("%s: answer %d is %x, want %x", name, i, got, want)
	}
}

// oneEnding checks that one session has ended since the last call, and by whom.
func (s *faultStage) oneEnding(name, side string) {
	s.Helper()
	sum := func() (n int) {
		for line, count := range endingCounts(s.e) {
			n += count - s.before[line]
		}
		return n
	}
	until(s.T, "an ending: "+name, func() bool { return sum() > 0 })
	settled(s.T, s.e)
	if n := sum(); n != 1 {
		s.Errorf("%s: %d endings", name, n)
	}
	now := endingCounts(s.e)
	for line, count := range now {
		if count != s.before[line] && !strings.Contains(line, `side="`+side+`"`) {
			s.Errorf("%s: ended as %s, not by the %s", name, line, side)
		}
	}
	s.before = now
}

// endingCounts are the figures of endings by their labels.
func endingCounts(e *Engine) map[string]int {
	counts := make(map[string]int)
	for line := range strings.Lines(endings(e)) {
		labels, n, _ := strings.Cut(strings.TrimSpace(line), "} ")
		counts[labels], _ = strconv.Atoi(n)
	}
	return counts
}
