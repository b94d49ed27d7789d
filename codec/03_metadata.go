package codec

const metadataFlex = 9

// metadataWhole patches a Metadata answer. Brokers stand at the head of the
// body in every version, so this is metadataPrefix on all of the frame.
func metadataWhole(p *Patch, v View, h Head, frame []byte) error {
	p.Reset()
	r, err := wholeAnswer("Metadata", metadataFlex, h, frame)
	if err != nil {
		return err
	}
	metadataBrokers(&r, p, v, h.Version)
	return finish(&r, p, "Metadata", h.Version)
}

// metadataPrefix asks for more until the broker array is here and patches it;
// topics are never looked at.
func metadataPrefix(p *Patch, v View, h Head, prefix []byte) (ok bool, err error) {
	p.Reset()
	r := answer(metadataFlex, h, prefix[:min(len(prefix), DecodeLimit)])
	metadataBrokers(&r, p, v, h.Version)
	if r.short {
		p.Reset()
		if len(prefix) >= DecodeLimit {
			return false, tooLarge("Metadata v%d response: brokers not read after %d bytes", h.Version, len(prefix))
		}
		return false, nil
	}
	if err := finish(&r, p, "Metadata", h.Version); err != nil {
		return false, err
	}
	return true, nil
}

func metadataBrokers(r *reader, p *Patch, v View, version int16) {
	r.in("throttle time", -1)
	if version >= 3 {
		r.skip(4)
	}
	patchNodes(r, p, v, shape{rack: version >= 1, learn: true})
}
