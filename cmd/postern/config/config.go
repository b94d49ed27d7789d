package config

import (
	"log/slog"
	"time"

	"github.com/postern-kafka/postern/tlsterm"
)

// Config is everything the gateway was told, typed. It is immutable once Load has returned it.
type Config struct {
	// ClusterID names the gateways that share state; it is part of the names of the internal topics.
	ClusterID string
	// GroupID is the consumer group by which gateways of one cluster find each other.
	GroupID string
	// Listeners holds at least one listener; the single-listener variables fill one called DEFAULT.
	Listeners []Listener
	// Kafka is the cluster behind the gateway.
	Kafka Backend
	// Storage says where user mappings and the rest of the state live.
	Storage Storage
	// Admin is the HTTP side.
	Admin Admin
	// Authentication says how clients log in on listeners with SASL that is this gateway's.
	Authentication Authentication
	// MandatoryVCluster refuses a connection for which neither a mapping nor the authentication named a vcluster.
	MandatoryVCluster bool
	// Log says how and how much is logged.
	Log Log
	// TLSEngine is what carries the records of all TLS connections, and signs with
	// RSA keys.
	TLSEngine TLSEngine
	// Threads is the number of event loops; 0 means GOMAXPROCS.
	Threads int
	// ShutdownDelayBetweenBrokers is the pause between closing the connections of one broker and of the next.
	ShutdownDelayBetweenBrokers time.Duration
	// Sockets says how the sockets of clients and brokers are set up.
	Sockets Sockets
	// Limits bounds what may grow and how long anything may take.
	Limits Limits
}

// DefaultListener is the name of the listener that the single-listener variables fill.
const DefaultListener = "DEFAULT"

// Routing is how a client's connection is matched to a broker.
type Routing string

// RoutingPort gives every broker a port of its own: PortStart + (broker id - MinBrokerID).
const RoutingPort Routing = "port"

// Protocol is Kafka's security protocol of a listener or of the backend.
type Protocol string

// The protocols.
const (
	ProtocolPlaintext     Protocol = "PLAINTEXT"
	ProtocolSSL           Protocol = "SSL"
	ProtocolSASLPlaintext Protocol = "SASL_PLAINTEXT"
	ProtocolSASLSSL       Protocol = "SASL_SSL"
)

// TLS tells whether the protocol has it.
func (p Protocol) TLS() bool { return p == ProtocolSSL || p == ProtocolSASLSSL }

// SASL tells whether the protocol has it.
func (p Protocol) SASL() bool { return p == ProtocolSASLPlaintext || p == ProtocolSASLSSL }

// SecurityMode says who decides who a client is.
type SecurityMode string

// The modes.
const (
	ModeGateway SecurityMode = "GATEWAY_MANAGED" // this gateway
	ModeKafka   SecurityMode = "KAFKA_MANAGED"   // the brokers, whose SASL is relayed
)

// TLSEngine is what carries the records of TLS connections once crypto/tls has made the handshake.
type TLSEngine string

// The engines.
const (
	TLSEngineOwn TLSEngine = "own" // this gateway's record layer and multiplication
	TLSEngineStd TLSEngine = "std" // crypto/tls and crypto/rsa
)

// The values of Listener.ClientAuth.
const (
	ClientAuthNone     = "NONE"
	ClientAuthOptional = "OPTIONAL"
	ClientAuthRequire  = "REQUIRE"
)

// Listener is one set of ports that clients connect to.
type Listener struct {
	Name string
	// BindHost is the interface to listen on, an address or a host name.
	BindHost string
	// AdvertisedHost is the host put into the answers that tell clients where brokers are.
	AdvertisedHost string
	// PortStart is the port of broker MinBrokerID.
	PortStart int
	// PortCount is the number of ports; 0 follows the cluster: (largest broker id - smallest) + 3.
	PortCount int
	// MinBrokerID is the broker id that PortStart stands for.
	MinBrokerID int32
	Routing     Routing
	Protocol    Protocol
	// Mode is ModeKafka only with a protocol that has SASL.
	Mode SecurityMode
	// ClientAuth is ClientAuthNone, ClientAuthOptional or ClientAuthRequire.
	ClientAuth string
	// KeyStore and KeyPassword are set when Protocol has TLS; TrustStore when ClientAuth asks for certificates.
	KeyStore       Store
	KeyPassword    Secret
	KeyPasswordVar string
	TrustStore     Store
	// PrincipalRules is the text of GATEWAY_SSL_PRINCIPAL_MAPPING_RULES, empty when the whole DN is the principal.
	PrincipalRules string
	// PrincipalRulesVar names the variable PrincipalRules came from, for errors.
	PrincipalRulesVar string
	// TLS is how it is spoken: protocols, suites, groups. They go together.
	TLS tlsterm.Settings
	// ExtraKeyStores hold further certificates of the listener: other names, or another kind of key.
	ExtraKeyStores []KeyStore
	// UpdateInterval is how often all files named here are looked at, beside being watched; 0: they are only watched.
	UpdateInterval time.Duration
	// CRLPaths are the files of revoked client certificates, DER or PEM; empty when nothing is looked up.
	CRLPaths    []string
	CRLPathsVar string
	// OCSPStaplePath is the file with the answer of an OCSP responder for the certificate in KeyStore, DER; empty without one.
	OCSPStaplePath    string
	OCSPStaplePathVar string
	// TicketKeysPath is the file of the keys that session tickets are sealed with; empty when the gateway makes its own.
	TicketKeysPath    string
	TicketKeysPathVar string
}

// Store names a key store or trust store. Config never opens it; the names of the variables are for the errors of
// whoever does. Type is what was declared, in lower case; the format is decided by the file's first bytes.
type Store struct {
	Path     string
	Password Secret
	Type     string

	PathVar, PasswordVar, TypeVar string
}

// KeyStore is a key store and the password of the key in it.
type KeyStore struct {
	Store
	KeyPassword    Secret
	KeyPasswordVar string
}

// IsSet tells whether a store was named at all.
func (s Store) IsSet() bool { return s.Path != "" }

// Authentication says how clients log in.
type Authentication struct {
	// UserPoolKey holds the bytes of the key that users' tokens are signed with, 32 or more; not set without such tokens.
	UserPoolKey Secret
	// AccountRequired refuses a token whose user has no account.
	AccountRequired bool
	OAuth           OAuth
	// MaxReauth is the longest that a login holds; 0: as long as the credentials.
	MaxReauth time.Duration
	// Timeout is for the whole of a login.
	Timeout time.Duration
	// FailureDelay is how long a failed login waits for its answer.
	FailureDelay time.Duration
}

// OAuth says which bearer tokens are accepted; none unless JWKSURL is set.
type OAuth struct {
	// JWKSURL is where the issuer's keys are; it may hold a password.
	JWKSURL Secret
	// Issuer and Audiences: empty accepts any.
	Issuer    string
	Audiences []string
	// Refresh is the time between two looks at the keys; Retry, doubling up to MaxRetry, that after a failure.
	Refresh, Retry, MaxRetry time.Duration
	// The names of claims; GroupsClaim may be empty.
	ScopeClaim, SubClaim, GroupsClaim string
	ClockSkew                         time.Duration
}

// Backend is the Kafka cluster behind the gateway, from the KAFKA_* variables.
type Backend struct {
	// BootstrapServers holds host:port, at least one.
	BootstrapServers []string
	Protocol         Protocol
	// KeyStore is the gateway's own certificate towards the brokers, TrustStore the authorities the brokers' certificates
	// are checked against; without it the system's are used.
	KeyStore   Store
	TrustStore Store
	// KeyPassword falls back to the key store's password, as the Java client does.
	KeyPassword    Secret
	KeyPasswordVar string
	// TLS is how it is spoken with brokers; its groups are those of the listener.
	TLS tlsterm.Settings
	// EndpointIdentification checks the brokers' host names against their certificates.
	EndpointIdentification bool
	// Mechanism and JAAS are how the gateway logs in, set when Protocol has SASL; TokenEndpoint is where it gets its tokens
	// with OAUTHBEARER.
	Mechanism     string
	JAAS          Secret
	TokenEndpoint Secret
	// PerUser logs each client in as its user, by delegation tokens that are good for TokenLifetime; 0: as long as the
	// brokers say.
	PerUser       bool
	TokenLifetime time.Duration
	// ClientID is the client id of the gateway's own requests.
	ClientID string
	// RequestTimeout bounds the gateway's own requests, DialTimeout a TCP connection with its TLS handshake.
	RequestTimeout time.Duration
	DialTimeout    time.Duration
	// MetadataMaxAge is how long the gateway may go without looking at the cluster's brokers.
	MetadataMaxAge time.Duration
	// Properties holds every known KAFKA_* property that was set, by its name in the Java client. Secret ones are not in it.
	Properties map[string]string
}

// StorageType says where the state lives.
type StorageType string

// The storages.
const (
	StorageKafka    StorageType = "KAFKA"
	StorageInMemory StorageType = "IN_MEMORY"
)

// Storage is where the gateway's state lives.
type Storage struct {
	Type StorageType
	// Topics holds only the names that were overridden, by the topic's own key: acls, auditlogs, consumer_offsets,
	// consumer_subscriptions, encryption_configs, groups, interceptor_configs, license, topicmappings, usermappings,
	// vclusters. The others are called _conduktor_<cluster id>_<key>.
	Topics map[string]string
	// ReplicationFactor of topics the gateway creates; -1 leaves it to the brokers.
	ReplicationFactor int16
}

// Admin is the HTTP side.
type Admin struct {
	Port     int
	BindHost string
	// Users holds at least one account, each name once.
	Users []AdminUser
	// SecuredMetrics asks for an account on /metrics too.
	SecuredMetrics bool
	// KeyStore turns HTTPS on; its key has the store's password. TrustStore is for client certificates, which ClientAuth
	// asks for: HTTPSNone, HTTPSRequest or HTTPSRequired.
	KeyStore   Store
	TrustStore Store
	ClientAuth string
	// HealthKeyStore is what the health check shows a gateway that asks; its key has the store's password.
	HealthKeyStore Store
}

// The values of Admin.ClientAuth.
const (
	HTTPSNone     = "NONE"
	HTTPSRequest  = "REQUEST"
	HTTPSRequired = "REQUIRED"
)

// AdminUser is an account of the admin API. One whose Admin is false may only read.
type AdminUser struct {
	Username string
	Password Secret
	Admin    bool
}

// LevelTrace is the level below debug that log4j2 calls trace.
const LevelTrace = slog.LevelDebug - 4

// LevelOff is above every level anything is logged at.
const LevelOff = slog.Level(127)

// Log says how and how much is logged.
type Log struct {
	// JSON chooses JSON lines over text.
	JSON  bool
	Level slog.Level
}

// Sockets says how the sockets of clients and brokers are set up.
type Sockets struct {
	// KeepAlive is how long a connection is idle before TCP probes it.
	KeepAlive time.Duration
	// SendBuffer and ReceiveBuffer are sizes in bytes; 0 leaves them to the kernel.
	SendBuffer, ReceiveBuffer int
	// Splice is from how many bytes on a long frame is moved by splice(2); 0 never does.
	Splice int
	// Read is how many bytes an event loop reads at once.
	Read int
}

// Limits bounds what may grow and how long anything may take.
type Limits struct {
	// HandshakeTimeout is from accept to the end of the TLS handshake.
	HandshakeTimeout time.Duration
	// MaxHandshakes is how many connections are in handshake or dial at once; further ones wait, in turn by address.
	MaxHandshakes int
	// MaxHandshakesPerAddress is how many of them one address may have.
	MaxHandshakesPerAddress int
	// MaxConnections is how many client connections stand at once.
	MaxConnections int
	// MaxFrameBytes is the largest frame, its 4-byte size prefix not counted, from clients and from brokers;
	// with the prefix it fits into an int32.
	MaxFrameBytes int
	// DrainTimeout is how long connections may finish what is in flight after the signal to stop.
	DrainTimeout time.Duration
}
