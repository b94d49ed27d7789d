package codec

import "encoding/binary"

// answer sets a reader on the body of an answer whose first bytes are here.
func answer(flex int16, h Head, prefix []byte) reader {
	r := reader{b: prefix, end: h.Size, off: 0, flex: flex >= 0 && h.Version >= flex}
	r.skip(responseHeadLen)
	r.tags()
	return r
}

// wholeAnswer is answer for a frame that must be all here.
func wholeAnswer(name string, flex int16, h Head, frame []byte) (reader, error) {
	if len(frame) < responseHeadLen || int64(binary.BigEndian.Uint32(frame))+4 != int64(len(frame)) {
		return reader{}, malformed("%s v%d response: %d bytes are not one frame", name, h.Version, len(frame))
	}
	h.Size = len(frame)
	return answer(flex, h, frame), nil
}

// finish turns the reader's state into the function's result; a failed walk
// leaves no half patch behind.
func finish(r *reader, p *Patch, name string, version int16) error {
	err := r.err(name, version, "response")
	if err != nil {
		p.Reset()
	}
	return err
}

// request sets a reader on the body of a request whose first bytes are here. It
// sees PeekLimit bytes at most, however many were given at once.
func request(flex int16, h Head, prefix []byte) reader {
	r := reader{b: prefix[:min(len(prefix), PeekLimit)], end: h.Size}
	r.skip(requestHeadLen)
	r.in("client id", -1)
	r.str() // int16 length even in flexible versions (KIP-482)
	r.flex = flex >= 0 && h.Version >= flex
	r.in("header tags", -1)
	r.tags()
	return r
}

// wholeRequest is request for a frame that must be all here.
func wholeRequest(name string, flex int16, h Head, frame []byte) (reader, error) {
	if len(frame) < requestHeadLen || int64(binary.BigEndian.Uint32(frame))+4 != int64(len(frame)) {
		return reader{}, malformed("%s v%d request: %d bytes are not one frame", name, h.Version, len(frame))
	}
	h.Size = len(frame)
	return request(flex, h, frame), nil
}

// peeked turns the state of request's reader into "more" or an error.
func peeked(r *reader, name string, h Head) (ok bool, err error) {
	switch {
	case r.ok():
		return true, nil
	case !r.short:
		return false, r.err(name, h.Version, "request")
	case len(r.b) >= PeekLimit:
		return false, tooLarge("%s v%d request: %s beyond %d bytes", name, h.Version, placed(r), PeekLimit)
	}
	return false, nil
}
