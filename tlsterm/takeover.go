package tlsterm

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"sync"
)

// tap gathers, during one handshake of crypto/tls, what its record layer will
// need: the secrets, by way of the key log, and what went over the wire. There
// is one for each connection. One key log for all, looked up by the client's
// random, would let somebody who copies a random off the wire install another
// connection's secret in his own, and so have us use a nonce twice.
//
// The methods of a nil tap do nothing.
type tap struct {
	client bool

	clientSecret secret // TLS 1.3
	serverSecret secret
	master       secret // TLS 1.2, a full handshake's
	resumed      secret // TLS 1.2, the resumed session's

	in  stream
	out stream

	cached bool // a client has a place for the sessions that come later
}

// secret is empty until set.
type secret struct {
	b [maxSecret]byte
	n int
}

func (s *secret) set(b []byte)  { s.n = copy(s.b[:], b) }
func (s *secret) bytes() []byte { return s.b[:s.n] }

func (t *tap) read(b []byte) {
	if t != nil {
		t.in.follow(b, false)
	}
}

func (t *tap) wrote(b []byte) {
	if t != nil {
		t.out.follow(b, true)
	}
}

// wipe overwrites the secrets.
func (t *tap) wipe() {
	if t == nil {
		return
	}
	for _, s := range []*secret{&t.clientSecret, &t.serverSecret, &t.master, &t.resumed} {
		*s = secret{}
	}
	t.in.wipe()
	t.out.wipe()
}

// Write takes a line of the key log: a label, the client's random and a secret,
// the last two in hexadecimal. crypto/tls made the line for this call alone, so
// it can be overwritten here, against the custom of an io.Writer.
func (t *tap) Write(line []byte) (int, error) {
	defer clear(line)
	label, rest, _ := bytes.Cut(line, []byte(" "))
	_, digits, _ := bytes.Cut(bytes.TrimSuffix(rest, []byte("\n")), []byte(" "))
	var into *secret
	switch string(label) {
	case "CLIENT_TRAFFIC_SECRET_0":
		into = &t.clientSecret
	case "SERVER_TRAFFIC_SECRET_0":
		into = &t.serverSecret
	case "CLIENT_RANDOM":
		into = &t.master
	default:
		return len(line), nil
	}
	if hex.DecodedLen(len(digits)) > len(into.b) {
		return len(line), nil // a secret that no suite of ours has
	}
	n, err := hex.Decode(into.b[:], digits)
	if into.n = n; err != nil {
		into.n = 0
	}
	return len(line), nil
}

// takeOver makes the record layer that continues where crypto/tls stopped, or
// returns nil if crypto/tls has to go on: the suite is none of ours, a secret
// is not known (a TLS 1.2 session that began elsewhere), or what was seen on
// the wire does not agree with the keys.
func (t *tap) takeOver(state tls.ConnectionState) *own {
	if t == nil {
		return nil
	}
	suite := suiteOf(state.CipherSuite)
	if suite == nil {
		return nil
	}
	o := &own{suite: suite, client: t.client, small: smallRecords, limit: rekeyAfter}
	ok := false
	switch state.Version {
	case tls.VersionTLS13:
		o.v13 = true
		ok = t.takeOver13(o)
	case tls.VersionTLS12:
		ok = t.takeOver12(o, state.DidResume)
	}
	if !ok {
		o.wipe()
		return nil
	}
	return o
}

func (t *tap) takeOver13(o *own) bool {
	n := o.suite.hashLen
	if t.clientSecret.n != n || t.serverSecret.n != n {
		return false
	}
	in, out := &t.clientSecret, &t.serverSecret
	if t.client {
		in, out = out, in
	}
	if o.in.set13(o.suite, in.bytes()) != nil || o.out.set13(o.suite, out.bytes()) != nil {
		return false
	}
	// What we have sent under the traffic key (a server its ticket, in one
	// record or several) is what that key opens. Nothing has been read under the
	// peer's: its Finished ends a record, and no more was read than records.
	t.out.each(func(rec []byte) {
		if rec[0] == recordData && o.opens(rec) {
			o.out.seq++
		}
	})
	return true
}

func (t *tap) takeOver12(o *own, resumed bool) bool {
	master := &t.master
	if resumed {
		master = &t.resumed
	}
	clientRandom, serverRandom := t.in.random(), t.out.random()
	client, server := &o.in, &o.out
	if t.client {
		clientRandom, serverRandom = serverRandom, clientRandom
		client, server = server, client
	}
	if master.n != masterLen || clientRandom == nil || serverRandom == nil {
		return false
	}
	if !o.suite.chacha {
		o.explicit = explicit12
	}
	if keys12(o.suite, master.bytes(), clientRandom, serverRandom, client, server) != nil {
		return false
	}
	// A Finished may come in several records. Ours must open: that proves the
	// master secret as well as the count.
	t.out.each(func(rec []byte) {
		if o.opens(rec) {
			o.out.seq++
		}
	})
	o.in.seq = t.in.protected
	if o.out.seq != t.out.protected || o.out.seq == 0 || o.in.seq == 0 {
		return false
	}
	// crypto/tls has taken a Finished off what it read. If more was with it, it
	// knows, and will refuse the connection: left alone with it, we would not.
	overhead := uint64(o.explicit) + tagLen
	return t.in.finished.bytes == t.in.finished.records*overhead+finished12
}

// finished12 is the length of a Finished of TLS 1.2 (RFC 5246 section 7.4.9).
const finished12 = messageHeaderLen + 12

// stream follows the records of one direction of a handshake.
type stream struct {
	head [recordHeaderLen]byte
	have int // bytes of head
	left int // bytes of the record's body to come

	hello     [helloLen]byte // the beginning of the first handshake message
	helloHas  int
	ccs       bool    // a change_cipher_spec has passed
	protected uint64  // whole records behind it
	finished  sealed  // what of them is handshake
	kept      *[]byte // the records that the traffic key may have sealed; lent by flights
}

// sealed is how much lies under protection.
type sealed struct {
	records uint64
	bytes   uint64 // ciphertext, with what each record adds to its plaintext
}

// flights lends a place for what one side of a handshake sends.
var flights = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// maxFlight: larger ones are left to the collector.
const maxFlight = 32 << 10

func (s *stream) keep(b []byte) {
	if s.kept == nil {
		s.kept, _ = flights.Get().(*[]byte)
	}
	*s.kept = append(*s.kept, b...)
}

func (s *stream) wipe() {
	if s.kept != nil && cap(*s.kept) <= maxFlight {
		*s.kept = (*s.kept)[:0]
		flights.Put(s.kept)
	}
	*s = stream{}
}

// helloLen is how much of a hello is of interest: type, length, version, random.
const helloLen = 4 + 2 + randomLen

// follow takes the next bytes, cut anywhere. Of what we have sent, protected
// records are kept.
func (s *stream) follow(b []byte, sent bool) {
	for len(b) > 0 {
		if s.have < recordHeaderLen {
			n := copy(s.head[s.have:], b)
			b = b[n:]
			if s.have += n; s.have < recordHeaderLen {
				return
			}
			s.left = int(binary.BigEndian.Uint16(s.head[3:]))
			if sent && s.mayOpen() {
				s.keep(s.head[:])
			}
		}
		body := b[:min(len(b), s.left)]
		b = b[len(body):]
		s.left -= len(body)
		// A hello may be cut over records, and alerts may come before it.
		if s.head[0] == recordHandshake {
			s.helloHas += copy(s.hello[s.helloHas:], body)
		}
		if sent && s.mayOpen() {
			s.keep(body)
		}
		if s.left == 0 {
			s.end()
		}
	}
}

func (s *stream) end() {
	s.have = 0
	if s.ccs {
		s.protected++
		if s.head[0] == recordHandshake {
			s.finished.records++
			s.finished.bytes += uint64(binary.BigEndian.Uint16(s.head[3:]))
		}
	}
	s.ccs = s.ccs || s.head[0] == recordCCS
}

// mayOpen reports whether the current record may be under the traffic key.
func (s *stream) mayOpen() bool {
	return s.head[0] == recordData || s.ccs && s.head[0] == recordHandshake
}

// random returns the hello's random, or nil.
func (s *stream) random() []byte {
	if s.helloHas < helloLen {
		return nil
	}
	return s.hello[helloLen-randomLen:]
}

// each calls f with each record that was kept, which f may change.
func (s *stream) each(f func(rec []byte)) {
	if s.kept == nil {
		return
	}
	for b := *s.kept; len(b) >= recordHeaderLen; {
		n := recordHeaderLen + int(binary.BigEndian.Uint16(b[3:]))
		if n > len(b) {
			return
		}
		f(b[:n])
		b = b[n:]
	}
}
