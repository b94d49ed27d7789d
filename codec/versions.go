package codec

import (
	"encoding/binary"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Versions is what a cluster answers to ApiVersions, cut by the table: what a client
// may be told before a broker is dialled for it. It is immutable.
type Versions struct{ answer kmsg.ApiVersionsResponse }

// NewVersions makes one of the answers of all brokers, of version 4 or higher: it
// holds what every one of them can do, so that a client may be sent to any.
// It is nil for no answers.
func NewVersions(brokers []*kmsg.ApiVersionsResponse) *Versions {
	if len(brokers) == 0 {
		return nil
	}
	v := &Versions{answer: kmsg.NewApiVersionsResponse()}
	v.answer.ZkMigrationReady = true
	epoch := int64(-1)
	for i, b := range brokers {
		if i == 0 {
			v.answer.ApiKeys = slices.Clone(b.ApiKeys)
			v.answer.SupportedFeatures = slices.Clone(b.SupportedFeatures)
		} else {
			v.meet(b)
		}
		if b.FinalizedFeaturesEpoch > epoch {
			epoch = b.FinalizedFeaturesEpoch
			v.answer.FinalizedFeatures = slices.Clone(b.FinalizedFeatures)
		}
		v.answer.ZkMigrationReady = v.answer.ZkMigrationReady && b.ZkMigrationReady
	}
	v.answer.FinalizedFeaturesEpoch = epoch
	v.answer.ApiKeys = slices.DeleteFunc(v.answer.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool { return k.MinVersion > k.MaxVersion })
	for i := range v.answer.ApiKeys {
		k := &v.answer.ApiKeys[i]
		a := api{key: k.ApiKey, min: k.MinVersion, max: k.MaxVersion}
		if a.cut(); !a.keep {
			k.MinVersion, k.MaxVersion = 1, 0
			continue
		}
		k.MinVersion, k.MaxVersion = a.min, a.max
	}
	v.answer.ApiKeys = slices.DeleteFunc(v.answer.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool { return k.MinVersion > k.MaxVersion })
	return v
}

// meet leaves in v what b can do, too.
func (v *Versions) meet(b *kmsg.ApiVersionsResponse) {
	v.answer.ApiKeys = slices.DeleteFunc(v.answer.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool {
		return !slices.ContainsFunc(b.ApiKeys, func(o kmsg.ApiVersionsResponseApiKey) bool { return o.ApiKey == k.ApiKey })
	})
	for i := range v.answer.ApiKeys {
		k := &v.answer.ApiKeys[i]
		for _, o := range b.ApiKeys {
			if o.ApiKey == k.ApiKey {
				k.MinVersion, k.MaxVersion = max(k.MinVersion, o.MinVersion), min(k.MaxVersion, o.MaxVersion)
			}
		}
	}
	v.answer.SupportedFeatures = slices.DeleteFunc(v.answer.SupportedFeatures, func(f kmsg.ApiVersionsResponseSupportedFeature) bool {
		return !slices.ContainsFunc(b.SupportedFeatures, func(o kmsg.ApiVersionsResponseSupportedFeature) bool {
			return o.Name == f.Name && max(o.MinVersion, f.MinVersion) <= min(o.MaxVersion, f.MaxVersion)
		})
	})
	for i := range v.answer.SupportedFeatures {
		f := &v.answer.SupportedFeatures[i]
		for _, o := range b.SupportedFeatures {
			if o.Name == f.Name {
				f.MinVersion, f.MaxVersion = max(f.MinVersion, o.MinVersion), min(f.MaxVersion, o.MaxVersion)
			}
		}
	}
}

// featureFromZero is the first version of ApiVersions that may speak of a feature
// whose lowest version is 0: older clients fail on it (KAFKA-17011).
const featureFromZero = 4

// Append appends the answer to the ApiVersions request h, whole frame; it must be of
// an audited version.
func (v *Versions) Append(dst []byte, h Head) []byte {
	answer := v.answer
	answer.SetVersion(h.Version)
	if h.Version < featureFromZero {
		answer.SupportedFeatures = slices.DeleteFunc(slices.Clone(answer.SupportedFeatures),
			func(f kmsg.ApiVersionsResponseSupportedFeature) bool { return f.MinVersion == 0 })
	}
	at := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Corr)) // this header never has tags
	return sized(answer.AppendTo(dst), at)
}
