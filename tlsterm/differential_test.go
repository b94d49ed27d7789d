package tlsterm

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// twins are both engines behind one handshake: they share keys and sequence
// numbers, so that what one does can be held against what the other does, byte
// for byte. peer speaks to them.
type twins struct {
	peer speaker
	std  *std
	own  *own
}

func newTwins(tb testing.TB, clientCfg, serverCfg *tls.Config, client bool) twins {
	tb.Helper()
	a, b := memoryConns()
	if client {
		a, b = b, a
	}
	w := twins{std: &std{wire: wire{conn: b, limit: maxServerHandshake}}}
	tap := Own.tap(w.std, client)
	cfg, start := serverCfg, tls.Server
	if client {
		cfg, start = clientCfg, tls.Client
	}
	w.std.tls = start(&w.std.wire, tap.config(cfg))
	done := make(chan error, 1)
	var peer *Conn
	go func() {
		var err error
		if client {
			peer, _, err = Server(patient(tb), a, serverCfg)
		} else {
			peer, err = Client(patient(tb), a, clientCfg)
		}
		if err != nil {
			b.cut()
		}
		done <- err
	}()
	err := w.std.handshake(patient(tb))
	if err != nil {
		a.cut()
	}
	if err := errors.Join(<-done, err); err != nil {
		tb.Fatal(err)
	}
	w.own = tap.takeOver(w.std.tls.ConnectionState())
	w.std.wire.tap = nil
	taken, isOwn := peer.records.(*own)
	if w.own == nil || !isOwn {
		tb.Fatal("not taken over")
	}
	w.own.small, taken.small = 0, 0
	w.peer = speaker{taken}
	return w
}

// stricter are our reasons to end what crypto/tls lets pass, or ends later, or
// with another alert:
//   - TLS 1.3 outer types other than data get unexpected_message (RFC 8446
//     section 5), and so does change_cipher_spec inside; crypto/tls ignores the
//     latter in both places and finds that the rest does not open;
//   - a message that is not allowed is refused by its first bytes and not kept;
//   - a KeyUpdate that is neither gets illegal_parameter (section 4.6.3), not
//     decode_error, and one before the end of its record is not answered first;
//   - a ClientHello in TLS 1.2 gets no_renegotiation;
//   - a server's tickets are looked into whether or not they can be kept.
var stricter = []string{
	"a record without protection", "a change_cipher_spec out of place", "a handshake message out of place", "KeyUpdate",
	"the peer wants to renegotiate", "session ticket",
}

// compare feeds both engines the same bytes, each in its own pieces.
func (w twins) compare(t *testing.T, said []byte, random *rand.Rand) {
	t.Helper()
	run := func(r records) (got []byte, err error) {
		rest := bytes.Clone(said)
		for len(rest) > 0 && err == nil {
			n := len(rest)
			switch random.IntN(3) {
			case 0:
				n = min(n, 1+random.IntN(20))
			case 1:
				n = min(n, 1+random.IntN(5000))
			}
			piece := rest[:n:n]
			rest = rest[n:]
			err = r.feed(piece, func(p []byte) { got = append(got, p...) })
		}
		return got, err
	}
	gotStd, errStd := run(w.std)
	gotOwn, errOwn := run(w.own)
	if errOwn != nil && slices.ContainsFunc(stricter, func(s string) bool { return strings.Contains(errOwn.Error(), s) }) {
		if !bytes.HasPrefix(gotStd, gotOwn) {
			t.Fatalf("%d bytes that crypto/tls does not have (%v)", len(gotOwn), errOwn)
		}
		return
	}
	if !bytes.Equal(gotStd, gotOwn) {
		t.Fatalf("plaintext of %d bytes (%v), crypto/tls has %d (%v)", len(gotOwn), errOwn, len(gotStd), errStd)
	}
	if (errStd == nil) != (errOwn == nil) || errors.Is(errStd, io.EOF) != errors.Is(errOwn, io.EOF) || causeLate(errStd) != causeLate(errOwn) {
		t.Fatalf("ends with %v, crypto/tls with %v", errOwn, errStd)
	}
	if toSend, want := w.own.pending(nil), w.std.pending(nil); !bytes.Equal(toSend, want) {
		t.Fatalf("wants to send\n%x (%v), crypto/tls\n%x (%v)", toSend, errOwn, want, errStd)
	}
	if errStd != nil && !errors.Is(errStd, io.EOF) {
		return
	}
	plain := text(random.IntN(40_000))
	sealedStd, errStd := w.std.seal(nil, plain, false)
	sealedOwn, errOwn := w.own.seal(nil, plain, random.IntN(2) == 0)
	if errStd != nil || errOwn != nil || !bytes.Equal(sealedStd, sealedOwn) {
		t.Fatalf("sealed differently: %v, %v", errOwn, errStd)
	}
	if endStd, endOwn := w.std.closeNotify(nil), w.own.closeNotify(nil); !bytes.Equal(endStd, endOwn) {
		t.Fatalf("close_notify\n%x, crypto/tls\n%x", endOwn, endStd)
	}
}

// causeLate is HandshakeCause without its look at what could be the beginning of
// another protocol, which a spoilt header of crypto/tls's can be taken for.
func causeLate(err error) string {
	cause := HandshakeCause(err)
	if cause == "sslv2" {
		return "protocol error"
	}
	return cause
}

// utter makes records of a script, three bytes to each.
func (w twins) utter(script []byte) [][]byte {
	var recs [][]byte
	for ; len(script) >= 3 && len(recs) < 64; script = script[3:] {
		a, b := script[1], script[2]
		n := int(binary.BigEndian.Uint16(script[1:]))
		switch script[0] % 12 {
		case 0, 1, 2:
			recs = append(recs, w.peer.data(string(text(n%(maxPlaintext+2)))))
		case 3:
			recs = append(recs, w.peer.data(string(text(int(a)))))
		case 4:
			recs = append(recs, repeatRecords(int(a)%20, func() []byte { return w.peer.data("") })...)
		case 5:
			recs = append(recs, w.peer.alert(a%4, b))
		case 6:
			recs = append(recs, w.peer.alert(1, 90*(a%2)))
		case 7:
			if w.own.v13 {
				recs = append(recs, repeatRecords(1+int(a)%18, func() []byte { return w.peer.update(b % 3 % 2) })...)
			}
		case 8: // handshake messages, possibly cut
			message := slices.Concat(ticket(int(a)), []byte{messageKeyUpdate, 0, 0, 1, b % 4})
			if a%2 == 0 {
				message = []byte{messageKeyUpdate, 0, 0, 1, b % 3, a}[:5+int(b)%2]
			}
			for p := range slices.Chunk(message, 1+int(b)%30) {
				recs = append(recs, w.peer.messages(p...))
			}
		case 9:
			recs = append(recs, w.peer.control(nil, a, b))
		case 10:
			if w.own.v13 { // padded, with a type inside
				recs = append(recs, w.peer.control(nil, 0, append(text(int(a)), append([]byte{20 + b%5}, make([]byte, b)...)...)...))
			}
		case 11:
			recs = append(recs, []byte{a, 3, 3, 0, b % 4, 1, 1, 1}[:5+b%4])
		}
	}
	return recs
}

func repeatRecords(n int, f func() []byte) [][]byte {
	recs := make([][]byte, n)
	for i := range recs {
		recs[i] = f()
	}
	return recs
}

// spoil reorders records and changes, drops and repeats bytes of them, three
// bytes of edits to each.
func spoil(recs [][]byte, edits []byte) []byte {
	for ; len(edits) >= 3 && len(recs) > 1 && edits[0]%4 == 3; edits = edits[3:] {
		i, j := int(edits[1])%len(recs), int(edits[2])%len(recs)
		recs[i], recs[j] = recs[j], recs[i]
	}
	said := slices.Concat(recs...)
	for ; len(edits) >= 3 && len(said) > 0; edits = edits[3:] {
		at := int(edits[1]) * len(said) / 256
		switch edits[0] % 4 {
		case 0:
			said[at] ^= edits[2]
		case 1:
			said = append(said[:at:at], said[min(len(said), at+int(edits[2])):]...)
		case 2:
			said = slices.Concat(said, said[at:min(len(said), at+int(edits[2]))])
		case 3:
			said = said[:at]
		}
	}
	return said
}

// differential is one comparison by script.
func differential(t *testing.T, pairs map[uint16][2]*tls.Config, seed uint64, tls13, client bool, script, edits []byte) {
	t.Helper()
	version := uint16(tls.VersionTLS12)
	if tls13 {
		version = tls.VersionTLS13
	}
	w := newTwins(t, pairs[version][0], pairs[version][1], client)
	w.compare(t, spoil(w.utter(script), edits), rand.New(rand.NewPCG(seed, 2))) //nolint:gosec // a test's
}

func differentialConfigs(tb testing.TB) map[uint16][2]*tls.Config {
	pairs := map[uint16][2]*tls.Config{}
	for _, v := range versions {
		client, server := configs(tb, v)
		pairs[v] = [2]*tls.Config{client, server}
	}
	return pairs
}

// Both engines see the same in random conversations, whole and spoilt.
func TestDifferential(t *testing.T) {
	pairs := differentialConfigs(t)
	random := rand.New(rand.NewPCG(4, 2)) //nolint:gosec // a test's
	bytesOf := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	for i := range 400 {
		script, edits := bytesOf(3*random.IntN(8)), bytesOf(3*random.IntN(3))
		if i%2 == 0 {
			edits = nil
		}
		seed := random.Uint64()
		differential(t, pairs, seed, i%4 < 2, i%3 == 0, script, edits)
		if t.Failed() {
			t.Fatalf("seed %d, %x, %x", seed, script, edits)
		}
	}
}

// FuzzDifferential looks for a conversation in which the engines differ.
func FuzzDifferential(f *testing.F) {
	f.Add(uint64(1), true, false, []byte{0, 1, 0, 7, 0, 1, 0, 2, 2}, []byte{})
	f.Add(uint64(2), true, true, []byte{8, 2, 1, 8, 1, 9, 4, 17, 0}, []byte{0, 100, 1})
	f.Add(uint64(3), false, false, []byte{3, 9, 0, 5, 1, 41, 6, 0, 0, 11, 20, 1}, []byte{1, 30, 9})
	f.Add(uint64(4), false, true, []byte{0, 64, 1, 9, 22, 0}, []byte{3, 0, 1, 2, 9, 9})
	f.Add(uint64(5), true, false, []byte{10, 5, 3, 4, 18, 0}, []byte{3, 200, 1})
	pairs := differentialConfigs(f)
	f.Fuzz(func(t *testing.T, seed uint64, tls13, client bool, script, edits []byte) {
		differential(t, pairs, seed, tls13, client, script, edits)
	})
}
