package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
)

// node is an ordered set of fields of the computed tree.
type node = yaml.MapSlice

// WriteTree writes the configuration as YAML, for operators to debug with: where the original has a path for a value it
// stands at that path (of the first listener, where it is about listeners). Secrets that are set show as Mask.
func (c *Config) WriteTree(w io.Writer) error {
	text, err := yaml.MarshalWithOptions(c.tree(), yaml.UseLiteralStyleIfMultiline(false))
	if err != nil {
		return fmt.Errorf("config: computed tree: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("config: computed tree: %w", err)
	}
	return nil
}

func (c *Config) tree() node {
	tree := node{
		{Key: "gatewayClusterId", Value: c.ClusterID},
		{Key: "gatewayGroupId", Value: c.GroupID},
	}
	if len(c.Listeners) > 0 {
		tree = append(tree, c.Listeners[0].tree()...)
	}
	listeners := make([]node, 0, len(c.Listeners))
	for i := range c.Listeners {
		listeners = append(listeners, c.Listeners[i].summary())
	}
	return append(tree,
		yaml.MapItem{Key: "listeners", Value: listeners},
		yaml.MapItem{Key: "userPoolConfig", Value: node{
			{Key: "jwt", Value: node{{Key: "secretKey", Value: c.Authentication.UserPoolKey.String()}}},
			{Key: "serviceAccountRequired", Value: c.Authentication.AccountRequired},
		}},
		yaml.MapItem{Key: "oauth", Value: c.Authentication.OAuth.tree()},
		yaml.MapItem{Key: "authentication", Value: node{
			{Key: "connectionMaxReauthMs", Value: c.Authentication.MaxReauth.Milliseconds()},
			{Key: "timeoutMs", Value: c.Authentication.Timeout.Milliseconds()},
			{Key: "failureDelayMs", Value: c.Authentication.FailureDelay.Milliseconds()},
		}},
		yaml.MapItem{Key: "mandatoryVCluster", Value: c.MandatoryVCluster},
		yaml.MapItem{Key: "kafka", Value: c.Kafka.tree()},
		yaml.MapItem{Key: "storage", Value: c.storageTree()},
		yaml.MapItem{Key: "httpConfig", Value: c.Admin.tree()},
		yaml.MapItem{Key: "log", Value: node{
			{Key: "layout", Value: layoutName(c.Log.JSON)},
			{Key: "level", Value: levelName(c.Log.Level)},
		}},
		yaml.MapItem{Key: "tlsEngine", Value: string(c.TLSEngine)},
		yaml.MapItem{Key: "threads", Value: c.Threads},
		yaml.MapItem{Key: "shutdownDelayBetweenBrokersMs", Value: c.ShutdownDelayBetweenBrokers.Milliseconds()},
		yaml.MapItem{Key: "sockets", Value: node{
			{Key: "keepAliveSeconds", Value: int64(c.Sockets.KeepAlive.Seconds())},
			{Key: "sendBufferBytes", Value: c.Sockets.SendBuffer},
			{Key: "receiveBufferBytes", Value: c.Sockets.ReceiveBuffer},
			{Key: "spliceBytes", Value: c.Sockets.Splice},
			{Key: "readBufferBytes", Value: c.Sockets.Read},
		}},
		yaml.MapItem{Key: "limits", Value: node{
			{Key: "handshakeTimeoutMs", Value: c.Limits.HandshakeTimeout.Milliseconds()},
			{Key: "maxHandshakes", Value: c.Limits.MaxHandshakes},
			{Key: "maxHandshakesPerAddress", Value: c.Limits.MaxHandshakesPerAddress},
			{Key: "maxConnections", Value: c.Limits.MaxConnections},
			{Key: "maxFrameBytes", Value: c.Limits.MaxFrameBytes},
			{Key: "drainTimeoutMs", Value: c.Limits.DrainTimeout.Milliseconds()},
		}},
	)
}

// tree is the listener at the paths the original has for its only one.
func (l *Listener) tree() node {
	rules := l.PrincipalRules
	if rules == "" {
		rules = table["GATEWAY_SSL_PRINCIPAL_MAPPING_RULES"].Default
	}
	authentication := node{
		{Key: "securityProtocol", Value: string(l.Protocol)},
		{Key: "securityMode", Value: string(l.Mode)},
	}
	if l.Protocol.TLS() {
		authentication = append(authentication, yaml.MapItem{Key: "sslConfig", Value: node{
			{Key: "keyStore", Value: l.KeyStore.tree("keyStore", yaml.MapItem{Key: "keyPassword", Value: l.KeyPassword.String()})},
			{Key: "trustStore", Value: l.TrustStore.tree("trustStore")},
			{Key: "clientAuth", Value: l.ClientAuth},
			{Key: "principalMappingRules", Value: plain(rules)},
			{Key: "enabledProtocols", Value: l.TLS.ProtocolNames()},
			{Key: "cipherSuites", Value: l.TLS.SuiteNames()},
			{Key: "namedGroups", Value: l.TLS.GroupNames()},
			{Key: "extraKeyStores", Value: l.extraKeyStoresTree()},
			{Key: "crlPaths", Value: plainAll(l.CRLPaths)},
			{Key: "ocspStaplePath", Value: plain(l.OCSPStaplePath)},
			{Key: "sessionTicketKeysPath", Value: plain(l.TicketKeysPath)},
			{Key: "updateContextIntervalMinutes", Value: int(l.UpdateInterval.Minutes())},
		}})
	}
	return node{
		{Key: "routing", Value: string(l.Routing)},
		{Key: "hostPortConfiguration", Value: node{
			{Key: "bindHost", Value: l.BindHost},
			{Key: "advertisedHost", Value: l.AdvertisedHost},
			{Key: "portStart", Value: l.PortStart},
			{Key: "portCount", Value: l.ports()},
			{Key: "minBrokerId", Value: l.MinBrokerID},
		}},
		{Key: "authenticationConfig", Value: authentication},
	}
}

// tree shows no password in the URL.
func (o *OAuth) tree() node {
	address := ""
	if u, err := url.Parse(o.JWKSURL.Reveal()); err == nil {
		address = u.Redacted()
	}
	return node{
		{Key: "jwksUrl", Value: plain(address)},
		{Key: "expectedIssuer", Value: plain(o.Issuer)},
		{Key: "expectedAudiences", Value: plainAll(o.Audiences)},
		{Key: "jwksRefreshMs", Value: o.Refresh.Milliseconds()},
		{Key: "jwksRetryMs", Value: o.Retry.Milliseconds()},
		{Key: "jwksMaxRetryMs", Value: o.MaxRetry.Milliseconds()},
		{Key: "scopeClaimName", Value: plain(o.ScopeClaim)},
		{Key: "subClaimName", Value: plain(o.SubClaim)},
		{Key: "groupsClaimName", Value: plain(o.GroupsClaim)},
		{Key: "clockSkewSeconds", Value: int64(o.ClockSkew.Seconds())},
	}
}

func (l *Listener) summary() node {
	return node{
		{Key: "name", Value: l.Name},
		{Key: "bindHost", Value: l.BindHost},
		{Key: "advertisedHost", Value: l.AdvertisedHost},
		{Key: "portStart", Value: l.PortStart},
		{Key: "portCount", Value: l.ports()},
		{Key: "routing", Value: string(l.Routing)},
		{Key: "securityProtocol", Value: string(l.Protocol)},
		{Key: "securityMode", Value: string(l.Mode)},
		{Key: "clientAuth", Value: l.ClientAuth},
	}
}

// ports is the number of ports, or the words for a number that is not known before the cluster is.
func (l *Listener) ports() any {
	if l.PortCount == 0 {
		return "follows the cluster"
	}
	return l.PortCount
}

func (l *Listener) extraKeyStoresTree() []node {
	stores := make([]node, 0, len(l.ExtraKeyStores))
	for _, s := range l.ExtraKeyStores {
		stores = append(stores, s.tree("keyStore", yaml.MapItem{Key: "keyPassword", Value: s.KeyPassword.String()}))
	}
	return stores
}

// tree is a store with prefix before the name of each field, and with further fields.
func (s Store) tree(prefix string, further ...yaml.MapItem) node {
	tree := node{
		{Key: prefix + "Path", Value: plain(s.Path)},
		{Key: prefix + "Password", Value: s.Password.String()},
	}
	tree = append(tree, further...)
	return append(tree, yaml.MapItem{Key: prefix + "Type", Value: s.Type})
}

func (b *Backend) tree() node {
	properties := node{}
	for _, name := range sortedNames(b.Properties) {
		properties = append(properties, yaml.MapItem{Key: name, Value: plain(b.Properties[name])})
	}
	return node{
		{Key: "bootstrapServers", Value: b.BootstrapServers},
		{Key: "securityProtocol", Value: string(b.Protocol)},
		{Key: "keyStore", Value: b.KeyStore.tree("keyStore", yaml.MapItem{Key: "keyPassword", Value: b.KeyPassword.String()})},
		{Key: "trustStore", Value: b.TrustStore.tree("trustStore")},
		{Key: "enabledProtocols", Value: b.TLS.ProtocolNames()},
		{Key: "cipherSuites", Value: b.TLS.SuiteNames()},
		{Key: "endpointIdentification", Value: b.EndpointIdentification},
		{Key: "saslMechanism", Value: b.Mechanism},
		{Key: "saslJaasConfig", Value: b.JAAS.String()},
		{Key: "upstreamIdentity", Value: identityName(b.PerUser)},
		{Key: "upstreamTokenLifetimeMs", Value: b.TokenLifetime.Milliseconds()},
		{Key: "clientId", Value: b.ClientID},
		{Key: "requestTimeoutMs", Value: b.RequestTimeout.Milliseconds()},
		{Key: "dialTimeoutMs", Value: b.DialTimeout.Milliseconds()},
		{Key: "metadataMaxAgeMs", Value: b.MetadataMaxAge.Milliseconds()},
		{Key: "properties", Value: properties},
	}
}

// storageTree shows every internal topic by the name it has after all.
func (c *Config) storageTree() node {
	topics := node{}
	for _, key := range TopicKeys() {
		name, ok := c.Storage.Topics[key]
		if !ok {
			name = DefaultTopic(c.ClusterID, key)
		}
		topics = append(topics, yaml.MapItem{Key: key, Value: name})
	}
	return node{
		{Key: "type", Value: string(c.Storage.Type)},
		{Key: "replicationFactor", Value: c.Storage.ReplicationFactor},
		{Key: "topics", Value: topics},
	}
}

func (a *Admin) tree() node {
	users := make([]node, 0, len(a.Users))
	for _, user := range a.Users {
		users = append(users, node{
			{Key: "username", Value: user.Username},
			{Key: "password", Value: user.Password.String()},
			{Key: "admin", Value: user.Admin},
		})
	}
	return node{
		{Key: "bindHost", Value: a.BindHost},
		{Key: "port", Value: a.Port},
		{Key: "securedMetrics", Value: a.SecuredMetrics},
		{Key: "keyStore", Value: a.KeyStore.tree("keyStore")},
		{Key: "trustStore", Value: a.TrustStore.tree("trustStore")},
		{Key: "clientAuth", Value: a.ClientAuth},
		{Key: "users", Value: users},
	}
}

func identityName(perUser bool) string {
	if perUser {
		return "USER"
	}
	return "GATEWAY"
}

func layoutName(json bool) string {
	if json {
		return "json"
	}
	return "pattern"
}

// levelName is the log4j2 word for a level.
func levelName(level slog.Level) string {
	names := []struct {
		level slog.Level
		name  string
	}{
		{LevelTrace, "trace"},
		{slog.LevelDebug, "debug"},
		{slog.LevelInfo, "info"},
		{slog.LevelWarn, "warn"},
		{slog.LevelError, "error"},
		{LevelOff, "off"},
	}
	at := slices.IndexFunc(names, func(n struct {
		level slog.Level
		name  string
	},
	) bool {
		return n.level >= level
	})
	if at < 0 {
		return "off"
	}
	return names[at].name
}

// quoted is a text that is written between double quotes.
type quoted string

// MarshalYAML gives the text between double quotes; Go's escapes are YAML's.
func (q quoted) MarshalYAML() ([]byte, error) { return []byte(strconv.Quote(string(q))), nil }

// plain is a text for the tree; the encoder drops control characters it does not quote.
func plain(text string) any {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return quoted(text)
	}
	return text
}

// plainAll is plain for each of several texts.
func plainAll(texts []string) []any {
	out := make([]any, len(texts))
	for i, text := range texts {
		out[i] = plain(text)
	}
	return out
}
