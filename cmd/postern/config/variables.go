package config

import (
	"slices"
	"strings"
)

// status says what becomes of a variable that is set.
type status uint8

const (
	// used variables change what the gateway does.
	used status = iota
	// accepted variables are known and change nothing here; they are named in one line.
	accepted
	// refused variables stop the gateway: to ignore them in silence would do something other than what was asked.
	refused
)

// variable is one row of the table of everything the gateway knows.
type variable struct {
	// Name of the environment variable; a word in angle brackets stands for any text of capitals, digits and underscores.
	Name string
	// Default is the value taken when the variable is not set, in the form it would be set to.
	Default string
	// DefaultNote describes the default where it is not a fixed text.
	DefaultNote string
	Meaning     string
	Status      status
	// Reason says why a variable is not applicable or refused.
	Reason string
	// Hint is said when a variable without effect is set, because something else has to be set in its place.
	Hint string
	// Secret variables are never shown.
	Secret bool
	// Path is where the value stands in the computed tree, for the errors about a missing value.
	Path string
}

// section is a group of rows with a heading.
type section struct {
	Title string
	Rows  []variable
}

const (
	reasonListeners    = "several listeners are not available yet: use the single-listener variables"
	reasonSNI          = "routing by host name is not available yet"
	reasonConfluent    = "API keys of Confluent Cloud are not resolved"
	reasonACL          = "access control is not available yet"
	reasonInterceptors = "interceptors are not available"
	reasonBalance      = "every gateway advertises its own address"
	reasonAudit        = "the audit log is not available yet"
	reasonLibrary      = "the library does not exist here"
	reasonLogger       = "one level holds for the whole gateway: LOG4J2_ROOT_LEVEL"
	reasonOneToOne     = "every client connection has one broker connection of its own"
	reason2x           = "a name of version 2"
	reasonPEMInline    = "a store given as text is not available yet: put it into a file and name that in the matching _LOCATION variable"
)

// sections is the table: every variable, grouped. It drives what is known, the defaults, the masking and the documentation.
var sections = []section{
	{"Clients: addresses and ports", []variable{
		{Name: "GATEWAY_BIND_HOST", Default: "0.0.0.0", Meaning: "interface the Kafka ports are bound to"},
		{Name: "GATEWAY_ADVERTISED_HOST", DefaultNote: "the host's name", Meaning: "host that clients are told to connect to"},
		{Name: "GATEWAY_ROUTING_MECHANISM", Default: "port", Meaning: "`port`; `host` (SNI) is refused until it is available"},
		{Name: "GATEWAY_PORT_START", Default: "6969", Meaning: "port of the broker with the smallest id"},
		{Name: "GATEWAY_PORT_COUNT", DefaultNote: "(largest broker id − smallest) + 3", Meaning: "how many ports are opened"},
		{Name: "GATEWAY_MIN_BROKERID", Default: "0", Meaning: "broker id that GATEWAY_PORT_START stands for"},
		{Name: "GATEWAY_ADVERTISED_SNI_PORT", Meaning: "port advertised with SNI routing", Status: accepted, Reason: reasonSNI},
		{Name: "GATEWAY_ADVERTISED_HOST_PREFIX", Meaning: "first part of SNI host names", Status: accepted, Reason: reasonSNI},
		{Name: "GATEWAY_SNI_HOST_SEPARATOR", Meaning: "separator in SNI host names", Status: accepted, Reason: reasonSNI},
		{Name: "GATEWAY_ADVERTISED_LISTENER", Meaning: "address of an external load balancer", Status: accepted, Reason: "an older name", Hint: "set GATEWAY_ADVERTISED_HOST"},
	}},
	{"Clients: several listeners", []variable{
		{Name: "GATEWAY_LISTENER_NAMES", Meaning: "comma list of listeners", Status: refused, Reason: reasonListeners},
		{Name: "GATEWAY_LISTENER_<NAME>_SECURITY_PROTOCOL", Meaning: "protocol of the listener", Status: refused, Reason: reasonListeners},
		{Name: "GATEWAY_LISTENER_<NAME>_ROUTING", Meaning: "`port` or `sni`", Status: refused, Reason: reasonListeners},
		{Name: "GATEWAY_LISTENER_<NAME>_PORTS", Meaning: "ports and how they are advertised", Status: refused, Reason: reasonListeners},
		{Name: "GATEWAY_LISTENER_<NAME>_ADVERTISED_HOST", Meaning: "advertised host", Status: refused, Reason: reasonListeners},
		{Name: "GATEWAY_LISTENER_<NAME>_ADVERTISED_HOST_PATTERN", Meaning: "SNI name of a broker", Status: refused, Reason: reasonListeners},
		{Name: "GATEWAY_LISTENER_<NAME>_BOOTSTRAP_HOST_PATTERN", Meaning: "SNI name for bootstrap", Status: refused, Reason: reasonListeners},
		{Name: "GATEWAY_LISTENER_<NAME>_BIND_ADDRESS", Meaning: "interface", Status: refused, Reason: reasonListeners},
		{Name: "GATEWAY_LISTENER_<NAME>_SSL_CLIENT_AUTH", Meaning: "client certificates of the listener", Status: refused, Reason: reasonListeners},
	}},
	{"Clients: security", []variable{
		{Name: "GATEWAY_SECURITY_PROTOCOL", DefaultNote: "that of Kafka (KAFKA_SECURITY_PROTOCOL)", Meaning: "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`; `DELEGATED_SASL_PLAINTEXT` and `DELEGATED_SASL_SSL` are older words for the latter two with GATEWAY_SECURITY_MODE=KAFKA_MANAGED", Path: "authenticationConfig.securityProtocol"},
		{Name: "GATEWAY_SECURITY_MODE", DefaultNote: "`KAFKA_MANAGED` for `DELEGATED_*`, and where the protocol is Kafka's and has SASL; else `GATEWAY_MANAGED`", Meaning: "who decides by SASL who a client is: this gateway (`GATEWAY_MANAGED`) or the brokers (`KAFKA_MANAGED`)"},
		{Name: "GATEWAY_FEATURE_FLAGS_MANDATORY_VCLUSTER", Default: "false", Meaning: "`true` refuses connections for which no vcluster was found"},
		{Name: "GATEWAY_SHUTDOWN_DELAY_BETWEEN_BROKERS_MS", Default: "0", Meaning: "pause between closing one broker's connections and the next one's; 1000 or more keeps librdkafka calm"},
		{Name: "GATEWAY_ACL_ENABLED", Default: "false", Meaning: "`true` is refused until access control is available"},
		{Name: "GATEWAY_ACL_STORE_ENABLED", Meaning: "obsolete switch of access control", Status: accepted, Reason: reasonACL},
		{Name: "GATEWAY_SUPER_USERS", Meaning: "users above access control", Status: accepted, Reason: reasonACL},
		{Name: "GATEWAY_AUTO_CREATE_TOPICS_ENABLED", Meaning: "topic creation by the brokers", Status: accepted, Reason: "the brokers' own setting decides"},
		{Name: "GATEWAY_AUTHENTICATION_CONNECTION_MAX_REAUTH_MS", Default: "0", Meaning: "how long a SASL login holds before the client must renew it (KIP-368), if its credentials do not end before; 0: no limit"},
		{Name: "GATEWAY_AUTHENTICATION_TIMEOUT_MS", Default: "10000", Meaning: "from the end of the TLS handshake to the end of the SASL login"},
		{Name: "GATEWAY_FAILED_AUTHENTICATION_DELAY_MS", Default: "100", Meaning: "how long a failed SASL login waits for its answer, a fifth more or less"},
		{Name: "GATEWAY_AUTHENTICATION_EXPONENTIAL_BACKOFF_MULTIPLIER", Meaning: "back-off", Status: accepted, Reason: "see GATEWAY_FAILED_AUTHENTICATION_DELAY_MS"},
		{Name: "GATEWAY_AUTHENTICATION_EXPONENTIAL_BACKOFF_MAX_MS", Meaning: "back-off", Status: accepted, Reason: "see GATEWAY_FAILED_AUTHENTICATION_DELAY_MS"},
		{Name: "GATEWAY_SASL_MECHANISM", Meaning: "never existed", Status: accepted, Reason: "the client chooses the mechanism"},
	}},
	{"Clients: TLS", []variable{
		{Name: "GATEWAY_SSL_KEY_STORE_PATH", Meaning: "the gateway's certificate and key: JKS, PKCS12 or PEM, by content", Path: "authenticationConfig.sslConfig.keyStore.keyStorePath"},
		{Name: "GATEWAY_SSL_KEY_STORE_PASSWORD", Meaning: "the store's password", Secret: true, Path: "authenticationConfig.sslConfig.keyStore.keyStorePassword"},
		{Name: "GATEWAY_SSL_KEY_PASSWORD", Meaning: "the key's password; the store's is not taken in its place", Secret: true, Path: "authenticationConfig.sslConfig.keyStore.keyPassword"},
		{Name: "GATEWAY_SSL_KEY_TYPE", Default: "jks", Meaning: "`jks`, `pkcs12`, `p12` or `pem`; the file's content decides"},
		{Name: "GATEWAY_SSL_TRUST_STORE_PATH", Meaning: "authorities of client certificates", Path: "authenticationConfig.sslConfig.trustStore.trustStorePath"},
		{Name: "GATEWAY_SSL_TRUST_STORE_PASSWORD", Meaning: "the store's password", Secret: true},
		{Name: "GATEWAY_SSL_TRUST_STORE_TYPE", Default: "jks", Meaning: "as GATEWAY_SSL_KEY_TYPE"},
		{Name: "GATEWAY_SSL_CLIENT_AUTH", Default: "NONE", Meaning: "client certificates: `NONE`, `OPTIONAL` (a bad one is refused, none is not) or `REQUIRE`"},
		{Name: "GATEWAY_SSL_PRINCIPAL_MAPPING_RULES", Default: "DEFAULT", Meaning: "Kafka's rules from the certificate's DN to the principal; `DEFAULT` is the whole DN"},
		{Name: "GATEWAY_SSL_ENABLED_PROTOCOLS", Default: "TLSv1.3,TLSv1.2", Meaning: "versions that may be spoken, as in Kafka's `ssl.enabled.protocols`: `TLSv1.3`, `TLSv1.2`; the highest that both sides have is taken"},
		{Name: "GATEWAY_SSL_CIPHER_SUITES", DefaultNote: "all nine with ECDHE and an AEAD: AES-128-GCM first, CHACHA20 first where either side has no AES instructions", Meaning: "suites that may be used, as in Kafka's `ssl.cipher.suites`; the first that the client has is taken"},
		{Name: "GATEWAY_SSL_NAMED_GROUPS", Default: "X25519MLKEM768,SecP256r1MLKEM768,SecP384r1MLKEM1024,x25519,secp256r1,secp384r1,secp521r1", Meaning: "groups for the key exchange, as in Java's `jdk.tls.namedGroups`, towards brokers too; their order means nothing"},
		{Name: "GATEWAY_SSL_UPDATE_CONTEXT_INTERVAL_MINUTES", Default: "5", Meaning: "how often the files of this section are looked at, beside being watched; 0: they are only watched"},
		{Name: "GATEWAY_SSL_UPDATE_INTERVAL_MS", Meaning: "older name of the same", Status: accepted, Reason: "an older name", Hint: "set GATEWAY_SSL_UPDATE_CONTEXT_INTERVAL_MINUTES"},
		{Name: "GATEWAY_SSL_EXTRA_KEY_STORES", Meaning: "further certificates, for other names (SNI) or with another kind of key: `[{path: …, password: …, keyPassword: …, type: …}]`, as YAML or JSON; only `path` is needed, `keyPassword` is `password` unless given", Secret: true},
		{Name: "GATEWAY_SSL_CRL_PATHS", Meaning: "comma list of files with revoked client certificates (CRL), DER or PEM"},
		{Name: "GATEWAY_SSL_OCSP_STAPLE_PATH", Meaning: "file with an OCSP responder's answer (DER) to be given along with the certificate"},
		{Name: "GATEWAY_SSL_SESSION_TICKET_KEYS", DefaultNote: "random, changed every 12 hours", Meaning: "file of keys for session tickets, shared by gateways: one a line, 32 bytes or more as hex or base64; the first seals, all open"},
		{Name: "GATEWAY_TLS_ENGINE", Default: "own", Meaning: "what carries TLS records and signs with RSA keys, towards brokers too: `own`, or `std` for Go's crypto/tls and crypto/rsa"},
		{Name: "GATEWAY_SECURITY_PROVIDER", Meaning: "Java security provider", Status: accepted, Reason: "there is no Java here"},
	}},
	{"Clients: OAuth and tokens", []variable{
		{Name: "GATEWAY_OAUTH_JWKS_URL", DefaultNote: "none: no OAUTHBEARER", Meaning: "where the issuer's keys are: an https, http or file URL", Secret: true},
		{Name: "GATEWAY_OAUTH_EXPECTED_ISSUER", DefaultNote: "any", Meaning: "what `iss` of a token must be"},
		{Name: "GATEWAY_OAUTH_EXPECTED_AUDIENCES", DefaultNote: "any", Meaning: "comma list, may stand in brackets: `aud` of a token must contain one of them"},
		{Name: "GATEWAY_OAUTH_JWKS_REFRESH", Default: "3600000", Meaning: "milliseconds between two looks at the keys"},
		{Name: "GATEWAY_OAUTH_JWKS_RETRY", Default: "100", Meaning: "milliseconds before the next look after a failure, doubling"},
		{Name: "GATEWAY_OAUTH_JWKS_MAX_RETRY", Default: "10000", Meaning: "the most milliseconds of that"},
		{Name: "GATEWAY_OAUTH_SCOPE_CLAIM_NAME", Default: "scope", Meaning: "claim of the scopes"},
		{Name: "GATEWAY_OAUTH_SUB_CLAIM_NAME", Default: "sub", Meaning: "claim of the principal"},
		{Name: "GATEWAY_OAUTH_GROUPS_CLAIM_NAME", DefaultNote: "none", Meaning: "claim of the groups: a list of names, or one text with blanks between them"},
		{Name: "GATEWAY_OAUTH_CLOCK_SKEW_SECONDS", Default: "30", Meaning: "by how much the issuer's clock may be off"},
		{Name: "GATEWAY_OAUTH_USE_CC_POOL_ID", Meaning: "identity pool as principal", Status: accepted, Reason: reasonConfluent},
		{Name: "GATEWAY_PRINCIPAL_RESOLVER", Meaning: "resolver of API keys", Status: accepted, Reason: reasonConfluent},
		{Name: "GATEWAY_CONFLUENT_CLOUD_API_KEY", Meaning: "its API key", Status: accepted, Reason: reasonConfluent, Secret: true},
		{Name: "GATEWAY_CONFLUENT_CLOUD_API_SECRET", Meaning: "its API secret", Status: accepted, Reason: reasonConfluent, Secret: true},
		{Name: "GATEWAY_CONFLUENT_CLOUD_CACHE_SIZE", Meaning: "its cache", Status: accepted, Reason: reasonConfluent},
		{Name: "GATEWAY_CONFLUENT_CLOUD_CACHE_EXPIRY_MS", Meaning: "its cache", Status: accepted, Reason: reasonConfluent},
		{Name: "GATEWAY_USER_POOL_SECRET_KEY", DefaultNote: "none: without it there is no SASL/PLAIN", Meaning: "key that the tokens are signed with that are local users' passwords: 32 random bytes or more as base64", Secret: true, Path: "userPoolConfig.jwt.secretKey"},
		{Name: "GATEWAY_USER_POOL_SERVICE_ACCOUNT_REQUIRED", Default: "true", Meaning: "a token counts only while its local service account exists"},
		{Name: "GATEWAY_USER_POOL_TYPE", Meaning: "kind of the user pool", Status: accepted, Reason: "there is one kind, JWT"},
	}},
	{"Admin API", []variable{
		{Name: "GATEWAY_HTTP_PORT", Default: "8888", Meaning: "API, health and metrics"},
		{Name: "GATEWAY_HTTP_BIND_HOST", Default: "0.0.0.0", Meaning: "interface of the same"},
		{Name: "GATEWAY_SECURED_METRICS", Default: "true", Meaning: "`/metrics` asks for an account"},
		{Name: "GATEWAY_ADMIN_API_USERS", Default: "[{username: admin, password: conduktor, admin: true}]", Meaning: "accounts, as YAML or JSON; `admin: false` may only read", Secret: true},
		{Name: "GATEWAY_HTTPS_KEY_STORE_PATH", DefaultNote: "none: HTTP", Meaning: "certificate and key of the admin API, which then speaks HTTPS alone: JKS, PKCS12 or PEM, by content"},
		{Name: "GATEWAY_HTTPS_KEY_STORE_PASSWORD", Meaning: "the password of the store and of the key in it", Secret: true},
		{Name: "GATEWAY_HTTPS_CLIENT_AUTH", Default: "NONE", Meaning: "client certificates on HTTPS, beside the accounts: `NONE`, `REQUEST` (a bad one is refused, none is not) or `REQUIRED`"},
		{Name: "GATEWAY_HTTPS_TRUST_STORE_PATH", Meaning: "authorities of the same"},
		{Name: "GATEWAY_HTTPS_TRUST_STORE_PASSWORD", Meaning: "the store's password", Secret: true},
		{Name: "GATEWAY_HTTPS_HEALTH_KEY_STORE_PATH", DefaultNote: "with `REQUIRED`, that of GATEWAY_HTTPS_KEY_STORE_PATH", Meaning: "certificate and key that `postern health` shows"},
		{Name: "GATEWAY_HTTPS_HEALTH_KEY_STORE_PASSWORD", Meaning: "the password of the store and of the key in it", Secret: true},
	}},
	{"Kafka", []variable{
		{Name: "KAFKA_BOOTSTRAP_SERVERS", DefaultNote: "none: it must be set", Meaning: "comma list of host:port", Path: "bootstrap.servers"},
		{Name: "KAFKA_SECURITY_PROTOCOL", Default: "PLAINTEXT", Meaning: "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`"},
		{Name: "KAFKA_SASL_MECHANISM", DefaultNote: "none: with SASL it must be set", Meaning: "how the gateway logs in at the brokers: `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`", Path: "sasl.mechanism"},
		{Name: "KAFKA_SASL_JAAS_CONFIG", DefaultNote: "none: with SASL it must be set", Meaning: "its credentials, as in the Java client: `…PlainLoginModule required username=\"…\" password=\"…\";`, `ScramLoginModule` (also `tokenauth=\"true\"`) or `OAuthBearerLoginModule` with `clientId`, `clientSecret` and `scope`", Secret: true, Path: "sasl.jaas.config"},
		{Name: "KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL", Meaning: "where its tokens come from, with OAUTHBEARER", Secret: true, Path: "sasl.oauthbearer.token.endpoint.url"},
		{Name: "GATEWAY_UPSTREAM_IDENTITY", Default: "GATEWAY", Meaning: "who a client is to the brokers: `GATEWAY`, the gateway's own account for all; `USER`, itself, by delegation tokens (KIP-373), so that brokers' ACLs and quotas see users"},
		{Name: "GATEWAY_UPSTREAM_TOKEN_LIFETIME_MS", Default: "0", DefaultNote: "as long as the brokers say", Meaning: "how long such a token is good"},
		{Name: "KAFKA_SSL_KEYSTORE_LOCATION", Meaning: "the gateway's certificate towards the brokers"},
		{Name: "KAFKA_SSL_KEYSTORE_PASSWORD", Meaning: "the store's password", Secret: true},
		{Name: "KAFKA_SSL_KEYSTORE_TYPE", Default: "JKS", Meaning: "`JKS`, `PKCS12` or `PEM`; the file's content decides"},
		{Name: "KAFKA_SSL_KEY_PASSWORD", DefaultNote: "the store's password", Meaning: "the key's password", Secret: true},
		{Name: "KAFKA_SSL_TRUSTSTORE_LOCATION", DefaultNote: "the system's authorities", Meaning: "authorities of the brokers' certificates"},
		{Name: "KAFKA_SSL_TRUSTSTORE_PASSWORD", Meaning: "the store's password", Secret: true},
		{Name: "KAFKA_SSL_TRUSTSTORE_TYPE", Default: "JKS", Meaning: "as KAFKA_SSL_KEYSTORE_TYPE"},
		{Name: "KAFKA_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM", Default: "https", Meaning: "`https` checks the brokers' host names; set to nothing, it does not"},
		{Name: "KAFKA_SSL_ENABLED_PROTOCOLS", Default: "TLSv1.3,TLSv1.2", Meaning: "versions that may be spoken with brokers: `TLSv1.3`, `TLSv1.2`"},
		{Name: "KAFKA_SSL_CIPHER_SUITES", DefaultNote: "all nine with ECDHE and an AEAD", Meaning: "suites that may be used with brokers; those of TLS 1.3 are always offered, but a connection over another than these is given up"},
		{Name: "KAFKA_CLIENT_ID", Default: "postern", Meaning: "client id of the gateway's own requests"},
		{Name: "KAFKA_REQUEST_TIMEOUT_MS", Default: "30000", Meaning: "time-out of the gateway's own requests"},
		{Name: "KAFKA_METADATA_MAX_AGE_MS", Default: "300000", Meaning: "how long the gateway may go without looking at the brokers"},
		{Name: "KAFKA_SOCKET_CONNECTION_SETUP_TIMEOUT_MS", Default: "10000", Meaning: "time-out of a connection to a broker, its TLS handshake included"},
		{Name: "GATEWAY_KAFKA_DIAL_TIMEOUT_MS", DefaultNote: "KAFKA_SOCKET_CONNECTION_SETUP_TIMEOUT_MS", Meaning: "the same, and stronger"},
		{Name: "KAFKA_SSL_KEYSTORE_KEY", Meaning: "key as PEM text", Status: refused, Reason: reasonPEMInline, Secret: true},
		{Name: "KAFKA_SSL_KEYSTORE_CERTIFICATE_CHAIN", Meaning: "certificate as PEM text", Status: refused, Reason: reasonPEMInline, Secret: true},
		{Name: "KAFKA_SSL_TRUSTSTORE_CERTIFICATES", Meaning: "authorities as PEM text", Status: refused, Reason: reasonPEMInline, Secret: true},
		{Name: "KAFKA_MAIN_<PROP>", Meaning: "the same as `KAFKA_<PROP>`: `main` is the name of the only physical cluster"},
		{Name: "KAFKA_FAILOVER_<PROP>", Meaning: "second physical cluster", Status: accepted, Reason: "one physical cluster only"},
		{Name: "KAFKA_<PROP>", Meaning: "any other property of the Java client, `_` for `.`: known ones are accepted, others warned about", Status: accepted, Reason: "it is the Java client's own"},
		{Name: "GATEWAY_BACKEND_KAFKA_SELECTOR", Meaning: "file with several physical clusters", Status: refused, Reason: "not available yet: set KAFKA_BOOTSTRAP_SERVERS and the other KAFKA_* variables"},
		{Name: "GATEWAY_UPSTREAM_CONNECTION_POOL_TYPE", Meaning: "`NONE` or `ROUND_ROBIN`", Status: accepted, Reason: reasonOneToOne},
		{Name: "GATEWAY_UPSTREAM_NUM_CONNECTION", Meaning: "size of the pool", Status: accepted, Reason: reasonOneToOne},
		{Name: "GATEWAY_DOWNSTREAM_THREAD", Default: "0", DefaultNote: "one per core", Meaning: "event loops"},
		{Name: "GATEWAY_UPSTREAM_THREAD", Meaning: "threads towards Kafka", Status: accepted, Reason: "both sides of a connection share a loop"},
	}},
	{"Cluster, state and storage", []variable{
		{Name: "GATEWAY_CLUSTER_ID", Default: "gateway", Meaning: "gateways with the same id share their state; part of the internal topics' names", Path: "gatewayClusterId"},
		{Name: "GATEWAY_GROUP_ID", DefaultNote: "conduktor_ and the cluster id", Meaning: "group by which gateways know each other", Status: accepted, Reason: reasonBalance},
		{Name: "GATEWAY_STORAGE_TYPE", Default: "KAFKA", Meaning: "`KAFKA`, or `IN_MEMORY` (lost at the end, shared with nobody)"},
		{Name: "GATEWAY_TOPIC_STORE_KCACHE_REPLICATION_FACTOR", Default: "-1", Meaning: "replication factor of internal topics; -1 leaves it to the brokers"},
		{Name: "GATEWAY_LICENSE_TOPIC", DefaultNote: "`_conduktor_<cluster id>_license`", Meaning: "internal topic"},
		{Name: "GATEWAY_TOPIC_MAPPINGS_TOPIC", DefaultNote: "`_conduktor_<cluster id>_topicmappings`", Meaning: "internal topic"},
		{Name: "GATEWAY_USER_MAPPINGS_TOPIC", DefaultNote: "`_conduktor_<cluster id>_usermappings`", Meaning: "internal topic of the user mappings"},
		{Name: "GATEWAY_CONSUMER_OFFSETS_TOPIC", DefaultNote: "`_conduktor_<cluster id>_consumer_offsets`", Meaning: "internal topic"},
		{Name: "GATEWAY_CONSUMER_SUBSCRIPTIONS_TOPIC", DefaultNote: "`_conduktor_<cluster id>_consumer_subscriptions`", Meaning: "internal topic"},
		{Name: "GATEWAY_INTERCEPTOR_CONFIGS_TOPIC", DefaultNote: "`_conduktor_<cluster id>_interceptor_configs`", Meaning: "internal topic"},
		{Name: "GATEWAY_ENCRYPTION_CONFIGS_TOPIC", DefaultNote: "`_conduktor_<cluster id>_encryption_configs`", Meaning: "internal topic"},
		{Name: "GATEWAY_ACLS_TOPIC", DefaultNote: "`_conduktor_<cluster id>_acls`", Meaning: "internal topic"},
		{Name: "GATEWAY_AUDIT_LOG_TOPIC", DefaultNote: "`_conduktor_<cluster id>_auditlogs`", Meaning: "internal topic"},
		{Name: "GATEWAY_VCLUSTERS_TOPIC", DefaultNote: "`_conduktor_<cluster id>_vclusters`", Meaning: "internal topic"},
		{Name: "GATEWAY_GROUPS_TOPIC", DefaultNote: "`_conduktor_<cluster id>_groups`", Meaning: "internal topic"},
		{Name: "GATEWAY_ENCRYPTION_KEYS_TOPIC", Meaning: "internal topic of a plug-in", Status: accepted, Reason: reasonInterceptors},
		{Name: "GATEWAY_DATA_QUALITY_TOPIC", Meaning: "internal topic of a plug-in", Status: accepted, Reason: reasonInterceptors},
		{Name: "GATEWAY_DATA_QUALITY_TOPIC_REPLICATION_FACTOR", Meaning: "its replication factor", Status: accepted, Reason: reasonInterceptors},
		{Name: "GATEWAY_DATA_QUALITY_TOPIC_PARTITIONS", Meaning: "its partitions", Status: accepted, Reason: reasonInterceptors},
		{Name: "GATEWAY_DATA_QUALITY_TOPIC_RETENTION_HOUR", Meaning: "its retention", Status: accepted, Reason: reasonInterceptors},
		{Name: "GATEWAY_FEATURE_FLAGS_INTERNAL_LOAD_BALANCING", Meaning: "gateways advertise each other", Status: accepted, Reason: reasonBalance},
		{Name: "GATEWAY_RACK_ID", Meaning: "rack of this gateway", Status: accepted, Reason: reasonBalance},
		{Name: "GATEWAY_STORE_TTL_MS", Meaning: "period of a full refresh", Status: accepted, Reason: "the topics are followed record by record"},
		{Name: "GATEWAY_TOPIC_STORE_REAL_TOPIC_PARTITION_COUNT", Meaning: "partitions of real topics", Status: accepted, Reason: "there are no concentrated topics yet"},
		{Name: "GATEWAY_TOPIC_STORE_DISTRIBUTED_CATCHUP_TIMEOUT_IN_SECONDS", Meaning: "wait after a write", Status: accepted, Reason: "a write is answered when it has been read back"},
		{Name: "GATEWAY_LICENSE_KEY", Meaning: "licence", Status: accepted, Reason: "none is needed", Secret: true},
		{Name: "GATEWAY_INTERCEPTOR_CONFIG_LOCATION", Meaning: "file of interceptors", Status: refused, Reason: reasonInterceptors + ": data would pass without them"},
	}},
	{"Logs, audit and flags", []variable{
		{Name: "LOG4J2_APPENDER_LAYOUT", Default: "pattern", Meaning: "`pattern` (text) or `json`"},
		{Name: "LOG4J2_ROOT_LEVEL", Default: "info", Meaning: "`off`, `fatal`, `error`, `warn`, `info`, `debug`, `trace` or `all`"},
		{Name: "LOG4J2_IO_CONDUKTOR_LEVEL", DefaultNote: "LOG4J2_ROOT_LEVEL", Meaning: "the same, and stronger"},
		{Name: "LOG4J2_IO_CONDUKTOR_PROXY_NETWORK_LEVEL", Meaning: "one logger", Status: accepted, Reason: reasonLogger},
		{Name: "LOG4J2_IO_CONDUKTOR_UPSTREAM_THREAD_LEVEL", Meaning: "one logger", Status: accepted, Reason: reasonLogger},
		{Name: "LOG4J2_IO_CONDUKTOR_PROXY_REBUILDER_COMPONENTS_LEVEL", Meaning: "one logger", Status: accepted, Reason: reasonLogger},
		{Name: "LOG4J2_IO_CONDUKTOR_PROXY_SERVICE_LEVEL", Meaning: "one logger", Status: accepted, Reason: reasonLogger},
		{Name: "LOG4J2_IO_CONDUKTOR_PROXY_AUTHORIZATION_LEVEL", Meaning: "one logger", Status: accepted, Reason: reasonLogger},
		{Name: "LOG4J2_IO_CONDUKTOR_PROXY_THREAD_LEVEL", Meaning: "one logger", Status: accepted, Reason: reasonLogger},
		{Name: "LOG4J2_ORG_APACHE_KAFKA_LEVEL", Meaning: "a library's logger", Status: accepted, Reason: reasonLibrary},
		{Name: "LOG4J2_IO_KCACHE_LEVEL", Meaning: "a library's logger", Status: accepted, Reason: reasonLibrary},
		{Name: "LOG4J2_IO_VERTX_LEVEL", Meaning: "a library's logger", Status: accepted, Reason: reasonLibrary},
		{Name: "LOG4J2_IO_NETTY_LEVEL", Meaning: "a library's logger", Status: accepted, Reason: reasonLibrary},
		{Name: "LOG4J2_IO_MICROMETER_LEVEL", Meaning: "a library's logger", Status: accepted, Reason: reasonLibrary},
		{Name: "LOG4J2_TIME_FORMAT", Meaning: "pattern of times", Status: accepted, Reason: "times are printed as RFC 3339"},
		{Name: "GATEWAY_FEATURE_FLAGS_AUDIT", Meaning: "audit log", Status: accepted, Reason: reasonAudit},
		{Name: "GATEWAY_AUDIT_LOG_SERVICE_BACKING_TOPIC", Meaning: "older name of GATEWAY_AUDIT_LOG_TOPIC", Status: accepted, Reason: reason2x},
		{Name: "GATEWAY_AUDIT_LOG_CONFIG_SPEC_VERSION", Meaning: "version put into events", Status: accepted, Reason: reasonAudit},
		{Name: "GATEWAY_AUDIT_LOG_REPLICATION_FACTOR_OF_TOPIC", Meaning: "replication factor", Status: accepted, Reason: reasonAudit},
		{Name: "GATEWAY_AUDIT_LOG_NUM_PARTITIONS_OF_TOPIC", Meaning: "partitions", Status: accepted, Reason: reasonAudit},
		{Name: "GATEWAY_AUDIT_LOG_KAFKA_<PROP>", Meaning: "producer property of the audit log", Status: accepted, Reason: reasonAudit},
		{Name: "GATEWAY_AUDIT_LOG_EVENT_TYPES", Meaning: "which events", Status: accepted, Reason: reasonAudit},
		{Name: "GATEWAY_FEATURE_FLAGS_ANALYTICS", Meaning: "reports of use", Status: accepted, Reason: "this gateway sends none"},
		{Name: "GATEWAY_MODE", Meaning: "mode of version 2", Status: accepted, Reason: reason2x + ": GATEWAY_SECURITY_PROTOCOL decides"},
		{Name: "GATEWAY_START_PORT", Meaning: "first port in version 2", Status: accepted, Reason: reason2x, Hint: "set GATEWAY_PORT_START"},
		{Name: "GATEWAY_FEATURE_FLAGS_MULTI_TENANCY", Meaning: "flag of version 2", Status: accepted, Reason: reason2x},
		{Name: "GATEWAY_FEATURE_FLAGS_SINGLE_TENANT", Meaning: "flag of version 2", Status: accepted, Reason: reason2x},
		{Name: "GATEWAY_FEATURE_FLAGS_MERGE_CLUSTER", Meaning: "flag of version 2", Status: accepted, Reason: reason2x},
		{Name: "GATEWAY_ENV_FILE", Meaning: "file of NAME=VALUE lines, stronger than the environment"},
	}},
	{"Sockets of this gateway", []variable{
		{Name: "GATEWAY_SOCKET_KEEPALIVE_SECONDS", Default: "120", Meaning: "how long a connection is silent before TCP probes it; keep it below what load balancers forget after (AWS: 350)"},
		{Name: "GATEWAY_SOCKET_SEND_BUFFER_BYTES", Default: "0", DefaultNote: "the kernel fits it to each connection", Meaning: "send buffer of each socket"},
		{Name: "GATEWAY_SOCKET_RECEIVE_BUFFER_BYTES", Default: "0", DefaultNote: "the kernel fits it to each connection", Meaning: "receive buffer of each socket"},
		{Name: "GATEWAY_SPLICE_BYTES", Default: "65536", Meaning: "between plaintext and plaintext, from how many bytes on the rest of a long frame is moved by the kernel (splice); 0 for never"},
		{Name: "GATEWAY_READ_BUFFER_BYTES", Default: "131072", Meaning: "what an event loop reads at once from a client, and up to 32 KiB of it from a broker; one such buffer for each loop"},
	}},
	{"Limits of this gateway", []variable{
		{Name: "GATEWAY_HANDSHAKE_TIMEOUT_MS", Default: "10000", Meaning: "from a client's connection to the end of its TLS handshake"},
		{Name: "GATEWAY_MAX_HANDSHAKES", Default: "256", Meaning: "handshakes that run at once"},
		{Name: "GATEWAY_MAX_HANDSHAKES_PER_ADDRESS", DefaultNote: "half of GATEWAY_MAX_HANDSHAKES", Meaning: "how many of them one address (IPv6: one /64) may have; where all clients come from a load balancer's address, as many"},
		{Name: "GATEWAY_MAX_CONNECTIONS", Default: "20000", Meaning: "client connections that stand at once"},
		{Name: "GATEWAY_MAX_FRAME_BYTES", Default: "104857600", Meaning: "largest request or response"},
		{Name: "GATEWAY_DRAIN_TIMEOUT_MS", Default: "20000", Meaning: "how long connections may finish after the signal to stop"},
	}},
}

// table finds a row by its name; patterns holds the rows whose name has a part in angle brackets, longest first.
var table, patterns = index(sections)

func index(all []section) (map[string]*variable, []*variable) {
	byName := make(map[string]*variable)
	var open []*variable
	for s := range all {
		for v := range all[s].Rows {
			row := &all[s].Rows[v]
			byName[row.Name] = row
			if strings.Contains(row.Name, "<") {
				open = append(open, row)
			}
		}
	}
	slices.SortStableFunc(open, func(a, b *variable) int { return len(b.Name) - len(a.Name) })
	return byName, open
}

// lookup returns the row for a variable's name, the most particular one when several patterns fit, nil when none does.
func lookup(name string) *variable {
	if strings.Contains(name, "<") {
		return nil
	}
	if row := table[name]; row != nil {
		return row
	}
	for _, row := range patterns {
		if fits(row.Name, name) {
			return row
		}
	}
	return nil
}

// fits tells whether name is pattern with its part in angle brackets filled by at least one character.
func fits(pattern, name string) bool {
	open, end := strings.IndexByte(pattern, '<'), strings.IndexByte(pattern, '>')
	prefix, suffix := pattern[:open], pattern[end+1:]
	return len(name) > len(prefix)+len(suffix) && strings.HasPrefix(name, prefix) && strings.HasSuffix(name, suffix)
}
