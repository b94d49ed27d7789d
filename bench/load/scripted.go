package load

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// scripted is a broker that says only what is written: that it is alone in its
// cluster, and that the cluster has Topics topics of Partitions partitions. It
// stands behind a peer where a real cluster of that size would take minutes to set
// up, and its answers cost it nothing: they are encoded once.
type scripted struct {
	spec     Spec
	listener net.Listener
	all      []byte // answer to "all topics", correlation id open
	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	closed   bool
	serving  sync.WaitGroup
}

// maxQuestion is the largest request it reads, in bytes.
const maxQuestion = 1 << 20

// scriptedKeys are the APIs it knows, with their highest versions.
var scriptedKeys = []struct{ key, version int16 }{
	{int16(kmsg.Metadata), metadataVersion},
	{int16(kmsg.ApiVersions), 3},
}

// Prepare writes the script and listens on Addr.
func (s *scripted) Prepare(ctx context.Context) error {
	answer := s.cluster()
	for i := range s.spec.Topics {
		name := fmt.Sprintf("topic-%06d", i)
		t := kmsg.NewMetadataResponseTopic()
		t.Topic = &name
		binary.BigEndian.PutUint64(t.TopicID[8:], uint64(i+1))
		for p := range s.spec.Partitions {
			part := kmsg.NewMetadataResponseTopicPartition()
			part.Partition = int32(p)
			part.Leader, part.LeaderEpoch = 1, 1
			part.Replicas, part.ISR = []int32{1}, []int32{1}
			t.Partitions = append(t.Partitions, part)
		}
		answer.Topics = append(answer.Topics, t)
	}
	s.all = encode(answer, 0)
	s.conns = make(map[net.Conn]struct{})
	var err error
	if s.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", s.spec.Addr); err != nil {
		return fmt.Errorf("load: scripted: %w", err)
	}
	s.serving.Go(s.accept)
	return nil
}

// Run has nothing to do: it serves from Prepare to Close.
func (s *scripted) Run(context.Context) (Outcome, error) { return Outcome{}, nil }

// Close ends all connections.
func (s *scripted) Close() {
	if s.listener == nil {
		return
	}
	_ = s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// cluster is an answer to Metadata without topics.
func (s *scripted) cluster() *kmsg.MetadataResponse {
	answer := kmsg.NewPtrMetadataResponse()
	answer.Version = metadataVersion
	id := "scripted"
	answer.ClusterID = &id
	answer.ControllerID = 1
	b := kmsg.NewMetadataResponseBroker()
	b.NodeID = 1
	host, port, _ := net.SplitHostPort(s.spec.Addr)
	n, _ := strconv.Atoi(port)
	b.Host, b.Port = host, int32(n)
	answer.Brokers = append(answer.Brokers, b)
	return answer
}

func (s *scripted) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.closed {
			_ = c.Close()
		}
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.serving.Go(func() {
			s.serve(c)
			_ = c.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

// serve answers one connection until it ends or says what is not in the script.
func (s *scripted) serve(c net.Conn) {
	var size [4]byte
	for {
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		n := binary.BigEndian.Uint32(size[:])
		if n < 10 || n > maxQuestion {
			return
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(c, frame); err != nil {
			return
		}
		answer := s.answer(frame)
		if answer == nil {
			return
		}
		if _, err := answer.WriteTo(c); err != nil {
			return
		}
	}
}

// answer returns the frame that answers a request without its size, nil for one
// it does not know.
func (s *scripted) answer(frame []byte) *net.Buffers {
	key, version := int16(binary.BigEndian.Uint16(frame)), int16(binary.BigEndian.Uint16(frame[2:]))
	corr := binary.BigEndian.Uint32(frame[4:])
	switch key {
	case int16(kmsg.ApiVersions):
		return &net.Buffers{encode(versionsAnswer(version), corr)}
	case int16(kmsg.Metadata):
		return s.metadata(frame, version, corr)
	default:
		return nil
	}
}

// metadata answers with the whole script when it is asked in its version for all
// topics, and with the cluster alone otherwise.
func (s *scripted) metadata(frame []byte, version int16, corr uint32) *net.Buffers {
	request := kmsg.NewPtrMetadataRequest()
	request.Version = version
	idSize := max(0, int(int16(binary.BigEndian.Uint16(frame[8:]))))
	body := 10 + idSize
	if request.IsFlexible() {
		body++ // no tags
	}
	if body > len(frame) || request.ReadFrom(frame[body:]) != nil {
		return nil
	}
	if version == metadataVersion && request.Topics == nil {
		var head [8]byte
		copy(head[:], s.all)
		binary.BigEndian.PutUint32(head[4:], corr)
		return &net.Buffers{head[:], s.all[8:]}
	}
	answer := s.cluster()
	answer.Version = version
	return &net.Buffers{encode(answer, corr)}
}

// versionsAnswer tells which APIs there are. An unknown version is answered in
// version 0 with an error, as brokers do.
func versionsAnswer(version int16) *kmsg.ApiVersionsResponse {
	answer := kmsg.NewPtrApiVersionsResponse()
	answer.Version = version
	if version > 3 {
		answer.Version = 0
		answer.ErrorCode = kerr.UnsupportedVersion.Code
	}
	for _, k := range scriptedKeys {
		api := kmsg.NewApiVersionsResponseApiKey()
		api.ApiKey, api.MaxVersion = k.key, k.version
		answer.ApiKeys = append(answer.ApiKeys, api)
	}
	return answer
}

// encode makes a frame of an answer.
func encode(r kmsg.Response, corr uint32) []byte {
	b := make([]byte, 8, 256)
	if r.IsFlexible() && r.Key() != int16(kmsg.ApiVersions) {
		b = append(b, 0) // no tags
	}
	b = r.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	binary.BigEndian.PutUint32(b[4:], corr)
	return b
}
