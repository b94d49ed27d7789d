package tlsterm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

const (
	// The first records of a connection fit a TCP segment of any path, so that
	// the peer can open the first without waiting for the end of a long one while
	// the congestion window is small: after them records are as long as can be.
	smallRecords = 4
	smallPlain   = 1200 - maxOverhead
	// maxOverhead is the most that a record adds to its plaintext.
	maxOverhead = recordHeaderLen + explicit12 + tagLen
	// keyUpdateLen is a KeyUpdate's record.
	keyUpdateLen = recordHeaderLen + 5 + 1 + tagLen
)

// errShutdown says so in the words of crypto/tls.
var errShutdown = errors.New("tls: protocol is shutdown")

func (o *own) seal(dst, plain []byte, lent bool) ([]byte, error) {
	if o.writeErr != nil {
		return o.pending(dst), o.writeErr
	}
	if n := len(o.out0) + o.sealedLen(len(plain)); cap(dst)-len(dst) < n {
		dst = slices.Grow(dst, n)
	}
	if len(o.out0) > 0 {
		dst = o.pending(dst)
	}
	for len(plain) > 0 {
		n := min(len(plain), maxPlaintext)
		if o.small > 0 {
			n = min(n, smallPlain)
			o.small--
		}
		if o.out.seq >= o.limit && o.v13 {
			var err error
			if dst, err = o.rekey(dst, false); err != nil {
				return dst, err
			}
		}
		dst = o.sealRecord(dst, recordData, plain[:n], lent)
		plain = plain[n:]
	}
	return dst, nil
}

// sealedLen is the most that n bytes become.
func (o *own) sealedLen(n int) int {
	records := (n+maxPlaintext-1)/maxPlaintext + int(o.small)
	if o.v13 && o.out.seq+uint64(records) >= o.limit {
		return n + records*(maxOverhead+keyUpdateLen)
	}
	return n + records*maxOverhead
}

// sealRecord appends one record to dst, which has room for it. With lent the
// byte behind plain is borrowed for TLS 1.3's content type, which saves copying
// plain.
func (o *own) sealRecord(dst []byte, typ byte, plain []byte, lent bool) []byte {
	h := &o.out
	n := len(plain)
	if !o.v13 {
		return o.seal12(dst, typ, plain)
	}
	size := recordHeaderLen + n + 1 + tagLen
	rec := dst[len(dst) : len(dst)+size]
	header(rec, recordData, size-recordHeaderLen)
	into := rec[recordHeaderLen:recordHeaderLen]
	if lent && cap(plain) > n {
		inner := plain[:n+1]
		behind := inner[n]
		inner[n] = typ
		h.aead.Seal(into, h.nonceFor(), inner, rec[:recordHeaderLen])
		inner[n] = behind
	} else {
		inner := rec[recordHeaderLen : recordHeaderLen+n+1]
		copy(inner, plain)
		inner[n] = typ
		h.aead.Seal(into, h.nonceFor(), inner, rec[:recordHeaderLen])
	}
	h.seq++
	return dst[:len(dst)+size]
}

// header writes a record's, or the part of TLS 1.2's additional data that looks
// like one.
func header(b []byte, typ byte, n int) {
	binary.BigEndian.PutUint32(b, uint32(typ)<<24|0x0303<<8|uint32(n)>>8)
	b[4] = byte(n)
}

func (o *own) seal12(dst []byte, typ byte, plain []byte) []byte {
	h := &o.out
	head := recordHeaderLen + int(o.explicit)
	size := head + len(plain) + tagLen
	rec := dst[len(dst) : len(dst)+size]
	header(rec, typ, size-recordHeaderLen)
	nonce := h.nonce[:]
	if o.explicit > 0 { // the sequence number never repeats, which is all that is asked of it
		binary.BigEndian.PutUint64(nonce[nonceLen-explicit12:], h.seq)
		binary.BigEndian.PutUint64(rec[recordHeaderLen:], h.seq)
	} else {
		nonce = h.nonceFor()
	}
	h.aead.Seal(rec[head:head], nonce, plain, o.aad12(h.seq, typ, len(plain)))
	h.seq++
	return dst[:len(dst)+size]
}

// control appends a record of our own to dst.
func (o *own) control(dst []byte, typ byte, body ...byte) []byte {
	return o.sealRecord(slices.Grow(dst, len(body)+1+maxOverhead), typ, body, false)
}

// opens reports whether rec, which is ours and is overwritten, is the next that
// our own key has sealed.
func (o *own) opens(rec []byte) bool {
	head := recordHeaderLen + int(o.explicit)
	n := len(rec) - head - tagLen
	if n < 0 {
		return false
	}
	var err error
	switch {
	case o.v13:
		_, err = o.out.aead.Open(rec[head:head], o.out.nonceFor(), rec[head:], rec[:recordHeaderLen])
	case o.explicit > 0:
		copy(o.out.nonce[nonceLen-explicit12:], rec[recordHeaderLen:])
		_, err = o.out.aead.Open(rec[head:head], o.out.nonce[:], rec[head:], o.aad12(o.out.seq, rec[0], n))
	default:
		_, err = o.out.aead.Open(rec[head:head], o.out.nonceFor(), rec[head:], o.aad12(o.out.seq, rec[0], n))
	}
	return err == nil
}

func (o *own) pending(dst []byte) []byte {
	if len(o.out0) == 0 {
		return dst
	}
	dst = append(dst, o.out0...)
	o.out0 = nil
	return dst
}

func (o *own) closeNotify(dst []byte) []byte {
	dst = o.pending(dst)
	if o.writeErr != nil {
		return dst
	}
	dst = o.control(dst, recordAlert, levelWarning, alertCloseNotify)
	o.writeErr = fmt.Errorf("%w: %w", ErrTLS, errShutdown)
	if o.readErr != nil {
		o.wipe()
	}
	return dst
}
