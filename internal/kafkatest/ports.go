package kafkatest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// The ports handed out lie below the usual range of outgoing connections
// (32768 and up on Linux): a broker that is down for a while would otherwise
// find its port taken by somebody's client.
const (
	firstPort = 20000
	lastPort  = 31999
)

// ErrNoPorts says that no run of free ports of the wanted length was found.
var ErrNoPorts = errors.New("no free ports")

// Ports is a run of TCP ports on 127.0.0.1 that no other test process of this
// machine is given while it is held.
type Ports struct {
	First, Count int
	unlock       []func()
}

// ReservePorts takes count consecutive ports that nobody listens on. They stay
// reserved until Release, also while nothing listens on them.
func ReservePorts(count int) (*Ports, error) {
	dir := filepath.Join(os.TempDir(), "postern-ports-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("kafkatest: ports: %w", err)
	}
	p := &Ports{Count: count}
	// Different processes begin at different places; the lock files decide.
	span := lastPort - firstPort + 1
	start := (os.Getpid() * 64) % span
	for i := 0; i < span; i++ {
		port := firstPort + (start+i)%span
		if len(p.unlock) > 0 && port != p.First+len(p.unlock) {
			p.Release() // wrapped round: a run does not
		}
		ok, err := p.take(dir, port)
		if err != nil {
			p.Release()
			return nil, fmt.Errorf("kafkatest: ports: %w", err)
		}
		if !ok {
			p.Release()
			continue
		}
		if len(p.unlock) == count {
			return p, nil
		}
	}
	p.Release()
	return nil, fmt.Errorf("kafkatest: ports: %d in a row between %d and %d: %w", count, firstPort, lastPort, ErrNoPorts)
}

// take adds one port to the run if it is free.
func (p *Ports) take(dir string, port int) (bool, error) {
	unlock, ok, err := tryLockFile(filepath.Join(dir, strconv.Itoa(port)))
	if err != nil || !ok {
		return false, err
	}
	l, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(port)))
	if err != nil {
		unlock()
		return false, nil //nolint:nilerr // somebody listens there: not free
	}
	if err := l.Close(); err != nil {
		unlock()
		return false, err
	}
	if len(p.unlock) == 0 {
		p.First = port
	}
	p.unlock = append(p.unlock, unlock)
	return true, nil
}

// Release gives the ports back. It may be called more than once.
func (p *Ports) Release() {
	for _, unlock := range p.unlock {
		unlock()
	}
	p.unlock = nil
}
