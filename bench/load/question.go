package load

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// question is a request whose answer never changes.
type question struct {
	request kmsg.Request
	check   func(answer []byte) error // reads the first answer
	once    sync.Once
	first   []byte // the first answer
}

// ask asks once, and keeps the first answer that anybody got.
func (q *question) ask(w *wire) error {
	answer, err := w.roundTrip(q.request)
	if err != nil {
		return err
	}
	q.once.Do(func() {
		if err = q.check(answer); err == nil {
			q.first = bytes.Clone(answer)
		}
	})
	return err
}

// endOffset asks for the end of partition 0 of a topic nobody writes to, in a
// version without tags: cheap for the broker, real, and always the same.
func endOffset(topic string) *question {
	r := kmsg.NewPtrListOffsetsRequest()
	r.Version = 5
	r.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	part := kmsg.NewListOffsetsRequestTopicPartition()
	part.Timestamp = -1
	part.CurrentLeaderEpoch = -1
	t.Partitions = append(t.Partitions, part)
	r.Topics = append(r.Topics, t)
	return &question{request: r, check: checkEndOffset}
}

// checkEndOffset reads the answer to endOffset.
func checkEndOffset(b []byte) error {
	answer := kmsg.NewPtrListOffsetsResponse()
	answer.Version = 5
	if err := answer.ReadFrom(b); err != nil {
		return fmt.Errorf("first answer: %w: %w", ErrWrong, err)
	}
	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return fmt.Errorf("first answer: not one partition: %w", ErrWrong)
	}
	if err := kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode); err != nil {
		return fmt.Errorf("first answer: %w", err)
	}
	return nil
}

// askVersions asks for the API versions, as every client does first.
func askVersions(w *wire) error {
	r := kmsg.NewPtrApiVersionsRequest()
	r.Version = 3
	r.ClientSoftwareName = clientID
	r.ClientSoftwareVersion = "1"
	answer, err := w.roundTrip(r)
	if err != nil {
		return err
	}
	versions := kmsg.NewPtrApiVersionsResponse()
	versions.Version = 3
	if err := versions.ReadFrom(answer); err != nil {
		return fmt.Errorf("API versions: %w: %w", ErrWrong, err)
	}
	if versions.ErrorCode != 0 || len(versions.ApiKeys) == 0 {
		return fmt.Errorf("API versions: error code %d, %d keys: %w", versions.ErrorCode, len(versions.ApiKeys), ErrWrong)
	}
	return nil
}
