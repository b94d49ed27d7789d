package session

import (
	"fmt"
	"testing"

	"github.com/postern-kafka/postern/mapping"
)

// exchange is a request and its answer, and in what pieces they come.
type exchange struct {
	name             string
	request, answer  string
	args, answerArgs map[string]string
	piece            int
}

// exchanges are all the ways that bytes take through an established session.
var exchanges = []exchange{
	{name: "small", request: "Heartbeat v4", answer: "Heartbeat v4", piece: 128 << 10},
	{name: "produce", request: "Produce v9", answer: "Produce v9", args: map[string]string{"records": "262144"}, piece: 128 << 10},
	{name: "produce told a new leader", request: "Produce v10", answer: "Produce v10", answerArgs: map[string]string{"brokers": "1@10.0.0.1:9092"}, piece: 128 << 10},
	{name: "fetch", request: "Fetch v11", answer: "Fetch v11", answerArgs: map[string]string{"records": "1048576"}, piece: 128 << 10},
	{name: "fetch with a tail", request: "Fetch v16", answer: "Fetch v16", answerArgs: map[string]string{"records": "1048576", "brokers": "1@10.0.0.1:9092"}, piece: 64 << 10},
	{name: "metadata", request: "Metadata v12", answer: "Metadata v12", answerArgs: map[string]string{"brokers": "1@10.0.0.1:9092", "topics": "100"}, piece: 128 << 10},
	{name: "metadata of a large cluster", request: "Metadata v12", answer: "Metadata v12", answerArgs: map[string]string{"brokers": "1@10.0.0.1:9092", "topics": "10000", "partitions": "10"}, piece: 128 << 10},
	{name: "API versions", request: "ApiVersions v3", answer: "ApiVersions v3", piece: 128 << 10},
}

// established is a session that forwards, with the frames of an exchange.
func established(t testing.TB, x exchange) (s *Session, out *Effects, request, answer []byte) {
	t.Helper()
	p := newPlayer(t)
	p.book.Learn([]mapping.Broker{{ID: 1, Host: "10.0.0.1", Port: 9092}})
	p.s.Start(mapping.Auth{Principal: "CN=orders"}, nil, &p.fx)
	p.s.Dialed(nil, &p.fx)
	with := func(args map[string]string) map[string]string {
		all := map[string]string{"corr": "7"}
		for k, v := range args {
			all[k] = v
		}
		return all
	}
	return p.s, &p.fx, p.request(x.request, with(x.args)), p.response(x.answer, with(x.answerArgs))
}

// feed gives a session the bytes as the engine does: what it does not consume comes
// again with more behind it.
func feed(take func(b []byte, out *Effects) int, b []byte, piece int, out *Effects) error {
	for from, to := 0, 0; from < len(b); {
		if to == len(b) {
			return fmt.Errorf("%d of %d bytes were not consumed", len(b)-from, len(b))
		}
		to = min(len(b), to+piece)
		for from < to {
			n := take(b[from:to], out)
			if n == 0 {
				break
			}
			from += n
		}
	}
	return nil
}

// TestNoAllocations: forwarding a request and its answer allocates nothing, be it
// as it is, patched, or patched behind a megabyte that streams through.
func TestNoAllocations(t *testing.T) {
	for _, x := range exchanges {
		t.Run(x.name, func(t *testing.T) {
			s, out, request, answer := established(t, x)
			var failed error
			once := func() {
				if err := feed(s.FromClient, request, x.piece, out); err != nil {
					failed = err
				}
				if err := feed(s.FromBroker, answer, x.piece, out); err != nil {
					failed = err
				}
			}
			for range 3 {
				once() // the scratch memory grows
			}
			n := testing.AllocsPerRun(100, once)
			if failed != nil || s.Phase() != Forward || s.InFlight() != 0 {
				t.Fatalf("the session is in phase %v with %d in flight (%v): %v", s.Phase(), s.InFlight(), s.Reason(), failed)
			}
			if n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// BenchmarkForward is a request and its answer through a session alone.
func BenchmarkForward(b *testing.B) {
	for _, x := range exchanges {
		b.Run(x.name, func(b *testing.B) {
			s, out, request, answer := established(b, x)
			b.ReportAllocs()
			for b.Loop() {
				if feed(s.FromClient, request, x.piece, out) != nil || feed(s.FromBroker, answer, x.piece, out) != nil {
					b.Fatal(s.Reason())
				}
			}
		})
	}
}
