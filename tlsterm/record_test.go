package tlsterm

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// speaker is the layer of a peer that says what it likes.
type speaker struct{ *own }

func (s speaker) data(b string) []byte      { return s.control(nil, recordData, []byte(b)...) }
func (s speaker) alert(b ...byte) []byte    { return s.control(nil, recordAlert, b...) }
func (s speaker) messages(b ...byte) []byte { return s.control(nil, recordHandshake, b...) }
func (s speaker) padding(n int) []byte {
	return s.control(nil, 0, make([]byte, n)...) // a type of zero is padding too
}

func (s speaker) update(request byte) []byte {
	rec := s.messages(messageKeyUpdate, 0, 0, 1, request)
	if err := s.out.next(s.suite); err != nil {
		panic(err)
	}
	return rec
}

func repeat(n int, f func() []byte) []byte {
	var b []byte
	for range n {
		b = append(b, f()...)
	}
	return b
}

// ticket is a NewSessionTicket whose extensions make it n bytes or more long.
func ticket(n int) []byte {
	body := []byte{0, 0, 1, 0, 0, 0, 0, 0, 1, 9, 0, 3, 'a', 'b', 'c'}
	var extension []byte
	if n > 0 {
		extension = append([]byte{0xfa, 0xfa, byte(n >> 8), byte(n)}, make([]byte, n)...)
	}
	body = append(body, byte(len(extension)>>8), byte(len(extension)))
	body = append(body, extension...)
	return append([]byte{messageNewSessionTicket, 0, byte(len(body) >> 8), byte(len(body))}, body...)
}

// pieces puts b into handshake records of n bytes.
func (s speaker) pieces(b []byte, n int) []byte {
	var out []byte
	for p := range slices.Chunk(b, n) {
		out = append(out, s.messages(p...)...)
	}
	return out
}

// What a peer may send once the handshake is done, and what it gets.
func TestAfterHandshake(t *testing.T) {
	const (
		v12, v13 = tls.VersionTLS12, tls.VersionTLS13
		both     = 0
	)
	fragment := []byte{messageKeyUpdate, 0}
	for _, c := range []struct {
		name    string
		version uint16
		client  bool // the peer that listens is a client
		say     func(s speaker) []byte
		want    string // the cause; "" is that the connection goes on, "end" its end
		told    string // the alert that the peer gets
	}{
		{"data", both, false, func(s speaker) []byte { return s.data("x") }, "", ""},
		{"an empty record", both, false, func(s speaker) []byte { return s.data("") }, "", ""},
		{"16 empty records", both, false, func(s speaker) []byte { return repeat(16, func() []byte { return s.data("") }) }, "", ""},
		{"17 empty records", both, false, func(s speaker) []byte { return repeat(17, func() []byte { return s.data("") }) }, "protocol error", "unexpected_message"},
		{"17 empty records with data between", both, false, func(s speaker) []byte {
			return append(append(repeat(16, func() []byte { return s.data("") }), s.data("x")...), s.data("")...)
		}, "", ""},
		{"nothing but padding", v13, false, func(s speaker) []byte { return s.padding(10) }, "protocol error", "unexpected_message"},
		{"nothing but one byte of padding", v13, false, func(s speaker) []byte { return s.padding(0) }, "protocol error", "unexpected_message"},
		{"padded data", v13, false, func(s speaker) []byte {
			return s.control(nil, 0, append([]byte("padded"), recordData, 0, 0, 0)...)
		}, "", ""},
		{"close_notify", both, false, func(s speaker) []byte { return s.alert(levelWarning, alertCloseNotify) }, "end", ""},
		{"close_notify as fatal", both, false, func(s speaker) []byte { return s.alert(levelFatal, alertCloseNotify) }, "end", ""},
		{"user_canceled, then close_notify", v13, false, func(s speaker) []byte {
			return append(s.alert(levelWarning, alertUserCanceled), s.alert(levelWarning, alertCloseNotify)...)
		}, "end", ""},
		{"17 times user_canceled", v13, false, func(s speaker) []byte {
			return repeat(17, func() []byte { return s.alert(levelWarning, alertUserCanceled) })
		}, "protocol error", "unexpected_message"},
		{"a warning", v12, false, func(s speaker) []byte { return s.alert(levelWarning, 41) }, "", ""},
		{"a warning", v13, false, func(s speaker) []byte { return s.alert(levelWarning, 42) }, "peer alert: bad_certificate", ""},
		{"17 warnings", v12, false, func(s speaker) []byte {
			return repeat(17, func() []byte { return s.alert(levelWarning, 41) })
		}, "protocol error", "unexpected_message"},
		{"a fatal alert", both, false, func(s speaker) []byte { return s.alert(levelFatal, 48) }, "peer alert: unknown_ca", ""},
		{"an alert of level 3", v12, false, func(s speaker) []byte { return s.alert(3, 48) }, "protocol error", "unexpected_message"},
		{"half an alert", both, false, func(s speaker) []byte { return s.alert(levelFatal) }, "protocol error", "unexpected_message"},
		{"two alerts in one record", both, false, func(s speaker) []byte { return s.alert(2, 48, 2, 48) }, "protocol error", "unexpected_message"},
		{"change_cipher_spec in the clear", both, false, func(speaker) []byte { return []byte{recordCCS, 3, 3, 0, 1, 1} }, "protocol error", "unexpected_message bad_record_mac"},
		{"change_cipher_spec", both, false, func(s speaker) []byte { return s.control(nil, recordCCS, 1) }, "protocol error", "unexpected_message"},
		{"a malformed change_cipher_spec", v12, false, func(s speaker) []byte { return s.control(nil, recordCCS, 2) }, "protocol error", "decode_error"},
		{"an alert in the clear", v13, false, func(speaker) []byte { return []byte{recordAlert, 3, 3, 0, 2, 2, 40} }, "protocol error", "unexpected_message"},
		{"an unknown type", both, false, func(s speaker) []byte { return s.control(nil, 99, 1) }, "protocol error", "unexpected_message"},
		{"another version", both, false, func(s speaker) []byte { b := s.data("x"); b[2] = 1; return b }, "protocol error", "protocol_version"},
		{"a record too long by its header", v13, false, func(speaker) []byte { return []byte{recordData, 3, 3, 0x41, 0x01} }, "protocol error", "record_overflow"},
		{"a record too long by its header", v12, false, func(speaker) []byte { return []byte{recordData, 3, 3, 0x48, 0x01} }, "protocol error", "record_overflow"},
		{"a record with a byte too many", both, false, func(s speaker) []byte { return s.data(strings.Repeat("x", maxPlaintext+1)) }, "protocol error", "record_overflow"},
		{"a full record", both, false, func(s speaker) []byte { return s.data(strings.Repeat("x", maxPlaintext)) }, "", ""},
		{"a record shorter than its tag", both, false, func(speaker) []byte { return []byte{recordData, 3, 3, 0, 3, 1, 2, 3} }, "protocol error", "bad_record_mac"},
		{"an empty body", both, false, func(speaker) []byte { return []byte{recordData, 3, 3, 0, 0} }, "protocol error", "bad_record_mac"},
		{"a record twice", both, false, func(s speaker) []byte { b := s.data("x"); return append(bytes.Clone(b), b...) }, "protocol error", "bad_record_mac"},
		{"an empty handshake record", both, false, func(s speaker) []byte { return s.messages() }, "protocol error", "unexpected_message"},

		{"a ClientHello", v12, false, func(s speaker) []byte { return s.messages(messageClientHello, 0, 0, 1, 0) }, "protocol error", ""}, // a warning: TestAlertLevels
		{"a ClientHello", v13, false, func(s speaker) []byte { return s.messages(messageClientHello, 0, 0, 1, 0) }, "protocol error", "unexpected_message"},
		{"a HelloRequest", v12, true, func(s speaker) []byte { return s.messages(messageHelloRequest, 0, 0, 0) }, "protocol error", ""}, // a warning: TestAlertLevels
		{"a HelloRequest", v13, true, func(s speaker) []byte { return s.messages(messageHelloRequest, 0, 0, 0) }, "protocol error", "unexpected_message"},
		{"a HelloRequest to a server", v12, false, func(s speaker) []byte { return s.messages(messageHelloRequest, 0, 0, 0) }, "protocol error", "unexpected_message"},
		{"a Finished", both, false, func(s speaker) []byte { return s.messages(20, 0, 0, 1, 0) }, "protocol error", "unexpected_message"},
		{"a CertificateRequest", v13, true, func(s speaker) []byte { return s.messages(13, 0, 0, 1, 0) }, "protocol error", "unexpected_message"},

		{"a KeyUpdate", v13, false, func(s speaker) []byte { return append(s.update(0), s.data("x")...) }, "", ""},
		{"16 KeyUpdates", v13, false, func(s speaker) []byte { return repeat(16, func() []byte { return s.update(1) }) }, "", ""},
		{"17 KeyUpdates", v13, false, func(s speaker) []byte { return repeat(17, func() []byte { return s.update(0) }) }, "protocol error", "unexpected_message"},
		{"a KeyUpdate byte by byte", v13, false, func(s speaker) []byte {
			b := s.pieces([]byte{messageKeyUpdate, 0, 0, 1, 0}, 1)
			if err := s.out.next(s.suite); err != nil {
				panic(err)
			}
			return append(b, s.data("x")...)
		}, "", ""},
		{"16 KeyUpdates byte by byte", v13, false, func(s speaker) []byte {
			return repeat(16, func() []byte {
				b := s.pieces([]byte{messageKeyUpdate, 0, 0, 1, 0}, 1)
				if err := s.out.next(s.suite); err != nil {
					panic(err)
				}
				return b
			})
		}, "", ""},
		{"a KeyUpdate that is neither", v13, false, func(s speaker) []byte { return s.messages(messageKeyUpdate, 0, 0, 1, 2) }, "protocol error", "illegal_parameter"},
		{"a long KeyUpdate", v13, false, func(s speaker) []byte { return s.messages(messageKeyUpdate, 0, 0, 2, 0, 0) }, "protocol error", "decode_error"},
		{"a KeyUpdate of 16 MB", v13, false, func(s speaker) []byte { return s.messages(messageKeyUpdate, 255, 255, 255) }, "protocol error", "decode_error"},
		{"two KeyUpdates in a record", v13, false, func(s speaker) []byte {
			return s.messages(messageKeyUpdate, 0, 0, 1, 0, messageKeyUpdate, 0, 0, 1, 0)
		}, "protocol error", "unexpected_message"},
		{"the beginning of a message behind a KeyUpdate", v13, false, func(s speaker) []byte {
			return s.messages(messageKeyUpdate, 0, 0, 1, 0, messageKeyUpdate)
		}, "protocol error", "unexpected_message"},
		{"data within a message", v13, false, func(s speaker) []byte { return append(s.messages(fragment...), s.data("x")...) }, "protocol error", "unexpected_message"},
		{"an empty record within a message", v13, false, func(s speaker) []byte { return append(s.messages(fragment...), s.data("")...) }, "protocol error", "unexpected_message"},
		{"an alert within a message", v13, false, func(s speaker) []byte {
			return append(s.messages(fragment...), s.alert(levelWarning, alertCloseNotify)...)
		}, "protocol error", "unexpected_message"},

		{"a ticket to a server", v13, false, func(s speaker) []byte { return s.messages(ticket(0)...) }, "protocol error", "unexpected_message"},
		{"a ticket", v13, true, func(s speaker) []byte { return s.messages(ticket(0)...) }, "", ""},
		{"a ticket", v12, true, func(s speaker) []byte { return s.messages(ticket(0)...) }, "protocol error", "unexpected_message"},
		{"a ticket and a half, and the rest", v13, true, func(s speaker) []byte {
			two := append(ticket(0), ticket(0)...)
			return append(s.messages(two[:len(two)-7]...), s.messages(two[len(two)-7:]...)...)
		}, "", ""},
		{"a ticket, then a KeyUpdate", v13, true, func(s speaker) []byte {
			b := s.messages(append(ticket(0), messageKeyUpdate, 0, 0, 1, 1)...)
			if err := s.out.next(s.suite); err != nil {
				panic(err)
			}
			return append(b, s.data("x")...)
		}, "", ""},
		{"a ticket of 60,000 bytes in small pieces", v13, true, func(s speaker) []byte { return s.pieces(ticket(60_000), 500) }, "", ""},
		{"a ticket of 16 MB", v13, true, func(s speaker) []byte { return s.messages(messageNewSessionTicket, 255, 255, 255) }, "protocol error", "internal_error"},
		{"a malformed ticket", v13, true, func(s speaker) []byte { return s.messages(messageNewSessionTicket, 0, 0, 2, 0, 0) }, "protocol error", "decode_error"},
		{"17 tickets", v13, true, func(s speaker) []byte { return repeat(17, func() []byte { return s.messages(ticket(0)...) }) }, "protocol error", "unexpected_message"},
	} {
		for _, version := range versions {
			if c.version != both && c.version != version {
				continue
			}
			for _, suite := range suitesBench {
				if suite.version != version || strings.Contains(suite.name, "256") {
					continue
				}
				for _, piece := range []int{1 << 20, 1, 1000} {
					if piece == 1 && strings.Contains(c.name, "60,000") {
						continue
					}
					t.Run(fmt.Sprintf("%s, %s, in %d", c.name, tls.CipherSuiteName(suite.suite), piece), func(t *testing.T) {
						client, server := ownPair(t, version, suite.suite)
						peer, us := client, server
						if c.client {
							peer, us = server, client
						}
						checkAnswer(t, peer, us, c.say(speaker{peer}), piece, c.want, c.told)
					})
				}
			}
		}
	}
}

// checkAnswer feeds us what the peer says, in pieces, and the peer what we answer.
func checkAnswer(t *testing.T, peer, us *own, said []byte, piece int, want, told string) {
	t.Helper()
	var err error
	for p := range slices.Chunk(said, piece) {
		if err = us.feed(bytes.Clone(p), func([]byte) {}); err != nil {
			break
		}
	}
	got := HandshakeCause(err)
	if errors.Is(err, io.EOF) {
		got = "end"
	}
	if got != want || (want == "end") != us.closed() {
		t.Fatalf("%q (%v), want %q", got, err, want)
	}
	answer := us.pending(nil)
	// What we answered is under our first key: the peer has not been told of others.
	err = peer.feed(answer, func(p []byte) { t.Errorf("data %q", p) })
	if heard := strings.TrimPrefix(HandshakeCause(err), "peer alert: "); (told == "") != (heard == "") || !strings.Contains(told, heard) {
		t.Errorf("the peer is told %q (%v), want %q", heard, err, told)
	}
	if want == "" { // both directions go on
		ends := [2]*Conn{{records: peer}, {records: us}}
		if err := errors.Join(say(ends[0], ends[1]), say(ends[1], ends[0])); err != nil {
			t.Error(err)
		}
		return
	}
	if again := us.feed([]byte("more"), nil); !errors.Is(again, us.readErr) {
		t.Errorf("then %v", again)
	}
	if us.rare != nil || us.part != nil {
		t.Error("something is held after the end")
	}
	if _, err := us.seal(nil, []byte("x"), false); (err == nil) != (want == "end") || err != nil && !errors.Is(err, ErrTLS) {
		t.Errorf("sealed after the end: %v", err)
	}
	if want != "end" && (us.in != (half{}) || us.out != (half{})) {
		t.Error("the keys are still there")
	}
}

// The alert that refuses to renegotiate is a warning (RFC 5246 section 7.2.2),
// all others that we send are fatal.
func TestAlertLevels(t *testing.T) {
	for message, want := range map[byte][]byte{messageClientHello: {levelWarning, alertNoRenegotiation}, 20: {levelFatal, alertUnexpectedMessage}} {
		client, server := ownPair(t, tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
		if err := server.feed(speaker{client}.messages(message), nil); err == nil {
			t.Fatal("no error")
		}
		alert, err := client.open12(server.out0)
		if err != nil || !bytes.Equal(alert, want) {
			t.Errorf("%d, %v, want %d", alert, err, want)
		}
	}
}

// A key is changed before it has sealed 2^24 records, with the records in order;
// the peer is asked to change its own when that is as old, once.
func TestKeyLimit(t *testing.T) {
	client, server := ownPair(t, tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256)
	client.limit = 10
	first := client.out.secret
	ends := [2]*Conn{{records: client}, {records: server}}
	for range 20 {
		if err := errors.Join(say(ends[0], ends[1]), say(ends[1], ends[0])); err != nil {
			t.Fatal(err)
		}
		if client.out.seq > client.limit {
			t.Fatalf("%d records under one key", client.out.seq)
		}
		// What the client asked for in vain is answered here.
		if err := server.feed(client.pending(nil), nil); err != nil {
			t.Fatal(err)
		}
		if err := client.feed(server.pending(nil), nil); err != nil {
			t.Fatal(err)
		}
	}
	if client.out.secret == first || server.out.seq > client.limit+10 {
		t.Errorf("the server has sealed %d records", server.out.seq)
	}
	if 1<<24 <= rekeyAfter || rekeyAfter < 1<<23 {
		t.Errorf("the limit is %d", rekeyAfter)
	}
	// One large Seal with the change in the middle, into memory that just fits.
	client, server = ownPair(t, tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256)
	client.limit = 3
	want := text(5 * maxPlaintext)
	sealed, err := client.seal(nil, want, true)
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	if err := server.feed(sealed, func(p []byte) { got = append(got, p...) }); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if client.out.seq != 2 { // of five, three were under the first key
		t.Errorf("%d records under the new key", client.out.seq)
	}
	// The peer is asked once, however much it goes on.
	server.limit = 2
	for range 5 {
		if err := server.feed(client.control(nil, recordData, 'x'), func([]byte) {}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(server.pending(nil)); n != keyUpdateLen {
		t.Errorf("%d bytes ask for a key", n)
	}
}

// suiteIn is a suite of each version.
var suiteIn = map[uint16]uint16{
	tls.VersionTLS12: tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.VersionTLS13: tls.TLS_AES_128_GCM_SHA256,
}

// After our close_notify nothing of ours follows it, and the peer is still heard.
func TestAfterCloseNotify(t *testing.T) {
	for _, version := range versions {
		client, server := ownPair(t, version, suiteIn[version])
		end := server.closeNotify(nil)
		said := speaker{client}.data("x")
		if version == tls.VersionTLS13 {
			said = append(said, speaker{client}.update(1)...)
		}
		said = append(said, speaker{client}.data("y")...)
		var got []byte
		if err := server.feed(said, func(p []byte) { got = append(got, p...) }); err != nil || string(got) != "xy" {
			t.Errorf("%q, %v", got, err)
		}
		if out := server.pending(nil); len(out) != 0 {
			t.Errorf("%d bytes behind our close_notify", len(out))
		}
		if err := client.feed(end, nil); !errors.Is(err, io.EOF) || !client.closed() || server.closed() {
			t.Errorf("%v", err)
		}
		if err := server.feed(client.closeNotify(nil), nil); !errors.Is(err, io.EOF) || !server.closed() {
			t.Errorf("%v", err)
		}
		for _, o := range []*own{client, server} {
			if o.in != (half{}) || o.out != (half{}) {
				t.Error("both directions have ended and the keys are still there")
			}
		}
	}
}

// A socket that ends before the close_notify is told from one that ends after.
func TestTruncationIsTold(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16, e engines) {
		client, server := e.established(t, version)
		sealed := client.CloseNotify(seal(t, client, []byte("x")))
		if err := server.Feed(sealed[:len(sealed)-1], func([]byte) {}); err != nil || server.Closed() {
			t.Fatalf("%v, closed %v", err, server.Closed())
		}
		if err := server.Feed(sealed[len(sealed)-1:], nil); !errors.Is(err, io.EOF) || !server.Closed() {
			t.Errorf("%v, closed %v", err, server.Closed())
		}
	})
}

// SealLent puts back what it borrows, reads nothing behind the capacity, and
// seals the same as Seal.
func TestSealLent(t *testing.T) {
	for _, s := range suitesBench {
		for _, n := range []int{1, 100, smallPlain, smallPlain + 1, maxPlaintext, 3*maxPlaintext + 7} {
			lender, receiver := ownPair(t, s.version, s.suite)
			copier, _ := ownPair(t, s.version, s.suite)
			lender.small, copier.small = smallRecords, smallRecords
			memory := text(n + 2)
			before := bytes.Clone(memory)
			lent, err := lender.seal([]byte("dst"), memory[:n], true)
			if err != nil || !bytes.Equal(memory, before) {
				t.Fatalf("%d bytes: %v, or the memory was changed", n, err)
			}
			kept, err := copier.seal([]byte("dst"), before[:n:n], true)
			if err != nil || !bytes.Equal(lent, kept) {
				t.Fatalf("%d bytes: %v, or another result without the byte behind", n, err)
			}
			var got []byte
			if err := receiver.feed(lent[3:], func(p []byte) { got = append(got, p...) }); err != nil || !bytes.Equal(got, before[:n]) {
				t.Fatalf("%d bytes: %d, %v", n, len(got), err)
			}
		}
	}
}

// Feed decrypts in place: the plaintext lies where the ciphertext was, cannot
// grow into the next record, has a byte behind it for SealLent to borrow, and no
// byte outside of the slice is touched.
func TestInPlace(t *testing.T) {
	for _, s := range suitesBench {
		sender, receiver := ownPair(t, s.version, s.suite)
		sealed := append(speaker{sender}.data("one"), speaker{sender}.data("two")...)
		memory := append(append([]byte("before"), sealed...), "behind"...)
		in := memory[6 : 6+len(sealed)]
		var got []string
		err := receiver.feed(in, func(p []byte) {
			got = append(got, string(p))
			if cap(p) == len(p) || &p[0] != &in[bytes.Index(in, p)] {
				t.Errorf("%q is not in place, or has room for %d bytes", p, cap(p))
			}
			for range 100 { // as far as there is room, and then elsewhere
				p = append(p, 0xAA)
			}
		})
		if err != nil || !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("%q, %v", got, err)
		}
		if !bytes.HasPrefix(memory, []byte("before")) || !bytes.HasSuffix(memory, []byte("behind")) {
			t.Error("bytes outside were changed")
		}
	}
}

// An own connection allocates nothing for a record, whole or in pieces, and holds
// nothing between records.
func TestOwnAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool drops what it is given, at random")
	}
	for _, s := range suitesBench {
		for _, size := range recordSizes {
			for _, cut := range []int{0, 3, 100} {
				sender, receiver := ownPair(t, s.version, s.suite)
				plain := text(size + 1)[:size]
				dst := make([]byte, 0, 32<<10)
				data := func([]byte) {}
				n := testing.AllocsPerRun(200, func() {
					var err error
					if dst, err = sender.seal(dst[:0], plain, cut == 0); err != nil {
						t.Fatal(err)
					}
					if err := errors.Join(receiver.feed(dst[:cut], data), receiver.feed(dst[cut:], data)); err != nil {
						t.Fatal(err)
					}
				})
				if n != 0 {
					t.Errorf("%d bytes cut at %d%s: %v allocations", size, cut, s.name, n)
				}
				if receiver.part != nil || receiver.rare != nil || receiver.have != 0 || receiver.out0 != nil {
					t.Error("an idle connection holds something")
				}
			}
		}
	}
}
