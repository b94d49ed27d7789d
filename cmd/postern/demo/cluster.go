package demo

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// startCluster starts the three embedded brokers on firstPort and the two
// ports after it, on the loopback interface. The caller closes the cluster.
func startCluster(firstPort int) (*kfake.Cluster, error) {
	// kfake counts its brokers from 0 and has no option for that. Broker 0
	// is started on any port, taken away again, and broker 3 joins.
	c, err := kfake.NewCluster(
		kfake.Ports(0, firstPort, firstPort+1),
		kfake.ClusterID("postern-demo"),
	)
	if err != nil {
		return nil, fmt.Errorf("demo: embedded cluster: %w", err)
	}
	if err := c.RemoveNode(0); err != nil {
		c.Close()
		return nil, fmt.Errorf("demo: embedded cluster: broker 0 leaves: %w", err)
	}
	if _, _, err := c.AddNode(brokerIDs[2], firstPort+2); err != nil {
		c.Close()
		return nil, fmt.Errorf("demo: embedded cluster: broker 3 joins: %w", err)
	}
	c.ControlKey(int16(kmsg.CreateTopics), nameAConfig)
	return c, nil
}

// nameAConfig makes the fake answer CreateTopics as a broker does. From
// version 5 on (KIP-525) a broker lists the new topic's configs; the fake
// repeats those of the request and answers null where there were none, and
// Java's admin client runs into a NullPointerException on that. So a request
// that names no config gets one that changes nothing, cleanup.policy=delete
// being the default of every broker. It never handles the request itself.
func nameAConfig(req kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // the error's place is kfake's choice
	create, ok := req.(*kmsg.CreateTopicsRequest)
	if !ok || create.Version < 5 {
		return nil, nil, false
	}
	for i := range create.Topics {
		if len(create.Topics[i].Configs) > 0 {
			continue
		}
		policy := kmsg.NewCreateTopicsRequestTopicConfig()
		policy.Name = "cleanup.policy"
		policy.Value = kmsg.StringPtr("delete")
		create.Topics[i].Configs = append(create.Topics[i].Configs, policy)
	}
	return nil, nil, false
}

// brokerAddresses returns host:port of the three brokers, in the order of
// their ids.
func brokerAddresses(host string, firstPort int) []string {
	all := make([]string, len(brokerIDs))
	for i := range brokerIDs {
		all[i] = net.JoinHostPort(host, strconv.Itoa(firstPort+i))
	}
	return all
}

// bootstrapList joins addresses as bootstrap.servers wants them.
func bootstrapList(addresses []string) string { return strings.Join(addresses, ",") }
