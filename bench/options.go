package main

import (
	"flag"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
)

// options say what a run does.
type options struct {
	Rounds    int      `json:"rounds"`
	Peers     []string `json:"peers"`
	Workloads []string `json:"workloads"`
	Threads   int      `json:"threads"`      // nginx workers, loops, GOMAXPROCS of a Go peer
	Buffer    int      `json:"nginx_buffer"` // bytes; nginx has two for each connection
	Docker    bool     `json:"docker,omitempty"`

	GB          float64       `json:"gb"`           // 10^9 bytes of record values, produce and fetch
	RecordBytes int           `json:"record_bytes"` // size of a record value
	BatchBytes  int32         `json:"batch_bytes"`
	Clients     int           `json:"clients"`   // connections of produce, fetch and open loop
	Requests    int64         `json:"requests"`  // ping-pong
	PingPongs   int           `json:"pingpongs"` // connections of ping-pong
	PerSecond   int           `json:"per_second"`
	Latency     time.Duration `json:"latency_ns"`
	Warm        time.Duration `json:"warm_ns"`
	JavaGB      float64       `json:"java_gb"` // for the Java tools

	Idle       int           `json:"idle"`       // connections
	Retained   int           `json:"retained"`   // connections that carry a volume and rest
	Rest       time.Duration `json:"rest_ns"`    // how long they do
	Handshakes int64         `json:"handshakes"` // of each kind
	Churn      int64         `json:"churn"`      // connections that come and go
	Logins     int64         `json:"logins"`     // by each mechanism
	Failing    int           `json:"failing"`    // clients that fail to log in
	Answers    int64         `json:"answers"`    // Metadata of a large cluster
	Neighbours time.Duration `json:"neighbours_ns"`
	Lead       time.Duration `json:"lead_ns"`   // what disturbs the neighbours begins and ends so much around them
	Settle     time.Duration `json:"settle_ns"` // memory that moves little in it stands still
	Mappings   int64         `json:"mappings"`

	posternPath    string // the gateway's binary
	nginxPath      string // these are looked up when empty
	haproxyPath    string
	kafkaProxyPath string
	outDir         string // empty: no files are written
	pagePath       string // empty: no document is changed
	profileDir     string // empty: no profile is taken
	named          bool   // peers were named: each must be there
}

// records is how many records of a given volume each workload moves, the same
// number on every connection.
func (o options) records(gb float64) int64 {
	each := int64(gb * 1e9 / float64(o.RecordBytes) / float64(o.Clients))
	return max(1, each) * int64(o.Clients)
}

// String says how much was done, for the head of a table.
func (o options) String() string {
	return fmt.Sprintf("%d rounds; %d workers, threads or loops; %.3g GB in %d KiB batches of %d-byte records on %d connections; ping-pong on %d; "+
		"%d records/s for %s; %d idle connections; %d handshakes of each kind; %d logins by each mechanism, %d clients that fail to; %d Metadata answers of %d topics; Java tools %s with %.3g GB",
		o.Rounds, o.Threads, o.GB, o.BatchBytes>>10, o.RecordBytes, o.Clients, o.PingPongs,
		o.PerSecond, o.Latency, o.Idle, o.Handshakes, o.Logins, o.Failing, o.Answers, clusterTopics, toolsVersion, o.JavaGB)
}

// wants says whether a peer was asked for.
func (o options) wants(peer string) bool { return slices.Contains(o.Peers, peer) }

// quick is o made small enough for everything to be done once in under three
// minutes.
func (o options) quick() options {
	o.Rounds, o.GB, o.JavaGB, o.Requests = 1, 0.05, 0.01, 4000
	o.Warm, o.Latency, o.Neighbours = 200*time.Millisecond, time.Second, 500*time.Millisecond
	o.Lead, o.Settle = 100*time.Millisecond, 200*time.Millisecond
	o.Idle, o.Retained, o.Rest = 200, 20, 200*time.Millisecond
	o.Handshakes, o.Churn, o.Answers, o.Mappings = 80, 400, 8, 5000
	o.Logins, o.Failing = 40, 100
	return o
}

// parseOptions reads the command line. Errors have been printed to out, with how
// to call the command.
func parseOptions(args []string, out io.Writer) (options, error) {
	o := options{RecordBytes: 1024, BatchBytes: 256 << 10, PingPongs: 8, PerSecond: 1000, Warm: 2 * time.Second, Lead: 500 * time.Millisecond, Settle: time.Second}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(out)
	var peers, workloads string
	var quick bool
	flags.StringVar(&peers, "peers", "", "comma-separated peers, of "+strings.Join(allPeers(), ",")+"; without it, those that are installed")
	flags.StringVar(&workloads, "workloads", strings.Join(workloadNames(), ","), "comma-separated workloads")
	flags.BoolVar(&quick, "quick", false, "a smoke run: one round, little of everything, whatever the sizes say; its numbers mean nothing")
	o.sizeFlags(flags)
	o.placeFlags(flags)
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if quick {
		o = o.quick()
	}
	if err := o.choose(peers, workloads, flags.Args()); err != nil {
		_, _ = fmt.Fprintln(out, err)
		return options{}, err
	}
	return o, nil
}

// sizeFlags are those that say how much is done.
func (o *options) sizeFlags(flags *flag.FlagSet) {
	flags.IntVar(&o.Rounds, "rounds", 5, "how often everything is measured")
	flags.Float64Var(&o.GB, "gb", 1, "volume of produce, fetch and retained in 10^9 bytes")
	flags.Float64Var(&o.JavaGB, "java-gb", 0.5, "volume of the Java tools in 10^9 bytes")
	flags.IntVar(&o.Clients, "clients", 4, "connections of produce, fetch and open loop")
	flags.IntVar(&o.Threads, "threads", min(2, runtime.NumCPU()), "worker processes, threads or loops of each peer")
	flags.IntVar(&o.Buffer, "nginx-buffer", 16<<10, "nginx's proxy_buffer_size in bytes; its default is 16384")
	flags.Int64Var(&o.Requests, "requests", 40_000, "requests of ping-pong")
	flags.DurationVar(&o.Latency, "latency", 20*time.Second, "how long open loop measures")
	flags.IntVar(&o.Idle, "idle", 5000, "idle connections, and connections of growth")
	flags.IntVar(&o.Retained, "retained", 100, "connections that carry a volume and then rest")
	flags.DurationVar(&o.Rest, "rest", time.Minute, "how long those rest")
	flags.Int64Var(&o.Handshakes, "handshakes", 1000, "handshakes of each kind")
	flags.Int64Var(&o.Churn, "churn", 5000, "connections that come and go")
	flags.Int64Var(&o.Logins, "logins", 4000, "connections that log in by each mechanism")
	flags.IntVar(&o.Failing, "failing", 1000, "clients that fail to log in again and again")
	flags.Int64Var(&o.Answers, "answers", 200, "Metadata answers of a large cluster")
	flags.DurationVar(&o.Neighbours, "neighbours", 8*time.Second, "how long the neighbours of a storm, of failing clients or of a hostile connection are watched")
	flags.Int64Var(&o.Mappings, "mappings", 1_000_000, "user mappings of growth")
}

// placeFlags are those that say where things are.
func (o *options) placeFlags(flags *flag.FlagSet) {
	flags.BoolVar(&o.Docker, "docker", false, "run the broker by bench/compose.yaml instead of Maven's jars")
	flags.StringVar(&o.posternPath, "postern", "bin/postern", "the gateway's binary")
	flags.StringVar(&o.nginxPath, "nginx", "", "nginx's binary; without it, the one on the PATH or in /usr/sbin")
	flags.StringVar(&o.haproxyPath, "haproxy", "", "HAProxy's binary, likewise")
	flags.StringVar(&o.kafkaProxyPath, "kafka-proxy", "", "kafka-proxy's binary; without it, the one on the PATH")
	flags.StringVar(&o.outDir, "out", "", "folder for the run's files: every measurement as JSON, the table, the charts")
	flags.StringVar(&o.pagePath, "page", "", "document whose marked regions are written anew from the run")
	flags.StringVar(&o.profileDir, "profile", "", "folder for perf profiles of the gateway, one for each workload of each round; they cost time, so such a run's numbers are not to be published")
}

// choose takes over the lists and refuses what is out of range.
func (o *options) choose(peers, workloads string, rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("bench: %q: there are options only", rest[0])
	}
	var err error
	o.Peers = allPeers()
	if peers != "" {
		o.named = true
		if o.Peers, err = pick("-peers", peers, allPeers()); err != nil {
			return err
		}
	}
	if o.Workloads, err = pick("-workloads", workloads, workloadNames()); err != nil {
		return err
	}
	for _, l := range o.limits() {
		if l.value < l.least || l.value > l.most {
			return fmt.Errorf("bench: -%s: %v is not between %v and %v%s", l.name, l.value, l.least, l.most, l.because)
		}
	}
	o.Requests = max(1, o.Requests/int64(o.PingPongs)) * int64(o.PingPongs)
	o.Answers = max(1, o.Answers/askers) * askers
	return nil
}

// pick reads a comma list of names that there are.
func pick(option, list string, there []string) ([]string, error) {
	names := strings.Split(list, ",")
	for _, n := range names {
		if !slices.Contains(there, n) {
			return nil, fmt.Errorf("bench: %s: %q: there are %s", option, n, strings.Join(there, ", "))
		}
	}
	return names, nil
}

// limit is what an option's number must lie between.
type limit struct {
	name               string
	value, least, most float64
	because            string
}

// limits keep a run from being nothing, or without end.
func (o *options) limits() []limit {
	connections := float64(maxConnections())
	const files = ": each connection is two open files of a peer (ulimit -n)"
	return []limit{
		{"rounds", float64(o.Rounds), 1, 100, ""},
		{"gb", o.GB, 1e-6, 20, ""},
		{"java-gb", o.JavaGB, 1e-6, 20, ""},
		{"clients", float64(o.Clients), 1, 1000, ""},
		{"threads", float64(o.Threads), 1, 256, ""},
		{"nginx-buffer", float64(o.Buffer), 1024, 16 << 20, ""},
		{"requests", float64(o.Requests), 1, 1e8, ""},
		{"latency", o.Latency.Seconds(), 0.01, 600, " seconds"},
		{"idle", float64(o.Idle), 1, connections, files},
		{"retained", float64(o.Retained), 1, min(1000, connections), files},
		{"rest", o.Rest.Seconds(), 0, 600, " seconds"},
		{"handshakes", float64(o.Handshakes), 1, 1e5, ""},
		{"churn", float64(o.Churn), 1, 2e4, ": each leaves a port behind for a minute"},
		{"logins", float64(o.Logins), 1, 1e4, ": each leaves a port behind for a minute"},
		{"failing", float64(o.Failing), 1, 10_000, ""},
		{"answers", float64(o.Answers), 1, 1e5, ""},
		{"neighbours", o.Neighbours.Seconds(), 0.01, 600, " seconds"},
		{"mappings", float64(o.Mappings), 2, 1e7, ""},
	}
}
