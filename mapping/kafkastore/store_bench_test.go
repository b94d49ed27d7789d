package kafkastore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/postern-kafka/postern/mapping"
)

// BenchmarkPut is one write at a time: read to the end, append, read back.
func BenchmarkPut(b *testing.B) {
	s, _ := open(b, cluster(b).ListenAddrs(), nil)
	i := 0
	for b.Loop() {
		if _, err := s.Put(b.Context(), mapping.Mapping{Username: fmt.Sprint("u", i%1000)}); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkVisibleAtTheOtherGateway is the time from a Put at one gateway
// until the principal resolves at another one that shares the topic.
func BenchmarkVisibleAtTheOtherGateway(b *testing.B) {
	c := cluster(b)
	here, _ := open(b, c.ListenAddrs(), nil)
	there, _ := open(b, c.ListenAddrs(), nil)
	look := time.NewTicker(100 * time.Microsecond)
	defer look.Stop()
	var took []time.Duration
	for b.Loop() {
		m := mapping.Mapping{Username: fmt.Sprint("u", len(took)), Principal: fmt.Sprint("CN=", len(took))}
		began := time.Now()
		if _, err := here.Put(b.Context(), m); err != nil {
			b.Fatal(err)
		}
		for {
			if _, ok := there.Users().Lookup(m.Principal); ok {
				break
			}
			<-look.C
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-p50")
	b.ReportMetric(float64(took[len(took)-1].Microseconds()), "µs-max")
}
