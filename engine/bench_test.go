package engine

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"testing"
)

// BenchmarkPingPong is one small request and its answer, through mutual TLS to
// a plaintext broker; the peers' work is in the figure.
func BenchmarkPingPong(b *testing.B) {
	tr := newTrust(b)
	_, addr := startEngine(b, serveBroker(b, echo), tr.secured)
	c := tls.Client(dial(b, addr), tr.clientConfig(tls.VersionTLS13))
	req := request(heartbeat, 4, 1, make([]byte, 100))
	answer := make([]byte, 8+100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(req); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, answer); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkProduce streams requests of 256 KiB through mutual TLS.
func BenchmarkProduce(b *testing.B) {
	tr := newTrust(b)
	_, addr := startEngine(b, serveBroker(b, echo), tr.secured)
	c := tls.Client(dial(b, addr), tr.clientConfig(tls.VersionTLS13))
	req := request(heartbeat, 4, 1, make([]byte, 256<<10))
	go func() { _, _ = io.Copy(io.Discard, c) }()
	b.SetBytes(int64(len(req)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkConnection is a connection without TLS that asks one question and
// ends, with the one that is dialled for it.
func BenchmarkConnection(b *testing.B) {
	e, addr := startEngine(b, serveBroker(b, echo), nil)
	req := request(heartbeat, 4, 1, make([]byte, 100))
	answer := make([]byte, 8+100)
	b.ReportAllocs()
	for b.Loop() {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Write(req); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, answer); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
	b.StopTimer()
	for e.counters.active.Load() > 0 {
		runtime.Gosched()
	}
}
