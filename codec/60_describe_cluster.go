package codec

const (
	describeClusterFlex = 0
	endpointBrokers     = 1 // EndpointType: 1 brokers, 2 controllers (KIP-919)
)

// describeClusterWhole patches the brokers. Controllers (endpoint type 2) are
// not reachable through the gateway: their ports become 0 and nothing is learned.
func describeClusterWhole(p *Patch, v View, h Head, frame []byte) error {
	p.Reset()
	r, err := wholeAnswer("DescribeCluster", describeClusterFlex, h, frame)
	if err != nil {
		return err
	}
	r.in("error", -1)
	r.skip(4 + 2)
	r.str()
	kind := int8(endpointBrokers)
	if h.Version >= 1 {
		kind = r.int8()
	}
	r.in("cluster id", -1)
	r.str()
	r.skip(4)
	brokers := kind == endpointBrokers
	patchNodes(&r, p, v, shape{rack: true, fenced: h.Version >= 2, learn: brokers, hide: !brokers})
	return finish(&r, p, "DescribeCluster", h.Version)
}
