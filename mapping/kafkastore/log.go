package kafkastore

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	fetchWaitMillis = 500 // a fetch is answered at once when a record comes
	fetchMaxBytes   = 8 << 20
	readCommitted   = 1
	fromStart       = -2 // ListOffsets: the first offset that there is
	toEnd           = -1 // ListOffsets: behind the last one that is committed
)

// place is where the log of a topic's only partition lives at present.
type place struct {
	topic  string
	id     [16]byte // zero from brokers that know no topic ids
	leader int32
	epoch  int32
}

// requester is a client, which finds the leader itself, or one broker of it.
type requester interface {
	Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error)
}

// describe asks the brokers for topics, past the client's cache: a topic that
// was deleted a moment ago must not seem to be there.
func describe(ctx context.Context, cl requester, topics ...string) (map[string]kmsg.MetadataResponseTopic, error) {
	req := kmsg.NewPtrMetadataRequest()
	for _, topic := range topics {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = kmsg.StringPtr(topic)
		req.Topics = append(req.Topics, rt)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, fmt.Errorf("kafkastore: metadata: %w", err)
	}
	found := make(map[string]kmsg.MetadataResponseTopic, len(topics))
	for _, t := range resp.Topics {
		if t.Topic != nil {
			found[*t.Topic] = t
		}
	}
	for _, topic := range topics {
		if _, ok := found[topic]; !ok {
			return nil, fmt.Errorf("kafkastore: metadata: answer without topic %s", topic)
		}
	}
	return found, nil
}

// locate asks where the log is. A topic with several partitions has no one
// order of records, and is a *TopicError.
func locate(ctx context.Context, cl requester, topic string) (place, error) {
	found, err := describe(ctx, cl, topic)
	if err != nil {
		return place{}, err
	}
	t := found[topic]
	if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
		return place{}, fmt.Errorf("kafkastore: topic %s: metadata: %w", topic, err)
	}
	if n := len(t.Partitions); n != 1 {
		return place{}, &TopicError{topic, fmt.Sprintf("has %d partitions, must have 1: the order of its records decides", n)}
	}
	p := t.Partitions[0]
	if p.Leader < 0 {
		return place{}, fmt.Errorf("kafkastore: topic %s: no leader: %w", topic, kerr.LeaderNotAvailable)
	}
	return place{topic: topic, id: t.TopicID, leader: p.Leader, epoch: p.LeaderEpoch}, nil
}

// listOffset asks for one end of the log: fromStart or toEnd.
func listOffset(ctx context.Context, cl requester, topic string, which int64) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	req.IsolationLevel = readCommitted
	rp := kmsg.NewListOffsetsRequestTopicPartition()
	rp.CurrentLeaderEpoch = -1
	rp.Timestamp = which
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic = topic
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(ctx, cl)
	if err == nil && (len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1) {
		err = errors.New("answer without the partition")
	}
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		return 0, fmt.Errorf("kafkastore: topic %s: list offsets: %w", topic, err)
	}
	return resp.Topics[0].Partitions[0].Offset, nil
}

// verdict is whether the log still holds what was read of it.
type verdict int

const (
	intact  verdict = iota
	unknown         // the broker cannot tell
	lost
)

// compare asks whether the log still holds what was read below position, the
// last of it in leader epoch read (KIP-320).
func compare(ctx context.Context, cl requester, at place, read int32, position int64) (verdict, error) {
	if read < 0 {
		return intact, nil // nothing was read
	}
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	req.ReplicaID = -1
	rp := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
	rp.CurrentLeaderEpoch = at.epoch
	rp.LeaderEpoch = read
	rt := kmsg.NewOffsetForLeaderEpochRequestTopic()
	rt.Topic = at.topic
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(ctx, cl)
	if err == nil && (len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1) {
		err = errors.New("answer without the partition")
	}
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		return unknown, fmt.Errorf("kafkastore: topic %s: end of leader epoch %d: %w", at.topic, read, err)
	}
	switch end := resp.Topics[0].Partitions[0].EndOffset; {
	case end < 0:
		return unknown, nil
	case end < position:
		return lost, nil
	}
	return intact, nil
}

// chunk is what one fetch brought. Everything below next has been seen; end is
// the end of the log, as far as it is committed.
type chunk struct {
	records []*kgo.Record
	next    int64
	end     int64
}

// fetch reads the log from position on, waiting a moment when there is nothing.
func fetch(ctx context.Context, cl requester, at place, position int64) (chunk, error) {
	p, err := fetchPartition(ctx, cl, at, position)
	if err == nil {
		err = kerr.ErrorForCode(p.ErrorCode)
	}
	if err != nil {
		return chunk{}, fmt.Errorf("kafkastore: topic %s: fetch at %d: %w", at.topic, position, err)
	}
	if len(p.RecordBatches) == 0 {
		// Nothing is left between here and the end: compaction and
		// transaction markers leave gaps, also behind the last record.
		return chunk{next: max(position, p.LastStableOffset), end: p.LastStableOffset}, nil
	}
	got, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Offset:         position,
		IsolationLevel: kgo.ReadCommitted(),
		Topic:          at.topic,
	}, p, kgo.DefaultDecompressor(), nil)
	if next <= position {
		if got.Err == nil {
			got.Err = errors.New("batch cut short")
		}
		return chunk{}, fmt.Errorf("kafkastore: topic %s: fetch at %d: %w", at.topic, position, got.Err)
	}
	// A fault behind the first batch shows again, alone, at the next fetch.
	return chunk{records: got.Records, next: next, end: p.LastStableOffset}, nil
}

func fetchPartition(ctx context.Context, cl requester, at place, position int64) (*kmsg.FetchResponseTopicPartition, error) {
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis = fetchWaitMillis
	req.MinBytes = 1
	req.MaxBytes = fetchMaxBytes
	req.IsolationLevel = readCommitted
	req.SessionEpoch = -1 // no fetch session: one partition needs none
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.CurrentLeaderEpoch = at.epoch
	rp.FetchOffset = position
	rp.PartitionMaxBytes = fetchMaxBytes
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic = at.topic
	rt.TopicID = at.id
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, errors.New("answer without the partition (throttled?)")
	}
	return &resp.Topics[0].Partitions[0], nil
}
