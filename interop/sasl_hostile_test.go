package interop

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// talk is a connection on which a test says what it likes.
type talk struct {
	net.Conn
	corr int32
}

// dial connects to a door.
func (s *saslStage) dial(t *testing.T, d loginDoor) *talk {
	t.Helper()
	w, err := s.talk(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func (s *saslStage) talk(d loginDoor) (*talk, error) {
	conn, err := net.DialTimeout("tcp", d.bootstrap, patience)
	if err != nil {
		return nil, err
	}
	if d.ca != "" {
		conn = tls.Client(conn, s.cluster.Authority().Anonymous("localhost"))
	}
	return &talk{Conn: conn}, conn.SetDeadline(time.Now().Add(patience))
}

// ask sends a request and reads its answer.
func (w *talk) ask(request kmsg.Request) (kmsg.Response, error) {
	w.corr++
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("hostile")).AppendRequest(nil, request, w.corr)
	if _, err := w.Write(frame); err != nil {
		return nil, err
	}
	body, err := w.frame()
	if err != nil {
		return nil, err
	}
	in := kbin.Reader{Src: body}
	if corr := in.Int32(); corr != w.corr {
		return nil, fmt.Errorf("an answer to request %d, want %d", corr, w.corr)
	}
	answer := request.ResponseKind()
	answer.SetVersion(request.GetVersion())
	if request.IsFlexible() && request.Key() != 18 {
		kmsg.SkipTags(&in)
	}
	return answer, answer.ReadFrom(in.Src)
}

// frame reads what follows a size.
func (w *talk) frame() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(w, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > 1<<20 {
		return nil, fmt.Errorf("an answer of %d bytes", n)
	}
	body := make([]byte, n)
	_, err := io.ReadFull(w, body)
	return body, err
}

func handshake(mechanism string, version int16) *kmsg.SASLHandshakeRequest {
	r := kmsg.NewPtrSASLHandshakeRequest()
	r.Mechanism, r.Version = mechanism, version
	return r
}

func authenticate(message string) *kmsg.SASLAuthenticateRequest {
	r := kmsg.NewPtrSASLAuthenticateRequest()
	r.SASLAuthBytes, r.Version = []byte(message), 2
	return r
}

// beginPlain chooses PLAIN and expects to be allowed to.
func (w *talk) beginPlain(t *testing.T) {
	t.Helper()
	answer, err := w.ask(handshake("PLAIN", 1))
	if err != nil {
		t.Fatal(err)
	}
	if code := answer.(*kmsg.SASLHandshakeResponse).ErrorCode; code != 0 {
		t.Fatalf("SaslHandshake for PLAIN: error %d", code)
	}
}

// wantEnd expects the connection to end in order, with nothing more on it.
func (w *talk) wantEnd(t *testing.T, what string) {
	t.Helper()
	if n, err := io.Copy(io.Discard, w); n != 0 || err != nil {
		t.Errorf("%s: after the answer %d bytes and %v, want an orderly end", what, n, err)
	}
}

// testLoginHostile says to a gateway what no library would, in clear and over TLS.
func testLoginHostile(t *testing.T, s *saslStage) {
	for _, d := range s.managedDoors() {
		t.Run(d.name, func(t *testing.T) {
			t.Run("Order", func(t *testing.T) { testHostileOrder(t, s, d) })
			t.Run("PLAIN", func(t *testing.T) { testHostilePlain(t, s, d) })
			t.Run("Oversize", func(t *testing.T) { testHostileOversize(t, s, d) })
			t.Run("OldHandshake", func(t *testing.T) { testOldHandshake(t, s, d) })
		})
	}
}

// testHostileOrder sends what may not come yet, or by that name.
func testHostileOrder(t *testing.T, s *saslStage, d loginDoor) {
	w := s.dial(t, d)
	answer, err := w.ask(handshake("GSSAPI", 1))
	if err != nil {
		t.Fatal(err)
	}
	shook := answer.(*kmsg.SASLHandshakeResponse)
	if got := fmt.Sprint(shook.ErrorCode, shook.SupportedMechanisms); got != "33 [PLAIN SCRAM-SHA-256 SCRAM-SHA-512 OAUTHBEARER]" {
		t.Errorf("GSSAPI: answered %s", got)
	}
	w.wantEnd(t, "GSSAPI")

	w = s.dial(t, d)
	if answer, err = w.ask(authenticate("\x00alice\x00x")); err != nil {
		t.Fatal(err)
	}
	if code := answer.(*kmsg.SASLAuthenticateResponse).ErrorCode; code != kerr.IllegalSaslState.Code {
		t.Errorf("SaslAuthenticate without SaslHandshake: error %d, want 34", code)
	}
	w.wantEnd(t, "SaslAuthenticate without SaslHandshake")

	w = s.dial(t, d)
	w.beginPlain(t)
	groups := kmsg.NewPtrListGroupsRequest()
	groups.Version = 4
	if answer, err = w.ask(groups); err != nil {
		t.Fatal(err)
	}
	if code := answer.(*kmsg.ListGroupsResponse).ErrorCode; code != kerr.IllegalSaslState.Code {
		t.Errorf("ListGroups before the login: error %d, want 34", code)
	}
	w.wantEnd(t, "ListGroups before the login")
}

// testHostilePlain sends messages of PLAIN that must be refused with a text.
func testHostilePlain(t *testing.T, s *saslStage, d loginDoor) {
	good := s.token(t, "alice")
	header, rest, _ := strings.Cut(good, ".")
	claims, _, _ := strings.Cut(rest, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	key, err := base64.StdEncoding.DecodeString(poolKey)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(header, claims string) string {
		text := b64([]byte(header)) + "." + b64([]byte(claims))
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return text + "." + b64(h.Sum(nil))
	}
	const unverified = "Authentication failed: credentials for user could not be verified. Cause: "
	const three = "Invalid SASL/PLAIN response: expected 3 tokens, got "
	var running sync.WaitGroup
	for name, c := range map[string]struct{ message, text string }{
		"another's authorization": {"bob\x00alice\x00" + good, "Authentication failed: Client requested an authorization id that is different from username"},
		"no name":                 {"\x00\x00" + good, "Authentication failed: username not specified"},
		"no password":             {"\x00alice\x00", "Authentication failed: password not specified"},
		"a NUL in the name":       {"\x00ali\x00ce\x00" + good, three + "4"},
		"no NUL":                  {"alice", three + "1"},
		"unicode":                 {"\x00älicé\x00" + good, unverified + "Password token is valid but it is not associated with älicé"},
		"invalid UTF-8":           {"\x00al\xffce\x00" + good, invalidText},
		"another's token":         {"\x00bob\x00" + good, unverified + "Password token is valid but it is not associated with bob"},
		"not signed":              {"\x00alice\x00" + b64([]byte(`{"alg":"none"}`)) + "." + claims + ".", invalidText},
		"signature cut":           {"\x00alice\x00" + header + "." + claims + ".", invalidText},
		"expired": {
			"\x00alice\x00" + sign(`{"alg":"HS256"}`, `{"username":"alice","vcluster":"passthrough","exp":1000000000}`),
			unverified + "Token has expired. Claims: {username=alice, vcluster=passthrough, exp=1000000000}",
		},
		"confused": {"\x00alice\x00" + sign(`{"alg":"RS256"}`, `{"username":"alice","vcluster":"passthrough","exp":4000000000}`), invalidText},
	} {
		running.Go(func() { // the gateway waits for clients that do not hang up
			if err := s.wantRefusal(d, c.message, c.text); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	running.Wait()
	// The same authorization id is one's own.
	w := s.dial(t, d)
	w.beginPlain(t)
	if answer, err := w.ask(authenticate("alice\x00alice\x00" + good)); err != nil || answer.(*kmsg.SASLAuthenticateResponse).ErrorCode != 0 {
		t.Errorf("one's own authorization id: %v, %v", answer, err)
	}
}

// wantRefusal sends a message of PLAIN and wants error 58 with that text, and then
// an orderly end.
func (s *saslStage) wantRefusal(d loginDoor, message, text string) error {
	w, err := s.talk(d)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	said, err := w.logInBy(message)
	if err != nil {
		return err
	}
	if said.ErrorCode != kerr.SaslAuthenticationFailed.Code || said.ErrorMessage == nil || *said.ErrorMessage != text {
		return fmt.Errorf("error %d %q, want 58 %q", said.ErrorCode, deref(said.ErrorMessage), text)
	}
	if n, err := io.Copy(io.Discard, w); n != 0 || err != nil {
		return fmt.Errorf("after the answer %d bytes and %w, want an orderly end", n, err)
	}
	return nil
}

// logInBy sends a message of PLAIN and returns what is answered.
func (w *talk) logInBy(message string) (*kmsg.SASLAuthenticateResponse, error) {
	if _, err := w.ask(handshake("PLAIN", 1)); err != nil {
		return nil, err
	}
	answer, err := w.ask(authenticate(message))
	if err != nil {
		return nil, err
	}
	return answer.(*kmsg.SASLAuthenticateResponse), nil
}

func deref(s *string) string {
	if s == nil {
		return "<null>"
	}
	return *s
}

// testHostileOversize sends a token of ten megabytes, of which the gateway reads
// no more than the beginning: the client, still writing, must find the answer.
func testHostileOversize(t *testing.T, s *saslStage, d loginDoor) {
	w := s.dial(t, d)
	w.beginPlain(t)
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, authenticate("\x00alice\x00"+strings.Repeat("x", 10<<20)), 2)
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = w.Write(frame) // may fail: nobody reads all of it
	}()
	body, err := w.frame()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(body, []byte("at most 65536 are allowed")) {
		t.Errorf("answered %q", body)
	}
	if _, err := io.Copy(io.Discard, w); err != nil && !errors.Is(err, io.EOF) {
		t.Logf("the end of the connection: %v", err)
	}
	_ = w.Close()
	<-written
}

// testOldHandshake logs in as clients before Kafka 1.0 do: messages of the
// mechanism without Kafka's headers.
func testOldHandshake(t *testing.T, s *saslStage, d loginDoor) {
	for password, good := range map[string]bool{s.token(t, "alice"): true, "wrong": false} {
		w := s.dial(t, d)
		answer, err := w.ask(handshake("PLAIN", 0))
		if err != nil || answer.(*kmsg.SASLHandshakeResponse).ErrorCode != 0 {
			t.Fatal(answer, err)
		}
		message := "\x00alice\x00" + password
		if _, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)); err != nil {
			t.Fatal(err)
		}
		body, err := w.frame()
		if !good {
			if !errors.Is(err, io.EOF) {
				t.Errorf("a wrong password: %q, %v; want the end", body, err)
			}
			continue
		}
		if err != nil || len(body) != 0 {
			t.Fatalf("%q, %v; want an empty message", body, err)
		}
		groups := kmsg.NewPtrListGroupsRequest()
		groups.Version = 3
		if answer, err := w.ask(groups); err != nil || answer.(*kmsg.ListGroupsResponse).ErrorCode != 0 {
			t.Errorf("after the login: %v, %v", answer, err)
		}
	}
}

// testStorm has a thousand clients fail while others work: every one of those is
// served, every one of the thousand told why not.
func testStorm(t *testing.T, s *saslStage) {
	const failing, atOnce, good, rounds = 1000, 100, 8, 20
	d := s.managedDoors()[1]
	s.topic(t, "storm")
	var told atomic.Int64
	var storm sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i := range failing {
		storm.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			if err := s.fails(d, fmt.Sprintf("nobody-%d", i)); err != nil {
				t.Errorf("client %d of the storm: %v", i, err)
			} else {
				told.Add(1)
			}
		})
	}
	var served sync.WaitGroup
	l := login{Mechanism: "SCRAM-SHA-512", Username: "alice", Password: saslSecret}
	for range good {
		served.Go(func() {
			for range rounds {
				client := s.franz(t, d, l, kgo.RequestRetries(0), kgo.RecordRetries(0))
				if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "storm", Value: []byte("x")}).FirstErr(); err != nil {
					t.Errorf("a good client: %v", err)
				}
				client.Close()
			}
		})
	}
	served.Wait()
	storm.Wait()
	if n := told.Load(); n != failing {
		t.Errorf("%d of %d clients were told why they failed", n, failing)
	}
}

// fails logs in with a wrong password and expects to be told so.
func (s *saslStage) fails(d loginDoor, name string) error {
	w, err := s.talk(d)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	said, err := w.logInBy("\x00" + name + "\x00wrong")
	if err != nil {
		return err
	}
	if said.ErrorCode != kerr.SaslAuthenticationFailed.Code {
		return fmt.Errorf("error %d", said.ErrorCode)
	}
	return nil
}
