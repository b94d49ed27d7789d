package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// pingPong sends the next small request of a connection when the last one is
// answered. The request asks for the end of a partition nobody writes to: cheap
// for the broker, real, and its answer never changes.
type pingPong struct {
	spec  Spec
	tls   *tls.Config
	wires []*wire
	first []byte
}

// Prepare connects, and learns from the first connection what the answer is.
func (p *pingPong) Prepare(ctx context.Context) error {
	for i := range p.spec.Connections {
		w, err := dialWire(ctx, p.spec, p.tls)
		if err != nil {
			return fmt.Errorf("load: pingpong: connection %d: %w", i, err)
		}
		p.wires = append(p.wires, w)
		answer, err := w.roundTrip(p.request())
		if err != nil {
			return fmt.Errorf("load: pingpong: connection %d: %w", i, err)
		}
		if p.first == nil {
			p.first = bytes.Clone(answer)
		}
	}
	return p.checkAnswer()
}

// request asks for the end offset of partition 0, in a version without tags.
func (p *pingPong) request() kmsg.Request {
	r := kmsg.NewPtrListOffsetsRequest()
	r.Version = 5
	r.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = p.spec.Topic
	part := kmsg.NewListOffsetsRequestTopicPartition()
	part.Timestamp = -1
	part.CurrentLeaderEpoch = -1
	t.Partitions = append(t.Partitions, part)
	r.Topics = append(r.Topics, t)
	return r
}

// checkAnswer reads the first answer.
func (p *pingPong) checkAnswer() error {
	answer := kmsg.NewPtrListOffsetsResponse()
	answer.Version = 5
	if err := answer.ReadFrom(p.first); err != nil {
		return fmt.Errorf("load: pingpong: first answer: %w: %w", ErrWrong, err)
	}
	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return fmt.Errorf("load: pingpong: first answer: not one partition: %w", ErrWrong)
	}
	if err := kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode); err != nil {
		return fmt.Errorf("load: pingpong: first answer: %w", err)
	}
	return nil
}

// Run plays on all connections at once.
func (p *pingPong) Run(ctx context.Context) (Outcome, error) {
	begin := time.Now()
	share := p.spec.Requests / int64(len(p.wires))
	err := each(ctx, len(p.wires), func(_ context.Context, i int) error {
		return p.wires[i].repeat(p.request(), share, p.first)
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("load: pingpong: %w", err)
	}
	return Outcome{
		Seconds:     time.Since(begin).Seconds(),
		Requests:    p.spec.Requests,
		Connections: len(p.wires),
		Cipher:      p.wires[0].cipher(),
	}, nil
}

// Close ends the connections.
func (p *pingPong) Close() { closeWires(p.wires) }

// closeWires closes connections; what the peer thinks of it no longer matters.
func closeWires(wires []*wire) {
	for _, w := range wires {
		if w != nil {
			_ = w.conn.Close()
		}
	}
}
