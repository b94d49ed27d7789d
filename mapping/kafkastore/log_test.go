package kafkastore

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// broker answers every request with what it is told.
type broker func(kmsg.Request) (kmsg.Response, error)

func (b broker) Request(_ context.Context, req kmsg.Request) (kmsg.Response, error) { return b(req) }

// fetched is a broker whose log ends at end and that answers with batches.
func fetched(batches []byte, code int16, end int64) broker {
	return func(req kmsg.Request) (kmsg.Response, error) {
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		rp := kmsg.NewFetchResponseTopicPartition()
		rp.RecordBatches, rp.ErrorCode = batches, code
		rp.LastStableOffset, rp.HighWatermark = end, end
		rt := kmsg.NewFetchResponseTopic()
		rt.Partitions = append(rt.Partitions, rp)
		resp.Topics = append(resp.Topics, rt)
		return resp, nil
	}
}

func TestFetch(t *testing.T) {
	var refused broker = func(kmsg.Request) (kmsg.Response, error) { return nil, errors.New("refused") }
	var nothing broker = func(req kmsg.Request) (kmsg.Response, error) { return req.ResponseKind(), nil }
	for _, tc := range []struct {
		what string
		from broker
		next int64
		fail bool
	}{
		{"nothing new", fetched(nil, 0, 8), 8, false},
		{"nothing left before the end, after compaction", fetched(nil, 0, 12), 12, false},
		{"an end behind us never moves us back", fetched(nil, 0, 3), 8, false},
		{"error code", fetched(nil, kerr.NotLeaderForPartition.Code, 12), 0, true},
		{"bytes that are no batch", fetched([]byte("not a record batch, whatever it is"), 0, 12), 0, true},
		{"no connection", refused, 0, true},
		{"answer without the partition", nothing, 0, true},
	} {
		t.Run(tc.what, func(t *testing.T) {
			got, err := fetch(t.Context(), tc.from, place{topic: "t"}, 8)
			if (err != nil) != tc.fail || got.next != tc.next {
				t.Errorf("next %d, %v; want %d, failure %v", got.next, err, tc.next, tc.fail)
			}
		})
	}
}

// batch is a record batch at offset 8 whose record, in the wire's form, is r.
func batch(r []byte) []byte {
	b := kmsg.RecordBatch{
		FirstOffset: 8, Magic: 2, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		NumRecords: 1, Records: r,
	}
	return seal(b.AppendTo(nil))
}

// seal makes length and checksum right, so that mutations get past them.
func seal(b []byte) []byte {
	if len(b) > 21 {
		binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
		binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	}
	return b
}

// FuzzFetch: whatever a broker says is in its log, a fetch fails or gets on.
func FuzzFetch(f *testing.F) {
	record := kmsg.Record{Key: []byte("k"), Value: []byte("v")}
	wire := record.AppendTo(nil)
	record.Length = int32(len(wire) - 1)
	whole := batch(record.AppendTo(nil))
	if got, err := fetch(context.Background(), fetched(whole, 0, 9), place{topic: "t"}, 8); err != nil || len(got.records) != 1 {
		f.Fatalf("the seed is no good: %+v, %v", got, err)
	}
	f.Add([]byte{}, int64(8))
	f.Add(whole, int64(9))
	f.Add(whole[:len(whole)-1], int64(9))
	f.Add(batch(nil), int64(9))
	f.Fuzz(func(t *testing.T, batches []byte, end int64) {
		got, err := fetch(t.Context(), fetched(seal(slices.Clone(batches)), 0, end), place{topic: "t"}, 8)
		if err != nil {
			return
		}
		if got.next < 8 || len(batches) > 0 && got.next == 8 {
			t.Fatalf("next %d after %d bytes at 8", got.next, len(batches))
		}
		for _, r := range got.records {
			if r.Offset < 8 || r.Offset >= got.next {
				t.Fatalf("record at %d in a fetch from 8 to %d", r.Offset, got.next)
			}
		}
	})
}
