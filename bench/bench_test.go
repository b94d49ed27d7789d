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
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/bench/charts"
	"github.com/postern-kafka/postern/bench/figures"
	"github.com/postern-kafka/postern/bench/load"
	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// TestMain lets the test binary be the processes that the driver starts of itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == loadCommand || os.Args[1] == forwardCommand) {
		os.Exit(command(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// TestQuickRun does every workload once, on a real broker, with the peers that
// every machine has; the Java tools are left to make bench-quick.
func TestQuickRun(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it starts a real broker and takes a minute")
	}
	kafkatest.Require(t, kafkaVersion)
	// Under the race detector every load process would sleep for a second at its end.
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	dir := t.TempDir()
	binary := filepath.Join(dir, "postern")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/postern").CombinedOutput(); err != nil {
		t.Fatalf("the gateway does not build: %v\n%s", err, out)
	}
	page := filepath.Join(dir, "page.md")
	if err := os.WriteFile(page, []byte(emptyPage()), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "new", "run")
	names := slices.DeleteFunc(workloadNames(), func(w string) bool { return w == javaTools })
	o, err := parseOptions([]string{
		"-quick", "-peers", "postern,direct,floor", "-workloads", strings.Join(names, ","),
		"-postern", binary, "-out", out, "-page", page,
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var table, notes bytes.Buffer
	if err := run(t.Context(), o, &table, &notes); err != nil {
		t.Fatalf("%v\n%s", err, notes.String())
	}
	t.Logf("%s\n%s", notes.String(), table.String())
	checkRun(t, filepath.Join(out, resultFile))
	checkPage(t, page)
	for _, file := range []string{tableFile, cpuChart, curvesChart} {
		if i, err := os.Stat(filepath.Join(out, file)); err != nil || i.Size() < 1000 {
			t.Errorf("%s: %v, or next to nothing in it", file, err)
		}
	}
}

// emptyPage has all regions, and something around them.
func emptyPage() string {
	text := "# x\n"
	for _, region := range []string{tableRegion, chartsRegion, sizingRegion, hottestRegion} {
		text += figures.Begin(region) + "\nold " + region + "\n" + figures.End(region) + "\n"
	}
	return text
}

// checkPage looks for what a run without a profile fills in.
func checkPage(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| **produce**", "](new/run/cpu.svg)", "requests/s per core |", "old hottest"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "old table") {
		t.Errorf("the page keeps its old table:\n%s", text)
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
	want := map[string]int{ // how many peers have the figure
		"produce CPU per GB": 2, "produce throughput": 3, "fetch CPU per GB": 2, "plain-produce CPU per GB": 2, "plain-fetch CPU per GB": 2,
		"pingpong CPU per request": 2, "openloop CPU per request": 2, "openloop latency p99.9": 3, "churn CPU per connection": 2,
		"handshakes CPU per handshake, RSA-2048, full": 1, "handshakes CPU per handshake, P-256, resumed": 1,
		"handshakes CPU per handshake, P-256, full, Go's groups": 1, "storm storm ÷ calm, p99": 1, "hostile slow reader ÷ calm, p99": 1,
		"hostile unread flood: requests sent": 1, "metadata CPU per answer": 1, "idle memory per connection": 2, "retained after ÷ before": 2,
		"growth CPU per request, 200 ÷ 1 connections": 1, "growth CPU per Metadata answer, 10000 ÷ 1 topics": 1,
		"growth CPU per connection, 5000 ÷ 1 mappings": 1,
		"logins CPU per connection without SASL":       2, "logins CPU per login, PLAIN": 2, "logins logins, SCRAM-SHA-256": 2,
		"logins CPU per login, SCRAM-SHA-512": 2, "logins CPU per login, OAUTHBEARER": 2,
		"failing failing ÷ calm, p99": 2, "failing failed logins": 2,
	}
	for _, row := range r.Rows {
		name := row.Figure.Workload + " " + row.Figure.Name
		if n := want[name]; len(row.Peers) == n {
			delete(want, name)
		}
		if cost := row.Peers[postern].Median; strings.Contains(name, " CPU per ") && !row.Figure.Alone && cost <= 0 {
			t.Errorf("the gateway worked with no CPU time: %+v", row)
		}
	}
	if len(want) != 0 {
		t.Errorf("rows that are missing or have other peers: %v", want)
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
	if quick.Rounds != 1 || !slices.Equal(quick.Workloads, workloadNames()) || quick.named {
		t.Errorf("quick options: got %+v", quick)
	}
	for name, args := range map[string][]string{
		"no such peer":     {"-peers", "envoy"},
		"a word":           {"produce"},
		"too many idle":    {"-idle", "10000000"},
		"one mapping":      {"-mappings", "1"},
		"no such workload": {"-workloads", "produce,nap"},
		"no round":         {"-rounds", "0"},
		"no volume":        {"-gb", "0"},
		"without end":      {"-gb", "1000"},
		"no such flag":     {"-nap"},
		"no login":         {"-logins", "0"},
		"nobody fails":     {"-failing", "0"},
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
	proxy := &peer{name: nginx, launch: func(front, io.Writer) (*kafkatest.Process, error) { return nil, errAbsent }}
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
		m := measurement{outcome: o}
		m.addOutcome(tc.peer, tc.workload, 2*time.Second, 4*time.Second)
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
		{Round: 1, Peer: nginx, Workload: load.Fetch, Foreign: 0.01, Stolen: 0.3},
		{Round: 2, Peer: postern, Workload: load.Produce, Foreign: 0.4},
		{Round: 3, Peer: direct, Workload: load.Idle, Foreign: 0.02, Stolen: 0.05},
	}}
	got := r.disturbance()
	for _, want := range []string{
		"2.0 % of the CPUs in the median, at worst 40.0 % (round 2, produce, postern)",
		"the hypervisor 5.0 %, at worst 30.0 % (round 1, fetch, nginx)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("disturbance: %q does not say %q", got, want)
		}
	}
}

func TestFindSaysWhatIsMissing(t *testing.T) {
	s := &stage{}
	if _, err := s.find(nginx, "/nowhere/nginx"); !errors.Is(err, errAbsent) || !strings.Contains(err.Error(), "/nowhere/nginx") {
		t.Errorf("nginx that is not there: got %v, want errAbsent and where it was looked for", err)
	}
	if path, err := s.find("no-such-peer", "", "/bin/sh"); err != nil || path != "/bin/sh" {
		t.Errorf("another place: got %q %v, want /bin/sh", path, err)
	}
}

func TestAPeerWithoutTLSHasOnlyPlainFronts(t *testing.T) {
	for _, tc := range []struct {
		asked, want front
		ok          bool
	}{
		{front{}, plainFront, true},
		{plainFront, plainFront, true},
		{front{key: ecdsa}, front{key: ecdsa}, false},
		{front{tickets: true}, front{tickets: true}, false},
	} {
		if got, ok := withoutTLS(tc.asked); got != tc.want || ok != tc.ok {
			t.Errorf("front %+v: got %+v %t, want %+v %t", tc.asked, got, ok, tc.want, tc.ok)
		}
	}
}

func TestComposeFileKnowsItsVariables(t *testing.T) {
	b := &dockerBroker{stage: &stage{ports: &kafkatest.Ports{First: 20000}}, dir: "d"}
	given := b.environment()
	asked := regexp.MustCompile(`\$\{(\w+)`).FindAllStringSubmatch(string(composeFile), -1)
	if len(asked) != len(given) {
		t.Errorf("the compose file asks for %v, given are %v", asked, given)
	}
	for _, a := range asked {
		if given[a[1]] == "" {
			t.Errorf("the compose file asks for %s, which is not given", a[1])
		}
	}
	text := b.properties(certs.Files{KeyStore: "d/config/broker.p12"})
	for _, want := range []string{
		"BEHINDNGINX://127.0.0.1:20000", "TLS://localhost:", "TLS:SSL", "ssl.keystore.location=" + mountedAt + "/broker.p12\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the broker's settings lack %q:\n%s", want, text)
		}
	}
}

func TestHottestFunctions(t *testing.T) {
	const report = `# Overhead  Symbol   Shared Object      IPC   [IPC Coverage]
#
    33.33%  [k] finish_task_switch.isra.0                                 [kernel.kallsyms]  -      -
    11.11%  [.] github.com/postern-kafka/postern/codec.(*reader).uvarint  postern            -      -
     1.00%  [.] runtime.memmove      /opt/bin/postern
`
	got := hottest(report)
	want := []hot{
		{33.33, "finish_task_switch.isra.0", "kernel"},
		{11.11, "github.com/postern-kafka/postern/codec.(*reader).uvarint", "postern"},
		{1, "runtime.memmove", "postern"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("hottest: got %+v, want %+v", got, want)
	}
	if got := groupShares(got); got != "kernel 33 %, the gateway 11 %, Go's runtime and libraries 1 %" {
		t.Errorf("whose the time was: %s", got)
	}
}

func TestStacks(t *testing.T) {
	const script = `
        ffffffff81a01234 tcp_sendmsg
          4a1b20 github.com/postern-kafka/postern/engine.writeRaw
          47d3c0 [unknown]

          47d3c0 runtime.futex.abi0

`
	gateway, runtime := groupOf("github.com/postern-kafka/postern/engine.writeRaw"), groupOf("runtime.futex")
	want := []charts.Stack{
		{Frames: []charts.Frame{
			{Function: "[unknown]", Group: runtime},
			{Function: "github.com/postern-kafka/postern/engine.writeRaw", Group: gateway},
			{Function: "tcp_sendmsg", Group: kernel},
		}, Weight: 1},
		{Frames: []charts.Frame{{Function: "runtime.futex.abi0", Group: runtime}}, Weight: 1},
	}
	if got := stacks(script); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if gateway == runtime || !slices.Contains(groupNames(), gateway) || !slices.Contains(groupNames(), kernel) {
		t.Errorf("groups: %q, %q of %q", gateway, runtime, groupNames())
	}
}

func TestSizing(t *testing.T) {
	cost := figures.Figure{Workload: load.Produce, Name: "CPU per GB", Unit: "s/GB"}
	r := &result{Rows: figures.Rows([]figures.Value{{Round: 1, Peer: postern, Figure: cost, Number: 0.64}}, nil)}
	if got := r.sizing(); !strings.Contains(got, "| 0.64 s/GB | 1,600 MB/s per core |") {
		t.Errorf("a core that takes 0.64 s for a GB:\n%s", got)
	}
	for x, want := range map[float64]string{0.4: "0", 7: "7", 1562: "1,600", 1_234_567: "1,200,000"} {
		if got := thousands(x); got != want {
			t.Errorf("%v: got %s, want %s", x, got, want)
		}
	}
	if got := new(result).sizing(); got != "" {
		t.Errorf("sizing of nothing: %q", got)
	}
}

// TestTheReadmeIsInStep: every workload, peer and option is explained.
func TestTheReadmeIsInStep(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var help bytes.Buffer
	if _, err := parseOptions([]string{"-h"}, &help); !errors.Is(err, flag.ErrHelp) {
		t.Fatal(err)
	}
	words := slices.Concat(workloadNames(), allPeers())
	for _, option := range regexp.MustCompile(`(?m)^  -([\w-]+)`).FindAllStringSubmatch(help.String(), -1) {
		words = append(words, "-"+option[1])
	}
	for _, word := range words {
		if !regexp.MustCompile("(`|\\*\\*)" + word + "\\b").Match(text) {
			t.Errorf("README.md does not explain %s", word)
		}
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
