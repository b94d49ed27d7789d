package demo

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// startTestCluster starts the embedded brokers on free ports.
func startTestCluster(t *testing.T) *kgo.Client {
	t.Helper()
	o := freeOptions(t, nil)
	c, err := startCluster(o.BrokerPort)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokerAddresses("localhost", o.BrokerPort)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// TestBrokerIDs wants brokers 1, 2 and 3, each at its own place.
func TestBrokerIDs(t *testing.T) {
	cl := startTestCluster(t)
	brokers, err := kadm.NewClient(cl).ListBrokers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(brokers) != len(brokerIDs) {
		t.Fatalf("got %v", brokers)
	}
	for i, b := range brokers {
		if b.NodeID != brokerIDs[i] || b.Port != brokers[0].Port+int32(i) {
			t.Errorf("broker %d of %d is %d at port %d, the first is at %d", i+1, len(brokers), b.NodeID, b.Port, brokers[0].Port)
		}
	}
}

// TestCreateTopicsNamesConfigs wants what Java's admin client needs: a list of
// configs that is not null, from the version on in which it exists, and the
// request's own configs unchanged where there are some.
func TestCreateTopicsNamesConfigs(t *testing.T) {
	cl := startTestCluster(t)
	ask := func(name string, configs ...kmsg.CreateTopicsRequestTopicConfig) kmsg.CreateTopicsResponseTopic {
		t.Helper()
		answer, err := createRequest(name, configs...).RequestWith(t.Context(), cl)
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Topics) != 1 || answer.Topics[0].ErrorCode != 0 {
			t.Fatalf("%s: %+v", name, answer.Topics)
		}
		return answer.Topics[0]
	}
	if got := ask("plain"); len(got.Configs) != 1 || got.Configs[0].Name != "cleanup.policy" || *got.Configs[0].Value != "delete" {
		t.Errorf("no configs asked for: %+v", got.Configs)
	}
	own := kmsg.NewCreateTopicsRequestTopicConfig()
	own.Name, own.Value = "cleanup.policy", kmsg.StringPtr("compact")
	if got := ask("compacted", own); len(got.Configs) != 1 || *got.Configs[0].Value != "compact" {
		t.Errorf("own configs asked for: %+v", got.Configs)
	}

	old := createRequest("old")
	old.SetVersion(4)
	if _, _, handled := nameAConfig(old); handled || len(old.Topics[0].Configs) != 0 {
		t.Errorf("version 4 has no configs in its answer, the request became %+v", old.Topics[0].Configs)
	}
}

func createRequest(name string, configs ...kmsg.CreateTopicsRequestTopicConfig) *kmsg.CreateTopicsRequest {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor, topic.Configs = name, 1, 1, configs
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Topics = append(req.Topics, topic)
	return req
}
