package interop

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// testSilentProduce puts requests that are never answered between requests
// that are, on one connection: every answer must be that of its own request.
// (Clients keep acks=0 on a connection of its own, or ask little there, and do
// not notice a gateway that waits for an answer.)
func testSilentProduce(t *testing.T, s *stage) {
	s.makeTopic(t, "silent", 1)
	leader := int(s.partition(t.Context(), t, "silent").Leader)
	address := s.cluster.Broker(leader).AddrTLS()
	if s.one != nil {
		address = net.JoinHostPort("localhost", port(s.one.brokerPort(leader)))
	}
	dialer := tls.Dialer{Config: s.tls}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Version, metadata.Topics = 1, []kmsg.MetadataRequestTopic{}
	silent := kmsg.NewPtrProduceRequest()
	silent.Version, silent.Acks = 7, 0
	silent.Topics = []kmsg.ProduceRequestTopic{{
		Topic: "silent", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: oneRecord()}},
	}}
	format := kmsg.NewRequestFormatter(kmsg.FormatterClientID("interop"))
	const rounds = 20
	for id := int32(1); id < 2*rounds; id += 2 {
		frames := append(format.AppendRequest(nil, silent, id), format.AppendRequest(nil, metadata, id+1)...)
		if _, err := conn.Write(frames); err != nil {
			t.Fatal(err)
		}
		var head [8]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			t.Fatalf("request %d was not answered: %v", id+1, err)
		}
		if got := int32(binary.BigEndian.Uint32(head[4:])); got != id+1 {
			t.Fatalf("request %d was answered with the answer of %d", id+1, got)
		}
		body := make([]byte, binary.BigEndian.Uint32(head[:])-4)
		if _, err := io.ReadFull(conn, body); err != nil {
			t.Fatal(err)
		}
		answer := kmsg.NewPtrMetadataResponse()
		answer.Version = metadata.Version
		if err := answer.ReadFrom(body); err != nil || len(answer.Brokers) != 3 {
			t.Fatalf("request %d: %d brokers, %v; want 3", id+1, len(answer.Brokers), err)
		}
		for _, b := range answer.Brokers {
			if s.one != nil {
				s.one.expect(t, b.NodeID, b.Host, b.Port)
			}
		}
	}
	await(t, "every record is written", patience, func(context.Context) error {
		if n := s.endOffsets(t, "silent"); n != rounds {
			return fmt.Errorf("%d of %d are", n, rounds)
		}
		return nil
	})
}
