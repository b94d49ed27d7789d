package mapping_test

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-kafka/postern/mapping"
)

func TestFingerprintForms(t *testing.T) {
	plain := strings.Repeat("0aF9", 16)
	colons := strings.ToUpper(strings.TrimSuffix(strings.Repeat("0a:f9:", 16), ":"))
	want, err := mapping.ParseFingerprint(plain)
	if err != nil || want.String() != strings.ToLower(plain) {
		t.Fatalf("%s is read as %s, %v", plain, want, err)
	}
	if got, err := mapping.ParseFingerprint(colons); err != nil || got != want {
		t.Errorf("%s is read as %s, %v", colons, got, err)
	}
	for _, bad := range []string{
		"", plain[1:], plain + "00", strings.Replace(plain, "0", "g", 1), " " + plain[1:],
		strings.Replace(colons, ":", "-", 1), strings.Replace(colons, ":", "", 1), strings.Repeat(":", 95),
		strings.Replace(colons, "0A:F9", "0AF:9", 1),
	} {
		if f, err := mapping.ParseFingerprint(bad); err == nil {
			t.Errorf("%q is read as %s", bad, f)
		}
	}
}

func fingerprint(i int) mapping.Fingerprint { return mapping.Fingerprint{byte(i >> 8), byte(i)} }

// TestDenyListAgainstAMap: after every step of random histories the list says
// what a map says, and its watcher was told of every certificate that came onto it.
func TestDenyListAgainstAMap(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 3))
		list, model, told := mapping.NewDenyList(), map[mapping.Fingerprint]mapping.Denial{}, 0
		list.Watch(func() { told++ })
		for range 60 {
			d := mapping.Denial{Fingerprint: fingerprint(r.IntN(8)), Reason: string(rune('a' + r.IntN(3)))}
			before := told
			_, known := model[d.Fingerprint]
			fresh := false
			switch r.IntN(4) {
			case 0:
				if list.Remove(d.Fingerprint) != known {
					t.Fatal("Remove does not say whether it was there")
				}
				delete(model, d.Fingerprint)
			case 1:
				next := map[mapping.Fingerprint]mapping.Denial{}
				for range r.IntN(6) {
					f := fingerprint(r.IntN(8))
					next[f] = mapping.Denial{Fingerprint: f}
					if _, was := model[f]; !was {
						fresh = true
					}
				}
				list.Replace(slices.Collect(maps.Values(next)))
				model = next
			default:
				if list.Put(d) == known {
					t.Fatal("Put does not say whether it is new")
				}
				model[d.Fingerprint], fresh = d, !known
			}
			if (told > before) != fresh {
				t.Fatalf("seed %d: the watcher was told: %v, want %v", seed, told > before, fresh)
			}
			all := list.All()
			if len(all) != len(model) || list.Len() != len(model) {
				t.Fatalf("%d on the list, want %d", len(all), len(model))
			}
			for i := range 8 {
				f := fingerprint(i)
				want, denied := model[f]
				if got, ok := list.Get(f); ok != denied || got != want || list.Contains(f) != denied {
					t.Fatalf("%s: %+v %v, want %+v %v", f, got, ok, want, denied)
				}
			}
		}
	}
}

func TestWatcherIsToldOfWhatIsThere(t *testing.T) {
	list, told := mapping.NewDenyList(), 0
	list.Watch(func() { told++ })
	if told != 0 {
		t.Error("told of an empty list")
	}
	list.Put(mapping.Denial{})
	list.Watch(func() { told += 10 })
	if told != 11 {
		t.Errorf("told %d", told)
	}
}

// throughout asks again and again, beside the test, whether something holds, until
// stop is called.
func throughout(t *testing.T, complaint string, holds func() bool) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if !holds() {
					t.Error(complaint)
					return
				}
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// TestReplaceNeverLetsIn: a certificate that stays on the list is denied at
// every moment of a replacement.
func TestReplaceNeverLetsIn(t *testing.T) {
	list := mapping.NewDenyList()
	stays := mapping.Denial{Fingerprint: fingerprint(1)}
	list.Put(stays)
	stop := throughout(t, "let in", func() bool { return list.Contains(stays.Fingerprint) })
	for i := range 2000 {
		list.Replace([]mapping.Denial{{Fingerprint: fingerprint(2 + i%5)}, stays})
	}
	stop()
}

func TestDenialIsValidated(t *testing.T) {
	list := mapping.NewDenyList()
	for _, reason := range []string{strings.Repeat("x", mapping.MaxReason+1), "\xff", "a\nb"} {
		var field *mapping.FieldError
		if _, _, err := list.Admit(mapping.Denial{Reason: reason}); !errors.As(err, &field) || field.Field != "reason" {
			t.Errorf("%.20q: %v", reason, err)
		}
	}
	odd := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	d, created, err := list.Admit(mapping.Denial{Reason: "lost laptop", Since: odd})
	if err != nil || !created || d.Since != time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC) {
		t.Errorf("%+v %v %v", d, created, err)
	}
	for i := range mapping.MaxDenials {
		list.Put(mapping.Denial{Fingerprint: mapping.Fingerprint{byte(i >> 16), byte(i >> 8), byte(i)}})
	}
	if _, _, err := list.Admit(mapping.Denial{Fingerprint: mapping.Fingerprint{255}}); !errors.Is(err, mapping.ErrListFull) {
		t.Errorf("a full list: %v", err)
	}
	if _, created, err := list.Admit(mapping.Denial{}); err != nil || created {
		t.Errorf("one that is on the full list already: %v %v", created, err)
	}
}

func TestContainsAllocatesNothing(t *testing.T) {
	list := mapping.NewDenyList()
	f := fingerprint(1)
	list.Put(mapping.Denial{Fingerprint: f})
	if n := testing.AllocsPerRun(100, func() { list.Contains(f) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
