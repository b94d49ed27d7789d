package engine

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// What a client that does not read may cost the gateway: its marks. The limit is
// far above them, for the memory of a Go process moves by itself.
const (
	stalledClients = 8
	stalledAnswers = 3
	stalledAnswer  = 70 << 20
	stalledLimit   = 4 << 20 // bytes of memory for each
)

// TestStalledReceiversMemory has clients over TLS ask for 210 MiB each and not
// read: the gateway's memory stays within the limit while they stall, and still
// does when all has been delivered.
func TestStalledReceiversMemory(t *testing.T) {
	var written atomic.Int64
	broker := serveBroker(t, func(c *net.TCPConn) { answerAtLength(c, &written) })
	spec := benchSpec(t, certs.ECDSAP256)
	spec.Broker = broker.ln.Addr().String()
	gateway := startRole(t, roleGateway)
	gateway.tell(t, spec)
	gateway.hear(t, &spec.Port)
	config, err := spec.config()
	if err != nil {
		t.Fatal(err)
	}
	var clients []net.Conn
	for range stalledClients {
		clients = append(clients, tls.Client(dial(t, spec.addr()), config))
	}
	for _, c := range clients { // a whole answer each, so that what is made once is there
		ask(t, c, 1)
		readAnswer(t, c)
	}
	before := memoryOf(t, gateway.pid)
	written.Store(0)
	for _, c := range clients {
		for range stalledAnswers {
			ask(t, c, stalledAnswer)
		}
	}
	stands := awaitStandstill(t, &written)
	if stands == stalledClients*stalledAnswers*stalledAnswer {
		t.Error("the broker was never held back")
	}
	stalled := memoryOf(t, gateway.pid)
	if grown := stalled - before; grown > stalledClients*stalledLimit {
		t.Errorf("%d stalled clients cost %d bytes", stalledClients, grown)
	}
	for _, c := range clients {
		for range stalledAnswers {
			if n := readAnswer(t, c); n != stalledAnswer {
				t.Errorf("an answer of %d bytes", n)
			}
		}
	}
	delivered := memoryOf(t, gateway.pid)
	if grown := delivered - before; grown > stalledClients*stalledLimit {
		t.Errorf("afterwards %d bytes more are used", grown)
	}
	t.Logf("before %d, stalled %d, delivered %d bytes; the broker had written %d", before, stalled, delivered, stands)
}

// ask sends a request whose answer is to have a body of size bytes.
func ask(t *testing.T, c net.Conn, size uint32) {
	t.Helper()
	if _, err := c.Write(request(heartbeat, 4, 1, binary.BigEndian.AppendUint32(nil, size))); err != nil {
		t.Fatal(err)
	}
}

// readAnswer reads an answer and returns the length of its body.
func readAnswer(t *testing.T, c net.Conn) int64 {
	t.Helper()
	var head [8]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		t.Fatal(err)
	}
	n, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(head[:]))-4)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// answerAtLength answers requests made by ask and adds up what was written.
func answerAtLength(c *net.TCPConn, written *atomic.Int64) {
	chunk := make([]byte, 1<<20)
	for {
		frame, err := readFrame(c)
		if err != nil {
			return
		}
		left := int(binary.BigEndian.Uint32(frame[14:]))
		head := binary.BigEndian.AppendUint32(nil, uint32(left+4))
		if _, err := c.Write(append(head, frame[8:12]...)); err != nil {
			return
		}
		for left > 0 {
			n, err := c.Write(chunk[:min(left, len(chunk))])
			written.Add(int64(n))
			if left -= n; err != nil {
				return
			}
		}
	}
}

// awaitStandstill returns n once it has not moved for a while, which no event
// tells.
func awaitStandstill(t *testing.T, n *atomic.Int64) int64 {
	t.Helper()
	last, since := n.Load(), time.Now()
	until(t, "a standstill", func() bool {
		if now := n.Load(); now != last || now == 0 {
			last, since = now, time.Now()
		}
		return time.Since(since) > 500*time.Millisecond
	})
	return last
}

// memoryOf is the resident memory of a process, in bytes.
func memoryOf(t *testing.T, pid int) int64 {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if kb, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			var n int64
			if _, err := fmt.Sscanf(kb, "%d kB", &n); err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
