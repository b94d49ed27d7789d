package kafkastore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The keys of the topics that this store reads and writes.
const (
	UserMappings = "usermappings"
	Groups       = "groups"
	VClusters    = "vclusters"
)

// Values of TopicSpec.Cleanup, as Kafka's cleanup.policy knows them.
const (
	Compact = "compact"
	Delete  = "delete"
)

// TopicSpec is one internal topic: the key that configuration knows it by, its
// name, and how it is created. Retention is zero where Cleanup is Compact.
type TopicSpec struct {
	Key        string
	Name       string
	Cleanup    string
	Partitions int32
	Retention  time.Duration
}

// TopicNames returns the internal topics of a gateway cluster, sorted by key:
// _conduktor_<clusterID>_<key> unless overrides names another for the key.
func TopicNames(clusterID string, overrides map[string]string) []TopicSpec {
	specs := []TopicSpec{
		{Key: "acls"},
		{Key: "auditlogs", Cleanup: Delete, Partitions: 3, Retention: 7 * 24 * time.Hour},
		{Key: "consumer_offsets"},
		{Key: "consumer_subscriptions"},
		{Key: "encryption_configs"},
		{Key: Groups},
		{Key: "interceptor_configs"},
		{Key: "license"},
		{Key: "topicmappings"},
		{Key: UserMappings},
		{Key: VClusters},
	}
	for i := range specs {
		s := &specs[i]
		s.Name = "_conduktor_" + clusterID + "_" + s.Key
		if name := overrides[s.Key]; name != "" {
			s.Name = name
		}
		if s.Cleanup == "" {
			s.Cleanup, s.Partitions = Compact, 1
		}
	}
	return specs
}

// ErrTopic is found by errors.Is in every *TopicError.
var ErrTopic = errors.New("kafkastore: topic unusable")

// TopicError is a fault that trying again does not mend: somebody must change
// the topic or the configuration.
type TopicError struct {
	Topic   string
	Problem string
}

// Error returns "kafkastore: topic <name>: <problem>".
func (e *TopicError) Error() string { return "kafkastore: topic " + e.Topic + ": " + e.Problem }

// Unwrap returns ErrTopic.
func (e *TopicError) Unwrap() error { return ErrTopic }

// checkNames refuses names that no topic can have, and one name for two topics.
func checkNames(specs []TopicSpec) error {
	keys := make(map[string]string, len(specs))
	for _, s := range specs {
		if !legalTopic(s.Name) {
			return &TopicError{s.Name, "not a topic name (for " + s.Key + "): 1 to 249 letters, digits, dots, underscores and hyphens"}
		}
		if other, taken := keys[s.Name]; taken {
			return &TopicError{s.Name, "named for both " + other + " and " + s.Key}
		}
		keys[s.Name] = s.Key
	}
	return nil
}

// legalTopic is Kafka's org.apache.kafka.common.internals.Topic.isValid.
func legalTopic(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > 249 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if c < 'a' || c > 'z' {
			if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
				return false
			}
		}
	}
	return true
}

// ensureTopics is prepareTopics, once until topicsMissing is called.
func (s *Store) ensureTopics(ctx context.Context) error {
	s.preparing.Lock()
	defer s.preparing.Unlock()
	if s.prepared {
		return nil
	}
	err := s.prepareTopics(ctx)
	s.prepared = err == nil
	return err
}

func (s *Store) topicsMissing() {
	s.preparing.Lock()
	defer s.preparing.Unlock()
	s.prepared = false
}

// prepareTopics creates the topics that are missing and looks at the ones that
// are there. It fails for a reason that trying again may mend, or with a
// *TopicError. Only the topics that are followed have to exist in the end: for
// another one a refusal to create it is a warning.
func (s *Store) prepareTopics(ctx context.Context) error {
	names := make([]string, 0, len(s.specs))
	for _, spec := range s.specs {
		names = append(names, spec.Name)
	}
	found, err := describe(ctx, s.client, names...)
	if err != nil {
		return err
	}
	var present, missing []TopicSpec
	for _, spec := range s.specs {
		err := kerr.ErrorForCode(found[spec.Name].ErrorCode)
		if err == nil {
			present = append(present, spec)
			continue
		}
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			missing = append(missing, spec)
			continue
		}
		if err := s.tolerate(spec, "describe", err); err != nil {
			return err
		}
	}
	if err := s.createTopics(ctx, missing); err != nil {
		return err
	}
	s.warnReplicas(found)
	return s.checkPolicies(ctx, present)
}

// createTopics creates all in one request: each may take the controller a
// good part of a second.
func (s *Store) createTopics(ctx context.Context, missing []TopicSpec) error {
	if len(missing) == 0 {
		return nil
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = createTimeoutMillis
	specs := make(map[string]TopicSpec, len(missing))
	for _, spec := range missing {
		specs[spec.Name] = spec
		req.Topics = append(req.Topics, spec.request(s.options.ReplicationFactor))
	}
	resp, err := req.RequestWith(ctx, s.client)
	if err != nil {
		return fmt.Errorf("kafkastore: create topics: %w", err)
	}
	for _, made := range resp.Topics {
		if err := s.created(specs[made.Topic], made); err != nil {
			return err
		}
	}
	return nil
}

func (t TopicSpec) request(replicas int16) kmsg.CreateTopicsRequestTopic {
	configs := map[string]string{"cleanup.policy": t.Cleanup}
	if t.Retention > 0 {
		configs["retention.ms"] = strconv.FormatInt(t.Retention.Milliseconds(), 10)
	}
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = t.Name, t.Partitions, replicas
	for key, v := range configs {
		rc := kmsg.NewCreateTopicsRequestTopicConfig()
		rc.Name, rc.Value = key, kmsg.StringPtr(v)
		rt.Configs = append(rt.Configs, rc)
	}
	return rt
}

// created looks at what became of one topic.
func (s *Store) created(spec TopicSpec, made kmsg.CreateTopicsResponseTopic) error {
	err := kerr.ErrorForCode(made.ErrorCode)
	switch {
	case err == nil:
		s.log.Info("topic created", "topic", spec.Name, "cleanup.policy", spec.Cleanup,
			"partitions", spec.Partitions, "replicas", made.ReplicationFactor)
		if made.ReplicationFactor > 0 && made.ReplicationFactor < wantReplicas {
			s.log.Warn(fewReplicas, "topics", []string{spec.Name}, "replicas", made.ReplicationFactor)
		}
		return nil
	case errors.Is(err, kerr.TopicAlreadyExists):
		return nil // another gateway was quicker
	case made.ErrorMessage != nil:
		err = fmt.Errorf("%w: %s", err, *made.ErrorMessage)
	}
	return s.tolerate(spec, "create", err)
}

// tolerate decides what a failure with one topic means.
func (s *Store) tolerate(spec TopicSpec, doing string, err error) error {
	if spec.Key == UserMappings || spec.Key == Groups || spec.Key == VClusters || kerr.IsRetriable(err) || !isKafkaError(err) {
		return fmt.Errorf("kafkastore: topic %s: %s: %w", spec.Name, doing, err)
	}
	s.log.Warn("topic left out", "topic", spec.Name, "doing", doing, "error", err)
	return nil
}

func isKafkaError(err error) bool {
	var ke *kerr.Error
	return errors.As(err, &ke)
}

const (
	createTimeoutMillis = 15_000

	wantReplicas = 3
	fewReplicas  = "internal topics with fewer than 3 replicas: losing a broker may lose them"
)

func (s *Store) warnReplicas(found map[string]kmsg.MetadataResponseTopic) {
	var few []string
	for name, t := range found {
		for _, p := range t.Partitions {
			if len(p.Replicas) < wantReplicas {
				few = append(few, name)
				break
			}
		}
	}
	if len(few) > 0 {
		slices.Sort(few)
		s.log.Warn(fewReplicas, "topics", few)
	}
}

// checkPolicies refuses a topic whose cleanup.policy would lose what is kept
// in it: with "delete" (alone or besides compact) mappings would expire.
func (s *Store) checkPolicies(ctx context.Context, present []TopicSpec) error {
	if len(present) == 0 {
		return nil
	}
	want := make(map[string]string, len(present))
	for _, spec := range present {
		want[spec.Name] = spec.Cleanup
	}
	described, err := s.admin.DescribeTopicConfigs(ctx, slices.Sorted(maps.Keys(want))...)
	if err != nil {
		if !errors.Is(err, kerr.TopicAuthorizationFailed) && !errors.Is(err, kerr.ClusterAuthorizationFailed) {
			return fmt.Errorf("kafkastore: describe topic configs: %w", err)
		}
		s.log.Warn("cleanup.policy of the internal topics not checked", "error", err)
		return nil
	}
	for _, rc := range described {
		if rc.Err != nil {
			if kerr.IsRetriable(rc.Err) {
				return fmt.Errorf("kafkastore: topic %s: describe configs: %w", rc.Name, rc.Err)
			}
			s.log.Warn("cleanup.policy not checked", "topic", rc.Name, "error", rc.Err)
			continue
		}
		for _, c := range rc.Configs {
			if c.Key == "cleanup.policy" && c.MaybeValue() != want[rc.Name] {
				return &TopicError{rc.Name, fmt.Sprintf("cleanup.policy is %q, must be %q", c.MaybeValue(), want[rc.Name])}
			}
		}
	}
	return nil
}
