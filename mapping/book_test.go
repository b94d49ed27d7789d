package mapping_test

import (
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/postern-kafka/postern/mapping"
)

func TestBook(t *testing.T) {
	b := mapping.NewBook([]string{"boot-1:9092", "boot-2:9092"})
	turns := func(n int) (got []string) {
		for range n {
			got = append(got, b.Bootstrap())
		}
		return got
	}
	if got := turns(3); !reflect.DeepEqual(got, []string{"boot-1:9092", "boot-2:9092", "boot-1:9092"}) {
		t.Errorf("bootstrap before anything is known: %v", got)
	}
	one, two := mapping.Broker{ID: 1, Host: "a", Port: 9092}, mapping.Broker{ID: 2, Host: "::1", Port: 9093}
	if !b.Learn([]mapping.Broker{two, one}) || b.Learn([]mapping.Broker{one}) {
		t.Error("Learn does not say whether anything changed")
	}
	if a, ok := b.Address(2); a != "[::1]:9093" || !ok {
		t.Errorf("address of 2 is %q, %v", a, ok)
	}
	if !b.Known(1, []byte("a"), 9092) || b.Known(1, []byte("b"), 9092) || b.Known(1, []byte("a"), 1) || b.Known(3, []byte("a"), 9092) {
		t.Error("Known is not exact")
	}
	seen := map[string]int{}
	for _, a := range turns(10) {
		seen[a]++
	}
	if !reflect.DeepEqual(seen, map[string]int{"a:9092": 5, "[::1]:9093": 5}) {
		t.Errorf("bootstrap over known brokers: %v", seen)
	}
	if !b.Replace([]mapping.Broker{{ID: 2, Host: "c", Port: 1}, {ID: 5, Host: "d", Port: 2}}) {
		t.Error("Replace reports no change")
	}
	if ids := b.IDs(); !reflect.DeepEqual(ids, []int32{2, 5}) {
		t.Errorf("ids %v", ids)
	}
	if _, ok := b.Address(1); ok {
		t.Error("a broker that left is still known")
	}
	unusable := []mapping.Broker{{ID: -1, Host: "x", Port: 1}, {ID: 7, Port: 1}, {ID: 8, Host: "x"}, {ID: 9, Host: "x", Port: 65536}}
	if b.Learn(unusable) || b.Replace(unusable) || b.Replace(nil) {
		t.Error("unusable brokers changed the book")
	}
	if s := b.Seeds(); !reflect.DeepEqual(s, []string{"boot-1:9092", "boot-2:9092"}) {
		t.Errorf("seeds %v", s)
	}
	if a := mapping.NewBook(nil).Bootstrap(); a != "" {
		t.Errorf("bootstrap of nothing is %q", a)
	}
}

func TestBookIsBounded(t *testing.T) {
	var all []mapping.Broker
	for i := range int32(mapping.MaxBrokers + 10) {
		all = append(all, mapping.Broker{ID: i, Host: "h", Port: 1})
	}
	b := mapping.NewBook(nil)
	b.Learn(all)
	if n := len(b.IDs()); n != mapping.MaxBrokers {
		t.Errorf("%d brokers, want %d", n, mapping.MaxBrokers)
	}
	b.Learn([]mapping.Broker{{ID: 1, Host: "moved", Port: 1}})
	if a, _ := b.Address(1); a != "moved:1" {
		t.Errorf("a known broker cannot move in a full book: %s", a)
	}
}

func TestBookAndPortsAllocateNothing(t *testing.T) {
	b := mapping.NewBook([]string{"boot:1"})
	b.Learn([]mapping.Broker{{ID: 1, Host: "a", Port: 9092}})
	p := mapping.NewPorts("gw", 6969, 0, 6)
	host := []byte("a")
	if n := testing.AllocsPerRun(100, func() {
		if !b.Known(1, host, 9092) {
			t.Fatal("not known")
		}
		b.Address(1)
		b.Bootstrap()
		p.Address(1)
		p.Node(6970)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestBookReadersSeeOnePage(t *testing.T) {
	b := mapping.NewBook(nil)
	page := func(i int) []mapping.Broker {
		h := fmt.Sprint("h", i)
		return []mapping.Broker{{ID: 0, Host: h, Port: 1}, {ID: int32(i + 1), Host: h, Port: 1}}
	}
	b.Replace(page(0))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if ids := b.IDs(); len(ids) != 2 {
					t.Errorf("ids %v", ids)
					return
				}
				if b.Bootstrap() == "" {
					t.Error("no bootstrap address")
					return
				}
			}
		})
	}
	for i := range 2000 {
		b.Replace(page(i))
	}
	close(done)
	wg.Wait()
}
