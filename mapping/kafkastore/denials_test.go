package kafkastore_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/mapping"
	"github.com/postern-kafka/postern/mapping/kafkastore"
)

func denial(i int, reason string) mapping.Denial {
	return mapping.Denial{
		Fingerprint: mapping.Fingerprint{0xAB, byte(i)}, Reason: reason, By: "admin",
		Since: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC),
	}
}

func deniedKey(i int) []byte { return fmt.Appendf(nil, `{"denied":%q}`, denial(i, "").Fingerprint) }

// TestDenialsAreSharedAndSurvive: what one gateway denies, the others know at
// once, and so does who starts after a compaction.
func TestDenialsAreSharedAndSurvive(t *testing.T) {
	c := cluster(t)
	a, _ := open(t, c.ListenAddrs(), nil)
	b, _ := open(t, c.ListenAddrs(), nil)
	ctx := testContext(t)
	for i := range 6 {
		if created, err := a.Deny(ctx, denial(i, "lost")); err != nil || !created {
			t.Fatalf("%d: created %v, %v", i, created, err)
		}
		if created, err := b.Deny(ctx, denial(i, "lost <laptop>")); err != nil || created {
			t.Fatalf("%d at the other gateway: created %v, %v", i, created, err)
		}
		if i%2 == 0 {
			check(t, b.Allow(ctx, denial(i, "").Fingerprint))
			if err := a.Allow(ctx, denial(i, "").Fingerprint); !errors.Is(err, mapping.ErrNotDenied) {
				t.Fatalf("%d: taken off twice: %v", i, err)
			}
		}
	}
	barrier(t, a)
	c.Compact()
	fresh, log := open(t, c.ListenAddrs(), nil)
	barrier(t, b)
	barrier(t, fresh)
	want := []mapping.Denial{denial(1, "lost <laptop>"), denial(3, "lost <laptop>"), denial(5, "lost <laptop>")}
	for _, s := range []*kafkastore.Store{a, b, fresh} {
		if got := s.DenyList().All(); !reflect.DeepEqual(got, want) {
			t.Errorf("denied %+v\nwant %+v", got, want)
		}
		if st := s.Stats(); st.Denied != 3 || st.Skipped != 0 || st.Mappings != 1 {
			t.Errorf("stats %+v", st)
		}
	}
	if n, _ := log.count("mappings read", "denied=3"); n != 1 {
		t.Error("the line about the reading does not say how many are denied")
	}
}

// TestDenialRecordBytes pins the format; older gateways skip the key, and must
// never take it for a mapping's.
func TestDenialRecordBytes(t *testing.T) {
	c := cluster(t)
	s, _ := open(t, c.ListenAddrs(), nil)
	_, err := s.Deny(testContext(t), denial(7, `<"x">`))
	check(t, err)
	cl := client(t, c)
	cl.AddConsumeTopics(topic)
	records := cl.PollFetches(testContext(t)).Records()
	if len(records) != 1 {
		t.Fatalf("%d records", len(records))
	}
	wantKey := `{"denied":"ab07` + strings.Repeat("0", 60) + `"}`
	wantValue := `{"v":1,"reason":"<\"x\">","by":"admin","since":"2026-05-06T07:08:09Z"}`
	if k, v := string(records[0].Key), string(records[0].Value); k != wantKey || v != wantValue {
		t.Errorf("key   %s\nwant  %s\nvalue %s\nwant  %s", k, wantKey, v, wantValue)
	}
}

// TestUnreadableDenialsDeny: a value that cannot be read is counted and denies
// all the same; a key that cannot be read is nobody's.
func TestUnreadableDenialsDeny(t *testing.T) {
	c := cluster(t)
	first, _ := open(t, c.ListenAddrs(), nil)
	_, err := first.Deny(testContext(t), denial(0, "known"))
	check(t, err)
	cl := client(t, c)
	values := []string{
		`{"v":2,"reason":{"code":"later"}}`, "", "{", `{"v":1,"reason":7}`, `{"reason":"no v"}`,
		`{"v":1,"reason":"no since"}`, `{"v":1,"reason":"\u0001","since":"2026-05-06T07:08:09Z"}`, "\xff",
	}
	for i, v := range values {
		raw(t, cl, deniedKey(i), []byte(v))
	}
	keys := []string{
		`{"denied":"AB"}`, `{"denied":7}`, `{"denied":"` + strings.Repeat("AB", 32) + `"}`, `{"denied":`,
		`{"denied":"` + strings.Repeat("ab", 32) + `","x":1}`,
	}
	for _, k := range keys {
		raw(t, cl, []byte(k), []byte(`{"v":1,"reason":"","by":"","since":"2026-05-06T07:08:09Z"}`))
	}
	second, log := open(t, c.ListenAddrs(), nil)
	barrier(t, first)
	barrier(t, second)
	for _, s := range []*kafkastore.Store{first, second} {
		ready(t, s)
		if n := s.DenyList().Len(); n != len(values) {
			t.Errorf("%d denied, want %d", n, len(values))
		}
		if n, want := s.Stats().Skipped, len(values)+len(keys); n != uint64(want) {
			t.Errorf("%d records counted as unreadable, want %d", n, want)
		}
	}
	if n, _ := log.count("record skipped", "future version"); n != 1 {
		t.Errorf("%d lines about the record of a future version", n)
	}
}

// TestDenyingAndItsErrors: what is refused, and that a reader of the whole log
// tells its watcher.
func TestDenyingAndItsErrors(t *testing.T) {
	c := cluster(t)
	s, _ := open(t, c.ListenAddrs(), nil)
	told := make(chan struct{}, 8)
	s.DenyList().Watch(func() { told <- struct{}{} })
	var field *mapping.FieldError
	if _, err := s.Deny(testContext(t), denial(1, strings.Repeat("x", mapping.MaxReason+1))); !errors.As(err, &field) {
		t.Errorf("a long reason: %v", err)
	}
	_, err := s.Deny(testContext(t), denial(1, ""))
	check(t, err)
	<-told // before Deny returned: the list is in force by then
	if _, err := s.Deny(testContext(t), denial(1, "again")); err != nil || len(told) != 0 {
		t.Errorf("denied again: %v, told %d", err, len(told))
	}
	check(t, s.Close())
	if _, err := s.Deny(testContext(t), denial(2, "")); !errors.Is(err, mapping.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if !s.DenyList().Contains(denial(1, "").Fingerprint) {
		t.Error("a closed store forgot the deny-list")
	}
}
