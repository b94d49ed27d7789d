package codec

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func wholeHead(t testing.TB, frame []byte) Head {
	t.Helper()
	h, ok, err := RequestHead(frame, MaxFrame)
	if !ok || err != nil || h.Size != len(frame) {
		t.Fatal(h, ok, err)
	}
	return h
}

// TestSaslRequests: what kmsg writes is read, of every version; cut anywhere it is an error.
func TestSaslRequests(t *testing.T) {
	client := "app"
	for version := int16(0); version <= 1; version++ {
		req := kmsg.NewSASLHandshakeRequest()
		req.Version, req.Mechanism = version, "SCRAM-SHA-256"
		_, frame := requestFrame(newRand(1), &req, &client, false)
		h := wholeHead(t, frame)
		got, err := SaslHandshakeMechanism(h, frame)
		if err != nil || string(got) != req.Mechanism {
			t.Errorf("v%d: %q, %v", version, got, err)
		}
		hostile(t, frame, func(h Head, b []byte) error { _, err := SaslHandshakeMechanism(h, b); return err })
	}
	for version := int16(0); version <= 2; version++ {
		req := kmsg.NewSASLAuthenticateRequest()
		req.Version, req.SASLAuthBytes = version, []byte("\x00user\x00secret")
		_, frame := requestFrame(newRand(1), &req, &client, version >= saslAuthenticateFlex)
		h := wholeHead(t, frame)
		got, err := SaslAuthenticateBytes(h, frame)
		if err != nil || !bytes.Equal(got, req.SASLAuthBytes) {
			t.Errorf("v%d: %q, %v", version, got, err)
		}
		hostile(t, frame, func(h Head, b []byte) error { _, err := SaslAuthenticateBytes(h, b); return err })
	}
}

// hostile cuts a request anywhere, with a size prefix that agrees and with one that
// does not.
func hostile(t *testing.T, frame []byte, read func(Head, []byte) error) {
	t.Helper()
	for n := range len(frame) {
		if read(Head{Size: n}, frame[:n]) == nil {
			t.Errorf("cut at %d of %d bytes it is read", n, len(frame))
		}
		if n < requestHeadLen {
			continue
		}
		cut := sized(bytes.Clone(frame[:n]), 0)
		h := wholeHead(t, cut)
		if err := read(h, cut); err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

// TestSaslAnswers: what is written, kmsg reads, and so do we.
func TestSaslAnswers(t *testing.T) {
	for version := int16(0); version <= 1; version++ {
		h := Head{Key: keySaslHandshake, Version: version, Corr: -3}
		frame := AppendSaslHandshake([]byte("x"), h, ErrCodeMechanism, []string{"PLAIN", "SCRAM-SHA-512"})[1:]
		checkFrame(t, frame)
		got := decode(t, h, frame).(*kmsg.SASLHandshakeResponse)
		if got.ErrorCode != 33 || !reflect.DeepEqual(got.SupportedMechanisms, []string{"PLAIN", "SCRAM-SHA-512"}) {
			t.Errorf("v%d: %+v", version, got)
		}
		if code, err := SaslHandshakeCode(h, frame); code != 33 || err != nil {
			t.Errorf("v%d: %d, %v", version, code, err)
		}
	}
	for version := int16(0); version <= 2; version++ {
		for _, text := range []string{"", "no", strings.Repeat("long ", 5000)} {
			h := Head{Key: 36, Version: version, Corr: 9}
			frame := AppendSaslAuthenticate(nil, h, ErrCodeAuthentication, text, []byte("ok"), 1234)
			checkFrame(t, frame)
			got := decode(t, h, frame).(*kmsg.SASLAuthenticateResponse)
			said := ""
			if got.ErrorMessage != nil {
				said = *got.ErrorMessage
			}
			if got.ErrorCode != 58 || said != text[:min(len(text), maxErrorMessage)] || string(got.SASLAuthBytes) != "ok" || (version >= 1) != (got.SessionLifetimeMillis == 1234) {
				t.Errorf("v%d: %+v", version, got)
			}
			if (text == "") != (got.ErrorMessage == nil) {
				t.Errorf("v%d: an empty text is null", version)
			}
			if code, message, err := SaslAuthenticateAnswer(h, frame); code != 58 || string(message) != "ok" || err != nil {
				t.Errorf("v%d: %d, %q, %v", version, code, message, err)
			}
		}
	}
}

func versionKey(key, low, high int16) kmsg.ApiVersionsResponseApiKey {
	k := kmsg.NewApiVersionsResponseApiKey()
	k.ApiKey, k.MinVersion, k.MaxVersion = key, low, high
	return k
}

func brokerVersions(epoch int64, features map[string][2]int16, keys ...kmsg.ApiVersionsResponseApiKey) *kmsg.ApiVersionsResponse {
	b := kmsg.NewPtrApiVersionsResponse()
	b.ApiKeys, b.FinalizedFeaturesEpoch = keys, epoch
	for name, r := range features {
		f := kmsg.NewApiVersionsResponseSupportedFeature()
		f.Name, f.MinVersion, f.MaxVersion = name, r[0], r[1]
		b.SupportedFeatures = append(b.SupportedFeatures, f)
	}
	final := kmsg.NewApiVersionsResponseFinalizedFeature()
	final.Name, final.MaxVersionLevel, final.MinVersionLevel = "metadata.version", int16(epoch), 1
	b.FinalizedFeatures = append(b.FinalizedFeatures, final)
	return b
}

// TestVersions: a client is told what every broker can do and the table lets pass.
func TestVersions(t *testing.T) {
	if NewVersions(nil) != nil {
		t.Error("versions of no broker")
	}
	old := brokerVersions(7, map[string][2]int16{"group.version": {0, 1}, "kraft.version": {1, 2}, "gone": {1, 1}},
		versionKey(0, 3, 12), versionKey(3, 0, 12), versionKey(8, 2, 9), versionKey(18, 0, 9), versionKey(52, 0, 1), versionKey(74, 0, 0), versionKey(20, 5, 6))
	young := brokerVersions(9, map[string][2]int16{"group.version": {0, 2}, "kraft.version": {2, 3}},
		versionKey(0, 3, 99), versionKey(3, 1, 99), versionKey(8, 0, 99), versionKey(18, 0, 9), versionKey(52, 0, 1), versionKey(20, 0, 4), versionKey(200, 0, 1))
	v := NewVersions([]*kmsg.ApiVersionsResponse{old, young})
	for version := int16(0); version <= 5; version++ {
		h := Head{Key: keyApiVersions, Version: version, Corr: 77}
		frame := v.Append([]byte("x"), h)[1:]
		checkFrame(t, frame)
		got := decode(t, h, frame).(*kmsg.ApiVersionsResponse)
		want := []kmsg.ApiVersionsResponseApiKey{versionKey(0, 0, 12), versionKey(3, 1, 12), versionKey(8, 2, 9), versionKey(18, 0, 5)}
		if !reflect.DeepEqual(got.ApiKeys, want) {
			t.Errorf("v%d: keys %+v", version, got.ApiKeys)
		}
		features := map[string][2]int16{}
		for _, f := range got.SupportedFeatures {
			features[f.Name] = [2]int16{f.MinVersion, f.MaxVersion}
		}
		wantFeatures := map[string][2]int16{"kraft.version": {2, 2}}
		if version >= featureFromZero {
			wantFeatures["group.version"] = [2]int16{0, 1}
		}
		if version < 3 {
			wantFeatures = map[string][2]int16{}
		} else if got.FinalizedFeaturesEpoch != 9 || got.FinalizedFeatures[0].MaxVersionLevel != 9 {
			t.Errorf("v%d: finalized %+v", version, got.FinalizedFeatures)
		}
		if !reflect.DeepEqual(features, wantFeatures) {
			t.Errorf("v%d: features %v, want %v", version, features, wantFeatures)
		}
	}
	if old.ApiKeys[0].MinVersion != 3 || old.SupportedFeatures[0].Name == "" {
		t.Error("the brokers' answers were changed")
	}
}

// TestRefusal: every API and version has an answer that kmsg reads and that says no
// wherever it can.
func TestRefusal(t *testing.T) {
	client := "app"
	for key := range Keys {
		req := kmsg.RequestForKey(key)
		if req == nil {
			continue
		}
		for version := int16(0); version <= req.MaxVersion(); version++ {
			r := newRand(uint64(key)<<8 | uint64(version))
			req := kmsg.RequestForKey(key)
			req.SetVersion(version)
			fillRandom(r, reflect.ValueOf(req).Elem())
			if p, ok := req.(*kmsg.ProduceRequest); ok {
				p.Acks = -1
			}
			_, frame := requestFrame(r, req, &client, req.IsFlexible())
			h := wholeHead(t, frame)
			answer := AppendRefusal(nil, h, frame, Unauthorized(key), "no")
			checkFrame(t, answer)
			if got := decode(t, h, answer); got == nil {
				t.Errorf("%s v%d", Lookup(key).Name, version)
			}
			for n := 0; n < len(frame); n += 1 + len(frame)/16 { // whatever of it is here
				if h.Size > mirrorLimit {
					break
				}
				cut := AppendRefusal(nil, h, frame[:n], 34, "no")
				if key == keyProduce && len(cut) == 0 {
					continue // it may have said acks=0
				}
				decode(t, h, cut)
			}
		}
	}
}

func TestRefusalRepeats(t *testing.T) {
	client := "app"
	send := func(req kmsg.Request, version int16) kmsg.Response {
		t.Helper()
		req.SetVersion(version)
		_, frame := requestFrame(newRand(1), req, &client, req.IsFlexible())
		h := wholeHead(t, frame)
		return decode(t, h, AppendRefusal(nil, h, frame, Unauthorized(h.Key), "no"))
	}
	meta := kmsg.NewPtrMetadataRequest()
	name := "orders"
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &name
	meta.Topics = append(meta.Topics, topic)
	if got := send(meta, 9).(*kmsg.MetadataResponse); len(got.Topics) != 1 || *got.Topics[0].Topic != name || got.Topics[0].ErrorCode != 29 {
		t.Errorf("%+v", got)
	}
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKeys = []string{"g1", "g2"}
	if got := send(find, 6).(*kmsg.FindCoordinatorResponse); len(got.Coordinators) != 2 || got.Coordinators[1].Key != "g2" || got.Coordinators[1].ErrorCode != 30 {
		t.Errorf("%+v", got)
	}
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = []string{"g1"}
	if got := send(describe, 5).(*kmsg.DescribeGroupsResponse); len(got.Groups) != 1 || got.Groups[0].Group != "g1" || got.Groups[0].ErrorCode != 30 {
		t.Errorf("%+v", got)
	}
	produce := kmsg.NewPtrProduceRequest()
	pt := kmsg.NewProduceRequestTopic()
	pt.Topic = name
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition = 3
	pt.Partitions = append(pt.Partitions, part)
	produce.Topics, produce.Acks = append(produce.Topics, pt), -1
	if got := send(produce, 9).(*kmsg.ProduceResponse); got.Topics[0].Topic != name || got.Topics[0].Partitions[0].Partition != 3 || got.Topics[0].Partitions[0].ErrorCode != 29 {
		t.Errorf("%+v", got)
	}
	produce.Acks = 0
	_, frame := requestFrame(newRand(1), produce, &client, true)
	if got := AppendRefusal(nil, wholeHead(t, frame), frame, 29, ""); len(got) != 0 {
		t.Error("acks=0 has no answer")
	}
	if got := AppendRefusal(nil, Head{Key: 999, Size: 12}, nil, 31, ""); len(got) != 0 {
		t.Error("an API that nobody knows has no answer")
	}
}

func FuzzSaslRequest(f *testing.F) {
	client := "app"
	for version := int16(0); version <= 2; version++ {
		req := kmsg.NewSASLAuthenticateRequest()
		req.Version, req.SASLAuthBytes = version, []byte("\x00user\x00secret")
		_, frame := requestFrame(newRand(1), &req, &client, version >= saslAuthenticateFlex)
		f.Add(frame)
		hs := kmsg.NewSASLHandshakeRequest()
		hs.Version, hs.Mechanism = min(version, 1), "PLAIN"
		_, frame = requestFrame(newRand(1), &hs, &client, false)
		f.Add(frame)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		h, ok, err := RequestHead(b, MaxFrame)
		if !ok || err != nil {
			return
		}
		_, _ = SaslHandshakeMechanism(h, b)
		_, _ = SaslAuthenticateBytes(h, b)
		_ = AppendRefusal(nil, h, b, 34, "")
	})
}
