package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

const topic = "t"

// fake is a cluster that speaks mutual TLS, and a Spec that reaches it.
func fake(t *testing.T) (*kfake.Cluster, Spec) {
	t.Helper()
	authority, err := certs.NewAuthority("load CA", certs.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	server, err := authority.Server("localhost", certs.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	client, err := authority.Client("load")
	if err != nil {
		t.Fatal(err)
	}
	files, err := client.Write(t.TempDir(), "client", certs.PEM)
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.SeedTopics(2, topic),
		kfake.TLS(&tls.Config{
			Certificates: []tls.Certificate{server.Certificate()},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    authority.Pool(),
			MinVersion:   tls.VersionTLS13,
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster, Spec{
		Addr: cluster.ListenAddrs()[0], CAFile: files.CAPEM, CertFile: files.CertPEM, KeyFile: files.KeyPEM,
		Timeout: time.Minute, Topic: topic, Connections: 2, Records: 200, RecordBytes: 100, BatchBytes: 4096,
		Requests: 40, PerSecond: 1000, Duration: 50 * time.Millisecond,
	}
}

// prepared is a workload that is ready to run.
func prepared(t *testing.T, s Spec) Workload {
	t.Helper()
	w, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if err := w.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// do runs one workload from beginning to end.
func do(t *testing.T, s Spec) (Outcome, error) {
	t.Helper()
	w, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Prepare(t.Context()); err != nil {
		return Outcome{}, err
	}
	return w.Run(t.Context())
}

func TestEveryWorkloadAccountsForItsWork(t *testing.T) {
	cluster, s := fake(t)
	s.Workload = Produce
	got, err := do(t, s)
	if err != nil {
		t.Fatal(err)
	}
	if got.Records != 200 || got.Bytes != 20000 || got.Requests < 5 || got.Connections != 2 || got.Seconds <= 0 {
		t.Errorf("produce: got %+v, want 200 records of 100 bytes in at least 5 requests", got)
	}

	// What produce wrote, its first records included.
	s.Workload, s.Records = Fetch, 202
	if got, err = do(t, s); err != nil {
		t.Fatal(err)
	}
	if got.Records != 202 || got.Bytes != 20200 || got.Requests == 0 {
		t.Errorf("fetch: got %+v, want 202 records of 100 bytes", got)
	}

	s.Workload = PingPong
	if got, err = do(t, s); err != nil {
		t.Fatal(err)
	}
	if got.Requests != 40 || !strings.HasPrefix(got.Cipher, "TLS_") {
		t.Errorf("ping-pong: got %+v, want 40 requests over TLS", got)
	}

	s.Workload, s.Warm = OpenLoop, 10*time.Millisecond
	if got, err = do(t, s); err != nil {
		t.Fatal(err)
	}
	if got.Records != 60 || got.Latency == nil || got.Latency.Count != 50 || len(got.Latency.Quantiles) < 10 {
		t.Errorf("open loop: got %+v, want 60 records, 50 latencies and their curve", got)
	}

	s.Workload = Paced
	if got, err = do(t, s); err != nil {
		t.Fatal(err)
	}
	if got.Requests != 60 || got.Latency == nil || got.Latency.Count != 50 {
		t.Errorf("paced: got %+v, want 60 requests and 50 latencies", got)
	}

	var asked atomic.Int64
	cluster.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		asked.Add(1)
		cluster.KeepControl()
		return nil, nil, false
	})
	s.Workload, s.Connections, s.Lanes, s.Before = PingPong, 5, 2, 3
	if got, err = do(t, s); err != nil {
		t.Fatal(err)
	}
	if got.Requests != 40 || got.Connections != 5 {
		t.Errorf("ping-pong of 2 lanes: got %+v, want 40 requests on 5 connections", got)
	}
	if n := asked.Load(); n != 3*5+40 {
		t.Errorf("ping-pong of 2 lanes: asked %d times, want 3 on each connection and 40", n)
	}

	s.Workload, s.Connections = Idle, 20
	if got, err = do(t, s); err != nil {
		t.Fatal(err)
	}
	if got.Connections != 20 {
		t.Errorf("idle: got %+v, want 20 connections", got)
	}
}

func TestConnectionsComeAndGo(t *testing.T) {
	_, s := fake(t)
	s.Workload, s.Connections, s.PerSecond = Connect, 0, 0
	got, err := do(t, s)
	if err != nil || got.Requests != 40 || got.Resumed != 0 {
		t.Errorf("full handshakes: got %+v %v, want 40 connections, none resumed", got, err)
	}
	s.Resume = true
	if got, err = do(t, s); err != nil || got.Requests != 40 || got.Resumed != 40 {
		t.Errorf("resumed handshakes: got %+v %v, want 40 connections, all resumed", got, err)
	}
	s.Resume, s.DefaultGroups, s.Requests, s.PerSecond = false, true, 0, 200
	if got, err = do(t, s); err != nil || got.Requests != 10 || got.Seconds < 0.04 {
		t.Errorf("200 a second: got %+v %v, want 10 in 50 ms", got, err)
	}
}

func TestHostileConnectionsEndByThemselves(t *testing.T) {
	_, s := fake(t)
	s.Workload, s.Connections, s.Duration = Hostile, 0, 200*time.Millisecond
	for _, trick := range Tricks {
		s.Trick = trick
		got, err := do(t, s)
		if err != nil || got.Seconds < 0.2 || got.Seconds > 10 {
			t.Errorf("%s: got %+v %v, want 200 ms", trick, got, err)
		}
		if got.Refused != "" || (got.Requests == 0) == (trick == TinyPieces || trick == Flood) {
			t.Errorf("%s: got %+v, want it not refused, and whole requests only from pieces and floods", trick, got)
		}
	}
}

func TestMetadataOfAScriptedCluster(t *testing.T) {
	_, s := fake(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s.Workload, s.CAFile, s.Topics, s.Partitions = Scripted, "", 300, 10
	prepared(t, s)
	s.Workload = Metadata
	got, err := do(t, s)
	if err != nil || got.Requests != 40 || got.Bytes < 40*300*10*20 {
		t.Errorf("metadata: got %+v %v, want 40 answers with 3,000 partitions", got, err)
	}
	s.Topics = 299
	if _, err := do(t, s); !errors.Is(err, ErrWrong) {
		t.Errorf("a cluster of another size: got %v, want ErrWrong", err)
	}
	// A real client finds its way with the script, too.
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Addr))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	none := kmsg.NewPtrMetadataRequest()
	none.Topics = []kmsg.MetadataRequestTopic{}
	if answer, err := none.RequestWith(t.Context(), client); err != nil || len(answer.Brokers) != 1 || len(answer.Topics) != 0 {
		t.Errorf("no topics: got %+v %v, want the broker alone", answer, err)
	}
}

func TestServeEndsWithItsParent(t *testing.T) {
	_, s := fake(t)
	s.Workload, s.Duration = Paced, time.Hour
	line, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := Serve(t.Context(), strings.NewReader(string(line)+"\n"), &out); err != nil || out.String() != Ready+"\n" {
		t.Errorf("a parent that only prepares: got %q %v, want ready and no error", out.String(), err)
	}
	// The parent says go and is gone: what it wanted takes an hour.
	if err := Serve(t.Context(), strings.NewReader(string(line)+"\n\n"), &out); err != nil {
		t.Errorf("a parent that is gone: %v", err)
	}
}

func TestOpenLoopCountsFromTheIntendedTime(t *testing.T) {
	_, s := fake(t)
	s.Connections = 1
	config, err := s.tlsConfig()
	if err != nil {
		t.Fatal(err)
	}
	s.Workload = OpenLoop
	o := &openLoop{newFranz(s, config, int16(kmsg.Produce))}
	defer o.Close()
	if err := o.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	// All ten records were due within 10 ms, a second ago: they are sent at once,
	// and none may count less than it is late.
	p := newPen()
	const step, late = time.Millisecond, time.Second
	overdue := schedule{begin: time.Now().Add(-late), step: step, lanes: 1, total: 10}
	if err := o.keepTime(t.Context(), o.clients[0], 0, overdue, p); err != nil {
		t.Fatal(err)
	}
	least := time.Duration(p.latencies.Min()) * time.Microsecond
	if p.acks != 10 || p.latencies.TotalCount() != 10 || least < late-10*step {
		t.Errorf("records due a second ago: %d acknowledged, the fastest in %s", p.acks, least)
	}
}

func TestErrorsOfTheBrokerAreErrorsOfTheRun(t *testing.T) {
	cluster, s := fake(t)
	s.Workload = PingPong
	cluster.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		request, ok := r.(*kmsg.ListOffsetsRequest)
		if !ok {
			return nil, errors.New("not what was asked for"), true
		}
		answer, ok := request.ResponseKind().(*kmsg.ListOffsetsResponse)
		if !ok {
			return nil, errors.New("not what was answered"), true
		}
		partition := kmsg.NewListOffsetsResponseTopicPartition()
		partition.ErrorCode = kerr.NotLeaderForPartition.Code
		answer.Topics = []kmsg.ListOffsetsResponseTopic{{Topic: topic, Partitions: []kmsg.ListOffsetsResponseTopicPartition{partition}}}
		return answer, nil, true
	})
	if _, err := do(t, s); !errors.Is(err, kerr.NotLeaderForPartition) {
		t.Errorf("ping-pong: got %v, want the broker's error", err)
	}
}

func TestAnAnswerThatChangesIsAnError(t *testing.T) {
	cluster, s := fake(t)
	s.Workload = PingPong
	w := prepared(t, s)
	// Records appear while the game is on: the end offset moves.
	produce := s
	produce.Workload = Produce
	if _, err := do(t, produce); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Run(t.Context()); !errors.Is(err, ErrWrong) {
		t.Errorf("ping-pong on a topic that moves: got %v, want ErrWrong", err)
	}
	cluster.Close()
}

func TestFetchRefusesRecordsOfAnotherSize(t *testing.T) {
	_, s := fake(t)
	s.Workload = Produce
	if _, err := do(t, s); err != nil {
		t.Fatal(err)
	}
	s.Workload, s.RecordBytes = Fetch, 99
	if _, err := do(t, s); !errors.Is(err, ErrWrong) {
		t.Errorf("fetch of 100-byte records as 99 bytes: got %v, want ErrWrong", err)
	}
}

func TestAFetchOfTooMuchEndsWithItsTime(t *testing.T) {
	_, s := fake(t)
	s.Workload = Fetch
	w := prepared(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := w.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("fetch from an empty topic: got %v, want DeadlineExceeded", err)
	}
}

func TestSpecIsChecked(t *testing.T) {
	_, good := fake(t)
	for name, spoil := range map[string]func(*Spec){
		"no such workload":       func(s *Spec) { s.Workload = "nap" },
		"no address":             func(s *Spec) { s.Workload, s.Addr = Idle, "" },
		"a trick nobody knows":   func(s *Spec) { s.Workload, s.Trick = Hostile, "sulk" },
		"more lanes than wires":  func(s *Spec) { s.Workload, s.Lanes = PingPong, 3 },
		"no connections to make": func(s *Spec) { s.Workload, s.Requests, s.PerSecond = Connect, 0, 0 },
		"a cluster of nothing":   func(s *Spec) { s.Workload, s.Topics = Metadata, 0 },
		"no port":                func(s *Spec) { s.Workload, s.Addr = Idle, "localhost" },
		"no end":                 func(s *Spec) { s.Workload, s.Timeout = Idle, 0 },
		"records do not divide":  func(s *Spec) { s.Workload, s.Records = Produce, 201 },
		"requests do not divide": func(s *Spec) { s.Workload, s.Requests = PingPong, 41 },
		"no rate":                func(s *Spec) { s.Workload, s.PerSecond = OpenLoop, 0 },
		"no topic":               func(s *Spec) { s.Workload, s.Topic = Fetch, "" },
		"no certificate there":   func(s *Spec) { s.Workload, s.CertFile = Idle, "/nowhere" },
		"no authority there":     func(s *Spec) { s.Workload, s.CAFile = Idle, "/nowhere" },
		"key as authority":       func(s *Spec) { s.Workload, s.CAFile = Idle, s.KeyFile },
	} {
		s := good
		spoil(&s)
		if _, err := New(s); err == nil {
			t.Errorf("%s: %+v was accepted", name, s)
		}
	}
}

func TestServe(t *testing.T) {
	_, s := fake(t)
	s.Workload = PingPong
	parent, in := io.Pipe()
	out, child := io.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- Serve(t.Context(), parent, child)
		_ = child.Close()
	}()
	lines := bufio.NewReader(out)
	if err := json.NewEncoder(in).Encode(s); err != nil {
		t.Fatal(err)
	}
	if line, err := lines.ReadString('\n'); err != nil || line != Ready+"\n" {
		t.Fatalf("first line: got %q %v, want ready", line, err)
	}
	if _, err := io.WriteString(in, "\n"); err != nil {
		t.Fatal(err)
	}
	line, err := lines.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var r Reply
	if err := json.Unmarshal(line, &r); err != nil || r.Error != "" || r.Outcome.Requests != 40 {
		t.Fatalf("reply: got %s %v, want 40 requests", line, err)
	}
	select {
	case err := <-served:
		t.Fatalf("the process ended while its connections were still wanted: %v", err)
	default:
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Errorf("end: %v", err)
	}
}

func TestServeTellsWhatFailed(t *testing.T) {
	var out strings.Builder
	if err := Serve(t.Context(), strings.NewReader(`{"workload":"nap"}`+"\n"), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "load: nap: ") {
		t.Errorf("reply to an unknown workload: %q", out.String())
	}
	if err := Serve(t.Context(), strings.NewReader("not a spec\n"), io.Discard); err == nil {
		t.Error("a spec that is none was accepted")
	}
}
