package codec

import "encoding/binary"

const keySaslHandshake = 17

// SaslHandshakeMechanism returns the mechanism that a whole SaslHandshake request
// asks for; the slice lies in the frame.
func SaslHandshakeMechanism(h Head, frame []byte) (mechanism []byte, err error) {
	r, err := wholeRequest("SaslHandshake", -1, h, frame)
	if err != nil {
		return nil, err
	}
	r.in("mechanism", -1)
	mechanism = r.str()
	return mechanism, r.err("SaslHandshake", h.Version, "request")
}

// AppendSaslHandshake appends the answer to the SaslHandshake request h, whole
// frame: an error code (0 for none) and the mechanisms that there are.
func AppendSaslHandshake(dst []byte, h Head, code int16, mechanisms []string) []byte {
	at := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Corr))
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(mechanisms)))
	for _, m := range mechanisms {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(m)))
		dst = append(dst, m...)
	}
	return sized(dst, at)
}

// SaslHandshakeCode returns the error code of a whole SaslHandshake answer.
func SaslHandshakeCode(h Head, frame []byte) (code int16, err error) {
	r, err := wholeAnswer("SaslHandshake", -1, h, frame)
	if err != nil {
		return 0, err
	}
	r.in("error", -1)
	code = r.int16()
	return code, r.err("SaslHandshake", h.Version, "response")
}

// sized writes the size prefix of the frame that was appended from at on.
func sized(dst []byte, at int) []byte {
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}
