package kafkastore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/postern-kafka/postern/mapping"
)

const (
	// transactionTimeout is when the brokers give up a transaction whose gateway
	// has died. A gateway that writes next ends it at once.
	transactionTimeout = 10 * time.Second
	produceTimeout     = 10 * time.Second
	concurrentPause    = 5 * time.Millisecond // the transaction before is being completed
	concurrentPatience = 5 * time.Second
)

// TransactionalID returns the id under which the gateways of a cluster write,
// one at a time: _conduktor_<clusterID>_state.
func TransactionalID(clusterID string) string { return "_conduktor_" + clusterID + "_state" }

// versions are what the client speaks: transactions as they were before KIP-890,
// whose second part would have the brokers give a new epoch with every
// transaction and add partitions by themselves. The scribe does both itself.
func versions() *kversion.Versions {
	v := kversion.Stable()
	v.SetMaxKeyVersion(kmsg.Produce.Int16(), 11)
	v.SetMaxKeyVersion(kmsg.EndTxn.Int16(), 4)
	v.SetMaxKeyVersion(kmsg.InitProducerID.Int16(), 5)
	return v
}

// errFenced says that the right to write is another gateway's by now, or that
// the brokers have forgotten ours: nothing of the transaction came into effect.
var errFenced = errors.New("kafkastore: another gateway writes")

// scribe writes single records such that nobody else has written between begin
// and the return of write: all gateways of a cluster share one transactional id,
// and begin makes the brokers end and refuse the transactions of all others. It
// is used by one goroutine at a time.
//
//	begin ─▶ ready ─▶ write ─▶ ready
//	           │        │
//	           └────────┴─▶ lost (fenced, or anything that went wrong) ─▶ begin
type scribe struct {
	client *kgo.Client
	id     string
	now    func() time.Time

	ready    bool // no other gateway was seen since begin
	producer int64
	epoch    int16
	sequence map[string]int32 // by topic
}

// begin takes the right to write, if it is not ours already.
func (w *scribe) begin(ctx context.Context) error {
	if w.ready {
		return nil
	}
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID = &w.id
	req.TransactionTimeoutMillis = int32(transactionTimeout.Milliseconds())
	var resp *kmsg.InitProducerIDResponse
	err := whileConcurrent(ctx, func() (err error) {
		if resp, err = req.RequestWith(ctx, w.client); err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	})
	if err != nil {
		return w.failed("take the right to write", "", err)
	}
	w.ready, w.producer, w.epoch = true, resp.ProducerID, resp.ProducerEpoch
	w.sequence = make(map[string]int32)
	return nil
}

// write appends one record as a transaction of its own and returns its offset.
// With an *unsettledError it is to be found out at offset whether it came into
// effect; with any other it did not.
func (w *scribe) write(ctx context.Context, at place, key, value []byte) (offset int64, err error) {
	w.ready = false // until all went well
	if err := w.join(ctx, at.topic); err != nil {
		return 0, w.failed("begin a transaction", at.topic, err)
	}
	offset, err = w.produce(ctx, at, key, value)
	if err != nil {
		if !fences(err) {
			w.abort(ctx)
		}
		return 0, w.failed("write", at.topic, err)
	}
	if err := w.end(ctx, true); err != nil {
		return offset, &unsettledError{w.failed("commit", at.topic, err)}
	}
	w.sequence[at.topic]++
	w.ready = true
	return offset, nil
}

// unsettledError says that a transaction was to be committed and that the answer
// did not come, or came from after another gateway had taken over.
type unsettledError struct{ cause error }

func (e *unsettledError) Error() string { return e.cause.Error() }

func (e *unsettledError) Unwrap() error { return e.cause }

// join makes the topic's partition a part of the transaction.
func (w *scribe) join(ctx context.Context, topic string) error {
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = w.id, w.producer, w.epoch
	rt := kmsg.NewAddPartitionsToTxnRequestTopic()
	rt.Topic, rt.Partitions = topic, []int32{0}
	req.Topics = append(req.Topics, rt)
	return whileConcurrent(ctx, func() error {
		resp, err := req.RequestWith(ctx, w.client)
		if err != nil {
			return err
		}
		if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
			return err
		}
		if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
			return errors.New("answer without the partition")
		}
		return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	})
}

func (w *scribe) produce(ctx context.Context, at place, key, value []byte) (offset int64, err error) {
	rp := kmsg.NewProduceRequestTopicPartition()
	rp.Records = w.batch(at.topic, key, value)
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic, rt.TopicID = at.topic, at.id
	rt.Partitions = append(rt.Partitions, rp)
	req := kmsg.NewPtrProduceRequest()
	req.TransactionID, req.Acks = &w.id, -1
	req.TimeoutMillis = int32(produceTimeout.Milliseconds())
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(ctx, w.client.Broker(int(at.leader)))
	if err != nil {
		return 0, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, errors.New("answer without the partition")
	}
	p := resp.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(p.ErrorCode); err != nil && p.ErrorMessage != nil {
		return 0, fmt.Errorf("%w (%s)", err, *p.ErrorMessage)
	}
	return p.BaseOffset, kerr.ErrorForCode(p.ErrorCode)
}

// batch is one record in the form of a log: magic 2, transactional.
func (w *scribe) batch(topic string, key, value []byte) []byte {
	record := kmsg.Record{Key: key, Value: value}
	record.Length = int32(len(record.AppendTo(nil)) - 1) // the length itself takes one byte while it is 0
	const transactional = 0x10
	now := w.now().UnixMilli()
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: transactional,
		FirstTimestamp: now, MaxTimestamp: now,
		ProducerID: w.producer, ProducerEpoch: w.epoch, FirstSequence: w.sequence[topic],
		NumRecords: 1, Records: record.AppendTo(nil),
	}
	raw := b.AppendTo(nil)
	const length, crc, checked = 8, 17, 21 // where they stand, and where what the checksum covers begins
	binary.BigEndian.PutUint32(raw[length:], uint32(len(raw)-length-4))
	binary.BigEndian.PutUint32(raw[crc:], crc32.Checksum(raw[checked:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

func (w *scribe) end(ctx context.Context, commit bool) error {
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = w.id, w.producer, w.epoch, commit
	return whileConcurrent(ctx, func() error {
		resp, err := req.RequestWith(ctx, w.client)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	})
}

// abort saves the followers from waiting for a transaction that will not be
// committed. If it fails, the next begin or the brokers' patience ends it.
func (w *scribe) abort(ctx context.Context) {
	_ = w.end(ctx, false) // why nothing was written is told already
}

// whileConcurrent asks again while the transaction before is being completed.
func whileConcurrent(ctx context.Context, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, concurrentPatience)
	defer cancel()
	for {
		err := ask()
		if !errors.Is(err, kerr.ConcurrentTransactions) || ctx.Err() != nil {
			return err
		}
		wait(ctx, concurrentPause+rand.N(concurrentPause))
	}
}

// failed says what an error means: fenced, forbidden, or just the error.
func (w *scribe) failed(doing, topic string, err error) error {
	w.ready = false
	on := "transactional id " + w.id
	if topic != "" {
		on += ", topic " + topic
	}
	if right := missingRight(err); right != "" {
		return fmt.Errorf("kafkastore: %s: %s: %w: it needs %s (%w)", on, doing, mapping.ErrForbidden, right, err)
	}
	if fences(err) {
		return fmt.Errorf("kafkastore: %s: %s: %w: %w", on, doing, errFenced, err)
	}
	if errors.Is(err, kerr.CoordinatorNotAvailable) {
		return fmt.Errorf("kafkastore: %s: %s: %w (can the brokers make __transaction_state? transaction.state.log.replication.factor)", on, doing, err)
	}
	return fmt.Errorf("kafkastore: %s: %s: %w", on, doing, err)
}

func missingRight(err error) string {
	switch {
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return "Describe and Write on the TransactionalId"
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return "Write on the topic"
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		return "IdempotentWrite on the cluster"
	}
	return ""
}

// fences tells the errors after which the right to write has to be taken anew.
// UNKNOWN_SERVER_ERROR is what brokers say when a request and its fencing meet in
// their coordinator (IllegalStateException, "already a pending state
// PREPARE_EPOCH_FENCE"; seen with 4.4.0).
func fences(err error) bool {
	for _, e := range []*kerr.Error{
		kerr.InvalidProducerEpoch, kerr.ProducerFenced, kerr.InvalidTxnState, kerr.InvalidProducerIDMapping,
		kerr.UnknownProducerID, kerr.OutOfOrderSequenceNumber, kerr.TransactionAbortable, kerr.ConcurrentTransactions,
		kerr.TransactionCoordinatorFenced, kerr.UnknownServerError,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
