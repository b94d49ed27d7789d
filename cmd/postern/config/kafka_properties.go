package config

import (
	"fmt"
	"slices"
	"strings"
)

const (
	propertyPrefix = "KAFKA_"
	mainPrefix     = "KAFKA_MAIN_"
)

// clientProperties are the properties of the Java client (CommonClientConfigs, SslConfigs, SaslConfigs, ProducerConfig,
// ConsumerConfig and AdminClientConfig of Kafka 4) that mean nothing to a gateway that speaks for itself. Those it acts
// on, or refuses, have rows of their own in the table.
var clientProperties = strings.Fields(`
acks allow.auto.create.topics auto.commit.interval.ms auto.include.jmx.reporter auto.offset.reset batch.size
bootstrap.controllers buffer.memory check.crcs client.dns.lookup client.rack compression.gzip.level compression.lz4.level
compression.type compression.zstd.level config.providers connections.max.idle.ms default.api.timeout.ms delivery.timeout.ms
enable.auto.commit enable.idempotence enable.metrics.push exclude.internal.topics fetch.max.bytes fetch.max.wait.ms
fetch.min.bytes group.id group.instance.id group.protocol group.remote.assignor heartbeat.interval.ms interceptor.classes
isolation.level key.deserializer key.serializer linger.ms max.block.ms max.in.flight.requests.per.connection
max.partition.fetch.bytes max.poll.interval.ms max.poll.records max.request.size metadata.max.idle.ms
metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy metric.reporters metrics.num.samples
metrics.recording.level metrics.sample.window.ms partition.assignment.strategy partitioner.adaptive.partitioning.enable
partitioner.availability.timeout.ms partitioner.class partitioner.ignore.keys receive.buffer.bytes reconnect.backoff.max.ms
reconnect.backoff.ms retries retry.backoff.max.ms retry.backoff.ms sasl.client.callback.handler.class
sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin sasl.kerberos.service.name
sasl.kerberos.ticket.renew.jitter sasl.kerberos.ticket.renew.window.factor sasl.login.callback.handler.class
sasl.login.class sasl.login.connect.timeout.ms sasl.login.read.timeout.ms sasl.login.refresh.buffer.seconds
sasl.login.refresh.min.period.seconds sasl.login.refresh.window.factor sasl.login.refresh.window.jitter
sasl.login.retry.backoff.max.ms sasl.login.retry.backoff.ms
sasl.oauthbearer.clock.skew.seconds sasl.oauthbearer.expected.audience sasl.oauthbearer.expected.issuer
sasl.oauthbearer.header.urlencode sasl.oauthbearer.jwks.endpoint.refresh.ms
sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.ms
sasl.oauthbearer.jwks.endpoint.url sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name
security.providers send.buffer.bytes session.timeout.ms
socket.connection.setup.timeout.max.ms ssl.engine.factory.class
ssl.keymanager.algorithm ssl.protocol ssl.provider ssl.secure.random.implementation ssl.trustmanager.algorithm
transaction.timeout.ms transactional.id value.deserializer value.serializer`)

// propertyOf is the name of a property in the Java client: KAFKA_CLIENT_ID is client.id.
func propertyOf(variable string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(variable, propertyPrefix)), "_", ".")
}

// variableOf is the inverse of propertyOf.
func variableOf(property string) string {
	return propertyPrefix + strings.ToUpper(strings.ReplaceAll(property, ".", "_"))
}

// isSecretProperty tells the properties whose value is never shown, whatever else is known of them.
func isSecretProperty(property string) bool {
	for _, part := range []string{"password", "secret", "jaas", "credential", "token", "ssl.keystore.key"} {
		if strings.Contains(property, part) {
			return true
		}
	}
	return false
}

// properties lays KAFKA_MAIN_* over KAFKA_* and returns every known property that is set and no secret.
func (r *reader) properties() map[string]string {
	r.foldMain()
	known := make(map[string]string)
	for name, value := range r.env {
		if !strings.HasPrefix(name, propertyPrefix) {
			continue
		}
		property := propertyOf(name)
		if (table[name] != nil || slices.Contains(clientProperties, property)) && !isSecretProperty(property) {
			known[property] = value
		}
	}
	return known
}

// foldMain gives KAFKA_MAIN_<PROP> the meaning of KAFKA_<PROP>: main is the name of the only physical cluster. The names
// of the variables in errors are those of KAFKA_<PROP>.
func (r *reader) foldMain() {
	for _, name := range sortedNames(r.env) {
		if !strings.HasPrefix(name, mainPrefix) || name == mainPrefix+"GATEWAY_ROLES" {
			continue
		}
		short := propertyPrefix + strings.TrimPrefix(name, mainPrefix)
		if value, ok := r.env[short]; ok && value != r.env[name] {
			r.report.fail(name, "differs from "+short+", which means the same; set one of them")
			continue
		}
		r.env[short] = r.env[name]
	}
}

// accountProperty sorts a KAFKA_* variable that no row of its own stands for, or a name nothing is known of.
func (r *reader) accountProperty(name string, row *variable) {
	switch {
	case row == nil:
		r.unknown(name, knownVariables())
	case row.Name == mainPrefix+"<PROP>":
		// Its KAFKA_<PROP> is accounted for.
	case row.Name == "KAFKA_FAILOVER_<PROP>", r.isOtherCluster(name), slices.Contains(clientProperties, propertyOf(name)):
		r.report.NotApplicable = append(r.report.NotApplicable, name)
	default:
		r.unknown(name, knownProperties())
	}
}

// isOtherCluster knows the variables of further physical clusters: KAFKA_<CLUSTER>_BOOTSTRAP_SERVERS or
// KAFKA_<CLUSTER>_GATEWAY_ROLES declares one, and all that begins like it belongs to it.
func (r *reader) isOtherCluster(name string) bool {
	for at := len(propertyPrefix) + 1; at < len(name); at++ {
		if name[at] != '_' {
			continue
		}
		for _, mark := range []string{"_BOOTSTRAP_SERVERS", "_GATEWAY_ROLES"} {
			if _, ok := r.env[name[:at]+mark]; ok {
				return true
			}
		}
	}
	return false
}

// unknown warns about a name and offers the nearest one.
func (r *reader) unknown(name string, candidates []string) {
	if near, ok := nearest(name, candidates); ok {
		r.report.warn(fmt.Sprintf("%s is not known and has no effect; did you mean %s?", name, near))
		return
	}
	r.report.warn(name + " is not known and has no effect")
}

// knownVariables are the rows with a name of their own, except Kafka's.
func knownVariables() []string {
	var names []string
	for name := range table {
		if !strings.Contains(name, "<") && !strings.HasPrefix(name, propertyPrefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// knownProperties are the variables of all known properties of the Java client.
func knownProperties() []string {
	var names []string
	for name := range table {
		if !strings.Contains(name, "<") && strings.HasPrefix(name, propertyPrefix) {
			names = append(names, name)
		}
	}
	for _, property := range clientProperties {
		names = append(names, variableOf(property))
	}
	slices.Sort(names)
	return names
}

func sortedNames(env map[string]string) []string {
	names := make([]string, 0, len(env))
	for name := range env {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
