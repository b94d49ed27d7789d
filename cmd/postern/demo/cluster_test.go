package demo

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
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
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokerAddresses(o.BrokerPort)...))
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

// TestCreateTopicsListsConfigs wants what Java's admin client needs: a list of
// configs that is never null, and a known source for each in it. Twice, because
// the fake forgets a hook that is not kept.
func TestCreateTopicsListsConfigs(t *testing.T) {
	cl := startTestCluster(t)
	ask := func(name string, configs ...kmsg.CreateTopicsRequestTopicConfig) kmsg.CreateTopicsResponseTopic {
		t.Helper()
		answer, err := createRequest(name, configs...).RequestWith(t.Context(), cl)
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Topics) != 1 || answer.Topics[0].ErrorCode != 0 || answer.Topics[0].NumPartitions != 1 {
			t.Fatalf("%s: %+v", name, answer.Topics)
		}
		return answer.Topics[0]
	}
	for _, name := range []string{"plain", "plainer"} {
		if got := ask(name); got.Configs == nil || len(got.Configs) != 0 {
			t.Errorf("no configs asked for: %#v", got.Configs)
		}
	}
	own := kmsg.NewCreateTopicsRequestTopicConfig()
	own.Name, own.Value = "cleanup.policy", kmsg.StringPtr("compact")
	got := ask("compacted", own).Configs
	if len(got) != 1 || *got[0].Value != "compact" || got[0].Source != int8(kmsg.ConfigSourceDynamicTopicConfig) {
		t.Errorf("own configs asked for: %+v", got)
	}

	old := createRequest("old")
	old.SetVersion(4)
	if _, mark := marked(old); mark {
		t.Error("version 4 has neither tags nor configs and is held all the same")
	}
}

// TestCreateTopicsErrorsPass wants the fake's refusals as they are.
func TestCreateTopicsErrorsPass(t *testing.T) {
	cl := startTestCluster(t)
	for _, want := range []int16{0, kerr.TopicAlreadyExists.Code} {
		answer, err := createRequest("once").RequestWith(t.Context(), cl)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Topics[0].ErrorCode != want {
			t.Errorf("error code %d, want %d", answer.Topics[0].ErrorCode, want)
		}
	}
}

// TestDescribeTopicPartitionsListsReplicas is the same for the other answer.
func TestDescribeTopicPartitionsListsReplicas(t *testing.T) {
	cl := startTestCluster(t)
	if _, err := createRequest("described").RequestWith(t.Context(), cl); err != nil {
		t.Fatal(err)
	}
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	topic := kmsg.NewDescribeTopicPartitionsRequestTopic()
	topic.Topic = "described"
	req.Topics = append(req.Topics, topic)
	answer, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		t.Fatalf("%+v", answer)
	}
	if p := answer.Topics[0].Partitions[0]; p.EligibleLeaderReplicas == nil || p.LastKnownELR == nil {
		t.Errorf("null lists: %#v", p)
	}
}

func createRequest(name string, configs ...kmsg.CreateTopicsRequestTopicConfig) *kmsg.CreateTopicsRequest {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor, topic.Configs = name, 1, 1, configs
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Topics = append(req.Topics, topic)
	return req
}

// TestListGroupsByType wants a group found by its type as Java writes it.
func TestListGroupsByType(t *testing.T) {
	cl := startTestCluster(t)
	if _, err := createRequest("committed").RequestWith(t.Context(), cl); err != nil {
		t.Fatal(err)
	}
	offsets := kadm.Offsets{}
	offsets.AddOffset("committed", 0, 0, -1)
	if err := kadm.NewClient(cl).CommitAllOffsets(t.Context(), groupName, offsets); err != nil {
		t.Fatal(err)
	}
	list := kmsg.NewPtrListGroupsRequest()
	list.TypesFilter = []string{"Classic", "Consumer"}
	answer, err := list.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Groups) != 1 || answer.Groups[0].Group != groupName {
		t.Errorf("got %+v", answer.Groups)
	}
}
