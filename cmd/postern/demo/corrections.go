package demo

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// corrections hold what the fake leaves out of its answers and Java's admin
// client cannot do without: lists that a broker always sends are null there,
// which ends kafka-topics --create and --describe with a
// NullPointerException.
var corrections = map[kmsg.Key]func(kmsg.Response){
	kmsg.CreateTopics:            listConfigs,
	kmsg.DescribeTopicPartitions: listReplicas,
}

// corrector lets the fake answer a request and changes the answer. The fake
// has a hook for requests only, so the hook holds the client's request, sends
// the same one to the same broker over a connection of its own, marked, and
// passes on what comes back.
type corrector struct {
	cluster *kfake.Cluster
	client  *kgo.Client
	ctx     context.Context
	cancel  context.CancelFunc
}

// asked is the tag (KIP-482) on the corrector's own requests. Clients number
// theirs from 0.
const asked = 1 << 20

// correct installs the corrections on c, whose brokers are at addresses. The
// caller closes the corrector before the cluster.
func correct(c *kfake.Cluster, addresses []string) (*corrector, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addresses...), kgo.ClientID("demo-corrections"))
	if err != nil {
		return nil, fmt.Errorf("demo: embedded cluster: %w", err)
	}
	co := &corrector{cluster: c, client: cl}
	co.ctx, co.cancel = context.WithCancel(context.Background())
	for key, change := range corrections {
		c.ControlKey(int16(key), func(req kmsg.Request) (kmsg.Response, error, bool) {
			return co.answer(req, change)
		})
	}
	c.ControlKey(int16(kmsg.ListGroups), lowerTypes)
	return co, nil
}

// lowerTypes writes the types of groups a client asks for as the fake compares
// them. Java begins them with a capital and brokers do not mind; without this
// kafka-consumer-groups --list shows nothing. It changes the request only.
func lowerTypes(req kmsg.Request) (kmsg.Response, error, bool) {
	if list, ok := req.(*kmsg.ListGroupsRequest); ok {
		for i, t := range list.TypesFilter {
			list.TypesFilter[i] = strings.ToLower(t)
		}
	}
	return nil, nil, false
}

// close ends what is under way.
func (co *corrector) close() {
	co.cancel()
	co.client.Close()
}

// answer is the hook.
func (co *corrector) answer(req kmsg.Request, change func(kmsg.Response)) (kmsg.Response, error, bool) {
	again, mark := marked(req)
	if !mark {
		return nil, nil, false
	}
	co.cluster.KeepControl()
	var (
		resp   kmsg.Response
		err    error
		broker = co.client.Broker(int(co.cluster.CurrentNode()))
	)
	co.cluster.SleepControl(func() { resp, err = broker.Request(co.ctx, again) })
	if err != nil {
		return nil, err, true
	}
	change(resp)
	resp.SetVersion(req.GetVersion())
	return resp, nil, true
}

// marked returns a copy of req with the corrector's tag, or false if req needs
// no correction: because it bears the tag, or because its version has neither
// tags nor the lists in question.
func marked(req kmsg.Request) (kmsg.Request, bool) {
	var again kmsg.Request
	var tags *kmsg.Tags
	switch r := req.(type) {
	case *kmsg.CreateTopicsRequest:
		c := *r
		again, tags = &c, &c.UnknownTags
	case *kmsg.DescribeTopicPartitionsRequest:
		c := *r
		again, tags = &c, &c.UnknownTags
	default:
		return nil, false
	}
	own := false
	tags.Each(func(key uint32, _ []byte) { own = own || key == asked })
	if own || !req.IsFlexible() {
		return nil, false
	}
	tags.Set(asked, nil)
	return again, true
}

// listConfigs gives CreateTopics' answer (KIP-525) an empty list where it has
// none, and those it has the origin of a config that was set with the topic.
func listConfigs(resp kmsg.Response) {
	r, ok := resp.(*kmsg.CreateTopicsResponse)
	if !ok {
		return
	}
	for i := range r.Topics {
		t := &r.Topics[i]
		if t.Configs == nil {
			t.Configs = []kmsg.CreateTopicsResponseTopicConfig{}
		}
		for j := range t.Configs {
			t.Configs[j].Source = int8(kmsg.ConfigSourceDynamicTopicConfig)
		}
	}
}

// listReplicas gives DescribeTopicPartitions' answer (KIP-966) empty lists of
// eligible and last known leaders.
func listReplicas(resp kmsg.Response) {
	r, ok := resp.(*kmsg.DescribeTopicPartitionsResponse)
	if !ok {
		return
	}
	for i := range r.Topics {
		for j := range r.Topics[i].Partitions {
			p := &r.Topics[i].Partitions[j]
			if p.EligibleLeaderReplicas == nil {
				p.EligibleLeaderReplicas = []int32{}
			}
			if p.LastKnownELR == nil {
				p.LastKnownELR = []int32{}
			}
		}
	}
}
