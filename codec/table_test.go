package codec

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

var update = flag.Bool("update", false, "accept what golden files would change to")

// TestTablePage keeps docs/apis.md equal to the table.
func TestTablePage(t *testing.T) {
	const page = "../docs/apis.md"
	var b bytes.Buffer
	if err := WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, b.Bytes()) {
		t.Fatalf("%s is not what the table says; run go test ./codec -run TestTablePage -update", page)
	}
}

// TestTableKnowsKafka holds the table against kmsg's definitions.
func TestTableKnowsKafka(t *testing.T) {
	if kmsg.MaxKey+1 != NumKeys {
		t.Errorf("kmsg knows keys up to %d, the table up to %d", kmsg.MaxKey, NumKeys-1)
	}
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		req := kmsg.RequestForKey(key)
		row := Lookup(key)
		if req == nil {
			continue
		}
		if row == nil || row.Name == "" {
			t.Errorf("key %d (%s) has no row", key, kmsg.NameForKey(key))
			continue
		}
		if key != keyDescribeQuorum && row.Max != req.MaxVersion() {
			t.Errorf("%s: audited up to %d, kmsg knows %d", row.Name, row.Max, req.MaxVersion())
		}
		flex := int16(-1)
		for v := req.MaxVersion(); v >= 0; v-- {
			if req.SetVersion(v); req.IsFlexible() {
				flex = v
			}
		}
		if row.Flex != flex {
			t.Errorf("%s: flexible from %d, kmsg says %d", row.Name, row.Flex, flex)
		}
	}
}

const keyDescribeQuorum = 55

// TestRefusedKeys: brokers' and controllers' own APIs, and nothing else.
func TestRefusedKeys(t *testing.T) {
	refused := map[int16]bool{}
	for _, key := range []int16{4, 5, 6, 7, 52, 53, 54, 56, 58, 59, 62, 63, 67, 70, 73, 82, 83, 84, 85, 86, 87} {
		refused[key] = true
	}
	n := int16(0)
	for key, row := range Keys {
		if key != n {
			t.Fatalf("key %d, want %d", key, n)
		}
		n++
		if got := row.Do == Refuse; got != refused[key] {
			t.Errorf("%d %s: %s", key, row.Name, row.Do)
		}
		if row.Do == Rewrite && key != keyDescribeQuorum && row.Whole == nil {
			t.Errorf("%d %s: rewritten by nothing", key, row.Name)
		}
	}
	for _, key := range []int16{-1, NumKeys, 10000, 32767, -32768} {
		if Lookup(key) != nil {
			t.Errorf("key %d has a row", key)
		}
	}
	if q := Lookup(keyDescribeQuorum); q.Max != 1 || q.Patched(1) {
		t.Errorf("DescribeQuorum must be held at v1: %+v", q)
	}
}
