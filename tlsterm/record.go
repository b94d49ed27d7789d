package tlsterm

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// The record types of RFC 8446 section 5.1.
const (
	recordCCS       = 20
	recordAlert     = 21
	recordHandshake = 22
	recordData      = 23
)

// What a record's body may be long, by RFC 8446 section 5.2 and RFC 5246
// section 6.2.3.
const (
	maxBody13 = maxPlaintext + 256
	maxBody12 = maxPlaintext + 2048
)

// own is the engine that opens and seals records itself.
//
// An idle one holds its keys and nothing else: what is needed while a record is
// incomplete, or a message, or something waits to be sent, comes when needed.
type own struct {
	in, out half
	suite   *aeadSuite
	v13     bool
	client  bool

	closing  bool  // the peer's close_notify has come
	asked    bool  // the peer was asked for a new key and has not answered
	explicit uint8 // the part of the nonce that is sent
	useless  uint8 // records and messages since the last data that brought nothing
	small    uint8 // how many small records are still to come first
	have     uint8 // bytes of head
	head     [recordHeaderLen]byte
	aad      [13]byte // TLS 1.2: sequence number, type, version, length

	part     *partial // the incomplete record; nil between records
	rare     *rare    // nil if there is none of it
	out0     []byte   // what Pending gives
	readErr  error
	writeErr error
	limit    uint64 // how many records a key of TLS 1.3 is for
}

// rare is what few connections have, and not for long.
type rare struct {
	hand []byte       // an incomplete handshake message
	late *lateTickets // of a client that waits for tickets
}

// partial is the beginning of a record that came in several pieces.
type partial struct {
	n int
	b [recordHeaderLen + maxBody12]byte
}

// partials is shared by all connections.
var partials = sync.Pool{New: func() any { return new(partial) }}

func (o *own) engine() Engine { return Own }
func (o *own) closed() bool   { return o.closing }

func (o *own) feed(b []byte, data func(plain []byte)) error {
	if o.readErr != nil {
		return o.readErr
	}
	if len(o.out0) > maxPending {
		return o.broken(errNotSent(len(o.out0)))
	}
	if o.have > 0 {
		var err error
		if b, err = o.complete(b, data); err != nil {
			return err
		}
	}
	for len(b) >= recordHeaderLen {
		n := recordHeaderLen + (int(b[3])<<8 | int(b[4]))
		if len(b) < n {
			break
		}
		if err := o.check(b); err != nil {
			return err
		}
		if err := o.record(b[:n:n], data); err != nil {
			return err
		}
		b = b[n:]
	}
	if len(b) == 0 {
		return nil
	}
	_, err := o.complete(b, data)
	return err
}

// complete adds to the record that has begun, does what it says if b has its
// end, and returns the rest of b.
func (o *own) complete(b []byte, data func(plain []byte)) ([]byte, error) {
	if o.have < recordHeaderLen {
		n := copy(o.head[o.have:], b)
		b = b[n:]
		if o.have += uint8(n); o.have < recordHeaderLen {
			return nil, nil
		}
		if err := o.check(o.head[:]); err != nil {
			return nil, err
		}
	}
	if o.part == nil {
		o.part, _ = partials.Get().(*partial)
		o.part.n = copy(o.part.b[:], o.head[:])
	}
	p := o.part
	total := recordHeaderLen + int(binary.BigEndian.Uint16(o.head[3:]))
	n := copy(p.b[p.n:total], b)
	if p.n += n; p.n < total {
		return nil, nil
	}
	o.part, o.have = nil, 0
	err := o.record(p.b[:total:total], data)
	partials.Put(p)
	return b[n:], err
}

// check looks at a header before there is a body: a wrong one is answered at
// once, and no body is larger than a partial can hold.
func (o *own) check(head []byte) error {
	if head[1] != 3 || head[2] != 3 {
		return o.fail(alertProtocolVersion, "a record of another version")
	}
	n := int(head[3])<<8 | int(head[4])
	if n > maxBody13 && (o.v13 || n > maxBody12) {
		return o.fail(alertRecordOverflow, "a record that is too long")
	}
	return nil
}

// record opens one whole record in place and does what it says.
func (o *own) record(rec []byte, data func(plain []byte)) error {
	typ := rec[0]
	var plain []byte
	var err error
	if o.v13 {
		// A change_cipher_spec or an alert in the clear comes too late here.
		if typ != recordData {
			return o.fail(alertUnexpectedMessage, "a record without protection")
		}
		plain, err = o.in.aead.Open(rec[recordHeaderLen:recordHeaderLen], o.in.nonceFor(), rec[recordHeaderLen:], rec[:recordHeaderLen])
		if err != nil {
			return o.fail(alertBadRecordMAC, "a record that does not open")
		}
		if o.in.seq++; o.in.seq >= o.limit {
			o.askForKey()
		}
		if len(plain) > maxPlaintext+1 {
			return o.fail(alertRecordOverflow, "a record with too much in it")
		}
		n := len(plain) - 1
		for n >= 0 && plain[n] == 0 {
			n--
		}
		if n < 0 {
			return o.fail(alertUnexpectedMessage, "a record without a type")
		}
		typ, plain = plain[n], plain[:n]
	} else {
		if plain, err = o.open12(rec); err != nil {
			return o.fail(alertBadRecordMAC, "a record that does not open")
		}
		if o.in.seq++; len(plain) > maxPlaintext {
			return o.fail(alertRecordOverflow, "a record with too much in it")
		}
	}
	if typ != recordData || len(plain) == 0 {
		return o.other(typ, plain)
	}
	if o.rare != nil {
		if len(o.rare.hand) > 0 {
			return o.fail(alertUnexpectedMessage, "data within a handshake message")
		}
		o.rare.data()
		o.tidy()
	}
	o.useless = 0
	data(plain)      // its capacity ends where rec ends: SealLent finds a byte to borrow
	return o.readErr // data may have released o
}

var errShort = errors.New("a record shorter than its overhead")

func (o *own) open12(rec []byte) ([]byte, error) {
	head := recordHeaderLen + int(o.explicit)
	n := len(rec) - head - tagLen
	if n < 0 {
		return nil, errShort
	}
	nonce := o.in.nonce[:]
	if o.explicit > 0 {
		copy(nonce[nonceLen-explicit12:], rec[recordHeaderLen:])
	} else {
		nonce = o.in.nonceFor()
	}
	return o.in.aead.Open(rec[head:head], nonce, rec[head:], o.aad12(o.in.seq, rec[0], n))
}

// aad12 is what a TLS 1.2 record authenticates besides its plaintext (RFC 5246
// section 6.2.3.3).
func (o *own) aad12(seq uint64, typ byte, n int) []byte {
	binary.BigEndian.PutUint64(o.aad[:], seq)
	header(o.aad[8:], typ, n)
	return o.aad[:]
}

// fail ends the connection with an alert of ours.
func (o *own) fail(code tls.AlertError, why string) error {
	o.sendAlert(code)
	return o.broken(fmt.Errorf("%w: %s: %w", ErrTLS, why, &net.OpError{Op: "local error", Err: code}))
}

// broken ends both directions: the keys have done their work.
func (o *own) broken(err error) error {
	if o.readErr == nil {
		o.readErr = err
	}
	if o.writeErr == nil {
		o.writeErr = err
	}
	o.wipe()
	return o.readErr
}

// ended ends the peer's direction only.
func (o *own) ended() error {
	o.closing = true
	o.readErr = io.EOF
	if o.writeErr != nil {
		o.wipe()
	}
	return io.EOF
}

func (o *own) release() {
	gone := fmt.Errorf("%w: %w", ErrTLS, net.ErrClosed)
	_ = o.broken(gone)
	o.writeErr = gone
	o.out0 = nil
}

// wipe overwrites the keys and gives back what else is held, except for what
// waits to be sent.
func (o *own) wipe() {
	o.in.wipe()
	o.out.wipe()
	if o.part != nil {
		partials.Put(o.part)
	}
	if o.rare != nil {
		o.rare.hand = nil
		o.rare.dropLate()
	}
	o.part, o.rare, o.have = nil, nil, 0
}
