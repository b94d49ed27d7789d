package mapping_test

import (
	"math"
	"testing"

	"github.com/postern-kafka/postern/mapping"
)

func TestPorts(t *testing.T) {
	for _, tc := range []struct {
		what  string
		ports *mapping.Ports
		node  int32
		port  int32
		ok    bool
	}{
		{"the founding demo", mapping.NewPorts("localhost", 6969, 0, 4), 1, 6970, true},
		{"the absent broker 0 has a port as well", mapping.NewPorts("localhost", 6969, 0, 4), 0, 6969, true},
		{"the last port", mapping.NewPorts("localhost", 6969, 0, 4), 3, 6972, true},
		{"one beyond", mapping.NewPorts("localhost", 6969, 0, 4), 4, 0, false},
		{"ids 100, 200, 300", mapping.NewPorts("localhost", 6969, 100, 203), 300, 7169, true},
		{"a new id 400 does not fit", mapping.NewPorts("localhost", 6969, 100, 203), 400, 0, false},
		{"below the smallest id", mapping.NewPorts("localhost", 6969, 100, 203), 99, 0, false},
		{"no id", mapping.NewPorts("localhost", 6969, 0, 4), -1, 0, false},
		{"no id, whatever MinID says", mapping.NewPorts("localhost", 6969, -5, 10), -1, 0, false},
		{"the largest id", mapping.NewPorts("localhost", 6969, 0, 4), math.MaxInt32, 0, false},
		{"a range of the largest ids", mapping.NewPorts("localhost", 6969, math.MaxInt32, 4), math.MaxInt32, 6969, true},
		{"the smallest number there is", mapping.NewPorts("localhost", 6969, math.MaxInt32, 4), math.MinInt32, 0, false},
		{"port 65535", mapping.NewPorts("localhost", 65530, 0, 100), 5, 65535, true},
		{"no port beyond 65535", mapping.NewPorts("localhost", 65530, 0, 100), 6, 0, false},
	} {
		t.Run(tc.what, func(t *testing.T) {
			host, port, ok := tc.ports.Address(tc.node)
			if host != "localhost" || port != tc.port || ok != tc.ok {
				t.Errorf("node %d is %s:%d, %v; want port %d, %v", tc.node, host, port, ok, tc.port, tc.ok)
			}
			if node, back := tc.ports.Node(int(port)); ok && (!back || node != tc.node) {
				t.Errorf("port %d stands for %d, want %d", port, node, tc.node)
			}
		})
	}
}

func TestPortsNode(t *testing.T) {
	p := mapping.NewPorts("h", 6969, math.MaxInt32-1, 4)
	for port, want := range map[int]int32{6969: math.MaxInt32 - 1, 6970: math.MaxInt32} {
		if id, ok := p.Node(port); id != want || !ok {
			t.Errorf("port %d stands for %d, %v", port, id, ok)
		}
	}
	for _, port := range []int{0, -1, 6968, 6971, 6973, math.MaxInt} {
		if id, ok := p.Node(port); ok {
			t.Errorf("port %d stands for %d", port, id)
		}
	}
}

func TestPortsGrow(t *testing.T) {
	var p mapping.Ports
	p.Host, p.Start = "h", 1000
	if _, _, ok := p.Address(0); ok || p.Count() != 0 {
		t.Error("ports before Grow")
	}
	p.Grow(5)
	p.Grow(3)
	p.Grow(-1)
	if p.Count() != 5 {
		t.Errorf("%d ports, want 5", p.Count())
	}
	if _, port, ok := p.Address(4); port != 1004 || !ok {
		t.Errorf("node 4 at %d, %v", port, ok)
	}
}
