package codec

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var record = flag.Bool("record", false, "write golden vectors from the fake cluster")

// TestFakeCluster asks a running (fake) cluster for every patched API in every
// version it speaks, and holds the answers to the properties. With -record the
// lowest, first flexible, first patched and highest become golden vectors.
func TestFakeCluster(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(3, "orders"), kfake.ClusterID("fake"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	// Node 0 is asked; node 1 leads, so it is told where the leader is.
	for part := range int32(3) {
		if err := cluster.MoveTopicPartition("orders", part, 1); err != nil {
			t.Fatal(err)
		}
	}
	addr := cluster.ListenAddrs()[0]
	topic := cluster.TopicInfo("orders").TopicID
	for key, row := range Keys {
		for version := int16(0); version <= row.Max; version++ {
			if !row.Patched(version) {
				continue
			}
			req := fakeRequest(key, version, topic)
			frame := ask(t, addr, req)
			h := Head{Key: key, Version: version, Size: len(frame)}
			t.Run(fmt.Sprintf("%s/v%d", row.Name, version), func(t *testing.T) { checkVector(t, h, frame) })
			if *record && frame != nil && (version == 0 || version == row.Flex || version == row.PatchFrom || version == row.Max) {
				writeVector(t, row, h, frame)
			}
		}
	}
}

// fakeRequest asks for something that a broker answers with addresses.
func fakeRequest(key, version int16, id [16]byte) kmsg.Request {
	req := kmsg.RequestForKey(key)
	req.SetVersion(version)
	switch x := req.(type) {
	case *kmsg.ProduceRequest:
		x.Acks, x.TimeoutMillis = 1, 1000
		part := kmsg.NewProduceRequestTopicPartition()
		x.Topics = []kmsg.ProduceRequestTopic{{Topic: "orders", TopicID: id, Partitions: []kmsg.ProduceRequestTopicPartition{part}}}
	case *kmsg.FetchRequest:
		x.ReplicaID, x.ReplicaState.ID, x.MaxBytes, x.SessionEpoch = -1, -1, 1<<20, -1
		part := kmsg.NewFetchRequestTopicPartition()
		part.PartitionMaxBytes, part.CurrentLeaderEpoch = 1<<20, -1
		x.Topics = []kmsg.FetchRequestTopic{{Topic: "orders", TopicID: id, Partitions: []kmsg.FetchRequestTopicPartition{part}}}
	case *kmsg.FindCoordinatorRequest:
		x.CoordinatorKey, x.CoordinatorKeys = "group", []string{"group", "other"}
	case *kmsg.DescribeClusterRequest:
		x.EndpointType = 1
	case *kmsg.ApiVersionsRequest:
		x.ClientSoftwareName, x.ClientSoftwareVersion, x.NodeID = "postern", "0", -1
	case *kmsg.ShareFetchRequest:
		x.GroupID, x.MemberID = kmsg.StringPtr("share"), kmsg.StringPtr("AAAAAAAAAAAAAAAAAAAAAA")
		part := kmsg.NewShareFetchRequestTopicPartition()
		x.Topics = []kmsg.ShareFetchRequestTopic{{TopicID: id, Partitions: []kmsg.ShareFetchRequestTopicPartition{part}}}
	case *kmsg.ShareAcknowledgeRequest:
		x.GroupID, x.MemberID, x.ShareSessionEpoch = kmsg.StringPtr("share"), kmsg.StringPtr("AAAAAAAAAAAAAAAAAAAAAA"), 1
	}
	return req
}

// ask sends one request over a connection of its own and returns the frame that
// comes back, cut by ResponseHead.
func ask(t *testing.T, addr string, req kmsg.Request) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, out := requestFrame(newRand(1), req, kmsg.StringPtr("postern"), false)
	if _, err := conn.Write(out); err != nil {
		t.Fatal(err)
	}
	var frame []byte
	size := responseHeadLen
	for len(frame) < size {
		piece := make([]byte, size-len(frame))
		n, err := conn.Read(piece)
		if errors.Is(err, io.EOF) {
			t.Fatalf("key %d v%d: closed without an answer", req.Key(), req.GetVersion())
		}
		if err != nil {
			t.Fatal(err)
		}
		frame = append(frame, piece[:n]...)
		whole, _, ok, err := ResponseHead(frame, MaxFrame)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			size = whole
		}
	}
	return frame
}

func writeVector(t *testing.T, row *Rule, h Head, frame []byte) {
	t.Helper()
	var b strings.Builder
	b.WriteString("# captured from kfake (franz-go), three brokers; TestFakeCluster says what was asked\n\n")
	text := hex.EncodeToString(frame)
	for i := 0; i < len(text); i += 64 {
		b.WriteString(text[i:min(len(text), i+64)] + "\n")
	}
	name := fmt.Sprintf("%02d_%s_v%d_kfake.hex", h.Key, row.Name, h.Version)
	if err := os.MkdirAll(goldenDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(goldenDir, name), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
