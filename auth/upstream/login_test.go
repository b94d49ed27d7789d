package upstream

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	franzscram "github.com/twmb/franz-go/pkg/sasl/scram"
)

// broker answers a Login's frames. The messages of the mechanism are given; what
// the client says is kept.
type broker struct {
	version   int16 // of SaslAuthenticate, the highest it knows; -1: none
	handshake int16 // error code
	messages  []string
	code      int16 // of the last answer
	text      string
	lifetime  int64

	said  []string
	heads []string
}

func (b *broker) answer(t testing.TB, frame []byte) []byte {
	t.Helper()
	if int(binary.BigEndian.Uint32(frame)) != len(frame)-4 {
		t.Fatalf("the frame %x", frame)
	}
	key, version := int16(binary.BigEndian.Uint16(frame[4:])), int16(binary.BigEndian.Uint16(frame[6:]))
	b.heads = append(b.heads, fmt.Sprintf("%s v%d", kmsg.NameForKey(key), version))
	client := int(binary.BigEndian.Uint16(frame[12:]))
	if got := string(frame[14 : 14+client]); got != "postern" {
		t.Errorf("the client id is %q", got)
	}
	request := kmsg.RequestForKey(key)
	request.SetVersion(version)
	body := frame[14+client:]
	if request.IsFlexible() {
		body = body[1:]
	}
	if err := request.ReadFrom(body); err != nil {
		t.Fatal(err)
	}
	response := request.ResponseKind()
	switch r := response.(type) {
	case *kmsg.ApiVersionsResponse:
		r.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: 17, MaxVersion: 1}}
		if b.version >= 0 {
			r.ApiKeys = append(r.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: 36, MaxVersion: b.version})
		}
	case *kmsg.SASLHandshakeResponse:
		r.ErrorCode, r.SupportedMechanisms = b.handshake, []string{"PLAIN", "GSSAPI"}
	case *kmsg.SASLAuthenticateResponse:
		b.said = append(b.said, string(request.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes))
		if len(b.said) <= len(b.messages) {
			r.SASLAuthBytes = []byte(b.messages[len(b.said)-1])
		}
		if len(b.said) >= len(b.messages) && b.code != 0 {
			r.ErrorCode, r.ErrorMessage = b.code, &b.text
		}
		r.SessionLifetimeMillis = b.lifetime
	}
	out := []byte{0, 0, 0, 0}
	out = append(out, frame[8:12]...)
	if response.IsFlexible() && key != 18 {
		out = append(out, 0)
	}
	out = response.AppendTo(out)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

// run drives a login, the broker's answers cut by chop.
func run(t testing.TB, l *Login, b *broker, chop func([]byte) [][]byte) error {
	t.Helper()
	send, done, err := l.Next(nil)
	for err == nil && !done {
		if len(send) == 0 {
			t.Fatal("the login waits, and so does the broker")
		}
		answer := b.answer(t, send)
		send = nil
		for _, piece := range chop(answer) {
			if send != nil || done {
				t.Fatal("the login went on before it had the whole answer")
			}
			piece = bytes.Clone(piece)
			send, done, err = l.Next(piece)
			for i := range piece { // nothing may have been kept
				piece[i] = 0xA5
			}
			if err != nil {
				break
			}
		}
	}
	return err
}

func whole(b []byte) [][]byte { return [][]byte{b} }

func bytewise(b []byte) (pieces [][]byte) {
	for i := range b {
		pieces = append(pieces, b[i:i+1])
	}
	return pieces
}

// chops are ways to cut an answer.
func chops(b []byte) (all []func([]byte) [][]byte) {
	all = append(all, whole, bytewise)
	for n := range b {
		all = append(all, func(b []byte) [][]byte {
			if k := min(n, len(b)-1); k > 0 {
				return [][]byte{b[:k], b[k:]}
			}
			return whole(b)
		})
	}
	return all
}

func scramCredentials(mechanism, user, password string) Credentials {
	return Credentials{Mechanism: mechanism, Username: user, password: password, keys: new(keyCache)}
}

// The example of RFC 7677, section 3.
const (
	rfcNonce  = "rOprNGfwEbeRWgbNEkqO"
	rfcFirst  = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	rfcAnswer = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	rfcFinal  = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
)

func begin(t testing.TB, c Credentials) *Login {
	t.Helper()
	l, err := c.begin("postern", rfcNonce)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestDialogues(t *testing.T) {
	oauth := Credentials{Mechanism: OAuthBearer, Extensions: map[string]string{"b": "2", "a": "1"}}.WithBearer("ey.J.x")
	for name, c := range map[string]struct {
		c        Credentials
		messages []string
		want     []string
	}{
		"plain":        {Credentials{Mechanism: Plain, Username: "ä", password: "p=,"}, []string{""}, []string{"\x00ä\x00p=,"}},
		"scram":        {scramCredentials(ScramSHA256, "user", "pencil"), []string{rfcFirst, rfcFinal}, []string{"n,,n=user,r=" + rfcNonce, rfcAnswer}},
		"scram, more":  {scramCredentials(ScramSHA256, "user", "pencil"), []string{rfcFirst, rfcFinal + ",x=y"}, []string{"n,,n=user,r=" + rfcNonce, rfcAnswer}},
		"oauth bearer": {oauth, []string{""}, []string{"n,,\x01auth=Bearer ey.J.x\x01a=1\x01b=2\x01\x01"}},
	} {
		for version := range int16(4) {
			longest := bytes.Repeat([]byte("x"), 120)
			for i, chop := range chops(longest) {
				if i > 1 && version == 3 {
					break
				}
				b := &broker{version: version, messages: c.messages, lifetime: 60_000}
				l := begin(t, c.c)
				if err := run(t, l, b, chop); err != nil {
					t.Fatalf("%s v%d: %v", name, version, err)
				}
				if got := fmt.Sprintf("%q", b.said); got != fmt.Sprintf("%q", c.want) {
					t.Fatalf("%s v%d: said %s, want %q", name, version, got, c.want)
				}
				if got := b.heads[len(b.heads)-1]; got != fmt.Sprintf("SASLAuthenticate v%d", min(version, 2)) {
					t.Errorf("%s: %s at a broker that knows v%d", name, got, version)
				}
				if want := time.Minute; version > 0 && l.Lifetime() != want || version == 0 && l.Lifetime() != 0 {
					t.Errorf("%s v%d: lifetime %v", name, version, l.Lifetime())
				}
				if _, done, err := l.Next(nil); !done || err != nil {
					t.Errorf("%s: a login that is done: %v, %v", name, done, err)
				}
				if _, _, err := l.Next([]byte{0}); !errors.Is(err, unasked) {
					t.Errorf("%s: a byte after the end: %v", name, err)
				}
			}
		}
	}
}

// TestAgain: a login that renews another begins with the handshake.
func TestAgain(t *testing.T) {
	b := &broker{version: 3, messages: []string{rfcFirst, rfcFinal}, lifetime: 60_000}
	l := begin(t, scramCredentials(ScramSHA256, "user", "pencil"))
	l.Again()
	if err := run(t, l, b, bytewise); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(b.heads, ", "), "SASLHandshake v1, SASLAuthenticate v1, SASLAuthenticate v1"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	if l.Lifetime() != time.Minute {
		t.Errorf("lifetime %v", l.Lifetime())
	}
}

// TestAgreement: franz-go's SCRAM says the same, for both hashes, with names
// that must be escaped and with delegation tokens.
func TestAgreement(t *testing.T) {
	raw := []byte("twelve bytes")
	nonce := base64.RawStdEncoding.EncodeToString(raw)
	for _, token := range []bool{false, true} {
		for _, mechanism := range []string{ScramSHA256, ScramSHA512} {
			c := scramCredentials(mechanism, "a=b,c ü\u00ad", "pass\u2168 word")
			c.Token = token
			auth := franzscram.Auth{User: c.Username, Pass: c.password, Nonce: raw, IsToken: token}
			theirs := auth.AsSha256Mechanism()
			if mechanism == ScramSHA512 {
				theirs = auth.AsSha512Mechanism()
			}
			session, first, err := theirs.Authenticate(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time out of the cache
				ours := newScram(c, nonce)
				if got := ours.first(); !bytes.Equal(got, first) {
					t.Fatalf("%s token=%v: first %q, want %q", mechanism, token, got, first)
				}
				server := []byte("r=" + nonce + "more,s=c2FsdA==,i=5000")
				_, want, err := session.Challenge(server)
				if err != nil {
					t.Fatal(err)
				}
				if got, _, err := ours.next(server); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%s token=%v: %q, %v; want %q", mechanism, token, got, err, want)
				}
				if session, _, err = theirs.Authenticate(t.Context(), ""); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// A salt or a number of iterations that changed is not answered out of the cache.
func TestKeysFollowTheSalt(t *testing.T) {
	c := scramCredentials(ScramSHA256, "user", "pencil")
	for _, rest := range []string{"s=c2FsdA==,i=4096", "s=U2FsdA==,i=4096", "s=U2FsdA==,i=4097", "s=c2FsdA==,i=4096"} {
		var proofs [2]string
		for i, c := range []Credentials{c, scramCredentials(ScramSHA256, "user", "pencil")} {
			s := newScram(c, "n")
			s.first()
			got, _, err := s.next([]byte("r=nn," + rest))
			if err != nil {
				t.Fatal(err)
			}
			proofs[i] = string(got)
		}
		if proofs[0] != proofs[1] {
			t.Errorf("%s: %s out of the cache, %s without", rest, proofs[0], proofs[1])
		}
	}
}

func TestRefusals(t *testing.T) {
	pencil := scramCredentials(ScramSHA256, "user", "pencil")
	simple := Credentials{Mechanism: Plain, Username: "a", password: "hush"}
	oauth := Credentials{Mechanism: OAuthBearer}.WithBearer("hush")
	first := func(change func(string) string) []string { return []string{change(rfcFirst), rfcFinal} }
	replace := func(old, new string) []string {
		return first(func(s string) string { return strings.Replace(s, old, new, 1) })
	}
	for name, c := range map[string]struct {
		c     Credentials
		b     broker
		cause Cause
		want  string
	}{
		"wrong password":  {simple, broker{code: 58, text: "Invalid username\x00or password", messages: []string{""}}, Refused, "Invalid username or password"},
		"no text":         {simple, broker{code: 58, messages: []string{""}}, Refused, "error 58"},
		"another code":    {simple, broker{code: 34, text: "no", messages: []string{""}}, Malformed, "no"},
		"long text":       {simple, broker{code: 58, text: strings.Repeat("ü", 5000), messages: []string{""}}, Refused, "ü…"},
		"no mechanism":    {pencil, broker{handshake: 33}, NoMechanism, "does not offer SCRAM-SHA-256, but PLAIN, GSSAPI"},
		"no SASL":         {pencil, broker{handshake: 34}, NoSASL, "has no SASL"},
		"handshake fails": {pencil, broker{handshake: -1}, Malformed, "error -1"},
		"old broker":      {pencil, broker{version: -1}, Unsupported, "older than Kafka 1.0"},
		"user unknown":    {pencil, broker{messages: []string{"e=unknown-user"}}, Malformed, "not a nonce"},
		"refused proof":   {pencil, broker{messages: []string{rfcFirst, "e=invalid-proof"}}, Refused, "invalid-proof"},
		"impostor":        {pencil, broker{messages: []string{rfcFirst, "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="}}, Impostor, "does not know the password"},
		"no signature":    {pencil, broker{messages: []string{rfcFirst, ""}}, Malformed, "no signature"},
		"short signature": {pencil, broker{messages: []string{rfcFirst, "v="}}, Impostor, "signature"},
		"own nonce only":  {pencil, broker{messages: replace("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "")}, Malformed, "nonce"},
		"another nonce":   {pencil, broker{messages: replace("r=r", "r=s")}, Malformed, "nonce"},
		"few iterations":  {pencil, broker{messages: replace("4096", "4095")}, Malformed, "iterations"},
		"many iterations": {pencil, broker{messages: replace("4096", "2147483647")}, Malformed, "iterations"},
		"no iterations":   {pencil, broker{messages: replace("4096", "")}, Malformed, "iterations"},
		"bad salt":        {pencil, broker{messages: replace("W22Z", "!")}, Malformed, "salt"},
		"no salt":         {pencil, broker{messages: replace("W22ZaJ0SNY7soEsUEjb6gQ==", "")}, Malformed, "salt"},
		"mandatory ext":   {pencil, broker{messages: first(func(s string) string { return "m=x," + s })}, Malformed, "not a nonce"},
		"token refused":   {oauth, broker{messages: []string{`{"status":"invalid_token"}`, ""}, code: 58, text: "expired"}, Refused, `expired ({"status":"invalid_token"})`},
		"said twice":      {oauth, broker{messages: []string{`{"status":"x"}`, ""}, code: 58, text: `{"status":"x"}`}, Refused, `refused: {"status":"x"}`},
		"refused, yet ok": {oauth, broker{messages: []string{`{"status":"invalid_token"}`, ""}}, Refused, `invalid_token`},
		"spaces refused":  {oauth, broker{messages: []string{" ", ""}}, Refused, "no reason"},
	} {
		t.Run(name, func(t *testing.T) {
			l := begin(t, c.c)
			if c.b.version == 0 {
				c.b.version = 2
			}
			err := run(t, l, &c.b, whole)
			var e *Error
			if !errors.As(err, &e) || e.Cause != c.cause || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("%v; want %s: %s", err, c.cause, c.want)
			}
			if len(err.Error()) > 2*textLimit+100 || strings.ContainsRune(err.Error(), 0) {
				t.Errorf("the broker's text is shown as it came: %q", err)
			}
			if _, done, again := l.Next(nil); !errors.Is(again, err) || done {
				t.Errorf("asked again: %v, want the same error", again)
			}
		})
	}
}

// What is no answer at all.
func TestHostileFrames(t *testing.T) {
	for name, frame := range map[string]string{
		"TLS alert":     "\x15\x03\x03\x00\x02\x02\x28",
		"HTTP":          "HTTP/1.1 400 Bad Request\r\n",
		"empty frame":   "\x00\x00\x00\x00",
		"no id":         "\x00\x00\x00\x03abc",
		"too long":      "\x00\x01\x00\x01",
		"negative":      "\xff\xff\xff\xff",
		"another id":    "\x00\x00\x00\x0a\x00\x00\x00\x63\x00\x00\x00\x00\x00\x00",
		"two answers":   "\x00\x00\x00\x0a\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00",
		"short":         "\x00\x00\x00\x05\x00\x00\x00\x01\x00",
		"endless array": "\x00\x00\x00\x0a\x00\x00\x00\x01\x00\x00\x7f\xff\xff\xff",
		"error":         "\x00\x00\x00\x0a\x00\x00\x00\x01\x00\x23\x00\x00\x00\x00",
	} {
		for _, chop := range []func([]byte) [][]byte{whole, bytewise} {
			l := begin(t, Credentials{Mechanism: Plain, Username: "a", password: "b"})
			if _, _, err := l.Next(nil); err != nil {
				t.Fatal(err)
			}
			var err error
			for _, piece := range chop([]byte(frame)) {
				if _, _, err = l.Next(piece); err != nil {
					break
				}
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestBeginRefuses(t *testing.T) {
	for name, c := range map[string]Credentials{
		"no mechanism":      {},
		"no token":          {Mechanism: OAuthBearer},
		"token with a ^A":   Credentials{Mechanism: OAuthBearer}.WithBearer("a\x01b"),
		"token of a line":   Credentials{Mechanism: OAuthBearer}.WithBearer("a\nb"),
		"token too long":    Credentials{Mechanism: OAuthBearer}.WithBearer(strings.Repeat("a", maxToken+1)),
		"scram nobody made": {Mechanism: ScramSHA256, Username: "a"},
	} {
		if _, err := c.Begin("postern"); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// FuzzLogin lets the fuzzer be the broker. Whatever it says, cut or whole, the
// login ends the same; and it is done with SCRAM only for who has the password.
func FuzzLogin(f *testing.F) {
	record := func(kind uint8, b *broker, c Credentials) {
		var all []byte
		l := begin(f, c)
		err := run(f, l, b, func(answer []byte) [][]byte {
			all = append(all, answer...)
			return whole(answer)
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(kind, all)
	}
	people := []Credentials{
		{Mechanism: Plain, Username: "user", password: "pencil"},
		scramCredentials(ScramSHA256, "user", "pencil"),
		Credentials{Mechanism: OAuthBearer}.WithBearer("pencil"),
	}
	record(0, &broker{version: 0, messages: []string{""}}, people[0])
	record(1, &broker{version: 2, messages: []string{rfcFirst, rfcFinal}}, people[1])
	record(2, &broker{version: 1, messages: []string{""}, lifetime: 1 << 62}, people[2])
	f.Fuzz(func(t *testing.T, kind uint8, stream []byte) {
		c := people[int(kind)%len(people)]
		one, two := begin(t, c), begin(t, c)
		said, done, err := feed(one, frames(stream))
		said2, done2, err2 := feed(two, chopped(frames(stream)))
		if done != done2 || fmt.Sprint(err) != fmt.Sprint(err2) || said != said2 || one.Lifetime() != two.Lifetime() {
			t.Errorf("whole: %q %v %v; cut: %q %v %v", said, done, err, said2, done2, err2)
		}
		if done && c.Mechanism == ScramSHA256 && !bytes.Contains(stream, []byte("v=")) {
			t.Error("a login is done without the broker's signature")
		}
		if strings.Contains(fmt.Sprint(err), "pencil") && !bytes.Contains(stream, []byte("pencil")) {
			t.Error("the error shows the password")
		}
	})
}

// frames cuts a stream where its size prefixes say so.
func frames(b []byte) (all [][]byte) {
	for len(b) >= 4 {
		n := 4 + int64(binary.BigEndian.Uint32(b))
		if n > int64(len(b)) {
			break
		}
		all = append(all, b[:n])
		b = b[n:]
	}
	return append(all, b)
}

func chopped(frames [][]byte) (all [][]byte) {
	for _, f := range frames {
		all = append(all, bytewise(f)...)
	}
	return all
}

func feed(l *Login, pieces [][]byte) (said string, done bool, err error) {
	send, done, err := l.Next(nil)
	said = string(send)
	for _, piece := range pieces {
		if err != nil || done {
			break
		}
		if len(piece) == 0 {
			continue
		}
		send, done, err = l.Next(piece)
		said += string(send)
	}
	return said, done, err
}
