package admin

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func v4(i uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], i)
	return netip.AddrFrom4(b)
}

func TestABurstOfFailuresThenOneAPeriod(t *testing.T) {
	f := newFailures(3, 10*time.Second)
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for i, c := range []struct {
		from  netip.Addr
		right bool
		after time.Duration // since noon
		wait  time.Duration
	}{
		{a, true, 0, 0},
		{a, false, 0, 0},
		{a, false, 0, 0},
		{a, true, 0, 0}, // one is left
		{a, false, 0, 0},
		{a, false, 0, 10 * time.Second},
		{a, true, 0, 10 * time.Second}, // what is refused tells nothing
		{b, true, 0, 0},
		{b, false, 0, 0},
		{a, true, 9999 * time.Millisecond, time.Millisecond},
		{a, false, 10 * time.Second, 0},
		{a, true, 10 * time.Second, 10 * time.Second},
		{a, true, 20 * time.Second, 0},
		{a, false, 40 * time.Second, 0}, // full again
		{a, false, 40 * time.Second, 0},
		{a, false, 40 * time.Second, 0},
		{a, false, 40 * time.Second, 10 * time.Second},
	} {
		if wait := f.judge(c.from, c.right, noon.Add(c.after)); wait != c.wait {
			t.Errorf("step %d: wait %s, want %s", i, wait, c.wait)
		}
	}
}

func TestWhatCountsAsOneAddress(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8::1", "2001:db8::ffff:0:0:2", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		if same := network(netip.MustParseAddr(c.a)) == network(netip.MustParseAddr(c.b)); same != c.same {
			t.Errorf("%s and %s: the same: %t", c.a, c.b, same)
		}
	}
	newFailures(1, time.Second).judge(netip.Addr{}, false, noon) // an address that is none is one, too
}

// However many addresses fail, no more than so many are remembered, and who has just been refused mostly still is.
func TestTheTableOfSuspectsIsBounded(t *testing.T) {
	f := newFailures(2, time.Hour)
	worst := v4(1 << 31)
	for range 3 {
		f.judge(worst, false, noon)
	}
	for i := range uint32(3 * maxSuspects) {
		f.judge(v4(i), false, noon.Add(time.Duration(i)))
		if n := len(f.suspects); n > maxSuspects {
			t.Fatalf("%d addresses are remembered", n)
		}
	}
	if f.judge(worst, true, noon) == 0 {
		t.Error("the address with the emptiest bucket was forgotten for others")
	}
	// What has recovered goes first.
	for i := range uint32(suspectSample) {
		f.judge(v4(1<<30+i), false, noon.Add(48*time.Hour))
	}
	if n := len(f.suspects); n > maxSuspects {
		t.Errorf("%d addresses are remembered", n)
	}
}

func TestGuessingIsNoticed(t *testing.T) {
	f := newFailures(10, time.Second)
	for i := range uint32(100) {
		f.judge(v4(i), false, noon)
	}
	if f.guessing(noon) {
		t.Error("one failure each is everyday")
	}
	for range 9 {
		f.judge(v4(7), false, noon)
	}
	for after, want := range map[time.Duration]bool{0: true, 4999 * time.Millisecond: true, 5 * time.Second: false} {
		if got := f.guessing(noon.Add(after)); got != want {
			t.Errorf("after %s: %t", after, got)
		}
	}
}

func TestExposed(t *testing.T) {
	for bind, want := range map[string]bool{
		"127.0.0.1:8888": false, "127.9.9.9:0": false, "[::1]:8888": false, "localhost:8888": false, "LocalHost:1": false,
		":8888": true, "0.0.0.0:8888": true, "[::]:8888": true, "10.1.2.3:8888": true, "gw.example:8888": true, "": true,
	} {
		if got := exposed(bind); got != want {
			t.Errorf("%q: %t", bind, got)
		}
	}
}

func BenchmarkJudgeWithAFullTable(b *testing.B) {
	f := newFailures(20, time.Hour)
	for i := 0; b.Loop(); i++ {
		f.judge(v4(uint32(i)), false, noon)
	}
	if len(f.suspects) > maxSuspects {
		b.Error(fmt.Sprint(len(f.suspects)))
	}
}
