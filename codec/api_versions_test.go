package codec

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestApiVersions: keys the table refuses or does not know are gone, rewritten
// rows are clamped, Produce begins at 0, the rest is equal, and a frame in which
// that changes nothing is not touched.
func TestApiVersions(t *testing.T) {
	row := Lookup(keyApiVersions)
	var p Patch
	seen := map[bool]int{}
	for version := int16(0); version <= row.Max; version++ {
		r := newRand(uint64(version))
		for i := range 20 * rounds {
			resp := randomAnswer(r, keyApiVersions, version).(*kmsg.ApiVersionsResponse)
			if i%4 == 0 {
				resp.ApiKeys = keysThatStay(resp.ApiKeys)
			}
			ask := Head{Key: keyApiVersions, Version: version}
			if resp.ErrorCode == errUnsupportedVersion {
				resp.SetVersion(0)
			}
			_, frame := frameOf(r, resp)
			if err := row.Whole(&p, nil, ask, frame); err != nil {
				t.Fatal(err)
			}
			out := join(&p, frame)
			checkFrame(t, out)
			ask.Version = resp.GetVersion()
			want := decode(t, ask, frame).(*kmsg.ApiVersionsResponse)
			want.ApiKeys = keysThatStay(want.ApiKeys)
			if got := decode(t, ask, out); !reflect.DeepEqual(got, want) {
				t.Fatalf("v%d:\ngot  %+v\nwant %+v", version, got, want)
			}
			unchanged := bytes.Equal(want.AppendTo(nil), bodyOf(t, ask, frame))
			if unchanged != p.Empty() {
				t.Fatalf("unchanged %v, patch empty %v", unchanged, p.Empty())
			}
			seen[unchanged]++
		}
	}
	if seen[true] < 100 || seen[false] < 100 {
		t.Fatalf("the random answers do not cover both sides: %v", seen)
	}
}

// keysThatStay says once more, in other words, what a client may see.
func keysThatStay(in []kmsg.ApiVersionsResponseApiKey) []kmsg.ApiVersionsResponseApiKey {
	limits := map[int16]int16{0: 13, 1: 18, 3: 13, 10: 6, 17: 1, 18: 5, 36: 2, 55: 1, 60: 2, 78: 2, 79: 2}
	refused := map[int16]bool{
		4: true, 5: true, 6: true, 7: true, 52: true, 53: true, 54: true, 56: true, 58: true,
		59: true, 62: true, 63: true, 67: true, 70: true, 73: true, 82: true,
		83: true, 84: true, 85: true, 86: true, 87: true,
	}
	var out []kmsg.ApiVersionsResponseApiKey
	for _, k := range in {
		if k.ApiKey < 0 || k.ApiKey > 94 || refused[k.ApiKey] {
			continue
		}
		if m, ok := limits[k.ApiKey]; ok && k.MaxVersion > m {
			k.MaxVersion = m
		}
		if k.ApiKey == 0 {
			k.MinVersion = 0
		}
		if k.MinVersion <= k.MaxVersion {
			out = append(out, k)
		}
	}
	return out
}

// TestUnsupportedApiVersions: what a client of a newer Kafka is told reads as v0.
func TestUnsupportedApiVersions(t *testing.T) {
	frame := AppendUnsupportedApiVersions([]byte("x"), -7)[1:]
	checkFrame(t, frame)
	size, corr, ok, err := ResponseHead(frame, MaxFrame)
	if size != len(frame) || corr != -7 || !ok || err != nil {
		t.Fatal(size, corr, ok, err)
	}
	got := decode(t, Head{Key: keyApiVersions}, frame).(*kmsg.ApiVersionsResponse)
	if got.ErrorCode != 35 || len(got.ApiKeys) != 1 {
		t.Fatalf("%+v", got)
	}
	if k := got.ApiKeys[0]; k.ApiKey != 18 || k.MinVersion != 0 || k.MaxVersion != Lookup(keyApiVersions).Max {
		t.Fatalf("%+v", k)
	}
}
