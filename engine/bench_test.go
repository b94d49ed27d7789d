package engine

import (
	"crypto/tls"
	"io"
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
