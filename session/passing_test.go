package session

import (
	"bytes"
	"encoding/binary"
	"fmt"
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

// The records of an answer that is searched go by, and its tail is patched as if they had
// not.
func TestPassingSearched(t *testing.T) {
	x := exchange{
		request: "Fetch v16", answer: "Fetch v16",
		answerArgs: map[string]string{"records": "1048576", "brokers": "1@10.0.0.1:9092"},
	}
	carried := func(piece int, passes bool) (client []byte, passed int) {
		s, out, request, answer := established(t, x)
		if err := feed(s.FromClient, request, len(request), out); err != nil {
			t.Fatal(err)
		}
		for from, to := 0, 0; from < len(answer); {
			if to == len(answer) {
				t.Fatalf("%d of %d bytes were not consumed: %v", len(answer)-from, len(answer), s.Reason())
			}
			to = min(len(answer), max(from, to)+piece)
			for from < to {
				n := s.FromBroker(bytes.Clone(answer[from:to]), out)
				for _, effect := range out.List() {
					if effect.Kind == Send && effect.Side == Client {
						client = append(client, bytes.Join(effect.Segments, nil)...)
					}
				}
				if n == 0 {
					break
				}
				from += n
			}
			if k := s.Passing(Broker); passes && from == to && k > 0 {
				k = min(k, 3*piece)
				s.Passed(Broker, k)
				client = append(client, answer[from:from+k]...)
				from, passed = from+k, passed+k
			}
		}
		if s.InFlight() != 0 {
			t.Errorf("%d in flight", s.InFlight())
		}
		return client, passed
	}
	want, _ := carried(64<<10, false)
	for _, piece := range []int{1 << 10, 16<<10 + 1, 64 << 10} {
		t.Run(fmt.Sprint(piece), func(t *testing.T) {
			got, passed := carried(piece, true)
			if !bytes.Equal(got, want) {
				t.Errorf("the client's stream differs: %d bytes, want %d", len(got), len(want))
			}
			if passed < 700<<10 {
				t.Errorf("only %d bytes went by", passed)
			}
		})
	}
}
