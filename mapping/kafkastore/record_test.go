package kafkastore

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/postern-kafka/postern/mapping"
)

// TestRecordBytes pins the format: other versions of the gateway read it.
func TestRecordBytes(t *testing.T) {
	m, err := mapping.Mapping{Username: "CN=<ä>&\"x\"", Principal: "CN=p\\,q", Groups: []string{"g"}}.Validate()
	if err != nil {
		t.Fatal(err)
	}
	k, err := encodeKey(name{m.VCluster, m.Username})
	if err != nil {
		t.Fatal(err)
	}
	v, err := encodeValue(m, time.Unix(1_700_000_000, 5).In(time.FixedZone("", 3600)))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"vcluster":"passthrough","username":"CN=<ä>&\"x\""}`; string(k) != want {
		t.Errorf("key %s\nwant %s", k, want)
	}
	if want := `{"v":1,"principal":"CN=p\\,q","groups":["g"],"updated":"2023-11-14T22:13:20Z"}`; string(v) != want {
		t.Errorf("value %s\n want %s", v, want)
	}
}

func TestLongestMappingFits(t *testing.T) {
	m := mapping.Mapping{Username: strings.Repeat(`"`, mapping.MaxName), Principal: strings.Repeat("\u2028", mapping.MaxName/3)}
	for i := range mapping.MaxGroups {
		m.Groups = append(m.Groups, strings.Repeat(`\`, mapping.MaxGroup-i))
	}
	m, err := m.Validate()
	if err != nil {
		t.Fatal(err)
	}
	if n, got := roundTrip(t, m); n != (name{m.VCluster, m.Username}) || !reflect.DeepEqual(got, m) {
		t.Error("changed on its way through the log")
	}
}

func roundTrip(t *testing.T, m mapping.Mapping) (name, mapping.Mapping) {
	t.Helper()
	k, err := encodeKey(name{m.VCluster, m.Username})
	if err != nil {
		t.Fatal(err)
	}
	v, err := encodeValue(m, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	n, err := decodeKey(k)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeValue(n, v)
	if err != nil {
		t.Fatal(err)
	}
	return n, got
}

// FuzzRecord: whatever stands in the topic, a record is either skipped for one
// of two reasons or a valid mapping that would be written as it was read.
func FuzzRecord(f *testing.F) {
	f.Fuzz(func(t *testing.T, key, value []byte) {
		n, err := decodeKey(key)
		if err != nil {
			if !errors.Is(err, errCorrupt) {
				t.Fatalf("key: %v", err)
			}
			return
		}
		if again, err := encodeKey(n); err != nil || !bytes.Equal(again, key) {
			t.Fatalf("two keys for one name: %q and %q, %v", key, again, err)
		}
		m, err := decodeValue(n, value)
		if err != nil {
			if errors.Is(err, errCorrupt) == errors.Is(err, errFuture) {
				t.Fatalf("value: %v", err)
			}
			return
		}
		if m.VCluster != n.VCluster || m.Username != n.Username {
			t.Fatalf("record of %v became a mapping of %v", n, m)
		}
		if valid, err := m.Validate(); err != nil || !reflect.DeepEqual(valid, m) {
			t.Fatalf("invalid mapping %+v: %v", m, err)
		}
		if _, got := roundTrip(t, m); !reflect.DeepEqual(got, m) {
			t.Fatalf("%+v is read back as %+v", m, got)
		}
	})
}
