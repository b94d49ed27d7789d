package session

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"
)

// fakeMechanisms are PLAIN with one password for all, and an exchange of two rounds.
type fakeMechanisms struct{}

func (fakeMechanisms) Names() []string { return []string{"PLAIN", "TWO"} }

func (fakeMechanisms) Begin(name string) (Exchange, bool) {
	switch name {
	case "PLAIN", "TWO":
		return &fakeExchange{mechanism: name}, true
	}
	return nil, false
}

// fakeExchange takes user and password as PLAIN has them. The user "tenant" comes with
// a virtual cluster, the password "short" holds for a minute.
type fakeExchange struct {
	mechanism string
	round     int
	proven    Proven
}

func (x *fakeExchange) Step(message []byte, now time.Time) ([]byte, bool, error) {
	x.round++
	if x.mechanism == "TWO" && x.round == 1 {
		return []byte("go on"), false, nil
	}
	parts := strings.Split(string(message), "\x00")
	if len(parts) == 3 && parts[2] == "unknown-key" {
		return nil, false, &Failure{Cause: "unknown-key", Text: "no such key", Passing: PassesAnew}
	}
	if len(parts) == 3 && parts[2] == "no-keys" {
		return nil, false, &Failure{Cause: "no-keys", Text: "no keys yet", Passing: Passes}
	}
	if len(parts) != 3 || parts[2] != "secret" && parts[2] != "short" {
		return []byte("no"), false, &Failure{Cause: "bad credentials", Text: "Authentication failed: credentials for user could not be verified"}
	}
	x.proven = Proven{Mechanism: x.mechanism, Principal: parts[1]}
	if parts[1] == "tenant" {
		x.proven.VCluster = "blue"
	}
	if parts[2] == "short" {
		x.proven.Expiry = now.Add(time.Minute)
	}
	if x.mechanism == "TWO" {
		return []byte("welcome"), true, nil
	}
	return nil, true, nil
}

func (x *fakeExchange) Proven() Proven { return x.proven }

// fakeObserver reads PLAIN.
type fakeObserver struct {
	name   string
	rounds int
}

func (o *fakeObserver) Client(message []byte) {
	if parts := strings.Split(string(message), "\x00"); len(parts) == 3 {
		o.name = parts[1]
	}
}

func (o *fakeObserver) Principal() (string, bool) { return o.name, o.name != "" }
func (o *fakeObserver) Rounds() int               { return o.rounds }

func observe(mechanism string) Observer {
	switch mechanism {
	case "PLAIN", "OAUTHBEARER":
		return &fakeObserver{rounds: 1}
	case "TWO":
		return &fakeObserver{rounds: 2}
	}
	return nil
}

// loggingIn is a session that has not logged in, and what writes its frames.
func loggingIn(t testing.TB, listener string) *player {
	t.Helper()
	p := newPlayer(t)
	p.listener(arguments(listener))
	return p
}

func (p *player) frame(line string) []byte {
	return p.request(line, arguments(line))
}

// TestLoginHostile: whatever comes before a login, at any length, ends the session or
// waits, and never lets it go on.
func TestLoginHostile(t *testing.T) {
	for _, listener := range []string{
		"advertise=gw:6969 ports=3 sasl=gateway", "advertise=gw:6969 ports=3 sasl=broker", "advertise=gw:6969 ports=3 mandatory=true",
	} {
		whole := loggingIn(t, listener)
		frames := [][]byte{
			whole.frame("SASLHandshake v0 corr=1 mechanism=PLAIN"),
			whole.frame("SASLHandshake v1 corr=1 mechanism=PLAIN"),
			whole.frame(`SASLAuthenticate v2 corr=2 bytes=\0u\0wrong`),
			whole.frame("Metadata v12 corr=3"),
			whole.frame("Fetch v17 corr=3"),
			whole.frame("SASLHandshake v1 corr=1 mechanism=" + strings.Repeat("x", 30_000)),
			{0xff, 0xff, 0xff, 0xff, 1},
			{0, 0, 0, 0},
			{0x7f, 0xff, 0xff, 0xff, 0, 36, 0, 2, 0, 0, 0, 1},
		}
		for i, a := range frames {
			for j, b := range frames {
				for cut := 0; cut < 3; cut++ {
					p := loggingIn(t, listener)
					if p.s.Phase() == Identify {
						p.command("start principal=CN=x")
						p.command("dialed")
					}
					b := append(bytes.Clone(a), b[:len(b)-cut*len(b)/3]...)
					p.queued[Client] = b
					p.deliver()
					if p.s.Phase() == Forward || p.s.User() != nil {
						t.Fatalf("%s: frames %d and %d: logged in", listener, i, j)
					}
				}
			}
		}
	}
}

// TestLoginTooLarge: a frame over the limit is answered as soon as its head is here,
// and nothing of it is kept.
func TestLoginTooLarge(t *testing.T) {
	p := loggingIn(t, "advertise=gw:6969 ports=3 sasl=gateway")
	p.queued[Client] = append(p.frame("SASLHandshake v1 corr=1 mechanism=PLAIN"),
		p.frame("SASLAuthenticate v2 corr=2 more=10485760")[:20]...)
	p.deliver()
	var e *LoginError
	if r := p.s.Reason(); p.s.Phase() != Closed || r.Kind != TooLarge || !errors.As(r.Cause, &e) || e.Cause != causeTooLarge {
		t.Fatalf("%v, %v", p.s.Phase(), r)
	}
	p.printStreams()
	if !strings.Contains(p.out.String(), "error=58") || len(p.kept[Client]) != 0 {
		t.Errorf("%s, %d bytes kept", p.out.String(), len(p.kept[Client]))
	}
}

// TestHeldWithoutBytes: a session that has taken everything holds nothing back, or
// nobody would read from its client again.
func TestHeldWithoutBytes(t *testing.T) {
	p := loggingIn(t, "advertise=gw:6969 ports=3 sasl=broker")
	p.command("start")
	p.command("dialed")
	for _, line := range []string{"SASLHandshake v1 corr=1 mechanism=PLAIN", `SASLAuthenticate v2 corr=2 bytes=\0u\0secret`} {
		p.queued[Client] = p.frame(line)
		p.deliver()
		if p.s.Held() {
			t.Errorf("held back after %s", line)
		}
		api, _, _ := strings.Cut(line, " corr")
		corr := string(line[strings.Index(line, "corr=")+5])
		p.queued[Broker] = p.response(api, arguments("corr="+corr))
		p.deliver()
	}
	if p.s.Phase() != Forward || p.s.Held() {
		t.Error(p.s.Phase(), p.s.Held())
	}
}

// TestPending: a whole message is shown before it is taken, with headers or without.
func TestPending(t *testing.T) {
	for version, message := range map[string][]byte{
		"v1": loggingIn(t, "advertise=gw:6969 ports=3").frame(`SASLAuthenticate v2 corr=2 bytes=\0u\0secret`),
		"v0": append([]byte{0, 0, 0, 9}, "\x00u\x00secret"...),
	} {
		p := loggingIn(t, "advertise=gw:6969 ports=3 sasl=gateway")
		if _, got := p.s.Pending(message); got != nil {
			t.Error("shown before there is a mechanism")
		}
		p.queued[Client] = p.frame("SASLHandshake " + version + " corr=1 mechanism=PLAIN")
		p.deliver()
		if mechanism, got := p.s.Pending(message); mechanism != "PLAIN" || string(got) != "\x00u\x00secret" {
			t.Errorf("%s: %q, %q", version, mechanism, got)
		}
		for n := range message {
			if _, got := p.s.Pending(message[:n]); got != nil {
				t.Errorf("%s: %d of %d bytes are shown", version, n, len(message))
			}
		}
	}
}

// TestLifetime: the shorter of the credentials' and the listener's, from now.
func TestLifetime(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for _, c := range []struct {
		expiry time.Duration // 0: none
		most   time.Duration
		want   int64
	}{{0, 0, 0}, {time.Minute, 0, 60_000}, {0, time.Second, 1000}, {time.Minute, time.Second, 1000}, {time.Second, time.Minute, 1000}, {-time.Second, time.Minute, 1}} {
		l := &login{sasl: &SASL{MaxLifetime: c.most}}
		p := Proven{}
		if c.expiry != 0 {
			p.Expiry = now.Add(c.expiry)
		}
		expires, millis := l.lifetime(p, now)
		if millis != c.want || expires.IsZero() != (c.want == 0) {
			t.Errorf("%v: %d ms, until %v", c, millis, expires)
		}
	}
}

// TestAllocationsAfterLogin: forwarding with a login that can expire allocates nothing.
func TestAllocationsAfterLogin(t *testing.T) {
	p := loggingIn(t, "advertise=gw:6969 ports=3 sasl=gateway lifetime=1h")
	p.queued[Client] = append(p.frame("SASLHandshake v1 corr=1 mechanism=PLAIN"), p.frame(`SASLAuthenticate v2 corr=2 bytes=\0u\0secret`)...)
	p.deliver()
	p.s.Dialed(nil, &p.fx)
	if p.s.Phase() != Forward || !p.s.Timed() {
		t.Fatal(p.s.Phase(), p.s.Reason())
	}
	request, answer := p.frame("Heartbeat v4 corr=7"), p.response("Heartbeat v4", arguments("corr=7"))
	n := testing.AllocsPerRun(100, func() {
		if p.s.FromClient(request, &p.fx) != len(request) || p.s.FromBroker(answer, &p.fx) != len(answer) {
			t.Fatal(p.s.Reason())
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzLogin(f *testing.F) {
	p := loggingIn(f, "advertise=gw:6969 ports=3 sasl=gateway")
	plain := append(p.frame("SASLHandshake v1 corr=1 mechanism=PLAIN"), p.frame(`SASLAuthenticate v2 corr=2 bytes=\0u\0secret`)...)
	raw := append(p.frame("SASLHandshake v0 corr=1 mechanism=TWO"), 0, 0, 0, 1, 'x', 0, 0, 0, 0)
	f.Add(plain, []byte{})
	f.Add(raw, []byte{})
	f.Add(append(plain, p.frame("SASLHandshake v1 corr=3 mechanism=PLAIN")...), p.response("SASLHandshake v1", arguments("corr=1")))
	f.Add(raw, append(p.response("SASLHandshake v0", arguments("corr=1")), 0, 0, 0, 0, 0, 0, 0, 1, 'y'))
	f.Fuzz(func(t *testing.T, client, broker []byte) {
		for _, listener := range []string{"advertise=gw:6969 ports=3 sasl=gateway lifetime=1h", "advertise=gw:6969 ports=3 sasl=broker", "advertise=gw:6969 ports=3 mandatory=true"} {
			one, many := playBytes(t, listener, client, broker, len(client)+len(broker)+1), playBytes(t, listener, client, broker, 3)
			if one != many {
				t.Fatalf("%s: at once\n%s\nin pieces\n%s", listener, one, many)
			}
		}
	})
}

// playBytes says how a session ends that is given the client's bytes, then the
// broker's, then the client's rest, in pieces.
func playBytes(t *testing.T, listener string, client, broker []byte, piece int) string {
	p := loggingIn(t, listener)
	if p.s.Phase() == Identify {
		p.command("start principal=CN=x")
	}
	give := func(side Side, b []byte) {
		for len(b) > 0 {
			k := min(piece, len(b))
			p.read(side, b[:k])
			b = b[k:]
		}
		p.read(side, nil)
	}
	give(Client, client)
	if p.s.Phase() == Route {
		p.s.Dialed(nil, &p.fx)
	}
	give(Client, nil)
	give(Broker, broker)
	give(Client, nil)
	var sent [2]uint64
	for side, b := range p.stream {
		for _, c := range b {
			sent[side] = sent[side]*31 + uint64(c) + 1
		}
	}
	return p.s.Phase().String() + " " + p.s.Reason().String() + " " + string(binary.BigEndian.AppendUint64(nil, sent[0]^sent[1]<<1))
}
