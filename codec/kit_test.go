package codec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The kit: random messages of every version by way of kmsg, frames around them,
// and views. Node addresses are a function of the id, so that the identity view
// exists.

func realHost(id int32) string {
	return "broker-" + strings.Repeat("x", int(uint32(id)%7)) + ".internal"
}
func realPort(id int32) int32 { return 9000 + int32(uint32(id)%1000) }

// same tells what is so already.
type same struct{}

func (same) Address(id int32) (string, int32, bool) { return realHost(id), realPort(id), true }

// moved tells one host for all; ids from lost on are outside the range.
type moved struct {
	host string
	lost int32
}

func (m moved) Address(id int32) (string, int32, bool) {
	return m.host, 6969 + id%100, id < m.lost
}

var movedViews = []moved{
	{"gateway.example.com", 1 << 30},
	{"g", 1 << 30},
	{"broker-xxx.internal", 1 << 30}, // the length of some
	{strings.Repeat("long.", 50), 500},
	{"", 1 << 30},
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// fillRandom sets every field of a kmsg struct, nested ones too.
func fillRandom(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if tags, ok := v.Addr().Interface().(*kmsg.Tags); ok {
			if r.IntN(4) == 0 {
				for range 1 + r.IntN(2) {
					tags.Set(100+r.Uint32N(300), []byte(randomText(r, 20)))
				}
			}
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Version" {
				fillRandom(r, v.Field(i))
			}
		}
	case reflect.Pointer:
		v.SetZero()
		if r.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fillRandom(r, v.Elem())
		}
	case reflect.Slice:
		n := r.IntN(4)
		if v.Type().Elem().Kind() == reflect.Uint8 {
			n = r.IntN(300)
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fillRandom(r, v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fillRandom(r, v.Index(i))
		}
	case reflect.String:
		v.SetString(randomText(r, 40))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(r.Int64() >> r.IntN(64))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uint64() >> r.IntN(64))
	case reflect.Float64:
		v.SetFloat(r.Float64())
	default:
		panic("kmsg has a field of kind " + v.Kind().String())
	}
}

func randomText(r *rand.Rand, limit int) string {
	b := make([]byte, r.IntN(limit))
	for i := range b {
		b[i] = 'a' + byte(r.IntN(26))
	}
	return string(b)
}

// eachNode calls f with id, host and port of every address in an answer.
func eachNode(resp kmsg.Response, f func(id *int32, host *string, port *int32, brokers bool)) {
	switch x := resp.(type) {
	case *kmsg.MetadataResponse:
		for i := range x.Brokers {
			f(&x.Brokers[i].NodeID, &x.Brokers[i].Host, &x.Brokers[i].Port, true)
		}
	case *kmsg.FindCoordinatorResponse:
		f(&x.NodeID, &x.Host, &x.Port, true)
		for i := range x.Coordinators {
			f(&x.Coordinators[i].NodeID, &x.Coordinators[i].Host, &x.Coordinators[i].Port, true)
		}
	case *kmsg.DescribeClusterResponse:
		for i := range x.Brokers {
			f(&x.Brokers[i].NodeID, &x.Brokers[i].Host, &x.Brokers[i].Port, x.EndpointType == 1)
		}
	case *kmsg.ProduceResponse:
		for i := range x.Brokers {
			f(&x.Brokers[i].NodeID, &x.Brokers[i].Host, &x.Brokers[i].Port, true)
		}
	case *kmsg.FetchResponse:
		for i := range x.Brokers {
			f(&x.Brokers[i].NodeID, &x.Brokers[i].Host, &x.Brokers[i].Port, true)
		}
	case *kmsg.ShareFetchResponse:
		for i := range x.NodeEndpoints {
			f(&x.NodeEndpoints[i].NodeID, &x.NodeEndpoints[i].Host, &x.NodeEndpoints[i].Port, true)
		}
	case *kmsg.ShareAcknowledgeResponse:
		for i := range x.NodeEndpoints {
			f(&x.NodeEndpoints[i].NodeID, &x.NodeEndpoints[i].Host, &x.NodeEndpoints[i].Port, true)
		}
	}
}

// randomAnswer is a random answer of a patched API in the given version. One node
// in four names no node: id -1, no host, port -1, or one of these.
func randomAnswer(r *rand.Rand, key, version int16) kmsg.Response {
	resp := kmsg.ResponseForKey(key)
	resp.SetVersion(version)
	fillRandom(r, reflect.ValueOf(resp).Elem())
	if x, ok := resp.(*kmsg.DescribeClusterResponse); ok {
		x.EndpointType = 1
		if version >= 1 && r.IntN(4) == 0 {
			x.EndpointType = 2
		}
	}
	if x, ok := resp.(*kmsg.ApiVersionsResponse); ok {
		x.ErrorCode = []int16{0, 0, 0, 35, 129}[r.IntN(5)]
		for i := range x.ApiKeys {
			x.ApiKeys[i].ApiKey = int16(r.IntN(110) - 5)
			x.ApiKeys[i].MinVersion = int16(r.IntN(6))
			x.ApiKeys[i].MaxVersion = int16(r.IntN(30))
		}
	}
	eachNode(resp, func(id *int32, host *string, port *int32, _ bool) {
		*id = r.Int32N(1000)
		*host, *port = realHost(*id), realPort(*id)
		switch r.IntN(20) {
		case 0, 1:
			*id, *host, *port = -1, "", -1
		case 2:
			*id = -1
		case 3:
			*host = ""
		case 4:
			*port = -1
		}
	})
	return resp
}

// frameOf puts an answer's body in a frame; flexible headers get random tags.
func frameOf(r *rand.Rand, resp kmsg.Response) (Head, []byte) {
	h := Head{Key: resp.Key(), Version: resp.GetVersion(), Corr: r.Int32()}
	b := binary.BigEndian.AppendUint32(make([]byte, 4), uint32(h.Corr))
	if resp.IsFlexible() && h.Key != keyApiVersions {
		b = appendTags(r, b)
	}
	b = resp.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	h.Size = len(b)
	return h, b
}

func appendTags(r *rand.Rand, b []byte) []byte {
	n := r.IntN(3)
	b = append(b, byte(n))
	for i := range n {
		text := randomText(r, 200)
		b = binary.AppendUvarint(b, uint64(40+i*200))
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	return b
}

// body is the part of a frame that kmsg reads.
func bodyOf(t testing.TB, h Head, frame []byte) []byte {
	t.Helper()
	flex := Lookup(h.Key).Flex
	if h.Key == keyApiVersions {
		flex = -1
	}
	h.Size = len(frame)
	r := answer(flex, h, frame)
	if !r.ok() {
		t.Fatalf("header of %d v%d unreadable", h.Key, h.Version)
	}
	return frame[r.off:]
}

func decode(t testing.TB, h Head, frame []byte) kmsg.Response {
	t.Helper()
	resp := kmsg.ResponseForKey(h.Key)
	resp.SetVersion(h.Version)
	if err := resp.ReadFrom(bodyOf(t, h, frame)); err != nil {
		t.Fatalf("%s v%d: kmsg cannot read the patched frame: %v\n%x", Lookup(h.Key).Name, h.Version, err, frame)
	}
	return resp
}

func join(p *Patch, frame []byte) []byte { return bytes.Join(p.Segments(nil, frame), nil) }

// patchedRows yields every key and version whose answers go through Whole.
func patchedRows(f func(key, version int16, row *Rule)) {
	for key, row := range Keys {
		for v := int16(0); v <= row.Max; v++ {
			if row.Patched(v) {
				f(key, v, row)
			}
		}
	}
}

// eachPatched runs f as a subtest for every patched key and version.
func eachPatched(t *testing.T, f func(t *testing.T, r *rand.Rand, key, version int16, row *Rule)) {
	patchedRows(func(key, version int16, row *Rule) {
		t.Run(fmt.Sprintf("%s/v%d", row.Name, version), func(t *testing.T) {
			f(t, newRand(uint64(key)<<16|uint64(version)), key, version, row)
		})
	})
}

func poison(b []byte) {
	for i := range b {
		b[i] = 0xdd
	}
}

func checkFrame(t testing.TB, b []byte) {
	t.Helper()
	if n := int(binary.BigEndian.Uint32(b)) + 4; n != len(b) {
		t.Fatalf("size prefix says %d, frame has %d", n, len(b))
	}
}
