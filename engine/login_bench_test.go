package engine

import (
	"net"
	"testing"
)

// BenchmarkLogin is a client's connection from its dial to the answer to its
// credentials, by PLAIN in clear: what is left is sockets and the session.
func BenchmarkLogin(b *testing.B) {
	_, addr := startEngine(b, serveBroker(b, echo), demanding(b, 0))
	all := saslFrames("secret")
	b.ReportAllocs()
	for b.Loop() {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		if err := logInOn(c, all); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

// logInOn sends what logs in and takes both answers.
func logInOn(c net.Conn, all []byte) error {
	if _, err := c.Write(all); err != nil {
		return err
	}
	for range 2 {
		if _, err := readFrame(c); err != nil {
			return err
		}
	}
	return nil
}
