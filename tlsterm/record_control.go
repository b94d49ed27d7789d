package tlsterm

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
)

// The alerts of RFC 8446 section 6 and RFC 5246 section 7.2 that records give
// rise to.
const (
	levelWarning = 1
	levelFatal   = 2

	alertCloseNotify       = 0
	alertUnexpectedMessage = 10
	alertBadRecordMAC      = 20
	alertRecordOverflow    = 22
	alertIllegalParameter  = 47
	alertDecodeError       = 50
	alertProtocolVersion   = 70
	alertInternalError     = 80
	alertUserCanceled      = 90
	alertNoRenegotiation   = 100
)

// The handshake messages that may come after a handshake.
const (
	messageHelloRequest     = 0
	messageClientHello      = 1
	messageNewSessionTicket = 4
	messageKeyUpdate        = 24

	messageHeaderLen = 4
	// maxMessage bounds a ticket, the only message that is not short.
	maxMessage = 64 << 10
)

// maxUseless is how many records or messages in a row may bring no data.
const maxUseless = 16

// other does what a record says that carries no data.
func (o *own) other(typ byte, plain []byte) error {
	if o.v13 && typ != recordHandshake && o.rare != nil && len(o.rare.hand) > 0 {
		return o.fail(alertUnexpectedMessage, "another record within a handshake message")
	}
	switch typ {
	case recordData:
		return o.inVain()
	case recordAlert:
		return o.alert(plain)
	case recordHandshake:
		if len(plain) == 0 {
			return o.fail(alertUnexpectedMessage, "an empty handshake record")
		}
		if !o.v13 {
			return o.renegotiation(plain[0])
		}
		return o.messages(plain)
	case recordCCS:
		if !o.v13 && (len(plain) != 1 || plain[0] != 1) {
			return o.fail(alertDecodeError, "a malformed change_cipher_spec")
		}
		return o.fail(alertUnexpectedMessage, "a change_cipher_spec out of place")
	}
	return o.fail(alertUnexpectedMessage, "a record of a type out of place")
}

// inVain counts what brings nothing.
func (o *own) inVain() error {
	if o.useless++; o.useless > maxUseless {
		return o.fail(alertUnexpectedMessage, "too many records without data")
	}
	return nil
}

func (o *own) alert(b []byte) error {
	if len(b) != 2 {
		return o.fail(alertUnexpectedMessage, "a malformed alert")
	}
	level, code := b[0], b[1]
	switch {
	case code == alertCloseNotify:
		return o.ended()
	case o.v13 && code == alertUserCanceled: // it announces a close_notify
		return o.inVain()
	case !o.v13 && level == levelWarning:
		return o.inVain()
	case !o.v13 && level != levelFatal:
		return o.fail(alertUnexpectedMessage, "an alert of an unknown level")
	}
	// In TLS 1.3 the level means nothing (RFC 8446 section 6). There is no answer
	// to a fatal alert.
	return o.broken(fmt.Errorf("%w: %w", ErrTLS, &net.OpError{Op: "remote error", Err: tls.AlertError(code)}))
}

// renegotiation refuses what asks for one in TLS 1.2. The alert is a warning, and
// a peer that insists would be right to go on; we end, as crypto/tls does.
func (o *own) renegotiation(message byte) error {
	if o.client && message == messageHelloRequest || !o.client && message == messageClientHello {
		return o.fail(alertNoRenegotiation, "the peer wants to renegotiate")
	}
	return o.fail(alertUnexpectedMessage, "a handshake message out of place")
}

// messages takes handshake messages, cut over records anywhere. Nothing is kept
// of one that is not allowed: its first bytes refuse it.
func (o *own) messages(b []byte) error {
	if o.rare != nil && len(o.rare.hand) > 0 {
		o.rare.hand = append(o.rare.hand, b...)
		b = o.rare.hand
	}
	for len(b) > 0 {
		n, err := o.messageLen(b)
		if err != nil {
			return err
		}
		if len(b) < n || n == 0 {
			o.keepMessage(b)
			return nil
		}
		if err := o.message(b[:n], len(b) == n); err != nil {
			return err
		}
		b = b[n:]
	}
	if o.rare != nil {
		o.rare.hand = nil
		o.tidy()
	}
	return nil
}

// keepMessage keeps the beginning of a message, which may be kept already.
func (o *own) keepMessage(b []byte) {
	if o.rare == nil {
		o.rare = new(rare)
	}
	if len(b) < len(o.rare.hand) || len(o.rare.hand) == 0 {
		o.rare.hand = append(o.rare.hand[:0], b...)
	}
}

// messageLen returns the length of the message that b begins with, 0 if it is
// not known yet.
func (o *own) messageLen(b []byte) (int, error) {
	if b[0] != messageKeyUpdate && (b[0] != messageNewSessionTicket || !o.client) {
		return 0, o.fail(alertUnexpectedMessage, "a handshake message out of place")
	}
	if len(b) < messageHeaderLen {
		return 0, nil
	}
	n := int(b[1])<<16 | int(binary.BigEndian.Uint16(b[2:]))
	switch {
	case b[0] == messageKeyUpdate && n != 1:
		return 0, o.fail(alertDecodeError, "a malformed KeyUpdate")
	case n > maxMessage:
		return 0, o.fail(alertInternalError, "a session ticket that is too long")
	}
	return messageHeaderLen + n, nil
}

// message does what one message says; last tells that its record ends with it.
func (o *own) message(m []byte, last bool) error {
	if err := o.inVain(); err != nil {
		return err
	}
	if m[0] == messageNewSessionTicket {
		return o.ticket(m)
	}
	request := m[messageHeaderLen]
	switch {
	case request > 1:
		return o.fail(alertIllegalParameter, "a KeyUpdate that is neither")
	case !last: // what follows would be under the old key
		return o.fail(alertUnexpectedMessage, "a KeyUpdate before the end of its record")
	}
	o.asked = false
	if request == 1 && o.writeErr == nil {
		var err error
		if o.out0, err = o.rekey(o.out0, false); err != nil {
			return err
		}
	}
	if err := o.in.next(o.suite); err != nil {
		return o.fail(alertInternalError, err.Error())
	}
	return nil
}

// rekey appends to dst a KeyUpdate, with or without a request for the peer's, and
// takes the next key for what follows.
func (o *own) rekey(dst []byte, request bool) ([]byte, error) {
	wanted := byte(0)
	if request {
		wanted = 1
	}
	dst = o.control(dst, recordHandshake, messageKeyUpdate, 0, 0, 1, wanted)
	if err := o.out.next(o.suite); err != nil {
		return dst, o.broken(fmt.Errorf("%w: the next key: %w", ErrTLS, err))
	}
	return dst, nil
}

// askForKey asks the peer for a new key, once, when the old one has opened as
// many records as we would seal with one.
func (o *own) askForKey() {
	if o.asked || o.writeErr != nil {
		return
	}
	o.asked = true
	// An error has ended the connection: the next call tells.
	o.out0, _ = o.rekey(o.out0, true)
}

// sendAlert puts an alert behind what waits to be sent, unless our direction has
// ended.
func (o *own) sendAlert(code tls.AlertError) {
	if o.writeErr != nil {
		return
	}
	level := byte(levelFatal)
	if code == alertNoRenegotiation {
		level = levelWarning
	}
	o.out0 = o.control(o.out0, recordAlert, level, byte(code))
}
