package interop

import (
	"context"
	"fmt"
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

// testFindCoordinator asks until the brokers have made the topic that tells
// them who the coordinator is.
func testFindCoordinator(t *testing.T, g *gateway, client *kgo.Client) {
	await(t, "the coordinator is found", patience, func(ctx context.Context) error {
		request := kmsg.NewPtrFindCoordinatorRequest()
		request.CoordinatorKey = "some-group"
		request.CoordinatorKeys = []string{"some-group"}
		response, err := request.RequestWith(ctx, client)
		if err != nil {
			return err
		}
		if response.ErrorCode != 0 || len(response.Coordinators) != 1 || response.Coordinators[0].ErrorCode != 0 {
			return fmt.Errorf("%+v", response)
		}
		c := response.Coordinators[0]
		g.expect(t, c.NodeID, c.Host, c.Port)
		return nil
	})
}
