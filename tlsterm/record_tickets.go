package tlsterm

import (
	"encoding/binary"
	"fmt"
	"time"
)

// extensionEarlyData says how much early data a ticket allows. We send none.
const extensionEarlyData = 42

// maxTicketLifetime is a session ticket's, in seconds (RFC 8446 section 4.6.1).
const maxTicketLifetime = uint32(7 * 24 * time.Hour / time.Second)

// ticket takes a TLS 1.3 NewSessionTicket, which a server gives its client for
// the next time.
func (o *own) ticket(m []byte) error {
	lifetime, label, ok := parseTicket(m[messageHeaderLen:])
	switch {
	case !ok:
		return o.fail(alertDecodeError, "a malformed session ticket")
	case o.rare == nil || o.rare.late == nil || lifetime == 0:
		return nil
	case lifetime > maxTicketLifetime:
		return o.fail(alertIllegalParameter, "a session ticket for too long a time")
	case len(label) == 0:
		return o.fail(alertDecodeError, "an empty session ticket")
	}
	if err := o.rare.late.take(o.suite, m); err != nil {
		return o.fail(alertInternalError, err.Error())
	}
	if o.rare.late.tickets >= maxTickets {
		o.rare.dropLate()
	}
	return nil
}

// parseTicket reads a NewSessionTicket's body (RFC 8446 section 4.6.1).
func parseTicket(b []byte) (lifetime uint32, label []byte, ok bool) {
	if len(b) < 9 {
		return 0, nil, false
	}
	lifetime = binary.BigEndian.Uint32(b)
	_, b, ok = cutVector(b[8:], 1) // behind the age: the nonce
	if ok {
		label, b, ok = cutVector(b, 2)
	}
	if ok {
		b, ok = endVector(b)
	}
	for ok && len(b) > 0 { // extensions: a type and what it holds
		if len(b) < 2 {
			return 0, nil, false
		}
		kind := binary.BigEndian.Uint16(b)
		var held []byte
		held, b, ok = cutVector(b[2:], 2)
		ok = ok && (kind != extensionEarlyData || len(held) == 4)
	}
	return lifetime, label, ok
}

// cutVector reads what a length of so many bytes announces.
func cutVector(b []byte, size int) (vector, rest []byte, ok bool) {
	if len(b) < size {
		return nil, nil, false
	}
	n := int(b[0])
	if size == 2 {
		n = n<<8 | int(b[1])
	}
	if b = b[size:]; len(b) < n {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// endVector is cutVector for one that nothing may follow.
func endVector(b []byte) (vector []byte, ok bool) {
	vector, rest, ok := cutVector(b, 2)
	return vector, ok && len(rest) == 0
}

const (
	// A server gives its tickets at once. What has not come with the first
	// data is not waited for long, for it costs crypto/tls's whole connection.
	maxTickets    = 4
	maxTicketWait = 16
)

// lateTickets is crypto/tls's connection, kept by a client that has a session
// cache until the tickets have come: only crypto/tls can make sessions of them.
// It is given the tickets and nothing else, in records sealed again under the
// first of the server's keys, so that they are next to each other for it
// wherever they really came. These records go nowhere.
type lateTickets struct {
	std     *std
	key     half
	tickets int
	waited  int
}

func (o *own) keepTickets(s *std) {
	if !o.v13 {
		return // its ticket was part of the handshake
	}
	l := &lateTickets{std: s}
	if l.key.set13(o.suite, o.in.secret[:o.suite.hashLen]) == nil {
		o.rare = &rare{late: l}
	}
}

func (r *rare) dropLate() {
	if r.late != nil {
		r.late.key.wipe()
		r.late = nil
	}
}

// data is told of data, and ends the wait for tickets if it has been long
// enough.
func (r *rare) data() {
	if l := r.late; l != nil {
		if l.waited++; l.tickets > 0 || l.waited > maxTicketWait {
			r.dropLate()
		}
	}
}

// tidy gives back what is not needed.
func (o *own) tidy() {
	if r := o.rare; r != nil && r.late == nil && len(r.hand) == 0 {
		o.rare = nil
	}
}

func (l *lateTickets) take(suite *aeadSuite, m []byte) error {
	l.tickets++
	again := own{suite: suite, v13: true, out: l.key}
	var sealed []byte
	for len(m) > 0 {
		n := min(len(m), maxPlaintext)
		sealed = again.control(sealed, recordHandshake, m[:n]...)
		m = m[n:]
	}
	l.key.seq = again.out.seq
	if err := l.std.feed(sealed, func([]byte) {}); err != nil {
		return fmt.Errorf("crypto/tls refuses a session ticket: %w", err)
	}
	return nil
}
