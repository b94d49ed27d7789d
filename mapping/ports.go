package mapping

import (
	"math"
	"sync/atomic"
)

// Ports is the arithmetic of port routing: broker id n is advertised as
// Host:(Start + n - MinID), as long as that is one of Count ports. The fields
// are set before first use and then left alone; Count grows with Grow and may
// be read meanwhile. A Ports must not be copied.
type Ports struct {
	Host  string // GATEWAY_ADVERTISED_HOST
	Start int    // GATEWAY_PORT_START
	MinID int32  // GATEWAY_MIN_BROKERID

	count atomic.Int64
}

// NewPorts returns a range of count ports that begins at start.
func NewPorts(host string, start int, minID int32, count int) *Ports {
	p := &Ports{Host: host, Start: start, MinID: minID}
	p.Grow(count)
	return p
}

// Address is what a client is told for a broker. Outside the range it is
// (Host, 0, false): port 0 makes a client report the broker as unreachable
// at once, where a port of somebody else would make it hang.
func (p *Ports) Address(node int32) (host string, port int32, ok bool) {
	at := int64(node) - int64(p.MinID)
	if node < 0 || at < 0 || at >= p.count.Load() {
		return p.Host, 0, false
	}
	return p.Host, int32(int64(p.Start) + at), true
}

// Node returns the broker id that a port stands for, whether or not there is
// such a broker; ok is false for a port outside the range.
func (p *Ports) Node(port int) (id int32, ok bool) {
	at := int64(port) - int64(p.Start)
	node := int64(p.MinID) + at
	if at < 0 || at >= p.count.Load() || node < 0 || node > math.MaxInt32 {
		return 0, false
	}
	return int32(node), true
}

// Count returns the number of ports in the range.
func (p *Ports) Count() int { return int(p.count.Load()) }

// Grow raises Count to n; a range never shrinks and never reaches beyond port
// 65535.
func (p *Ports) Grow(n int) {
	most := int64(math.MaxUint16) + 1 - int64(p.Start)
	want := min(int64(n), most)
	for {
		have := p.count.Load()
		if want <= have || p.count.CompareAndSwap(have, want) {
			return
		}
	}
}
