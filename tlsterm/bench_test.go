package tlsterm

import (
	"crypto/tls"
	"fmt"
	"runtime"
	"testing"
)

var recordSizes = []int{16 << 10, 1400, 200}

// eachSuite is for benchmarks: the protocol's framing and the two likely ciphers.
func eachSuite(b *testing.B, bench func(b *testing.B, client, server *Conn, size int)) {
	for _, version := range versions {
		for _, size := range recordSizes {
			b.Run(fmt.Sprintf("%s/%d", tls.VersionName(version), size), func(b *testing.B) {
				client, server := established(b, version)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				bench(b, client, server, size)
			})
		}
	}
}

func BenchmarkFeed(b *testing.B) {
	eachSuite(b, func(b *testing.B, client, server *Conn, size int) {
		const batch = 64
		plain := text(size)
		var sealed []byte
		n := 0
		for i := 0; i < b.N; i++ {
			if i%batch == 0 {
				b.StopTimer()
				sealed = sealed[:0]
				for range batch {
					var err error
					if sealed, err = client.Seal(sealed, plain); err != nil {
						b.Fatal(err)
					}
				}
				n = len(sealed) / batch
				b.StartTimer()
			}
			at := i % batch * n
			if err := server.Feed(sealed[at:at+n], func([]byte) {}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	eachSuite(b, func(b *testing.B, _, server *Conn, size int) {
		plain := text(size)
		dst := make([]byte, 0, 32<<10)
		for b.Loop() {
			if _, err := server.Seal(dst, plain); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkHandshake is both sides over loopback, mutual and full.
func BenchmarkHandshake(b *testing.B) {
	cert, pool := selfSigned(b)
	serverCfg := ServerConfig(cert, pool, Require)
	clientCfg := ClientConfig(ClientOptions{Roots: pool, Certificate: &cert, ServerName: "localhost"})
	b.ReportAllocs()
	for b.Loop() {
		pair(b, clientCfg, serverCfg)
	}
}

// BenchmarkIdle reports the heap that a server's connection holds when it idles
// after mutual authentication and an exchange of one record each way.
func BenchmarkIdle(b *testing.B) {
	for _, version := range versions {
		for _, size := range recordSizes {
			b.Run(fmt.Sprintf("%s/after %d", tls.VersionName(version), size), func(b *testing.B) {
				const conns = 50
				cert, pool := selfSigned(b)
				serverCfg := ServerConfig(cert, pool, Require)
				clientCfg := ClientConfig(ClientOptions{Roots: pool, Certificate: &cert, ServerName: "localhost"})
				clientCfg.MaxVersion = version
				for b.Loop() {
					var kept [conns]*Conn
					var ids [conns]Identity
					before := heap()
					for i := range kept {
						client, server, id := pair(b, clientCfg, serverCfg)
						if err := server.Feed(seal(b, client, text(size)), func([]byte) {}); err != nil {
							b.Fatal(err)
						}
						seal(b, server, text(size))
						kept[i], ids[i] = server, id
					}
					b.ReportMetric(float64(heap()-before)/conns, "B/conn")
					runtime.KeepAlive(kept)
					runtime.KeepAlive(ids)
				}
			})
		}
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A record costs no allocation to seal, and none of ours to open: crypto/tls makes
// one of 24 bytes, the reader it wraps around its conn.
func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool drops what it is given, at random")
	}
	eachVersion(t, func(t *testing.T, version uint16, e engines) {
		client, server := e.established(t, version)
		for _, size := range recordSizes {
			plain := text(size)
			dst := make([]byte, 0, 32<<10)
			data := func([]byte) {}
			sealOnce := func() {
				var err error
				if dst, err = client.Seal(dst[:0], plain); err != nil {
					t.Fatal(err)
				}
			}
			exchange := func() {
				sealOnce()
				if err := server.Feed(dst, data); err != nil {
					t.Fatal(err)
				}
			}
			for range 3 {
				exchange() // buffers grow to the record's size
			}
			if n := testing.AllocsPerRun(100, exchange); n > 1 {
				t.Errorf("%d bytes: %v allocations for Seal and Feed", size, n)
			}
		}
	})
}
