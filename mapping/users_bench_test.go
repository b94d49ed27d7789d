package mapping_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/mapping"
)

// principals returns the names of n clients in random order. They are copies,
// one behind the other in memory: a principal that was just read off a
// certificate is in the cache, unlike the map's own.
func principals(n int) []string {
	var text strings.Builder
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
		text.WriteString(principal(i))
	}
	all := make([]string, n)
	for i := range all {
		size := text.Len() / n
		all[i] = text.String()[i*size : (i+1)*size]
	}
	return all
}

func principal(i int) string { return fmt.Sprintf("CN=client-%07d,OU=Payments,O=Example", i) }

func filled(n int) *mapping.Users {
	u := mapping.NewUsers()
	for i := range n {
		u.Put(mapping.Mapping{Username: fmt.Sprint("client-", i), Principal: principal(i), VCluster: mapping.Passthrough})
	}
	return u
}

// BenchmarkLookup asks for a hundred principals in turn, scattered over a set
// of n: what clients cost that connect again and again.
func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1, 1_000, 1_000_000} {
		users, all := filled(n), principals(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) { lookUp(b, users, all[:min(n, 100)]) })
	}
}

// BenchmarkLookupCold asks for all principals in random order: with a million,
// three accesses that depend on each other miss every cache, and the price is
// that of the memory.
func BenchmarkLookupCold(b *testing.B) {
	users, all := filled(1_000_000), principals(1_000_000)
	b.Run("1000000", func(b *testing.B) { lookUp(b, users, all) })
}

func lookUp(b *testing.B, users *mapping.Users, among []string) {
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, ok := users.Lookup(among[i]); !ok {
			b.Fatal("not found")
		}
		if i++; i == len(among) {
			i = 0
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	users, all := filled(1000), principals(1000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := users.Resolve(mapping.Auth{Principal: all[i]}, true); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(all) {
			i = 0
		}
	}
}

func BenchmarkBookKnown(b *testing.B) {
	book := mapping.NewBook(nil)
	book.Learn([]mapping.Broker{{ID: 1, Host: "broker-1.example", Port: 9092}, {ID: 2, Host: "broker-2.example", Port: 9092}})
	host := []byte("broker-2.example")
	b.ReportAllocs()
	for b.Loop() {
		if !book.Known(2, host, 9092) {
			b.Fatal("not known")
		}
	}
}

// BenchmarkMemory is what a million mappings keep on the heap, and what they cost
// a garbage collection: the objects to be marked and the bytes to be read, and the
// processor time of one, which others on the machine disturb.
func BenchmarkMemory(b *testing.B) {
	const n = 1_000_000
	for _, of := range []struct {
		what string
		make func(int) *mapping.Users
	}{
		{"principal is another name", filled},
		{"principal holds the username", func(n int) *mapping.Users {
			return filledWith(n, func(i int) mapping.Mapping {
				return mapping.Mapping{Username: fmt.Sprint("user-", i), Principal: fmt.Sprint("CN=user-", i), VCluster: strings.Clone(mapping.Passthrough)}
			})
		}},
	} {
		b.Run(of.what, func(b *testing.B) {
			for b.Loop() {
				bytes, objects, scanned := heapNow()
				users := of.make(n)
				b2, o2, s2 := heapNow()
				b.ReportMetric((b2-bytes)/n, "B/mapping")
				b.ReportMetric((o2-objects)/n, "objects/mapping")
				b.ReportMetric((s2-scanned)/n, "B-scanned/mapping")
				b.ReportMetric(float64(markTime().Milliseconds()), "ms-cpu/gc")
				runtime.KeepAlive(users)
			}
		})
	}
}

func filledWith(n int, of func(int) mapping.Mapping) *mapping.Users {
	u := mapping.NewUsers()
	for i := range n {
		u.Put(of(i))
	}
	return u
}

// heapNow returns the bytes and objects of the heap, and how many of the bytes a
// collection reads for pointers.
func heapNow() (bytes, objects, scanned float64) {
	runtime.GC()
	of := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/objects:objects"}, {Name: "/gc/scan/heap:bytes"},
	}
	metrics.Read(of)
	return float64(of[0].Value.Uint64()), float64(of[1].Value.Uint64()), float64(of[2].Value.Uint64())
}

// markTime is the processor time that one collection takes.
func markTime() time.Duration {
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(sample)
	before := sample[0].Value.Float64()
	const rounds = 5
	for range rounds {
		runtime.GC()
	}
	metrics.Read(sample)
	return time.Duration((sample[0].Value.Float64() - before) / rounds * float64(time.Second))
}
