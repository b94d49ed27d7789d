package engine

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// nameLife is for how long the addresses of a name count: as long as they do
	// for Java's clients (networkaddress.cache.ttl).
	nameLife = 30 * time.Second
	// nameGrace is for how long others use what a name was before, while somebody
	// asks anew.
	nameGrace = 5 * time.Second
	// maxNames is how many are remembered; a cluster has fewer brokers.
	maxNames = 4096
)

// names remembers the addresses of brokers. Each connection of a client is one to a
// broker: when thousands come back at once, the name server need not hear of all.
type names struct {
	mu    sync.Mutex
	known map[string]*name
	// resolve asks for the addresses of a name; nil: the system's resolver.
	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

type name struct {
	addrs []netip.Addr
	until time.Time
	good  netip.Addr // that answered last
}

// lookup returns the addresses of a host, at least one. The slice is shared.
func (n *names) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	if addrs := n.remembered(host); addrs != nil {
		return addrs, nil
	}
	resolve := n.resolve
	if resolve == nil {
		resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	addrs, err := resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	return n.remember(host, addrs), nil
}

// present is the first address that lookup would return, if it need not ask.
func (n *names) present(host string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr, true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if known := n.known[host]; known != nil && known.addrs != nil && time.Now().Before(known.until) {
		return known.addrs[0], true
	}
	return netip.Addr{}, false
}

// remembered returns nil if the caller is to ask.
func (n *names) remembered(host string) []netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.known[host]
	if known == nil || known.addrs == nil {
		return nil
	}
	if now := time.Now(); !now.Before(known.until) {
		known.until = now.Add(nameGrace)
		return nil
	}
	return known.addrs
}

func (n *names) remember(host string, addrs []netip.Addr) []netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil || len(n.known) >= maxNames {
		n.known = make(map[string]*name)
	}
	known := n.known[host]
	if known == nil {
		known = &name{}
		n.known[host] = known
	}
	known.addrs, known.until = first(addrs, known.good), time.Now().Add(nameLife)
	return known.addrs
}

// prefer notes which address answered: it is tried first from now on, so that one
// which does not answer costs a single connection its time.
func (n *names) prefer(host string, addr netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if known := n.known[host]; known != nil && known.good != addr {
		known.good, known.addrs = addr, first(known.addrs, addr)
	}
}

// forget has a name asked for again: none of its addresses answered.
func (n *names) forget(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if known := n.known[host]; known != nil {
		known.addrs = nil
	}
}

// first returns addrs with addr in front, if it is one of them.
func first(addrs []netip.Addr, addr netip.Addr) []netip.Addr {
	i := slices.Index(addrs, addr)
	if i <= 0 {
		return addrs
	}
	return append([]netip.Addr{addr}, slices.Delete(slices.Clone(addrs), i, i+1)...)
}
