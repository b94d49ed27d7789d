package tlsterm

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// An Identity is proof that the peer of a finished handshake was verified: its
// chain leads to a trust anchor and it holds the key. Only this package makes
// one that is not anonymous. It is small, immutable and may be copied.
type Identity struct{ proven *proven }

type proven struct {
	dn          string
	serial      string
	notAfter    time.Time
	fingerprint [sha256.Size]byte
}

// Anonymous reports that the peer gave no certificate. The zero Identity is so.
func (i Identity) Anonymous() bool { return i.proven == nil }

// DN returns the subject as FormatDN prints it; "" if anonymous.
func (i Identity) DN() string {
	if i.proven == nil {
		return ""
	}
	return i.proven.dn
}

// NotAfter returns when the certificate expires; the zero time if anonymous.
func (i Identity) NotAfter() time.Time {
	if i.proven == nil {
		return time.Time{}
	}
	return i.proven.notAfter
}

// Fingerprint returns the SHA-256 of the certificate; zero if anonymous.
func (i Identity) Fingerprint() [sha256.Size]byte {
	if i.proven == nil {
		return [sha256.Size]byte{}
	}
	return i.proven.fingerprint
}

// Serial returns the certificate's serial number in upper-case hexadecimal, as
// openssl prints it; "" if anonymous.
func (i Identity) Serial() string {
	if i.proven == nil {
		return ""
	}
	return i.proven.serial
}

// identify makes the Identity of a connection whose handshake is done or about
// to be. A certificate that nobody verified counts as none.
func identify(s tls.ConnectionState) (Identity, error) {
	if len(s.VerifiedChains) == 0 {
		return Identity{}, nil
	}
	return proof(s.VerifiedChains[0][0])
}

func proof(leaf *x509.Certificate) (Identity, error) {
	dn, err := FormatDN(leaf.RawSubject)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrIdentityRefused, err)
	}
	return Identity{&proven{
		dn:          dn,
		serial:      strings.ToUpper(leaf.SerialNumber.Text(16)),
		notAfter:    leaf.NotAfter,
		fingerprint: sha256.Sum256(leaf.Raw),
	}}, nil
}
