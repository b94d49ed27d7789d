package config

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Options is what Load needs of the world beside the environment.
type Options struct {
	// Hostname is advertised when GATEWAY_ADVERTISED_HOST is not set.
	Hostname string
	// ReadFile reads the file GATEWAY_ENV_FILE names; without it no file is readable.
	ReadFile func(path string) ([]byte, error)
	// CheckPrincipalRules says what is wrong with GATEWAY_SSL_PRINCIPAL_MAPPING_RULES, so that it is reported together with
	// all else; without it the rules are carried unread.
	CheckPrincipalRules func(rules string) error
	// CheckJAAS says what is wrong with KAFKA_SASL_JAAS_CONFIG for a mechanism, without a word of the secrets in it; without
	// it the text is carried unread.
	CheckJAAS func(mechanism, text string) error
}

// Load reads NAME=VALUE entries, as os.Environ gives them, into a Config. The Config is nil exactly when the report has
// failed; the report is never nil. Of two entries with one name the later counts.
func Load(environ []string, o Options) (*Config, *Report) {
	report := &Report{}
	r := &reader{env: environment(environ, o, report), report: report, asked: make(map[string]bool)}
	return r.load(o)
}

func (r *reader) load(o Options) (*Config, *Report) {
	properties := r.properties()
	kafka := r.backend(o)
	kafka.Properties = properties
	c := &Config{
		ClusterID:         r.clusterID(),
		Kafka:             kafka,
		Listeners:         []Listener{r.listener(o, kafka.Protocol)},
		Admin:             r.admin(),
		MandatoryVCluster: r.boolean("GATEWAY_FEATURE_FLAGS_MANDATORY_VCLUSTER"),
		Log:               r.log(),
		TLSEngine:         TLSEngine(r.choice("GATEWAY_TLS_ENGINE", string(TLSEngineOwn), string(TLSEngineStd))),
		Threads:           int(r.integer("GATEWAY_DOWNSTREAM_THREAD", 0, 1024)),
		ShutdownDelayBetweenBrokers: r.millis("GATEWAY_SHUTDOWN_DELAY_BETWEEN_BROKERS_MS",
			0, 10*time.Minute),
		Sockets: r.sockets(),
		Limits:  r.limits(),
	}
	c.Authentication = r.authentication(&c.Listeners[0])
	if c.Kafka.PerUser && c.Listeners[0].Mode == ModeKafka {
		r.report.fail(upstreamIdentityVar, "USER is for a gateway that decides itself who a client is; with KAFKA_MANAGED clients log in at the brokers themselves")
	}
	c.Storage = r.storage(c.ClusterID)
	c.GroupID = r.label("GATEWAY_GROUP_ID")
	if c.GroupID == "" {
		c.GroupID = "conduktor_" + c.ClusterID
	}
	r.disjoint(&c.Listeners[0], c.Admin)
	if r.boolean("GATEWAY_ACL_ENABLED") {
		r.report.fail("GATEWAY_ACL_ENABLED", "true is refused: "+reasonACL+": every user would be allowed everything; set it to false to accept that")
	}
	r.inventory()
	if r.report.Failed() {
		return nil, r.report
	}
	return c, r.report
}

// maxClusterID leaves room in a topic name of 249 characters for what stands around the id.
const maxClusterID = 200

func (r *reader) clusterID() string {
	id := r.text("GATEWAY_CLUSTER_ID")
	if len(id) > maxClusterID || !isTopicName(id) {
		r.invalid("GATEWAY_CLUSTER_ID", id, fmt.Sprintf("at most %d letters, digits, '.', '_' and '-', as it is part of topic names", maxClusterID))
	}
	return id
}

func (r *reader) log() Log {
	l := Log{
		JSON:  r.choice("LOG4J2_APPENDER_LAYOUT", "pattern", "json") == "json",
		Level: r.level("LOG4J2_ROOT_LEVEL"),
	}
	if _, ok := r.given("LOG4J2_IO_CONDUKTOR_LEVEL"); ok {
		l.Level = r.level("LOG4J2_IO_CONDUKTOR_LEVEL")
	}
	return l
}

func (r *reader) sockets() Sockets {
	return Sockets{
		KeepAlive:     time.Duration(r.integer("GATEWAY_SOCKET_KEEPALIVE_SECONDS", 1, 7200)) * time.Second,
		SendBuffer:    int(r.integer("GATEWAY_SOCKET_SEND_BUFFER_BYTES", 0, 1<<30)),
		ReceiveBuffer: int(r.integer("GATEWAY_SOCKET_RECEIVE_BUFFER_BYTES", 0, 1<<30)),
		Splice:        int(r.integer("GATEWAY_SPLICE_BYTES", 0, 1<<30)),
		Read:          int(r.integer("GATEWAY_READ_BUFFER_BYTES", 16<<10, 1<<20)),
	}
}

func (r *reader) limits() Limits {
	l := Limits{
		HandshakeTimeout:        r.millis("GATEWAY_HANDSHAKE_TIMEOUT_MS", 100*time.Millisecond, 10*time.Minute),
		MaxHandshakes:           int(r.integer("GATEWAY_MAX_HANDSHAKES", 1, 100_000)),
		MaxHandshakesPerAddress: int(r.integer("GATEWAY_MAX_HANDSHAKES_PER_ADDRESS", 1, 100_000)),
		MaxConnections:          int(r.integer("GATEWAY_MAX_CONNECTIONS", 1, 10_000_000)),
		MaxFrameBytes:           int(r.integer("GATEWAY_MAX_FRAME_BYTES", 64<<10, math.MaxInt32-4)),
		DrainTimeout:            r.millis("GATEWAY_DRAIN_TIMEOUT_MS", 0, time.Hour),
	}
	if l.MaxHandshakesPerAddress == 0 {
		l.MaxHandshakesPerAddress = (l.MaxHandshakes + 1) / 2
	}
	return l
}

// disjoint checks that the admin port is none of the listener's. While the number of ports follows the cluster, the
// fewest it can be are checked.
func (r *reader) disjoint(l *Listener, a Admin) {
	count := l.PortCount
	if count == 0 {
		count = fewestPorts
	}
	if l.PortStart == 0 || a.Port < l.PortStart || a.Port >= l.PortStart+count || !sameInterface(l.BindHost, a.BindHost) {
		return
	}
	r.report.fail("GATEWAY_HTTP_PORT", fmt.Sprintf("%d is one of the Kafka ports %d to %d (GATEWAY_PORT_START, GATEWAY_PORT_COUNT)",
		a.Port, l.PortStart, l.PortStart+count-1))
}

// environment is the process environment with the file named by GATEWAY_ENV_FILE laid over it, as sourcing would do.
func environment(environ []string, o Options, report *Report) map[string]string {
	env := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
			env[name] = value
		}
	}
	path := env["GATEWAY_ENV_FILE"]
	if path == "" {
		return env
	}
	if o.ReadFile == nil {
		report.Notes = append(report.Notes, unreadableFile)
		return env
	}
	text, err := o.ReadFile(path)
	if err != nil {
		report.Notes = append(report.Notes, unreadableFile)
		return env
	}
	report.Notes = append(report.Notes, "Sourcing environment variables from "+path)
	if err := source(env, text); err != nil {
		report.Errors = append(report.Errors, &Error{Variable: "GATEWAY_ENV_FILE", Problem: path + ": " + err.Error()})
	}
	return env
}

const unreadableFile = "Warning: GATEWAY_ENV_FILE is set but the file does not exist or is not readable."

// inventory looks at every name of ours that is set: refused, without effect, or not known.
func (r *reader) inventory() {
	names := make([]string, 0, len(r.env))
	for name, value := range r.env {
		if ours(name) && value != "" && !isServiceLink(name, value) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		r.account(name)
	}
}

func (r *reader) account(name string) {
	row := lookup(name)
	if row == nil || strings.HasPrefix(name, "KAFKA_") && strings.Contains(row.Name, "<") {
		r.accountProperty(name, row)
		return
	}
	switch row.Status {
	case accepted:
		r.report.NotApplicable = append(r.report.NotApplicable, name)
		if row.Hint != "" {
			r.report.warn(name + " has no effect: " + row.Hint)
		}
	case refused:
		r.report.fail(name, "refused: "+row.Reason)
	case used:
	}
}

// ours tells whether a variable is meant for the gateway.
func ours(name string) bool {
	return strings.HasPrefix(name, "GATEWAY_") || strings.HasPrefix(name, "KAFKA_") || strings.HasPrefix(name, "LOG4J2_")
}

// isServiceLink knows the variables Kubernetes puts into every container for each service, here for services called
// kafka or gateway: KAFKA_SERVICE_HOST, KAFKA_PORT_9092_TCP_ADDR and so on.
func isServiceLink(name, value string) bool {
	if strings.HasSuffix(name, "_SERVICE_HOST") || strings.Contains(name, "_SERVICE_PORT") {
		return true
	}
	for _, kind := range []string{"tcp", "udp", "sctp"} {
		if strings.HasSuffix(name, "_PORT") && strings.HasPrefix(value, kind+"://") {
			return true
		}
		if strings.Contains(name, "_PORT_") && strings.Contains(name+"_", "_"+strings.ToUpper(kind)+"_") {
			return true
		}
	}
	return false
}
