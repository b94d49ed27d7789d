package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/postern-kafka/postern/bench/load"
)

// The peers there are, in the order of the table's columns.
const (
	direct  = "direct"  // the broker's own TLS listener, nothing in between
	nginx   = "nginx"   // a bare TLS stream proxy: what ratios are to
	postern = "postern" // the gateway
)

var allPeers = []string{direct, nginx, postern}

// javaTools is the workload that is not load's: Kafka's own performance tools.
const javaTools = "java"

var allWorkloads = []string{load.Produce, load.Fetch, load.PingPong, load.OpenLoop, load.Idle, javaTools}

// options say what a run does.
type options struct {
	Rounds    int      `json:"rounds"`
	Peers     []string `json:"peers"`
	Workloads []string `json:"workloads"`
	Threads   int      `json:"threads"`      // nginx workers, gateway loops
	Buffer    int      `json:"nginx_buffer"` // bytes; nginx has two for each connection

	GB          float64       `json:"gb"`           // 10^9 bytes of record values, produce and fetch
	RecordBytes int           `json:"record_bytes"` // size of a record value
	BatchBytes  int32         `json:"batch_bytes"`
	Clients     int           `json:"clients"`   // connections of produce, fetch and open loop
	Requests    int64         `json:"requests"`  // ping-pong
	PingPongs   int           `json:"pingpongs"` // connections of ping-pong
	PerSecond   int           `json:"per_second"`
	Latency     time.Duration `json:"latency_ns"`
	Warm        time.Duration `json:"warm_ns"`
	Idle        int           `json:"idle"`    // connections
	JavaGB      float64       `json:"java_gb"` // for the Java tools

	posternPath string // the gateway's binary
	nginxPath   string // empty: looked up
	jsonPath    string // empty: no JSON is written
	readmePath  string // empty: no document is changed
	profileDir  string // empty: no profile is taken
	named       bool   // peers were named: each must be there
}

// records is how many records of a given volume each workload moves, the same
// number on every connection.
func (o options) records(gb float64) int64 {
	each := int64(gb * 1e9 / float64(o.RecordBytes) / float64(o.Clients))
	return max(1, each) * int64(o.Clients)
}

// parseOptions reads the command line. Errors have been printed to out, with how
// to call the command.
func parseOptions(args []string, out io.Writer) (options, error) {
	o := options{RecordBytes: 1024, BatchBytes: 256 << 10, PingPongs: 8, PerSecond: 1000}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(out)
	var peers, workloads string
	var quick bool
	flags.StringVar(&peers, "peers", "", "comma-separated peers, of "+strings.Join(allPeers, ",")+"; without it, those that are installed")
	flags.StringVar(&workloads, "workloads", strings.Join(allWorkloads, ","), "comma-separated workloads")
	flags.BoolVar(&quick, "quick", false, "a smoke run: one round, little of everything, no Java tools; its numbers mean nothing")
	flags.IntVar(&o.Rounds, "rounds", 5, "how often everything is measured")
	flags.Float64Var(&o.GB, "gb", 1, "volume of produce and fetch in 10^9 bytes")
	flags.Float64Var(&o.JavaGB, "java-gb", 1, "volume of the Java tools in 10^9 bytes")
	flags.IntVar(&o.Clients, "clients", 4, "connections of produce, fetch and open loop")
	flags.IntVar(&o.Threads, "threads", min(2, runtime.NumCPU()), "worker processes of nginx and loops of the gateway")
	flags.IntVar(&o.Buffer, "nginx-buffer", 16<<10, "nginx's proxy_buffer_size in bytes; its default is 16384")
	flags.Int64Var(&o.Requests, "requests", 40_000, "requests of ping-pong")
	flags.DurationVar(&o.Latency, "latency", 20*time.Second, "how long open loop measures")
	flags.IntVar(&o.Idle, "idle", 1000, "idle connections")
	flags.StringVar(&o.posternPath, "postern", "bin/postern", "the gateway's binary")
	flags.StringVar(&o.nginxPath, "nginx", "", "nginx's binary; without it, the one on the PATH or in /usr/sbin")
	flags.StringVar(&o.jsonPath, "json", "", "where to write all measurements as JSON")
	flags.StringVar(&o.readmePath, "readme", "", "document whose result table is replaced")
	flags.StringVar(&o.profileDir, "profile", "", "folder for perf profiles of the gateway, one for each workload of each round; they cost time, so such a run's numbers are not to be published")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	o.Warm = 2 * time.Second
	if quick {
		o = o.quick()
	}
	if err := o.choose(peers, workloads, quick); err != nil {
		_, _ = fmt.Fprintln(out, err)
		return options{}, err
	}
	return o, nil
}

// quick is o made small enough for a smoke run under a minute.
func (o options) quick() options {
	o.Rounds, o.GB, o.Requests, o.Idle = 1, 0.05, 4000, 64
	o.Warm, o.Latency = 200*time.Millisecond, 2*time.Second
	return o
}

// choose takes over the lists and refuses what is out of range.
func (o *options) choose(peers, workloads string, quick bool) error {
	o.Peers, o.Workloads = allPeers, strings.Split(workloads, ",")
	if peers != "" {
		o.Peers, o.named = strings.Split(peers, ","), true
	}
	if quick {
		o.Workloads = slices.DeleteFunc(o.Workloads, func(w string) bool { return w == javaTools })
	}
	for _, p := range o.Peers {
		if !slices.Contains(allPeers, p) {
			return fmt.Errorf("bench: -peers: %q: there are %s", p, strings.Join(allPeers, ", "))
		}
	}
	for _, w := range o.Workloads {
		if !slices.Contains(allWorkloads, w) {
			return fmt.Errorf("bench: -workloads: %q: there are %s", w, strings.Join(allWorkloads, ", "))
		}
	}
	if o.Rounds < 1 || o.GB <= 0 || o.JavaGB <= 0 || o.Clients < 1 || o.Threads < 1 || o.Buffer < 1 || o.Idle < 1 || o.Latency <= 0 {
		return errors.New("bench: rounds, volumes, clients, threads, buffer, idle and latency must be positive")
	}
	if o.GB > 20 || o.JavaGB > 20 || o.Idle > 20_000 || o.Latency > 10*time.Minute || o.Rounds > 100 {
		return errors.New("bench: at most 20 GB, 20000 idle connections, 10 minutes of latency and 100 rounds")
	}
	o.Requests = max(1, o.Requests/int64(o.PingPongs)) * int64(o.PingPongs)
	return nil
}
