package tlsterm

import (
	"crypto"
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkHandshake is mutual handshakes over loopback. ns/op is both sides;
// server-µs is the CPU time of the thread that is the server, its socket calls
// included, in the median.
func BenchmarkHandshake(b *testing.B) {
	ca := newAuthority(b, "CA")
	keys := []struct {
		name string
		make func() crypto.Signer
	}{
		{"RSA-2048", func() crypto.Signer { return rsaKey() }},
		{"P-256", func() crypto.Signer { return newECKey() }},
	}
	for _, key := range keys {
		serverCert := ca.issue(b, "server", key.make())
		cert := ca.issue(b, "client", key.make())
		for _, resumed := range []bool{false, true} {
			for _, engine := range []Engine{Own, Std} {
				kind := "full"
				if resumed {
					kind = "resumed"
				}
				b.Run(key.name+"/"+kind+"/"+engine.String(), func(b *testing.B) {
					client := ClientConfig(ClientOptions{Roots: ca.pool, Certificate: &cert, ServerName: "localhost"})
					client.CurvePreferences = []tls.CurveID{tls.X25519}
					if resumed {
						client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
					}
					server := ServerConfig(engine.Adopt([]tls.Certificate{serverCert})[0], ca.pool, Require)
					benchmarkHandshake(b, engines{client: Own, server: engine}, client, server)
				})
			}
		}
	}
}

func benchmarkHandshake(b *testing.B, e engines, client, server *tls.Config) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	work := make(chan net.Conn)
	defer close(work)
	took := make(chan time.Duration)
	go func() {
		runtime.LockOSThread() // and end it: its clock is to be the server's alone
		for conn := range work {
			before := threadTime()
			s, _, err := e.server.Server(b.Context(), conn, server)
			used := threadTime() - before
			if err != nil {
				b.Error(err)
				used = 0
			} else {
				s.Release()
			}
			took <- used
		}
	}()
	buf := make([]byte, 4<<10)
	var all []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		a, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		accepted, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		work <- accepted
		c, err := e.client.Client(b.Context(), a, client)
		if used := <-took; err != nil || used == 0 {
			b.Fatal("no handshake", err)
		} else {
			all = append(all, used)
		}
		if client.ClientSessionCache != nil { // a ticket came behind the handshake
			n, err := a.Read(buf)
			if err = errors.Join(err, c.Feed(buf[:n], func([]byte) {})); err != nil {
				b.Fatal(err)
			}
		}
		c.Release()
		if err := errors.Join(a.Close(), accepted.Close()); err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Nanoseconds())/1e3, "server-µs")
}

// threadTime is the CPU time of the calling thread.
func threadTime() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
		panic(err)
	}
	return time.Duration(at.Nano())
}
