package load

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// metadataVersion is the version of Metadata that is asked and answered: the
// highest that all peers know.
const metadataVersion = 12

// metadata asks on every connection for all topics of a cluster, one request at a
// time. The answers come from a script, see scripted.
type metadata struct {
	wires
	question *question
}

// newMetadata asks a cluster of the size in s.
func newMetadata(w wires) *metadata {
	r := kmsg.NewPtrMetadataRequest()
	r.Version = metadataVersion
	r.Topics = nil // all
	topics, partitions := w.spec.Topics, w.spec.Partitions
	return &metadata{wires: w, question: &question{request: r, check: func(answer []byte) error {
		return checkMetadata(answer, topics, partitions)
	}}}
}

// checkMetadata reads a whole answer.
func checkMetadata(b []byte, topics, partitions int) error {
	if len(b) == 0 || b[0] != 0 {
		return fmt.Errorf("first answer: header tags: %w", ErrWrong)
	}
	answer := kmsg.NewPtrMetadataResponse()
	answer.Version = metadataVersion
	if err := answer.ReadFrom(b[1:]); err != nil {
		return fmt.Errorf("first answer: %w: %w", ErrWrong, err)
	}
	if len(answer.Brokers) != 1 || len(answer.Topics) != topics {
		return fmt.Errorf("first answer: %d brokers and %d topics, want 1 and %d: %w", len(answer.Brokers), len(answer.Topics), topics, ErrWrong)
	}
	for _, t := range answer.Topics {
		if len(t.Partitions) != partitions {
			return fmt.Errorf("first answer: a topic with %d partitions, want %d: %w", len(t.Partitions), partitions, ErrWrong)
		}
	}
	return nil
}

// Prepare connects and asks once on every connection.
func (m *metadata) Prepare(ctx context.Context) error {
	return m.open(ctx, m.spec.Connections, m.question.ask)
}

// Run asks on all connections at once. Bytes are those of the answers.
func (m *metadata) Run(ctx context.Context) (Outcome, error) {
	begin := time.Now()
	share := m.spec.Requests / int64(len(m.conns))
	err := each(ctx, len(m.conns), func(_ context.Context, i int) error {
		if err := m.conns[i].repeat(m.question.request, share, m.question.first); err != nil {
			return m.wrong(i, err)
		}
		return nil
	})
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{
		Seconds:     time.Since(begin).Seconds(),
		Requests:    m.spec.Requests,
		Bytes:       m.spec.Requests * int64(len(m.question.first)),
		Connections: len(m.conns),
		Cipher:      m.conns[0].cipher(),
	}, nil
}
