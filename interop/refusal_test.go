package interop

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// testRefusal comes without a certificate, with a stranger's and with one that
// has expired: none gets an answer.
func testRefusal(t *testing.T, s *stage) {
	stranger, err := certs.NewAuthority("a stranger", certs.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	mallory, err := stranger.Client("alice")
	if err != nil {
		t.Fatal(err)
	}
	expired, err := s.cluster.Authority().Issue(certs.Request{Expired: true})
	if err != nil {
		t.Fatal(err)
	}
	forged := s.cluster.Authority().Anonymous("localhost")
	forged.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		c := mallory.Certificate() // whatever authorities the server asks for
		return &c, nil
	}
	for name, config := range map[string]*tls.Config{
		"no certificate":     s.cluster.Authority().Anonymous("localhost"),
		"stranger's":         forged,
		"expired":            expired.ClientTLS("localhost"),
		"no certificate 1.2": noNewerThan12(s.cluster.Authority().Anonymous("localhost")),
	} {
		if err := askVersions(t, splitComma(s.bootstrap())[0], config); err == nil {
			t.Errorf("%s: a request was answered", name)
		} else {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Errorf("%s: neither answered nor refused in %v", name, patience)
			}
		}
	}
	if err := askVersions(t, splitComma(s.bootstrap())[0], s.tls); err != nil {
		t.Errorf("the right certificate: %v", err)
	}
}

func noNewerThan12(c *tls.Config) *tls.Config {
	c.MaxVersion = tls.VersionTLS12
	return c
}

// askVersions sends one ApiVersions request and reads the answer's head. With
// TLS 1.3 a refusal comes after the handshake, so the handshake alone proves
// nothing.
func askVersions(t *testing.T, address string, config *tls.Config) error {
	t.Helper()
	dialer := tls.Dialer{Config: config}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	// ApiVersions v0, correlation id 7, client id null.
	request := []byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	head := make([]byte, 8)
	if _, err := io.ReadFull(conn, head); err != nil {
		return err
	}
	if head[7] != 7 {
		t.Errorf("the answer's head is % x, want correlation id 7", head)
	}
	return nil
}
