package kafkatest

import (
	"fmt"
	"sort"
	"strings"

	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// Options describe a cluster. The zero value is one broker of the newest
// release with a PLAINTEXT and a mutual-TLS listener.
type Options struct {
	Version string // Kafka440 when empty; must have brokers
	Brokers int    // ids 1..Brokers, each broker and controller; 1 when 0, at most 9
	Dir     string // data, logs and certificates; Start takes t.TempDir when empty

	// Properties are added to server.properties and win over what this package
	// sets. "{id}" in a value becomes the broker's id.
	Properties map[string]string

	// Listeners are added to PLAINTEXT and TLS.
	Listeners []Listener

	// Authority signs the brokers' certificates; a new one when nil.
	Authority *certs.Authority
	// CertAlgorithm is the kind of the brokers' keys.
	CertAlgorithm certs.Algorithm
	// StoreFormat is how the brokers keep them; PKCS12 when empty.
	StoreFormat certs.Format

	// Authorizer makes the brokers ask access control lists. In clear
	// everybody may do everything, as may SuperUsers ("User:name").
	Authorizer bool
	SuperUsers []string
	// TokenKey turns on delegation tokens (4.4.0 alone) and signs them.
	TokenKey string

	// UncleanElection lets a replica that is out of sync become leader.
	UncleanElection bool
	// HeapMB is a broker's heap; 384 when 0.
	HeapMB int
	// JVM are further flags of a broker's JVM, ClassPath folders of classes and
	// jars that are looked at after the release's own.
	JVM       []string
	ClassPath []string
}

// Listener is a further listener of every broker.
type Listener struct {
	Name string // [A-Z]+, not PLAINTEXT, TLS or CONTROLLER
	TLS  bool   // TLS with the brokers' certificates, mutual unless there is SASL
	SASL *SASL  // nil for none
	// Advertise returns the host:port that clients are told for a broker, for
	// a proxy that is reached there; nil advertises the listener itself.
	Advertise func(id int) string
}

// The names of the listeners that every broker has.
const (
	plaintextListener  = "PLAINTEXT"
	tlsListener        = "TLS"
	controllerListener = "CONTROLLER"
)

// withDefaults fills what was left out and refuses what cannot work.
func (o Options) withDefaults() (Options, error) {
	if o.Version == "" {
		o.Version = Kafka440
	}
	if o.Brokers == 0 {
		o.Brokers = 1
	}
	if o.StoreFormat == "" {
		o.StoreFormat = certs.PKCS12
	}
	if o.HeapMB == 0 {
		o.HeapMB = 384
	}
	r, err := lookup(o.Version)
	if err != nil {
		return o, err
	}
	if !r.brokers {
		return o, fmt.Errorf("kafkatest: release %s: tools only, it has no brokers", o.Version)
	}
	if o.Brokers < 1 || o.Brokers > 9 {
		return o, fmt.Errorf("kafkatest: %d brokers: between 1 and 9 are possible", o.Brokers)
	}
	return o, nil
}

// listenerNames are all names in the order of a broker's ports.
func (o Options) listenerNames() []string {
	names := []string{plaintextListener, tlsListener, controllerListener}
	for _, l := range o.Listeners {
		names = append(names, l.Name)
	}
	return names
}

// properties renders server.properties of broker id. ports are those of
// all brokers, by id - 1.
func (o Options) properties(id int, dir string, ports []brokerPorts, store certs.Files) string {
	p := map[string]string{
		"process.roles":                            "broker,controller",
		"node.id":                                  fmt.Sprint(id),
		"controller.listener.names":                controllerListener,
		"inter.broker.listener.name":               plaintextListener,
		"log.dirs":                                 dir,
		"num.partitions":                           "1",
		"num.network.threads":                      "2",
		"num.io.threads":                           "4",
		"auto.create.topics.enable":                "false",
		"group.initial.rebalance.delay.ms":         "0",
		"offsets.topic.num.partitions":             "3",
		"offsets.topic.replication.factor":         fmt.Sprint(min(o.Brokers, 3)),
		"transaction.state.log.num.partitions":     "3",
		"transaction.state.log.replication.factor": fmt.Sprint(min(o.Brokers, 3)),
		"transaction.state.log.min.isr":            "1",
		"default.replication.factor":               fmt.Sprint(min(o.Brokers, 3)),
		"controlled.shutdown.retry.backoff.ms":     "200",
		"log.flush.interval.messages":              "9223372036854775807",
		"log.retention.hours":                      "1",
		"unclean.leader.election.enable":           fmt.Sprint(o.UncleanElection),
		// Dead brokers are noticed soon: tests kill them.
		"broker.session.timeout.ms":    "6000",
		"broker.heartbeat.interval.ms": "1000",
	}
	o.addListeners(p, id, ports)
	for k, v := range store.BrokerProperties() {
		p[k] = v
	}
	o.addSecurity(p)
	if o.Version == Kafka440 {
		p["share.coordinator.state.topic.num.partitions"] = "3"
		p["share.coordinator.state.topic.replication.factor"] = fmt.Sprint(min(o.Brokers, 3))
		p["share.coordinator.state.topic.min.isr"] = "1"
		p["group.share.record.lock.duration.ms"] = "15000"
		// Members of the newer group protocols hear of each other by heartbeat.
		for _, kind := range []string{"group.consumer", "group.share"} {
			p[kind+".min.heartbeat.interval.ms"] = "500"
			p[kind+".heartbeat.interval.ms"] = "500"
		}
	}
	for k, v := range o.Properties {
		p[k] = strings.ReplaceAll(v, "{id}", fmt.Sprint(id))
	}
	return render(p)
}

func (o Options) addListeners(p map[string]string, id int, ports []brokerPorts) {
	var listeners, advertised, protocols, voters []string
	for _, name := range o.listenerNames() {
		at := ports[id-1].addr(name)
		listeners = append(listeners, name+"://"+at)
		if name != controllerListener {
			advertised = append(advertised, name+"://"+o.advertised(name, id, at))
		}
		protocols = append(protocols, name+":"+o.protocol(name))
	}
	for i, b := range ports {
		voters = append(voters, fmt.Sprintf("%d@%s", i+1, b.addr(controllerListener)))
	}
	p["listeners"] = strings.Join(listeners, ",")
	p["advertised.listeners"] = strings.Join(advertised, ",")
	p["listener.security.protocol.map"] = strings.Join(protocols, ",")
	p["controller.quorum.voters"] = strings.Join(voters, ",")
}

func (o Options) protocol(name string) string {
	protocol, sasl := "PLAINTEXT", ""
	if name == tlsListener {
		protocol = "SSL"
	}
	for _, l := range o.Listeners {
		if l.Name != name {
			continue
		}
		if l.TLS {
			protocol = "SSL"
		}
		if l.SASL != nil {
			sasl = "SASL_"
		}
	}
	return sasl + protocol
}

// advertised is where clients are sent. A TLS listener goes by name, because
// certificates that were made for people name localhost and no address.
func (o Options) advertised(name string, id int, at string) string {
	for _, l := range o.Listeners {
		if l.Name == name && l.Advertise != nil {
			return l.Advertise(id)
		}
	}
	if strings.HasSuffix(o.protocol(name), "SSL") {
		return strings.Replace(at, loopback, "localhost", 1)
	}
	return at
}

func render(p map[string]string) string {
	keys := make([]string, 0, len(p))
	for k := range p {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, "%s=%s\n", k, p[k])
	}
	return b.String()
}
