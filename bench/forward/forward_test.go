package forward

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"testing"
	"time"
)

// role as the first argument makes the test binary a forwarder: Serve takes a
// whole process.
const role = "forward"

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == role {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		err := Serve(ctx, os.Args[2], os.Args[3], 2)
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// start forwards to a listener whose connections are run by serve.
func start(t *testing.T, serve func(c *net.TCPConn)) string {
	t.Helper()
	broker, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := broker.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				serve(c.(*net.TCPConn))
			})
		}
	})
	free, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, role, addr, broker.Addr().String())
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		giveUp := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		if err := cmd.Wait(); err != nil {
			t.Errorf("the forwarder did not end well: %v", err)
		}
		giveUp.Stop()
		broker.Close()
		conns.Wait()
	})
	return addr
}

// dial connects to the forwarder, which may still be about to listen.
func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		c, err := net.Dial("tcp4", addr)
		if err == nil {
			t.Cleanup(func() { c.Close() })
			if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			return c.(*net.TCPConn)
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// echo returns what comes, and its own end when the other side ends.
func echo(c *net.TCPConn) {
	_, _ = io.Copy(c, c)
}

func TestBytesComeBackWholeOnManyConnections(t *testing.T) {
	addr := start(t, echo)
	var all sync.WaitGroup
	for i := range 8 {
		c := dial(t, addr)
		all.Go(func() {
			sent, got := sha256.New(), sha256.New()
			go func() {
				b := make([]byte, 1<<20)
				random := rand.NewChaCha8([32]byte{byte(i)})
				for range 8 {
					_, _ = random.Read(b)
					sent.Write(b)
					if _, err := c.Write(b); err != nil {
						t.Error(err)
						return
					}
				}
				c.CloseWrite()
			}()
			n, err := io.Copy(got, c)
			if err != nil || n != 8<<20 || !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
				t.Errorf("connection %d: %d bytes came back, %v, or others", i, n, err)
			}
		})
	}
	all.Wait()
}

func TestAReaderThatSleepsIsWaitedFor(t *testing.T) {
	addr := start(t, echo)
	c := dial(t, addr)
	const size = 32 << 20 // more than all sockets on the way hold
	go func() {
		_, _ = c.Write(make([]byte, size))
		c.CloseWrite()
	}()
	time.Sleep(300 * time.Millisecond)
	if n, err := io.Copy(io.Discard, c); err != nil || n != size {
		t.Errorf("%d bytes, %v, want %d", n, err, size)
	}
}

func TestAnEndOfTheBrokerIsPassedOn(t *testing.T) {
	addr := start(t, func(c *net.TCPConn) { _, _ = c.Write([]byte("bye")) })
	c := dial(t, addr)
	if got, err := io.ReadAll(c); err != nil || string(got) != "bye" {
		t.Errorf("got %q %v, want bye and the end", got, err)
	}
}

func TestServeRefuses(t *testing.T) {
	for name, at := range map[string][2]string{
		"no port":    {"127.0.0.1", "127.0.0.1:1"},
		"a name":     {"localhost:1", "127.0.0.1:1"},
		"IPv6":       {"[::1]:1", "127.0.0.1:1"},
		"no backend": {"127.0.0.1:1", ""},
		"not ours":   {"192.0.2.1:1", "127.0.0.1:1"},
	} {
		if err := Serve(t.Context(), at[0], at[1], 1); err == nil {
			t.Errorf("%s: %v was accepted", name, at)
		}
	}
	if err := Serve(t.Context(), "127.0.0.1:1", "127.0.0.1:1", 0); err == nil {
		t.Error("no loops were accepted")
	}
}
