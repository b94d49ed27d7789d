package tlsterm

import (
	"crypto/cipher"
	"crypto/tls"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
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

// BenchmarkFeed is the way of whole records; BenchmarkOpen and BenchmarkSeal compare
// them with the standard library's bare cipher.
func BenchmarkFeed(b *testing.B) {
	eachSuite(b, func(b *testing.B, client, server *Conn, size int) {
		const batch = 64
		plain := text(size)
		var sealed []byte
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
				b.StartTimer()
			}
			n := len(sealed) / (batch - i%batch)
			if err := server.Feed(sealed[:n], func([]byte) {}); err != nil {
				b.Fatal(err)
			}
			sealed = sealed[n:]
		}
	})
}

// ratio runs ours and bare in turn, each after prepare, and reports how ours
// compares, as the median of the pairs: neighbours on the machine disturb both
// alike, or single pairs only.
func ratio(b *testing.B, size, records int, prepare, ours, bare func()) {
	b.Helper()
	var ratios, times []float64
	timed := func(f func()) float64 {
		prepare()
		start := time.Now()
		f()
		return float64(time.Since(start))
	}
	for range 20 {
		timed(ours)
		timed(bare)
	}
	b.ReportAllocs()
	b.SetBytes(int64(size * records * 2))
	for b.Loop() {
		o, a := timed(ours), timed(bare)
		ratios, times = append(ratios, o/a), append(times, o/float64(records))
	}
	slices.Sort(ratios)
	slices.Sort(times)
	b.ReportMetric(ratios[len(ratios)/2], "x-aead")
	b.ReportMetric(times[len(times)/2], "ns/record")
}

// bareAEAD is what the record layer is measured by: the library's own cipher, under
// any key.
func bareAEAD(b *testing.B, suite uint16) cipher.AEAD {
	b.Helper()
	s := suiteOf(suite)
	key := text(s.keyLen)
	bare := standardGCM
	if s.chacha {
		bare = chacha20poly1305.New
	}
	aead, err := bare(key)
	if err != nil {
		b.Fatal(err)
	}
	return aead
}

// onRing is how many records a read of a socket brings: as many as 64 KiB hold.
func onRing(size int) int { return (64 << 10) / (size + maxOverhead) }

// suitesBench are the shapes of records; the first is the likeliest.
var suitesBench = []struct {
	name    string
	version uint16
	suite   uint16
}{
	{"", tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256},
	{"/TLS 1.2", tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	{"/AES-256", tls.VersionTLS13, tls.TLS_AES_256_GCM_SHA384},
	{"/CHACHA20", tls.VersionTLS13, tls.TLS_CHACHA20_POLY1305_SHA256},
}

// BenchmarkOpen is Feed of what one read of a socket brings.
func BenchmarkOpen(b *testing.B) {
	for _, s := range suitesBench {
		for _, size := range recordSizes {
			b.Run(fmt.Sprintf("%d%s", size, s.name), func(b *testing.B) {
				sender, receiver := ownPair(b, s.version, s.suite)
				n := onRing(size)
				first := receiver.in.seq
				var sealed []byte
				for range n {
					sealed = append(sealed, sender.control(nil, recordData, text(size)...)...)
				}
				wire := make([]byte, len(sealed))
				data := func([]byte) {}
				h, bare := &receiver.in, bareAEAD(b, s.suite)
				head := recordHeaderLen + int(receiver.explicit)
				each := len(sealed) / n
				aad := make([]byte, recordHeaderLen)
				if s.version == tls.VersionTLS12 {
					aad = make([]byte, 13)
				}
				seal := func(i int, rec []byte) { // the additional data is made beforehand: it is framing
					h.seq = first + uint64(i)
					if s.version == tls.VersionTLS12 {
						copy(aad, receiver.aad12(h.seq, recordData, size))
					} else {
						copy(aad, rec)
					}
				}
				seal(0, sealed)
				nonce := make([]byte, nonceLen)
				other := append([]byte(nil), wire...)
				// The bare cipher opens the same lengths under a nonce and data that do not
				// change, sealed so beforehand.
				plain := text(each - head - tagLen)
				for i := range n {
					bare.Seal(other[i*each+head:i*each+head], nonce, plain, aad)
				}
				turn := 0
				ratio(b, size, n, func() {
					h.seq = first
					if turn++; turn%2 == 1 { // ours
						copy(wire, sealed)
					} else {
						copy(wire, other)
					}
				}, func() {
					if err := receiver.feed(wire, data); err != nil {
						b.Fatal(err)
					}
				}, func() {
					for i := range n {
						rec := wire[i*each+head : (i+1)*each]
						if _, err := bare.Open(rec[:0], nonce, rec, aad); err != nil {
							b.Fatal(err)
						}
					}
				})
			})
		}
	}
}

// BenchmarkSeal is SealLent as a loop uses it: one plaintext at a time into a
// buffer that goes out together. BenchmarkSealKept is Seal.
func BenchmarkSeal(b *testing.B)     { benchmarkSeal(b, true) }
func BenchmarkSealKept(b *testing.B) { benchmarkSeal(b, false) }

func benchmarkSeal(b *testing.B, lent bool) {
	for _, s := range suitesBench {
		for _, size := range recordSizes {
			b.Run(fmt.Sprintf("%d%s", size, s.name), func(b *testing.B) {
				sender, _ := ownPair(b, s.version, s.suite)
				n := onRing(size)
				sender.small = 0
				plains := text((size + 1) * n)
				dst := make([]byte, 0, n*(size+maxOverhead))
				h, bare := &sender.out, bareAEAD(b, s.suite)
				inner := size + 1
				if s.version == tls.VersionTLS12 {
					inner = size
				}
				aad, nonce := make([]byte, recordHeaderLen), make([]byte, nonceLen)
				if s.version == tls.VersionTLS12 {
					aad = make([]byte, 13)
				}
				ratio(b, size, n, func() {}, func() {
					h.seq = 1
					out := dst
					for i := range n {
						var err error
						if out, err = sender.seal(out, plains[i*(size+1):i*(size+1)+size], lent); err != nil {
							b.Fatal(err)
						}
					}
				}, func() {
					out := dst
					for i := range n {
						out = bare.Seal(out[:len(out)+recordHeaderLen], nonce, plains[i*(size+1):i*(size+1)+inner], aad)
					}
				})
			})
		}
	}
}

// ownPair is the record layers of a client and a server that share keys which
// no handshake has made.
func ownPair(tb testing.TB, version, suite uint16) (client, server *own) {
	tb.Helper()
	var t tap
	t.clientSecret.set(text(maxSecret)[:suiteOf(suite).hashLen])
	t.serverSecret.set(text(2 * maxSecret)[maxSecret:][:suiteOf(suite).hashLen])
	conns := [2]*own{}
	for i := range conns {
		o := &own{suite: suiteOf(suite), client: i == 0, limit: rekeyAfter}
		if version == tls.VersionTLS13 {
			t.client, o.v13 = o.client, true
			if !t.takeOver13(o) {
				tb.Fatal("no keys")
			}
		} else {
			if !o.suite.chacha {
				o.explicit = explicit12
			}
			a, b := &o.in, &o.out
			if o.client {
				a, b = b, a
			}
			if err := keys12(o.suite, text(masterLen), text(randomLen), text(randomLen), a, b); err != nil {
				tb.Fatal(err)
			}
		}
		conns[i] = o
	}
	return conns[0], conns[1]
}

// BenchmarkIdle reports the heap that a server's connection holds when it idles
// after mutual authentication and an exchange of one record each way, in pieces;
// with its Identity, without a socket.
func BenchmarkIdle(b *testing.B) {
	for _, engine := range []Engine{Own, Std} {
		for _, version := range versions {
			for _, size := range []int{200, 16 << 10} {
				b.Run(fmt.Sprintf("%v/%s/after %d", engine, tls.VersionName(version), size), func(b *testing.B) {
					benchmarkIdle(b, engine, version, size)
				})
			}
		}
	}
}

func benchmarkIdle(b *testing.B, engine Engine, version uint16, size int) {
	const conns = 50
	cert, pool := selfSigned(b)
	clientCfg := ClientConfig(ClientOptions{Roots: pool, Certificate: &cert, ServerName: "localhost"})
	clientCfg.MaxVersion = version
	c := selfTestCase{serverCfg: ServerConfig(cert, pool, Require), clientCfg: clientCfg, server: engine}
	for b.Loop() {
		var kept [conns]*Conn
		var ids [conns]Identity
		before := heap()
		for i := range kept {
			s, err := c.connect(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			sealed := seal(b, s.client, text(size))
			for _, piece := range [][]byte{sealed[:7], sealed[7:]} {
				if err := s.server.Feed(piece, func([]byte) {}); err != nil {
					b.Fatal(err)
				}
			}
			seal(b, s.server, text(size))
			kept[i], ids[i] = s.server, s.id
		}
		b.ReportMetric(float64(heap()-before)/conns, "B/conn")
		runtime.KeepAlive(kept)
		runtime.KeepAlive(ids)
	}
}

// BenchmarkTakeOver is what the record layer costs once: its keys and what it
// takes to find them, beyond a handshake that crypto/tls keeps.
func BenchmarkTakeOver(b *testing.B) {
	cert, pool := selfSigned(b)
	for _, version := range versions {
		clientCfg := ClientConfig(ClientOptions{Roots: pool, Certificate: &cert, ServerName: "localhost"})
		clientCfg.MaxVersion = version
		b.Run(tls.VersionName(version), func(b *testing.B) {
			var m [2]float64
			for b.Loop() {
				for i, engine := range []Engine{Std, Own} {
					c := selfTestCase{serverCfg: ServerConfig(cert, pool, Require), clientCfg: clientCfg, server: engine, client: Std}
					const n = 20
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					for range n {
						if _, err := c.connect(b.Context()); err != nil {
							b.Fatal(err)
						}
					}
					runtime.ReadMemStats(&after)
					m[i] += float64(after.TotalAlloc-before.TotalAlloc) / n
				}
			}
			b.ReportMetric((m[1]-m[0])/float64(b.N), "B/take-over")
		})
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
