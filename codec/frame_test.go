package codec

import (
	"encoding/binary"
	"errors"
	"testing"
)

// Every row: what the first bytes are, and how many of them it takes to know.
func TestRequestHead(t *testing.T) {
	for _, c := range []struct {
		name string
		b    string
		max  int
		at   int // bytes needed for the verdict
		want error
		what string
	}{
		{"least", "\x00\x00\x00\x08\x00\x03\x00\x0c\x00\x00\x00\x07", MaxFrame, 12, nil, ""},
		{"largest", "\x06\x40\x00\x00\x00\x00\x00\x09\xff\xff\xff\xff", MaxFrame, 12, nil, ""},
		{"over the largest", "\x06\x40\x00\x01\x00\x00\x00\x09\xff\xff\xff\xff", MaxFrame, 4, ErrTooLarge, ""},
		{"over a small limit", "\x00\x00\x40\x00\x00\x03\x00\x0c\x00\x00\x00\x07", 16 << 10, 4, ErrTooLarge, ""},
		{"at a small limit", "\x00\x00\x3f\xfc\x00\x03\x00\x0c\x00\x00\x00\x07", 16 << 10, 12, nil, ""},
		{"size 7", "\x00\x00\x00\x07\x00\x03\x00\x0c\x00\x00\x00\x07", MaxFrame, 4, ErrMalformed, ""},
		{"size 0", "\x00\x00\x00\x00", MaxFrame, 4, ErrMalformed, ""},
		{"size -1", "\xff\xff\xff\xff", MaxFrame, 4, ErrMalformed, ""},
		{"size least", "\x80\x00\x00\x00", MaxFrame, 4, ErrMalformed, ""},
		{"size most", "\x7f\xff\xff\xff", 1<<31 + 10, 4, ErrTooLarge, ""},
		{"version -1", "\x00\x00\x00\x08\x00\x03\xff\xff\x00\x00\x00\x07", MaxFrame, 8, ErrMalformed, ""},
		{"ClientHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00", MaxFrame, 2, ErrNotKafka, "TLS"},
		{"TLS alert", "\x15\x03\x03\x00\x02\x02\x46", MaxFrame, 2, ErrNotKafka, "TLS"},
		{"GET", "GET / HTTP/1.1\r\n", MaxFrame, 4, ErrNotKafka, "HTTP"},
		{"POST", "POST / HTTP/1.1\r\n", MaxFrame, 4, ErrNotKafka, "HTTP"},
		{"HEAD", "HEAD / HTTP/1.1\r\n", MaxFrame, 4, ErrNotKafka, "HTTP"},
		{"PUT", "PUT / HTTP/1.1\r\n", MaxFrame, 4, ErrNotKafka, "HTTP"},
		{"HTTP/2", "PRI * HTTP/2.0\r\n", MaxFrame, 4, ErrNotKafka, "HTTP"},
		{"SSH", "SSH-2.0-OpenSSH_9.2\r\n", MaxFrame, 4, ErrNotKafka, "SSH"},
		{"PROXY v1", "PROXY TCP4 1.2.3.4", MaxFrame, 4, ErrNotKafka, "the PROXY protocol"},
		{"PROXY v2", "\r\n\r\n\x00\r\nQUIT\n", 64 << 10, 4, ErrNotKafka, "the PROXY protocol"},
		{"noise", "\x47\x00\x00\x00zzzzzzzz", MaxFrame, 4, ErrTooLarge, ""},
		{"a size that looks like TLS", "\x16\x03\x01\x02\x00\x03\x00\x0c\x00\x00\x00\x07", 1 << 30, 12, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for n := range len(c.b) + 1 {
				h, ok, err := RequestHead([]byte(c.b[:n]), c.max)
				if n < c.at && (ok || err != nil) {
					t.Fatalf("%d bytes: %v %v, want more", n, ok, err)
				}
				if n < c.at {
					continue
				}
				if ok != (c.want == nil) || !errors.Is(err, c.want) {
					t.Fatalf("%d bytes: %v %v, want %v", n, ok, err, c.want)
				}
				var door NotKafka
				if errors.As(err, &door); door.What != c.what {
					t.Fatalf("%d bytes: %q, want %q", n, door.What, c.what)
				}
				if !ok && h != (Head{}) {
					t.Fatalf("%d bytes: head %+v beside an error", n, h)
				}
				if ok && !sameHead(h, c.b) {
					t.Fatalf("%d bytes: %+v", n, h)
				}
			}
		})
	}
}

func sameHead(h Head, b string) bool {
	p := []byte(b)
	return h == Head{
		Size: int(binary.BigEndian.Uint32(p)) + 4,
		Key:  int16(binary.BigEndian.Uint16(p[4:])), Version: int16(binary.BigEndian.Uint16(p[6:])),
		Corr: int32(binary.BigEndian.Uint32(p[8:])),
	}
}

func TestResponseHead(t *testing.T) {
	for _, c := range []struct {
		name string
		b    string
		at   int
		size int
		corr int32
		want error
	}{
		{"least", "\x00\x00\x00\x04\x80\x00\x00\x01", 8, 8, -1<<31 + 1, nil},
		{"large", "\x06\x40\x00\x00\x00\x00\x00\x02\x00", 8, MaxFrame, 2, nil},
		{"size 3", "\x00\x00\x00\x03\x80\x00\x00\x01", 4, 0, 0, ErrMalformed},
		{"size -1", "\xff\xff\xff\xff", 4, 0, 0, ErrMalformed},
		{"too large", "\x06\x40\x00\x01\x00\x00\x00\x02", 4, 0, 0, ErrTooLarge},
		{"TLS alert", "\x15\x03\x03\x00\x02", 2, 0, 0, ErrNotKafka},
		{"HTTP", "HTTP/1.1 400 Bad Request", 4, 0, 0, ErrNotKafka},
	} {
		for n := range len(c.b) + 1 {
			size, corr, ok, err := ResponseHead([]byte(c.b[:n]), MaxFrame)
			if n < c.at {
				if ok || err != nil {
					t.Fatalf("%s: %d bytes: %v %v, want more", c.name, n, ok, err)
				}
				continue
			}
			if size != c.size || corr != c.corr || ok != (c.want == nil) || !errors.Is(err, c.want) {
				t.Fatalf("%s: %d bytes: %d %d %v %v", c.name, n, size, corr, ok, err)
			}
		}
	}
}
