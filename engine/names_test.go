package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// resolver counts what is asked of it, and answers with what it is told.
type resolver struct {
	asked int
	addrs []netip.Addr
	err   error
}

func (r *resolver) resolve(context.Context, string) ([]netip.Addr, error) {
	r.asked++
	return r.addrs, r.err
}

func addrs(list ...string) (all []netip.Addr) {
	for _, s := range list {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

func wantAddrs(t *testing.T, n *names, host string, want ...string) {
	t.Helper()
	got, err := n.lookup(t.Context(), host)
	if err != nil || !slices.Equal(got, addrs(want...)) {
		t.Fatalf("%s is %v, %v; want %v", host, got, err, want)
	}
}

func TestNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{addrs: addrs("10.0.0.1", "10.0.0.2")}
		n := &names{resolve: r.resolve}
		wantAddrs(t, n, "10.9.9.9", "10.9.9.9") // no name
		wantAddrs(t, n, "::1", "::1")
		if r.asked != 0 {
			t.Fatal("addresses are resolved")
		}
		for range 3 {
			wantAddrs(t, n, "kafka", "10.0.0.1", "10.0.0.2")
		}
		n.prefer("kafka", netip.MustParseAddr("10.0.0.2"))
		wantAddrs(t, n, "kafka", "10.0.0.2", "10.0.0.1")
		if r.asked != 1 {
			t.Fatalf("asked %d times in a moment", r.asked)
		}
		time.Sleep(nameLife)
		wantAddrs(t, n, "kafka", "10.0.0.2", "10.0.0.1") // asked anew, the order stays
		r.addrs = addrs("10.0.0.3", "10.0.0.1")
		time.Sleep(nameLife)
		wantAddrs(t, n, "kafka", "10.0.0.3", "10.0.0.1") // the good one is gone
		if r.asked != 3 {
			t.Fatalf("asked %d times in a minute", r.asked)
		}
		r.addrs = addrs("10.0.0.4")
		n.forget("kafka")
		wantAddrs(t, n, "kafka", "10.0.0.4")
		wantAddrs(t, n, "another", "10.0.0.4")
		if r.asked != 5 {
			t.Fatalf("asked %d times", r.asked)
		}
	})
}

// While one asks, others go by what the name was, and so they do when nobody answers.
func TestNamesWhileTheServerIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{addrs: addrs("10.0.0.1")}
		n := &names{resolve: r.resolve}
		wantAddrs(t, n, "kafka", "10.0.0.1")
		time.Sleep(nameLife)
		r.err = errors.New("no answer")
		if _, err := n.lookup(t.Context(), "kafka"); !errors.Is(err, r.err) {
			t.Fatalf("%v, want what the resolver says", err)
		}
		wantAddrs(t, n, "kafka", "10.0.0.1")
		time.Sleep(nameGrace)
		if _, err := n.lookup(t.Context(), "kafka"); !errors.Is(err, r.err) {
			t.Fatalf("%v: nobody asks again", err)
		}
		r.addrs, r.err = nil, nil
		if got, err := n.lookup(t.Context(), "nobody"); err == nil {
			t.Fatalf("a name without addresses is %v", got)
		}
	})
}

func TestNamesAreBounded(t *testing.T) {
	n := &names{resolve: (&resolver{addrs: addrs("10.0.0.1")}).resolve}
	for i := range 2 * maxNames {
		wantAddrs(t, n, fmt.Sprintf("broker-%d", i), "10.0.0.1")
		if len(n.known) > maxNames {
			t.Fatalf("%d names are remembered", len(n.known))
		}
	}
}
