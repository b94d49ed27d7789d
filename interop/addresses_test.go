package interop

import (
	"net"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// testAddresses asks for brokers in every way and at every port of both
// gateways: a broker is always at its own port of the gateway that was asked.
func testAddresses(t *testing.T, s *stage) {
	for _, g := range []*gateway{s.one, s.two} {
		for id := range 4 { // port 0 has no broker and answers all the same
			client := newClient(t, kgo.DialTLSConfig(s.tls),
				kgo.SeedBrokers(net.JoinHostPort("localhost", strconv.Itoa(g.brokerPort(id)))))
			t.Run(g.name+"/Metadata", func(t *testing.T) { testMetadata(t, g, client) })
			t.Run(g.name+"/DescribeCluster", func(t *testing.T) { testDescribeCluster(t, g, client) })
			t.Run(g.name+"/FindCoordinator", func(t *testing.T) { testFindCoordinator(t, g, client) })
		}
	}
}

func (g *gateway) expect(t *testing.T, id int32, host string, port int32) {
	t.Helper()
	if host != "localhost" || int(port) != g.brokerPort(int(id)) {
		t.Errorf("broker %d is at %s:%d, want localhost:%d", id, host, port, g.brokerPort(int(id)))
	}
}

func testMetadata(t *testing.T, g *gateway, client *kgo.Client) {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{}
	response, err := request.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	if len(response.Brokers) != 3 {
		t.Errorf("%d brokers, want 3", len(response.Brokers))
	}
	for _, b := range response.Brokers {
		g.expect(t, b.NodeID, b.Host, b.Port)
	}
}

func testDescribeCluster(t *testing.T, g *gateway, client *kgo.Client) {
	response, err := kmsg.NewPtrDescribeClusterRequest().RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	if len(response.Brokers) != 3 {
		t.Errorf("%d brokers, want 3", len(response.Brokers))
	}
	for _, b := range response.Brokers {
		g.expect(t, b.NodeID, b.Host, b.Port)
	}
}

func testFindCoordinator(t *testing.T, g *gateway, client *kgo.Client) {
	request := kmsg.NewPtrFindCoordinatorRequest()
	request.CoordinatorKey = "some-group"
	request.CoordinatorKeys = []string{"some-group"}
	response, err := request.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	if len(response.Coordinators) == 0 && response.ErrorCode == 0 {
		g.expect(t, response.NodeID, response.Host, response.Port)
	}
	for _, c := range response.Coordinators {
		if c.ErrorCode != 0 {
			t.Fatalf("coordinator of %s: error %d", c.Key, c.ErrorCode)
		}
		g.expect(t, c.NodeID, c.Host, c.Port)
	}
}
