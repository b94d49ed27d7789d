package demo

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// brokerIDs are the ids of the embedded brokers, those of the founding demo.
// With GATEWAY_MIN_BROKERID at its default of 0, broker n is met at the
// gateway's first port plus n, and the first port belongs to no broker: it
// only answers bootstrap.
var brokerIDs = [3]int32{1, 2, 3}

// gatewayPorts is how many ports the gateway opens for brokerIDs when
// GATEWAY_PORT_COUNT is left alone: (max id - min id) + 3, min id being 0.
const gatewayPorts = 3 - 0 + 3

// errPortRange is the cause of a PortError for a number that is no port.
var errPortRange = errors.New("not between 1 and 65535")

// PortError says that the demo cannot start because a port it wants is not to
// be had, and which flag moves it elsewhere.
type PortError struct {
	Port int    // the port
	Use  string // what the demo wanted it for
	Flag string // the flag that chooses another one
	Err  error  // what the operating system said
}

func (e *PortError) Error() string {
	return fmt.Sprintf("demo: port %d (%s) is not free, choose another with %s: %v", e.Port, e.Use, e.Flag, e.Err)
}

// Unwrap returns what the operating system said.
func (e *PortError) Unwrap() error { return e.Err }

// checkPorts tries every port the demo is going to open and gives it back at
// once. Somebody may still take one in between; then the part that opens it
// says so in its own words. This is for the usual case, a second demo or a
// Kafka that already runs here.
func checkPorts(o Options) error {
	for _, want := range wantedPorts(o) {
		if want.Port < 1 || want.Port > 65535 {
			want.Err = errPortRange
			return want
		}
		ln, err := net.Listen("tcp", net.JoinHostPort(o.Bind, strconv.Itoa(want.Port)))
		if err == nil {
			err = ln.Close()
		}
		if err != nil {
			want.Err = err
			return want
		}
	}
	return nil
}

// wantedPorts lists what the demo opens, in the order in which it is tried;
// Err is still empty.
func wantedPorts(o Options) []*PortError {
	var all []*PortError
	for i, id := range brokerIDs {
		all = append(all, &PortError{Port: o.BrokerPort + i, Use: fmt.Sprintf("broker %d", id), Flag: "--broker-port"})
	}
	for i := range gatewayPorts {
		use := "gateway, bootstrap"
		if id := int32(i); id >= brokerIDs[0] && id <= brokerIDs[len(brokerIDs)-1] {
			use = fmt.Sprintf("gateway, broker %d", id)
		}
		all = append(all, &PortError{Port: o.GatewayPort + i, Use: use, Flag: "--gateway-port"})
	}
	return append(all, &PortError{Port: o.AdminPort, Use: "admin API", Flag: "--admin-port"})
}
