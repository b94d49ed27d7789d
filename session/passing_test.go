package session

import (
	"encoding/binary"
	"testing"

	"github.com/postern-kafka/postern/codec"
	"github.com/postern-kafka/postern/mapping"
)

// forwarding is a session that has dialled.
func forwarding(t *testing.T) (*Session, *Effects) {
	t.Helper()
	ports := mapping.NewPorts("gw", 6969, 0, 4)
	s := New(&Config{
		View: ports, Users: mapping.NewUsers(), Book: mapping.NewBook(nil), MaxFrame: codec.MaxFrame, MaxInFlight: 8,
	}, 1)
	out := &Effects{Stats: new(Stats)}
	s.Start(mapping.Auth{Principal: "CN=orders"}, nil, out)
	s.Dialed(nil, out)
	if s.Phase() != Forward {
		t.Fatalf("phase %v", s.Phase())
	}
	return s, out
}

// A frame of which a part goes by the session is followed by the next as if all of
// it had come by.
func TestPassing(t *testing.T) {
	s, out := forwarding(t)
	if s.Passing(Client) != 0 || s.Passing(Broker) != 0 {
		t.Error("something passes before there is a frame")
	}
	const heartbeat, body = 12, 1 << 20
	request := binary.BigEndian.AppendUint32(nil, 10+body)
	request = append(request, 0, heartbeat, 0, 4, 0, 0, 0, 7, 0, 0)
	answer := binary.BigEndian.AppendUint32(nil, 4+body)
	answer = append(answer, 0, 0, 0, 7)
	for _, c := range []struct {
		side Side
		head []byte
		take func([]byte, *Effects) int
	}{
		{Client, request, s.FromClient}, {Broker, answer, s.FromBroker},
	} {
		if n := c.take(c.head, out); n != len(c.head) {
			t.Fatalf("%v: %d bytes of the head taken", c.side, n)
		}
		if n := s.Passing(c.side); n != body-1 {
			t.Errorf("%v: %d bytes pass, want all but one of %d", c.side, n, body)
		}
		s.Passed(c.side, 1000)
		s.Passed(c.side, body-1-1000)
		if n := s.Passing(c.side); n != 0 {
			t.Errorf("%v: %d bytes pass at the end", c.side, n)
		}
		if n := c.take([]byte{0}, out); n != 1 || s.Phase() != Forward {
			t.Errorf("%v: the last byte: %d taken, phase %v, %v", c.side, n, s.Phase(), s.Reason())
		}
	}
	if s.InFlight() != 0 {
		t.Errorf("%d in flight", s.InFlight())
	}
	s.Ended(Client, nil, out)
	if s.Passing(Client) != 0 || s.Passing(Broker) != 0 {
		t.Error("something passes after the end")
	}
}
