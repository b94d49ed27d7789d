package session

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// A pause lets what is passing pass, takes nothing new, and loses nothing.
func TestPause(t *testing.T) {
	s, out := forwarding(t)
	const heartbeat = 12
	request := func(corr byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, 10+100)
		b = append(b, 0, heartbeat, 0, 4, 0, 0, 0, corr, 0, 0)
		return append(b, bytes.Repeat([]byte{corr}, 100)...)
	}
	answer := func(corr byte) []byte { return []byte{0, 0, 0, 5, 0, 0, 0, corr, corr} }
	quiet := func(when string, want bool) {
		t.Helper()
		if got := s.Quiet(); got != want {
			t.Errorf("%s: quiet is %v", when, got)
		}
	}
	quiet("at first", true)
	one, two := request(1), request(2)
	if n := s.FromClient(one[:50], out); n != 50 {
		t.Fatalf("%d of 50 bytes taken", n)
	}
	quiet("within a request", false)
	s.Pause(true)
	if n := s.FromClient(append(bytes.Clone(one[50:]), two...), out); n != len(one)-50 || !s.Held() {
		t.Errorf("%d bytes taken, held %v; want the rest of the request that was passing", n, s.Held())
	}
	quiet("before the answer", false)
	if n := s.FromBroker(answer(1)[:8], out); n != 8 {
		t.Fatalf("%d of 8 bytes of the answer taken", n)
	}
	quiet("within the answer", false)
	s.FromBroker(answer(1)[8:], out)
	quiet("after the answer", true)
	if n := s.FromClient(two, out); n != 0 || !s.Held() || len(out.List()) != 0 {
		t.Errorf("paused: %d bytes taken, %v", n, out.List())
	}
	s.Pause(false)
	if n := s.FromClient(two, out); n != len(two) || s.Held() || s.InFlight() != 1 {
		t.Errorf("after the pause: %d bytes taken, held %v", n, s.Held())
	}
	s.FromBroker(answer(2), out)
	s.StartDrain(out)
	quiet("at the end", false)
}
