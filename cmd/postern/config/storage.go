package config

import (
	"fmt"
	"math"
	"slices"
)

// internalTopic is one topic the gateway keeps state in and the variable that renames it.
type internalTopic struct{ key, variable string }

var internalTopics = []internalTopic{
	{"acls", "GATEWAY_ACLS_TOPIC"},
	{"auditlogs", "GATEWAY_AUDIT_LOG_TOPIC"},
	{"consumer_offsets", "GATEWAY_CONSUMER_OFFSETS_TOPIC"},
	{"consumer_subscriptions", "GATEWAY_CONSUMER_SUBSCRIPTIONS_TOPIC"},
	{"encryption_configs", "GATEWAY_ENCRYPTION_CONFIGS_TOPIC"},
	{"groups", "GATEWAY_GROUPS_TOPIC"},
	{"interceptor_configs", "GATEWAY_INTERCEPTOR_CONFIGS_TOPIC"},
	{"license", "GATEWAY_LICENSE_TOPIC"},
	{"topicmappings", "GATEWAY_TOPIC_MAPPINGS_TOPIC"},
	{"usermappings", "GATEWAY_USER_MAPPINGS_TOPIC"},
	{"vclusters", "GATEWAY_VCLUSTERS_TOPIC"},
}

func (r *reader) storage(clusterID string) Storage {
	s := Storage{
		Type:   StorageType(r.choice("GATEWAY_STORAGE_TYPE", string(StorageKafka), string(StorageInMemory))),
		Topics: make(map[string]string),
	}
	const factor = "GATEWAY_TOPIC_STORE_KCACHE_REPLICATION_FACTOR"
	s.ReplicationFactor = int16(r.integer(factor, -1, math.MaxInt16))
	if s.ReplicationFactor == 0 && r.text(factor) == "0" {
		r.invalid(factor, "0", "-1 (the brokers' default) or 1 and more")
	}
	owner := make(map[string]string, len(internalTopics))
	for _, topic := range internalTopics {
		name, ok := r.given(topic.variable)
		switch {
		case !ok:
			owner[DefaultTopic(clusterID, topic.key)] = topic.variable
		case !isTopicName(name):
			r.invalid(topic.variable, name, fmt.Sprintf("1 to %d letters, digits, '.', '_' and '-'", maxTopicName))
		default:
			s.Topics[topic.key] = name
		}
	}
	r.distinct(s.Topics, owner)
	return s
}

// distinct refuses two internal topics with one name: their records would be taken for each other.
func (r *reader) distinct(overrides, owner map[string]string) {
	for _, topic := range internalTopics {
		name, ok := overrides[topic.key]
		if !ok {
			continue
		}
		if other, taken := owner[name]; taken {
			r.report.fail(topic.variable, shown(name)+" is also the topic of "+other+"; every internal topic needs a name of its own")
			continue
		}
		owner[name] = topic.variable
	}
}

// DefaultTopic is the name of an internal topic that was not renamed.
func DefaultTopic(clusterID, key string) string { return "_conduktor_" + clusterID + "_" + key }

// TopicKeys returns the keys of all internal topics, in order: those Storage.Topics may have.
func TopicKeys() []string {
	keys := make([]string, 0, len(internalTopics))
	for _, topic := range internalTopics {
		keys = append(keys, topic.key)
	}
	slices.Sort(keys)
	return keys
}

// maxTopicName is Kafka's limit (org.apache.kafka.common.internals.Topic).
const maxTopicName = 249

// isTopicName applies Kafka's rules for topic names.
func isTopicName(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > maxTopicName {
		return false
	}
	for _, c := range []byte(name) {
		if !isNameByte(c) && c != '-' && c != '.' {
			return false
		}
	}
	return true
}
