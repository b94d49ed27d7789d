package mapping

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// MaxBrokers bounds how many brokers a Book remembers, whatever an answer says.
const MaxBrokers = 65_536

// Broker is a broker's id and the address that it advertises itself.
type Broker struct {
	ID   int32
	Host string
	Port int32
}

// Book knows the brokers' real addresses as their own answers told them.
// Reads take no lock; every change makes a new page.
type Book struct {
	seeds []string
	page  atomic.Pointer[page]
	turn  atomic.Uint64
	mu    sync.Mutex // writers
}

// page is one immutable state of a Book.
type page struct {
	brokers map[int32]place
	ids     []int32 // sorted
}

type place struct {
	Broker
	address string
}

// NewBook returns a book that knows only the bootstrap addresses (host:port).
func NewBook(bootstrap []string) *Book {
	b := &Book{seeds: slices.Clone(bootstrap)}
	b.page.Store(&page{})
	return b
}

// Learn adds brokers and changes the addresses of known ones; it forgets none,
// so it may be given a part of the cluster. Brokers without an id, a host or a
// port from 1 to 65535 are ignored. It reports whether anything changed.
func (b *Book) Learn(brokers []Broker) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.turnPage(maps.Clone(b.page.Load().brokers), brokers)
}

// Replace makes brokers the whole cluster: those absent are forgotten. A list
// without any usable broker is no cluster and changes nothing.
func (b *Book) Replace(brokers []Broker) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.ContainsFunc(brokers, Broker.usable) {
		return false
	}
	return b.turnPage(nil, brokers)
}

func (b *Book) turnPage(known map[int32]place, brokers []Broker) (changed bool) {
	if known == nil {
		known = make(map[int32]place, min(len(brokers), MaxBrokers))
	}
	for _, br := range brokers {
		_, have := known[br.ID]
		if !br.usable() || !have && len(known) >= MaxBrokers {
			continue
		}
		known[br.ID] = place{br, br.address()}
	}
	if maps.Equal(known, b.page.Load().brokers) {
		return false
	}
	b.page.Store(&page{brokers: known, ids: slices.Sorted(maps.Keys(known))})
	return true
}

func (br Broker) usable() bool {
	return br.ID >= 0 && br.Host != "" && br.Port > 0 && br.Port <= math.MaxUint16
}

func (br Broker) address() string {
	port := strconv.Itoa(int(br.Port))
	if strings.Contains(br.Host, ":") {
		return "[" + br.Host + "]:" + port
	}
	return br.Host + ":" + port
}

// Address returns a broker's host:port, with an IPv6 host in brackets.
func (b *Book) Address(id int32) (hostport string, ok bool) {
	p, ok := b.page.Load().brokers[id]
	return p.address, ok
}

// Known reports whether the book has exactly this broker. It allocates nothing
// and keeps nothing of host.
func (b *Book) Known(id int32, host []byte, port int32) bool {
	p, ok := b.page.Load().brokers[id]
	return ok && p.Port == port && p.Host == string(host)
}

// Bootstrap returns the next address in turn for a connection that wants any
// broker: of the known brokers, or of the bootstrap list while none is known.
// It is empty only when there is neither. When the known ones do not answer,
// the cluster may have moved as a whole: see Seeds.
func (b *Book) Bootstrap() string {
	p := b.page.Load()
	turn := b.turn.Add(1) - 1
	if n := uint64(len(p.ids)); n > 0 {
		return p.brokers[p.ids[turn%n]].address
	}
	if n := uint64(len(b.seeds)); n > 0 {
		return b.seeds[turn%n]
	}
	return ""
}

// Seeds returns the bootstrap list that the book was made with, for the case
// that no known broker can be reached any more. The slice is a copy.
func (b *Book) Seeds() []string { return slices.Clone(b.seeds) }

// IDs returns the ids of the known brokers, ascending. The slice is a copy.
func (b *Book) IDs() []int32 { return slices.Clone(b.page.Load().ids) }
