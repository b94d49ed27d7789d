package codec

import "encoding/binary"

const (
	saslAuthenticateFlex = 2
	// maxErrorMessage bounds the texts that the gateway puts into answers.
	maxErrorMessage = 4 << 10
)

// SaslAuthenticateBytes returns the message of the mechanism in a whole
// SaslAuthenticate request; the slice lies in the frame.
func SaslAuthenticateBytes(h Head, frame []byte) (message []byte, err error) {
	r, err := wholeRequest("SaslAuthenticate", saslAuthenticateFlex, h, frame)
	if err != nil {
		return nil, err
	}
	r.in("auth bytes", -1)
	message = r.bytes()
	r.tags()
	return message, r.err("SaslAuthenticate", h.Version, "request")
}

// AppendSaslAuthenticate appends the answer to the SaslAuthenticate request h,
// whole frame. text is null when empty. lifetime, in milliseconds, is told from v1
// on; 0 says that the session does not end.
func AppendSaslAuthenticate(dst []byte, h Head, code int16, text string, message []byte, lifetime int64) []byte {
	at, flex := len(dst), h.Version >= saslAuthenticateFlex
	text = text[:min(len(text), maxErrorMessage)]
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Corr))
	if flex {
		dst = append(dst, 0) // the header's tags
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	switch {
	case flex && text == "":
		dst = append(dst, 0)
	case flex:
		dst = binary.AppendUvarint(dst, uint64(len(text))+1)
	case text == "":
		dst = append(dst, 0xff, 0xff)
	default:
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(text)))
	}
	dst = append(dst, text...)
	if flex {
		dst = binary.AppendUvarint(dst, uint64(len(message))+1)
	} else {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(message)))
	}
	dst = append(dst, message...)
	if h.Version >= 1 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(lifetime))
	}
	if flex {
		dst = append(dst, 0)
	}
	return sized(dst, at)
}

// SaslAuthenticateAnswer returns the error code and the message of the mechanism in a
// whole SaslAuthenticate answer; the slice lies in the frame.
func SaslAuthenticateAnswer(h Head, frame []byte) (code int16, message []byte, err error) {
	r, err := wholeAnswer("SaslAuthenticate", saslAuthenticateFlex, h, frame)
	if err != nil {
		return 0, nil, err
	}
	r.in("error", -1)
	code = r.int16()
	r.str()
	r.in("auth bytes", -1)
	message = r.bytes()
	return code, message, r.err("SaslAuthenticate", h.Version, "response")
}
