package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/bench/figures"
	"github.com/postern-kafka/postern/bench/load"
	"github.com/postern-kafka/postern/internal/kafkatest"
)

// TestMain lets the test binary be the load process that the driver starts.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == loadCommand {
		os.Exit(command(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// TestQuickRun plays a smoke run on a real broker with every peer that can be had.
func TestQuickRun(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it starts a real broker and takes half a minute")
	}
	kafkatest.Require(t, kafkaVersion)
	dir := t.TempDir()
	binary := filepath.Join(dir, "postern")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/postern").CombinedOutput(); err != nil {
		t.Fatalf("the gateway does not build: %v\n%s", err, out)
	}
	readme := filepath.Join(dir, "README.md")
	if err := os.WriteFile(readme, []byte("# x\n"+figures.Begin("table")+"\n"+figures.End("table")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-quick", "-postern", binary, "-json", filepath.Join(dir, "new", "run.json"), "-readme", readme}
	o, err := parseOptions(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var out, notes bytes.Buffer
	if err := run(t.Context(), o, &out, &notes); err != nil {
		t.Fatalf("%v\n%s", err, notes.String())
	}
	t.Logf("%s\n%s", notes.String(), out.String())
	checkRun(t, filepath.Join(dir, "new", "run.json"))
	document, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(document), "| produce | throughput | MB/s |") {
		t.Errorf("the document got no table:\n%s", document)
	}
}

// checkRun reads a run back and looks for what must be in it whatever the machine.
func checkRun(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(r.Peers, func(p described) bool { return p.Name == name })
	}
	if !has(direct) || !has(postern) {
		t.Fatalf("peers: got %+v, want at least direct and postern", r.Peers)
	}
	want := map[string]int{
		"produce CPU per GB": 1, "fetch CPU per GB": 1, "pingpong CPU per request": 1, "openloop CPU per request": 1,
		"openloop latency p99.9": 2, "produce throughput": 2, "idle memory per connection": 1, "idle CPU per handshake": 1,
	}
	for _, row := range r.Rows {
		name := row.Figure.Workload + " " + row.Figure.Name
		if n := want[name]; len(row.Peers) >= n {
			delete(want, name)
		}
		if name == "produce CPU per GB" && row.Peers[postern].Median <= 0 {
			t.Errorf("the gateway carried 50 MB with no CPU time: %+v", row)
		}
	}
	if len(want) != 0 {
		t.Errorf("rows that are missing or have too few peers: %v", want)
	}
	for _, c := range r.Checks {
		if c.Workload == load.Produce && c.Outcome.Records != r.Options.records(r.Options.GB) {
			t.Errorf("%s produced %d records, want %d", c.Peer, c.Outcome.Records, r.Options.records(r.Options.GB))
		}
	}
}

func TestParseOptions(t *testing.T) {
	o, err := parseOptions([]string{"-peers", "direct,nginx", "-rounds", "3", "-requests", "1001"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.Peers, []string{direct, nginx}) || !o.named || o.Rounds != 3 || o.Requests != 1000 {
		t.Errorf("options: got %+v", o)
	}
	quick, err := parseOptions([]string{"-quick"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if quick.Rounds != 1 || slices.Contains(quick.Workloads, javaTools) || quick.named {
		t.Errorf("quick options: got %+v", quick)
	}
	for name, args := range map[string][]string{
		"no such peer":     {"-peers", "haproxy"},
		"no such workload": {"-workloads", "produce,nap"},
		"no round":         {"-rounds", "0"},
		"no volume":        {"-gb", "0"},
		"without end":      {"-gb", "1000"},
		"no such flag":     {"-nap"},
	} {
		var out bytes.Buffer
		if _, err := parseOptions(args, &out); err == nil || out.Len() == 0 {
			t.Errorf("%s: %v was accepted, or refused without a word (%v)", name, args, err)
		}
	}
	if _, err := parseOptions([]string{"-h"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: got %v, want ErrHelp", err)
	}
}

func TestRecordsDivideAmongClients(t *testing.T) {
	o := options{RecordBytes: 1024, Clients: 4}
	if got := o.records(1); got != 976560 {
		t.Errorf("records of a GB: got %d, want 976560", got)
	}
	if got := o.records(1e-9); got != 4 {
		t.Errorf("records of a byte: got %d, want one for each of 4 clients", got)
	}
}

func TestParseProducer(t *testing.T) {
	const out = `50000 records sent, 9998.0 records/sec (9.76 MB/sec), 2.1 ms avg latency, 300.0 ms max latency.
100000 records sent, 25000.5 records/sec (24.41 MB/sec), 1.20 ms avg latency, 310.00 ms max latency, 1 ms 50th, 2 ms 95th, 5 ms 99th, 9 ms 99.9th.
`
	got, err := parseProducer(out, 100000, 1000)
	if err != nil || got != 25.0005 {
		t.Errorf("producer: got %v %v, want 25.0005 MB/s", got, err)
	}
	if _, err := parseProducer(out, 100001, 1000); !errors.Is(err, load.ErrWrong) {
		t.Errorf("a producer that lost a record: got %v, want ErrWrong", err)
	}
}

func TestParseConsumer(t *testing.T) {
	const out = `start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec
2026-11-22 03:12:00:000, 2026-11-22 03:12:05:000, 97.6563, 19.5313, 100000, 20000.0000, 3000, 2000, 48.8281, 50000.0000
`
	got, err := parseConsumer(out, 100000, 1000)
	if err != nil || got != 50 {
		t.Errorf("consumer: got %v %v, want 50 MB/s", got, err)
	}
	for name, text := range map[string]string{
		"fewer records":    strings.Replace(out, ", 100000, ", ", 99999, ", 1),
		"no line of names": strings.SplitAfter(out, "\n")[1],
		"no line":          "",
	} {
		if _, err := parseConsumer(text, 100000, 1000); !errors.Is(err, load.ErrWrong) {
			t.Errorf("%s: got %v, want ErrWrong", name, err)
		}
	}
}

func TestSharesSayWhatWasNotOurs(t *testing.T) {
	var before, after reading
	after.system.Busy, after.system.Idle, after.system.Steal = 6*time.Second, 3*time.Second, time.Second
	after.bench.CPU = 4 * time.Second
	var m measurement
	m.shares(before, after)
	if m.foreign != 0.2 || m.stolen != 0.1 {
		t.Errorf("shares: got %v foreign and %v stolen, want 0.2 and 0.1", m.foreign, m.stolen)
	}
}

func TestNumbersOfAnOutcome(t *testing.T) {
	proxy := &peer{name: nginx, launch: func(io.Writer) (*kafkatest.Process, error) { return nil, errAbsent }}
	o := load.Outcome{Seconds: 2, Records: 1000, Bytes: 4e9, Requests: 500, Latency: &load.Latency{P50: 1, P99: 2, P999: 3}}
	for _, tc := range []struct {
		peer     *peer
		workload string
		want     map[string]float64
	}{
		{proxy, load.Produce, map[string]float64{"CPU per GB": 0.5, "throughput": 2000, "broker CPU per GB": 1}},
		{proxy, load.PingPong, map[string]float64{"CPU per request": 4000, "requests": 250}},
		{proxy, load.OpenLoop, map[string]float64{"CPU per request": 4000, "latency p50": 1, "latency p99": 2, "latency p99.9": 3}},
		{&peer{name: direct}, load.Fetch, map[string]float64{"throughput": 2000, "broker CPU per GB": 1}},
		{&peer{name: direct}, load.PingPong, map[string]float64{"requests": 250}},
	} {
		var m measurement
		m.addOutcome(tc.peer, tc.workload, o, 2*time.Second, 4*time.Second)
		for _, n := range m.numbers {
			if want, ok := tc.want[n.name]; !ok || n.value != want {
				t.Errorf("%s of %s: %s: got %v, want %v", tc.workload, tc.peer.name, n.name, n.value, want)
			}
		}
		if len(m.numbers) != len(tc.want) {
			t.Errorf("%s of %s: got %d numbers, want %d", tc.workload, tc.peer.name, len(m.numbers), len(tc.want))
		}
	}
}

func TestDisturbanceNamesTheWorst(t *testing.T) {
	r := result{Checks: []check{
		{Round: 1, Peer: nginx, Workload: load.Fetch, Foreign: 0.01},
		{Round: 2, Peer: postern, Workload: load.Produce, Foreign: 0.4},
		{Round: 3, Peer: direct, Workload: load.Idle, Foreign: 0.02},
	}}
	got := r.disturbance()
	if !strings.Contains(got, "2.0 % of the CPUs in the median") || !strings.Contains(got, "40.0 % (round 2, produce, postern)") {
		t.Errorf("disturbance: %q", got)
	}
}

func TestFindNginxSaysWhatIsMissing(t *testing.T) {
	if _, _, err := findNginx("/nowhere/nginx"); !errors.Is(err, errAbsent) {
		t.Errorf("nginx that is not there: got %v, want errAbsent", err)
	}
}

func TestValueOf(t *testing.T) {
	if got := valueOf("processor\t: 0\nmodel name\t: A: B\nmodel name\t: C\n", "model name"); got != "A: B" {
		t.Errorf("model name: got %q, want A: B", got)
	}
	if got := valueOf("", "model name"); got != "unknown" {
		t.Errorf("model name of nothing: got %q", got)
	}
}
