package demo

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"
)

// brokers is the embedded cluster.
type brokers struct {
	fake      *kfake.Cluster
	corrector *corrector
}

// startCluster starts the three embedded brokers on firstPort and the two
// ports after it, on the loopback interface. The caller closes the cluster.
func startCluster(firstPort int) (*brokers, error) {
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
	co, err := correct(c, brokerAddresses(firstPort))
	if err != nil {
		c.Close()
		return nil, err
	}
	return &brokers{fake: c, corrector: co}, nil
}

// Close ends the brokers and every connection to them.
func (b *brokers) Close() {
	b.corrector.close()
	b.fake.Close()
}

// brokerAddresses returns host:port of the three brokers, in the order of
// their ids.
func brokerAddresses(firstPort int) []string {
	all := make([]string, len(brokerIDs))
	for i := range brokerIDs {
		all[i] = net.JoinHostPort("localhost", strconv.Itoa(firstPort+i))
	}
	return all
}

// bootstrapList joins addresses as bootstrap.servers wants them.
func bootstrapList(addresses []string) string { return strings.Join(addresses, ",") }
