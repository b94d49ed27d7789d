package engine

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-kafka/postern/internal/kafkatest/certs"
	"github.com/postern-kafka/postern/mapping"
)

// The load of BenchmarkPingPongUnderHandshakes comes from processes of its
// own, so that clients do not compete with loops for this one's processors.
const (
	roleVariable     = "POSTERN_BENCH_ROLE"
	roleSessions     = "sessions"   // the broker, and clients that are connected
	roleHandshakes   = "handshakes" // clients that come and go
	roleGateway      = "gateway"    // another one
	benchSessions    = 8
	benchPause       = 4 * time.Millisecond   // of each session between two requests
	benchPhase       = 250 * time.Millisecond // short, so that the median passes over what others do to the machine
	benchHandshakes  = 200                    // a second
	benchComersLimit = 256                    // that have not gone yet
)

// BenchmarkPingPongUnderHandshakes measures how long established sessions wait
// for an answer: in turn while nothing else happens, while 200 clients a second
// perform a full handshake, send a request and leave, and while they do so with
// another gateway on the same machine. One iteration is a phase
// of each; -benchtime=100x gives medians that can be compared, if the machine
// is quiet.
//
//	p99-ratio      the second to the first, median of the iterations
//	p99-machine    the third to the first: what the machine's being busy costs
//	p99-own        the second to the third: what handshakes in one's own process cost
//
// With bounded=false handshakes compute whenever they can.
func BenchmarkPingPongUnderHandshakes(b *testing.B) {
	for name, alg := range map[string]certs.Algorithm{"ecdsa": certs.ECDSAP256, "rsa": certs.RSA2048} {
		for _, bounded := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/bounded=%v", name, bounded), func(b *testing.B) { underHandshakes(b, alg, bounded) })
		}
	}
}

func underHandshakes(b *testing.B, alg certs.Algorithm, bounded bool) {
	spec := benchSpec(b, alg)
	sessions := startRole(b, roleSessions)
	sessions.hear(b, &spec.Broker)
	e, err := spec.gateway()
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	if !bounded {
		e.turns = newFairQueue(math.MaxInt32, math.MaxInt, math.MaxInt)
	}
	sessions.tell(b, spec)
	here := startRole(b, roleHandshakes)
	here.tell(b, spec)
	spec.Port = freePort(b)
	other := startRole(b, roleGateway)
	other.tell(b, spec)
	other.hear(b, &spec.Port)
	elsewhere := startRole(b, roleHandshakes)
	elsewhere.tell(b, spec)

	var calm, busy []time.Duration
	var ratio, machine, own []float64
	came := 0
	for b.Loop() {
		quiet := sessions.measure(b)
		loud, n := sessions.measureUnder(b, here)
		control, _ := sessions.measureUnder(b, elsewhere)
		came += n
		calm, busy = append(calm, quiet...), append(busy, loud...)
		q, l, c := quantile(quiet, 0.99), quantile(loud, 0.99), quantile(control, 0.99)
		ratio, machine, own = append(ratio, float64(l)/float64(q)), append(machine, float64(c)/float64(q)), append(own, float64(l)/float64(c))
	}
	b.ReportMetric(median(ratio), "p99-ratio")
	b.ReportMetric(median(machine), "p99-machine")
	b.ReportMetric(median(own), "p99-own")
	b.ReportMetric(float64(quantile(calm, 0.50).Microseconds()), "µs-calm-p50")
	b.ReportMetric(float64(quantile(busy, 0.50).Microseconds()), "µs-busy-p50")
	b.ReportMetric(float64(quantile(calm, 0.99).Microseconds()), "µs-calm-p99")
	b.ReportMetric(float64(quantile(busy, 0.99).Microseconds()), "µs-busy-p99")
	b.ReportMetric(float64(came)/float64(len(ratio))/benchPhase.Seconds(), "handshakes/s")
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

func quantile(all []time.Duration, q float64) time.Duration {
	slices.Sort(all)
	return all[min(len(all)-1, int(q*float64(len(all))))]
}

// roleSpec is what a process of the load is told.
type roleSpec struct {
	Port            int    // the gateway's
	Broker          string // address
	Root, Cert, Key []byte
}

func (s roleSpec) addr() string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }

// trust has the same certificate for both sides.
func (s roleSpec) trust() (tr trust, err error) {
	root, err := x509.ParseCertificate(s.Root)
	if err != nil {
		return tr, err
	}
	key, err := x509.ParsePKCS8PrivateKey(s.Key)
	if err != nil {
		return tr, err
	}
	cert := tls.Certificate{Certificate: [][]byte{s.Cert}, PrivateKey: key}
	tr = trust{roots: x509.NewCertPool(), server: cert, client: cert}
	tr.roots.AddCert(root)
	return tr, nil
}

func (s roleSpec) config() (*tls.Config, error) {
	tr, err := s.trust()
	return tr.clientConfig(tls.VersionTLS13), err
}

// gateway starts one.
func (s roleSpec) gateway() (*Engine, error) {
	tr, err := s.trust()
	if err != nil {
		return nil, err
	}
	o := Options{
		Listeners: []Listener{{Name: "TEST", Bind: "127.0.0.1", Ports: mapping.NewPorts("localhost", s.Port, 0, 1)}},
		Users:     mapping.NewUsers(),
		Book:      mapping.NewBook([]string{s.Broker}),
		Loops:     runtime.NumCPU(),
	}
	tr.server = o.TLSEngine.Adopt([]tls.Certificate{tr.server})[0]
	tr.secured(&o)
	return Start(o)
}

func benchSpec(b testing.TB, alg certs.Algorithm) roleSpec {
	b.Helper()
	ca, err := certs.NewAuthority("Test CA", alg)
	if err != nil {
		b.Fatal(err)
	}
	leaf, err := ca.Issue(certs.Request{Subject: pkix.Name{CommonName: "orders"}, Hosts: []string{"localhost"}, Algorithm: alg})
	if err != nil {
		b.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(leaf.Key)
	if err != nil {
		b.Fatal(err)
	}
	return roleSpec{Port: freePort(b), Root: ca.Cert.Raw, Cert: leaf.Cert.Raw, Key: key}
}

// role is a process of the load; it speaks JSON, a value a line.
type role struct {
	pid int
	in  *json.Encoder
	out *json.Decoder
}

func startRole(b testing.TB, name string) *role {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), self)
	if name == roleHandshakes {
		// Their own work is not to disturb: others' machines would do it.
		cmd = exec.CommandContext(b.Context(), "nice", "-n", "19", self)
	}
	cmd.Env = append(os.Environ(), roleVariable+"="+name)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close() // it ends at the end of its input
		if err := cmd.Wait(); err != nil && b.Context().Err() == nil {
			b.Error(err)
		}
	})
	return &role{pid: cmd.Process.Pid, in: json.NewEncoder(in), out: json.NewDecoder(bufio.NewReader(out))}
}

func (r *role) tell(b testing.TB, v any) {
	b.Helper()
	if err := r.in.Encode(v); err != nil {
		b.Fatal(err)
	}
}

func (r *role) hear(b testing.TB, v any) {
	b.Helper()
	if err := r.out.Decode(v); err != nil {
		b.Fatal(err)
	}
}

// measure is what one phase of the sessions took.
func (r *role) measure(b *testing.B) (all []time.Duration) {
	b.Helper()
	r.tell(b, true)
	r.hear(b, &all)
	return all
}

// measureUnder measures a phase in which others come and go; n is how many.
func (r *role) measureUnder(b *testing.B, comers *role) (all []time.Duration, n int) {
	b.Helper()
	comers.tell(b, true)
	all = r.measure(b)
	comers.tell(b, false)
	comers.hear(b, &n)
	return all, n
}

// play is the life of a process of the load; it ends with its input.
func play(name string) error {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	err := map[string]func(*json.Decoder, *json.Encoder) error{
		roleSessions: playSessions, roleHandshakes: playHandshakes, roleGateway: playGateway,
	}[name](in, out)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func playGateway(in *json.Decoder, out *json.Encoder) error {
	var spec roleSpec
	if err := in.Decode(&spec); err != nil {
		return err
	}
	e, err := spec.gateway()
	if err != nil {
		return err
	}
	if err := out.Encode(spec.Port); err != nil {
		return err
	}
	return errors.Join(in.Decode(new(bool)), e.Close())
}

func playSessions(in *json.Decoder, out *json.Encoder) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go echo(c.(*net.TCPConn))
		}
	}()
	var spec roleSpec
	if err := errors.Join(out.Encode(ln.Addr().String()), in.Decode(&spec)); err != nil {
		return err
	}
	cfg, err := spec.config()
	if err != nil {
		return err
	}
	conns := make([]*tls.Conn, benchSessions)
	for i := range conns {
		if conns[i], err = tls.Dial("tcp", spec.addr(), cfg); err != nil {
			return err
		}
	}
	for {
		var measure bool
		if err := in.Decode(&measure); err != nil {
			return err
		}
		if err := out.Encode(pingPhase(conns)); err != nil {
			return err
		}
	}
}

// pingPhase sends a request on each connection every few milliseconds. It
// returns how long the answers took.
func pingPhase(conns []*tls.Conn) (all []time.Duration) {
	var mu sync.Mutex
	var pingers sync.WaitGroup
	end := time.Now().Add(benchPhase)
	for i, c := range conns {
		pingers.Go(func() {
			tick := time.NewTicker(benchPause + time.Duration(i)*37*time.Microsecond) // not in step
			defer tick.Stop()
			var mine []time.Duration
			for now := range tick.C {
				if now.After(end) {
					break
				}
				took, err := ping(c)
				if err != nil {
					fmt.Fprintln(os.Stderr, "session:", err)
					return
				}
				mine = append(mine, took)
			}
			mu.Lock()
			all = append(all, mine...)
			mu.Unlock()
		})
	}
	pingers.Wait()
	return all
}

func ping(c *tls.Conn) (time.Duration, error) {
	req := request(heartbeat, 4, 1, make([]byte, 100))
	start := time.Now()
	if _, err := c.Write(req); err != nil {
		return 0, err
	}
	_, err := readFrame(c)
	return time.Since(start), err
}

// playHandshakes comes 200 times a second between true and false, and answers
// the latter with how many were served.
func playHandshakes(in *json.Decoder, out *json.Encoder) error {
	var spec roleSpec
	if err := in.Decode(&spec); err != nil {
		return err
	}
	cfg, err := spec.config()
	if err != nil {
		return err
	}
	for {
		var on bool
		if err := in.Decode(&on); err != nil {
			return err
		}
		ctx, stop := context.WithCancel(context.Background())
		var came atomic.Int64
		var comers sync.WaitGroup
		comers.Go(func() { comeAndGo(ctx, &comers, spec.addr(), cfg, &came) })
		err := in.Decode(&on) // false
		stop()
		comers.Wait()
		if err := cmp.Or(err, out.Encode(came.Load())); err != nil {
			return err
		}
	}
}

// comeAndGo starts a client every 5 ms; what a late tick left out is made up.
func comeAndGo(ctx context.Context, comers *sync.WaitGroup, addr string, cfg *tls.Config, came *atomic.Int64) {
	slots := make(chan struct{}, benchComersLimit)
	tick := time.NewTicker(time.Second / benchHandshakes)
	defer tick.Stop()
	start := time.Now()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for ; n < int(time.Since(start).Seconds()*benchHandshakes); n++ {
			slots <- struct{}{}
			comers.Go(func() {
				defer func() { <-slots }()
				c, err := tls.Dial("tcp", addr, cfg)
				if err != nil {
					fmt.Fprintln(os.Stderr, "handshake:", err)
					return
				}
				defer c.Close()
				if _, err := ping(c); err == nil {
					came.Add(1)
				}
			})
		}
	}
}
