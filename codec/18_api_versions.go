package codec

import "encoding/binary"

const (
	apiVersionsFlex = 3

	keyProduce     = 0
	keyApiVersions = 18

	errUnsupportedVersion = 35
)

// apiVersionsWhole takes out the keys the table refuses or does not know, lowers
// the highest version of the rows that are patched to what was audited, and
// sets the lowest of Produce to 0 (KAFKA-18659: librdkafka before 2.11.1 gives
// up compression otherwise). Features, epoch and unknown tags are not touched.
//
// The header of this answer never has tags, and an answer with error 35 has a
// v0 body whatever was asked (KIP-511).
func apiVersionsWhole(p *Patch, _ View, h Head, frame []byte) error {
	p.Reset()
	r, err := wholeAnswer("ApiVersions", -1, h, frame)
	if err != nil {
		return err
	}
	r.in("error", -1)
	code := r.int16()
	r.flex = h.Version >= apiVersionsFlex && code != errUnsupportedVersion
	start := r.off
	r.in("api count", -1)
	n := r.count()
	first := r.off

	kept, changed := 0, false
	for i := 0; i < n && r.ok(); i++ {
		api, same := readApi(&r, i)
		changed = changed || !same
		if api.keep {
			kept++
		}
	}
	if !r.ok() || !changed {
		return finish(&r, p, "ApiVersions", h.Version)
	}
	p.cut(frame, start, r.off)
	if r.flex {
		p.putUvarint(uint32(kept) + 1)
	} else {
		p.putInt32(int32(kept))
	}
	for i, r := 0, (reader{b: frame, off: first, end: r.end, flex: r.flex}); i < n; i++ {
		if api, _ := readApi(&r, i); api.keep {
			p.putInt16(api.key)
			p.putInt16(api.min)
			p.putInt16(api.max)
			p.arena = append(p.arena, api.tags...)
		}
	}
	return nil
}

// api is one entry of an ApiVersions answer as the client shall see it.
type api struct {
	key, min, max int16
	keep          bool
	tags          []byte
}

// readApi reads an entry and judges it; same reports that it stays as it is.
func readApi(r *reader, i int) (a api, same bool) {
	r.in("api", i)
	a = api{key: r.int16(), min: r.int16(), max: r.int16()}
	at := r.off
	r.tags()
	a.tags = r.b[at:r.off]
	was := a
	a.cut()
	return a, a.keep && a.min == was.min && a.max == was.max
}

// cut leaves what the table lets pass.
func (a *api) cut() {
	row := Lookup(a.key)
	if row == nil || row.Do == Refuse {
		return
	}
	if row.Do != Forward {
		a.max = min(a.max, row.Max)
	}
	if a.key == keyProduce {
		a.min = 0
	}
	a.keep = a.min <= a.max
}

// AppendUnsupportedApiVersions appends the answer to an ApiVersions request of a
// version above the audited one, whole frame: error 35, a v0 body and the one
// range that is (KIP-511). Clients then ask again within it.
func AppendUnsupportedApiVersions(dst []byte, corr int32) []byte {
	const body = 2 + 4 + 6
	dst = binary.BigEndian.AppendUint32(dst, 4+body)
	dst = binary.BigEndian.AppendUint32(dst, uint32(corr))
	dst = binary.BigEndian.AppendUint16(dst, errUnsupportedVersion)
	dst = binary.BigEndian.AppendUint32(dst, 1)
	dst = binary.BigEndian.AppendUint16(dst, keyApiVersions)
	dst = binary.BigEndian.AppendUint16(dst, 0)
	return binary.BigEndian.AppendUint16(dst, uint16(Lookup(keyApiVersions).Max))
}
