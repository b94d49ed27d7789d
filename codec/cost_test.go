package codec

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// bigMetadata is an answer with n topics of six partitions on three brokers.
func bigMetadata(n int) (Head, []byte) {
	resp := kmsg.NewPtrMetadataResponse()
	resp.SetVersion(12)
	for id := range int32(3) {
		resp.Brokers = append(resp.Brokers, kmsg.MetadataResponseBroker{NodeID: id, Host: realHost(id), Port: realPort(id)})
	}
	for range n {
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic = kmsg.StringPtr("some.topic.with.a.usual.name")
		for i := range int32(6) {
			part := kmsg.NewMetadataResponseTopicPartition()
			part.Partition, part.Replicas, part.ISR = i, []int32{0, 1, 2}, []int32{0, 1, 2}
			topic.Partitions = append(topic.Partitions, part)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return frameOf(newRand(1), resp)
}

// bigFetch is an answer of ten partitions with records bytes of records in all.
func bigFetch(records int, nodes ...int32) (Head, []byte) {
	resp := kmsg.NewPtrFetchResponse()
	resp.SetVersion(17)
	topic := kmsg.NewFetchResponseTopic()
	for i := range int32(10) {
		part := kmsg.NewFetchResponseTopicPartition()
		part.Partition, part.RecordBatches = i, make([]byte, records/10)
		topic.Partitions = append(topic.Partitions, part)
	}
	resp.Topics = append(resp.Topics, topic)
	for _, id := range nodes {
		resp.Brokers = append(resp.Brokers, kmsg.FetchResponseBroker{NodeID: id, Host: realHost(id), Port: realPort(id)})
	}
	return frameOf(newRand(1), resp)
}

func produceRequest() (Head, []byte) {
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(12)
	req.TransactionID = kmsg.StringPtr("payments-7")
	return requestFrame(newRand(1), req, kmsg.StringPtr("producer-1"), false)
}

func fetchRequest() (Head, []byte) {
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(17)
	topic := kmsg.NewFetchRequestTopic()
	for range 20 {
		topic.Partitions = append(topic.Partitions, kmsg.NewFetchRequestTopicPartition())
	}
	req.Topics = append(req.Topics, topic)
	req.ReplicaState.ID = -1
	return requestFrame(newRand(1), req, kmsg.StringPtr("consumer-1"), false)
}

// hot is every call that is made per request or answer, warm.
func hot() map[string]func() {
	var p Patch
	segs := make([][]byte, 0, 64)
	var v View = moved{"gateway.example.com", 1 << 30}
	ph, preq := produceRequest()
	fh, freq := fetchRequest()
	mh, meta := bigMetadata(100)
	bh, big := bigFetch(1<<20, 1, 2)
	sh, small := bigFetch(2000, 1, 2)
	av := kmsg.NewPtrApiVersionsResponse()
	av.SetVersion(4)
	for key := range int16(100) {
		av.ApiKeys = append(av.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: key, MaxVersion: 20})
	}
	ah, apis := frameOf(newRand(1), av)
	whole := func(key int16, h Head, frame []byte) func() {
		row := Lookup(key)
		return func() {
			if err := row.Whole(&p, v, h, frame); err != nil || p.Empty() {
				panic("no patch")
			}
			segs = p.Segments(segs[:0], frame)
		}
	}
	return map[string]func(){
		"RequestHead":  func() { _, _, _ = RequestHead(preq, MaxFrame) },
		"ResponseHead": func() { _, _, _, _ = ResponseHead(meta, MaxFrame) },
		"Silent":       func() { _, _, _ = Lookup(0).Silent(ph, preq) },
		"Check":        func() { _, _ = Lookup(1).Check(fh, freq) },
		"Metadata":     whole(3, mh, meta),
		"Fetch":        whole(1, sh, small),
		"ApiVersions":  whole(18, ah, apis),
		"MetadataHead": func() {
			if ok, err := Lookup(3).Prefix(&p, v, mh, meta[:4096]); !ok || err != nil {
				panic("no patch")
			}
			segs = p.Segments(segs[:0], meta[:4096])
		},
		"Skim": func() {
			var s Skim
			s.Start(bh)
			for at := 0; ; {
				n, tail, err := s.Feed(big[at:min(len(big), at+64<<10)])
				if err != nil {
					panic(err)
				}
				if at += n; tail {
					if err := Lookup(1).Tail(&p, v, bh, big[at:]); err != nil {
						panic(err)
					}
					segs = p.Segments(segs[:0], big[at:])
					return
				}
			}
		},
	}
}

// TestNoAllocations: nothing that runs per request or answer allocates.
func TestNoAllocations(t *testing.T) {
	for name, f := range hot() {
		f()
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkHot(b *testing.B) {
	for name, f := range hot() {
		b.Run(name, func(b *testing.B) {
			f()
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

// BenchmarkMetadata10k patches the head of an answer of ten thousand topics.
func BenchmarkMetadata10k(b *testing.B) {
	h, frame := bigMetadata(10000)
	var p Patch
	var v View = moved{"gateway.example.com", 1 << 30}
	segs := make([][]byte, 0, 64)
	b.ReportMetric(float64(len(frame)), "frame-bytes")
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := Lookup(3).Prefix(&p, v, h, frame[:64<<10]); !ok || err != nil {
			b.Fatal(err)
		}
		segs = p.Segments(segs[:0], frame[:64<<10])
	}
	_ = segs
}

// TestSegmentsAreBounded: an answer made of nodes with long racks, so that no two
// splices are near each other, still fits one writev.
func TestSegmentsAreBounded(t *testing.T) {
	resp := kmsg.NewPtrMetadataResponse()
	resp.SetVersion(9)
	rack := strings.Repeat("rack", 100)
	for id := range int32(1000) {
		resp.Brokers = append(resp.Brokers, kmsg.MetadataResponseBroker{NodeID: id, Host: realHost(id), Port: realPort(id), Rack: &rack})
	}
	h, frame := frameOf(newRand(3), resp)
	var p Patch
	if err := Lookup(3).Whole(&p, movedViews[0], h, frame); err != nil {
		t.Fatal(err)
	}
	if n := len(p.Segments(nil, frame)); n > 2*maxSplices+2 {
		t.Fatalf("%d segments", n)
	}
	want, _, _ := mapped(t, h, frame, movedViews[0])
	if got := decode(t, h, join(&p, frame)); !reflect.DeepEqual(got, want) {
		t.Fatal("patched frame differs")
	}
}

// TestPatchReused: a patch used before leaves nothing of that behind, whether
// the next frame is patched, untouched or refused.
func TestPatchReused(t *testing.T) {
	mh, meta := bigMetadata(3)
	fh, fetch := bigFetch(100, 1)
	var used, fresh Patch
	for range 3 {
		if err := Lookup(3).Whole(&used, movedViews[0], mh, meta); err != nil {
			t.Fatal(err)
		}
		if err := Lookup(1).Whole(&used, movedViews[0], fh, fetch); err != nil {
			t.Fatal(err)
		}
		if err := Lookup(1).Whole(&fresh, movedViews[0], fh, fetch); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(join(&used, fetch), join(&fresh, fetch)) || len(used.Nodes()) != 0 {
			t.Fatal("a used patch gives another frame")
		}
		if err := Lookup(1).Whole(&used, movedViews[0], fh, fetch[:50]); err == nil || !used.Empty() {
			t.Fatal("a refused frame leaves a patch")
		}
	}
}
